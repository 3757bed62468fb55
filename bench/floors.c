/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "floor": the floors against themselves, in other memory: how far 1.00 is to be believed.
 * Bench.
 */
#include <errno.h>
#include <stdlib.h>

#include "floor.h"

static int set_up(struct bench_run *run)
{
	run->shared = bench_share(sizeof(struct floor_memory));
	return run->shared ? 0 : bench_why(run, -ENOMEM, "no memory");
}

static int start(struct bench_run *run)
{
	struct floor *floor = calloc(1, sizeof(*floor));

	if (!floor)
		return -ENOMEM;
	floor->memory = run->shared;
	run->state = floor;
	return 0;
}

static enum bench_floor which(const struct bench_run *run)
{
	return run->contender->variants[run->variant].floor;
}

static int ask(struct bench_run *run, uint32_t count)
{
	return floor_ask(run->state, which(run), count);
}

static int answer(struct bench_run *run, uint32_t count)
{
	return floor_answer(run->state, which(run), count);
}

static void stop(struct bench_run *run)
{
	free(run->state);
}

static const struct bench_variant variants[] = {
	{.name = "cache line", .floor = BENCH_FLOOR_LINE},
	{.name = "futex", .floor = BENCH_FLOOR_FUTEX},
};

const struct bench_contender bench_floor_contender = {
	.name = "floor",
	.what = "the floors themselves: one cache line or one futex each way",
	.unit = "round trip",
	.variants = variants,
	.variant_count = 2,
	.set_up = set_up,
	.start = start,
	.ask = ask,
	.answer = answer,
	.stop = stop,
};

static const struct bench_variant stream_variants[] = {
	{.name = "by 1", .number = 1, .floor = BENCH_FLOOR_STREAM_1, .batch = 1024},
	{.name = "by 4", .number = 4, .floor = BENCH_FLOOR_STREAM_4, .batch = 1024},
	{.name = "by 16", .number = 16, .floor = BENCH_FLOOR_STREAM_16, .batch = 1024},
	{.name = "by 64", .number = 64, .floor = BENCH_FLOOR_STREAM_64, .batch = 1024},
};

const struct bench_contender bench_stream_contender = {
	.name = "stream",
	.what = "bare cache lines one way through a ring of 256, credit after 1 to 64 of them",
	.unit = "line",
	.variants = stream_variants,
	.variant_count = 4,
	.set_up = set_up,
	.start = start,
	.ask = ask,
	.answer = answer,
	.stop = stop,
};
