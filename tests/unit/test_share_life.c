/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a share session: silence, failures of the channel, the end.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "share/raw.h"

static void a_give_that_cannot_be_sent_gives_nothing(void **state)
{
	struct amph_share *share, *import = &peers.shares[0];
	uint32_t sent;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	sent = mains.session.sent;
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), -ETIMEDOUT);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, true, 0, 0), -ETIMEDOUT);
	assert_int_equal(amph_session_release(&mains.session, share, 0), -ETIMEDOUT);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(mains.session.sent, sent);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
	assert_int_equal(buffer.shm.range_count, 1);
	mains.end.fail = 0;
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	assert_int_equal(amph_session_give(&mains.session, share, 64, 64, true, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(import->shm, 64, 64, true), -EACCES);
	peers.end.fail = -EPIPE;
	assert_int_equal(amph_session_return(&peers.session, import, 0, 64, 0, 0), -EPIPE);
	assert_int_equal(amph_session_return(&peers.session, import, 64, 64, 0, 0), -EPIPE);
	assert_int_equal(amph_shm_check_access(import->shm, 0, 64, true), 0);
	assert_int_equal(amph_shm_check_access(import->shm, 64, 64, true), -EACCES);
	assert_int_equal(amph_shm_check_access(import->shm, 64, 64, false), 0);
	peers.end.fail = 0;
	assert_int_equal(amph_session_return(&peers.session, import, 0, 128, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
	assert_int_equal(mains.session.count.rejected, 0);
}

static void an_offer_that_cannot_be_sent_leaves_no_slot(void **state)
{
	struct amph_share *share, *again;
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -ETIMEDOUT);
	assert_null(share);
	assert_int_equal(live_shares(&mains), 0);
	mains.end.fail = 0;
	share = offer_buffer();
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &again),
			 -EBUSY);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	close_buffer();
}

static void what_the_other_side_may_have_mapped_is_not_detached(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	share = offer_buffer();
	assert_int_equal(amph_shm_detach(&buffer.attachment), -EBUSY);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_shm_detach(&buffer.attachment), -EBUSY);
	assert_non_null(buffer.shm.why.what);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	assert_int_equal(amph_shm_detach(&buffer.attachment), -EBUSY);
	settle(&mains, &peers);
	close_buffer();
}

static void detach_when_released(struct amph_session *session, struct amph_share *share)
{
	(void)session;
	close_buffer();
	memset(share->attachment, 0xa5, sizeof(*share->attachment)); /* its storage is used anew */
	share->user = share;
}

static void detach_and_lose_when_released(struct amph_session *session, struct amph_share *share)
{
	detach_when_released(session, share);
	amph_session_lose(session, -EIO, "enough");
}

static void a_buffer_may_be_detached_by_the_callback_of_its_release(void **state)
{
	struct amph_share *share;
	(void)state;

	for (int losing = 0; losing < 2; losing++) {
		open_pair();
		share = share_buffer(AMPH_DEVICE_READS_WRITES);
		mains.events.released = losing ? detach_and_lose_when_released
					       : detach_when_released;
		assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
		settle(&mains, &peers);
		assert_ptr_equal(share->user, share);
		assert_int_equal(share->state, AMPH_SHARE_FREE);
		for (size_t i = 0; i < sizeof(buffer.attachment); i++)
			assert_int_equal(((uint8_t *)&buffer.attachment)[i], 0xa5);
	}
}

static void an_answer_that_cannot_be_sent_ends_the_session(void **state)
{
	(void)state;
	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	offer_buffer();
	peers.end.fail = -ETIMEDOUT;
	assert_int_equal(amph_session_poll(&peers.session, 0), -EPIPE);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);
	assert_int_equal(amph_session_poll(&peers.session, 0), -EPIPE);
}

static void half_of_a_long_offer_ends_the_session(void **state)
{
	struct amph_share *share;
	struct amph_segment segments[40];
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	for (uint32_t i = 0; i < 40; i++)
		segments[i] = (struct amph_segment){ARENA_DA + i * 256, 64};
	buffer.attachment.segments = segments;
	buffer.attachment.segment_count = 40;
	mains.end.fail = -ETIMEDOUT;
	mains.end.fail_after = 1;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_null(share);
	assert_int_equal(live_shares(&mains), 0);
}

static void half_of_an_answer_to_a_request_counts_no_bytes_of_the_quota(void **state)
{
	const struct amph_session_request request = {.size = 64, .direction = AMPH_DEVICE_READS};
	struct amph_share *share;
	struct amph_segment segments[40];
	uint32_t id;
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	for (uint32_t i = 0; i < 40; i++)
		segments[i] = (struct amph_segment){ARENA_DA + i * 256, 64};
	buffer.attachment.segments = segments;
	buffer.attachment.segment_count = 40;
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.session.granted_size, 64);
	mains.end.fail = -ETIMEDOUT;
	mains.end.fail_after = 1;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id, 0, &share),
			 -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_int_equal(mains.session.granted_size, 64);
}

