/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-check: a remote processor with an IOMMU domain of its own: QEMU's edu device, by the driver
 * kernel/tests/edu_rproc.c, behind the SMMU. What is attached it reaches, at addresses of its own,
 * in the directions that were said, and no longer than until the release or the stop. With amphora
 * vsoc --edu --iommu=smmuv3 --append=iommu.passthrough=1.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../module.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "module.h"

#define BOTH   (AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
#define SIZE   (3u * MIB)
#define BYTES  2048u /* of one DMA */
#define LIMIT  0x10000000u /* of its addresses */
#define REMOTE "/sys/bus/pci/drivers/edu_rproc/*/"

static void write_file(const char *pattern, const char *text)
{
	glob_t found;
	int fd;

	EXPECT_EQUAL(glob(pattern, 0, NULL, &found), 0);
	fd = open(found.gl_pathv[0], O_WRONLY);
	EXPECT(fd >= 0);
	EXPECT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	globfree(&found);
}

static void set_state(const char *state)
{
	write_file(REMOTE "remoteproc/remoteproc*/state", state);
}

static void do_dma(const char *command, uint64_t address)
{
	char text[32];

	snprintf(text, sizeof(text), "%s %llx", command, (unsigned long long)address);
	write_file(REMOTE "dma", text);
}

static int open_edu(void)
{
	char path[64];
	const char *number;
	glob_t found;
	int proof, remote;

	EXPECT_EQUAL(glob(REMOTE "remoteproc/remoteproc*", 0, NULL, &found), 0);
	number = strrchr(found.gl_pathv[0], '/') + strlen("/remoteproc");
	snprintf(path, sizeof(path), "/dev/remoteproc%s", number);
	globfree(&found);
	proof = open(path, O_RDWR);
	EXPECT(proof >= 0);
	remote = module_remote(proof);
	EXPECT(remote >= 0);
	close(proof);
	return remote;
}

struct attached {
	int remote, dmabuf, attachment;
	uint8_t *va;
	uint64_t address;
};

static struct attached attach(uint32_t direction)
{
	struct attached it = {.remote = open_edu(), .dmabuf = module_heap(SIZE, O_RDWR)};
	struct amphora_segment *list;
	uint32_t count;

	it.va = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, it.dmabuf, 0);
	EXPECT(it.va != MAP_FAILED);
	memory_fill(it.va, SIZE, 1, 0);
	it.attachment = module_attach(it.remote, it.dmabuf, direction);
	EXPECT(it.attachment >= 0);
	list = module_segments(it.attachment, &count);
	EXPECT_EQUAL(count, 1);
	EXPECT_EQUAL(list[0].length, SIZE);
	EXPECT(list[0].address && list[0].address + SIZE <= LIMIT);
	EXPECT(list[0].address >= 0x08100000 || list[0].address + SIZE <= 0x08000000); /* MSIs */
	it.address = list[0].address;
	free(list);
	return it;
}

static void finish(struct attached *it)
{
	close(it->attachment);
	close(it->dmabuf);
	close(it->remote);
	munmap(it->va, SIZE);
}

static void sync_all(const struct attached *it, uint32_t flags)
{
	EXPECT_EQUAL(module_sync(it->attachment, 0, SIZE, flags), 0);
}

static void device_reads_and_writes_over_the_whole_buffer(void)
{
	struct attached it = attach(BOTH);
	static const uint64_t targets[] = {BYTES, MIB - BYTES / 2, SIZE - BYTES};

	EXPECT_EQUAL(module_remote_info(it.remote).flags & AMPHORA_REMOTE_IOMMU,
		     AMPHORA_REMOTE_IOMMU);
	EXPECT(module_info(it.attachment).flags & AMPHORA_ATTACHMENT_ENFORCED);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		uint64_t from = targets[i] > 2 * BYTES ? targets[i] / 2 : 0;

		sync_all(&it, AMPHORA_SYNC_FOR_DEVICE);
		do_dma("read", it.address + from);
		do_dma("write", it.address + targets[i]);
		sync_all(&it, AMPHORA_SYNC_FOR_CPU);
		EXPECT_EQUAL(memcmp(it.va + from, it.va + targets[i], BYTES), 0);
		EXPECT_EQUAL(memory_verify(it.va + from, BYTES, 1, from), 0);
		memory_fill(it.va, SIZE, 1, 0);
	}
	EXPECT_EQUAL(module_call(it.attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	finish(&it);
}

static void device_does_not_write_what_it_may_only_read(void)
{
	struct attached it = attach(AMPHORA_DEVICE_READS);

	do_dma("read", it.address);
	do_dma("write", it.address + MIB);
	EXPECT_EQUAL(memory_verify(it.va, SIZE, 1, 0), 0);
	EXPECT_EQUAL(module_call(it.attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	finish(&it);
}

static void released_buffer_is_out_of_reach(void)
{
	struct attached other = attach(BOTH), it = attach(BOTH);

	do_dma("read", it.address);
	EXPECT_EQUAL(module_call(it.attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	do_dma("write", it.address + MIB);
	EXPECT_EQUAL(memory_verify(it.va, SIZE, 1, 0), 0);
	do_dma("write", other.address + MIB); /* the one beside it is not */
	sync_all(&other, AMPHORA_SYNC_FOR_CPU);
	EXPECT_EQUAL(memory_verify(other.va + MIB, BYTES, 1, 0), 0);
	EXPECT_EQUAL(module_call(other.attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	finish(&it);
	finish(&other);
}

static void closed_buffer_is_kept_until_the_stop(void)
{
	struct attached it = attach(BOTH);

	do_dma("read", it.address);
	close(it.attachment);
	EXPECT_EQUAL(module_remote_info(it.remote).attachments, 1);
	do_dma("write", it.address + MIB);
	EXPECT_EQUAL(memory_verify(it.va + MIB, BYTES, 1, 0), 0);
	set_state("stop");
	EXPECT_EQUAL(module_remote_info(it.remote).attachments, 0);
	set_state("start");
	it.attachment = -1;
	finish(&it);
}

static void coherent_memory_is_mapped_too(void)
{
	int remote = open_edu(), attachment = module_coherent(remote, 2 * BYTES);
	uint8_t *va = mmap(NULL, 2 * BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, attachment, 0);
	struct amphora_segment *list;
	uint32_t count;

	EXPECT(va != MAP_FAILED);
	list = module_segments(attachment, &count);
	EXPECT(list[0].address < LIMIT);
	memory_fill(va, BYTES, 9, 0);
	do_dma("read", list[0].address);
	do_dma("write", list[0].address + BYTES);
	EXPECT_EQUAL(memory_verify(va + BYTES, BYTES, 9, 0), 0);
	/* open when the life ends: out of reach at once, and the program's until it lets go */
	set_state("stop");
	EXPECT_EQUAL(memory_verify(va, BYTES, 9, 0), 0);
	set_state("start");
	do_dma("write", list[0].address);
	EXPECT_EQUAL(memory_verify(va, BYTES, 9, 0), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	munmap(va, 2 * BYTES);
	close(attachment);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	close(remote);
	free(list);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(device_reads_and_writes_over_the_whole_buffer),
		CHECK(device_does_not_write_what_it_may_only_read),
		CHECK(released_buffer_is_out_of_reach),
		CHECK(closed_buffer_is_kept_until_the_stop),
		CHECK(coherent_memory_is_mapped_too),
	};
	int failed;

	EXPECT_EQUAL(module_load("/lib/modules/edu_rproc.ko", ""), 0);
	set_state("start");
	failed = check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
	set_state("stop");
	return failed;
}
