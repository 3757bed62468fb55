/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: messages beside the queue under a weak memory. The importer waits for a descriptor, asleep at
 * the doorbell, while the home says something on the channel that it must answer first.
 */
#include "queue_sides.h"

static struct snapshot snapshots[NEVER + 1];

static void home(void)
{
	struct amph_queue_entry entry = {.share = data_share, .length = PIECE, .cookie = 1};
	struct amph_share *share;
	uint32_t received;

	if (weak_random(2)) {
		weak_write(payload_at(0), 1);
		send_all(&main_queue, &entry, 1);
	}
	weak_check(!amph_session_offer(&mains.session, &extra.attachment, 0, 0, &share),
		   "the offer");
	weak_check(!amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED, UINT64_MAX),
		   "the answer");
	entry = (struct amph_queue_entry){
		.share = data_share, .offset = PIECE, .length = PIECE, .cookie = 2};
	weak_write(payload_at(PIECE), 2);
	send_all(&main_queue, &entry, 1);
	weak_check(!amph_queue_receive(&main_queue, &entry, 1, UINT64_MAX, &received),
		   "the return");
	weak_check(weak_read(payload_at(entry.offset)) == 100, "what came back");
}

static void importer(void)
{
	struct amph_queue_entry entry = {.cookie = 0};
	uint32_t received;

	while (entry.cookie != 2) {
		weak_check(!amph_queue_receive(&peer_queue, &entry, 1, UINT64_MAX, &received),
			   "a receive was refused");
		weak_check(weak_read(payload_at(entry.offset)) == entry.cookie, "other bytes came");
	}
	weak_check(peers.log[(peers.logged - 1) % SIDE_EVENTS].what == 'O', "the offer is missing");
	weak_write(payload_at(entry.offset), 100);
	entry.share = peer_share();
	send_all(&peer_queue, &entry, 1);
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

WEAK_SCENARIO(queue_messages_interrupts, .threads = 2, .executions = 50000,
	      .before = before_interrupts, .thread = thread);
WEAK_SCENARIO(queue_messages_futex, .threads = 2, .executions = 50000, .before = before_futex,
	      .thread = thread);
