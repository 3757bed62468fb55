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

#include "queue/ring.h"
#include "share/queue_pair.h"

static void a_range_goes_to_and_fro(void **state)
{
	struct amph_queue_entry entry = {.length = DATA_SIZE, .cookie = 42};
	uint32_t count;
	(void)state;

	open_queues(8);
	entry.share = data_share;
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, 1, false), -EACCES);
	entry = (struct amph_queue_entry){.reading = true};
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
	/* and who found nothing has said that it took what was there */
	assert_int_equal(*(volatile uint32_t *)main_queue.peer_line, 1);
	entry.cookie = 43;
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	assert_ptr_equal(entry.share, data_share);
	assert_int_equal(entry.cookie, 43);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
	close_queues();
}

static void parts_go_several_at_a_time_and_in_order(void **state)
{
	struct amph_queue_entry entries[8];
	uint32_t count;
	(void)state;

	open_queues(8);
	for (uint32_t i = 0; i < 8; i++)
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * 512, .length = 256, .cookie = i};
	assert_int_equal(amph_queue_send(&main_queue, entries, 8, 0, &count), 0);
	assert_int_equal(count, 8);
	assert_int_equal(amph_shm_check_access(&data.shm, 256, 256, true), 0);
	/* fewer at a time than there are */
	for (uint32_t taken = 0; taken < 8; taken += count) {
		struct amph_queue_entry some[3];

		assert_int_equal(amph_queue_receive(&peer_queue, some, 3, 0, &count), 0);
		assert_int_equal(count, taken < 6 ? 3 : 2);
		for (uint32_t i = 0; i < count; i++) {
			assert_int_equal(some[i].offset, (taken + i) * 512);
			assert_int_equal(some[i].length, 256);
			assert_int_equal(some[i].cookie, taken + i);
		}
		assert_int_equal(amph_queue_send(&peer_queue, some, count, 0, &count), 0);
	}
	assert_int_equal(amph_queue_receive(&main_queue, entries, 8, 0, &count), 0);
	assert_int_equal(count, 8);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
	close_queues();
}

static void a_full_queue_takes_no_more_until_the_other_side_has_taken(void **state)
{
	struct amph_queue_entry entries[8], one;
	uint32_t count;
	(void)state;

	open_queues(4);
	for (uint32_t i = 0; i < 8; i++)
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * 64, .length = 64, .cookie = i};
	assert_int_equal(amph_queue_send(&main_queue, entries, 8, 0, &count), -ETIMEDOUT);
	assert_int_equal(count, 4);
	/* what did not go is still this side's */
	assert_int_equal(amph_shm_check_access(&data.shm, 4 * 64, 64, true), 0);
	assert_int_equal(amph_shm_check_access(&data.shm, 3 * 64, 64, true), -EACCES);
	uint64_t start = amph_time_now();
	assert_int_equal(amph_queue_send(&main_queue, &entries[4], 1, start + 3000000, &count),
			 -ETIMEDOUT);
	assert_true(amph_time_now() >= start + 3000000);
	assert_int_equal(count, 0);
	/* nor by the session's own call: nothing has changed hands then */
	assert_int_equal(amph_session_give(&mains.session, data_share, 4 * 64, 64, false, 4, 0),
			 -ETIMEDOUT);
	assert_int_equal(amph_shm_check_access(&data.shm, 4 * 64, 64, true), 0);

	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(amph_queue_receive(&peer_queue, &one, 1, 0, &count), 0);
	assert_int_equal(amph_queue_send(&main_queue, &entries[4], 4, 0, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 8, 0, &count), 0);
	assert_int_equal(count, 4);
	assert_int_equal(entries[0].cookie, 4);
	/* in one piece */
	one = (struct amph_queue_entry){.share = entries[0].share, .length = 512};
	assert_int_equal(amph_queue_send(&peer_queue, &one, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &one, 1, 0, &count), 0);
	close_queues();
}

