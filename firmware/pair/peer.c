/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peer role of the pair: takes what comes by the queue, turns every byte into 255 - byte, hands it back;
 * and counts, by a lock, where main does.
 * It sleeps on the channel, so that the other side wakes it by a message. Ends with exit code 0 when
 * the session is closed in good order.
 */
#include <amphora/queue.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/main.h"
#include "../common/trace.h"
#include "pair.h"

#define BATCH 4u

static struct pair pair;
static struct amph_target home;
static struct amph_queue queue;

static void invert(const struct amph_queue_entry *entry)
{
	uint8_t *bytes = (uint8_t *)entry->share->va + entry->offset;

	if (amph_shm_check_access(entry->share->shm, entry->offset, entry->length, true))
		pair_expect(&pair, "what came is not this side's", -EACCES);
	for (uint64_t i = 0; i < entry->length; i++)
		bytes[i] = (uint8_t)(255 - bytes[i]);
}

/* What main shares to count in, or NULL. */
static struct amph_share *find_counter(void)
{
	for (uint32_t i = 0; i < PAIR_SHARES; i++) {
		struct amph_share *share = &pair.shares[i];
		uint32_t at = 0;

		while (PAIR_COUNTER[at] && share->name[at] == PAIR_COUNTER[at])
			at++;
		if (share->state == AMPH_SHARE_ACCEPTED && !PAIR_COUNTER[at])
			return share;
	}
	return NULL;
}

/* Some of it; the session is served in between. */
static void count(uint32_t *left)
{
	struct amph_share *counter = find_counter();
	uint32_t uncounted;
	int error;

	if (!counter || !*left)
		return;
	error = pair_count(&pair, counter, *left, &uncounted, 100);
	*left = uncounted;
	if (error && error != -ETIMEDOUT)
		pair_expect(&pair, "not counted", error);
}

static void work(uint32_t *total)
{
	struct amph_queue_entry entries[BATCH];
	uint32_t count, sent;
	int error = amph_queue_receive(&queue, entries, BATCH, amph_deadline(100), &count);

	/* nothing yet, or nothing more: the session's state says which */
	if (error)
		return;
	for (uint32_t i = 0; i < count; i++) {
		invert(&entries[i]);
		entries[i].cookie = ~entries[i].cookie;
	}
	pair_expect(&pair, "not sent back",
		    amph_queue_send(&queue, entries, count, amph_deadline(PAIR_STEP_MS), &sent));
	*total += count;
}

void firmware_main(void)
{
	static const struct amph_queue_config sleeping = {.spins = 16, .by_receive = true};
	static const struct amph_io region = {
		.va = (void *)PAIR_POOL, .pa = PAIR_POOL, .da = PAIR_POOL, .size = PAIR_POOL_SIZE};
	static struct amph_windows_map map;
	struct amph_session_config config;
	uint32_t total = 0, left = PAIR_COUNTS;

	pair_start(&pair, AMPH_SESSION_PEER, &config);
	amph_target_home_init(&home, "main");
	amph_windows_map_init(&config.windows, &map, &region, 1);
	config.target = &home;
	pair_expect(&pair, "no session", amph_session_init_peer(&pair.session, &config));
	pair_lock(&pair);
	pair_expect(&pair, "no queue", amph_queue_expect(&queue, &pair.session, &sleeping));
	pair_expect(&pair, "nobody greets",
		    amph_session_open(&pair.session, amph_deadline(PAIR_STEP_MS)));
	while (pair.session.state == AMPH_SESSION_OPEN) {
		if (queue.state == AMPH_QUEUE_EXPECTED || queue.state == AMPH_QUEUE_OPEN)
			work(&total);
		else
			amph_session_poll(&pair.session, amph_deadline(100));
		count(&left);
	}
	pair_expect(&pair, "the session is lost",
		    pair.session.state == AMPH_SESSION_CLOSED ? 0 : pair.session.error);
	trace("hand-offs taken and returned", total, 0);
	board_exit(0);
}