static void a_long_segment_list_goes_over_several_messages(void **state)
{
	struct amph_share *share;
	struct amph_segment segments[40];
	(void)state;

	open_pair();
	mains.session.message_max = 200; /* 4 segments in the offer, 10 in each that follows */
	open_buffer(AMPH_DEVICE_READS_WRITES);
	for (uint32_t i = 0; i < 32; i++)
		segments[i] = (struct amph_segment){ARENA_DA + 0x1000 + i * 128, 128};
	buffer.attachment.segments = segments;
	buffer.attachment.segment_count = 32;
	mains.end.sent = 0;
	share = offer_buffer();
	assert_int_equal(mains.end.sent, 4);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(peers.shares[0].segments_received, 32);
	assert_int_equal(peers.shares[0].segments[31].address, ARENA_DA + 0x1000 + 31 * 128);
	assert_ptr_equal(peers.shares[0].va, buffer.shm.va);
}

static void a_broken_channel_ends_the_session(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	mains.end.poll_fail = -EBUSY;
	assert_int_equal(amph_session_poll(&mains.session, 0), -EBUSY);
	mains.end.poll_fail = -EPIPE;
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true, 0), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_true(buffer.attachment.quarantined);
	assert_int_equal(amph_session_give(&mains.session, share, 64, 64, false, 0, 0), -EPIPE);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true, 0), -EPIPE);
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED, 0),
			 -EPIPE);
	assert_int_equal(amph_session_close(&mains.session, 0), -EPIPE);
	amph_session_lose(&mains.session, -EIO, "again");
	assert_int_equal(mains.session.error, -EPIPE);
	amph_target_off(&mains.target.target);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

/* Time as a session sees it, so that a busy machine makes no silence. */
static void pass_time(struct amph_session *session, uint64_t milliseconds)
{
	session->heard -= milliseconds * 1000000u;
	session->beat -= milliseconds * 1000000u;
}

static void silence_ends_the_session_and_heartbeats_prevent_it(void **state)
{
	(void)state;
	if (amph_time_now() < 11 * 60000 * 1000000ull)
		skip(); /* the clock starts at boot, and has no past to pass */
	open_pair();
	mains.session.peer_heartbeat_ms = peers.session.peer_heartbeat_ms = 60000;
	mains.session.config.heartbeat_ms = peers.session.config.heartbeat_ms = 60000;
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.end.count, 0);
	for (int i = 0; i < 5; i++) {
		pass_time(&mains.session, 60000);
		pass_time(&peers.session, 60000);
		assert_true(amph_session_poll(&mains.session, 0) == -ETIMEDOUT || i);
		assert_int_equal(peers.end.count, 1); /* a heartbeat was due */
		assert_int_equal(amph_session_poll(&peers.session, 0), 1);
		assert_int_equal(amph_session_poll(&peers.session, 0), -ETIMEDOUT);
	}
	assert_int_equal(peers.session.received, 5);
	settle(&mains, &peers);
	/* what came in time counts, even if nobody looked until now */
	pass_time(&mains.session, 60000);
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	pass_time(&peers.session, 10 * 60000);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	settle(&mains, &peers);
	/* no room for a heartbeat is no loss yet */
	mains.end.fail = -ETIMEDOUT;
	pass_time(&mains.session, 60000);
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	/* 3.9 heartbeats are not too long, four are */
	mains.end.fail = 0;
	mains.end.count = 0;
	mains.session.heard = amph_time_now();
	pass_time(&mains.session, 239000);
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	pass_time(&mains.session, 1000);
	assert_int_equal(amph_session_poll(&mains.session, amph_deadline(10000)), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	/* a broken channel is found by the heartbeat */
	peers.end.fail = -EPIPE;
	peers.end.count = 0;
	pass_time(&peers.session, 60000);
	assert_int_equal(amph_session_poll(&peers.session, 0), -EPIPE);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
}

