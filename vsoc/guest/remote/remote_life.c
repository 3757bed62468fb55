/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * remote-life: the library's remoteproc.h on the real one. An image given as bytes is what runs; what
 * can't be done is refused with its reason; a crash that is not recovered is seen, and recovered on
 * demand; coherent memory is the coprocessor's until it is given back or off. Runs inside the virtual SoC.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amphora/time.h>
#include <edge/edge.h>

#include "life.h"

#define WAIT()	  amph_deadline(LIFE_WAIT_MS)
#define IMAGE_MAX (4u << 20)
#define MEMORY	  65536u
#define DRAM_DA	  0x80000000u /* the coprocessor's */
#define DRAM_SIZE 0x20000000u

static struct amph_remoteproc r;

static int expect(int result, int error, const char *what)
{
	return result == error
		       ? 0
		       : remote_fail("%s: %s, not %s (%s)", what, strerror(-result),
				     strerror(-error), r.why.what ? r.why.what : "no reason");
}

static int expect_state(enum amph_remoteproc_state state)
{
	return r.state == state ? 0 : remote_fail("its state is %d, not %d", r.state, state);
}

static int find(void)
{
	uint32_t indices[4], count = 0, index = 99;
	struct amph_why why = {0};

	if (amph_remoteproc_list(indices, 4, &count) || count != 1 || indices[0] != REMOTE_INDEX)
		return remote_fail("%u remote processors", count);
	if (amph_remoteproc_find("coprocessor", &index, &why) || index != REMOTE_INDEX)
		return remote_fail("it is not found by its name");
	if (amph_remoteproc_find("dsp", &index, &why) != -ENOENT)
		return remote_fail("what is not there is found");
	if (amph_remoteproc_open(&r, REMOTE_INDEX, &why))
		return remote_fail("%s", why.what);
	return r.exact ? expect_state(AMPH_REMOTEPROC_OFFLINE)
		       : remote_fail("the module does not tell of it");
}

/* The firmware that is chosen, as bytes, under another name. */
static int install(void)
{
	char name[AMPH_REMOTEPROC_TEXT_MAX], path[AMPH_REMOTEPROC_TEXT_MAX + 16];
	char *image = malloc(IMAGE_MAX);
	size_t size;
	FILE *file;
	int error;

	if (!image ||
	    expect(amph_remoteproc_get(&r, "firmware", name, sizeof(name)), 0, "firmware"))
		return -1;
	snprintf(path, sizeof(path), "/lib/firmware/%s", name);
	file = fopen(path, "re");
	size = file ? fread(image, 1, IMAGE_MAX, file) : 0;
	if (file)
		fclose(file);
	error = expect(amph_remoteproc_set(&r, "firmware", "no-such.elf", WAIT()), 0, "a name") ||
		expect(amph_remoteproc_start(&r, WAIT()), -ENOENT, "a start without an image") ||
		expect_state(AMPH_REMOTEPROC_OFFLINE) ||
		expect(amph_remoteproc_install(&r, image, size, WAIT()), 0, "install") ||
		expect(amph_remoteproc_get(&r, "firmware", name, sizeof(name)), 0, "firmware");
	free(image);
	if (!error && strcmp(name, "amphora-remoteproc0.elf") != 0)
		error = remote_fail("the firmware is %s", name);
	return error ? -1 : 0;
}

static int start(void)
{
	uint64_t boots = r.boots;

	if (expect(amph_remoteproc_start(&r, WAIT()), 0, "start") ||
	    expect_state(AMPH_REMOTEPROC_RUNNING) ||
	    expect(amph_remoteproc_start(&r, WAIT()), -EBUSY, "a second start") ||
	    expect(amph_remoteproc_set(&r, "firmware", "x", WAIT()), -EBUSY, "another firmware") ||
	    expect(amph_remoteproc_set(&r, "recovery", "perhaps", WAIT()), -EINVAL, "recovery"))
		return -1;
	return r.boots == boots + 1 ? 0
				    : remote_fail("a start is %llu lives",
						  (unsigned long long)(r.boots - boots));
}

