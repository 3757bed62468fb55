/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The providers of dma-bufs: what they ask the kernel for, what they make of its answers, and the
 * access helpers.
 * Test code.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_kernel.h"

#include <amphora/dmabuf.h>
#include <amphora/target.h>
#include <amphora/time.h>

#include "memory/provider/linux/dmabuf_internal.h"

#define SIZE  10000u
#define WHOLE 12288u /* in pages */
#define PAGE  4096u

struct place {
	struct amph_memory memory;
	struct amph_provider_heap heap;
	struct amph_provider udmabuf;
	struct amph_shm shm;
	struct amph_range ranges[2];
	struct amph_shm_storage storage;
};

static void place_init(struct place *p, const char *heap)
{
	memset(p, 0, sizeof(*p));
	fake_kernel_init();
	p->storage = (struct amph_shm_storage){.ranges = p->ranges, .range_max = 2};
	assert_int_equal(amph_memory_init(&p->memory), 0);
	assert_int_equal(amph_provider_heap_init(&p->heap, "heap", heap, NULL), 0);
	assert_int_equal(amph_provider_udmabuf_init(&p->udmabuf, NULL), 0);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->heap.provider), 0);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->udmabuf), 0);
}

static int place_open(struct place *p, const char *name, uint64_t size, uint32_t flags)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, name, size, flags);
}

static int place_import(struct place *p, int fd, uint64_t size, uint32_t flags)
{
	return amph_shm_open_dmabuf(&p->memory, &p->shm, &p->storage, "import:a", fd, 0, size,
				    flags);
}

#define assert_says(why, words)                                \
	do {                                                   \
		assert_non_null((why)->what);                  \
		assert_non_null(strstr((why)->what, (words))); \
	} while (0)

static void heap_is_asked_for_whole_pages_closed_on_exec(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "system");
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), 0);
	assert_int_equal(kernel.allocated, WHOLE);
	assert_int_equal(kernel.allocated_flags, O_RDWR | O_CLOEXEC);
	assert_int_equal(p.shm.size, SIZE);
	assert_int_equal(p.shm.flags, 0);
	assert_int_equal(kernel.mapped, WHOLE);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	assert_int_equal(kernel.mapped, 0);
}

static void name_of_a_heap_is_checked(void **state)
{
	static const char *const wrong[] = {"", "/", "a/b", "../null", ".", ".."};
	char long_name[AMPH_HEAP_NAME_MAX + 1];
	struct amph_provider_heap heap;
	struct amph_why why;

	(void)state;
	fake_kernel_init();
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(amph_provider_heap_init(&heap, "heap", wrong[i], &why), -EINVAL);
	assert_int_equal(amph_provider_heap_init(&heap, "heap", NULL, &why), -EINVAL);
	assert_int_equal(amph_provider_heap_init(&heap, "", "system", &why), -EINVAL);
	assert_int_equal(amph_provider_heap_init(&heap, NULL, "system", &why), -EINVAL);
	memset(long_name, 'a', sizeof(long_name));
	long_name[AMPH_HEAP_NAME_MAX] = 0;
	assert_int_equal(amph_provider_heap_init(&heap, "heap", long_name, &why), -ENAMETOOLONG);
	assert_int_equal(why.limit, AMPH_HEAP_NAME_MAX - 1);
	long_name[AMPH_HEAP_NAME_MAX - 1] = 0;
	kernel.heaps[0] = long_name;
	assert_int_equal(amph_provider_heap_init(&heap, "heap", long_name, &why), 0);
	assert_string_equal(heap.heap, long_name);
	assert_int_equal(amph_provider_heap_init(&heap, "heap", "none", &why), -ENOENT);
	assert_says(&why, "/dev/dma_heap");
	kernel.open_error = EACCES;
	assert_int_equal(amph_provider_heap_init(&heap, "heap", "system", &why), -EACCES);
	assert_says(&why, "user");
	assert_int_equal(amph_provider_udmabuf_init(&heap.provider, &why), -EACCES);
	assert_says(&why, "user");
	assert_int_equal(amph_provider_heap_init_checked(&heap, "heap", "system", &why, AMPH_ABI,
							 sizeof(heap) - 1),
			 -EPROTO);
}

static void heap_that_went_away_is_an_error_of_open(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "system");
	kernel.heaps[0] = NULL;
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), -ENOENT);
	assert_says(&p.shm.why, "/dev/dma_heap");
}

