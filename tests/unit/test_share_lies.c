/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A side that speaks well and lies: every lie is refused, changes nothing, and costs at most the
 * liar's own session.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/raw.h"

/* --- to the home --- */

static void return_of_what_was_not_given_is_refused(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	say_handoff(&peers, &mains, WIRE_RETURN, share, 0, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_OWNER);
	assert_int_equal(mains.end.last.body.reject.handle, share->handle);
	assert_int_equal(mains.end.last.body.reject.length, 64);

	assert_int_equal(amph_session_give(&mains.session, share, 64, 64, false, 0, 0), 0);
	say_handoff(&peers, &mains, WIRE_RETURN, share, 64, 128);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_OWNER);
	say_handoff(&peers, &mains, WIRE_RETURN, share, 64, 64);
	assert_int_equal(last_event(&mains)->what, 'T');
	say_handoff(&peers, &mains, WIRE_RETURN, share, 64, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_OWNER);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
}

static void return_of_a_range_that_cannot_be_is_refused(void **state)
{
	static const struct {
		uint64_t offset, length;
	} ranges[] = {
		{0, 0},
		{4096, 64},
		{0, 4096 + 64},
		{4032, 128},
		{32, 64},
		{0, 32},
		{64, 65},
		{UINT64_MAX - 63, 128},
		{64, UINT64_MAX - 63},
		{UINT64_MAX - 63, 64},
		{0, UINT64_MAX},
	};
	struct amph_share *share;
	(void)state;

	open_pair();
	mains.target.target.coherent = false;
	mains.target.target.cache_line = 64;
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(share->granule, 64);
	assert_int_equal(peers.shares[0].attachment->granule, 64);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 4096, false, 0, 0), 0);
	settle(&mains, &peers);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t logged = mains.logged;

		say_handoff(&peers, &mains, WIRE_RETURN, share, ranges[i].offset, ranges[i].length);
		said_reject(&mains, WIRE_RETURN, WIRE_INVALID);
		/* and the same to the importer, by its home */
		say_handoff(&mains, &peers, WIRE_GIVE, share, ranges[i].offset, ranges[i].length);
		said_reject(&peers, WIRE_GIVE, WIRE_INVALID);
		assert_int_equal(mains.logged, logged);
	}
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, false), -EACCES);
}

static void a_hand_off_of_another_handle_or_generation_is_refused(void **state)
{
	struct amph_share *share, other;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	other = *share;
	other.generation++;
	say_handoff(&peers, &mains, WIRE_RETURN, &other, 0, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_FOUND);
	say_handoff(&mains, &peers, WIRE_GIVE, &other, 64, 64);
	said_reject(&peers, WIRE_GIVE, WIRE_NOT_FOUND);
	other = *share;
	other.handle++;
	say_handoff(&peers, &mains, WIRE_RETURN, &other, 0, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_FOUND);
	say_handoff(&mains, &peers, WIRE_GIVE, &other, 64, 64);
	said_reject(&peers, WIRE_GIVE, WIRE_NOT_FOUND);
	other = *share;
	other.direction = AMPH_DEVICE_READS;
	say_handoff(&peers, &mains, WIRE_RETURN, &other, 0, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_INVALID);
	say_handoff(&mains, &peers, WIRE_GIVE, &other, 64, 64);
	said_reject(&peers, WIRE_GIVE, WIRE_INVALID);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 64, false), -EACCES);
	/* what one side is home of is nothing that the other gives */
	say_handoff(&peers, &mains, WIRE_GIVE, share, 0, 64);
	said_reject(&mains, WIRE_GIVE, WIRE_NOT_FOUND);
	say_handoff(&mains, &peers, WIRE_RETURN, share, 0, 64);
	said_reject(&peers, WIRE_RETURN, WIRE_NOT_FOUND);
}