static void the_positions_wrap_around(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	/* as after four thousand million hand-offs */
	main_queue.produced = main_queue.taken = main_queue.consumed = main_queue.told = 0xfffffffa;
	peer_queue.produced = peer_queue.taken = peer_queue.consumed = peer_queue.told = 0xfffffffa;
	*(volatile uint32_t *)main_queue.own_line = 0xfffffffa;
	*(volatile uint32_t *)main_queue.peer_line = 0xfffffffa;
	for (uint32_t i = 0; i < 20; i++) {
		entry.cookie = i;
		assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(entry.cookie, i);
		assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), -ETIMEDOUT);
		assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	}
	assert_int_equal(main_queue.produced, 14);
	close_queues();
}

static void what_is_not_owned_is_not_sent(void **state)
{
	struct amph_queue_entry entry, wrong;
	struct amph_share stranger = {.state = AMPH_SHARE_ACCEPTED, .method = AMPH_SYNC_QUEUE};
	uint32_t count, produced;
	(void)state;

	open_queues(4);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	produced = main_queue.produced;
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), -EACCES);
	assert_string_equal(mains.session.why.what, "the CPU does not own the bytes from here on");
	wrong = entry;
	wrong.offset = DATA_SIZE;
	assert_int_equal(amph_queue_send(&main_queue, &wrong, 1, 0, &count), -EINVAL);
	wrong.length = 0;
	assert_int_equal(amph_queue_send(&main_queue, &wrong, 1, 0, &count), -EINVAL);
	wrong = (struct amph_queue_entry){.share = &stranger, .length = 64};
	assert_int_equal(amph_queue_send(&main_queue, &wrong, 1, 0, &count), -EPERM);
	wrong.share = NULL;
	assert_int_equal(amph_queue_send(&main_queue, &wrong, 1, 0, &count), -EPERM);
	/* the queue's own memory */
	wrong.share = ring_share;
	assert_int_equal(amph_queue_send(&main_queue, &wrong, 1, 0, &count), -EPERM);
	assert_int_equal(amph_session_give(&mains.session, ring_share, 0, 64, false, 0, 0),
			 -EACCES);
	assert_int_equal(main_queue.produced, produced);
	assert_int_equal(count, 0);

	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), -EACCES);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	close_queues();
}

static void what_can_t_be_noted_stays_in_the_queue(void **state)
{
	struct amph_queue_entry entries[3], got[3];
	uint32_t count;
	(void)state;

	open_queues(8);
	peers.shares[1].import_shm.storage.range_max = 4;
	for (uint32_t i = 0; i < 3; i++)
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * 512 + 64, .length = 64, .cookie = i};
	assert_int_equal(amph_queue_send(&main_queue, entries, 3, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&peer_queue, got, 3, 0, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(amph_queue_receive(&peer_queue, &got[1], 2, 0, &count), -ENOSPC);
	assert_int_equal(count, 0);
	assert_string_equal(peers.session.why.what, "no storage for that many ranges");
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	/* room again: nothing was lost, and the order is kept */
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(got[0].cookie, i);
		assert_int_equal(amph_queue_send(&peer_queue, got, 1, 0, &count), 0);
		if (i < 2)
			assert_int_equal(amph_queue_receive(&peer_queue, got, 3, 0, &count), 0);
	}
	assert_int_equal(amph_queue_receive(&main_queue, got, 3, 0, &count), 0);
	assert_int_equal(count, 3);
	close_queues();
}

static void readers_share_a_range(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	entry = (struct amph_queue_entry){.share = data_share, .length = 512, .reading = true};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, 512, false), 0);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, 512, true), -EACCES);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
	assert_true(entry.reading);
	assert_int_equal(amph_shm_check_access(entry.share->shm, 0, 512, true), -EACCES);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	close_queues();
}

