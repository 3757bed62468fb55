/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: both ends of an RPMsg device over shared memory in one process, each with an address
 * map and a doorbell of its own. Rings and buffers are exact-size heap blocks, for the sanitizers.
 */
#ifndef TESTS_SUPPORT_RPMSG_PAIR_H
#define TESTS_SUPPORT_RPMSG_PAIR_H

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/event.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>

#define PAIR_COUNT_MAX 256
#define PAIR_PA	       0x1234560000ull /* what descriptors carry: not mapped anywhere */
#define PAIR_ALIGN     16

struct pair_side {
	struct amph_rpmsg rpmsg;
	struct amph_rpmsg_config config;
	struct amph_virtqueue_slot slots[2][PAIR_COUNT_MAX];
	struct amph_event doorbell;
	uint32_t seen; /* of the doorbell: one that rang since the last wait counts */
	struct pair_side *other;
	uint32_t kicks[2];
	uint32_t waits;
	int wait_error; /* what wait returns, if not 0 */
	bool busy; /* polls instead of sleeping */
	void (*on_wait)(struct pair_side *side); /* what happens meanwhile, in a single thread */
};

struct pair {
	void *rings[2];
	uint32_t ring_size;
	char *buffers;
	struct pair_side main, peer;
};

static inline void pair_kick(void *argument, uint32_t queue)
{
	struct pair_side *side = argument;

	side->kicks[queue]++;
	amph_event_signal(&side->other->doorbell);
}

static inline int pair_wait(void *argument, uint64_t deadline)
{
	struct pair_side *side = argument;
	int error = 0;

	side->waits++;
	if (side->on_wait)
		side->on_wait(side);
	if (side->wait_error)
		return side->wait_error;
	if (side->busy)
		sched_yield();
	else
		error = amph_event_wait(&side->doorbell, side->seen, deadline);
	side->seen = amph_event_count(&side->doorbell);
	return error;
}

static inline void pair_side_setup(struct pair *pair, struct pair_side *side,
				   struct pair_side *other, enum amph_rpmsg_role role,
				   uint32_t count, uint32_t buffer_size)
{
	memset(side, 0, sizeof(*side));
	side->other = other;
	amph_event_init(&side->doorbell);
	side->seen = amph_event_count(&side->doorbell);
	side->config = (struct amph_rpmsg_config){
		.role = role,
		.slots = {side->slots[0], side->slots[1]},
		.buffers = {.va = pair->buffers,
			    .pa = PAIR_PA,
			    .size = (uint64_t)count * 2 * buffer_size},
		.buffer_size = buffer_size,
		.name_service = true,
		.kick = pair_kick,
		.wait = pair_wait,
		.argument = side,
	};
	for (int i = 0; i < 2; i++)
		if (amph_vring_init(&side->config.vrings[i], pair->rings[i], pair->ring_size, count,
				    PAIR_ALIGN))
			abort();
}

static inline void pair_setup(struct pair *pair, uint32_t count, uint32_t buffer_size)
{
	pair_side_setup(pair, &pair->main, &pair->peer, AMPH_RPMSG_MAIN, count, buffer_size);
	pair_side_setup(pair, &pair->peer, &pair->main, AMPH_RPMSG_PEER, count, buffer_size);
}

/* In memory that the caller has: rings first. Then there is no pair_close(). */
static inline void pair_place(struct pair *pair, char *memory, uint32_t count, uint32_t buffer_size)
{
	pair->ring_size = amph_vring_size(count, PAIR_ALIGN);
	for (int i = 0; i < 2; i++, memory += (pair->ring_size + 63) / 64 * 64)
		pair->rings[i] = memory;
	pair->buffers = memory;
	pair_setup(pair, count, buffer_size);
}

/* Memory and configurations; the caller may change the configurations before pair_start(). */
static inline void pair_open(struct pair *pair, uint32_t count, uint32_t buffer_size)
{
	pair->ring_size = amph_vring_size(count, PAIR_ALIGN);
	for (int i = 0; i < 2; i++) {
		if (posix_memalign(&pair->rings[i], 16, pair->ring_size))
			abort();
		memset(pair->rings[i], 0xa5, pair->ring_size);
	}
	pair->buffers = malloc((size_t)count * 2 * buffer_size);
	if (!pair->buffers)
		abort();
	memset(pair->buffers, 0x5a, (size_t)count * 2 * buffer_size);
	pair_setup(pair, count, buffer_size);
}

static inline int pair_start(struct pair *pair)
{
	int error = amph_rpmsg_init(&pair->main.rpmsg, &pair->main.config);

	return error ? error : amph_rpmsg_init(&pair->peer.rpmsg, &pair->peer.config);
}

static inline void pair_close(struct pair *pair)
{
	free(pair->rings[0]);
	free(pair->rings[1]);
	free(pair->buffers);
}

#endif
