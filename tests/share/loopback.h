/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two ends of a channel in one process, and two sides that share one stretch of memory over it.
 * Test code: messages are queued, can be looked at, changed, dropped and made to fail.
 */
#ifndef TESTS_SHARE_LOOPBACK_H
#define TESTS_SHARE_LOOPBACK_H

#include <stdlib.h>
#include <string.h>

#include <amphora/provider.h>
#include <amphora/session.h>
#include <amphora/time.h>

#include "share/wire.h"

#define LOOPBACK_MESSAGES 64

struct loopback {
	struct amph_channel channel;
	struct loopback *other;
	struct {
		uint32_t length;
		uint8_t bytes[512] __attribute__((aligned(8)));
	} queue[LOOPBACK_MESSAGES]; /* for this end */
	uint32_t first, count;
	int fail; /* what the next sends return */
	int poll_fail;
	uint32_t fail_after; /* sends that still work before `fail` */
	uint32_t sent;
	struct wire_message last; /* what this end sent last */
};

static inline int loopback_send(struct amph_channel *channel, const void *message, uint32_t length,
				intptr_t handle, uint64_t deadline)
{
	struct loopback *end = (struct loopback *)channel;
	struct loopback *to = end->other;

	(void)deadline;
	if (handle >= 0)
		return -ENOTSUP;
	if (end->fail && !end->fail_after)
		return end->fail;
	if (end->fail_after)
		end->fail_after--;
	if (length > channel->message_max)
		return -EMSGSIZE;
	if (to->count == LOOPBACK_MESSAGES)
		return -ETIMEDOUT;
	uint32_t i = (to->first + to->count++) % LOOPBACK_MESSAGES;
	to->queue[i].length = length;
	memcpy(to->queue[i].bytes, message, length);
	memset(&end->last, 0, sizeof(end->last));
	memcpy(&end->last, to->queue[i].bytes,
	       length < sizeof(end->last) ? length : sizeof(end->last));
	end->sent++;
	return 0;
}

static inline int loopback_poll(struct amph_channel *channel, uint64_t deadline)
{
	struct loopback *end = (struct loopback *)channel;
	int count = 0;

	if (end->poll_fail)
		return end->poll_fail;
	if (!end->count) {
		/* nobody else runs: wait as long as asked, but never for a test's patience */
		while (amph_time_now() < deadline && deadline != UINT64_MAX)
			;
		return -ETIMEDOUT;
	}
	for (uint32_t n = end->count; n; n--, count++) {
		uint32_t i = end->first;
		uint32_t length = end->queue[i].length;
		/* exactly as long as the message: a sanitizer sees the first byte too far */
		uint8_t *copy = malloc(length ? length : 1);

		memcpy(copy, end->queue[i].bytes, length);
		end->first = (end->first + 1) % LOOPBACK_MESSAGES;
		end->count--;
		end->channel.receiver(end->channel.argument, copy, length, -1);
		free(copy);
	}
	return count;
}

static const struct amph_channel_ops loopback_ops = {loopback_send, loopback_poll};

static inline void loopback_init(struct loopback *a, struct loopback *b)
{
	memset(a, 0, sizeof(*a));
	memset(b, 0, sizeof(*b));
	a->channel.ops = b->channel.ops = &loopback_ops;
	a->channel.message_max = b->channel.message_max = 496;
	a->other = b;
	b->other = a;
}

/* --- one side: memory context, target, session and room for it --- */

#define SIDE_SHARES   4
#define SIDE_SEGMENTS 40
#define SIDE_RANGES   16
#define SIDE_EVENTS   64
#define ARENA_SIZE    65536u
#define ARENA_DA      0x90000000u

struct side_event {
	char what; /* Offered, Answered, Taken, Released, reQuested, Granted, Undone, passinG.. */
	struct amph_share *share;
	uint64_t offset, length, cookie;
	bool reading;
	int error;
	uint32_t state;
};

