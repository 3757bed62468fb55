/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking a pool: every invariant of its blocks, lists and bitmaps.
 * Memory layer; freestanding; reads only. Apart from the pool, so that only who asks links it.
 */
#include "memory/pool_internal.h"

/* Blocks by address: without gap or overlap, no two free neighbours. */
static int check_blocks(const struct amph_pool *pool, uint32_t *free_blocks, struct amph_why *why)
{
	uint64_t end = 0, used = 0;
	uint32_t count = 0, before = AMPH_POOL_NONE;

	*free_blocks = 0;
	for (uint32_t i = 0; i != AMPH_POOL_NONE; i = pool->blocks[i].after) {
		const struct amph_pool_block *block;

		if (i >= pool->block_max || ++count > pool->block_count)
			return amph_refuse(why, -EFAULT, "a block's neighbour is none", i,
					   pool->block_count);
		block = &pool->blocks[i];
		if (block->state != AMPH_POOL_FREE && block->state != AMPH_POOL_TAKEN)
			return amph_refuse(why, -EFAULT, "an unused block among the others", i,
					   block->state);
		if (block->offset != end || block->before != before)
			return amph_refuse(why, -EFAULT, "a block is not where the last one ends",
					   block->offset, end);
		if (!block->length || block->length & (pool->granule - 1) ||
		    block->length > pool->size - end)
			return amph_refuse(why, -EFAULT, "a block's length is wrong", block->length,
					   pool->size - end);
		if (block->state == AMPH_POOL_TAKEN)
			used += block->length;
		else if (before != AMPH_POOL_NONE && pool->blocks[before].state == AMPH_POOL_FREE)
			return amph_refuse(why, -EFAULT, "two free neighbours are not joined",
					   block->offset, end);
		else
			(*free_blocks)++;
		end += block->length;
		before = i;
	}
	if (end != pool->size || used != pool->used || count != pool->block_count)
		return amph_refuse(why, -EFAULT, "the blocks do not add up to the pool", end,
				   pool->size);
	return 0;
}

static int check_list(const struct amph_pool *pool, uint32_t list, uint32_t *left,
		      struct amph_why *why)
{
	uint32_t previous = AMPH_POOL_NONE;

	for (uint32_t i = pool->heads[list]; i != AMPH_POOL_NONE; i = pool->blocks[i].next) {
		if (i >= pool->block_max || pool->blocks[i].state != AMPH_POOL_FREE || !*left)
			return amph_refuse(why, -EFAULT, "a free list holds what is not free", i,
					   pool->block_max);
		(*left)--;
		if (amph_pool_list_of(pool, pool->blocks[i].length) != list ||
		    pool->blocks[i].list != list || pool->blocks[i].previous != previous)
			return amph_refuse(why, -EFAULT, "a block is in the wrong free list", i,
					   pool->blocks[i].length);
		previous = i;
	}
	return 0;
}

static int check_lists(const struct amph_pool *pool, uint32_t free_blocks, struct amph_why *why)
{
	for (uint32_t list = 0; list < AMPH_POOL_LISTS; list++) {
		bool filled = pool->heads[list] != AMPH_POOL_NONE;

		if (filled != ((pool->list_bitmap[list / 32] >> list % 32 & 1) != 0))
			return amph_refuse(why, -EFAULT, "a list's bit is wrong", list, 0);
		if (check_list(pool, list, &free_blocks, why))
			return -EFAULT;
	}
	for (uint32_t word = 0; word < AMPH_POOL_WORDS; word++)
		if ((pool->list_bitmap[word] != 0) != ((pool->word_bitmap >> word & 1) != 0))
			return amph_refuse(why, -EFAULT, "a word's bit is wrong", word, 0);
	if (free_blocks)
		return amph_refuse(why, -EFAULT, "free blocks are in no list", free_blocks, 0);
	return 0;
}

static int check_unused(const struct amph_pool *pool, struct amph_why *why)
{
	uint32_t left = pool->block_max - pool->block_count;

	for (uint32_t i = pool->unused; i != AMPH_POOL_NONE; i = pool->blocks[i].next) {
		if (i >= pool->block_max || pool->blocks[i].state != AMPH_POOL_UNUSED || !left)
			return amph_refuse(why, -EFAULT, "the unused list holds what is used", i,
					   pool->block_max);
		left--;
	}
	if (left)
		return amph_refuse(why, -EFAULT, "unused descriptors are lost", left, 0);
	return 0;
}

int amph_pool_check(const struct amph_pool *pool, struct amph_why *why)
{
	uint32_t free_blocks;

	if (pool->block_count > pool->block_max)
		return amph_refuse(why, -EFAULT, "more blocks than descriptors", pool->block_count,
				   pool->block_max);
	if (check_blocks(pool, &free_blocks, why) || check_lists(pool, free_blocks, why) ||
	    check_unused(pool, why))
		return -EFAULT;
	return 0;
}