static void an_answer_to_no_offer_is_refused(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	say_answer(&peers, &mains, WIRE_ACCEPT, 1, 1, 0, 0);
	said_reject(&mains, WIRE_ACCEPT, WIRE_NOT_FOUND);
	/* the peer contradicts itself: the end of that session */
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS);
	say_answer(&peers, &mains, WIRE_REFUSE, share->handle, share->generation, 1, 0);
	said_reject(&mains, WIRE_REFUSE, WIRE_STATE);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	say_answer(&peers, &mains, WIRE_REFUSE, share->handle, share->generation + 1, 1, 0);
	said_reject(&mains, WIRE_REFUSE, WIRE_NOT_FOUND);
	say_answer(&peers, &mains, WIRE_RELEASED, share->handle, share->generation, 0, 0);
	assert_int_equal(mains.end.last.body.reject.reason, WIRE_STATE);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS);
	say_answer(&peers, &mains, WIRE_ACCEPT, share->handle, share->generation, 0, 0);
	assert_int_equal(mains.end.last.body.reject.reason, WIRE_STATE);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
}

static void nothing_but_an_answer_comes_before_the_answer(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	share = offer_buffer();
	peers.end.count = 0; /* the peer never sees it */
	peers.session.received++;
	say_handoff(&peers, &mains, WIRE_RETURN, share, 0, 64);
	said_reject(&mains, WIRE_RETURN, WIRE_STATE);
	say_answer(&peers, &mains, WIRE_RELEASE, share->handle, share->generation, 0, 0);
	said_reject(&mains, WIRE_RELEASE, WIRE_STATE);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), -EPERM);
	assert_int_equal(share->state, AMPH_SHARE_OFFERED);
	say_answer(&peers, &mains, WIRE_REFUSE, share->handle, share->generation, 200, 0);
	assert_int_equal(last_event(&mains)->what, 'A');
	assert_int_equal(last_event(&mains)->state, AMPH_SHARE_REFUSED);
	assert_int_equal(last_event(&mains)->error, -EIO);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	close_buffer();
}

static void a_release_while_ranges_are_out_is_refused(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 4032, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&mains.session, share, 0), -EBUSY);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), -EBUSY);
	say_answer(&peers, &mains, WIRE_RELEASE, share->handle, share->generation, 0, 0);
	said_reject(&mains, WIRE_RELEASE, WIRE_BUSY);
	say_answer(&mains, &peers, WIRE_RELEASE, share->handle, share->generation, 0, 1);
	said_reject(&peers, WIRE_RELEASE, WIRE_BUSY);
	assert_int_equal(peers.unmaps, 0);
	say_answer(&mains, &peers, WIRE_RELEASED, share->handle, share->generation, 0, 1);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_STATE);
	assert_int_equal(peers.unmaps, 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
}

static void a_second_release_finds_nothing(void **state)
{
	struct amph_share *share;
	uint32_t handle, generation;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	handle = share->handle;
	generation = share->generation;
	peers.shares[0].state = AMPH_SHARE_RELEASING; /* as amph_session_release() leaves it */
	say_answer(&peers, &mains, WIRE_RELEASE, handle, generation, 0, 0);
	assert_int_equal(mains.logged, 2);
	assert_int_equal(last_event(&mains)->what, 'R');
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	close_buffer();

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	assert_int_equal(amph_session_release(&mains.session, share, 0), -EPERM);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&mains.session, share, 0), -EPERM);
	say_answer(&mains, &peers, WIRE_RELEASE, handle, generation, 0, 1);
	said_reject(&peers, WIRE_RELEASE, WIRE_NOT_FOUND);
	say_answer(&peers, &mains, WIRE_RELEASE, handle, generation, 0, 0);
	said_reject(&mains, WIRE_RELEASE, WIRE_NOT_FOUND);
	close_buffer();
}