static void who_sends_no_heartbeats_still_misses_the_other_side_s(void **state)
{
	(void)state;

	open_pair();
	assert_int_equal(mains.session.config.heartbeat_ms, 0);
	mains.session.peer_heartbeat_ms = 1;
	usleep(1000 * 2 * AMPH_SESSION_HEARTBEATS);
	assert_int_equal(amph_session_poll(&mains.session, 0), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_int_equal(mains.target.target.state, AMPH_TARGET_LOST);
}

static void an_orderly_end_releases_everything(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	assert_int_equal(amph_session_close(&mains.session, 0), -EBUSY);
	settle(&mains, &peers);
	assert_int_equal(amph_session_close(&peers.session, 0), -EBUSY);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	/* the importer's end this time */
	assert_int_equal(amph_session_close(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	settle(&mains, &peers);
	assert_int_equal(amph_session_close(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSING);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(amph_session_close(&peers.session, 0), 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(peers.session.error, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), -ENOTCONN);
	assert_int_equal(amph_session_close(&peers.session, 0), 0);
	assert_int_equal(last_event(&peers)->what, 'E');
	assert_int_equal(live_shares(&mains) + live_shares(&peers), 0);
	assert_int_equal(mains.target.target.state, AMPH_TARGET_ALIVE);
	close_buffer();
	/* what comes after the end is nothing */
	raw.body.deny = (struct wire_deny){0};
	amph_session_receive(&peers.session, &raw, 32, -1);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
}

static void who_closes_takes_nothing_new(void **state)
{
	struct amph_share *share;
	uint32_t id;
	const struct amph_session_request request = {.size = 64, .direction = 1};
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	peers.session.closing = true;
	raw_offer(9);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_CLOSING);
	assert_int_equal(amph_session_request(&mains.session, &request, 0, &id), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&mains)->what, 'G');
	assert_int_equal(last_event(&mains)->error, -ENOTCONN);
	mains.session.closing = true;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -EPERM);
	/* after its goodbye only the other's counts */
	open_pair();
	raw.body.deny = (struct wire_deny){0};
	assert_int_equal(amph_session_close(&peers.session, 0), -ETIMEDOUT);
	mains.end.count = 0;
	raw_offer(9);
	send_raw(&mains, WIRE_OFFER, 1);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(live_shares(&peers), 0);
	assert_int_equal(peers.end.last.header.type, WIRE_GOODBYE);
	raw.body.deny = (struct wire_deny){0};
	send_raw(&mains, WIRE_GOODBYE, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
}

static void leaving_without_releasing_is_a_loss(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share_buffer(AMPH_DEVICE_READS_WRITES);
	raw.body.deny = (struct wire_deny){0};
	send_raw(&peers, WIRE_GOODBYE, 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), -ECONNRESET);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_true(buffer.attachment.quarantined);

	/* an offer without an answer is none */
	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	share = offer_buffer();
	raw.body.deny = (struct wire_deny){0};
	send_raw(&peers, WIRE_GOODBYE, 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.log[0].what, 'A');
	assert_int_equal(mains.log[0].error, -ENOTCONN);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	close_buffer();

	/* nor is half of one */
	open_pair();
	raw_offer(1)->segment_count = 2;
	raw.body.offer.segments[0].length = 64;
	send_raw(&mains, WIRE_OFFER, 1);
	raw.body.deny = (struct wire_deny){0};
	send_raw(&mains, WIRE_GOODBYE, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 2);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(live_shares(&peers), 0);
}

static void close_withdraws_offers_and_waits_for_releases(void **state)
{
	(void)state;
	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	offer_buffer();
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(mains.shares[0].state, AMPH_SHARE_RELEASING);
	settle(&mains, &peers); /* accept crosses the release */
	assert_int_equal(live_shares(&mains) + live_shares(&peers), 0);
	assert_int_equal(last_event(&mains)->what, 'R');
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
	close_buffer();

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	peers.offered_error = -ENOMEM;
	offer_buffer();
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers); /* refuse crosses the release */
	assert_int_equal(live_shares(&mains) + live_shares(&peers), 0);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	close_buffer();
}

static void lose_in_callback(struct amph_session *session, struct amph_share *share,
			     uint64_t offset, uint64_t length, bool reading, uint64_t cookie)
{
	(void)share;
	(void)offset;
	(void)length;
	(void)reading;
	(void)cookie;
	assert_int_equal(amph_session_poll(session, 0), -EBUSY);
	assert_int_equal(amph_session_close(session, 0), -EBUSY);
	amph_session_lose(session, -EIO, "in a callback");
}

static int lose_when_offered(struct amph_session *session, struct amph_share *share)
{
	(void)share;
	amph_session_lose(session, -EIO, "in a callback");
	return 0;
}

static void lose_when_released(struct amph_session *session, struct amph_share *share)
{
	(void)share;
	amph_session_lose(session, -EIO, "in a callback");
}