/* Each side may be the home of what goes by the queue. */
static void a_buffer_of_the_other_side_goes_by_the_same_queue(void **state)
{
	static struct buffer other;
	struct amph_queue_entry entry;
	struct amph_share *share;
	uint32_t count;
	(void)state;

	open_queues(4);
	memset(&other, 0, sizeof(other));
	assert_int_equal(buffer_open(&other, &peers, "arena:a000", 1024, 0), 0);
	assert_int_equal(amph_shm_attach(&other.shm, &peers.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_QUEUE, &other.attachment, other.device_segments,
					 1),
			 0);
	/* main has no room for imports */
	assert_int_equal(amph_session_offer(&peers.session, &other.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	entry = (struct amph_queue_entry){.share = share, .length = 1024, .cookie = 7};
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	assert_false(entry.share->home);
	assert_int_equal(entry.cookie, 7);
	assert_int_equal(amph_session_return(&mains.session, entry.share, 0, 1024, 8, 0), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.log[(peers.logged - 1) % SIDE_EVENTS].what, 'T');
	assert_int_equal(peers.log[(peers.logged - 1) % SIDE_EVENTS].cookie, 8);
	assert_int_equal(amph_session_release(&peers.session, share, 0), 0);
	settle(&mains, &peers);
	drop_buffer(&other);
	close_queues();
}

static void the_session_s_own_calls_go_by_the_queue(void **state)
{
	struct side_event *event;
	uint32_t sent;
	(void)state;

	open_queues(4);
	sent = mains.end.sent + peers.end.sent;
	assert_int_equal(amph_session_give(&mains.session, data_share, 64, 128, false, 0x99, 0), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	event = &peers.log[(peers.logged - 1) % SIDE_EVENTS];
	assert_int_equal(event->what, 'T');
	assert_int_equal(event->offset, 64);
	assert_int_equal(event->length, 128);
	assert_int_equal(event->cookie, 0x99);
	assert_int_equal(amph_session_return(&peers.session, event->share, 64, 128, 0x98, 0), 0);
	assert_int_equal(amph_session_wait_range(&mains.session, data_share, 64, 128, true, 0), 0);
	event = &mains.log[(mains.logged - 1) % SIDE_EVENTS];
	assert_int_equal(event->cookie, 0x98);
	/* no message was needed */
	assert_int_equal(mains.end.sent + peers.end.sent, sent);
	close_queues();
}

static void a_queue_that_can_t_be_is_not_opened(void **state)
{
	struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN};
	struct amph_queue second;
	(void)state;

	open_shares();
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 3, &way, 0),
			 -EINVAL);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 1, &way, 0),
			 -EINVAL);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 65536, &way, 0),
			 -EINVAL);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 256, &way, 0),
			 -EINVAL);
	assert_string_equal(mains.session.why.what, "the buffer is too small for the queue");
	assert_int_equal(mains.session.why.value, RING_SIZE);
	assert_int_equal(mains.session.why.limit, amph_queue_size(256, 64));
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, &peers.shares[0], 4, &way, 0),
			 -EINVAL);
	mains.session.version = 1;
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -ENOTSUP);
	mains.session.version = 2;
	assert_int_equal(amph_queue_open_checked(&main_queue, &mains.session, ring_share, 4, &way,
						 0, AMPH_ABI + 1, sizeof(main_queue)),
			 -EPROTO);
	assert_int_equal(amph_queue_expect(&second, &peers.session, &way), -EBUSY);
	assert_null(mains.session.path);
	/* not even the message could be sent: the memory is this side's again */
	mains.end.fail = -EPIPE;
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -EPIPE);
	mains.end.fail = 0;
	assert_null(mains.session.path);
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, RING_SIZE, true), 0);

	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -ETIMEDOUT);
	assert_int_equal(amph_queue_open(&second, &mains.session, data_share, 4, &way, 0), -EBUSY);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0), 0);
	close_queues();
}

static void the_other_side_may_refuse_a_queue(void **state)
{
	struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN};
	(void)state;

	open_shares();
	peers.session.path->ops->closed(peers.session.path);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -ENOTSUP);
	assert_string_equal(mains.session.why.what, "the other side refused the queue");
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_null(mains.session.path);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, RING_SIZE, true), 0);
	/* and have one later */
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0),
			 -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &way, 0), 0);
	close_queues();
}

