/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * caches-check: a remote processor that doesn't see the CPU's caches has its ranges in whole cache
 * lines, and its memory for queues uncached. QEMU has no caches: that the maintenance is of the right
 * lines, DMA_API_DEBUG checks. With amphora vsoc --variant=caches.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "module.h"

#define BOTH (AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
#define SIZE (3u * MIB)
#define LIST 5u

static void ranges_are_of_whole_cache_lines(void)
{
	int remote = module_open_remote(), dmabuf = module_heap(SIZE, O_RDWR);
	int attachment = module_attach(remote, dmabuf, BOTH);
	uint32_t line = module_info(attachment).cache_line;

	EXPECT(line > 1 && line == module_remote_info(remote).cache_line);
	EXPECT_EQUAL(module_remote_info(remote).flags, 0);
	EXPECT_EQUAL(module_info(attachment).flags, 0);
	for (uint32_t flags = 1; flags <= 2; flags++) {
		EXPECT_EQUAL(module_sync(attachment, 0, SIZE, flags), 0);
		EXPECT_EQUAL(module_sync(attachment, SIZE - line, line, flags), 0);
		EXPECT_EQUAL(module_sync(attachment, line / 2, line, flags), -EINVAL);
		EXPECT_EQUAL(module_sync(attachment, line, line / 2, flags), -EINVAL);
		EXPECT_EQUAL(module_sync(attachment, line, 1, flags), -EINVAL);
		/* over the ends of what the DMA API has mapped as one, wherever they are */
		for (uint64_t at = 4096; at < SIZE - 8192; at += 28672)
			EXPECT_EQUAL(module_sync(attachment, at - line, 8192 + 2 * line, flags), 0);
	}
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close(attachment);
	close(dmabuf);
	close(remote);
}

static void memory_for_queues_needs_no_sync(void)
{
	int remote = module_open_remote(), attachment = module_coherent(remote, 8192);
	void *va = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, attachment, 0);
	struct probe_segment *list;
	struct probe probe;
	uint32_t count;

	EXPECT(va != MAP_FAILED);
	EXPECT_EQUAL(module_info(attachment).cache_line, 1);
	EXPECT_EQUAL(module_info(attachment).flags, AMPHORA_ATTACHMENT_COHERENT);
	EXPECT_EQUAL(module_sync(attachment, 4, 4, AMPHORA_SYNC_FOR_DEVICE), 0);
	list = (struct probe_segment *)module_segments(attachment, &count);
	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(probe_list(&probe, LIST, list, count), 0);
	memory_fill(va, 8192, 3, 0);
	EXPECT_EQUAL(probe_work(&probe, PROBE_VERIFY, LIST, 3, 0, 8192), 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	munmap(va, 8192);
	free(list);
	close(attachment);
	close(remote);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(ranges_are_of_whole_cache_lines),
		CHECK(memory_for_queues_needs_no_sync),
	};
	int failed;

	if (remote_switch("start"))
		return 1;
	failed = check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
	return remote_switch("stop") || failed;
}
