/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the other side wrote into a queue is read once, and by order.h only: the queue's memory is closed,
 * and every field of a descriptor, where a test says so every word of the other side's lines too, becomes
 * something else right after it was read. Test code.
 */
#include "hostile/reads.h"

#include "share/queue_liar.h"

static uint32_t fields[sizeof(struct queue_slot) / 4]; /* how often each was read */
static const uint32_t *slot_words, *line_words[2]; /* of the liar's */
static uint32_t line_reads;
static const struct queue_slot *becomes; /* what the slot says after it was read; NULL: garbage */

static void was_read(const void *address, void *view, size_t length)
{
	const uint32_t *words = address;
	uint32_t *there = view;

	for (size_t i = 0; i < length / 4; i++) {
		size_t field = (size_t)(words + i - slot_words);

		if (field && field < sizeof(struct queue_slot) / 4) {
			fields[field]++;
			changes++;
			if (becomes)
				there[i] = ((const uint32_t *)(const void *)becomes)[field];
			else
				there[i] ^= 0x5a5a5a5a;
		}
		for (uint32_t line = 0; line < 2; line++)
			if (words + i >= line_words[line] && words + i < line_words[line] + 3) {
				line_reads++;
				changes++;
				there[i] ^= 0x5a5a5a50;
			}
	}
}

static void watch(bool on)
{
	memset(fields, 0, sizeof(fields));
	line_reads = 0;
	slot_words = (uint32_t *)(void *)queue_slot(honest_queue, honest_queue->in,
						    honest_queue->consumed);
	line_words[0] = (uint32_t *)(void *)honest_queue->peer_line;
	line_words[1] = &queue_sleeper(honest_queue, honest_queue->peer_line)->waiting;
	reads_then = on ? was_read : NULL;
}

/* Lines, and where a descriptor says which one it is. */
static bool is_polled(const void *address)
{
	const uint8_t *lines = arena; /* the ring's buffer starts there */
	size_t offset = (size_t)((const uint8_t *)address - lines);

	return offset < AMPH_QUEUE_LINES * 64 || offset % 64 == 0;
}

/* Between the tests of one thing only it is as in all others: everything changes but what is polled. */
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
				assert_int_equal(fields[i], 1);
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
 * The other way round: what is true only when it is read again stays a lie. (By the session's poll: the
 * quick way leaves what it does not like untouched to the other one, which reads all of it anew.)
 */
static void a_lie_is_not_mended_by_a_second_read(void **state)
{
	(void)state;

	for (uint32_t field = 1; field < 8; field++)
		for (int home_lies = 0; home_lies < 2; home_lies++) {
			struct queue_slot slot, later;

			open_lies(home_lies);
			slot = later = truth();
			((uint32_t *)(void *)&slot)[field] ^= 0x40000000;
			write_slot(&slot);
			watch(true);
			becomes = &later;
			assert_int_equal(amph_session_poll(&honest->session, 0), -EPROTO);
			unwatch();
			end_lies();
		}
}

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

/* --- an honest exchange, in which every word that is not polled becomes garbage once it was read --- */

static void hand_over(struct amph_queue *from, struct amph_share *share, uint64_t offset,
		      uint64_t length, bool reading)
{
	struct amph_queue_entry entry = {share, offset, length, offset + 1, reading};
	uint32_t count;

	assert_int_equal(amph_queue_send(from, &entry, 1, amph_deadline(1000), &count), 0);
	assert_int_equal(count, 1);
}

static void take_over(struct amph_queue *to, const struct amph_share *share, uint64_t offset,
		      uint64_t length)
{
	struct amph_queue_entry entry;
	uint32_t count;

	assert_int_equal(amph_queue_receive(to, &entry, 1, amph_deadline(1000), &count), 0);
	assert_int_equal(count, 1);
	assert_ptr_equal(entry.share, share);
	assert_int_equal(entry.offset, offset);
	assert_int_equal(entry.length, length);
	assert_int_equal(entry.cookie, offset + 1);
}

/* By the session's poll, which tells the event `taken`. */
static void hear_of(struct side *side, uint64_t offset, uint64_t length, bool reading)
{
	const struct side_event *event;
	uint32_t logged = side->logged;

	assert_int_equal(amph_session_poll(&side->session, 0), 1);
	assert_int_equal(side->logged, logged + 1);
	event = &side->log[logged % SIDE_EVENTS];
	assert_int_equal(event->what, 'T');
	assert_int_equal(event->offset, offset);
	assert_int_equal(event->length, length);
	assert_int_equal(event->reading, reading);
}

