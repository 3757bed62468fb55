/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the other side wrote into a queue is read once: the queue's sources, compiled here behind an
 * order.h checker that changes every field of a descriptor, and every word of the other side's lines,
 * right after it was read. Only the sequence is left: looking for it again and again is its purpose.
 * Test code; test_queue_single_reads_slow.c is the same without the quick way.
 */
#define AMPH_ORDER_CHECKER "support/order_scribbler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/order.h>

#include "share/queue_liar.h"

#include "queue/queue.c"

#include "queue/wait.c"

void (*order_was_read)(void *shared, size_t length);
void (*order_will_be_copied)(void *shared, size_t length);
void (*order_word_was_read)(void *word);

static uint32_t reads[sizeof(struct queue_slot) / 4];
static uint32_t *slot_words, *line_words[2]; /* of the liar's */
static uint32_t line_reads;
static const struct queue_slot *becomes; /* what the slot says after it was read; NULL: garbage */

static void was_read(void *shared, size_t length)
{
	uint32_t *words = shared;

	for (size_t i = 0; i < length / 4; i++) {
		size_t field = (size_t)(words + i - slot_words);

		if (field && field < sizeof(struct queue_slot) / 4) {
			reads[field]++;
			if (becomes)
				words[i] = ((const uint32_t *)(const void *)becomes)[field];
			else
				words[i] ^= 0x5a5a5a5a;
		}
		for (uint32_t line = 0; line < 2; line++)
			if (words + i >= line_words[line] && words + i < line_words[line] + 3) {
				line_reads++;
				words[i] ^= 0x5a5a5a50;
			}
	}
}

static void word_was_read(void *word)
{
	was_read(word, sizeof(uint32_t));
}

static void watch(bool on)
{
	memset(reads, 0, sizeof(reads));
	line_reads = 0;
	slot_words = (uint32_t *)(void *)queue_slot(honest_queue, honest_queue->in,
						    honest_queue->consumed);
	line_words[0] = (uint32_t *)(void *)honest_queue->peer_line;
	line_words[1] = &queue_sleeper(honest_queue, honest_queue->peer_line)->waiting;
	order_was_read = on ? was_read : NULL;
	order_word_was_read = on ? word_was_read : NULL;
}

static void unwatch(void)
{
	watch(false);
	becomes = NULL;
}

static void a_descriptor_is_read_once_and_then_may_be_anything(void **state)
{
	(void)state;

	for (enum way way = QUICKLY; way < BY_POLL; way++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct amph_queue_entry entry;
			struct queue_slot slot;
			uint32_t count;

			open_lies(home_lies);
			slot = truth();
			write_slot(&slot);
			watch(true);
			assert_int_equal(amph_queue_receive(honest_queue, &entry, 1,
							    way == QUICKLY ? amph_deadline(1) : 0,
							    &count),
					 0);
			for (uint32_t i = 1; i < sizeof(slot) / 4; i++)
				assert_int_equal(reads[i], 1);
			unwatch();
			assert_int_equal(count, 1);
			assert_ptr_equal(entry.share, honest_data);
			assert_int_equal(entry.offset, 0);
			assert_int_equal(entry.length, DATA_SIZE);
			assert_int_equal(entry.cookie, 0x77);
			assert_false(entry.reading);
			consistent(honest);
			assert_int_equal(
				amph_shm_check_access(honest_data->shm, 0, DATA_SIZE, true), 0);
			end_lies();
		}
}

/*
 * The other way round: what is true only when it is read again stays a lie. (The quick way leaves what it
 * does not like untouched to the other one, which reads all of it anew.)
 */
#if !AMPH_QUEUE_QUICK
static void a_lie_is_not_mended_by_a_second_read(void **state)
{
	(void)state;

	for (uint32_t field = 1; field < 8; field++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct amph_queue_entry entry;
			struct queue_slot slot, later;
			uint32_t count;

			open_lies(home_lies);
			slot = later = truth();
			((uint32_t *)(void *)&slot)[field] ^= 0x40000000;
			write_slot(&slot);
			watch(true);
			becomes = &later;
			assert_int_equal(amph_queue_receive(honest_queue, &entry, 1, 0, &count),
					 -EPROTO);
			unwatch();
			assert_int_equal(count, 0);
			end_lies();
		}
}

#endif

static void a_consumed_count_is_read_once(void **state)
{
	(void)state;

	for (int home_lies = 0; home_lies < 2; home_lies++) {
		struct amph_queue_entry entry;
		struct queue_slot slot;
		uint32_t count, produced;

		open_lies(home_lies);
		slot = truth();
		write_slot(&slot);
		assert_int_equal(take_one(SLOWLY), 0);
		entry = (struct amph_queue_entry){.share = honest_data, .length = 64};
		while (!amph_queue_send(honest_queue, &entry, 1, 0, &count))
			entry.offset += 64;
		produced = honest_queue->produced;
		amph_store32(queue_consumed(liar_queue->own_line), produced - 3);
		watch(true);
		assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count), 0);
		assert_int_equal(honest_queue->taken, produced - 3);
		assert_int_equal(line_reads, 1);
		/* and what it became is out of range: no room */
		entry.offset += 64;
		assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count), -ETIMEDOUT);
		assert_int_equal(honest_queue->taken, produced - 3);
		unwatch();
		assert_int_equal(honest_queue->produced, produced + 1);
		end_lies();
	}
}

static void who_sleeps_is_read_once(void **state)
{
	(void)state;

	main_way.spins = peer_way.spins = 0;
	for (int home_lies = 0; home_lies < 2; home_lies++) {
		struct amph_queue_entry entry = {.length = DATA_SIZE};
		struct queue_slot slot;
		uint32_t count, sent;

		open_lies(home_lies);
		slot = truth();
		write_slot(&slot);
		assert_int_equal(take_one(SLOWLY), 0);
		amph_store32(&queue_sleeper(liar_queue, liar_queue->own_line)->waiting,
			     QUEUE_SLEEP | QUEUE_FOR_SLOT | QUEUE_BY_CHANNEL);
		sent = honest->end.sent;
		entry.share = honest_data;
		watch(true);
		assert_int_equal(amph_queue_send(honest_queue, &entry, 1, 0, &count), 0);
		/* for the descriptor, and for the message that tells of it */
		assert_in_range(line_reads, 1, 2);
		unwatch();
		assert_int_equal(honest->end.sent, sent + 1);
		assert_int_equal(honest_queue->rung,
				 QUEUE_SLEEP | QUEUE_FOR_SLOT | QUEUE_BY_CHANNEL);
		end_lies();
	}
	main_way.spins = peer_way.spins = AMPH_QUEUE_SPIN;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_is_read_once_and_then_may_be_anything),
#if !AMPH_QUEUE_QUICK
		cmocka_unit_test(a_lie_is_not_mended_by_a_second_read),
#endif
		cmocka_unit_test(a_consumed_count_is_read_once),
		cmocka_unit_test(who_sleeps_is_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
