/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider udmabuf against the kernel's own.
 * Test code, inside the virtual SoC.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "check.h"

#define MIB	   (UINT64_C(1) << 20)
#define HUGE_PAGE  (2 * MIB)
#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"
#define HUGE_FREE  "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages"
#define LIMIT	   "/sys/module/udmabuf/parameters/size_limit_mb"

static struct amph_provider udmabuf;

static void init(struct place *p)
{
	struct amph_why why;

	EXPECT_EQUAL(amph_provider_udmabuf_init(&udmabuf, &why), 0);
	place_init(p, &udmabuf);
}

static void buffers_of_all_sizes_are_zeroed(void)
{
	static const uint64_t sizes[] = {4, 4096, 65536, 300000, 4 * MIB, 64 * MIB};
	struct place p;

	init(&p);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		int before = check_descriptors();

		EXPECT_EQUAL(place_open(&p, "udmabuf:picture", sizes[i], 0), 0);
		EXPECT_EQUAL(check_descriptors(), before + 1); /* the dma-buf alone */
		EXPECT_EQUAL(p.shm.size, sizes[i]);
		EXPECT_EQUAL(lseek((int)p.shm.handle, 0, SEEK_END), (sizes[i] + 4095) & ~4095ull);
		EXPECT_EQUAL(fcntl((int)p.shm.handle, F_GETFD), FD_CLOEXEC);
		check_zero_write_read(&p.shm);
		EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	}
}

