/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What an application must not do with a session, what an integrator may configure away, and the
 * limits themselves: refused, and nothing has changed.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/raw.h"

static void a_configuration_is_taken_up_to_its_limits_and_no_further(void **state)
{
	static struct side side;
	struct amph_session session;
	struct amph_session_config good, bad;

	(void)state;
	memset(&side, 0, sizeof(side));
	loopback_init(&side.end, &mains.end);
	side_init(&side, AMPH_SESSION_PEER, 1);
	good = side.config;
	good.cache_line = 4096;
	side.end.channel.message_max = WIRE_MESSAGE_LEAST;
	assert_int_equal(amph_session_init(&session, &good), 0);
	bad = good;
	bad.cache_line = 8192;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad.cache_line = 48;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.channel = NULL;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.memory = NULL;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.target = NULL;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.shares = NULL;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.share_max = 0;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	bad = good;
	bad.nonce = 0;
	assert_int_equal(amph_session_init(&session, &bad), -EINVAL);
	side.end.channel.message_max = WIRE_MESSAGE_LEAST - 1;
	assert_int_equal(amph_session_init(&session, &good), -EMSGSIZE);
}

static void opening_says_why_it_failed(void **state)
{
	(void)state;
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 5);
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	/* the endpoint may still learn who is there; any other error is one */
	mains.end.fail = -ENOTCONN;
	assert_int_equal(amph_session_open(&mains.session, 0), -ETIMEDOUT);
	mains.end.fail = -EIO;
	assert_int_equal(amph_session_open(&mains.session, 0), -EIO);
	assert_int_equal(mains.session.state, AMPH_SESSION_GREETING);
	mains.end.fail = 0;
	mains.end.poll_fail = -EPIPE;
	assert_int_equal(amph_session_open(&mains.session, 0), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	mains.end.poll_fail = 0;
	assert_int_equal(amph_session_open(&mains.session, 0), -EPIPE);
	assert_int_equal(mains.end.sent, 1);
	open_pair();
	assert_int_equal(amph_session_open(&mains.session, 0), 0);
}

static void a_session_that_is_not_open_sends_nothing(void **state)
{
	struct amph_session_request wanted = {.size = 64, .direction = 3};
	struct amph_share *share, *import = &peers.shares[0];
	uint32_t request, before[2];

	(void)state;
	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	before[0] = mains.end.sent;
	before[1] = peers.end.sent;
	for (int i = 0; i < 2; i++) {
		/* as if the greeting had not come through yet */
		mains.session.state = peers.session.state = i ? AMPH_SESSION_CLOSING
							      : AMPH_SESSION_GREETING;
		assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request),
				 -ENOTCONN);
		assert_int_equal(amph_session_deny(&mains.session, request, -EPERM, 0), -ENOTCONN);
		assert_int_equal(amph_session_return(&peers.session, import, 0, 64, 0, 0),
				 -ENOTCONN);
		assert_int_equal(amph_session_release(&mains.session, share, 0), -ENOTCONN);
		assert_int_equal(amph_session_release(&peers.session, import, 0), -ENOTCONN);
		assert_int_equal(amph_session_give(&mains.session, share, 64, 64, false, 0, 0),
				 -ENOTCONN);
	}
	mains.session.state = peers.session.state = AMPH_SESSION_OPEN;
	assert_int_equal(mains.end.sent, before[0]);
	assert_int_equal(peers.end.sent, before[1]);
	assert_int_equal(amph_shm_check_access(share->shm, 64, 64, true), 0);
	assert_int_equal(amph_session_return(&peers.session, import, 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_deny(&mains.session, request, -EPERM, 0), 0);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	close_buffer();
}

