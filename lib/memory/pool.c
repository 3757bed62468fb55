/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pool: allocates ranges of a carve-out in constant time: two-level segregated fit.
 * Memory layer; freestanding. Knows offsets only: all bookkeeping is in the caller's private array,
 * so nobody who can write the memory can harm it. Providers hand the ranges out as buffers.
 *
 * Sizes are counted in granules. Below 2 * AMPH_POOL_STEPS granules each size has a list of its
 * own; above, each power of two is divided into AMPH_POOL_STEPS lists. A bitmap of the lists and one of
 * its words find the first list that holds a block which is large enough for sure.
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

/* The steps that allocate and free are made of: copied into them, unless built for size. */
#ifdef __OPTIMIZE_SIZE__
#define HOT inline
#else
#define HOT inline __attribute__((always_inline))
#endif

/* Puts a block at the head of a free list. */
static HOT void insert(struct amph_pool *pool, uint32_t index, uint32_t list)
{
	struct amph_pool_block *block = &pool->blocks[index];
	uint32_t *head = &pool->heads[list], next = *head;

	block->state = AMPH_POOL_FREE;
	block->list = (uint16_t)list;
	block->previous = AMPH_POOL_NONE;
	block->next = next;
	*head = index;
	if (next != AMPH_POOL_NONE) {
		pool->blocks[next].previous = index;
		return;
	}
	pool->word_bitmap |= UINT32_C(1) << list / 32;
	pool->list_bitmap[list / 32] |= UINT32_C(1) << list % 32;
}

static HOT void take_out(struct amph_pool *pool, const struct amph_pool_block *block)
{
	uint32_t previous = block->previous, next = block->next, list = block->list;

	if (next != AMPH_POOL_NONE)
		pool->blocks[next].previous = previous;
	if (previous != AMPH_POOL_NONE) {
		pool->blocks[previous].next = next;
		return;
	}
	pool->heads[list] = next;
	if (next != AMPH_POOL_NONE)
		return;
	pool->list_bitmap[list / 32] &= ~(UINT32_C(1) << list % 32);
	if (!pool->list_bitmap[list / 32])
		pool->word_bitmap &= ~(UINT32_C(1) << list / 32);
}

/*
 * Takes block `from` out of its list, and puts block `to`, now of `length` bytes, at the head of its own.
 * They may be one block. What is left of a large block mostly stays where that was.
 */
static HOT void replace(struct amph_pool *pool, uint32_t from, uint32_t to, uint64_t length)
{
	const struct amph_pool_block *old = &pool->blocks[from];
	struct amph_pool_block *block = &pool->blocks[to];
	uint32_t list = amph_pool_list_of(pool, length);

	block->length = length;
	if (list != old->list || old->previous != AMPH_POOL_NONE) {
		take_out(pool, old);
		insert(pool, to, list);
		return;
	}
	if (to == from)
		return;
	block->state = AMPH_POOL_FREE;
	block->list = (uint16_t)list;
	block->previous = AMPH_POOL_NONE;
	block->next = old->next;
	pool->heads[list] = to;
	if (block->next != AMPH_POOL_NONE)
		pool->blocks[block->next].previous = to;
}

/*
 * Gives what lies behind the first `length` bytes of a block a descriptor, in no list and without a length.
 * The caller saw to it that there is one, and sets both lengths.
 */
static HOT uint32_t split(struct amph_pool *pool, uint32_t index, uint64_t length)
{
	struct amph_pool_block *left = &pool->blocks[index];
	uint32_t added = pool->unused;
	struct amph_pool_block *right = &pool->blocks[added];

	pool->unused = right->next;
	pool->block_count++;
	right->offset = left->offset + length;
	right->before = index;
	right->after = left->after;
	if (left->after != AMPH_POOL_NONE)
		pool->blocks[left->after].before = added;
	left->after = added;
	return added;
}

/* Drops the descriptor behind a block. It is in no list, and the caller sees to the length. */
static HOT void join(struct amph_pool *pool, uint32_t index)
{
	struct amph_pool_block *left = &pool->blocks[index];
	uint32_t dropped = left->after;
	struct amph_pool_block *right = &pool->blocks[dropped];

	left->after = right->after;
	if (left->after != AMPH_POOL_NONE)
		pool->blocks[left->after].before = index;
	right->state = AMPH_POOL_UNUSED;
	right->next = pool->unused;
	pool->unused = dropped;
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
		.index_bits = (uint16_t)(block_max > 1 ? amph_pool_top(block_max - 1) + 1 : 0),
		.granule_bits = (uint16_t)__builtin_ctzll(granule),
		.fork_generation = amph_fork_generation(),
		.fork_word = amph_fork_word(),
	};
	for (uint32_t i = 0; i < AMPH_POOL_LISTS; i++)
		pool->heads[i] = AMPH_POOL_NONE;
	for (uint32_t i = block_max; i-- > 1;) {
		blocks[i] = (struct amph_pool_block){.next = pool->unused};
		pool->unused = i;
	}
	blocks[0] = (struct amph_pool_block){
		.length = pool->size, .before = AMPH_POOL_NONE, .after = AMPH_POOL_NONE};
	insert(pool, 0, amph_pool_list_of(pool, pool->size));
	return 0;
}

