/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: two sides with a queue between them, for the weak-memory explorer. They are set up once, as in
 * the unit tests; what they are then is put back before each execution.
 */
#ifndef TESTS_WEAK_QUEUE_SIDES_H
#define TESTS_WEAK_QUEUE_SIDES_H

#include <errno.h>

#include "weak.h"

#define assert_int_equal(a, b) weak_check((a) == (b), #a " is not " #b)
#define assert_true(a)	       weak_check(a, #a)
#define assert_null(a)	       weak_check(!(a), #a " is not NULL")

#include "share/queue_pair.h"

#include "queue/ring.h"

#define SLOTS	 2u /* of each direction: the rings lap */
#define PIECE	 64u /* bytes of the data that are handed over at once; one word of them is used */
#define PIECES	 4u
#define PIPE_MAX 16u /* messages on their way, at most */

enum { HOME, IMPORTER };

/* How a side that waits is woken. */
enum way { BY_INTERRUPT, BY_FUTEX, BY_CHANNEL, NEVER };

/* What a side sleeps at: bells by number. */
static inline uint32_t doorbell_of(uint32_t side)
{
	return side;
}

static inline uint32_t channel_bell_of(uint32_t side)
{
	return 2 + side;
}

/* One more buffer of the home's, attached and not offered yet. */
static struct buffer extra;

/* --- the channel: messages in private memory, what counts them in order --- */

struct pipe_end {
	uint32_t sent, received; /* to, from the other side */
	uint32_t lengths[PIPE_MAX]; /* of what comes here */
	uint8_t bytes[PIPE_MAX][256] __attribute__((aligned(8)));
};

static struct pipe_end pipe_ends[2];

static inline int pipe_send(struct amph_channel *channel, const void *message, uint32_t length,
			    intptr_t handle, uint64_t deadline)
{
	uint32_t self = channel == &peers.end.channel, at;
	struct pipe_end *other = &pipe_ends[!self];

	(void)handle;
	(void)deadline;
	at = pipe_ends[self].sent++;
	weak_check(at < PIPE_MAX && length <= sizeof(other->bytes[0]), "the pipe is full");
	other->lengths[at] = length;
	memcpy(other->bytes[at], message, length);
	weak_post(!self, channel_bell_of(!self));
	return 0;
}

static inline int pipe_poll(struct amph_channel *channel, uint64_t deadline)
{
	uint32_t self = channel == &peers.end.channel;
	struct pipe_end *end = &pipe_ends[self];
	uint32_t count = 0, there;

	while ((there = weak_posted(self)) == end->received) {
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		weak_sleep(channel_bell_of(self));
	}
	for (; end->received < there; count++) {
		uint32_t at = end->received++;

		channel->receiver(channel->argument, end->bytes[at], end->lengths[at], -1);
	}
	return (int)count;
}

/* --- doorbells --- */

static inline void interrupt_wait(void *argument, const uint32_t *bell, uint32_t seen,
				  uint64_t deadline)
{
	(void)bell;
	(void)seen;
	if (amph_time_now() < deadline)
		weak_sleep(doorbell_of(argument != NULL));
}

static inline void interrupt_ring(void *argument, const uint32_t *bell)
{
	(void)bell;
	weak_ring(doorbell_of(!argument));
}

static inline void futex_wait(void *argument, const uint32_t *bell, uint32_t seen,
			      uint64_t deadline)
{
	(void)argument;
	if (amph_time_now() < deadline)
		weak_futex_wait(bell, weak_used(bell, seen));
}

static inline void futex_ring(void *argument, const uint32_t *bell)
{
	(void)argument;
	weak_futex_wake(bell);
}

static inline void choose_way(struct amph_queue_config *config, enum way way, uint32_t side)
{
	*config = (struct amph_queue_config){.spins = way == NEVER ? AMPH_QUEUE_SPIN : 0,
					     .by_receive = true};
	config->doorbell.argument = side == HOME ? NULL : &peers;
	if (way == BY_INTERRUPT) {
		config->doorbell.wait = interrupt_wait;
		config->doorbell.ring = interrupt_ring;
	} else if (way == BY_FUTEX) {
		config->doorbell.wait = futex_wait;
		config->doorbell.ring = futex_ring;
	}
}

/* --- as they are when the queue is open, or just before --- */

struct piece {
	void *at;
	size_t size;
};

/* What the sides are made of, but for the channel of the setting-up. */
static inline uint32_t list_pieces(struct piece *pieces)
{
	const size_t skip = offsetof(struct side, memory);
	const struct piece all[] = {
		{(uint8_t *)&mains + skip, sizeof(mains) - skip},
		{(uint8_t *)&peers + skip, sizeof(peers) - skip},
		{&mains.end.channel, sizeof(mains.end.channel)},
		{&peers.end.channel, sizeof(peers.end.channel)},
		{&ring, sizeof(ring)},
		{&data, sizeof(data)},
		{&extra, sizeof(extra)},
		{&main_queue, sizeof(main_queue)},
		{&peer_queue, sizeof(peer_queue)},
		{arena, (AMPH_QUEUE_LINES + 2 * SLOTS) * AMPH_QUEUE_STRIDE},
		{arena + 0x8000, PIECES * PIECE},
	};

	memcpy(pieces, all, sizeof(all));
	return sizeof(all) / sizeof(all[0]);
}

