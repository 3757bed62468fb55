/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floors: a cache line there and back, a futex there and back, and bare cache lines one way.
 * Bench; C11 atomics and a system call, nothing else. Everything else is measured against these.
 */
#include "floor.h"

#include <errno.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const floor_names[BENCH_FLOORS] = {
	[BENCH_FLOOR_LINE] = "cache line",	  [BENCH_FLOOR_FUTEX] = "futex",
	[BENCH_FLOOR_STREAM_1] = "stream by 1",	  [BENCH_FLOOR_STREAM_4] = "stream by 4",
	[BENCH_FLOOR_STREAM_16] = "stream by 16", [BENCH_FLOOR_STREAM_64] = "stream by 64",
};

static uint32_t load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void ask_line(struct floor *floor, uint32_t count)
{
	struct floor_memory *memory = floor->memory;

	while (count--) {
		uint32_t pair = ++floor->line % FLOOR_PAIRS;
		const uint32_t *back = &memory->back[pair].word;

		store(&memory->there[pair].word, floor->line);
		while (load(back) != floor->line)
			;
	}
}

static void answer_line(struct floor *floor, uint32_t count)
{
	struct floor_memory *memory = floor->memory;

	while (count--) {
		uint32_t pair = ++floor->line % FLOOR_PAIRS;
		const uint32_t *there = &memory->there[pair].word;

		while (load(there) != floor->line)
			;
		store(&memory->back[pair].word, floor->line);
	}
}

static void sleep_until(uint32_t *word, uint32_t value)
{
	uint32_t seen;

	while ((seen = load(word)) != value)
		syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void wake(uint32_t *word, uint32_t value)
{
	store(word, value);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void ask_futex(struct floor *floor, uint32_t count)
{
	while (count--) {
		wake(&floor->memory->futex_there.word, ++floor->futex);
		sleep_until(&floor->memory->futex_back.word, floor->futex);
	}
}

static void answer_futex(struct floor *floor, uint32_t count)
{
	while (count--) {
		sleep_until(&floor->memory->futex_there.word, ++floor->futex);
		wake(&floor->memory->futex_back.word, floor->futex);
	}
}

/* The reader's line is looked at only when the ring seems full: what a good queue does, too. */
static void ask_stream(struct floor *floor, uint32_t count)
{
	uint64_t payload[5] = {0};

	while (count--) {
		struct floor_line *slot = &floor->memory->slots[floor->sent % FLOOR_SLOTS];

		while (floor->sent - floor->credit >= FLOOR_SLOTS)
			floor->credit = load(&floor->memory->credit.word);
		payload[0] = floor->sent;
		memcpy(slot->payload, payload, sizeof(payload));
		store(&slot->word, ++floor->sent);
	}
}

static void answer_stream(struct floor *floor, uint32_t count, uint32_t batch)
{
	uint64_t payload[5];

	while (count--) {
		struct floor_line *slot = &floor->memory->slots[floor->received % FLOOR_SLOTS];

		while (load(&slot->word) != floor->received + 1)
			;
		memcpy(payload, slot->payload, sizeof(payload));
		floor->sum += payload[0] + payload[4];
		floor->received++;
		if (floor->received % batch == 0 || !count)
			store(&floor->memory->credit.word, floor->received);
	}
}

static uint32_t stream_batch(enum bench_floor which)
{
	static const uint32_t batches[BENCH_FLOORS] = {
		[BENCH_FLOOR_STREAM_1] = 1,
		[BENCH_FLOOR_STREAM_4] = 4,
		[BENCH_FLOOR_STREAM_16] = 16,
		[BENCH_FLOOR_STREAM_64] = 64,
	};

	return batches[which] ? batches[which] : 1;
}

int floor_ask(struct floor *floor, enum bench_floor which, uint32_t count)
{
	if (which == BENCH_FLOOR_LINE)
		ask_line(floor, count);
	else if (which == BENCH_FLOOR_FUTEX)
		ask_futex(floor, count);
	else
		ask_stream(floor, count);
	return 0;
}

int floor_answer(struct floor *floor, enum bench_floor which, uint32_t count)
{
	if (which == BENCH_FLOOR_LINE)
		answer_line(floor, count);
	else if (which == BENCH_FLOOR_FUTEX)
		answer_futex(floor, count);
	else
		answer_stream(floor, count, stream_batch(which));
	return 0;
}
