/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the pool and its check share.
 * Memory layer, private.
 */
#ifndef AMPH_MEMORY_POOL_INTERNAL_H
#define AMPH_MEMORY_POOL_INTERNAL_H

#include <amphora/pool.h>

#define AMPH_POOL_NONE	    UINT32_MAX /* no block */
#define AMPH_POOL_STEP_BITS 3

AMPH_STATIC_ASSERT(AMPH_POOL_STEPS == 1 << AMPH_POOL_STEP_BITS, "steps are a power of two");

enum amph_pool_state { AMPH_POOL_UNUSED, AMPH_POOL_FREE, AMPH_POOL_TAKEN };

/* The descriptor that a handle names; it may be none, and its generation another. */
static inline uint32_t amph_pool_index(const struct amph_pool *pool, uint32_t handle)
{
	return handle & ((UINT32_C(1) << pool->index_bits) - 1);
}

static inline uint32_t amph_pool_top(uint64_t value)
{
	return 63 ^ (uint32_t)__builtin_clzll(value);
}

/* How many low bits of a size the lists do not tell apart. */
static inline uint32_t amph_pool_shift(uint64_t granules)
{
	return amph_pool_top(granules | AMPH_POOL_STEPS) - AMPH_POOL_STEP_BITS;
}

/*
 * The free list that blocks of so many granules are in: one for each size below
 * 2 * AMPH_POOL_STEPS, then AMPH_POOL_STEPS for each power of two. Without a branch: the size's top bit
 * counts as the first AMPH_POOL_STEPS.
 */
static inline uint32_t amph_pool_list_of_granules(uint64_t granules)
{
	uint32_t shift = amph_pool_shift(granules);

	return shift * AMPH_POOL_STEPS + (uint32_t)(granules >> shift);
}

/*
 * The first list all of whose blocks have so many granules at least: rounded up to where a list
 * begins, also across a power of two, where the carry leads to the next one's first list.
 */
static inline uint32_t amph_pool_list_above(uint64_t granules)
{
	uint32_t shift = amph_pool_shift(granules);

	return shift * AMPH_POOL_STEPS +
	       (uint32_t)((granules + (UINT64_C(1) << shift) - 1) >> shift);
}

static inline uint32_t amph_pool_list_of(const struct amph_pool *pool, uint64_t length)
{
	return amph_pool_list_of_granules(length >> pool->granule_bits);
}

#endif