struct snapshot {
	bool taken;
	uint8_t bytes[65536];
};

static inline void copy_pieces(struct snapshot *snapshot, bool back)
{
	struct piece pieces[16];
	uint32_t count = list_pieces(pieces);
	size_t used = 0;

	for (uint32_t i = 0; i < count; i++) {
		weak_check(used + pieces[i].size <= sizeof(snapshot->bytes),
			   "the snapshot is too small");
		if (back)
			memcpy(pieces[i].at, snapshot->bytes + used, pieces[i].size);
		else
			memcpy(snapshot->bytes + used, pieces[i].at, pieces[i].size);
		used += pieces[i].size;
	}
}

/* Declares the queue's memory, with all between its fields or not, and the words of the data in use. */
static inline void share_memory(bool whole)
{
	uint8_t *line = arena;

	for (uint32_t side = 0; side < 2; side++, line += AMPH_QUEUE_STRIDE) {
		uint32_t *words = (uint32_t *)(void *)(line + 2 * AMPH_QUEUE_STRIDE);

		weak_words(line, 1, 4, "consumed");
		weak_words(&words[0], 1, 4, "waiting");
		weak_words(&words[1], 1, 4, "ready");
		weak_words(&words[2], 1, 4, "bell");
		weak_used_later(&words[2]);
		weak_words(&words[3], 1, 4, "said");
		if (whole) {
			weak_words(line + 4, AMPH_QUEUE_STRIDE / 4 - 1, 4, "padding");
			weak_words(&words[4], AMPH_QUEUE_STRIDE / 4 - 4, 4, "padding");
		}
	}
	for (uint32_t i = 0; i < 2 * SLOTS; i++) {
		uint8_t *slot = arena + (AMPH_QUEUE_LINES + i) * AMPH_QUEUE_STRIDE;

		weak_words(slot, 1, 4, "sequence");
		weak_guarded(slot + 4, sizeof(struct queue_slot) / 4 - 1, 4, "descriptor");
		if (whole)
			weak_words(slot + sizeof(struct queue_slot),
				   (AMPH_QUEUE_STRIDE - sizeof(struct queue_slot)) / 4, 4,
				   "padding");
	}
	for (uint32_t i = 0; i < PIECES; i++)
		weak_guarded(arena + 0x8000 + i * PIECE, 1, 4, "payload");
}

/* What an earlier queue has left: descriptors that look like the first ones of a new queue. */
static inline void leave_descriptors(void)
{
	for (uint32_t i = 0; i < 2 * SLOTS; i++) {
		uint8_t *at = arena + (AMPH_QUEUE_LINES + i) * AMPH_QUEUE_STRIDE;

		*(struct queue_slot *)(void *)at = (struct queue_slot){
			.sequence = i % SLOTS + 1,
			.kind = i < SLOTS ? QUEUE_GIVE : QUEUE_RETURN,
			.handle = data_share->handle,
			.generation = data_share->generation,
			.length = PIECE,
			.cookie = 99,
		};
	}
}

/* Before an execution: two sides with an open queue, or with all that it takes to open one. */
static inline void queue_sides(struct snapshot *snapshot, enum way way, bool open)
{
	static const struct amph_channel_ops pipe_ops = {pipe_send, pipe_poll};

	if (!snapshot->taken) {
		choose_way(&main_way, way, HOME);
		choose_way(&peer_way, way, IMPORTER);
		open_shares();
		if (open)
			open_queue(SLOTS);
		memset(&extra, 0, sizeof(extra));
		assert_int_equal(buffer_open(&extra, &mains, "arena:9000", 4096, 0), 0);
		assert_int_equal(buffer_attach(&extra, &mains, AMPH_DEVICE_READS_WRITES), 0);
		mains.end.channel.ops = peers.end.channel.ops = &pipe_ops;
		copy_pieces(snapshot, false);
		snapshot->taken = true;
	}
	copy_pieces(snapshot, true);
	memset(pipe_ends, 0, sizeof(pipe_ends));
	if (way != NEVER)
		main_queue.config.spins = peer_queue.config.spins = weak_random(3);
	if (!open)
		leave_descriptors();
	share_memory(!open);
}

/* The importer's share of the data. */
static inline struct amph_share *peer_share(void)
{
	for (uint32_t i = 0; i < SIDE_SHARES; i++)
		if (peers.shares[i].state == AMPH_SHARE_ACCEPTED &&
		    &peers.shares[i] != peer_queue.path.share)
			return &peers.shares[i];
	weak_check(false, "the importer has no share");
	return NULL;
}

static inline void send_all(struct amph_queue *queue, const struct amph_queue_entry *entries,
			    uint32_t count)
{
	uint32_t sent;

	weak_check(!amph_queue_send(queue, entries, count, UINT64_MAX, &sent) && sent == count,
		   "a send was refused");
}

static inline uint32_t *payload_at(uint64_t offset)
{
	weak_check(offset % PIECE == 0 && offset < PIECES * PIECE, "the offset");
	return (uint32_t *)(void *)(arena + 0x8000 + offset);
}

#endif