static void a_refused_give_comes_back(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_NO_SPACE, share, 0, 64); /* of nothing */
	assert_int_equal(last_event(&mains)->what, 'A');
	assert_int_equal(amph_session_give(&mains.session, share, 0, 128, false, 0, 0), 0);
	/* a copy that was refused says nothing about the first */
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_REPLAY, share, 0, 128);
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_STALE, share, 0, 128);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, false), -EACCES);
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_NO_SPACE, share, 0, 64);
	assert_int_equal(last_event(&mains)->what, 'U');
	assert_int_equal(last_event(&mains)->error, -ENOSPC);
	assert_int_equal(last_event(&mains)->length, 64);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 64, true), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 64, 64, true), -EACCES);
	say_reject(&peers, &mains, WIRE_SEGMENTS, WIRE_NO_SPACE, share, 0, 0);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	say_reject(&peers, &mains, WIRE_RELEASE, WIRE_BUSY, share, 0, 0);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
}

static void a_refused_return_stays_where_its_home_says(void **state)
{
	struct amph_share *import = &peers.shares[0];
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 256, false, 0, 0), 0);
	settle(&mains, &peers);
	/* nothing was returned: a refusal of nothing */
	say_reject(&mains, &peers, WIRE_RETURN, WIRE_NO_SPACE, import, 0, 128);
	assert_int_equal(last_event(&peers)->what, 'T');
	assert_int_equal(amph_session_return(&peers.session, import, 0, 128, 0, 0), 0);
	mains.end.count = 0; /* as if the home had no room */
	mains.session.received++;
	say_reject(&mains, &peers, WIRE_RETURN, WIRE_NO_SPACE, import, 0, 128);
	assert_int_equal(last_event(&peers)->what, 'U');
	assert_int_equal(amph_shm_check_access(import->shm, 0, 128, true), 0);
	assert_int_equal(amph_session_return(&peers.session, import, 0, 128, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);
	say_reject(&mains, &peers, WIRE_RETURN, WIRE_NOT_OWNER, import, 0, 128);
	assert_int_equal(last_event(&peers)->what, 'U');
	assert_int_equal(amph_shm_check_access(import->shm, 0, 128, true), -EACCES);
}

static void a_contradicted_answer_ends_the_session(void **state)
{
	(void)state;
	open_pair();
	share_buffer(AMPH_DEVICE_READS);
	say_reject(&mains, &peers, WIRE_ACCEPT, WIRE_NOT_FOUND, &peers.shares[0], 0, 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	assert_int_equal(peers.session.error, -EPROTO);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);

	open_pair();
	say_reject(&mains, &peers, WIRE_RELEASED, WIRE_NOT_FOUND, NULL, 0, 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	open_pair();
	say_reject(&mains, &peers, WIRE_HEARTBEAT, WIRE_UNSUPPORTED, NULL, 0, 0);
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_UNSUPPORTED, NULL, 0, 0);
	say_reject(&peers, &mains, WIRE_RETURN, WIRE_UNSUPPORTED, NULL, 0, 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

/* --- to the importer --- */

static void offers_that_cannot_be_taken_are_refused(void **state)
{
	(void)state;
	open_pair();
	raw_offer(1)->segments[0].address = ARENA_DA - 1;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_RANGE);
	raw_offer(2)->segments[0].address = ARENA_DA + ARENA_SIZE - 4095;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_RANGE);
	raw_offer(2)->segments[0].address = UINT64_MAX - 4095;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_RANGE);
	raw_offer(3)->segments[0].length = 4095;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_MALFORMED);
	raw_offer(4)->segments[0].length = 4097;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_MALFORMED);
	raw_offer(5)->segment_count = SIDE_SEGMENTS + 1;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_TOO_MANY_SEGMENTS);
	raw_offer(6)->method = 1;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_UNSUPPORTED);
	raw_offer(7)->request = 3;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_NOT_FOUND);
	memset(raw_offer(8)->name, 'n', AMPH_NAME_MAX);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_NAME_TOO_LONG);
	strcpy(raw_offer(9)->name, "nocolon");
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_INVALID);
	raw_offer(10)->flags = WIRE_OFFER_HANDLE;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_reject(&peers, WIRE_OFFER, WIRE_MALFORMED);
	peers.offered_error = -EPERM;
	raw_offer(11);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_STATE);
	peers.offered_error = 1; /* whatever is not 0 */
	raw_offer(11);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_STATE);
	assert_int_equal(live_shares(&peers), 0);
	/* what was mapped was unmapped, and nothing is left in the lists */
	assert_int_equal(peers.maps, peers.unmaps);
	assert_int_equal(peers.maps, 3);
	assert_null(peers.memory.buffers);
}

