/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults of the coprocessor, as tests see them; see fault.h.
 */
#include "fault.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kernel/module.h"
#include "../probe/memory.h"
#include "../providers/check.h"

#define RECOVERY  "/sys/class/remoteproc/remoteproc0/recovery"
#define TRACE	  "/sys/kernel/debug/remoteproc/remoteproc0/trace0"
#define SPEAKER	  "vsoc_iommu" /* how the IOMMU's driver begins a line */
#define SAID_MAX  65536
#define TRACE_MAX 16384
#define WAIT_US	  10000
#define WAIT_MAX  3000

static int log_file = -1;
static char said[SAID_MAX]; /* since fault_arm() */

static void write_recovery(const char *text)
{
	int file = open(RECOVERY, O_WRONLY | O_CLOEXEC);

	EXPECT(file >= 0);
	EXPECT_EQUAL(write(file, text, strlen(text)), (ssize_t)strlen(text));
	close(file);
}

void fault_arm(void)
{
	write_recovery("disabled");
	log_file = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	EXPECT(log_file >= 0);
	lseek(log_file, 0, SEEK_END);
	said[0] = 0;
}

static void read_log(void)
{
	char record[2048];
	size_t used = strlen(said);

	for (;;) {
		ssize_t length = read(log_file, record, sizeof(record) - 1);

		if (length < 0 && errno == EPIPE) /* records were overwritten: go on */
			continue;
		if (length <= 0)
			return;
		record[length] = 0;
		const char *text = strchr(record, ';');
		size_t size = text ? strlen(text) + 1 : 0; /* with its NUL */
		if (size > sizeof(said) - used)
			return;
		if (!size)
			continue;
		memcpy(said + used, text, size);
		used += size - 1;
	}
}

bool fault_was_said(const char *words)
{
	read_log();
	return strstr(said, words) != NULL;
}

uint32_t fault_count(const char *words)
{
	uint32_t count = 0;

	read_log();
	for (const char *line = said; (line = strstr(line, words)); line = strchr(line, '\n'))
		count++;
	return count;
}

static void read_trace(char text[TRACE_MAX + 1])
{
	FILE *file = fopen(TRACE, "re");

	EXPECT(file);
	text[fread(text, 1, TRACE_MAX, file)] = 0;
	fclose(file);
}

void fault_expect_in_trace(const char *words)
{
	char text[TRACE_MAX + 1];

	read_trace(text);
	for (int i = 0; i < WAIT_MAX && !strstr(text, words); i++) {
		usleep(WAIT_US);
		read_trace(text);
	}
	if (!strstr(text, words))
		fprintf(stderr, "the trace has no \"%s\":\n%s\n", words, text);
	EXPECT(strstr(text, words));
}

void fault_expect(const char *words, uint32_t cause)
{
	char crash[64];

	EXPECT_EQUAL(remote_wait("crashed"), 0);
	for (int i = 0; i < WAIT_MAX && words && !fault_was_said(words); i++)
		usleep(WAIT_US);
	if (words && !fault_was_said(words))
		fprintf(stderr, "the kernel does not say \"%s\" but:\n%s\n", words, said);
	EXPECT(words ? fault_was_said(words) && fault_was_said("type mmufault")
		     : !fault_was_said("fault: ") && fault_was_said("type fatal error"));
	/* it may be reported before the firmware has come to its own report */
	snprintf(crash, sizeof(crash), "crash: mcause, mepc: %#x ", cause);
	fault_expect_in_trace(crash);
}

void fault_recover(void)
{
	write_recovery("enabled");
	EXPECT_EQUAL(remote_wait("running"), 0);
	close(log_file);
	log_file = -1;
}

void attached_open(struct attached *it, uint64_t size, uint32_t direction)
{
	struct amphora_segment *list;
	uint32_t count;

	*it = (struct attached){.size = size, .remote = module_open_remote()};
	it->dmabuf = module_heap(size, O_RDWR);
	it->va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, it->dmabuf, 0);
	EXPECT(it->va != MAP_FAILED);
	memory_fill(it->va, size, 1, 0);
	it->attachment = module_attach(it->remote, it->dmabuf, direction);
	EXPECT(it->attachment >= 0);
	EXPECT(module_info(it->attachment).flags & AMPHORA_ATTACHMENT_ENFORCED);
	list = module_segments(it->attachment, &count);
	EXPECT_EQUAL(count, 1);
	EXPECT_EQUAL(list[0].length, size);
	it->address = list[0].address;
	free(list);
}

void attached_release(struct attached *it)
{
	EXPECT_EQUAL(module_call(it->attachment, AMPHORA_IOC_RELEASE, NULL), 0);
}

void attached_close(struct attached *it)
{
	close(it->attachment);
	close(it->dmabuf);
	close(it->remote);
	munmap(it->va, it->size);
}

void attached_list(struct probe *probe, uint32_t list, uint64_t address, uint64_t size)
{
	struct probe_segment segment = {.address = address, .length = size};

	EXPECT_EQUAL(probe_list(probe, list, &segment, 1), 0);
}

void attached_touch(struct probe *probe, uint32_t command, uint32_t list, uint64_t size)
{
	struct probe_message message = {
		.command = command, .list = list, .seed = 2, .length = size};

	EXPECT_EQUAL(probe_tell(probe, &message), 0);
}
