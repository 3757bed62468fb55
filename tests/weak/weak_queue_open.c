/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: opening a queue under a weak memory, over what an earlier queue has left in the memory, and the
 * first hand-off through it.
 */
#include "queue_sides.h"

static struct snapshot snapshot;

static void before(void)
{
	queue_sides(&snapshot, BY_INTERRUPT, false);
}

static void thread(uint32_t self)
{
	struct amph_queue_entry entry = {.share = data_share, .length = PIECE, .cookie = 7};
	uint32_t received;

	if (self == HOME) {
		weak_check(!amph_queue_open(&main_queue, &mains.session, ring_share, SLOTS,
					    &main_way, UINT64_MAX),
			   "the queue is not open");
		weak_write(payload_at(0), 1);
		send_all(&main_queue, &entry, 1);
		weak_check(!amph_queue_receive(&main_queue, &entry, 1, UINT64_MAX, &received),
			   "the return");
		weak_check(entry.cookie == 8 && weak_read(payload_at(0)) == 2, "what came back");
	} else {
		weak_check(!amph_queue_receive(&peer_queue, &entry, 1, UINT64_MAX, &received),
			   "the give");
		weak_check(entry.cookie == 7 && weak_read(payload_at(0)) == 1, "what came");
		weak_write(payload_at(0), 2);
		entry.cookie = 8;
		send_all(&peer_queue, &entry, 1);
	}
}

WEAK_SCENARIO(queue_open, .threads = 2, .executions = 50000, .before = before, .thread = thread);
