/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider dma-heap against the kernel's own heaps.
 * Test code, inside the virtual SoC.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "check.h"

#define MIB (UINT64_C(1) << 20)

static void init_heap(struct amph_provider_heap *heap, const char *name)
{
	struct amph_why why;

	EXPECT_EQUAL(amph_provider_heap_init(heap, "heap", name, &why), 0);
}

static void open_and_use(const char *heap_name)
{
	static const uint64_t sizes[] = {4, 4096, 65536, 300000, 4 * MIB, 32 * MIB};
	struct amph_provider_heap heap;
	struct place p;

	init_heap(&heap, heap_name);
	place_init(&p, &heap.provider);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		EXPECT_EQUAL(place_open(&p, "heap:picture", sizes[i], 0), 0);
		EXPECT_EQUAL(p.shm.size, sizes[i]);
		EXPECT_EQUAL(lseek((int)p.shm.handle, 0, SEEK_END), (sizes[i] + 4095) & ~4095ull);
		EXPECT_EQUAL(p.shm.handle_offset, 0);
		EXPECT_EQUAL(fcntl((int)p.shm.handle, F_GETFD), FD_CLOEXEC);
		EXPECT_EQUAL(p.shm.segment_count, 0);
		check_zero_write_read(&p.shm);
		EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	}
}

static void system_heap_gives_zeroed_buffers_of_all_sizes(void)
{
	open_and_use("system");
}

static const struct check checks[] = {
	CHECK(system_heap_gives_zeroed_buffers_of_all_sizes),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
