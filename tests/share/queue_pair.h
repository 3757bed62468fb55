/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two sides in one process with a queue between them, and a buffer that goes by it.
 * Test code.
 */
#ifndef TESTS_SHARE_QUEUE_PAIR_H
#define TESTS_SHARE_QUEUE_PAIR_H

#include <amphora/queue.h>

#include "share/offered.h"

#define DATA_SIZE 4096u
#define RING_SIZE 32768u

static struct side mains, peers;
static struct buffer ring, data;
static struct amph_share *ring_share, *data_share;
static struct amph_queue main_queue, peer_queue;
static struct amph_queue_config main_way = {.spins = AMPH_QUEUE_SPIN};
static struct amph_queue_config peer_way = {.spins = AMPH_QUEUE_SPIN};

static inline void offer_for_queue(struct buffer *buffer, const char *name, uint64_t size,
				   struct amph_share **share)
{
	buffer_offer(buffer, &mains, &peers, name, size, AMPH_SYNC_QUEUE, share);
}

/* Two open sessions, and the ring and the data accepted by the peer. */
static inline void open_shares(void)
{
	memset(&ring, 0, sizeof(ring));
	memset(&data, 0, sizeof(data));
	assert_int_equal(sides_open(&mains, &peers), 0);
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	offer_for_queue(&data, "arena:8000", DATA_SIZE, &data_share);
}

/* Opens the queue over shares that are accepted. */
static inline void open_queue(uint32_t slots)
{
	/* the other side has not answered yet: it runs in this thread too */
	assert_int_equal(
		amph_queue_open(&main_queue, &mains.session, ring_share, slots, &main_way, 0),
		-ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(
		amph_queue_open(&main_queue, &mains.session, ring_share, slots, &main_way, 0), 0);
	assert_int_equal(main_queue.state, AMPH_QUEUE_OPEN);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_OPEN);
}

static inline void open_queues(uint32_t slots)
{
	open_shares();
	open_queue(slots);
}

static inline void drop_buffer(struct buffer *buffer)
{
	assert_int_equal(amph_shm_check(&buffer->shm), 0);
	assert_int_equal(amph_shm_check_access(&buffer->shm, 0, buffer->shm.size, true), 0);
	assert_int_equal(amph_shm_detach(&buffer->attachment), 0);
	assert_int_equal(amph_shm_put(&buffer->shm), 0);
}

/* The orderly end; nothing is out. */
static inline void close_queues(void)
{
	assert_int_equal(amph_session_release(&mains.session, data_share, 0), 0);
	settle(&mains, &peers);
	/* who finds its ring empty says so */
	amph_session_poll(&peers.session, 0);
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(ring_share->state, AMPH_SHARE_FREE);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	assert_null(mains.session.path);
	assert_null(peers.session.path);
	drop_buffer(&ring);
	drop_buffer(&data);
}

#endif