struct side {
	struct loopback end;
	struct amph_memory memory;
	struct amph_target_map target;
	struct amph_window window;
	struct amph_session session;
	struct amph_session_config config;
	struct amph_session_events events;
	struct amph_share shares[SIDE_SHARES];
	struct amph_segment segments[SIDE_SHARES * SIDE_SEGMENTS];
	struct amph_range ranges[SIDE_SHARES * SIDE_RANGES];
	struct amph_windows_map windows;
	struct amph_io region;
	struct amph_provider provider;
	uint32_t maps, unmaps;
	struct side_event log[SIDE_EVENTS];
	uint32_t logged;
	int offered_error, requested_error;
	struct amph_session_request request; /* the last that came */
};

/*
 * The memory that all sides reach: under its own address here, at ARENA_DA there. SHARED_VIEW: where a test
 * can touch it: there, unless it is closed (support/closed_memory.h); then the test makes it.
 */
#ifdef SHARED_VIEW
static uint8_t *arena;
#else
#define SHARED_VIEW(address) (address)
static uint8_t arena[ARENA_SIZE] __attribute__((aligned(4096)));
#endif

static inline struct side *side_of(struct amph_session *session)
{
	return session->config.user;
}

static inline struct side_event *side_log(struct side *side, char what, struct amph_share *share)
{
	struct side_event *event = &side->log[side->logged++ % SIDE_EVENTS];

	*event = (struct side_event){.what = what, .share = share};
	if (share) {
		event->error = share->error;
		event->state = share->state;
	}
	return event;
}

static inline int side_offered(struct amph_session *session, struct amph_share *share)
{
	side_log(side_of(session), 'O', share);
	return side_of(session)->offered_error;
}

static inline void side_answered(struct amph_session *session, struct amph_share *share)
{
	side_log(side_of(session), 'A', share);
}

static inline void side_taken(struct amph_session *session, struct amph_share *share,
			      uint64_t offset, uint64_t length, bool reading, uint64_t cookie)
{
	struct side_event *event = side_log(side_of(session), 'T', share);

	event->offset = offset;
	event->length = length;
	event->reading = reading;
	event->cookie = cookie;
}

static inline void side_released(struct amph_session *session, struct amph_share *share)
{
	side_log(side_of(session), 'R', share);
}

static inline int side_requested(struct amph_session *session,
				 const struct amph_session_request *request)
{
	side_log(side_of(session), 'Q', NULL)->length = request->size;
	side_of(session)->request = *request;
	return side_of(session)->requested_error;
}

static inline void side_granted(struct amph_session *session, uint32_t request,
				struct amph_share *share, int error)
{
	struct side_event *event = side_log(side_of(session), 'G', share);

	event->cookie = request;
	event->error = error;
}

static inline void side_undone(struct amph_session *session, struct amph_share *share,
			       uint64_t offset, uint64_t length, int error)
{
	struct side_event *event = side_log(side_of(session), 'U', share);

	event->offset = offset;
	event->length = length;
	event->error = error;
}

static inline void side_passing(struct amph_session *session, struct amph_share *share,
				uint64_t offset, uint64_t length, uint64_t cookie)
{
	struct side_event *event = side_log(side_of(session), 'N', share);

	event->offset = offset;
	event->length = length;
	event->cookie = cookie;
}

static inline void side_passed(struct amph_session *session, struct amph_share *share,
			       uint64_t offset, uint64_t length, uint64_t cookie, int error)
{
	struct side_event *event = side_log(side_of(session), 'P', share);

	event->offset = offset;
	event->length = length;
	event->cookie = cookie;
	event->error = error;
}

static inline void side_ended(struct amph_session *session)
{
	side_log(side_of(session), 'E', NULL)->error = session->error;
}

/* A window hook that counts, over the ready one. */
static inline int side_map(void *argument, const struct amph_segment *segments, uint32_t count,
			   uint64_t size, uint32_t direction, intptr_t handle, void **va)
{
	struct side *side = argument;
	struct amph_session_windows windows;
	int error;

	amph_windows_map_init(&windows, &side->windows, &side->region, 1);
	error = windows.map(windows.argument, segments, count, size, direction, handle, va);
	side->maps += !error;
	return error;
}

static inline void side_unmap(void *argument, void *va, uint64_t size)
{
	(void)va;
	(void)size;
	((struct side *)argument)->unmaps++;
}

