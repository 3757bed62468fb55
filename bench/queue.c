/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders "queue", "queue-size", "queue-mixed", "queue-sleep": a buffer given and returned through the queue.
 * Bench. Both sides check every descriptor and keep the ownership record; nobody touches the payload.
 */
#include <errno.h>
#include <stdlib.h>

#include "contenders.h"
#include "side.h"

#define MIXED_SPINS \
	20000u /* of some nanoseconds each: longer than the other side needs to answer */

static int set_up(struct bench_run *run)
{
	return side_socket_pair(run, 0);
}

static void choose_waiting(const struct bench_run *run, struct amph_queue_config *config)
{
	config->by_receive = true;
	config->spins = AMPH_QUEUE_SPIN;
	if (run->contender == &bench_queue_contender ||
	    run->contender == &bench_queue_size_contender)
		return;
	config->spins = run->contender == &bench_queue_mixed_contender ? MIXED_SPINS : 0;
	amph_queue_doorbell_futex(&config->doorbell);
}

static int start(struct bench_run *run)
{
	struct side *side = calloc(1, sizeof(*side));
	uint32_t count = run->contender->variant_count;
	struct amph_queue_config waiting = {0};
	struct side_config config = {
		.fd = run->fds[run->role],
		.buffer_max = count,
		.queue = &waiting,
	};
	uint64_t sizes[16];

	if (!side)
		return -ENOMEM;
	run->state = side;
	choose_waiting(run, &waiting);
	for (uint32_t i = 0; i < count; i++)
		sizes[i] = run->contender->variants[i].size;
	return side_open(run, side, &config, sizes, count);
}

static int failed(struct bench_run *run, int error)
{
	const struct side *side = run->state;

	return error ? bench_why(run, error, "queue: %s",
				 side->session.why.what ? side->session.why.what : "no reason")
		     : 0;
}

static int ask(struct bench_run *run, uint32_t count)
{
	int error = 0;

	for (; count && !error; count--)
		error = side_round_trip(run->state, run->variant);
	return failed(run, error);
}

static int answer(struct bench_run *run, uint32_t count)
{
	return failed(run, side_serve(run->state, count));
}

static void stop(struct bench_run *run)
{
	side_close(run->state);
}

#define KIB UINT64_C(1024)
#define MIB (KIB * 1024)

static const struct bench_variant variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_LINE},
	{.name = "4 KiB", .size = 4 * KIB, .floor = BENCH_FLOOR_LINE},
	{.name = "64 KiB", .size = 64 * KIB, .floor = BENCH_FLOOR_LINE},
	{.name = "1 MiB", .size = MIB, .floor = BENCH_FLOOR_LINE},
	{.name = "16 MiB", .size = 16 * MIB, .floor = BENCH_FLOOR_LINE},
	{.name = "256 MiB", .size = 256 * MIB, .floor = BENCH_FLOOR_LINE},
};

static const struct bench_variant mixed_variants[] = {
	{.name = "1 MiB", .size = MIB, .floor = BENCH_FLOOR_LINE},
};

/* Next to each other in time: what differs between them is not the machine's mood. */
static const struct bench_variant size_variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_LINE},
	{.name = "256 MiB", .size = 256 * MIB, .floor = BENCH_FLOOR_LINE},
};

static const struct bench_variant sleep_variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_FUTEX},
	{.name = "256 MiB", .size = 256 * MIB, .floor = BENCH_FLOOR_FUTEX},
};

#define QUEUE(say_name, say_what, its_variants)                                               \
	{                                                                                     \
		.name = (say_name), .what = (say_what), .unit = "round trip",                 \
		.variants = (its_variants),                                                   \
		.variant_count = sizeof(its_variants) / sizeof((its_variants)[0]),            \
		.set_up = set_up, .start = start, .ask = ask, .answer = answer, .stop = stop, \
	}

const struct bench_contender bench_queue_contender =
	QUEUE("queue", "Amphora's queue: a buffer given and returned, spinning", variants);
const struct bench_contender bench_queue_mixed_contender =
	QUEUE("queue-mixed", "the same, ready to sleep after some spinning", mixed_variants);
const struct bench_contender bench_queue_sleep_contender =
	QUEUE("queue-sleep", "the same, both sides sleeping on a futex", sleep_variants);
const struct bench_contender bench_queue_size_contender =
	QUEUE("queue-size", "the smallest and the largest buffer, side by side: does size matter?",
	      size_variants);
