/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A side that lies in the queue's shared memory: descriptors, counts, words of waiting, anything.
 * Test code. Both roles, and every way in. What it costs is at most the liar's session.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_liar.h"

static struct queue_slot *field_kind(struct queue_slot *slot, uint64_t value)
{
	slot->kind = (uint32_t)value;
	return slot;
}

static struct queue_slot *field_handle(struct queue_slot *slot, uint64_t value)
{
	slot->handle = (uint32_t)value;
	return slot;
}

static struct queue_slot *field_generation(struct queue_slot *slot, uint64_t value)
{
	slot->generation = (uint32_t)value;
	return slot;
}

static struct queue_slot *field_offset(struct queue_slot *slot, uint64_t value)
{
	slot->offset = value;
	return slot;
}

static struct queue_slot *field_length(struct queue_slot *slot, uint64_t value)
{
	slot->length = value;
	return slot;
}

/* Whatever the value is, in every way and role, the truth beside it, it is a lie. */
static void every_value_is_found(struct queue_slot *(*field)(struct queue_slot *, uint64_t),
				 const uint64_t *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		for (enum way way = QUICKLY; way < WAYS; way++)
			for (int home_lies = 0; home_lies < 2; home_lies++) {
				struct queue_slot slot;

				open_lies(home_lies);
				slot = truth();
				write_slot(field(&slot, values[i]));
				lie_is_found(way);
			}
}

#define EVERY(field, values) \
	every_value_is_found(field, values, sizeof(values) / sizeof((values)[0]))

static void a_kind_that_is_none_ends_the_session(void **state)
{
	const uint64_t kinds[] = {0,	 3,	     4,		 0x100,	     0x102,
				  0x103, 0x80000001, 0x80000002, UINT32_MAX, 0x1000001};
	(void)state;

	EVERY(field_kind, kinds);
}

static void the_other_side_s_kind_ends_the_session(void **state)
{
	struct queue_slot slot;
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++) {
		open_lies(true);
		slot = truth();
		write_slot(field_kind(&slot, QUEUE_RETURN));
		lie_is_found(way);
		open_lies(false);
		slot = truth();
		write_slot(field_kind(&slot, QUEUE_GIVE));
		lie_is_found(way);
		open_lies(false);
		slot = truth();
		write_slot(field_kind(&slot, QUEUE_GIVE | QUEUE_READING));
		lie_is_found(way);
	}
}

static void a_buffer_that_is_not_there_ends_the_session(void **state)
{
	/* 1 is the queue's own memory, of another generation; 3 was never offered */
	const uint64_t handles[] = {0, 1, 3, 4, 5, 0x80000002, UINT32_MAX, UINT32_MAX - 1};
	const uint64_t generations[] = {0, 1, 3, 0x80000002, UINT32_MAX};
	(void)state;

	EVERY(field_handle, handles);
	EVERY(field_generation, generations);
}

static void the_queue_s_own_memory_ends_the_session(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct queue_slot slot;

			open_lies(home_lies);
			slot = truth();
			slot.handle = honest_ring->handle;
			slot.generation = honest_ring->generation;
			slot.length = RING_SIZE;
			write_slot(&slot);
			lie_is_found(way);
		}
}

static void a_buffer_that_goes_by_messages_ends_the_session(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct queue_slot slot;

			open_lies(home_lies);
			slot = truth();
			honest_data->method = AMPH_SYNC_MESSAGES;
			write_slot(&slot);
			lie_is_found(way);
		}
}

static void a_range_that_can_t_be_ends_the_session(void **state)
{
	const uint64_t offsets[] = {1,
				    64,
				    DATA_SIZE,
				    DATA_SIZE + 1,
				    UINT64_C(1) << 32,
				    UINT64_C(1) << 63,
				    UINT64_MAX,
				    UINT64_MAX - DATA_SIZE + 1};
	const uint64_t lengths[] = {0,
				    DATA_SIZE + 1,
				    UINT64_C(1) << 32,
				    (UINT64_C(1) << 32) + DATA_SIZE,
				    UINT64_C(1) << 63,
				    UINT64_MAX,
				    UINT64_MAX - 63};
	(void)state;

	EVERY(field_offset, offsets);
	EVERY(field_length, lengths);
}