static void mapping_and_dmabuf_are_the_same_bytes(void)
{
	struct place p;

	init(&p);
	EXPECT_EQUAL(place_open(&p, "udmabuf:same", 300000, 0), 0);
	void *other = mmap(NULL, 300000, PROT_READ | PROT_WRITE, MAP_SHARED, (int)p.shm.handle, 0);
	EXPECT(other != MAP_FAILED);
	check_fill(p.shm.va, 300000, 1);
	check_filled(other, 300000, 1);
	check_fill(other, 300000, 2);
	check_filled(p.shm.va, 300000, 2);
	munmap(other, 300000);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static void size_over_the_limit_is_refused_with_the_limit(void)
{
	struct place p;

	init(&p);
	EXPECT_REFUSED(place_open(&p, "udmabuf:large", 64 * MIB + 1, 0), -EFBIG, &p.shm.why,
		       "udmabuf.size_limit_mb");
	EXPECT_EQUAL(p.shm.why.value, 64 * MIB + 4096);
	EXPECT_EQUAL(p.shm.why.limit, 64 * MIB);
	EXPECT_EQUAL(place_open(&p, "udmabuf:large", INT64_MAX, 0), -ENOMEM);
	EXPECT_EQUAL(place_open(&p, "udmabuf:large", UINT64_MAX, 0), -ENOMEM);

	check_write_number(LIMIT, 1);
	EXPECT_EQUAL(place_open(&p, "udmabuf:large", MIB + 1, 0), -EFBIG);
	EXPECT_EQUAL(p.shm.why.limit, MIB);
	EXPECT_EQUAL(place_open(&p, "udmabuf:large", MIB, 0), 0);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	check_write_number(LIMIT, 65);
	EXPECT_EQUAL(place_open(&p, "udmabuf:large", 64 * MIB + 1, 0), 0);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
	check_write_number(LIMIT, 100000);
	EXPECT_REFUSED(place_open(&p, "udmabuf:large", 512 * MIB, 0), -ENOMEM, &p.shm.why,
		       "available");
	check_write_number(LIMIT, 64);
}

static void huge_pages_are_used_and_given_back(void)
{
	struct place p;

	check_write_number(HUGE_PAGES, 4);
	if (check_read_number(HUGE_PAGES) != 4)
		check_skip("no 4 huge pages in a row are left");
	init(&p);
	for (int again = 0; again < 3; again++) {
		EXPECT_EQUAL(place_open(&p, "udmabuf:huge", 3 * HUGE_PAGE + 1, AMPH_SHM_HUGE), 0);
		EXPECT_EQUAL(check_read_number(HUGE_FREE), 0);
		EXPECT_EQUAL(lseek((int)p.shm.handle, 0, SEEK_END), 4 * HUGE_PAGE);
		check_zero_write_read(&p.shm);
		check_not_in_child(&p.shm);
		EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
		EXPECT_EQUAL(check_read_number(HUGE_FREE), 4);
	}
	check_few_descriptors(&p, "udmabuf:huge", 4 * HUGE_PAGE, AMPH_SHM_HUGE);
	EXPECT_EQUAL(check_read_number(HUGE_FREE), 4);
	check_write_number(HUGE_PAGES, 0);
}

static void too_few_huge_pages_are_refused(void)
{
	struct place p;

	init(&p);
	check_write_number(HUGE_PAGES, 1);
	EXPECT_REFUSED(place_open(&p, "udmabuf:huge", HUGE_PAGE + 1, AMPH_SHM_HUGE), -ENOMEM,
		       &p.shm.why, HUGE_PAGES);
	EXPECT_EQUAL(check_read_number(HUGE_FREE), check_read_number(HUGE_PAGES));
	check_write_number(HUGE_PAGES, 0);
	EXPECT_REFUSED(place_open(&p, "udmabuf:huge", 1, AMPH_SHM_HUGE), -ENOMEM, &p.shm.why,
		       HUGE_PAGES);
}

static void flags_that_cannot_be_kept_are_refused(void)
{
	struct place p;

	init(&p);
	EXPECT_REFUSED(place_open(&p, "udmabuf:flags", 4096, AMPH_SHM_READ_ONLY), -ENOTSUP,
		       &p.shm.why, "fd");
	EXPECT_REFUSED(place_open(&p, "udmabuf:flags", 4096, AMPH_SHM_NOT_CACHED), -ENOTSUP,
		       &p.shm.why, "uncached");
}

static void mapping_is_not_the_childs(void)
{
	struct place p;

	init(&p);
	EXPECT_EQUAL(place_open(&p, "udmabuf:mine", 65536, 0), 0);
	check_not_in_child(&p.shm);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static void too_few_descriptors_are_an_error_that_leaves_none_open(void)
{
	struct place p;

	init(&p);
	check_few_descriptors(&p, "udmabuf:few", 65536, 0);
}

static void access_is_bracketed(void)
{
	struct place p;
	int fd;

	init(&p);
	EXPECT_EQUAL(place_open(&p, "udmabuf:access", 65536, 0), 0);
	fd = (int)p.shm.handle;
	EXPECT_EQUAL(amph_dmabuf_end_access(fd, AMPH_CPU_READS_WRITES, 0), -EINVAL);
	for (int i = 0; i < 3; i++) {
		EXPECT_EQUAL(amph_dmabuf_begin_access(fd, AMPH_CPU_READS_WRITES, 0), 0);
		check_fill(p.shm.va, p.shm.size, 3);
		EXPECT_EQUAL(amph_dmabuf_end_access(fd, AMPH_CPU_READS_WRITES, 0), 0);
	}
	check_filled(p.shm.va, p.shm.size, 3);
	EXPECT_EQUAL(amph_dmabuf_begin_access(fd, 0, 0), -EINVAL);
	EXPECT_EQUAL(amph_dmabuf_begin_access(fd, 4, 0), -EINVAL);
	EXPECT_EQUAL(amph_dmabuf_end_access(fd, 0, 0), -EINVAL);
	EXPECT_EQUAL(amph_shm_put(&p.shm), 0);
}

static const struct check checks[] = {
	CHECK(buffers_of_all_sizes_are_zeroed),
	CHECK(mapping_and_dmabuf_are_the_same_bytes),
	CHECK(size_over_the_limit_is_refused_with_the_limit),
	CHECK(huge_pages_are_used_and_given_back),
	CHECK(too_few_huge_pages_are_refused),
	CHECK(flags_that_cannot_be_kept_are_refused),
	CHECK(mapping_is_not_the_childs),
	CHECK(too_few_descriptors_are_an_error_that_leaves_none_open),
	CHECK(access_is_bracketed),
};

int main(int argc, char **argv)
{
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
