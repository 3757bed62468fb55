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

/* The free list that blocks of a length are in. */
struct amph_pool_list {
	uint32_t class;
	uint32_t step;
};

/* The descriptor that a handle names; it may be none, and its generation another. */
static inline uint32_t amph_pool_index(const struct amph_pool *pool, uint32_t handle)
{
	return handle & ((UINT32_C(1) << pool->index_bits) - 1);
}

struct amph_pool_list amph_pool_list_of(const struct amph_pool *pool, uint64_t length);

#endif