static void a_range_that_is_not_the_sender_s_ends_the_session(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct queue_slot slot;

			open_lies(home_lies);
			slot = truth();
			write_slot(&slot);
			assert_int_equal(take_one(way), 0);
			slot = truth();
			/* all of it again, or a part */
			if (way == SLOWLY)
				field_length(&slot, 64);
			write_slot(&slot);
			lie_is_found(way);
		}
}

/* The granule is the home's word; a length that is no multiple of it is refused in every way. */
static void a_tail_that_is_no_granule_ends_the_session(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < WAYS; way++) {
		struct amph_share *share;
		struct queue_slot slot;

		open_lies(true);
		raw.body.offer = (struct wire_offer){.handle = 3,
						     .generation = 1,
						     .size = 100,
						     .direction = 3,
						     .granule = 64,
						     .method = 1,
						     .segment_count = 1,
						     .name = "raw:x",
						     .count = 1,
						     .segments = {{ARENA_DA + 0xa000, 100}}};
		say(WIRE_OFFER, 1);
		share = &honest->shares[2];
		assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
		slot = truth();
		slot.handle = 3;
		slot.generation = 1;
		slot.length = 100;
		write_slot(&slot);
		lie_is_found(way);
	}
}

static void what_was_taken_before_a_lie_is_not_told_after_it(void **state)
{
	(void)state;

	for (int quickly = 0; quickly < 2; quickly++) {
		struct amph_queue_entry entries[4];
		struct queue_slot slot;
		uint32_t count;

		open_lies(true);
		slot = truth();
		slot.length = quickly ? DATA_SIZE : 64;
		write_slot(&slot);
		slot.sequence++;
		write_slot(field_kind(&slot, 9));
		/* what came before was taken quickly, and is the caller's until the lie is found */
		if (quickly) {
			assert_int_equal(amph_queue_receive(honest_queue, entries, 4,
							    amph_deadline(1), &count),
					 AMPH_QUEUE_QUICK ? 0 : -EPROTO);
			assert_int_equal(count, AMPH_QUEUE_QUICK ? 1 : 0);
		}
		assert_int_equal(amph_queue_receive(honest_queue, entries, 4, 0, &count), -EPROTO);
		assert_int_equal(count, 0);
		end_lies();
	}
}

static void a_sequence_that_is_not_next_is_nothing(void **state)
{
	const uint32_t wrong[] = {0, 2, 3, 5, 0x80000001, UINT32_MAX};
	(void)state;

	for (int home_lies = 0; home_lies < 2; home_lies++) {
		open_lies(home_lies);
		for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
			for (enum way way = QUICKLY; way < WAYS; way++) {
				struct queue_slot slot = truth();

				slot.sequence = wrong[i];
				write_slot(&slot);
				liar_queue->produced--;
				assert_int_equal(take_one(way), -ETIMEDOUT);
				assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
			}
		queue_goes_on();
		end_lies();
	}
}

/* --- the other words --- */

static void set_consumed(uint32_t value)
{
	amph_store32(queue_consumed(liar_queue->own_line), value);
}

/* Fills the way to the liar; positions start where they are. */
static void fill(void)
{
	struct amph_queue_entry entry = {.share = honest_data, .length = 64};
	struct queue_slot slot = truth();
	uint32_t count;

	write_slot(&slot);
	assert_int_equal(take_one(SLOWLY), 0);
	while (!amph_queue_send(honest_queue, &entry, 1, 0, &count))
		entry.offset += 64;
}