static void an_importer_with_cached_lines_refuses_a_smaller_granule(void **state)
{
	(void)state;
	open_pair();
	peers.session.config.cache = &amph_cache_port;
	peers.session.config.cache_line = 64;
	raw_offer(1)->granule = 32;
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_INVALID);
	raw_offer(1)->granule = 64;
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
}

static uint32_t invalidated;

static int count_invalidated(void *va, size_t length)
{
	(void)va;
	(void)length;
	invalidated++;
	return 0;
}

static void an_importer_maintains_its_caches_however_the_home_has_mapped_the_buffer(void **state)
{
	static const struct amph_cache_ops counting = {.invalidate = count_invalidated};
	(void)state;

	open_pair();
	peers.session.config.cache = &counting;
	peers.session.config.cache_line = 64;
	peers.session.home.coherent = false;
	peers.session.home.cache = &counting;
	raw_offer(1)->granule = 64;
	raw.body.offer.flags = AMPH_SHM_NOT_CACHED;
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
	invalidated = 0;
	amph_session_fill_handoff(&raw, &peers.shares[0], 0, 4096, 0, false);
	send_raw(&mains, WIRE_GIVE, 0);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(invalidated, 1);
}

static void an_importer_without_room_refuses(void **state)
{
	(void)state;
	open_pair();
	for (uint32_t i = 1; i <= SIDE_SHARES; i++) {
		raw_offer(i);
		send_raw(&mains, WIRE_OFFER, 1);
		amph_session_poll(&peers.session, 0);
		assert_int_equal(peers.end.last.header.type, WIRE_ACCEPT);
	}
	mains.end.count = 0; /* main knows nothing of these */
	raw_offer(SIDE_SHARES + 1);
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	said_refuse(&peers, WIRE_NO_SPACE);
	/* a handle twice, whatever its generation */
	raw_offer(2)->generation = 9;
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	said_reject(&peers, WIRE_OFFER, WIRE_EXISTS);
	assert_int_equal(live_shares(&peers), SIDE_SHARES);
	amph_session_lose(&peers.session, -EIO, "enough");
	assert_int_equal(live_shares(&peers), 0);
	assert_int_equal(peers.unmaps, SIDE_SHARES);
	assert_null(peers.memory.buffers);

	open_pair();
	raw_offer(1);
	send_raw(&mains, WIRE_OFFER, 1);
	raw_offer(27); /* the same name: nobody is found by it */
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(live_shares(&peers), 2);
	raw_offer(3)->name[3] = '-'; /* no provider */
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	said_refuse(&peers, WIRE_INVALID);
	assert_int_equal(peers.unmaps, 1);

	open_pair();
	peers.session.config.windows.map = NULL;
	raw_offer(1);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_UNSUPPORTED);
	peers.session.config.ranges = NULL;
	raw_offer(1);
	say(&mains, &peers, WIRE_OFFER, 1);
	said_refuse(&peers, WIRE_UNSUPPORTED);
}

static void say_segments(uint32_t first, uint32_t count, uint32_t generation)
{
	raw.body.segments = (struct wire_segments){1, generation, first, count, {{0}}};
	for (uint32_t i = 0; i < count; i++)
		raw.body.segments.segments[i] =
			(struct wire_segment){ARENA_DA + (first + i) * 1024, 1024};
	assert_int_equal(send_raw(&mains, WIRE_SEGMENTS, count), 0);
	amph_session_poll(&peers.session, 0);
	mains.end.count = 0;
	mains.session.received = peers.session.sent;
}