static void whole_and_in_pieces(struct amph_share *import)
{
	struct amph_queue_entry entries[3];
	uint32_t count;

	for (int lap = 0; lap < 3; lap++) {
		hand_over(&main_queue, data_share, 0, DATA_SIZE, false);
		take_over(&peer_queue, import, 0, DATA_SIZE);
		hand_over(&peer_queue, import, 0, DATA_SIZE, false);
		take_over(&main_queue, data_share, 0, DATA_SIZE);
	}
	/* the first piece goes the longer way, on both sides; those that follow it are a stream */
	hand_over(&main_queue, data_share, 0, 64, false);
	hear_of(&peers, 0, 64, false);
	for (uint64_t offset = 64; offset < 64 * 4; offset += 64)
		hand_over(&main_queue, data_share, offset, 64, false);
	assert_int_equal(amph_queue_receive(&peer_queue, entries, 3, amph_deadline(1000), &count),
			 0);
	for (uint32_t i = 0; i < count; i++) {
		assert_ptr_equal(entries[i].share, import);
		assert_int_equal(entries[i].offset, 64 * (i + 1));
		assert_int_equal(entries[i].length, 64);
		assert_int_equal(entries[i].cookie, 64 * (i + 1) + 1);
	}
	assert_int_equal(count, 3);
	for (uint64_t offset = 0; offset < 64 * 4; offset += 64) {
		hand_over(&peer_queue, import, offset, 64, false);
		hear_of(&mains, offset, 64, false);
	}
	hand_over(&main_queue, data_share, 128, 256, true);
	hear_of(&peers, 128, 256, true);
	hand_over(&peer_queue, import, 128, 256, false);
	hear_of(&mains, 128, 256, false);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
}

static void full_and_asleep(struct amph_share *import)
{
	struct amph_queue_entry entry = {.share = data_share, .length = 64};
	uint32_t count;

	/* until it is full, and no further; then there is room again */
	while (!amph_queue_send(&main_queue, &entry, 1, 0, &count))
		entry.offset += 64;
	assert_int_equal(entry.offset, 64 * 4);
	assert_int_equal(amph_session_poll(&peers.session, 0), 4);
	hand_over(&main_queue, data_share, 64 * 4, 64, false);
	hear_of(&peers, 64 * 4, 64, false);
	hand_over(&peer_queue, import, 0, 64 * 5, false);
	hear_of(&mains, 0, 64 * 5, false);
	/* nothing comes: it looks, sleeps and gives up */
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, amph_deadline(2), &count),
			 -ETIMEDOUT);
	assert_int_equal(amph_queue_arm(&main_queue), main_way.spins ? -ENOTSUP : 0);
	hand_over(&main_queue, data_share, 0, DATA_SIZE, false);
	take_over(&peer_queue, import, 0, DATA_SIZE);
	hand_over(&peer_queue, import, 0, DATA_SIZE, false);
	amph_queue_disarm(&main_queue);
	take_over(&main_queue, data_share, 0, DATA_SIZE);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
	/* a message, and a heartbeat, look at the other side's line too */
	mains.session.heard = 0;
	mains.session.peer_heartbeat_ms = 1;
	assert_int_equal(amph_session_poll(&mains.session, 0), -ETIMEDOUT);
	mains.session.peer_heartbeat_ms = 0;
	/* what was said on the channel is looked at by who waits at the queue */
	amph_session_knock(&peers.session);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, amph_deadline(2), &count),
			 -ETIMEDOUT);
	assert_int_equal(mains.end.count, 0);
}

static void no_wait(void *argument, const uint32_t *bell, uint32_t seen, uint64_t deadline)
{
	(void)argument;
	(void)deadline;
	assert_int_equal(*(uint32_t *)closed_view(bell), seen);
}

static void no_ring(void *argument, const uint32_t *bell)
{
	(void)argument;
	(void)bell;
}

/* The processor can't maintain lines of closed memory, and need not: both sides are it. */
static int no_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	return 0;
}

static int no_invalidate(void *va, size_t length)
{
	return no_clean(va, length);
}

static void an_exchange_depends_on_no_second_read(void **state)
{
	static const struct amph_cache_ops cache = {.clean = no_clean, .invalidate = no_invalidate};
	static const struct amph_queue_doorbell bell = {.wait = no_wait, .ring = no_ring};

	(void)state;
	for (int way = 0; way < 3; way++) {
		struct amph_share *import = &peers.shares[1];

		main_way = peer_way = (struct amph_queue_config){
			.spins = way ? 0 : AMPH_QUEUE_SPIN,
			.doorbell = way == 2 ? bell : (struct amph_queue_doorbell){0}};
		open_queues(4);
		whole_and_in_pieces(import);
		full_and_asleep(import);
		/* the same without the quick way */
		main_queue.cache = peer_queue.cache = &cache;
		whole_and_in_pieces(import);
		full_and_asleep(import);
		close_queues();
		assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
	}
	main_way = peer_way = (struct amph_queue_config){.spins = AMPH_QUEUE_SPIN};
}

static void every_place_was_met(void **state)
{
	static const char *const folders[] = {"lib/queue/", NULL};

	(void)state;
	reads_met_all_of(folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_depends_on_no_second_read),
		cmocka_unit_test(a_descriptor_is_read_once_and_then_may_be_anything),
		cmocka_unit_test(a_lie_is_not_mended_by_a_second_read),
		cmocka_unit_test(a_consumed_count_is_read_once),
		cmocka_unit_test(who_sleeps_is_read_once),
		cmocka_unit_test(every_place_was_met),
	};

	arena = closed_new(ARENA_SIZE);
	reads_begin();
	reads_is_polled = is_polled;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