static void who_expects_no_queue_is_offered_nothing_for_one(void **state)
{
	struct amph_share *share;
	(void)state;

	memset(&data, 0, sizeof(data));
	assert_int_equal(sides_open(&mains, &peers), 0);
	assert_int_equal(buffer_open(&data, &mains, "arena:0", DATA_SIZE, 0), 0);
	assert_int_equal(amph_shm_attach(&data.shm, &mains.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_QUEUE, &data.attachment, data.device_segments,
					 1),
			 0);
	assert_int_equal(amph_session_offer(&mains.session, &data.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	assert_int_equal(share->error, -ENOTSUP);
	drop_buffer(&data);
}

static void nothing_goes_by_a_queue_that_is_not_open(void **state)
{
	struct amph_queue_entry entry = {.length = DATA_SIZE};
	uint32_t count;
	(void)state;

	open_shares();
	entry.share = data_share;
	assert_int_equal(amph_session_give(&mains.session, data_share, 0, 64, false, 0, 0),
			 -ENOTCONN);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), -ENOTCONN);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), -ETIMEDOUT);
	assert_int_equal(amph_queue_arm(&peer_queue), -ENOTCONN);
	amph_session_lose(&mains.session, -EIO, "enough");
	amph_session_lose(&peers.session, -EIO, "enough");
}

static void expect_again(struct amph_session *session, struct amph_share *share)
{
	if (share->size == RING_SIZE)
		assert_int_equal(amph_queue_expect(&peer_queue, session, &peer_way), 0);
}

/* The home need not wait until the other side finds the time for it: an offer may follow at once. */
static void the_next_queue_can_be_expected_as_soon_as_one_is_released(void **state)
{
	struct amph_share *next;
	struct buffer more;
	(void)state;

	memset(&more, 0, sizeof(more));
	open_queues(4);
	peers.events.released = expect_again;
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), 0);
	assert_int_equal(buffer_open(&more, &mains, "arena:9000", DATA_SIZE, 0), 0);
	assert_int_equal(amph_shm_attach(&more.shm, &mains.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_QUEUE, &more.attachment, more.device_segments,
					 1),
			 0);
	assert_int_equal(amph_session_offer(&mains.session, &more.attachment, 0, 0, &next), 0);
	settle(&mains, &peers);
	assert_int_equal(ring_share->state, AMPH_SHARE_FREE);
	assert_int_equal(next->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_EXPECTED);
	peers.events.released = NULL;
	assert_int_equal(amph_session_release(&mains.session, next, 0), 0);
	settle(&mains, &peers);
	drop_buffer(&more);
	drop_buffer(&ring);
	/* the next one, over other memory */
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	open_queue(8);
	close_queues();
}

static void either_side_may_end_it_when_nothing_is_out(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), -ETIMEDOUT);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 0, 0, &count), 0);
	/* it has something, and so has the home something out */
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), -EBUSY);
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), -ETIMEDOUT);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	/* not before the home has taken it */
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), -ETIMEDOUT);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[1], 0), -ETIMEDOUT);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[1], 0), 0);
	settle(&mains, &peers);
	assert_int_equal(data_share->state, AMPH_SHARE_FREE);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), -ENOTCONN);
	settle(&mains, &peers);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	drop_buffer(&ring);
	drop_buffer(&data);
	/* and begin another one */
	memset(&ring, 0, sizeof(ring));
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 0);
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	settle(&mains, &peers);
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(amph_session_close(&mains.session, 0), 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	drop_buffer(&ring);
}

/* A give crosses the importer's release of the queue: it goes on on both sides. */
static void a_release_that_is_refused_leaves_it_open(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSING);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	settle(&mains, &peers);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_OPEN);
	assert_int_equal(main_queue.state, AMPH_QUEUE_OPEN);
	assert_int_equal(peers.shares[0].error, -EBUSY);
	assert_int_equal(amph_shm_check(&ring.shm) | amph_shm_check(peers.shares[0].shm), 0);
	if (amph_shm_check_access(peers.shares[1].shm, 0, DATA_SIZE, true))
		assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 0, DATA_SIZE, 0, 0),
			 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_session_poll(&peers.session, 0), -ETIMEDOUT);
	/* the message could not be sent: open as before */
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), -ETIMEDOUT);
	mains.end.fail = 0;
	assert_int_equal(main_queue.state, AMPH_QUEUE_OPEN);
	close_queues();
}

