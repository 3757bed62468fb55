/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider dma-heap against the kernel's own heaps.
 * Test code, inside the virtual SoC.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/target.h>

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

static void cma_heap_is_found_and_gives_zeroed_buffers_of_all_sizes(void)
{
	char name[AMPH_HEAP_NAME_MAX];
	struct amph_why why;

	EXPECT_EQUAL(amph_heap_find_cma(name, sizeof(name), &why), 0);
	EXPECT(strcmp(name, "system"));
	open_and_use(name);
}

static void buffer_of_128_mib_is_opened_from_either(void)
{
	struct amph_provider_heap heap;
	char name[AMPH_HEAP_NAME_MAX];
	struct place p;

	for (int contiguous = 0; contiguous < 2; contiguous++) {
		strcpy(name, "system");
		if (contiguous)
			EXPECT_EQUAL(amph_heap_find_cma(name, sizeof(name), NULL), 0);
		init_heap(&heap, name);
		place_init(&p, &heap.provider);
		if (place_open(&p, "heap:large", 128 * MIB, 0)) {
			/* the debugging kernel has taken the memory that is not CMA's */
			EXPECT(!contiguous && p.shm.why.limit < 128 * MIB);
			continue;
		}
		((volatile char *)p.shm.va)[128 * MIB - 1] = 1;
		EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	}
}

static void memory_comes_back_when_buffers_are_closed(void)
{
	struct amph_provider_heap heap;
	char name[AMPH_HEAP_NAME_MAX];
	struct place p;

	EXPECT_EQUAL(amph_heap_find_cma(name, sizeof(name), NULL), 0);
	init_heap(&heap, name);
	place_init(&p, &heap.provider);
	for (int i = 0; i < 20; i++) { /* together more than there is */
		EXPECT_EQUAL(place_open(&p, "heap:again", 64 * MIB, 0), 0);
		EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	}
}

static void size_that_the_heap_has_not_is_refused(void)
{
	static const uint64_t sizes[] = {512 * MIB, UINT64_C(1) << 40, INT64_MAX, UINT64_MAX};
	struct amph_provider_heap heap;
	char name[AMPH_HEAP_NAME_MAX];
	struct place p;

	EXPECT_EQUAL(amph_heap_find_cma(name, sizeof(name), NULL), 0);
	for (int contiguous = 0; contiguous < 2; contiguous++) {
		init_heap(&heap, contiguous ? name : "system");
		place_init(&p, &heap.provider);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			EXPECT_REFUSED(place_open(&p, "heap:huge", sizes[i], 0), -ENOMEM,
				       &p.shm.why, "memory");
			EXPECT(p.shm.why.value >= sizes[i]);
		}
	}
}

static void heap_that_is_not_there_is_refused_at_once(void)
{
	struct amph_provider_heap heap;
	struct amph_why why;

	EXPECT_REFUSED(amph_provider_heap_init(&heap, "heap", "no-such-heap", &why), -ENOENT, &why,
		       "/dev/dma_heap");
	EXPECT_REFUSED(amph_provider_heap_init(&heap, "heap", "../null", &why), -EINVAL, &why,
		       "name");
	EXPECT_REFUSED(amph_provider_heap_init(&heap, "heap", "..", &why), -EINVAL, &why, "name");
	EXPECT_EQUAL(amph_provider_heap_init(&heap, "heap", "no-such-heap", NULL), -ENOENT);
}

static void flags_that_a_heap_cannot_keep_are_refused(void)
{
	struct amph_provider_heap heap;
	struct place p;

	init_heap(&heap, "system");
	place_init(&p, &heap.provider);
	EXPECT_REFUSED(place_open(&p, "heap:flags", 4096, AMPH_SHM_READ_ONLY), -ENOTSUP, &p.shm.why,
		       "fd");
	EXPECT_REFUSED(place_open(&p, "heap:flags", 4096, AMPH_SHM_HUGE), -ENOTSUP, &p.shm.why,
		       "page sizes");
	EXPECT_REFUSED(place_open(&p, "heap:flags", 4096, AMPH_SHM_NOT_CACHED), -ENOTSUP,
		       &p.shm.why, "uncached");
}

static void mapping_is_not_the_childs(void)
{
	struct amph_provider_heap heap;
	struct place p;

	init_heap(&heap, "system");
	place_init(&p, &heap.provider);
	EXPECT_EQUAL(place_open(&p, "heap:mine", 65536, 0), 0);
	check_not_in_child(&p.shm);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static void too_few_descriptors_are_an_error_that_leaves_none_open(void)
{
	struct amph_provider_heap heap;
	struct place p;

	init_heap(&heap, "system");
	place_init(&p, &heap.provider);
	check_few_descriptors(&p, "heap:few", 65536, 0);
}

static void target_by_physical_addresses_is_refused(void)
{
	struct amph_provider_heap heap;
	struct amph_target_map target;
	struct amph_map map = {0};
	struct amph_attachment attachment;
	struct amph_segment segments[4];
	struct place p;

	init_heap(&heap, "system");
	place_init(&p, &heap.provider);
	EXPECT_EQUAL(amph_target_map_init(&target, "map", &map, NULL), 0);
	EXPECT_EQUAL(place_open(&p, "heap:scattered", 65536, 0), 0);
	EXPECT_REFUSED(amph_shm_attach(&p.shm, &target.target, AMPH_DEVICE_READS,
				       AMPH_SYNC_MESSAGES, &attachment, segments, 4),
		       -ENOTSUP, &p.shm.why, "physical");
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static const struct check checks[] = {
	CHECK(system_heap_gives_zeroed_buffers_of_all_sizes),
	CHECK(cma_heap_is_found_and_gives_zeroed_buffers_of_all_sizes),
	CHECK(buffer_of_128_mib_is_opened_from_either),
	CHECK(memory_comes_back_when_buffers_are_closed),
	CHECK(size_that_the_heap_has_not_is_refused),
	CHECK(heap_that_is_not_there_is_refused_at_once),
	CHECK(flags_that_a_heap_cannot_keep_are_refused),
	CHECK(mapping_is_not_the_childs),
	CHECK(too_few_descriptors_are_an_error_that_leaves_none_open),
	CHECK(target_by_physical_addresses_is_refused),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