static void say_offer_of_four(uint32_t here)
{
	raw_offer(1)->segment_count = 4;
	raw.body.offer.count = here;
	for (uint32_t i = 0; i < here; i++)
		raw.body.offer.segments[i] = (struct wire_segment){ARENA_DA + i * 1024, 1024};
	assert_int_equal(send_raw(&mains, WIRE_OFFER, here), 0);
	amph_session_poll(&peers.session, 0);
	mains.end.count = 0;
	mains.session.received = peers.session.sent;
}

static void segments_come_in_order_and_add_up(void **state)
{
	struct amph_share *import = &peers.shares[0];
	(void)state;

	open_pair();
	say_segments(0, 1, 1);
	said_reject(&peers, WIRE_SEGMENTS, WIRE_NOT_FOUND);
	say_offer_of_four(1);
	assert_int_equal(import->state, AMPH_SHARE_OFFERED);
	say_segments(1, 1, 2);
	said_reject(&peers, WIRE_SEGMENTS, WIRE_NOT_FOUND);
	/* given before it is complete */
	amph_session_fill_handoff(&raw, import, 0, 64, 0, false);
	send_raw(&mains, WIRE_GIVE, 0);
	amph_session_poll(&peers.session, 0);
	said_reject(&peers, WIRE_GIVE, WIRE_STATE);
	say_segments(1, 2, 1);
	assert_int_equal(import->state, AMPH_SHARE_OFFERED);
	say_segments(3, 1, 1);
	assert_int_equal(import->state, AMPH_SHARE_ACCEPTED);
	assert_ptr_equal(import->va, arena);
	assert_int_equal(import->segments_received, 4);
	say_segments(4, 1, 1);
	said_reject(&peers, WIRE_SEGMENTS, WIRE_STATE);
	assert_int_equal(import->state, AMPH_SHARE_ACCEPTED);

	open_pair();
	say_offer_of_four(1);
	say_segments(2, 1, 1); /* a gap */
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(import->state, AMPH_SHARE_FREE);
	say_offer_of_four(2);
	say_segments(1, 1, 1); /* an overlap */
	said_refuse(&peers, WIRE_MALFORMED);
	say_offer_of_four(2);
	say_segments(2, 3, 1); /* one more than announced */
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(live_shares(&peers), 0);
	assert_int_equal(peers.maps, 0);
}

static void an_incomplete_offer_can_be_withdrawn(void **state)
{
	(void)state;
	open_pair();
	say_offer_of_four(1);
	say_answer(&mains, &peers, WIRE_RELEASED, 1, 1, 0, 1);
	said_reject(&peers, WIRE_RELEASED, WIRE_STATE);
	open_pair();
	say_offer_of_four(1);
	raw.body.answer = (struct wire_answer){1, 1, 0, 1};
	send_raw(&mains, WIRE_RELEASE, 0);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(peers.end.last.header.type, WIRE_RELEASED);
	assert_int_equal(live_shares(&peers), 0);
	assert_int_equal(peers.logged, 0);
}

static void a_range_given_twice_is_refused(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 128, false, 0, 0), 0);
	assert_int_equal(amph_session_give(&mains.session, share, 64, 128, false, 0, 0), -EACCES);
	settle(&mains, &peers);
	say_handoff(&mains, &peers, WIRE_GIVE, share, 64, 128);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_NOT_OWNER);
	assert_int_equal(peers.logged, 2);
	/* a part of it is this side's still */
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, 128, true), 0);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 128, 1, false), -EACCES);
}

static void reading_is_given_only_to_who_reads(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_WRITES);
	amph_session_fill_handoff(&raw, share, 0, 64, 0, true);
	say(&mains, &peers, WIRE_GIVE, 0);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_INVALID);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, true, 0, 0), -EINVAL);
}

