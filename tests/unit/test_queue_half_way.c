/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue that is met half way: set up in part, refused meanwhile, told of a message just before it
 * sleeps, released while messages still go out.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_liar.h"

static int open_main(uint64_t deadline)
{
	return amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, deadline);
}

/* --- setting up --- */

static void what_found_no_room_is_opened_by_the_next_call(void **state)
{
	(void)state;

	open_shares();
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(open_main(0), -ETIMEDOUT);
	mains.end.fail = 0;
	/* the other side knows of nothing */
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, RING_SIZE, true), 0);
	assert_null(mains.session.path);
	open_queue(4);
	close_queues();
}

static void who_refuses_a_queue_has_none_whatever_it_writes(void **state)
{
	(void)state;

	open_shares();
	open_others();
	choose_liar(false);
	assert_int_equal(open_main(0), -ETIMEDOUT);
	((uint32_t *)ring.shm.va)[3 * 64 / 4 + 1] = QUEUE_READY;
	say_reject(WIRE_GIVE, WIRE_NO_SPACE, ring_share, 0, RING_SIZE);
	assert_int_equal(open_main(0), -ENOSPC);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_null(mains.session.path);
	/* it is a buffer like any other again */
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), 0);
	end_lies();
}

static uint64_t patience;
static bool lost_patience;

/* There is always one more message, until the test gives up. */
static int poll_without_end(struct amph_channel *channel, uint64_t deadline)
{
	if (amph_time_now() >= patience)
		lost_patience = true;
	else if (!mains.end.count)
		amph_session_knock(&peers.session);
	return loopback_poll(channel, deadline);
}

static void opening_ends_in_time_however_much_the_other_side_says(void **state)
{
	static const struct amph_channel_ops ops = {loopback_send, poll_without_end};
	(void)state;

	open_shares();
	mains.end.channel.ops = &ops;
	patience = amph_deadline(2000);
	lost_patience = false;
	assert_int_equal(open_main(amph_deadline(5)), -ETIMEDOUT);
	assert_false(lost_patience);
	mains.end.channel.ops = &loopback_ops;
	open_queue(4);
	close_queues();
}

/* Another session's callback runs on this session's channel. */
static void a_channel_that_is_busy_leaves_the_queue_to_the_next_call(void **state)
{
	(void)state;

	open_shares();
	mains.end.poll_fail = -EBUSY;
	assert_int_equal(open_main(0), -EBUSY);
	mains.end.poll_fail = 0;
	settle(&mains, &peers);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_OPEN);
	assert_int_equal(open_main(0), 0);
	close_queues();
}

/* --- sleeping --- */

static uint32_t knocks, sleeps, sleeps_over_messages;

static int clean_nothing(const void *va, size_t length)
{
	(void)va;
	(void)length;
	return 0;
}

/* Nothing is cached; but it tells where the peer is: just before its sleep the main says something. */
static int invalidate_nothing(void *va, size_t length)
{
	(void)length;
	if (va == &queue_sleeper(&peer_queue, peer_queue.peer_line)->bell && knocks) {
		knocks--;
		amph_session_knock(&mains.session);
	}
	return 0;
}

static void wait_for_bell(void *argument, const uint32_t *bell, uint32_t seen, uint64_t deadline)
{
	(void)argument;
	(void)bell;
	(void)seen;
	sleeps++;
	sleeps_over_messages += peers.end.count != 0;
	while (amph_time_now() < deadline)
		;
}

static void ring_bell(void *argument, const uint32_t *bell)
{
	(void)argument;
	(void)bell;
}

static void nobody_sleeps_over_a_message(void **state)
{
	static const struct amph_cache_ops ops = {.clean = clean_nothing,
						  .invalidate = invalidate_nothing};
	const struct amph_queue_config way = {
		.by_receive = true,
		.doorbell = {.wait = wait_for_bell, .ring = ring_bell},
	};
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	main_way = peer_way = way;
	open_queues(4);
	main_way = peer_way = (struct amph_queue_config){.spins = AMPH_QUEUE_SPIN};
	peer_queue.cache = &ops;
	knocks = 3;
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, amph_deadline(20), &count),
			 -ETIMEDOUT);
	assert_int_equal(knocks, 0);
	assert_int_equal(sleeps_over_messages, 0);
	assert_true(sleeps > 0);
	peer_queue.cache = NULL;
	close_queues();
}

static void who_never_sleeps_is_not_woken_and_told_so(void **state)
{
	(void)state;

	open_queues(4);
	assert_int_equal(amph_queue_arm(&peer_queue), -ENOTSUP);
	close_queues();
}

/* --- the end --- */

static uint8_t at_release[RING_SIZE];

/* As soon as the release is out, the home may use the memory for something else. */
static int send_and_look(struct amph_channel *channel, const void *message, uint32_t length,
			 intptr_t handle, uint64_t deadline)
{
	int error = loopback_send(channel, message, length, handle, deadline);

	if (((const struct wire_header *)message)->type == WIRE_RELEASE)
		memcpy(at_release, arena, RING_SIZE);
	return error;
}

static void an_importer_that_releases_touches_the_memory_no_more(void **state)
{
	static const struct amph_channel_ops ops = {send_and_look, loopback_poll};
	(void)state;

	open_queues(4);
	assert_int_equal(amph_session_release(&mains.session, data_share, 0), 0);
	settle(&mains, &peers);
	peers.end.channel.ops = &ops;
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	assert_memory_equal(at_release, arena, RING_SIZE);
	amph_session_knock(&peers.session);
	assert_memory_equal(at_release, arena, RING_SIZE);
	settle(&mains, &peers);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	drop_buffer(&ring);
	drop_buffer(&data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_found_no_room_is_opened_by_the_next_call),
		cmocka_unit_test(who_refuses_a_queue_has_none_whatever_it_writes),
		cmocka_unit_test(opening_ends_in_time_however_much_the_other_side_says),
		cmocka_unit_test(a_channel_that_is_busy_leaves_the_queue_to_the_next_call),
		cmocka_unit_test(nobody_sleeps_over_a_message),
		cmocka_unit_test(who_never_sleeps_is_not_woken_and_told_so),
		cmocka_unit_test(an_importer_that_releases_touches_the_memory_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
