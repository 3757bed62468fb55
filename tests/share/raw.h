/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a lying side says: messages with the right stamps and whatever content a test wants.
 * Test code; include after cmocka.h.
 */
#ifndef TESTS_SHARE_RAW_H
#define TESTS_SHARE_RAW_H

#include "share/internal.h"
#include "share/loopback.h"

static struct side mains, peers;
static struct buffer buffer;
static struct wire_message raw;

static inline void open_pair(void)
{
	memset(&buffer, 0, sizeof(buffer));
	assert_int_equal(sides_open(&mains, &peers), 0);
}

static inline void consistent(const struct side *side)
{
	for (const struct amph_shm *shm = side->memory.buffers; shm; shm = shm->next)
		assert_int_equal(amph_shm_check(shm), 0);
}

/* Sends raw as `from` would, with `count` segments in it. */
static inline int send_raw(struct side *from, enum wire_type type, uint32_t count)
{
	raw.header.type = (uint16_t)type;
	return amph_session_send_segments(&from->session, &raw.header, 0, count, -1);
}

/* Sends raw as `from` would, and lets the other side take it. */
static inline void say(struct side *from, struct side *to, enum wire_type type, uint32_t count)
{
	assert_int_equal(send_raw(from, type, count), 0);
	settle(from, to);
	consistent(from);
	consistent(to);
}

static inline void say_answer(struct side *from, struct side *to, enum wire_type type,
			      uint32_t handle, uint32_t generation, uint32_t reason, uint32_t flags)
{
	raw.body.answer = (struct wire_answer){handle, generation, reason, flags};
	say(from, to, type, 0);
}

static inline void say_handoff(struct side *from, struct side *to, enum wire_type type,
			       const struct amph_share *share, uint64_t offset, uint64_t length)
{
	amph_session_fill_handoff(&raw, share, offset, length, 0, false);
	say(from, to, type, 0);
}

static inline void say_reject(struct side *from, struct side *to, enum wire_type type,
			      enum wire_reason reason, const struct amph_share *share,
			      uint64_t offset, uint64_t length)
{
	raw.body.reject = (struct wire_reject){
		.type = (uint16_t)type,
		.reason = (uint16_t)reason,
		.handle = share ? share->handle : 0,
		.generation = share ? share->generation : 0,
		.offset = offset,
		.length = length,
		.flags = share && share->home && type == WIRE_RELEASE ? WIRE_SHARE_HOME : 0,
	};
	say(from, to, WIRE_REJECT, 0);
}

/* The last thing that side said is the refusal of a message of that type for that reason. */
static inline void said_reject(const struct side *side, enum wire_type type,
			       enum wire_reason reason)
{
	assert_int_equal(side->end.last.header.type, WIRE_REJECT);
	assert_int_equal(side->end.last.body.reject.type, type);
	assert_int_equal(side->end.last.body.reject.reason, reason);
	assert_int_equal(side->session.state, AMPH_SESSION_OPEN);
}

static inline void said_refuse(const struct side *side, enum wire_reason reason)
{
	assert_int_equal(side->end.last.header.type, WIRE_REFUSE);
	assert_int_equal(side->end.last.body.answer.reason, reason);
	assert_int_equal(side->session.state, AMPH_SESSION_OPEN);
}

static inline const struct side_event *last_event(const struct side *side)
{
	static const struct side_event none;

	return side->logged ? &side->log[(side->logged - 1) % SIDE_EVENTS] : &none;
}

static inline uint32_t live_shares(const struct side *side)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < SIDE_SHARES; i++)
		count += side->shares[i].state != AMPH_SHARE_FREE;
	return count;
}

/* A buffer of 4096 bytes that main has attached. */
static inline void open_buffer(uint32_t direction)
{
	assert_int_equal(buffer_open(&buffer, &mains, "arena:1000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&buffer, &mains, direction), 0);
}

static inline struct amph_share *offer_buffer(void)
{
	struct amph_share *share;

	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share), 0);
	return share;
}

/* And that the peer has accepted. */
static inline struct amph_share *share_buffer(uint32_t direction)
{
	struct amph_share *share;

	open_buffer(direction);
	share = offer_buffer();
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
	return share;
}

static inline void close_buffer(void)
{
	assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

/* An offer of one segment as main would make it, to be spoiled. */
static inline struct wire_offer *raw_offer(uint32_t handle)
{
	raw.body.offer = (struct wire_offer){
		.handle = handle,
		.generation = 1,
		.size = 4096,
		.direction = AMPH_DEVICE_READS_WRITES,
		.granule = 1,
		.segment_count = 1,
		.name = "raw:x",
		.count = 1,
		.segments = {{ARENA_DA, 4096}},
	};
	raw.body.offer.name[4] = (char)('a' + handle % 26);
	return &raw.body.offer;
}

#endif
