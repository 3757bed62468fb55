/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue between two sides in one process: set up, hand-offs, room, order, and its end.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_pair.h"

static void a_range_goes_to_and_fro(void **state)
{
	struct amph_queue_entry entry = {.offset = 0, .length = DATA_SIZE, .cookie = 42};
	uint32_t count;
	(void)state;

	open_queues(8);
	entry.share = data_share;
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, 1, false), -EACCES);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(count, 1);
	assert_false(entry.share->home);
	assert_int_equal(entry.offset, 0);
	assert_int_equal(entry.length, DATA_SIZE);
	assert_int_equal(entry.cookie, 42);
	assert_false(entry.reading);
	assert_int_equal(amph_shm_check_access(entry.share->shm, 0, DATA_SIZE, true), 0);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), -ETIMEDOUT);
	assert_int_equal(count, 0);
	entry.cookie = 43;
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	assert_ptr_equal(entry.share, data_share);
	assert_int_equal(entry.cookie, 43);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
	close_queues();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_goes_to_and_fro),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