static void heaps_refusal_is_told_with_the_size(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "reserved");
	kernel.allocate_error = ENOMEM;
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), -ENOMEM);
	assert_says(&p.shm.why, "no memory of this size");
	assert_int_equal(p.shm.why.value, WHOLE);
	kernel.allocate_error = EINVAL;
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), -EINVAL);
	kernel.allocated = 0;
	assert_int_equal(place_open(&p, "heap:a", UINT64_MAX, 0), -ENOMEM);
	assert_int_equal(place_open(&p, "heap:a", INT64_MAX, 0), -ENOMEM);
	assert_int_equal(kernel.allocated, 0);
}

static void system_heap_is_not_asked_for_more_than_is_available(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "system");
	assert_int_equal(place_open(&p, "heap:a", UINT64_C(1) << 50, 0), -ENOMEM);
	assert_says(&p.shm.why, "available");
	assert_int_equal(p.shm.why.value, UINT64_C(1) << 50);
	assert_in_range(p.shm.why.limit, 1, (UINT64_C(1) << 50) - 1);
	assert_int_equal(kernel.allocated, 0);
}

static void uncached_heap_gives_uncached_buffers(void **state)
{
	struct place p;

	(void)state;
	for (uint32_t flags = 0; flags <= AMPH_SHM_NOT_CACHED; flags += AMPH_SHM_NOT_CACHED) {
		place_init(&p, "vendor-uncached");
		assert_int_equal(place_open(&p, "heap:a", SIZE, flags), 0);
		assert_int_equal(p.shm.flags, AMPH_SHM_NOT_CACHED);
		assert_int_equal(amph_shm_put(&p.shm), 0);
	}
	kernel.heaps[0] = "-uncached"; /* a suffix of nothing */
	place_init(&p, "system");
	assert_int_equal(place_open(&p, "heap:a", SIZE, AMPH_SHM_NOT_CACHED), -ENOTSUP);
}

static void memory_that_the_cpu_may_not_map_is_a_buffer_without_va(void **state)
{
	static const int answers[] = {EINVAL, EPERM, EACCES, ENODEV};
	struct place p;

	(void)state;
	place_init(&p, "reserved");
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		kernel.mmap_error = answers[i];
		assert_int_equal(place_open(&p, "heap:a", SIZE, 0), 0);
		assert_null(p.shm.va);
		assert_int_equal(p.shm.flags, AMPH_SHM_PROTECTED);
		assert_int_equal(amph_shm_put(&p.shm), 0);
		assert_int_equal(place_open(&p, "heap:a", SIZE, AMPH_SHM_PROTECTED), 0);
		assert_int_equal(amph_shm_put(&p.shm), 0);
	}
	kernel.mmap_error = ENOMEM;
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), -ENOMEM);
	assert_says(&p.shm.why, "mapped");
}

static void a_protected_heap_is_not_asked_for_a_mapping(void **state)
{
	struct place p;
	int fds;

	(void)state;
	place_init(&p, "protected,secure-video");
	fds = count_fds();
	kernel.mmap_error = ENOMEM; /* would be an error, were it asked */
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), 0);
	assert_null(p.shm.va);
	assert_int_equal(p.shm.flags, AMPH_SHM_PROTECTED);
	assert_int_equal(amph_shm_check(&p.shm), 0);
	assert_int_equal(amph_shm_check_access(&p.shm, 0, SIZE, false), -ENOTSUP);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	/* nobody runs out of ordinary memory by it */
	assert_int_equal(place_open(&p, "heap:a", SIZE, AMPH_SHM_PROTECTED), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(kernel.mapped, 0);
}

static void a_heap_whose_memory_is_mapped_is_not_protected(void **state)
{
	struct place p;
	int fds;

	(void)state;
	place_init(&p, "reserved");
	fds = count_fds();
	assert_int_equal(place_open(&p, "heap:a", SIZE, AMPH_SHM_PROTECTED), -ENOTSUP);
	assert_says(&p.memory.why, "not protected");
	assert_int_equal(place_open(&p, "udmabuf:a", SIZE, AMPH_SHM_PROTECTED), -ENOTSUP);
	assert_int_equal(count_fds(), fds);
	assert_int_equal(kernel.mapped, 0);
}

