/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the queue beside an event loop, under a weak memory: the importer arms it and sleeps by itself
 * until a message wakes it.
 */
#include "queue_sides.h"

#define HANDOFFS 3u

static struct snapshot snapshot;

static void before(void)
{
	queue_sides(&snapshot, BY_CHANNEL, true);
}

static void home(void)
{
	struct amph_queue_entry entry;
	uint32_t received;

	for (uint32_t i = 0; i < HANDOFFS; i++) {
		entry = (struct amph_queue_entry){
			.share = data_share, .offset = i * PIECE, .length = PIECE, .cookie = i};
		weak_write(payload_at(entry.offset), i);
		send_all(&main_queue, &entry, 1);
	}
	for (uint32_t i = 0; i < HANDOFFS; i += received)
		weak_check(!amph_queue_receive(&main_queue, &entry, 1, UINT64_MAX, &received),
			   "a receive was refused");
}

/* Takes what is there. Returns how many. */
static uint32_t take(uint32_t got)
{
	struct amph_queue_entry entries[HANDOFFS];
	uint32_t received;
	int error = amph_queue_receive(&peer_queue, entries, HANDOFFS, 0, &received);

	weak_check(!error || error == -ETIMEDOUT, "a receive was refused");
	for (uint32_t i = 0; i < received; i++) {
		weak_check(weak_read(payload_at(entries[i].offset)) == got + i, "other bytes came");
		entries[i].share = peer_share();
	}
	if (received)
		send_all(&peer_queue, entries, received);
	return received;
}

static void importer(void)
{
	for (uint32_t got = take(0); got < HANDOFFS; got += take(got)) {
		int error = amph_queue_arm(&peer_queue);

		if (!error)
			weak_sleep(channel_bell_of(IMPORTER));
		else
			weak_check(error == -EAGAIN, "it can't be armed");
		amph_queue_disarm(&peer_queue);
		weak_check(amph_session_poll(&peers.session, 0) != -EPROTO, "the session");
	}
}

static void thread(uint32_t self)
{
	if (self == HOME)
		home();
	else
		importer();
}

WEAK_SCENARIO(queue_armed, .threads = 2, .executions = 50000, .before = before, .thread = thread);
