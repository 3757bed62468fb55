/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Every system call of every provider of dma-bufs fails once, at each place: an error with its reason,
 * or a buffer; and never anything left open or mapped.
 * Test code.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fake_kernel.h"

#include <amphora/dmabuf.h>
#include <amphora/memfd.h>

#define SIZE 10000u

struct place {
	struct amph_memory memory;
	struct amph_provider_heap heap;
	struct amph_provider udmabuf, memfd;
	struct amph_shm shm;
	struct amph_range ranges[2];
	struct amph_shm_storage storage;
	int foreign; /* a dma-buf of somebody else */
};

static int open_heap(struct place *p)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, "heap:a", SIZE, 0);
}

static int open_udmabuf(struct place *p)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, "udmabuf:a", SIZE, 0);
}

static int open_udmabuf_huge(struct place *p)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, "udmabuf:a", SIZE, AMPH_SHM_HUGE);
}

static int open_memfd(struct place *p)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, "memfd:a", SIZE, AMPH_SHM_READ_ONLY);
}

static int open_import(struct place *p)
{
	return amph_shm_open_dmabuf(&p->memory, &p->shm, &p->storage, "import:a", p->foreign, 4096,
				    SIZE, 0);
}

static void place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	fake_kernel_init();
	p->storage = (struct amph_shm_storage){.ranges = p->ranges, .range_max = 2};
	assert_int_equal(amph_memory_init(&p->memory), 0);
	assert_int_equal(amph_provider_heap_init(&p->heap, "heap", "system", NULL), 0);
	assert_int_equal(amph_provider_udmabuf_init(&p->udmabuf, NULL), 0);
	amph_provider_memfd_init(&p->memfd);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->heap.provider), 0);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->udmabuf), 0);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->memfd), 0);
	p->foreign = fake_dmabuf(4 * SIZE, O_RDWR);
	assert_true(p->foreign >= 0);
}

/* Returns how many of the calls are needed: their failing is the open's. */
static int fail_everywhere(int (*open_buffer)(struct place *p), int error)
{
	struct place p;
	int refusals = 0;

	place_init(&p);
	for (int n = 1;; n++) {
		int fds = count_fds(), result;

		fake_kernel_fail(n, error);
		result = open_buffer(&p);
		kernel.fail_at = 0;
		if (result) {
			assert_true(kernel.failed && result < 0);
			assert_non_null(p.shm.why.what);
			assert_int_equal(p.shm.references, 0);
			refusals++;
		} else {
			if (p.shm.va)
				memset(p.shm.va, 'x', SIZE);
			assert_int_equal(amph_shm_put(&p.shm), 0);
		}
		assert_int_equal(count_fds(), fds);
		assert_int_equal(kernel.mapped, 0);
		assert_null(p.memory.buffers);
		if (!result && !kernel.failed) /* past the last call */
			break;
	}
	close(p.foreign);
	return refusals;
}

static const int errors[] = {ENOMEM, EMFILE, EIO, EINTR};

static void whatever_call_fails(int (*open_buffer)(struct place *p), int needed)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		int refusals = fail_everywhere(open_buffer, errors[i]);

		assert_in_range(refusals, needed - 1, needed);
	}
}

/* open, ioctl, madvise; mmap where it is for want of memory, else the exporter has no mapping */
static void heap_leaves_nothing_whatever_call_fails(void **state)
{
	(void)state;
	whatever_call_fails(open_heap, 4);
}

/* memfd_create, fstatfs, ftruncate, mmap, madvise, fcntl, open, ioctl; not the limit's open and read */
static void udmabuf_leaves_nothing_whatever_call_fails(void **state)
{
	(void)state;
	whatever_call_fails(open_udmabuf, 8);
	whatever_call_fails(open_udmabuf_huge, 9); /* and taking the pages */
}

/* memfd_create, fstatfs, ftruncate, mmap, madvise, fcntl */
static void memfd_leaves_nothing_whatever_call_fails(void **state)
{
	(void)state;
	whatever_call_fails(open_memfd, 6);
}

/* fcntl twice, fstatfs, ioctl, lseek, madvise; mmap as above */
static void import_leaves_nothing_whatever_call_fails(void **state)
{
	(void)state;
	whatever_call_fails(open_import, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heap_leaves_nothing_whatever_call_fails),
		cmocka_unit_test(udmabuf_leaves_nothing_whatever_call_fails),
		cmocka_unit_test(memfd_leaves_nothing_whatever_call_fails),
		cmocka_unit_test(import_leaves_nothing_whatever_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
