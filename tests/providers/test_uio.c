/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserved memory through UIO: finding it in sysfs, and opening it on a played device.
 * Test code.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fake_kernel.h"

#include <amphora/uio.h>

#include "memory/provider/linux/uio_internal.h"

#define SIZE  0x8000u
#define CLASS "/sys/class/uio"

/* uio0 "frames" with one map; uio3 "twin" with two, the second "fifo" and at an offset; uio10 "twin". */
static void make_devices(void)
{
	fake_kernel_init();
	make_file(CLASS "/uio0/name", "frames\n");
	make_file(CLASS "/uio0/maps/map0/name", "frames@5ec00000\n");
	make_file(CLASS "/uio0/maps/map0/addr", "0x000000005ec00000\n");
	make_file(CLASS "/uio0/maps/map0/size", "0x0000000000008000\n");
	make_file(CLASS "/uio0/maps/map0/offset", "0x0\n");
	make_file(CLASS "/uio3/name", "twin\n");
	make_file(CLASS "/uio3/maps/map0/name", "registers\n");
	make_file(CLASS "/uio3/maps/map1/name", "fifo\n");
	make_file(CLASS "/uio3/maps/map1/addr", "0x1000\n");
	make_file(CLASS "/uio3/maps/map1/size", "0x2000\n");
	make_file(CLASS "/uio3/maps/map1/offset", "0x80\n");
	make_file(CLASS "/uio10/name", "twin\n");
	make_file(CLASS "/not-uio/name", "frames\n");
	make_file("/dev/uio0", "");
	make_file("/dev/uio3", "");
}

static void make_memory(const char *device, off_t size)
{
	char path[128];

	snprintf(path, sizeof(path), "%s%s", kernel.folder, device);
	assert_int_equal(truncate(path, size), 0);
}

static int find(const char *device, const char *map, struct uio_map *found, struct amph_why *why)
{
	char folder[128];

	snprintf(folder, sizeof(folder), "%s" CLASS, kernel.folder);
	return amph_uio_find(folder, device, map, found, why);
}

static void map_is_found_by_names_and_numbers(void **state)
{
	struct uio_map found;

	(void)state;
	make_devices();
	assert_int_equal(find("frames", NULL, &found, NULL), 0);
	assert_int_equal(found.device, 0);
	assert_int_equal(found.map, 0);
	assert_int_equal(found.address, 0x5ec00000);
	assert_int_equal(found.size, SIZE);
	assert_int_equal(find("uio0", "frames@5ec00000", &found, NULL), 0);
	assert_int_equal(find("uio3", "fifo", &found, NULL), 0);
	assert_int_equal(found.device, 3);
	assert_int_equal(found.map, 1);
	assert_int_equal(found.offset, 0x80);
	assert_int_equal(find("uio3", "map1", &found, NULL), 0);
	remove_folder();
}

static void name_that_two_devices_have_is_refused(void **state)
{
	struct uio_map found;
	struct amph_why why;

	(void)state;
	make_devices();
	assert_int_equal(find("twin", "map1", &found, &why), -EEXIST);
	assert_non_null(strstr(why.what, "uioN"));
	remove_folder();
}

static void names_that_are_not_there_are_refused(void **state)
{
	static const char *const devices[] = {"uio1", "uio", "uio00", "not-uio", "uio3x", "../uio"};
	struct uio_map found;
	struct amph_why why;

	(void)state;
	make_devices();
	for (size_t i = 0; i < sizeof(devices) / sizeof(devices[0]); i++)
		assert_int_equal(find(devices[i], NULL, &found, &why), -ENOENT);
	assert_int_equal(find("uio0", "map1", &found, &why), -ENOENT);
	assert_int_equal(find("uio0", "fifo", &found, &why), -ENOENT);
	assert_int_equal(find("uio10", NULL, &found, &why), -ENOENT);
	assert_int_equal(find("", NULL, &found, &why), -EINVAL);
	assert_int_equal(find(NULL, NULL, &found, &why), -EINVAL);
	remove_folder();
	assert_int_equal(amph_uio_find("/no/such/folder", "uio0", NULL, &found, &why), -ENOENT);
}

static void what_sysfs_says_is_checked(void **state)
{
	static const char *const wrong[][2] = {
		{"addr", "0xffff000012340000\n"}, /* a kernel's virtual address */
		{"addr", "0x5ec00800\n"},
		{"addr", "frames\n"},
		{"addr", "\n"},
		{"addr", "0x5ec00000 and more\n"},
		{"addr", "0x10000000000000000\n"}, /* over 64 bits */
		{"addr", "0x7ffffffffffff000\n"}, /* past the end with its size */
		{"size", "0x0\n"},
		{"size", "0x8001\n"},
		{"size", "0x8000000000000000\n"},
		{"offset", "0x8000\n"},
	};
	struct uio_map found;
	struct amph_why why;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char path[128];

		make_devices();
		snprintf(path, sizeof(path), CLASS "/uio0/maps/map0/%s", wrong[i][0]);
		make_file(path, wrong[i][1]);
		why = (struct amph_why){0};
		assert_int_equal(find("uio0", NULL, &found, &why), -EINVAL);
		assert_non_null(why.what);
		remove_folder();
	}
}

