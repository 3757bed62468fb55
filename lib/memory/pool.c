/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pool: allocates ranges of a carve-out in constant time: two-level segregated fit.
 * Memory layer; freestanding. Knows offsets only: all bookkeeping is in the caller's private array,
 * so nobody who can write the memory can harm it. Providers hand the ranges out as buffers.
 *
 * Sizes are counted in granules. Below AMPH_POOL_STEPS granules each size has a list of its own;
 * above, each power of two is divided into AMPH_POOL_STEPS lists. Two bitmaps find the first list
 * that holds a block which is large enough for sure.
 *
 * Descriptor 0 is the block at offset 0 for life: splits keep the left part in the old descriptor,
 * merges keep the left block's.
 *
 * A handle is a descriptor's index and above it as much of its generation as fits. Every free counts
 * the generation on, and neither splits nor merges reset it.
 */
#include <amphora/fork.h>
#include <amphora/pool.h>

#include "memory/pool_internal.h"

#define PROBES 8 /* blocks tried one by one before giving up; bounds the time */

static uint32_t highest_bit(uint64_t value)
{
	return 63 - (uint32_t)__builtin_clzll(value);
}

struct amph_pool_list amph_pool_list_of(const struct amph_pool *pool, uint64_t length)
{
	uint64_t granules = length >> __builtin_ctzll(pool->granule);
	uint32_t top;

	if (granules < AMPH_POOL_STEPS)
		return (struct amph_pool_list){.class = 0, .step = (uint32_t)granules};
	top = highest_bit(granules);
	return (struct amph_pool_list){
		.class = top - AMPH_POOL_STEP_BITS + 1,
		.step = (uint32_t)(granules >> (top - AMPH_POOL_STEP_BITS)) & (AMPH_POOL_STEPS - 1),
	};
}

static void insert(struct amph_pool *pool, uint32_t block)
{
	struct amph_pool_list list = amph_pool_list_of(pool, pool->blocks[block].length);
	uint32_t *head = &pool->heads[list.class][list.step];

	pool->blocks[block].state = AMPH_POOL_FREE;
	pool->blocks[block].previous = AMPH_POOL_NONE;
	pool->blocks[block].next = *head;
	if (*head != AMPH_POOL_NONE)
		pool->blocks[*head].previous = block;
	*head = block;
	pool->class_bitmap |= UINT64_C(1) << list.class;
	pool->step_bitmap[list.class] = (uint8_t)(pool->step_bitmap[list.class] | 1u << list.step);
}

/* Takes the first block out of a list. */
static void take_head(struct amph_pool *pool, struct amph_pool_list list)
{
	uint32_t next = pool->blocks[pool->heads[list.class][list.step]].next;

	pool->heads[list.class][list.step] = next;
	if (next != AMPH_POOL_NONE) {
		pool->blocks[next].previous = AMPH_POOL_NONE;
		return;
	}
	pool->step_bitmap[list.class] =
		(uint8_t)(pool->step_bitmap[list.class] & ~(1u << list.step));
	if (!pool->step_bitmap[list.class])
		pool->class_bitmap &= ~(UINT64_C(1) << list.class);
}

static void take_out(struct amph_pool *pool, uint32_t block)
{
	uint32_t previous = pool->blocks[block].previous, next = pool->blocks[block].next;

	if (previous == AMPH_POOL_NONE) {
		take_head(pool, amph_pool_list_of(pool, pool->blocks[block].length));
		return;
	}
	pool->blocks[previous].next = next;
	if (next != AMPH_POOL_NONE)
		pool->blocks[next].previous = previous;
}

/* Cuts a block in two; the right part gets a descriptor of its own. The caller saw to it that one is. */
static uint32_t split(struct amph_pool *pool, uint32_t block, uint64_t length)
{
	struct amph_pool_block *left = &pool->blocks[block];
	uint32_t index = pool->unused;
	struct amph_pool_block *right = &pool->blocks[index];

	pool->unused = right->next;
	pool->block_count++;
	*right = (struct amph_pool_block){
		.offset = left->offset + length,
		.length = left->length - length,
		.before = block,
		.after = left->after,
		.state = AMPH_POOL_TAKEN,
		.generation = right->generation,
	};
	if (right->after != AMPH_POOL_NONE)
		pool->blocks[right->after].before = index;
	left->after = index;
	left->length = length;
	return index;
}