/* A provider whose buffers are pieces of the arena: "arena:<offset in hex>". */
static inline int arena_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	uint64_t offset = strtoull(name, NULL, 16);

	(void)provider;
	if (offset >= ARENA_SIZE || shm->size > ARENA_SIZE - offset)
		return -ENOMEM;
	shm->va = arena + offset;
	shm->segment_count = 1;
	shm->storage.segments[0] = (struct amph_segment){(uintptr_t)arena + offset, shm->size};
	memset(SHARED_VIEW(shm->va), 0, shm->size);
	return 0;
}

static inline void arena_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	(void)shm;
}

static inline void side_init(struct side *side, enum amph_session_role role, uint64_t nonce)
{
	static const struct amph_provider_ops provider_ops = {arena_open, arena_close};
	struct amph_map map;

	side->window = (struct amph_window){(uintptr_t)arena, ARENA_DA, ARENA_SIZE};
	map = (struct amph_map){&side->window, 1};
	side->region = (struct amph_io){arena, (uintptr_t)arena, ARENA_DA, ARENA_SIZE};
	side->provider = (struct amph_provider){.name = "arena", .ops = &provider_ops};
	if (amph_memory_init(&side->memory) ||
	    amph_memory_add_provider(&side->memory, &side->provider) ||
	    amph_target_map_init(&side->target, "other", &map, NULL))
		abort();
	side->target.map = map;
	side->events = (struct amph_session_events){
		.offered = side_offered,
		.answered = side_answered,
		.taken = side_taken,
		.released = side_released,
		.requested = side_requested,
		.granted = side_granted,
		.undone = side_undone,
		.passing = side_passing,
		.passed = side_passed,
		.ended = side_ended,
	};
	side->config = (struct amph_session_config){
		.role = role,
		.channel = &side->end.channel,
		.memory = &side->memory,
		.target = &side->target.target,
		.nonce = nonce,
		.shares = side->shares,
		.share_max = SIDE_SHARES,
		.segments = side->segments,
		.segments_per_share = SIDE_SEGMENTS,
		.ranges = side->ranges,
		.ranges_per_share = SIDE_RANGES,
		.windows = {.map = side_map, .unmap = side_unmap, .argument = side},
		.events = &side->events,
		.quota = 65536,
		.user = side,
	};
}

/* A buffer of the main side, with all the storage it needs. */
struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[16];
	struct amph_segment segments[1];
	struct amph_attachment attachment, second;
	struct amph_segment device_segments[1], second_segments[1];
};

static inline int buffer_open(struct buffer *buffer, struct side *side, const char *name,
			      uint64_t size, uint32_t flags)
{
	const struct amph_shm_storage storage = {buffer->ranges, 16, buffer->segments, 1};

	return amph_shm_open(&side->memory, &buffer->shm, &storage, name, size, flags);
}

static inline int buffer_attach(struct buffer *buffer, struct side *side, uint32_t direction)
{
	return amph_shm_attach(&buffer->shm, &side->target.target, direction, AMPH_SYNC_MESSAGES,
			       &buffer->attachment, buffer->device_segments, 1);
}

/* Both ends take what is there, until nothing moves any more: two that never rest are a bug. */
static inline void settle(struct side *a, struct side *b)
{
	for (uint32_t rounds = 0; a->end.count || b->end.count; rounds++) {
		if (rounds == 10000)
			abort();
		if (a->end.count && amph_session_poll(&a->session, 0) < 0 && a->end.count)
			a->end.count = 0; /* an ended session takes nothing */
		if (b->end.count && amph_session_poll(&b->session, 0) < 0 && b->end.count)
			b->end.count = 0;
	}
}

/* Opens a pair: main and peer. Returns 0 when both are open. */
static inline int sides_open(struct side *main, struct side *peer)
{
	memset(main, 0, sizeof(*main));
	memset(peer, 0, sizeof(*peer));
	loopback_init(&main->end, &peer->end);
	side_init(main, AMPH_SESSION_MAIN, 0x1111222233334444u);
	side_init(peer, AMPH_SESSION_PEER, 7);
	if (amph_session_init(&main->session, &main->config) ||
	    amph_session_init(&peer->session, &peer->config))
		return -1;
	amph_session_open(&peer->session, 0);
	amph_session_open(&main->session, 0);
	settle(main, peer);
	return main->session.state != AMPH_SESSION_OPEN || peer->session.state != AMPH_SESSION_OPEN;
}

#endif