static void a_consumed_count_that_can_t_be_makes_no_room(void **state)
{
	const int64_t wrong[] = {1, 2, 5, 1000, 0x7fffffff, 0x80000000, -5, -6, -1000};
	(void)state;

	for (int home_lies = 0; home_lies < 2; home_lies++) {
		uint32_t produced, count;

		open_lies(home_lies);
		fill();
		produced = honest_queue->produced;
		for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
			struct amph_queue_entry entry = {
				.share = honest_data, .offset = 1024, .length = 64};

			set_consumed((uint32_t)(produced + wrong[i]));
			assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count),
					 -ETIMEDOUT);
			assert_int_equal(
				amph_queue_send(honest_queue, &entry, 1, amph_deadline(1), &count),
				-ETIMEDOUT);
			assert_int_equal(count, 0);
			assert_int_equal(honest_queue->produced, produced);
			/* and the bytes stay this side's */
			assert_int_equal(amph_shm_check_access(honest_data->shm, 1024, 64, true),
					 0);
		}
		/* forwards, then backwards: what was taken once is not untaken */
		set_consumed(produced - 3);
		{
			struct amph_queue_entry entry = {
				.share = honest_data, .offset = 1024, .length = 64};

			assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count), 0);
			set_consumed(produced - 4);
			entry.offset = 2048;
			assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count),
					 -ETIMEDOUT);
		}
		assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
		end_lies();
	}
}

/* Who says that it consumed what it has not can't have it released. */
static void all_consumed_does_not_mean_that_nothing_is_out(void **state)
{
	(void)state;

	open_lies(false);
	set_consumed(honest_queue->produced);
	assert_int_equal(amph_session_release(&mains.session, data_share, 0), -EBUSY);
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), -EBUSY);
	assert_int_equal(amph_session_close(&mains.session, 0), -EBUSY);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	queue_goes_on();
	end_lies();
}

static uint32_t rings;

static void count_ring(void *argument, const uint32_t *bell)
{
	(void)argument;
	(void)bell;
	rings++;
}

static void words_of_waiting_may_say_anything(void **state)
{
	const uint32_t words[] = {0,	      1,	  2,	      3,      4,  5,
				  6,	      7,	  8,	      12,     15, 0x80000000,
				  0x80000001, 0xfffffff8, UINT32_MAX, 0x10005};
	(void)state;

	main_way.spins = peer_way.spins = 0;
	main_way.doorbell.ring = peer_way.doorbell.ring = count_ring;
	for (int home_lies = 0; home_lies < 2; home_lies++) {
		struct queue_sleeper *sleeper;

		open_lies(home_lies);
		honest_queue->config.spins = AMPH_QUEUE_SPIN;
		sleeper = queue_sleeper(liar_queue, liar_queue->own_line);
		for (uint32_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			uint32_t before = honest->end.sent + rings;

			amph_store32(&sleeper->waiting, words[i]);
			amph_store32(&sleeper->bell, words[i] * 77);
			amph_store32(&sleeper->ready, ~words[i]);
			queue_goes_on();
			/* at most one ring for a hand-off, and one for what was consumed */
			assert_in_range(honest->end.sent + rings - before, 0, 2);
			liar->end.count = 0;
		}
		assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
		end_lies();
	}
	main_way.spins = peer_way.spins = AMPH_QUEUE_SPIN;
	main_way.doorbell.ring = peer_way.doorbell.ring = NULL;
}