/* Joins a block with the one behind it, which is in no list. */
static void join(struct amph_pool *pool, uint32_t block)
{
	struct amph_pool_block *left = &pool->blocks[block];
	uint32_t index = left->after;
	struct amph_pool_block *right = &pool->blocks[index];

	left->length += right->length;
	left->after = right->after;
	if (left->after != AMPH_POOL_NONE)
		pool->blocks[left->after].before = block;
	*right = (struct amph_pool_block){.next = pool->unused, .generation = right->generation};
	pool->unused = index;
	pool->block_count--;
}

int amph_pool_init_checked(struct amph_pool *pool, uint64_t size, uint64_t granule,
			   struct amph_pool_block *blocks, uint32_t block_max, uint32_t abi,
			   uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*pool));

	if (error)
		return error;
	if (!granule || granule & (granule - 1) || size < granule || size > INT64_MAX || !blocks ||
	    !block_max || block_max > AMPH_POOL_BLOCKS_MAX)
		return -EINVAL;
	*pool = (struct amph_pool){
		.size = size & ~(granule - 1),
		.granule = granule,
		.blocks = blocks,
		.block_max = block_max,
		.unused = AMPH_POOL_NONE,
		.block_count = 1,
		.index_bits = block_max > 1 ? highest_bit(block_max - 1) + 1 : 0,
		.fork_generation = amph_fork_generation(),
		.fork_word = amph_fork_word(),
	};
	for (uint32_t i = 0; i < AMPH_POOL_CLASSES; i++)
		for (uint32_t k = 0; k < AMPH_POOL_STEPS; k++)
			pool->heads[i][k] = AMPH_POOL_NONE;
	for (uint32_t i = block_max; i-- > 1;) {
		blocks[i] = (struct amph_pool_block){.next = pool->unused};
		pool->unused = i;
	}
	blocks[0] = (struct amph_pool_block){
		.length = pool->size, .before = AMPH_POOL_NONE, .after = AMPH_POOL_NONE};
	insert(pool, 0);
	return 0;
}

/* A free block of at least `length` bytes from the first list where every block is, or NONE. */
static uint32_t search(const struct amph_pool *pool, uint64_t length)
{
	struct amph_pool_list list;
	uint64_t granules = length >> __builtin_ctzll(pool->granule), classes;
	uint32_t steps;

	if (granules >= AMPH_POOL_STEPS)
		length += (pool->granule << (highest_bit(granules) - AMPH_POOL_STEP_BITS)) -
			  pool->granule;
	list = amph_pool_list_of(pool, length);
	steps = pool->step_bitmap[list.class] & ~0u << list.step;
	if (!steps) {
		classes = pool->class_bitmap & ~UINT64_C(0) << (list.class + 1);
		if (!classes)
			return AMPH_POOL_NONE;
		list.class = (uint32_t)__builtin_ctzll(classes);
		steps = pool->step_bitmap[list.class];
	}
	return pool->heads[list.class][__builtin_ctz(steps)];
}

static uint64_t round_up(uint64_t value, uint64_t unit)
{
	return (value + unit - 1) & ~(unit - 1);
}

/* Does an aligned range of `length` bytes lie in this block? */
static bool fits(const struct amph_pool_block *block, uint64_t length, uint64_t alignment)
{
	uint64_t front = round_up(block->offset, alignment) - block->offset;

	return front <= block->length && length <= block->length - front;
}

/*
 * own: the first of the length's own list, where the last block freed may just fit: equal sizes come and go.
 * Then a block that fits wherever it starts. Where there is none, rounding up may have missed one:
 * a few more of the length's own list, and the best of the lists above.
 */
