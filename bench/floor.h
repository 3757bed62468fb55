/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Floors: the least that a trip between two processes can cost on this machine at this moment.
 * Bench; knows nothing of Amphora, whose order.h stays out so that floors owe nothing to it.
 */
#ifndef AMPHORA_BENCH_FLOOR_H
#define AMPHORA_BENCH_FLOOR_H

#include <stdint.h>

#include "bench.h"

#define FLOOR_SLOTS 256 /* of a stream */

/*
 * Pairs of lines of the cache line floor, used in turn: where a line lies in a shared cache makes it up to
 * a quarter slower or faster than the next, and no real exchange is on one line only.
 */
#define FLOOR_PAIRS 64

/* One cache line. */
struct floor_line {
	_Alignas(BENCH_LINE) uint32_t word;
	uint8_t payload[40];
};

/* In memory that both processes share; one writer for each line. */
struct floor_memory {
	struct floor_line there[FLOOR_PAIRS], back[FLOOR_PAIRS];
	struct floor_line futex_there, futex_back;
	struct floor_line credit;
	struct floor_line slots[FLOOR_SLOTS];
};

/* Of one process: how far it has come. Both have done the same number of trips between two turns. */
struct floor {
	struct floor_memory *memory;
	uint32_t line, futex, sent, received, credit;
	uint64_t sum; /* of what a stream carried, so that it is really read */
};

int floor_ask(struct floor *floor, enum bench_floor which, uint32_t count);
int floor_answer(struct floor *floor, enum bench_floor which, uint32_t count);

extern const char *const floor_names[BENCH_FLOORS];

#endif