/* A doorbell that is never rung, or all the time, is waited for only until the deadline. */
static void a_wait_for_a_liar_ends(void **state)
{
	struct amph_queue_entry entry;
	uint32_t count;
	(void)state;

	main_way.spins = peer_way.spins = 0;
	amph_queue_doorbell_futex(&main_way.doorbell);
	amph_queue_doorbell_futex(&peer_way.doorbell);
	for (int home_lies = 0; home_lies < 2; home_lies++) {
		open_lies(home_lies);
		assert_int_equal(
			amph_queue_receive(honest_queue, &entry, 1, amph_deadline(20), &count),
			-ETIMEDOUT);
		fill();
		entry = (struct amph_queue_entry){
			.share = honest_data, .offset = 1024, .length = 64};
		assert_int_equal(
			amph_queue_send(honest_queue, &entry, 1, amph_deadline(20), &count),
			-ETIMEDOUT);
		assert_int_equal(amph_session_poll(&honest->session, amph_deadline(5)), -ETIMEDOUT);
		end_lies();
	}
	main_way = peer_way = (struct amph_queue_config){.spins = AMPH_QUEUE_SPIN};
}

/* What there is no room to note ends the poll: the application can do something about it. */
static void what_can_t_be_noted_does_not_hold_a_poll(void **state)
{
	(void)state;

	open_lies(true);
	honest_data->import_shm.storage.range_max = 2;
	for (uint32_t i = 0; i < 2; i++) {
		struct queue_slot slot = truth();

		slot.offset = i * 128;
		slot.length = 64;
		write_slot(&slot);
	}
	assert_int_equal(amph_session_poll(&peers.session, UINT64_MAX), 1);
	assert_int_equal(amph_session_poll(&peers.session, UINT64_MAX), 1);
	assert_string_equal(peers.session.why.what, "no storage for that many ranges");
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(amph_session_return(&peers.session, honest_data, 0, 64, 0, 0), 0);
	end_lies();
}

/* The liar writes everywhere, also where it may not: this side's own lines and slots. */
static void anything_anywhere_is_survived(void **state)
{
	uint32_t random = 12345;
	(void)state;

	for (uint32_t round = 0; round < 400; round++) {
		open_lies(round & 1);
		for (uint32_t step = 0; step < 20 && honest_queue->state == AMPH_QUEUE_OPEN;
		     step++) {
			struct amph_queue_entry entries[4] = {
				{.share = honest_data, .offset = step * 64, .length = 64}};
			uint32_t *words = ring.shm.va, count;

			for (uint32_t i = 0; i < 8 + 12 * 16; i++) {
				random = random * 1664525 + 1013904223;
				/* small numbers are more often something */
				if (random >> 28 < 4)
					words[i] = random >> 20 & 7;
				else if (random >> 28 == 4)
					words[i] = random << 4;
			}
			amph_queue_send(honest_queue, entries, 1, 0, &count);
			amph_queue_receive(honest_queue, entries, 4, round & 2 ? 1 : 0, &count);
			amph_session_poll(&honest->session, 0);
			consistent(honest);
		}
		end_lies();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kind_that_is_none_ends_the_session),
		cmocka_unit_test(the_other_side_s_kind_ends_the_session),
		cmocka_unit_test(a_buffer_that_is_not_there_ends_the_session),
		cmocka_unit_test(the_queue_s_own_memory_ends_the_session),
		cmocka_unit_test(a_buffer_that_goes_by_messages_ends_the_session),
		cmocka_unit_test(a_range_that_can_t_be_ends_the_session),
		cmocka_unit_test(a_range_that_is_not_the_sender_s_ends_the_session),
		cmocka_unit_test(a_tail_that_is_no_granule_ends_the_session),
		cmocka_unit_test(what_was_taken_before_a_lie_is_not_told_after_it),
		cmocka_unit_test(a_sequence_that_is_not_next_is_nothing),
		cmocka_unit_test(a_consumed_count_that_can_t_be_makes_no_room),
		cmocka_unit_test(all_consumed_does_not_mean_that_nothing_is_out),
		cmocka_unit_test(words_of_waiting_may_say_anything),
		cmocka_unit_test(a_wait_for_a_liar_ends),
		cmocka_unit_test(what_can_t_be_noted_does_not_hold_a_poll),
		cmocka_unit_test(anything_anywhere_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