static void a_lost_session_takes_its_queue_along(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	amph_session_lose(&mains.session, -EPIPE, "gone");
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), -EPIPE);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), -EPIPE);
	/* what the other side can still write to is not reused, the ring as little as the data */
	assert_int_equal(mains.memory.quarantine_size, RING_SIZE + DATA_SIZE);
	assert_int_equal(amph_shm_detach(&ring.attachment), -EBUSY);
	amph_target_off(&mains.target.target);
	assert_int_equal(mains.memory.quarantine_size, 0);
	assert_int_equal(amph_shm_put(&ring.shm), 0);
	assert_int_equal(amph_shm_put(&data.shm), 0);
	amph_session_lose(&peers.session, -EPIPE, "gone");
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), -EPIPE);
}

static void who_sleeps_on_the_channel_is_woken_once(void **state)
{
	struct amph_queue_entry entries[2];
	uint32_t count, sent;
	(void)state;

	peer_way.spins = main_way.spins = 0;
	open_queues(8);
	sent = mains.end.sent;
	entries[0] = (struct amph_queue_entry){.share = data_share, .length = 64};
	entries[1] = (struct amph_queue_entry){.share = data_share, .offset = 64, .length = 64};
	/* awake: no message */
	assert_int_equal(amph_queue_send(&main_queue, entries, 1, 0, &count), 0);
	assert_int_equal(mains.end.sent, sent);
	/* there is something already: nobody may sleep */
	assert_int_equal(amph_queue_arm(&peer_queue), -EAGAIN);
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 2, 0, &count), 0);
	assert_int_equal(amph_queue_arm(&peer_queue), 0);
	entries[0] = (struct amph_queue_entry){.share = data_share, .offset = 128, .length = 64};
	entries[1].share = data_share;
	entries[1].offset = 192;
	assert_int_equal(amph_queue_send(&main_queue, entries, 2, 0, &count), 0);
	assert_int_equal(mains.end.sent, sent + 1);
	assert_int_equal(mains.end.last.header.type, WIRE_HEARTBEAT);
	/* once for each sleep */
	entries[0].offset = 256;
	assert_int_equal(amph_queue_send(&main_queue, entries, 1, 0, &count), 0);
	assert_int_equal(mains.end.sent, sent + 1);
	amph_queue_disarm(&peer_queue);
	assert_int_equal(amph_session_poll(&peers.session, 0), 4);
	assert_int_equal(amph_queue_arm(&peer_queue), 0);
	entries[0].offset = 320;
	assert_int_equal(amph_queue_send(&main_queue, entries, 1, 0, &count), 0);
	assert_int_equal(mains.end.sent, sent + 2);
	amph_queue_disarm(&peer_queue);
	assert_int_equal(amph_session_poll(&peers.session, 0), 2);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 0, 64, 0, 0), 0);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 128, 256, 0, 0), 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 2);
	assert_int_equal(amph_session_poll(&peers.session, 0), -ETIMEDOUT);
	close_queues();
	peer_way.spins = main_way.spins = AMPH_QUEUE_SPIN;
}

/* What came before a lie is taken quickly; the end that the lie brings unmaps the queue. */
static void nothing_is_told_in_memory_that_a_lie_took_away(void **state)
{
	struct amph_queue_entry entries[4];
	const volatile uint32_t *told;
	uint32_t count;
	(void)state;

	open_queues(4);
	for (uint32_t i = 0; i < 4; i++)
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * 64, .length = 64};
	assert_int_equal(amph_queue_send(&main_queue, entries, 4, 0, &count), 0);
	((struct queue_slot *)(void *)(main_queue.out + 3 * 64))->kind = 77;
	told = (const volatile uint32_t *)(const void *)main_queue.peer_line;
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 4, 0, &count), -EPROTO);
	assert_int_equal(count, 0);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(peer_queue.consumed, 3);
	assert_int_equal(*told, 0);
	amph_session_lose(&mains.session, -EPIPE, "gone");
}

