/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue's end. Knows sessions and queues, and the board's doorbell, by which the other side is
 * woken where it can be; else by a message.
 */
#include <amphora/error.h>

#include "../common/board.h"
#include "../common/link.h"
#include "../common/trace.h"
#include "handoff.h"

#define BATCH 16u

static struct amph_queue queue;

/* What goes back: as many as one batch brings at most. */
static struct {
	struct amph_queue_entry entries[BATCH];
	uint32_t first, count;
} back;

static void doorbell_wait(void *argument, const uint32_t *word, uint32_t seen, uint64_t deadline)
{
	(void)argument;
	(void)word;
	(void)seen;
	board_wait(deadline);
}

static void doorbell_ring(void *argument, const uint32_t *word)
{
	(void)argument;
	(void)word;
	board_ring(link_notify_id());
}

int handoff_expect(struct amph_session *session)
{
	const struct amph_queue_config config = {
		.by_receive = true,
		.doorbell = {.wait = doorbell_wait, .ring = doorbell_ring},
	};

	back.first = back.count = 0;
	return amph_queue_expect(&queue, session, &config);
}

bool handoff_closed(void)
{
	return queue.state == AMPH_QUEUE_CLOSED;
}

/* What can't go for another reason than room never can: the session is over, or nearly. */
static void send_back(uint64_t deadline)
{
	uint32_t sent = 0;
	int error = amph_queue_send(&queue, &back.entries[back.first], back.count - back.first,
				    deadline, &sent);

	back.first += sent;
	/* a record that is full has no room to cut a piece off: another one may leave it shorter */
	if (error == -ENOSPC) {
		struct amph_queue_entry entry = back.entries[back.first];

		back.entries[back.first] = back.entries[back.count - 1];
		back.entries[back.count - 1] = entry;
	} else if (error && error != -ETIMEDOUT) {
		trace("ranges were not returned", (uint64_t)-error, back.count - back.first);
		back.first = back.count;
	}
	if (back.first == back.count)
		back.first = back.count = 0;
}

bool handoff_run(void (*taken)(const struct amph_queue_entry *entry))
{
	struct amph_queue_entry entries[BATCH];
	uint32_t count = 0;

	if (back.count)
		send_back(0);
	if (back.count)
		return false;
	amph_queue_receive(&queue, entries, BATCH, 0, &count);
	/* one of them may end the session */
	for (uint32_t i = 0; i < count && queue.state == AMPH_QUEUE_OPEN; i++)
		taken(&entries[i]);
	if (back.count)
		send_back(0);
	return count > 0;
}

void handoff_return(const struct amph_queue_entry *entry, uint64_t cookie)
{
	struct amph_queue_entry *next = &back.entries[back.count++];

	*next = *entry;
	next->cookie = cookie;
	next->reading = false;
}

bool handoff_waits(void)
{
	return back.count > 0;
}

void handoff_sleep(uint64_t deadline)
{
	if (back.count) {
		send_back(deadline);
		return;
	}
	if (amph_queue_arm(&queue) != -EAGAIN)
		board_wait(deadline);
	amph_queue_disarm(&queue);
}
