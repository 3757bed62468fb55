/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share sessions against a side that reads slowly and talks without end: no call takes much longer
 * than its caller allowed.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "share/raw.h"

#define MILLISECOND 1000000u

/* --- a channel whose other end makes room for a message only now and then --- */

static uint64_t room_after; /* nanoseconds that each message waits for room */
static bool flooded; /* there is always one more message to refuse */

static void sleep_until(uint64_t time)
{
	while (amph_time_now() < time)
		nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
}

static int slow_send(struct amph_channel *channel, const void *message, uint32_t length,
		     intptr_t handle, uint64_t deadline)
{
	uint64_t now = amph_time_now();

	if (room_after && deadline < now + room_after) {
		sleep_until(deadline);
		return -ETIMEDOUT;
	}
	sleep_until(now + room_after);
	return loopback_send(channel, message, length, handle, deadline);
}

/* A release of nothing: to be refused, with NOT_FOUND. */
static void garbage(struct side *from)
{
	raw.body.answer = (struct wire_answer){.handle = 77, .generation = 1, .flags = 1};
	assert_int_equal(amph_session_send(&from->session, &raw, WIRE_RELEASE, 0, -1, 0), 0);
}

static int flooded_poll(struct amph_channel *channel, uint64_t deadline)
{
	peers.end.count = 0;
	if (flooded)
		garbage(&peers);
	return loopback_poll(channel, deadline);
}

static const struct amph_channel_ops slow = {slow_send, flooded_poll};

static void open_slow_pair(void)
{
	room_after = 0;
	flooded = false;
	open_pair();
	mains.end.channel.ops = &slow;
}

static void all_answers_of_one_poll_share_one_second(void **state)
{
	uint64_t start, took;
	(void)state;

	open_slow_pair();
	for (int i = 0; i < 8; i++)
		garbage(&peers);
	room_after = 300 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, start + 50 * MILLISECOND), -EPIPE);
	took = amph_time_now() - start;
	assert_true(took >= 900 * (uint64_t)MILLISECOND);
	assert_true(took < 1250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	/* three were answered, the fourth lost the session, and the others were dropped */
	assert_int_equal(mains.session.count.rejected, 4);
	assert_int_equal(mains.session.sent, 3);
	assert_int_equal(mains.end.count, 0);
}

static void each_poll_may_wait_for_room_anew(void **state)
{
	(void)state;
	open_slow_pair();
	room_after = 120 * MILLISECOND;
	for (int i = 0; i < 10; i++) {
		garbage(&peers);
		assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	}
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(mains.session.count.rejected, 10);
}

static void the_refusal_of_a_request_counts_too(void **state)
{
	uint64_t start;
	(void)state;

	open_slow_pair();
	for (uint32_t i = 0; i < 6; i++) {
		raw.body.request =
			(struct wire_request){.request = i + 1, .size = UINT64_MAX, .direction = 1};
		amph_session_send(&peers.session, &raw, WIRE_REQUEST, 0, -1, 0);
	}
	room_after = 400 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, 0), -EPIPE);
	assert_true(amph_time_now() - start < 1250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.sent, 2);
}

static void a_replay_is_not_worth_waiting_for_room(void **state)
{
	uint64_t start;
	(void)state;

	open_slow_pair();
	garbage(&peers);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	peers.session.sent = 0;
	garbage(&peers);
	room_after = 500 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_true(amph_time_now() - start < 250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.count.rejected, 2);
	assert_int_equal(mains.session.sent, 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

/* --- input without end --- */

static void no_wait_outlasts_its_deadline_under_a_flood(void **state)
{
	struct amph_share *share;
	uint64_t start = amph_time_now();
	uint64_t patience = 30 * MILLISECOND;
	(void)state;

	open_slow_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	flooded = true;
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true,
						 amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_RELEASED,
						 amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);

	open_slow_pair();
	share_buffer(AMPH_DEVICE_READS_WRITES);
	flooded = true;
	assert_int_equal(amph_session_close(&mains.session, amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_true(amph_time_now() - start < 1000 * (uint64_t)MILLISECOND);
}

static void nor_does_opening(void **state)
{
	uint64_t start = amph_time_now();
	(void)state;

	open_slow_pair();
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	flooded = true;
	assert_int_equal(amph_session_open(&mains.session, start + 30 * MILLISECOND), -ETIMEDOUT);
	assert_true(amph_time_now() - start < 500 * (uint64_t)MILLISECOND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_answers_of_one_poll_share_one_second),
		cmocka_unit_test(each_poll_may_wait_for_room_anew),
		cmocka_unit_test(the_refusal_of_a_request_counts_too),
		cmocka_unit_test(a_replay_is_not_worth_waiting_for_room),
		cmocka_unit_test(no_wait_outlasts_its_deadline_under_a_flood),
		cmocka_unit_test(nor_does_opening),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
