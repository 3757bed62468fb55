/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the queue under a weak memory: pieces of a buffer go to the importer and come back, in batches,
 * through rings that are too short for them, between sides that sleep and wake each other in every way.
 */
#include "queue_sides.h"

#define HANDOFFS 6u

static struct snapshot snapshots[NEVER + 1];

/* Some of the hand-offs do not go the quick way. */
static struct amph_queue_entry piece(struct amph_share *share, uint32_t number)
{
	return (struct amph_queue_entry){
		.share = share,
		.offset = (number % PIECES) * PIECE,
		.length = PIECE,
		.cookie = number,
		.reading = share->home && !weak_random(4),
	};
}

static uint32_t receive_some(struct amph_queue *queue, struct amph_queue_entry *entries)
{
	uint32_t received;

	weak_check(!amph_queue_receive(queue, entries, 1 + weak_random(3), UINT64_MAX, &received),
		   "a receive was refused");
	return received;
}

/* No more at once than fits into one ring and the hands of the importer: it waits for room too. */
static void home(void)
{
	struct amph_queue_entry entries[3];
	uint32_t sent = 0, back = 0;

	while (back < HANDOFFS) {
		uint32_t batch = 1 + weak_random(3), room = PIECES - (sent - back), count;

		batch = batch < room ? batch : room;
		batch = batch < HANDOFFS - sent ? batch : HANDOFFS - sent;
		for (uint32_t i = 0; i < batch; i++, sent++) {
			entries[i] = piece(data_share, sent);
			if (!entries[i].reading)
				weak_write(payload_at(entries[i].offset), sent);
		}
		if (batch)
			send_all(&main_queue, entries, batch);
		count = receive_some(&main_queue, entries);
		for (uint32_t i = 0; i < count; i++, back++) {
			weak_check(entries[i].cookie == back, "another piece came back");
			weak_read(payload_at(entries[i].offset));
		}
	}
}

static void importer(void)
{
	struct amph_share *share = peer_share();
	struct amph_queue_entry entries[3];

	for (uint32_t got = 0; got < HANDOFFS;) {
		uint32_t count = receive_some(&peer_queue, entries);

		for (uint32_t i = 0; i < count; i++, got++) {
			uint32_t *payload = payload_at(entries[i].offset);

			weak_check(entries[i].cookie == got, "another piece came");
			if (entries[i].reading) {
				weak_read(payload);
			} else {
				weak_check(weak_read(payload) == got, "other bytes came");
				weak_write(payload, 100 + got);
			}
			entries[i].reading = false;
			entries[i].share = share;
		}
		send_all(&peer_queue, entries, count);
	}
}

static void thread(uint32_t self)
{
	if (self == HOME)
		home();
	else
		importer();
}

static void before_interrupts(void)
{
	queue_sides(&snapshots[BY_INTERRUPT], BY_INTERRUPT, true);
}

static void before_futex(void)
{
	queue_sides(&snapshots[BY_FUTEX], BY_FUTEX, true);
}

static void before_channel(void)
{
	queue_sides(&snapshots[BY_CHANNEL], BY_CHANNEL, true);
}

static void before_spinning(void)
{
	queue_sides(&snapshots[NEVER], NEVER, true);
}

WEAK_SCENARIO(queue_interrupts, .threads = 2, .executions = 50000, .before = before_interrupts,
	      .thread = thread);
WEAK_SCENARIO(queue_futex, .threads = 2, .executions = 50000, .before = before_futex,
	      .thread = thread);
WEAK_SCENARIO(queue_channel, .threads = 2, .executions = 50000, .before = before_channel,
	      .thread = thread);
WEAK_SCENARIO(queue_spinning, .threads = 2, .executions = 50000, .before = before_spinning,
	      .thread = thread);