static void a_callback_may_end_the_session(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	peers.events.taken = lose_in_callback;
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), -EIO);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);

	open_pair();
	peers.events.offered = lose_when_offered;
	open_buffer(AMPH_DEVICE_READS_WRITES);
	offer_buffer();
	assert_int_equal(amph_session_poll(&peers.session, 0), -EIO);
	assert_int_equal(peers.unmaps, 1);
	assert_int_equal(peers.end.last.header.type, WIRE_WELCOME);

	open_pair();
	peers.events.released = lose_when_released;
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), -EIO);
	assert_int_equal(peers.unmaps, 1);
	assert_int_equal(peers.end.last.header.type, WIRE_ACCEPT);
}

static void an_import_that_is_still_referred_to_keeps_its_slot(void **state)
{
	struct amph_share *share;
	struct amph_shm *shm;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	shm = peers.shares[0].shm;
	assert_int_equal(amph_shm_get(shm), 0);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	assert_null(shm->va);
	raw_offer(1);
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
	assert_int_equal(peers.shares[1].state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_shm_put(shm), 0);
	assert_null(shm->memory);
}

/* Main says it, and does not hear the answer. */
static void only_say(enum wire_type type, uint32_t count)
{
	assert_int_equal(send_raw(&mains, type, count), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	mains.end.count = 0;
}

static void only_release(uint32_t handle)
{
	raw.body.answer = (struct wire_answer){handle, 1, 0, WIRE_SHARE_HOME};
	only_say(WIRE_RELEASE, 0);
	assert_int_equal(peers.end.last.header.type, WIRE_RELEASED);
}

/* Found at once in the slot of its handle, and where that was taken in any other. */
static void an_import_is_found_wherever_it_lies(void **state)
{
	const uint32_t handles[] = {3, 3 + SIDE_SHARES, 3 + 2 * SIDE_SHARES};
	(void)state;

	open_pair();
	for (uint32_t i = 0; i < 3; i++) {
		raw_offer(handles[i])->segments[0].address += 4096 * i;
		only_say(WIRE_OFFER, 1);
	}
	assert_int_equal(peers.session.displaced, 2);
	assert_int_equal(peers.shares[2].handle, handles[0]);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(amph_session_find_import(&peers.session, handles[i])->handle,
				 handles[i]);
	assert_null(amph_session_find_import(&peers.session, 4));
	/* the first goes: the others are where they were */
	only_release(handles[0]);
	assert_null(amph_session_find_import(&peers.session, handles[0]));
	assert_int_equal(amph_session_find_import(&peers.session, handles[2])->handle, handles[2]);
	raw_offer(handles[1]);
	only_say(WIRE_OFFER, 1);
	said_reject(&peers, WIRE_OFFER, WIRE_EXISTS);
	only_release(handles[1]);
	only_release(handles[2]);
	assert_int_equal(peers.session.displaced, 0);
}

static void waiting_knows_what_it_waits_for(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	share = offer_buffer();
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_OFFERED, 0), 0);
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED, 0),
			 -ETIMEDOUT);
	peers.offered_error = -ENOMEM;
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED, 0),
			 -ENOMEM);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true, 0), -ENOENT);
	close_buffer();
	peers.offered_error = 0;
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true, 0),
			 -ETIMEDOUT);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 5000, true, 0), -EINVAL);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 64, 64, true, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_give_that_cannot_be_sent_gives_nothing),
		cmocka_unit_test(an_offer_that_cannot_be_sent_leaves_no_slot),
		cmocka_unit_test(what_the_other_side_may_have_mapped_is_not_detached),
		cmocka_unit_test(a_buffer_may_be_detached_by_the_callback_of_its_release),
		cmocka_unit_test(an_answer_that_cannot_be_sent_ends_the_session),
		cmocka_unit_test(half_of_a_long_offer_ends_the_session),
		cmocka_unit_test(half_of_an_answer_to_a_request_counts_no_bytes_of_the_quota),
		cmocka_unit_test(a_long_segment_list_goes_over_several_messages),
		cmocka_unit_test(a_broken_channel_ends_the_session),
		cmocka_unit_test(silence_ends_the_session_and_heartbeats_prevent_it),
		cmocka_unit_test(who_sends_no_heartbeats_still_misses_the_other_side_s),
		cmocka_unit_test(an_orderly_end_releases_everything),
		cmocka_unit_test(who_closes_takes_nothing_new),
		cmocka_unit_test(leaving_without_releasing_is_a_loss),
		cmocka_unit_test(close_withdraws_offers_and_waits_for_releases),
		cmocka_unit_test(a_callback_may_end_the_session),
		cmocka_unit_test(an_import_that_is_still_referred_to_keeps_its_slot),
		cmocka_unit_test(an_import_is_found_wherever_it_lies),
		cmocka_unit_test(waiting_knows_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