static int crash(void)
{
	struct edge_control command = {.command = EDGE_CRASH_NOW};
	struct remote_endpoint control;
	uint64_t boots = r.boots;

	if (expect(amph_remoteproc_set(&r, "recovery", "disabled", WAIT()), 0, "recovery") ||
	    remote_open(&control, EDGE_CONTROL_SERVICE))
		return -1;
	if (write(control.fd, &command, sizeof(command)) != sizeof(command))
		return remote_fail("the command was not sent: %s", strerror(errno));
	if (expect(amph_remoteproc_wait(&r, WAIT()), 0, "waiting for the crash") ||
	    expect_state(AMPH_REMOTEPROC_CRASHED) ||
	    expect(amph_remoteproc_start(&r, WAIT()), -EBUSY, "a start after a crash") ||
	    expect(amph_remoteproc_set(&r, "recovery", "recover", WAIT()), 0, "recover"))
		return -1;
	while (r.state != AMPH_REMOTEPROC_RUNNING || r.boots != boots + 1)
		if (expect(amph_remoteproc_wait(&r, WAIT()), 0, "waiting for the recovery"))
			return -1;
	if (remote_close(&control) || remote_open(&control, EDGE_CONTROL_SERVICE) ||
	    remote_ping(&control, 1))
		return -1;
	return remote_close(&control);
}

static int check_memory(struct amph_remote *remote, struct amph_remote_memory *memory)
{
	if (amph_remote_allocate(remote, MEMORY, memory))
		return remote_fail("coherent memory: %s", remote->why.what);
	if (memory->size != MEMORY || memory->boots != remote->boots || memory->da < DRAM_DA ||
	    memory->da - DRAM_DA > DRAM_SIZE - MEMORY)
		return remote_fail("coherent memory is at %#llx", (unsigned long long)memory->da);
	for (uint32_t i = 0; i < MEMORY; i++)
		if (((volatile uint8_t *)memory->va)[i])
			return remote_fail("coherent memory is not zero");
	memset(memory->va, 0xa5, MEMORY);
	return 0;
}

/* Given back it is the kernel's; left, the kernel keeps it until the processor is off. */
static int use_memory(struct amph_remote *remote)
{
	struct amph_remote_memory memory;

	if (check_memory(remote, &memory))
		return -1;
	amph_remote_free(&memory);
	if (life_expect_nothing_attached() || check_memory(remote, &memory))
		return -1;
	amph_remote_leave(&memory);
	if (!system("grep -q ' quarantine 65536' /sys/kernel/debug/amphora/attachments"))
		return 0;
	return remote_fail("what was left is not in quarantine");
}

static int allocate(void)
{
	struct remote_endpoint control;
	struct amph_remote remote;
	struct amph_why why = {0};
	int error;

	if (remote_open(&control, EDGE_CONTROL_SERVICE))
		return -1;
	if (amph_remote_open(&remote, control.fd, &why))
		return remote_fail("the remote: %s", why.what);
	error = use_memory(&remote);
	if (amph_remote_close(&remote) || remote_close(&control))
		error = -1;
	return error;
}

static int stop(void)
{
	if (expect(amph_remoteproc_set(&r, "recovery", "enabled", WAIT()), 0, "recovery") ||
	    expect(amph_remoteproc_stop(&r, WAIT()), 0, "stop") ||
	    expect_state(AMPH_REMOTEPROC_OFFLINE) ||
	    expect(amph_remoteproc_stop(&r, WAIT()), -EINVAL, "a second stop"))
		return -1;
	return life_expect_nothing_attached();
}

int main(void)
{
	int descriptors = life_count_descriptors();

	if (find() || install() || start() || crash() || allocate() || stop())
		return 1;
	amph_remoteproc_close(&r);
	if (life_count_descriptors() != descriptors) {
		remote_fail("%d descriptors are left", life_count_descriptors() - descriptors);
		return 1;
	}
	puts("an installed image ran, crashed, was recovered and stopped; nothing left");
	return 0;
}
