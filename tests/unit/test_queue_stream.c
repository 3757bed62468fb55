/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces of one buffer that follow each other through a queue: to the buffer's end, and as far as the
 * descriptors tell the truth.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_liar.h"

#define PIECES 4u
#define PIECE  (DATA_SIZE / PIECES)

/* Sends all of the data piece by piece in one call, and takes it in one. */
static void hand_over_all(struct amph_queue *from, struct amph_share *share, struct amph_queue *to)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t count;

	for (uint32_t i = 0; i < PIECES; i++)
		entries[i] = (struct amph_queue_entry){
			.share = share, .offset = i * PIECE, .length = PIECE, .cookie = i};
	assert_int_equal(amph_queue_send(from, entries, PIECES, 0, &count), 0);
	assert_int_equal(count, PIECES);
	consistent(&mains);
	consistent(&peers);
	assert_int_equal(share->shm->range_count, 1);
	for (uint32_t taken = 0; taken < PIECES; taken += count) {
		assert_int_equal(amph_queue_receive(to, entries, PIECES, amph_deadline(1), &count),
				 0);
		assert_int_equal(entries[0].offset, taken * PIECE);
	}
	consistent(&mains);
	consistent(&peers);
}

static void pieces_to_the_end_leave_one_range_on_both_sides(void **state)
{
	(void)state;

	open_queues(8);
	hand_over_all(&main_queue, data_share, &peer_queue);
	assert_int_equal(peers.shares[1].shm->range_count, 1);
	hand_over_all(&peer_queue, &peers.shares[1], &main_queue);
	assert_int_equal(data.shm.range_count, 1);
	close_queues();
}

/* The first pieces are true. */
static void lie_in_the_fourth_piece(bool home_lies, void (*lie)(struct queue_slot *slot))
{
	struct amph_queue_entry entries[8];
	uint32_t taken = 0, count = 0;
	int error;

	open_lies(home_lies);
	for (uint32_t i = 0; i < 4; i++) {
		struct queue_slot slot = truth();

		slot.offset = i * 64;
		slot.length = 64;
		if (i == 3)
			lie(&slot);
		write_slot(&slot);
	}
	do {
		error = amph_queue_receive(honest_queue, entries, 8, amph_deadline(1), &count);
		taken += count;
	} while (!error && taken < 8);
	assert_true(taken <= 3);
	assert_int_equal(error, -EPROTO);
	assert_int_equal(honest->session.state, AMPH_SESSION_LOST);
	end_lies();
}

static void other_generation(struct queue_slot *slot)
{
	slot->generation++;
}

static void other_handle(struct queue_slot *slot)
{
	slot->handle++;
}

static void other_kind(struct queue_slot *slot)
{
	slot->kind = QUEUE_GIVE + QUEUE_RETURN - slot->kind;
}

static void a_hole(struct queue_slot *slot)
{
	slot->offset = DATA_SIZE;
}

static void nothing(struct queue_slot *slot)
{
	slot->length = 0;
}

static void too_much(struct queue_slot *slot)
{
	slot->length = DATA_SIZE;
}

static void a_lie_between_pieces_ends_the_session(void **state)
{
	void (*const lies[])(struct queue_slot *) = {other_generation, other_handle, other_kind,
						     a_hole,	       nothing,	     too_much};
	(void)state;

	for (uint32_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (int home_lies = 0; home_lies < 2; home_lies++)
			lie_in_the_fourth_piece(home_lies, lies[i]);
}

static void reading_what_is_only_written_ends_the_session(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++) {
		struct queue_slot slot;

		open_lies(true);
		raw.body.offer = (struct wire_offer){.handle = 3,
						     .generation = 1,
						     .size = 64,
						     .direction = AMPH_DEVICE_WRITES,
						     .granule = 64,
						     .method = AMPH_SYNC_QUEUE,
						     .segment_count = 1,
						     .name = "raw:x",
						     .count = 1,
						     .segments = {{ARENA_DA + 0xa000, 64}}};
		say(WIRE_OFFER, 1);
		assert_int_equal(honest->shares[2].state, AMPH_SHARE_ACCEPTED);
		slot = truth();
		slot.kind = QUEUE_GIVE | QUEUE_READING;
		slot.handle = 3;
		slot.generation = 1;
		slot.length = 64;
		write_slot(&slot);
		lie_is_found(way);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_to_the_end_leave_one_range_on_both_sides),
		cmocka_unit_test(a_lie_between_pieces_ends_the_session),
		cmocka_unit_test(reading_what_is_only_written_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
