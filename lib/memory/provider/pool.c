/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider "pool": buffers from a carve-out, each one contiguous.
 * Memory layer; freestanding; knows a pool and where its memory is. Zeroes what it gives out, up to
 * the end of the granule, so that no buffer shows what another left behind.
 */
#include <stddef.h>

#include "memory/pool_internal.h"

#define BLOCK 0 /* in private_data */

/*
 * Memory that is mapped as a device's takes no unaligned access and no cache-line zeroing, which is
 * what a memset may be made of: words where they are aligned, else bytes.
 */
static void zero_uncached(void *va, uint64_t length)
{
	volatile uintptr_t *words = va;
	volatile uint8_t *bytes = va;

	if (!((uintptr_t)va % sizeof(*words)) && !(length % sizeof(*words)))
		for (uint64_t i = 0; i < length / sizeof(*words); i++)
			words[i] = 0;
	else
		for (uint64_t i = 0; i < length; i++)
			bytes[i] = 0;
}

static int pool_open(struct amph_provider *base, struct amph_shm *shm, const char *name)
{
	/* the provider is the first member */
	struct amph_provider_pool *provider = (struct amph_provider_pool *)base;
	struct amph_pool *pool = provider->pool;
	const uint32_t known = AMPH_SHM_READ_ONLY |
			       (provider->not_cached ? AMPH_SHM_NOT_CACHED : 0);
	uint64_t offset, length;
	uint32_t block;
	int error;

	(void)name;
	if (shm->flags & ~known)
		return amph_refuse(&shm->why, -ENOTSUP, "a pool's memory is as it is mapped",
				   shm->flags, known);
	if (!shm->storage.segment_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for the physical segment", 1, 0);
	error = amph_pool_allocate(pool, shm->size, provider->alignment, &offset, &block);
	if (error == -ENOSPC)
		return amph_refuse(&shm->why, error, "the pool has no descriptor left",
				   pool->block_count, pool->block_max);
	if (error == -ENOMEM)
		return amph_refuse(&shm->why, error, "the pool has no block of this size",
				   shm->size, pool->size - pool->used);
	if (error == -EPERM)
		return amph_refuse(&shm->why, error,
				   "the pool belongs to the process that forked this one",
				   pool->fork_generation, 0);
	if (error)
		return amph_refuse(&shm->why, error,
				   "the provider's alignment is not a power of two",
				   provider->alignment, 0);
	if (provider->va) {
		shm->va = (char *)provider->va + offset;
		length = pool->blocks[amph_pool_index(pool, block)].length;
		if (provider->not_cached)
			zero_uncached(shm->va, length);
		else
			__builtin_memset(shm->va, 0, (size_t)length);
	}
	if (provider->is_protected)
		shm->flags |= AMPH_SHM_PROTECTED;
	if (provider->not_cached)
		shm->flags |= AMPH_SHM_NOT_CACHED;
	shm->handle = provider->handle;
	shm->handle_offset = provider->handle_offset + offset;
	shm->storage.segments[0] =
		(struct amph_segment){.address = provider->pa + offset, .length = shm->size};
	shm->segment_count = 1;
	shm->private_data[BLOCK] = block;
	return 0;
}

static void pool_close(struct amph_provider *base, struct amph_shm *shm)
{
	struct amph_provider_pool *provider = (struct amph_provider_pool *)base;

	amph_pool_free(provider->pool, (uint32_t)shm->private_data[BLOCK]);
}

static const struct amph_provider_ops pool_ops = {.open = pool_open, .close = pool_close};

int amph_provider_pool_init_checked(struct amph_provider_pool *provider, const char *name,
				    struct amph_pool *pool, void *va, uint64_t pa, uint32_t abi,
				    uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*provider));

	if (error)
		return error;
	if (!name || !*name || !pool || !pool->size || pool->size - 1 > UINT64_MAX - pa ||
	    (va && pool->size - 1 > UINTPTR_MAX - (uintptr_t)va))
		return -EINVAL;
	*provider = (struct amph_provider_pool){
		.provider = {.name = name, .ops = &pool_ops},
		.pool = pool,
		.va = va,
		.pa = pa,
		.handle = -1,
	};
	return 0;
}
