/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue whose one side lies: what it says by message and writes into the ring, and what must hold.
 * Test code; include after cmocka.h.
 */
#ifndef TESTS_SHARE_QUEUE_LIAR_H
#define TESTS_SHARE_QUEUE_LIAR_H

#include "queue/ring.h"
#include "share/internal.h"
#include "share/queue_pair.h"

static struct side *honest, *liar;
static struct amph_queue *honest_queue, *liar_queue;
static struct amph_share *honest_data, *honest_ring; /* the honest side's slots */
static struct wire_message raw;

/* Two more in the same process, over the same memory, who have nothing to do with it. */
static struct side others[2];
static struct buffer others_buffer;
static struct amph_share *others_share;

static inline void open_others(void)
{
	memset(&others_buffer, 0, sizeof(others_buffer));
	assert_int_equal(sides_open(&others[0], &others[1]), 0);
	assert_int_equal(buffer_open(&others_buffer, &others[0], "arena:f000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&others_buffer, &others[0], AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&others[0].session, &others_buffer.attachment, 0, 0,
					    &others_share),
			 0);
	settle(&others[0], &others[1]);
	assert_int_equal(others_share->state, AMPH_SHARE_ACCEPTED);
}

/* The others go on as if nothing had happened. */
static inline void others_are_undisturbed(void)
{
	assert_int_equal(amph_session_give(&others[0].session, others_share, 0, 4096, false, 0, 0),
			 0);
	settle(&others[0], &others[1]);
	assert_int_equal(
		amph_session_return(&others[1].session, &others[1].shares[0], 0, 4096, 0, 0), 0);
	settle(&others[0], &others[1]);
	assert_int_equal(amph_shm_check_access(&others_buffer.shm, 0, 4096, true), 0);
}

static inline void consistent(const struct side *side)
{
	for (const struct amph_shm *shm = side->memory.buffers; shm; shm = shm->next)
		assert_int_equal(amph_shm_check(shm), 0);
}

static inline void choose_liar(bool home_lies)
{
	honest = home_lies ? &peers : &mains;
	liar = home_lies ? &mains : &peers;
	honest_queue = home_lies ? &peer_queue : &main_queue;
	liar_queue = home_lies ? &main_queue : &peer_queue;
	honest_ring = &honest->shares[0];
	honest_data = &honest->shares[1];
}

/* An open queue; when the home is honest, its peer has the data, and may return it. */
static inline void open_lies(bool home_lies)
{
	struct amph_queue_entry entry;
	uint32_t count;

	open_queues(4);
	open_others();
	choose_liar(home_lies);
	entry = (struct amph_queue_entry){.share = data_share, .length = DATA_SIZE};
	if (home_lies)
		return;
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&peer_queue, &entry, 1, 0, &count), 0);
	amph_queue_tell(&peer_queue);
}

static inline void end_lies(void)
{
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
	consistent(&mains);
	consistent(&peers);
	others_are_undisturbed();
	amph_session_lose(&others[0].session, -EIO, "the end");
	amph_session_lose(&others[1].session, -EIO, "the end");
}

/* What an honest side would write next into the liar's ring: all of the data. */
static inline struct queue_slot truth(void)
{
	return (struct queue_slot){
		.sequence = liar_queue->produced + 1,
		.kind = honest_data->home ? QUEUE_RETURN : QUEUE_GIVE,
		.handle = honest_data->handle,
		.generation = honest_data->generation,
		.length = DATA_SIZE,
		.cookie = 0x77,
	};
}

static inline void write_slot(const struct queue_slot *slot)
{
	*(struct queue_slot *)SHARED_VIEW(
		queue_slot(liar_queue, liar_queue->out, liar_queue->produced++)) = *slot;
}

/* The three ways in: quickly, by the call that goes by everything, and by the session's poll. */
enum way { QUICKLY, SLOWLY, BY_POLL, WAYS };

static inline int take_one(enum way way)
{
	struct amph_queue_entry entry;
	uint32_t count = 0;
	int error;

	if (way == BY_POLL) {
		error = amph_session_poll(&honest->session, 0);
		return error == 1 ? 0 : error;
	}
	error = amph_queue_receive(honest_queue, &entry, 1, way == QUICKLY ? amph_deadline(1) : 0,
				   &count);
	assert_int_equal(count, !error);
	return error;
}

/* The lie cost the liar its session, and nobody anything else. */
static inline void lie_is_found(enum way way)
{
	assert_int_equal(take_one(way), -EPROTO);
	assert_int_equal(honest->session.state, AMPH_SESSION_LOST);
	assert_int_equal(honest->session.error, -EPROTO);
	assert_int_equal(honest_queue->state, AMPH_QUEUE_CLOSED);
	assert_int_equal(take_one(way), -EPROTO);
	end_lies();
}

/* --- messages --- */

/* Sends raw as the liar, and lets the honest side take it. */
static inline void say(enum wire_type type, uint32_t count)
{
	raw.header.type = (uint16_t)type;
	assert_int_equal(amph_session_send_segments(&liar->session, &raw.header, 0, count, -1), 0);
	honest->end.sent = 0;
	amph_session_poll(&honest->session, 0);
	/* it does not listen, and misses nothing for it */
	liar->end.count = 0;
	liar->session.received = honest->session.sent;
	consistent(honest);
}

static inline void say_answer(enum wire_type type, const struct amph_share *share, uint32_t flags)
{
	raw.body.answer = (struct wire_answer){share->handle, share->generation, 0, flags};
	say(type, 0);
}

static inline void say_handoff(enum wire_type type, const struct amph_share *share, uint64_t offset,
			       uint64_t length, uint64_t cookie, uint32_t flags)
{
	amph_session_fill_handoff(&raw, share, offset, length, cookie, false);
	raw.body.handoff.flags = flags;
	say(type, 0);
}

static inline void say_reject(enum wire_type type, enum wire_reason reason,
			      const struct amph_share *share, uint64_t offset, uint64_t length)
{
	raw.body.reject = (struct wire_reject){
		.type = (uint16_t)type,
		.reason = (uint16_t)reason,
		.handle = share->handle,
		.generation = share->generation,
		.offset = offset,
		.length = length,
		.flags = share->home && type == WIRE_RELEASE ? WIRE_SHARE_HOME : 0,
	};
	say(WIRE_REJECT, 0);
}

static inline void was_rejected(enum wire_type type, enum wire_reason reason)
{
	assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
	assert_int_equal(honest->end.sent, 1);
	assert_int_equal(honest->end.last.header.type, WIRE_REJECT);
	assert_int_equal(honest->end.last.body.reject.type, type);
	assert_int_equal(honest->end.last.body.reject.reason, reason);
}

static inline void was_not_answered(void)
{
	assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
	assert_int_equal(honest->end.sent, 0);
}

/* Still open, and good for a hand-off each way. */
static inline void queue_goes_on(void)
{
	struct queue_slot slot = truth();
	struct amph_queue_entry entry = {.share = honest_data, .length = DATA_SIZE};
	uint32_t count;

	assert_int_equal(honest_queue->state, AMPH_QUEUE_OPEN);
	write_slot(&slot);
	assert_int_equal(take_one(SLOWLY), 0);
	assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count), 0);
	liar_queue->consumed++;
	amph_queue_tell(liar_queue);
}

#endif
