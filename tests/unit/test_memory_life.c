/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a buffer: names, references, attach, detach, quarantine.
 * Test code; the provider and the targets are plain arrays.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/memfd.h>
#include <amphora/target.h>

static void a_buffer_goes_to_a_process_and_back(void **state)
{
	struct amph_memory memory;
	struct amph_provider memfd;
	struct amph_target process;
	struct amph_range ranges[4];
	struct amph_segment segments[1];
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct amph_attachment attachment;
	struct amph_shm shm;

	(void)state;
	assert_int_equal(amph_memory_init(&memory), 0);
	amph_provider_memfd_init(&memfd);
	assert_int_equal(amph_memory_add_provider(&memory, &memfd), 0);
	assert_int_equal(amph_shm_open(&memory, &shm, &storage, "memfd:picture", 10000, 0), 0);
	amph_target_process_init(&process, "peer");
	assert_int_equal(amph_shm_attach(&shm, &process, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_MESSAGES, &attachment, segments, 1),
			 0);
	assert_int_equal(amph_shm_sync_for_device(&attachment, 0, 10000, false), 0);
	assert_int_equal(amph_shm_check_access(&shm, 0, 1, false), -EACCES);
	assert_int_equal(amph_shm_sync_for_cpu(&attachment, 100, 200), 0);
	assert_int_equal(amph_shm_check(&shm), 0);
	assert_int_equal(shm.range_count, 3);
	assert_int_equal(amph_shm_sync_for_cpu(&attachment, 0, 100), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&attachment, 300, 9700), 0);
	assert_int_equal(shm.range_count, 1);
	assert_int_equal(amph_shm_put(&shm), -EBUSY);
	assert_int_equal(amph_shm_detach(&attachment), 0);
	assert_int_equal(amph_shm_put(&shm), 0);
	assert_null(memory.buffers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_goes_to_a_process_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
