/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pool: a constant-time allocator over a carve-out, with all its metadata in private memory, and the
 * provider that opens buffers from it.
 * Memory layer; freestanding. The pool's own bytes are never read or written by the allocator.
 */
#ifndef AMPHORA_POOL_H
#define AMPHORA_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>
#include <amphora/provider.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_POOL_STEPS 8 /* free lists for each power of two of a block's size */
#define AMPH_POOL_LISTS 512 /* free lists */
#define AMPH_POOL_WORDS (AMPH_POOL_LISTS / 32) /* of a bitmap of the lists */

/*
 * One block, free or taken; the caller's array: for n blocks taken at once 2 * n + 1, since a free
 * one can lie before and behind each.
 */
struct amph_pool_block {
	uint64_t offset;
	uint64_t length;
	uint32_t before, after; /* neighbours by address */
	uint32_t previous, next; /* in a free list */
	uint16_t state;
	uint16_t list; /* of a free one: which free list */
	uint32_t generation; /* counts how often it was freed: in the handles that name it */
};

#define AMPH_POOL_BLOCKS_MAX (UINT32_C(1) << 24) /* leaves 8 bits of a handle to the generation */

struct amph_pool {
	uint64_t size; /* bytes managed */
	uint64_t granule; /* every offset and length is a multiple of it: a power of two */
	uint64_t used; /* bytes taken, rounding included */
	struct amph_pool_block *blocks;
	uint32_t block_max;
	uint32_t unused; /* list of unused descriptors */
	uint32_t block_count; /* descriptors in use */
	uint16_t index_bits; /* of a handle: the descriptor's index; the generation is above */
	uint16_t granule_bits; /* log2 of granule */
	uint32_t fork_generation;
	const uint32_t *fork_word; /* where this process keeps it, or NULL: ask */
	uint32_t word_bitmap; /* the words of list_bitmap that are not 0 */
	uint32_t list_bitmap[AMPH_POOL_WORDS]; /* the lists that are not empty */
	uint32_t heads[AMPH_POOL_LISTS];
};

/*
 * Manages `size` bytes starting at offset 0, rounded down to whole granules. granule: a power of two,
 * the least unit and alignment. blocks: the caller's, lent, in private memory, at
 * most AMPH_POOL_BLOCKS_MAX. Returns 0, -EINVAL, or -EPROTO (built with other limits). O(block_max).
 */
int amph_pool_init_checked(struct amph_pool *pool, uint64_t size, uint64_t granule,
			   struct amph_pool_block *blocks, uint32_t block_max, uint32_t abi,
			   uint32_t structure_size);
static inline int amph_pool_init(struct amph_pool *pool, uint64_t size, uint64_t granule,
				 struct amph_pool_block *blocks, uint32_t block_max)
{
	return amph_pool_init_checked(pool, size, granule, blocks, block_max, AMPH_ABI,
				      (uint32_t)sizeof(*pool));
}

/*
 * Takes `size` bytes at a multiple of `alignment` (a power of two; 0: the granule).
 * Returns 0, *offset, and *block, a handle for amph_pool_free(): no index; -EINVAL; -ENOMEM (no block large enough);
 * -ENOSPC (no descriptor left); -EPERM in a child of the process that initialised the pool, which
 * would hand out the same bytes a second time. Constant time. A free block that is less than an eighth larger than
 * asked (and aligned) may be missed when many of its size are free: docs/memory.md.
 */
int amph_pool_allocate(struct amph_pool *pool, uint64_t size, uint64_t alignment, uint64_t *offset,
		       uint32_t *block);

/*
 * Gives a block back. Returns 0, -EINVAL when the handle names none that is taken, -EPERM. Constant time.
 * A handle that was freed stays stale: it never frees a later block, until its descriptor has been
 * freed 2^(32 - index_bits) times more: 2^27 with 32 descriptors, 256 with the most.
 */
int amph_pool_free(struct amph_pool *pool, uint32_t block);

/* Walks every invariant. Returns 0, or -EFAULT and *why. O(blocks). */
int amph_pool_check(const struct amph_pool *pool, struct amph_why *why);

/* The provider over a pool: memory at va and pa, contiguous, zeroed at open, one segment each. */
struct amph_provider_pool {
	struct amph_provider provider;
	struct amph_pool *pool;
	void *va; /* of the pool's first byte; NULL: the CPU has no mapping, nothing is zeroed */
	uint64_t pa; /* of the pool's first byte */
	uint64_t alignment; /* of each buffer's offset in the pool; 0: the granule */
	intptr_t handle; /* Linux: an fd of the memory below, borrowed; else -1 */
	uint64_t handle_offset; /* of the pool's first byte in it */
	/*
	 * va is an uncached mapping, perhaps of a kind that takes aligned accesses only: every buffer has
	 * AMPH_SHM_NOT_CACHED, asked for or not, and is zeroed by words. Set before the first open.
	 */
	bool not_cached;
	/*
	 * A firewall keeps this processor from it (TrustZone); va is NULL. Every buffer has
	 * AMPH_SHM_PROTECTED, asked for or not, and what was in it stays until somebody else clears it.
	 * Set before the first open.
	 */
	bool is_protected;
};

/* name: before the colon, lives as long as the provider. Returns 0, -EINVAL, or -EPROTO. */
int amph_provider_pool_init_checked(struct amph_provider_pool *provider, const char *name,
				    struct amph_pool *pool, void *va, uint64_t pa, uint32_t abi,
				    uint32_t structure_size);
static inline int amph_provider_pool_init(struct amph_provider_pool *provider, const char *name,
					  struct amph_pool *pool, void *va, uint64_t pa)
{
	return amph_provider_pool_init_checked(provider, name, pool, va, pa, AMPH_ABI,
					       (uint32_t)sizeof(*provider));
}

#ifdef __cplusplus
}
#endif

#endif