static void memory_is_opened_once(void **state)
{
	struct amph_uio first, second;
	struct amph_why why;
	int fds = count_fds();

	(void)state;
	make_devices();
	make_memory("/dev/uio0", SIZE);
	make_memory("/dev/uio3", 0x3000);
	assert_int_equal(amph_uio_open(&first, "frames", NULL, &why), 0);
	assert_int_equal(first.pa, 0x5ec00000);
	assert_int_equal(first.size, SIZE);
	memset(first.va, 'x', first.size);
	assert_int_equal(amph_uio_open(&second, "uio0", NULL, &why), -EBUSY);
	assert_non_null(strstr(why.what, "in use"));
	/* the start within the page, and the map's number as the offset in pages */
	assert_int_equal(amph_uio_open(&second, "uio3", "fifo", &why), 0);
	assert_int_equal(second.pa, 0x1080);
	assert_int_equal(second.size, 0x1f80);
	assert_int_equal((uintptr_t)second.va % 4096, 0x80);
	memset(second.va, 'y', second.size);
	amph_uio_close(&second);
	amph_uio_close(&first);
	amph_uio_close(&first); /* once more does nothing */
	assert_int_equal(count_fds(), fds);
	assert_int_equal(kernel.mapped, 0);
	remove_folder();
}

static void device_of_another_user_is_refused(void **state)
{
	struct amph_uio uio;
	struct amph_why why;

	(void)state;
	make_devices();
	kernel.open_error = EACCES;
	assert_int_equal(amph_uio_open(&uio, "frames", NULL, &why), -EACCES);
	assert_non_null(strstr(why.what, "user"));
	remove_folder();
}

static void whatever_call_fails_nothing_stays_open(void **state)
{
	int refusals = 0, fds = count_fds();
	struct amph_uio uio;
	struct amph_why why;

	(void)state;
	make_devices();
	make_memory("/dev/uio0", SIZE);
	for (int n = 1;; n++) {
		int error;

		fake_kernel_fail(n, EIO);
		error = amph_uio_open(&uio, "frames", NULL, &why);
		kernel.fail_at = 0;
		if (error)
			assert_true(kernel.failed);
		refusals += error != 0;
		amph_uio_close(&uio);
		assert_int_equal(count_fds(), fds);
		assert_int_equal(kernel.mapped, 0);
		if (!error && !kernel.failed)
			break;
	}
	assert_in_range(refusals, 10, 20);
	remove_folder();
}

static void buffers_of_uio_memory_are_uncached_and_zeroed(void **state)
{
	static const uint64_t granules[] = {1, 4, 64};
	struct amph_provider_pool provider;
	struct amph_memory memory;
	struct amph_pool pool;
	struct amph_pool_block blocks[9];
	struct amph_segment segment;
	struct amph_range range;
	struct amph_shm_storage storage = {
		.ranges = &range, .range_max = 1, .segments = &segment, .segment_max = 1};
	struct amph_shm shm;
	struct amph_uio uio;

	(void)state;
	make_devices();
	make_memory("/dev/uio0", SIZE);
	assert_int_equal(amph_uio_open(&uio, "frames", NULL, NULL), 0);
	for (size_t i = 0; i < sizeof(granules) / sizeof(granules[0]); i++) {
		const uint64_t granule = granules[i], size = 1003;
		const uint64_t taken = (size + granule - 1) / granule * granule;

		memset(uio.va, 'x', uio.size);
		assert_int_equal(amph_memory_init(&memory), 0);
		assert_int_equal(amph_pool_init(&pool, uio.size, granule, blocks, 9), 0);
		assert_int_equal(amph_provider_uio_init(&provider, "uio", &pool, &uio), 0);
		assert_int_equal(amph_memory_add_provider(&memory, &provider.provider), 0);
		assert_int_equal(amph_shm_open(&memory, &shm, &storage, "uio:a", size, 0), 0);
		assert_int_equal(shm.flags, AMPH_SHM_NOT_CACHED);
		assert_int_equal(shm.handle, -1);
		assert_int_equal(segment.length, size);
		for (uint64_t j = 0; j < taken; j++)
			assert_int_equal(((char *)shm.va)[j], 0);
		assert_int_equal(((char *)shm.va)[taken], 'x');
		assert_int_equal(amph_shm_put(&shm), 0);
		assert_int_equal(
			amph_shm_open(&memory, &shm, &storage, "uio:b", size, AMPH_SHM_NOT_CACHED),
			0);
		assert_int_equal(amph_shm_put(&shm), 0);
		assert_int_equal(
			amph_shm_open(&memory, &shm, &storage, "uio:c", size, AMPH_SHM_HUGE),
			-ENOTSUP);
		assert_int_equal(shm.why.limit, AMPH_SHM_READ_ONLY | AMPH_SHM_NOT_CACHED);
	}
	assert_int_equal(amph_pool_init(&pool, uio.size + 64, 64, blocks, 9), 0);
	assert_int_equal(amph_provider_uio_init(&provider, "uio", &pool, &uio), -EINVAL);
	amph_uio_close(&uio);
	assert_int_equal(amph_pool_init(&pool, SIZE, 64, blocks, 9), 0);
	assert_int_equal(amph_provider_uio_init(&provider, "uio", &pool, &uio), -EINVAL);
	remove_folder();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_is_found_by_names_and_numbers),
		cmocka_unit_test(name_that_two_devices_have_is_refused),
		cmocka_unit_test(names_that_are_not_there_are_refused),
		cmocka_unit_test(what_sysfs_says_is_checked),
		cmocka_unit_test(memory_is_opened_once),
		cmocka_unit_test(device_of_another_user_is_refused),
		cmocka_unit_test(whatever_call_fails_nothing_stays_open),
		cmocka_unit_test(buffers_of_uio_memory_are_uncached_and_zeroed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