static void a_share_of_another_session_or_kind_is_refused(void **state)
{
	static struct side other, far;
	struct amph_share *share, *import = &peers.shares[0], *half;

	(void)state;
	open_pair();
	assert_int_equal(sides_open(&other, &far), 0);
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_return(&far.session, import, 0, 64, 0, 0), -EPERM);
	assert_int_equal(amph_session_return(&mains.session, share, 0, 64, 0, 0), -EPERM);
	assert_int_equal(amph_session_give(&peers.session, import, 0, 64, false, 0, 0), -EPERM);
	assert_int_equal(amph_session_give(&other.session, share, 64, 64, false, 0, 0), -EPERM);
	assert_int_equal(amph_session_return(&peers.session, import, 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&other.session, share, 0), -EPERM);
	assert_int_equal(amph_session_release(&far.session, import, 0), -EPERM);
	assert_int_equal(amph_session_wait_range(&other.session, share, 0, 64, true, 0), -ENOENT);
	assert_int_equal(amph_session_wait_range(&peers.session, &peers.shares[1], 0, 64, true, 0),
			 -ENOENT);
	/* half offered: not to be returned or waited for yet */
	half = &peers.shares[1];
	raw_offer(9)->segment_count = 2;
	say(&mains, &peers, WIRE_OFFER, 1);
	assert_int_equal(half->state, AMPH_SHARE_OFFERED);
	assert_int_equal(amph_session_return(&peers.session, half, 0, 64, 0, 0), -EPERM);
	assert_int_equal(amph_session_release(&peers.session, half, 0), -EPERM);
	assert_int_equal(amph_session_wait_range(&peers.session, half, 0, 64, true, 0), -ENOENT);
	/* and the home can't refuse what was never returned from it */
	say_reject(&mains, &peers, WIRE_RETURN, WIRE_BUSY, half, 0, 64);
	assert_int_equal(half->state, AMPH_SHARE_OFFERED);
	assert_int_not_equal(last_event(&peers)->what, 'U');
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void an_attachment_that_the_session_can_t_serve_is_not_offered(void **state)
{
	struct amph_attachment attachment;
	struct amph_share *share;

	(void)state;
	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	attachment = buffer.attachment;
	attachment.method = AMPH_SYNC_LOCK;
	assert_int_equal(amph_session_offer(&mains.session, &attachment, 0, 0, &share), -ENOTSUP);
	/* version 1 of the protocol knows no queues */
	attachment.method = AMPH_SYNC_QUEUE;
	mains.session.version = 1;
	assert_int_equal(amph_session_offer(&mains.session, &attachment, 0, 0, &share), -ENOTSUP);
	mains.session.version = WIRE_VERSION_MAX;
	attachment = buffer.attachment;
	attachment.shm = NULL;
	assert_int_equal(amph_session_offer(&mains.session, &attachment, 0, 0, &share), -EINVAL);
	assert_null(share);
	assert_int_equal(live_shares(&mains), 0);
	close_buffer();
}

static void no_callback_may_wait(struct amph_session *session, struct amph_share *share,
				 uint64_t offset, uint64_t length, bool reading, uint64_t cookie)
{
	(void)reading;
	assert_int_equal(amph_session_poll(session, amph_deadline(60000)), -EBUSY);
	assert_int_equal(amph_session_close(session, amph_deadline(60000)), -EBUSY);
	assert_int_equal(session->state, AMPH_SESSION_OPEN);
	side_taken(session, share, offset, length, false, cookie);
}

/* Nothing is out: but for the callback it could be closed. */
static void no_answer_may_wait(struct amph_session *session, struct amph_share *share)
{
	assert_int_equal(amph_session_poll(session, amph_deadline(60000)), -EBUSY);
	assert_int_equal(amph_session_close(session, 0), -EBUSY);
	assert_false(session->closing);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
}

static void a_callback_that_waits_is_refused(void **state)
{
	struct amph_share *share;

	(void)state;
	open_pair();
	mains.events.answered = no_answer_may_wait;
	peers.events.taken = no_callback_may_wait;
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->what, 'T');
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	close_buffer();
}

