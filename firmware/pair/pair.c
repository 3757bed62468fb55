/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What both of the pair do first: RPMsg over rings at known addresses. Knows the board and the library.
 */
#include <amphora/cache.h>
#include <amphora/order.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "pair.h"

static struct amph_rpmsg rpmsg;
static struct amph_virtqueue_slot slots[2][PAIR_DESCRIPTORS];

static void kick(void *argument, uint32_t queue)
{
	(void)argument;
	(void)queue;
}

/* Who has no doorbell looks again. */
static int wait(void *argument, uint64_t deadline)
{
	(void)argument;
	(void)deadline;
	return 0;
}

void pair_expect(const struct pair *pair, const char *what, int error)
{
	if (!error)
		return;
	trace(what, (uint64_t)-error, 0);
	if (pair->session.why.what)
		trace(pair->session.why.what, pair->session.why.value, pair->session.why.limit);
	board_exit(1);
}

static int wait_for_main(uint32_t *ready)
{
	uint64_t deadline = amph_deadline(PAIR_STEP_MS);

	/* acquire: pairs with the release in start_rpmsg() */
	while (!amph_load32_acquire(ready))
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	return 0;
}

static int start_rpmsg(bool main)
{
	static struct amph_rpmsg_config config = {
		.slots = {slots[0], slots[1]},
		.buffer_size = PAIR_BUFFER,
		.buffers = {.va = (void *)PAIR_BUFFERS,
			    .pa = PAIR_BUFFERS,
			    .da = PAIR_BUFFERS,
			    .size = 2 * PAIR_DESCRIPTORS * PAIR_BUFFER},
		.kick = kick,
		.wait = wait,
	};
	uint32_t *ready = (uint32_t *)PAIR_READY;
	int error = 0;

	for (uint32_t i = 0; i < 2 && !error; i++)
		error = amph_vring_init(&config.vrings[i], (void *)(PAIR_RINGS + i * PAIR_RING),
					PAIR_RING, PAIR_DESCRIPTORS, 64);
	if (error)
		return error;
	if (!main) {
		error = wait_for_main(ready);
		return error ? error : amph_rpmsg_init_peer(&rpmsg, &config);
	}
	error = amph_rpmsg_init_main(&rpmsg, &config);
	if (!error)
		amph_store32_release(ready, 1);
	return error;
}

void pair_lock(struct pair *pair)
{
	const struct amph_session_locks_config config = {.slots = &pair->lock, .slot_max = 1};

	pair_expect(pair, "no locks",
		    amph_session_locks_init(&pair->locks, &pair->session, &config));
}

int pair_count(struct pair *pair, struct amph_share *counter, uint32_t count, uint32_t *left,
	       uint32_t wait_ms)
{
	uint32_t *words = counter->va;

	for (*left = count; *left; --*left) {
		int error = amph_session_lock(&pair->session, counter, amph_deadline(wait_ms));

		if (error)
			return error;
		words[0]++;
		pair_expect(pair, "not unlocked", amph_session_unlock(&pair->session, counter));
	}
	return 0;
}

void pair_start(struct pair *pair, enum amph_session_role role, struct amph_session_config *config)
{
	bool main = role == AMPH_SESSION_MAIN;
	uint32_t own = main ? PAIR_ADDRESS_MAIN : PAIR_ADDRESS_PEER;
	uint32_t other = main ? PAIR_ADDRESS_PEER : PAIR_ADDRESS_MAIN;

	board_start();
	amph_log_set(trace_log, NULL);
	pair_expect(pair, "no RPMsg", start_rpmsg(main));
	pair_expect(pair, "no channel",
		    amph_channel_rpmsg_init(&pair->channel, &rpmsg, NULL, own, other, false, 0));
	pair_expect(pair, "no memory context", amph_memory_init(&pair->memory));
	*config = (struct amph_session_config){
		.role = role,
		.channel = &pair->channel.channel,
		.memory = &pair->memory,
		.nonce = amph_time_now() | 1,
		.shares = pair->shares,
		.share_max = PAIR_SHARES,
		.segments = pair->segments,
		.segments_per_share = 1,
		.ranges = pair->ranges,
		.ranges_per_share = PAIR_RANGES,
		.heartbeat_ms = PAIR_HEARTBEAT_MS,
		.cache = board_cache(),
		.cache_line = board_cache() ? amph_cache_line() : 1,
	};
}
