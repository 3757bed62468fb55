/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "memory": what is kept off the hot path: pool, open, attach, detach, close.
 * Bench. In one process; the ratio to a cache line says how many hand-offs it is worth.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <amphora/memfd.h>
#include <amphora/pool.h>
#include <amphora/shm.h>
#include <amphora/target.h>

#include "contenders.h"

#define POOL   (UINT64_C(64) << 20)
#define BLOCKS 20003u
#define TAKEN  10000u /* in the pool that is in use */

struct state {
	struct amph_memory memory;
	struct amph_provider memfd;
	struct amph_provider_pool dram;
	struct amph_pool pool, full;
	struct amph_pool_block blocks[BLOCKS], full_blocks[BLOCKS];
	struct amph_target target;
	struct amph_range ranges[4];
	struct amph_segment segments[1], device_segments[1];
	struct amph_shm shm; /* stays open, to be attached */
	uint32_t turn;
};

enum variant { POOL_EMPTY, POOL_FULL, OPEN_POOL, OPEN_MEMFD, ATTACH };

static int open_pools(struct state *state)
{
	void *va = mmap(NULL, POOL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t handles[TAKEN];
	uint64_t offset;
	int error;

	if (va == MAP_FAILED)
		return -ENOMEM;
	error = amph_pool_init(&state->pool, POOL, 64, state->blocks, BLOCKS);
	if (!error)
		error = amph_pool_init(&state->full, POOL, 64, state->full_blocks, BLOCKS);
	/* every second block is freed again: sizes of all kinds lie between those that are taken */
	for (uint32_t i = 0; i < TAKEN && !error; i++)
		error = amph_pool_allocate(&state->full, 64 + i * 7919 % 8192, 0, &offset,
					   &handles[i]);
	for (uint32_t i = 0; i < TAKEN && !error; i += 2)
		error = amph_pool_free(&state->full, handles[i]);
	if (!error)
		error = amph_provider_pool_init(&state->dram, "dram", &state->pool, va, 0x80000000);
	return error;
}

static int start(struct bench_run *run)
{
	struct state *state;
	struct amph_shm_storage storage;
	int error;

	if (run->role == BENCH_ANSWER)
		return 0;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	run->state = state;
	error = amph_memory_init(&state->memory);
	if (!error)
		error = open_pools(state);
	amph_provider_memfd_init(&state->memfd);
	amph_target_process_init(&state->target, "another process");
	if (!error)
		error = amph_memory_add_provider(&state->memory, &state->memfd);
	if (!error)
		error = amph_memory_add_provider(&state->memory, &state->dram.provider);
	storage = (struct amph_shm_storage){state->ranges, 4, state->segments, 1};
	if (!error)
		error = amph_shm_open(&state->memory, &state->shm, &storage, "memfd:attached",
				      65536, 0);
	return error;
}

static int pool_cycle(struct state *state, struct amph_pool *pool)
{
	uint64_t offset;
	uint32_t block;
	/* sizes that change, so that no list is always the right one */
	int error = amph_pool_allocate(pool, 64 + state->turn++ % 64 * 128, 0, &offset, &block);

	return error ? error : amph_pool_free(pool, block);
}

static int open_cycle(struct state *state, const char *name, uint64_t size)
{
	struct amph_range ranges[4];
	struct amph_segment segments[1];
	const struct amph_shm_storage storage = {ranges, 4, segments, 1};
	struct amph_shm shm;
	int error = amph_shm_open(&state->memory, &shm, &storage, name, size, 0);

	return error ? error : amph_shm_put(&shm);
}

static int attach_cycle(struct state *state)
{
	struct amph_attachment attachment;
	int error = amph_shm_attach(&state->shm, &state->target, AMPH_DEVICE_READS_WRITES,
				    AMPH_SYNC_MESSAGES, &attachment, state->device_segments, 1);

	return error ? error : amph_shm_detach(&attachment);
}

static int cycle(struct state *state, uint32_t variant)
{
	switch ((enum variant)variant) {
	case POOL_EMPTY:
		return pool_cycle(state, &state->pool);
	case POOL_FULL:
		return pool_cycle(state, &state->full);
	case OPEN_POOL:
		return open_cycle(state, "dram:buffer", 4096);
	case OPEN_MEMFD:
		return open_cycle(state, "memfd:buffer", 65536);
	case ATTACH:
		return attach_cycle(state);
	}
	return -EINVAL;
}

static int ask(struct bench_run *run, uint32_t count)
{
	int error = 0;

	for (; count && !error; count--)
		error = cycle(run->state, run->variant);
	return error;
}

static const struct bench_variant variants[] = {
	[POOL_EMPTY] = {.name = "pool", .floor = BENCH_FLOOR_LINE},
	[POOL_FULL] = {.name = "pool in use", .floor = BENCH_FLOOR_LINE, .number = TAKEN / 2},
	[OPEN_POOL] = {.name = "open, pool", .floor = BENCH_FLOOR_LINE, .size = 4096},
	[OPEN_MEMFD] = {.name = "open, memfd", .floor = BENCH_FLOOR_LINE, .size = 65536},
	[ATTACH] = {.name = "attach", .floor = BENCH_FLOOR_LINE, .size = 65536},
};

const struct bench_contender bench_memory_contender = {
	.name = "memory",
	.what = "pool: allocate and free; open and close; attach and detach: off the hot path",
	.unit = "pair of calls",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.start = start,
	.ask = ask,
};