static uint32_t find(const struct amph_pool *pool, uint32_t own, uint64_t length,
		     uint64_t alignment)
{
	uint64_t slack = alignment - pool->granule;
	uint32_t block = AMPH_POOL_NONE;

	if (own != AMPH_POOL_NONE && fits(&pool->blocks[own], length, alignment))
		return own;
	if (slack <= pool->size - length)
		block = search(pool, length + slack);
	if (block != AMPH_POOL_NONE)
		return block;
	block = search(pool, length);
	if (block != AMPH_POOL_NONE && fits(&pool->blocks[block], length, alignment))
		return block;
	for (uint32_t i = 1; i < PROBES && own != AMPH_POOL_NONE; i++) {
		own = pool->blocks[own].next;
		if (own != AMPH_POOL_NONE && fits(&pool->blocks[own], length, alignment))
			return own;
	}
	return AMPH_POOL_NONE;
}

/* What does not fit of the generation is dropped. */
static uint32_t handle_of(const struct amph_pool *pool, uint32_t index)
{
	return pool->blocks[index].generation << pool->index_bits | index;
}

/* Takes an aligned range of `length` bytes out of a free block that has it. Returns 0, or -ENOSPC. */
static int cut_out(struct amph_pool *pool, uint32_t index, uint64_t length, uint64_t alignment,
		   uint32_t *taken)
{
	uint64_t front =
		round_up(pool->blocks[index].offset, alignment) - pool->blocks[index].offset;
	uint32_t needed =
		(front ? 1u : 0u) + (pool->blocks[index].length - front != length ? 1u : 0u);

	if (needed > pool->block_max - pool->block_count)
		return -ENOSPC;
	take_out(pool, index);
	if (front) {
		uint32_t left = index;

		index = split(pool, left, front);
		insert(pool, left);
	}
	if (pool->blocks[index].length != length)
		insert(pool, split(pool, index, length));
	*taken = index;
	return 0;
}

int amph_pool_allocate(struct amph_pool *pool, uint64_t size, uint64_t alignment, uint64_t *offset,
		       uint32_t *block)
{
	struct amph_pool_list list;
	uint64_t length;
	uint32_t index;
	int error;

	if (amph_fork_happened_since(pool->fork_word, pool->fork_generation))
		return -EPERM;
	if (!size || alignment & (alignment - 1))
		return -EINVAL;
	if (size > pool->size || alignment > pool->size)
		return -ENOMEM;
	if (alignment < pool->granule)
		alignment = pool->granule;
	length = round_up(size, pool->granule);
	list = amph_pool_list_of(pool, length);
	index = pool->heads[list.class][list.step];
	/* in a steady exchange the last one freed is just what is asked for again */
	if (index != AMPH_POOL_NONE && pool->blocks[index].length == length &&
	    !(pool->blocks[index].offset & (alignment - 1))) {
		take_head(pool, list);
	} else {
		index = find(pool, index, length, alignment);
		if (index == AMPH_POOL_NONE)
			return -ENOMEM;
		error = cut_out(pool, index, length, alignment, &index);
		if (error)
			return error;
	}
	pool->blocks[index].state = AMPH_POOL_TAKEN;
	pool->used += length;
	*offset = pool->blocks[index].offset;
	*block = handle_of(pool, index);
	return 0;
}

int amph_pool_free(struct amph_pool *pool, uint32_t block)
{
	uint32_t index = amph_pool_index(pool, block);
	struct amph_pool_block *freed;

	if (amph_fork_happened_since(pool->fork_word, pool->fork_generation))
		return -EPERM;
	if (index >= pool->block_max || pool->blocks[index].state != AMPH_POOL_TAKEN ||
	    handle_of(pool, index) != block)
		return -EINVAL;
	freed = &pool->blocks[index];
	freed->generation++;
	pool->used -= freed->length;
	if (freed->after != AMPH_POOL_NONE && pool->blocks[freed->after].state == AMPH_POOL_FREE) {
		take_out(pool, freed->after);
		join(pool, index);
	}
	if (freed->before != AMPH_POOL_NONE &&
	    pool->blocks[freed->before].state == AMPH_POOL_FREE) {
		index = freed->before;
		take_out(pool, index);
		join(pool, index);
	}
	insert(pool, index);
	return 0;
}