/* A free block of at least `length` bytes from the first list where every block is, or NONE. */
static HOT uint32_t search(const struct amph_pool *pool, uint64_t length)
{
	uint32_t list = amph_pool_list_above(length >> pool->granule_bits), word = list / 32;
	uint32_t lists = pool->list_bitmap[word] & ~UINT32_C(0) << list % 32;

	if (!lists) {
		uint32_t words = pool->word_bitmap & ~UINT32_C(1) << word;

		if (!words)
			return AMPH_POOL_NONE;
		word = (uint32_t)__builtin_ctz(words);
		lists = pool->list_bitmap[word];
	}
	return pool->heads[word * 32 + (uint32_t)__builtin_ctz(lists)];
}

/* What an aligned range leaves free before it in this block. */
static uint64_t front_of(const struct amph_pool_block *block, uint64_t alignment)
{
	return -block->offset & (alignment - 1);
}

/* Does an aligned range of `length` bytes lie in this block? Neither it nor the front is above INT64_MAX. */
static bool fits(const struct amph_pool_block *block, uint64_t length, uint64_t alignment)
{
	return front_of(block, alignment) + length <= block->length;
}

/*
 * own: the first of the length's own list, where nothing fits at once.
 * Takes a block that fits wherever it starts. Where there is none, rounding up may have missed one:
 * the best of the lists above, and a few more of the length's own list.
 */
static uint32_t find(const struct amph_pool *pool, uint32_t own, uint64_t length,
		     uint64_t alignment)
{
	uint64_t slack = alignment - pool->granule;
	uint32_t block = AMPH_POOL_NONE;

	if (slack <= pool->size - length)
		block = search(pool, length + slack);
	if (block != AMPH_POOL_NONE)
		return block;
	if (slack)
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
static int cut_out(struct amph_pool *pool, uint32_t *index, uint64_t length, uint64_t alignment)
{
	uint32_t left = *index, middle = left;
	struct amph_pool_block *block = &pool->blocks[left];
	uint64_t front = front_of(block, alignment), rest = block->length - front - length;

	/* in a steady exchange the last one freed is just what is asked for again */
	if (!(front | rest)) {
		take_out(pool, block);
		return 0;
	}
	if ((front && rest ? 2u : 1u) > pool->block_max - pool->block_count)
		return -ENOSPC;
	if (front) {
		middle = split(pool, left, front);
		replace(pool, left, left, front);
		if (rest) {
			uint32_t right = split(pool, middle, length);

			pool->blocks[right].length = rest;
			insert(pool, right, amph_pool_list_of(pool, rest));
		}
	} else {
		replace(pool, left, split(pool, left, length), rest);
	}
	pool->blocks[middle].length = length;
	*index = middle;
	return 0;
}

int amph_pool_allocate(struct amph_pool *pool, uint64_t size, uint64_t alignment, uint64_t *offset,
		       uint32_t *block)
{
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
	length = (size + pool->granule - 1) & -pool->granule;
	index = pool->heads[amph_pool_list_of(pool, length)];
	if (index == AMPH_POOL_NONE || !fits(&pool->blocks[index], length, alignment)) {
		index = find(pool, index, length, alignment);
		if (index == AMPH_POOL_NONE)
			return -ENOMEM;
	}
	error = cut_out(pool, &index, length, alignment);
	if (error)
		return error;
	pool->blocks[index].state = AMPH_POOL_TAKEN;
	pool->used += length;
	*offset = pool->blocks[index].offset;
	*block = handle_of(pool, index);
	return 0;
}

static bool is_free(const struct amph_pool *pool, uint32_t index)
{
	return index != AMPH_POOL_NONE && pool->blocks[index].state == AMPH_POOL_FREE;
}

/* Puts a block that is taken no longer among the free ones, joined with its free neighbours. */
static void release(struct amph_pool *pool, uint32_t index)
{
	const struct amph_pool_block *block = &pool->blocks[index];
	uint32_t before = block->before, after = block->after;
	uint64_t length = block->length;

	if (!is_free(pool, before)) {
		if (!is_free(pool, after)) {
			insert(pool, index, amph_pool_list_of(pool, length));
			return;
		}
		replace(pool, after, index, length + pool->blocks[after].length);
		join(pool, index);
		return;
	}
	if (is_free(pool, after)) {
		length += pool->blocks[after].length;
		take_out(pool, &pool->blocks[after]);
		join(pool, index);
	}
	replace(pool, before, before, length + pool->blocks[before].length);
	join(pool, before);
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
	release(pool, index);
	return 0;
}
