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
 * The free list that blocks of so many granules are in: class * AMPH_POOL_STEPS + step. Class 0 holds
 * sizes below AMPH_POOL_STEPS; above, the size's top bit carries into the class, so nothing branches.
 */
static inline uint32_t amph_pool_list_of_granules(uint64_t granules)
{
	uint32_t shift = amph_pool_shift(granules);

	return shift * AMPH_POOL_STEPS + (uint32_t)(granules >> shift);
}

static inline uint32_t amph_pool_list_of(const struct amph_pool *pool, uint64_t length)
{
	return amph_pool_list_of_granules(length >> pool->granule_bits);
}

static inline uint32_t *amph_pool_head(struct amph_pool *pool, uint32_t list)
{
	return &pool->heads[list / AMPH_POOL_STEPS][list % AMPH_POOL_STEPS];
}

#endif