/* The other side takes everything, in the middle of main's wait. */
static void take_all(struct amph_session *session, struct amph_share *share)
{
	struct amph_queue_entry entries[4];
	uint32_t count;

	(void)session;
	(void)share;
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 4, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 4, 0, &count), -ETIMEDOUT);
}

static void a_share_that_ends_while_its_sender_waits_stops_the_rest(void **state)
{
	static struct buffer other;
	struct amph_queue_entry entries[3];
	struct amph_share *share;
	uint32_t count;
	(void)state;

	open_queues(2);
	memset(&other, 0, sizeof(other));
	offer_for_queue(&other, "arena:a000", 1024, &share);
	for (uint32_t i = 0; i < 3; i++)
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * 64, .length = 64};
	main_queue.look_ns = 1000000;
	mains.events.released = take_all;
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[2], 0), 0);
	assert_int_equal(amph_queue_send(&main_queue, entries, 3, amph_deadline(1000), &count),
			 -ESTALE);
	assert_int_equal(count, 2);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	/* and what did not go is still this side's */
	assert_int_equal(amph_shm_check_access(&data.shm, 128, 64, true), 0);
	mains.events.released = side_released;
	settle(&mains, &peers);
	drop_buffer(&other);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 0, 128, 0, 0), 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	close_queues();
}

/* A side that hands over without a message for longer than the heartbeats allow is not lost. */
static void hand_offs_are_signs_of_life(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	mains.session.peer_heartbeat_ms = 1;
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	for (uint64_t end = amph_deadline(10); amph_time_now() < end;) {
		assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	}
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	for (uint64_t end = amph_deadline(10); amph_time_now() < end;)
		;
	assert_int_equal(amph_session_poll(&mains.session, 0), -EPIPE);
	amph_session_lose(&peers.session, -EPIPE, "gone");
}

static void a_wait_that_takes_long_finds_that_the_other_side_is_gone(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	open_queues(4);
	mains.end.poll_fail = -EPIPE;
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, UINT64_MAX, &count), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	amph_session_lose(&peers.session, -EPIPE, "gone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_goes_to_and_fro),
		cmocka_unit_test(parts_go_several_at_a_time_and_in_order),
		cmocka_unit_test(a_full_queue_takes_no_more_until_the_other_side_has_taken),
		cmocka_unit_test(the_positions_wrap_around),
		cmocka_unit_test(what_is_not_owned_is_not_sent),
		cmocka_unit_test(what_can_t_be_noted_stays_in_the_queue),
		cmocka_unit_test(readers_share_a_range),
		cmocka_unit_test(a_buffer_of_the_other_side_goes_by_the_same_queue),
		cmocka_unit_test(the_session_s_own_calls_go_by_the_queue),
		cmocka_unit_test(a_queue_that_can_t_be_is_not_opened),
		cmocka_unit_test(the_other_side_may_refuse_a_queue),
		cmocka_unit_test(who_expects_no_queue_is_offered_nothing_for_one),
		cmocka_unit_test(nothing_goes_by_a_queue_that_is_not_open),
		cmocka_unit_test(either_side_may_end_it_when_nothing_is_out),
		cmocka_unit_test(a_release_that_is_refused_leaves_it_open),
		cmocka_unit_test(the_next_queue_can_be_expected_as_soon_as_one_is_released),
		cmocka_unit_test(a_lost_session_takes_its_queue_along),
		cmocka_unit_test(who_sleeps_on_the_channel_is_woken_once),
		cmocka_unit_test(a_share_that_ends_while_its_sender_waits_stops_the_rest),
		cmocka_unit_test(nothing_is_told_in_memory_that_a_lie_took_away),
		cmocka_unit_test(hand_offs_are_signs_of_life),
		cmocka_unit_test(a_wait_that_takes_long_finds_that_the_other_side_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