static void a_side_without_room_for_buffers_takes_none(void **state)
{
	(void)state;
	for (int missing = 0; missing < 3; missing++) {
		open_pair();
		if (missing == 0)
			peers.session.config.ranges = NULL;
		else if (missing == 1)
			peers.session.config.ranges_per_share = 0;
		else
			peers.session.config.segments = NULL;
		open_buffer(AMPH_DEVICE_READS_WRITES);
		offer_buffer();
		settle(&mains, &peers);
		said_refuse(&peers, WIRE_UNSUPPORTED);
		assert_int_equal(last_event(&mains)->error, -ENOTSUP);
		assert_int_equal(live_shares(&peers) + live_shares(&mains), 0);
		close_buffer();
	}
}

static void segments_whose_sum_wraps_are_malformed(void **state)
{
	(void)state;
	open_pair();
	raw_offer(2)->segment_count = 2;
	raw.body.offer.count = 2;
	raw.body.offer.segments[0] = (struct wire_segment){0, 1ull << 63};
	raw.body.offer.segments[1] = (struct wire_segment){0, (1ull << 63) + 4096};
	assert_int_equal(send_raw(&mains, WIRE_OFFER, 2), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(peers.maps, 0);
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void a_request_for_all_of_the_quota_is_granted_and_one_byte_more_is_not(void **state)
{
	struct amph_session_request wanted = {.size = 65536, .direction = 3};
	uint32_t request;

	(void)state;
	open_pair();
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&mains)->what, 'Q');
	assert_int_equal(mains.session.granted_size, 65536);
	assert_int_equal(amph_session_deny(&mains.session, request, -EPERM, 0), 0);
	settle(&mains, &peers);
	wanted.size++;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->error, -EDQUOT);
	/* and a side that has no policy, or no events at all, grants nothing */
	wanted.size = 64;
	mains.session.config.events = NULL;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->error, -ENOTSUP);
	assert_int_equal(mains.session.granted_size, 0);
}

static void a_close_that_can_t_be_releases_nothing(void **state)
{
	static struct buffer more;
	struct amph_share *idle, *busy;

	(void)state;
	open_pair();
	idle = share_buffer(AMPH_DEVICE_READS_WRITES);
	memset(&more, 0, sizeof(more));
	assert_int_equal(buffer_open(&more, &mains, "arena:2000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&more, &mains, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&mains.session, &more.attachment, 0, 0, &busy), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_give(&mains.session, busy, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_close(&mains.session, 0), -EBUSY);
	assert_int_equal(idle->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	/* what can't be sent is said as it is */
	mains.end.fail = -EIO;
	assert_int_equal(amph_session_close(&mains.session, 0), -EIO);
	assert_int_equal(idle->state, AMPH_SHARE_ACCEPTED);
	mains.end.fail = 0;
	/* both leave at once: the other's goodbye ends the wait for its last answer */
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(amph_session_poll(&peers.session, 0), 2);
	assert_int_equal(amph_session_close(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSING);
	assert_int_equal(amph_session_close(&mains.session, 0), 0);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	/* what is over stays as it ended */
	amph_session_lose(&mains.session, -EIO, "too late");
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.session.error, 0);
	settle(&mains, &peers);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	close_buffer();
	assert_int_equal(amph_shm_detach(&more.attachment), 0);
	assert_int_equal(amph_shm_put(&more.shm), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_configuration_is_taken_up_to_its_limits_and_no_further),
		cmocka_unit_test(opening_says_why_it_failed),
		cmocka_unit_test(a_session_that_is_not_open_sends_nothing),
		cmocka_unit_test(a_share_of_another_session_or_kind_is_refused),
		cmocka_unit_test(an_attachment_that_the_session_can_t_serve_is_not_offered),
		cmocka_unit_test(a_callback_that_waits_is_refused),
		cmocka_unit_test(a_side_without_room_for_buffers_takes_none),
		cmocka_unit_test(segments_whose_sum_wraps_are_malformed),
		cmocka_unit_test(
			a_request_for_all_of_the_quota_is_granted_and_one_byte_more_is_not),
		cmocka_unit_test(a_close_that_can_t_be_releases_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