static void somebody_elses_protected_dmabuf_says_so(void **state)
{
	struct place p;
	int fd;

	(void)state;
	place_init(&p, "system");
	fd = fake_dmabuf(SIZE, O_RDWR);
	assert_int_equal(place_import(&p, fd, SIZE, 0), 0);
	assert_int_equal(p.shm.flags, 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	kernel.mmap_error = EINVAL;
	assert_int_equal(place_import(&p, fd, SIZE, 0), 0);
	assert_int_equal(p.shm.flags, AMPH_SHM_PROTECTED);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

static void the_first_protected_heap_is_found_by_its_name(void **state)
{
	char folder[128], heap[AMPH_HEAP_NAME_MAX];
	struct amph_why why = {0};

	(void)state;
	fake_kernel_init();
	assert_int_equal(amph_heap_choose_protected("/nowhere", heap, sizeof(heap), &why), -ENOENT);
	assert_says(&why, "protected,");
	make_file("/heaps/system", "");
	snprintf(folder, sizeof(folder), "%s/heaps", kernel.folder);
	make_file("/heaps/unprotected,a", "");
	assert_int_equal(amph_heap_choose_protected(folder, heap, sizeof(heap), &why), -ENOENT);
	make_file("/heaps/protected,secure-video", "");
	make_file("/heaps/protected,amphora", "");
	assert_int_equal(amph_heap_choose_protected(folder, heap, sizeof(heap), &why), 0);
	assert_string_equal(heap, "protected,amphora");
	assert_int_equal(amph_heap_choose_protected(folder, heap, 17, &why), -ERANGE);
	assert_int_equal(amph_heap_choose_protected(folder, heap, 18, &why), 0);
	remove_folder();
}

static void udmabuf_gets_a_memfd_that_cannot_shrink(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "system");
	assert_int_equal(place_open(&p, "udmabuf:a", SIZE, 0), 0);
	assert_int_equal(kernel.allocated, WHOLE);
	assert_int_equal(kernel.sealed, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

static void udmabufs_limit_is_looked_at_each_time(void **state)
{
	struct place p;

	(void)state;
	place_init(&p, "system");
	kernel.limit = "1\n";
	assert_int_equal(place_open(&p, "udmabuf:a", (1 << 20) + 1, 0), -EFBIG);
	assert_says(&p.shm.why, "udmabuf.size_limit_mb");
	assert_int_equal(p.shm.why.value, (1 << 20) + 4096);
	assert_int_equal(p.shm.why.limit, 1 << 20);
	assert_int_equal(place_open(&p, "udmabuf:a", 1 << 20, 0), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	kernel.limit = NULL; /* then the kernel says what it takes */
	assert_int_equal(place_open(&p, "udmabuf:a", (1 << 20) + 1, 0), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	kernel.limit = "2\n";
	assert_int_equal(place_open(&p, "udmabuf:a", (1 << 20) + 1, 0), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

static void missing_udmabuf_is_told_at_once(void **state)
{
	struct amph_provider provider;
	struct amph_why why;

	(void)state;
	fake_kernel_init();
	kernel.no_udmabuf = true;
	assert_int_equal(amph_provider_udmabuf_init(&provider, &why), -ENOENT);
	assert_says(&why, "CONFIG_UDMABUF");
	assert_int_equal(amph_provider_udmabuf_init(&provider, NULL), -ENOENT);
}

/* As on 9p, where the server says what file system it is. */
static void file_system_that_lies_makes_no_dmabuf(void **state)
{
	struct amph_why why;
	uint64_t size;
	int fd;

	(void)state;
	fake_kernel_init();
	fd = memfd_create("liar", MFD_CLOEXEC);
	kernel.liar = true;
	assert_int_equal(amph_dmabuf_size(fd, &size, &why), -EINVAL);
	assert_says(&why, "no dma-buf");
	close(fd);
	fd = fake_dmabuf(SIZE, O_RDWR);
	assert_int_equal(amph_dmabuf_size(fd, &size, &why), 0);
	assert_int_equal(size, SIZE);
	assert_int_equal(kernel.sync_count, 0);
	close(fd);
}

static void fd_for_reading_only_makes_a_buffer_for_reading_only(void **state)
{
	int fd;
	struct place p;

	(void)state;
	place_init(&p, "system");
	fd = fake_dmabuf(WHOLE, O_RDONLY);
	assert_int_equal(place_import(&p, fd, SIZE, 0), -EROFS);
	assert_says(&p.shm.why, "O_RDWR");
	assert_int_equal(place_import(&p, fd, SIZE, AMPH_SHM_READ_ONLY), 0);
	assert_non_null(p.shm.va);
	assert_int_equal(mprotect(p.shm.va, SIZE, PROT_WRITE), -1);
	close(fd);
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

static void a_range_that_is_not_the_dmabufs_is_refused_before_it_is_mapped(void **state)
{
	static const struct {
		uint64_t offset, size;
		int error;
	} ranges[] = {
		{0, 2 * PAGE + 1, -ERANGE},
		{PAGE, PAGE + 1, -ERANGE},
		{2 * PAGE, 1, -ERANGE},
		{3 * PAGE, 1, -ERANGE},
		{0, UINT64_MAX, -ERANGE},
		{-(uint64_t)PAGE, PAGE, -ERANGE},
		{-(uint64_t)PAGE, 3 * PAGE, -ERANGE},
		{PAGE / 2, PAGE / 2, -EINVAL},
	};
	struct place p;
	int fd;

	(void)state;
	place_init(&p, "system");
	fd = fake_dmabuf(2 * PAGE, O_RDWR);
	for (uint32_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		assert_int_equal(amph_shm_open_dmabuf(&p.memory, &p.shm, &p.storage, "import:a", fd,
						      ranges[i].offset, ranges[i].size, 0),
				 ranges[i].error);
		assert_null(p.shm.va);
	}
	assert_int_equal(
		amph_shm_open_dmabuf(&p.memory, &p.shm, &p.storage, "import:a", fd, PAGE, PAGE, 0),
		0);
	assert_non_null(p.shm.va);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

/* The kernel holds a process to a dma-buf's size, but not to reading. */
static void process_gets_a_dmabuf(void **state)
{
	struct amph_target process;
	struct amph_attachment attachment;
	struct amph_segment segment;
	struct place p;
	int fd;

	(void)state;
	place_init(&p, "system");
	amph_target_process_init(&process, "process");
	assert_int_equal(place_open(&p, "heap:a", SIZE, 0), 0);
	for (uint32_t direction = 1; direction <= 3; direction++) {
		assert_int_equal(amph_shm_attach(&p.shm, &process, direction, AMPH_SYNC_MESSAGES,
						 &attachment, &segment, 1),
				 0);
		assert_int_equal(segment.address, 0);
		assert_int_equal(segment.length, SIZE);
		assert_int_equal(attachment.enforced, direction != AMPH_DEVICE_READS);
		assert_int_equal(amph_shm_detach(&attachment), 0);
	}
	assert_int_equal(amph_shm_put(&p.shm), 0);

	fd = fake_dmabuf(WHOLE, O_RDONLY);
	assert_int_equal(place_import(&p, fd, SIZE, AMPH_SHM_READ_ONLY), 0);
	assert_int_equal(amph_shm_attach(&p.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &attachment, &segment, 1),
			 0);
	assert_false(attachment.enforced); /* devices don't look at the fd's mode */
	assert_int_equal(amph_shm_detach(&attachment), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

static void interrupted_sync_is_retried_until_the_deadline(void **state)
{
	int fd;

	(void)state;
	fake_kernel_init();
	fd = fake_dmabuf(SIZE, O_RDWR);
	for (int error = 0; error < 2; error++) {
		kernel.sync_error = error ? EAGAIN : EINTR;
		kernel.sync_errors = 3;
		kernel.sync_count = 0;
		assert_int_equal(amph_dmabuf_begin_access(fd, AMPH_CPU_READS, amph_deadline(60000)),
				 0);
		assert_int_equal(kernel.sync_errors, 0);
		assert_int_equal(kernel.polled, POLLIN);
		assert_int_equal(amph_dmabuf_end_access(fd, AMPH_CPU_READS_WRITES, 0), 0);
		assert_int_equal(kernel.syncs[0], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
		assert_int_equal(kernel.syncs[1], DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW);
		kernel.sync_errors = 3;
		assert_int_equal(amph_dmabuf_end_access(fd, AMPH_CPU_READS, 0), -ETIMEDOUT);
		kernel.sync_errors = 0;
	}
	kernel.sync_error = EIO;
	kernel.sync_errors = 1;
	assert_int_equal(amph_dmabuf_begin_access(fd, AMPH_CPU_WRITES, 0), -EIO);
	assert_int_equal(kernel.polled, POLLOUT);
	close(fd);
}

static void waiting_goes_on_after_signals_and_ends_with_errors(void **state)
{
	int fd;

	(void)state;
	fake_kernel_init();
	fd = fake_dmabuf(SIZE, O_RDWR);
	kernel.poll_error = EINTR;
	kernel.poll_errors = 3;
	assert_int_equal(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_WRITES, amph_deadline(60000)), 0);
	kernel.poll_errors = 1;
	assert_int_equal(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_WRITES, 0), -ETIMEDOUT);
	kernel.poll_error = ENOMEM;
	kernel.poll_errors = 1;
	assert_int_equal(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_READS, 0), -ENOMEM);
	kernel.poll_events = POLLERR;
	assert_int_equal(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_READS, 0), -EIO);
	kernel.poll_events = 0;
	uint64_t start = amph_time_now();
	assert_int_equal(amph_dmabuf_wait_fences(fd, AMPH_DEVICE_READS, amph_deadline(20)),
			 -ETIMEDOUT);
	assert_true(amph_time_now() - start >= 20000000u);
	assert_int_equal(amph_dmabuf_begin_access(fd, AMPH_CPU_READS, 0), -ETIMEDOUT);
	assert_int_equal(kernel.sync_count, 0);
	close(fd);
}

static int choose(char *heap, size_t size)
{
	char heaps[128], tree[128], regions[128];

	snprintf(heaps, sizeof(heaps), "%s/heaps", kernel.folder);
	snprintf(tree, sizeof(tree), "%s/tree", kernel.folder);
	snprintf(regions, sizeof(regions), "%s/cma", kernel.folder);
	return amph_heap_choose_cma(heaps, tree, regions, heap, size, NULL);
}

static void cma_heap_is_found_whatever_its_name(void **state)
{
	/* what is added, in this order, and the heap that is chosen then */
	static const char *const steps[][2] = {
		{"/heaps/system", NULL},
		{"/heaps/zebra", NULL}, /* any heap: nothing says that it is CMA */
		{"/cma/zebra/count", "zebra"},
		{"/cma/ant/count", "zebra"}, /* a region without a heap */
		{"/heaps/ant", "ant"},
		{"/heaps/reserved", "reserved"},
		{"/heaps/default-pool", "default-pool"},
		{"/heaps/linux,cma", "linux,cma"},
		{"/heaps/default_cma_region", "default_cma_region"},
		{"/tree/camera@1000/reg", "default_cma_region"},
		{"/tree/pool@2000/linux,cma-default", "default_cma_region"},
		{"/heaps/pool@2000", "pool@2000"},
	};
	char heap[AMPH_HEAP_NAME_MAX];

	(void)state;
	fake_kernel_init();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		make_file(steps[i][0], "");
		assert_int_equal(choose(heap, sizeof(heap)), steps[i][1] ? 0 : -ENOENT);
		if (steps[i][1])
			assert_string_equal(heap, steps[i][1]);
	}
	assert_int_equal(choose(heap, sizeof("pool@2000")), 0);
	assert_int_equal(choose(heap, sizeof("pool@2000") - 1), -ERANGE);
	remove_folder();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_is_asked_for_whole_pages_closed_on_exec),
		cmocka_unit_test(name_of_a_heap_is_checked),
		cmocka_unit_test(heap_that_went_away_is_an_error_of_open),
		cmocka_unit_test(heaps_refusal_is_told_with_the_size),
		cmocka_unit_test(system_heap_is_not_asked_for_more_than_is_available),
		cmocka_unit_test(uncached_heap_gives_uncached_buffers),
		cmocka_unit_test(memory_that_the_cpu_may_not_map_is_a_buffer_without_va),
		cmocka_unit_test(a_protected_heap_is_not_asked_for_a_mapping),
		cmocka_unit_test(a_heap_whose_memory_is_mapped_is_not_protected),
		cmocka_unit_test(somebody_elses_protected_dmabuf_says_so),
		cmocka_unit_test(the_first_protected_heap_is_found_by_its_name),
		cmocka_unit_test(udmabuf_gets_a_memfd_that_cannot_shrink),
		cmocka_unit_test(udmabufs_limit_is_looked_at_each_time),
		cmocka_unit_test(missing_udmabuf_is_told_at_once),
		cmocka_unit_test(file_system_that_lies_makes_no_dmabuf),
		cmocka_unit_test(fd_for_reading_only_makes_a_buffer_for_reading_only),
		cmocka_unit_test(a_range_that_is_not_the_dmabufs_is_refused_before_it_is_mapped),
		cmocka_unit_test(process_gets_a_dmabuf),
		cmocka_unit_test(interrupted_sync_is_retried_until_the_deadline),
		cmocka_unit_test(waiting_goes_on_after_signals_and_ends_with_errors),
		cmocka_unit_test(cma_heap_is_found_whatever_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
