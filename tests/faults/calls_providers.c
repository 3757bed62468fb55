/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every call of the providers of dma-bufs and of reserved memory fails once, on a kernel that the tests of
 * the providers play.
 * Test code.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "providers/fake_kernel.h"

#include <amphora/dmabuf.h>
#include <amphora/memfd.h>
#include <amphora/time.h>
#include <amphora/uio.h>

#include "fault.h"
#include "memory/provider/linux/dmabuf_internal.h"

#define SIZE  10000u
#define CLASS "/sys/class/uio"

static struct amph_memory memory;
static struct amph_provider_heap heap;
static struct amph_provider udmabuf;
static struct amph_shm shm;
static struct amph_range ranges[2];
static const struct amph_shm_storage storage = {.ranges = ranges, .range_max = 2};
static struct amph_why why;
static struct amph_uio uio;
static int foreign = -1;
static void *va;
static char found[64];

static void prepare(void)
{
	fake_kernel_init();
	why = (struct amph_why){0};
	FAULT_CHECK(!amph_memory_init(&memory));
	FAULT_CHECK(!amph_provider_heap_init(&heap, "heap", "system", NULL));
	FAULT_CHECK(!amph_provider_udmabuf_init(&udmabuf, NULL));
	FAULT_CHECK(!amph_memory_add_provider(&memory, &heap.provider));
	FAULT_CHECK(!amph_memory_add_provider(&memory, &udmabuf));
}

static int init_heap(void)
{
	why = (struct amph_why){0};
	return amph_provider_heap_init(&heap, "heap", "system", &why);
}

static int init_udmabuf(void)
{
	why = (struct amph_why){0};
	return amph_provider_udmabuf_init(&udmabuf, &why);
}

static int open_heap(void)
{
	return amph_shm_open(&memory, &shm, &storage, "heap:a", SIZE, 0);
}

static int open_udmabuf(void)
{
	return amph_shm_open(&memory, &shm, &storage, "udmabuf:a", SIZE, 0);
}

static int open_udmabuf_huge(void)
{
	return amph_shm_open(&memory, &shm, &storage, "udmabuf:a", SIZE, AMPH_SHM_HUGE);
}

static void prepare_cma(void)
{
	prepare();
	make_file("/dev/dma_heap/system", "");
	make_file("/dev/dma_heap/cma1", "");
	make_file("/regions/cma1/count", "");
}

static int find_cma(void)
{
	char heaps[128], regions[128], reserved[128];

	why = (struct amph_why){0};
	snprintf(heaps, sizeof(heaps), "%s/dev/dma_heap", kernel.folder);
	snprintf(regions, sizeof(regions), "%s/regions", kernel.folder);
	snprintf(reserved, sizeof(reserved), "%s/reserved", kernel.folder);
	return amph_heap_choose_cma(heaps, reserved, regions, found, sizeof(found), &why);
}

static void put(void)
{
	FAULT_CHECK(!amph_shm_put(&shm));
	FAULT_CHECK(!memory.buffers && !kernel.mapped);
}

static void prepare_foreign(void)
{
	prepare();
	foreign = fake_dmabuf(4 * SIZE, O_RDWR);
	FAULT_CHECK(foreign >= 0);
}

static int import_dmabuf(void)
{
	return amph_shm_open_dmabuf(&memory, &shm, &storage, "import:a", foreign, 4096, SIZE, 0);
}

static void put_foreign(void)
{
	put();
	close(foreign);
}

static int map_dmabuf(void)
{
	why = (struct amph_why){0};
	return amph_dmabuf_map(foreign, 0, SIZE, 1, &va, &why);
}

static void unmap_dmabuf(void)
{
	if (va)
		FAULT_CHECK(!amph_memfd_unmap(va, SIZE));
	close(foreign);
}

static void close_foreign(void)
{
	close(foreign);
}

static int wait_fences(void)
{
	return amph_dmabuf_wait_fences(foreign, AMPH_DEVICE_READS_WRITES, amph_deadline(20));
}

static int begin_access(void)
{
	return amph_dmabuf_begin_access(foreign, AMPH_CPU_READS_WRITES, amph_deadline(20));
}

static void prepare_end(void)
{
	prepare_foreign();
	FAULT_CHECK(!begin_access());
}

static int end_access(void)
{
	return amph_dmabuf_end_access(foreign, AMPH_CPU_READS_WRITES, amph_deadline(20));
}

static void prepare_uio(void)
{
	char path[128];

	fake_kernel_init();
	make_file(CLASS "/uio0/name", "frames\n");
	make_file(CLASS "/uio0/maps/map0/name", "frames@5ec00000\n");
	make_file(CLASS "/uio0/maps/map0/addr", "0x000000005ec00000\n");
	make_file(CLASS "/uio0/maps/map0/size", "0x0000000000008000\n");
	make_file(CLASS "/uio0/maps/map0/offset", "0x0\n");
	make_file("/dev/uio0", "");
	snprintf(path, sizeof(path), "%s/dev/uio0", kernel.folder);
	FAULT_CHECK(!truncate(path, 0x8000));
}

static int open_uio(void)
{
	why = (struct amph_why){0};
	return amph_uio_open(&uio, "frames", NULL, &why);
}

static void close_uio(void)
{
	amph_uio_close(&uio);
	remove_folder();
}

static void nothing(void)
{
}

int main(int count, char **arguments)
{
	static const struct fault_scenario scenarios[] = {
		{"init a heap", prepare, init_heap, nothing, &why},
		{"init udmabuf", prepare, init_udmabuf, nothing, &why},
		{"open from a heap", prepare, open_heap, put, &shm.why},
		{"open from udmabuf", prepare, open_udmabuf, put, &shm.why},
		{"open huge from udmabuf", prepare, open_udmabuf_huge, put, &shm.why},
		{"find a contiguous heap", prepare_cma, find_cma, remove_folder, &why},
		{"import a dma-buf", prepare_foreign, import_dmabuf, put_foreign, &shm.why},
		{"map a dma-buf", prepare_foreign, map_dmabuf, unmap_dmabuf, &why},
		{"wait for fences", prepare_foreign, wait_fences, close_foreign, NULL},
		{"begin access", prepare_foreign, begin_access, close_foreign, NULL},
		{"end access", prepare_end, end_access, close_foreign, NULL},
		{"open a UIO map", prepare_uio, open_uio, close_uio, &why},
	};

	return fault_run(count, arguments, scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