static void a_home_that_releases_what_it_gave_is_lost(void **state)
{
	struct amph_share *import = &peers.shares[0];
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_release(&peers.session, import, 0), 0);
	mains.end.count = 0;
	mains.session.received++;
	say_handoff(&mains, &peers, WIRE_GIVE, share, 0, 64);
	assert_int_equal(last_event(&peers)->what, 'T');
	say_answer(&mains, &peers, WIRE_RELEASED, share->handle, share->generation, 0, 1);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);
}

static void a_window_needs_its_regions_and_tells_what_is_straight(void **state)
{
	struct amph_windows_map map;
	struct amph_session_windows windows;
	const struct amph_io regions[] = {
		{arena, 0, 0x1000, 0x1000},
		{arena + 0x1000, 0, 0x8000, 0x1000},
		{NULL, 0, 0x20000, 0x1000},
		{arena + 0x2000, 0, UINT64_MAX - 0xfff, 0x1000},
	};
	struct amph_segment segments[2] = {{0x1800, 0x800}, {0x8000, 0x800}};
	void *va;
	(void)state;

	amph_windows_map_init(&windows, &map, regions, 4);
	assert_int_equal(windows.map(windows.argument, segments, 2, 0x1000, 3, -1, &va), 0);
	assert_ptr_equal(va, arena + 0x800);
	segments[1].address = 0x8001;
	assert_int_equal(windows.map(windows.argument, segments, 2, 0x1000, 3, -1, &va), 0);
	assert_null(va);
	segments[1].address = 0x8801;
	assert_int_equal(windows.map(windows.argument, segments, 2, 0x1000, 3, -1, &va), -ERANGE);
	segments[0] = (struct amph_segment){0x20000, 16};
	assert_int_equal(windows.map(windows.argument, segments, 1, 16, 3, -1, &va), -ERANGE);
	segments[0] = (struct amph_segment){UINT64_MAX - 0xfff, 0x1000};
	assert_int_equal(windows.map(windows.argument, segments, 1, 0x1000, 3, -1, &va), 0);
	segments[0] = (struct amph_segment){UINT64_MAX - 0xfff, 0x1001};
	assert_int_equal(windows.map(windows.argument, segments, 1, 0x1001, 3, -1, &va), -ERANGE);
	segments[0] = (struct amph_segment){0x1000, UINT64_MAX};
	assert_int_equal(windows.map(windows.argument, segments, 1, 0x1001, 3, -1, &va), -ERANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(return_of_what_was_not_given_is_refused),
		cmocka_unit_test(return_of_a_range_that_cannot_be_is_refused),
		cmocka_unit_test(a_hand_off_of_another_handle_or_generation_is_refused),
		cmocka_unit_test(an_answer_to_no_offer_is_refused),
		cmocka_unit_test(nothing_but_an_answer_comes_before_the_answer),
		cmocka_unit_test(a_release_while_ranges_are_out_is_refused),
		cmocka_unit_test(a_second_release_finds_nothing),
		cmocka_unit_test(a_refused_give_comes_back),
		cmocka_unit_test(a_refused_return_stays_where_its_home_says),
		cmocka_unit_test(a_contradicted_answer_ends_the_session),
		cmocka_unit_test(offers_that_cannot_be_taken_are_refused),
		cmocka_unit_test(an_importer_with_cached_lines_refuses_a_smaller_granule),
		cmocka_unit_test(
			an_importer_maintains_its_caches_however_the_home_has_mapped_the_buffer),
		cmocka_unit_test(an_importer_without_room_refuses),
		cmocka_unit_test(segments_come_in_order_and_add_up),
		cmocka_unit_test(an_incomplete_offer_can_be_withdrawn),
		cmocka_unit_test(a_range_given_twice_is_refused),
		cmocka_unit_test(reading_is_given_only_to_who_reads),
		cmocka_unit_test(a_home_that_releases_what_it_gave_is_lost),
		cmocka_unit_test(a_window_needs_its_regions_and_tells_what_is_straight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
