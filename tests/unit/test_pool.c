/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The pool: exact fits, alignment, coalescing, refusals, and a long random run against a model.
 * Test code. AMPHORA_POOL_REPORT=1 prints the figures that docs/memory.md quotes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/wait.h>
#include <unistd.h>

#include <amphora/pool.h>

#define GRANULE 64u

struct fixture {
	struct amph_pool pool;
	struct amph_pool_block *blocks;
};

static void make(struct fixture *f, uint64_t size, uint64_t granule, uint32_t block_max)
{
	/* exactly as many as there are, so that a sanitizer sees the first one too far */
	f->blocks = malloc(block_max * sizeof(*f->blocks));
	assert_non_null(f->blocks);
	assert_int_equal(amph_pool_init(&f->pool, size, granule, f->blocks, block_max), 0);
}

static void check(struct fixture *f)
{
	struct amph_why why = {0};

	if (amph_pool_check(&f->pool, &why))
		fail_msg("%s: %llu, %llu", why.what, (unsigned long long)why.value,
			 (unsigned long long)why.limit);
}

static void unmake(struct fixture *f)
{
	check(f);
	free(f->blocks);
}

static uint64_t allocate(struct fixture *f, uint64_t size, uint64_t alignment, uint32_t *block)
{
	uint64_t offset = UINT64_MAX;

	assert_int_equal(amph_pool_allocate(&f->pool, size, alignment, &offset, block), 0);
	check(f);
	return offset;
}

static void init_refuses_what_is_no_pool(void **state)
{
	struct amph_pool_block blocks[4];
	struct amph_pool pool;

	(void)state;
	assert_int_equal(amph_pool_init(&pool, 4096, 0, blocks, 4), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 4096, 48, blocks, 4), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 63, 64, blocks, 4), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, (uint64_t)INT64_MAX + 1, 64, blocks, 4), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 4096, 64, NULL, 4), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 4096, 64, blocks, 0), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 4096, 64, blocks, UINT32_MAX), -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 4096, 64, blocks, AMPH_POOL_BLOCKS_MAX + 1),
			 -EINVAL);
	assert_int_equal(amph_pool_init(&pool, 64, 64, blocks, 1), 0);
}

static void the_whole_pool_can_be_taken_at_once(void **state)
{
	static const uint64_t sizes[] = {64, 512, 640, 64000, 1 << 20, (1 << 20) + 64, 999936};
	uint32_t block;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct fixture f;

		make(&f, sizes[i], GRANULE, 1);
		assert_int_equal(allocate(&f, sizes[i], 0, &block), 0);
		assert_int_equal(f.pool.used, sizes[i]);
		assert_int_equal(amph_pool_free(&f.pool, block), 0);
		assert_int_equal(f.pool.used, 0);
		unmake(&f);
	}
}

static void an_odd_end_of_the_pool_is_left_out(void **state)
{
	struct fixture f;
	uint64_t offset;
	uint32_t block;

	(void)state;
	make(&f, 1000, GRANULE, 3);
	assert_int_equal(f.pool.size, 960);
	assert_int_equal(amph_pool_allocate(&f.pool, 961, 0, &offset, &block), -ENOMEM);
	assert_int_equal(allocate(&f, 960, 0, &block), 0);
	unmake(&f);
}

static void sizes_and_offsets_are_whole_granules(void **state)
{
	struct fixture f;
	uint32_t a, b;

	(void)state;
	make(&f, 4096, GRANULE, 8);
	assert_int_equal(allocate(&f, 1, 0, &a), 0);
	assert_int_equal(allocate(&f, 65, 1, &b), 64);
	assert_int_equal(f.pool.used, 64 + 128);
	assert_int_equal(f.blocks[a].length, 64);
	assert_int_equal(f.blocks[b].length, 128);
	unmake(&f);
}

static void alignment_is_kept_and_the_gap_stays_free(void **state)
{
	struct fixture f;
	uint32_t first, aligned, gap;

	(void)state;
	make(&f, 1 << 20, GRANULE, 16);
	assert_int_equal(allocate(&f, 64, 0, &first), 0);
	assert_int_equal(allocate(&f, 100, 65536, &aligned), 65536);
	assert_int_equal(allocate(&f, 65536 - 64, 0, &gap), 64);
	assert_int_equal(f.pool.used, 64 + 128 + 65536 - 64);
	assert_int_equal(amph_pool_free(&f.pool, aligned), 0);
	assert_int_equal(amph_pool_free(&f.pool, first), 0);
	assert_int_equal(amph_pool_free(&f.pool, gap), 0);
	assert_int_equal(f.pool.block_count, 1);
	unmake(&f);
}

static void the_whole_pool_fits_aligned_to_itself(void **state)
{
	struct fixture f;
	uint32_t block;
	uint64_t offset;

	(void)state;
	make(&f, 1 << 20, GRANULE, 3);
	assert_int_equal(allocate(&f, 1 << 20, 1 << 20, &block), 0);
	assert_int_equal(amph_pool_free(&f.pool, block), 0);
	assert_int_equal(amph_pool_allocate(&f.pool, 64, 1 << 21, &offset, &block), -ENOMEM);
	unmake(&f);
}

static void an_aligned_block_is_found_without_room_to_spare(void **state)
{
	struct fixture f;
	uint32_t block, low, high;

	(void)state;
	/* free: 4096..8191, larger than asked, but not by a whole alignment */
	make(&f, 3 * 4096, GRANULE, 9);
	low = 0;
	assert_int_equal(allocate(&f, 4096, 0, &low), 0);
	assert_int_equal(allocate(&f, 4096, 0, &block), 4096);
	assert_int_equal(allocate(&f, 4096, 0, &high), 8192);
	assert_int_equal(amph_pool_free(&f.pool, block), 0);
	assert_int_equal(allocate(&f, 2048, 4096, &block), 4096);
	unmake(&f);
}

static void a_block_that_just_fits_is_found_behind_one_that_does_not(void **state)
{
	struct fixture f;
	uint32_t shorter, wall, longer;

	(void)state;
	/* both are in one list, the longer one second, and rounding up finds no list above */
	make(&f, (1000 + 1 + 1010) * GRANULE, GRANULE, 7);
	allocate(&f, 1000 * GRANULE, 0, &shorter);
	allocate(&f, GRANULE, 0, &wall);
	assert_int_equal(allocate(&f, 1010 * GRANULE, 0, &longer), 1001 * GRANULE);
	assert_int_equal(amph_pool_free(&f.pool, longer), 0);
	assert_int_equal(amph_pool_free(&f.pool, shorter), 0);
	assert_int_equal(allocate(&f, 1005 * GRANULE, 0, &longer), 1001 * GRANULE);
	unmake(&f);
}

static void refusals_say_what_was_wrong(void **state)
{
	struct fixture f;
	uint32_t a, b;
	uint64_t offset;

	(void)state;
	make(&f, 4096, GRANULE, 2);
	assert_int_equal(amph_pool_allocate(&f.pool, 0, 0, &offset, &a), -EINVAL);
	assert_int_equal(amph_pool_allocate(&f.pool, 64, 3, &offset, &a), -EINVAL);
	assert_int_equal(amph_pool_allocate(&f.pool, UINT64_MAX, 0, &offset, &a), -ENOMEM);
	assert_int_equal(amph_pool_allocate(&f.pool, 64, UINT64_C(1) << 63, &offset, &a), -ENOMEM);
	allocate(&f, 64, 0, &a);
	/* a third block would need a third descriptor */
	assert_int_equal(amph_pool_allocate(&f.pool, 64, 0, &offset, &b), -ENOSPC);
	assert_int_equal(amph_pool_allocate(&f.pool, 64, 1024, &offset, &b), -ENOSPC);
	check(&f);
	/* but the rest as a whole does not */
	assert_int_equal(allocate(&f, 4032, 0, &b), 64);
	assert_int_equal(amph_pool_allocate(&f.pool, 64, 0, &offset, &b), -ENOMEM);
	unmake(&f);
}

static void a_stale_handle_does_not_free_the_newcomer(void **state)
{
	/* one descriptor, a power of two of them, and one more */
	static const uint32_t counts[] = {1, 2, 3, 8, 9};
	struct fixture f;
	uint64_t offset;
	uint32_t old, fresh;

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		make(&f, 4096, 64, counts[i]);
		allocate(&f, 4096, 0, &old);
		for (int round = 0; round < 1000; round++) {
			assert_int_equal(amph_pool_free(&f.pool, old), 0);
			assert_int_equal(amph_pool_allocate(&f.pool, 4096, 0, &offset, &fresh), 0);
			assert_int_not_equal(fresh, old);
			assert_int_equal(amph_pool_free(&f.pool, old), -EINVAL);
			assert_int_equal(f.pool.used, 4096);
			old = fresh;
		}
		assert_int_equal(amph_pool_free(&f.pool, old), 0);
		unmake(&f);
	}
}

/* Its descriptor went back to the unused ones when the block was joined with the one before it. */
static void a_handle_stays_stale_when_its_block_was_joined_and_split(void **state)
{
	struct fixture f;
	uint32_t left, right, again;

	(void)state;
	make(&f, 4096, 64, 3);
	allocate(&f, 64, 0, &left);
	allocate(&f, 64, 0, &right);
	assert_int_equal(amph_pool_free(&f.pool, left), 0);
	assert_int_equal(amph_pool_free(&f.pool, right), 0);
	assert_int_equal(f.pool.block_count, 1);
	allocate(&f, 64, 0, &left);
	assert_int_equal(allocate(&f, 64, 0, &again), 64);
	assert_int_not_equal(again, right);
	assert_int_equal(amph_pool_free(&f.pool, right), -EINVAL);
	assert_int_equal(amph_pool_free(&f.pool, again), 0);
	assert_int_equal(amph_pool_free(&f.pool, left), 0);
	unmake(&f);
}

/* The bytes may be shared with the parent: the child's copy of the records must not hand them out. */
static void a_child_can_neither_take_nor_free(void **state)
{
	struct fixture f;
	uint64_t offset;
	uint32_t block, other;
	int status;
	pid_t child;

	(void)state;
	make(&f, 4096, 64, 8);
	allocate(&f, 64, 0, &block);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(amph_pool_allocate(&f.pool, 64, 0, &offset, &other) != -EPERM ||
		      amph_pool_free(&f.pool, block) != -EPERM || f.pool.used != 64);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(amph_pool_free(&f.pool, block), 0);
	unmake(&f);
}

static void a_block_that_is_not_taken_is_not_freed(void **state)
{
	struct fixture f;
	uint32_t block;

	(void)state;
	make(&f, 4096, GRANULE, 5);
	allocate(&f, 64, 0, &block);
	assert_int_equal(amph_pool_free(&f.pool, 5), -EINVAL);
	assert_int_equal(amph_pool_free(&f.pool, UINT32_MAX), -EINVAL);
	assert_int_equal(amph_pool_free(&f.pool, 1), -EINVAL); /* the free rest */
	assert_int_equal(amph_pool_free(&f.pool, 4), -EINVAL); /* unused */
	assert_int_equal(amph_pool_free(&f.pool, block), 0);
	assert_int_equal(amph_pool_free(&f.pool, block), -EINVAL);
	unmake(&f);
}

static void freeing_in_any_order_joins_all_neighbours(void **state)
{
	static const uint32_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					      {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	uint32_t blocks[3];

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct fixture f;

		make(&f, 3 * 1024, GRANULE, 3);
		for (int k = 0; k < 3; k++)
			assert_int_equal(allocate(&f, 1024, 0, &blocks[k]), (uint64_t)k * 1024);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(amph_pool_free(&f.pool, blocks[orders[i][k]]), 0);
			check(&f);
		}
		assert_int_equal(f.pool.block_count, 1);
		unmake(&f);
	}
}

/* Each field that check() guards, damaged on its own. */
static void check_finds_every_kind_of_damage(void **state)
{
	struct fixture f;
	struct amph_pool pool;
	struct amph_pool_block blocks[16];
	struct amph_why why = {0};
	uint32_t a, b, c, d;
	int found = 0;

	(void)state;
	make(&f, 1 << 16, GRANULE, 16);
	allocate(&f, 64, 0, &a);
	allocate(&f, 128, 0, &b);
	allocate(&f, 64, 0, &c);
	allocate(&f, 128, 0, &d);
	allocate(&f, 128, 0, &d);
	assert_int_equal(amph_pool_free(&f.pool, a), 0);
	assert_int_equal(amph_pool_free(&f.pool, c), 0);
	pool = f.pool;
	memcpy(blocks, f.blocks, sizeof(blocks));

#define DAMAGE(...)                                                        \
	do {                                                               \
		__VA_ARGS__;                                               \
		assert_int_equal(amph_pool_check(&f.pool, &why), -EFAULT); \
		assert_non_null(why.what);                                 \
		f.pool = pool;                                             \
		memcpy(f.blocks, blocks, sizeof(blocks));                  \
		found++;                                                   \
	} while (0)
	DAMAGE(f.pool.block_count = 17);
	DAMAGE(f.pool.block_count--);
	DAMAGE(f.pool.block_count++);
	DAMAGE(f.pool.used += 64);
	DAMAGE(f.pool.size += 64);
	DAMAGE(f.pool.size -= 64);
	DAMAGE(f.pool.word_bitmap = 0);
	DAMAGE(f.pool.word_bitmap |= 1 << 5);
	DAMAGE(f.pool.list_bitmap[0] = 0);
	DAMAGE(f.pool.list_bitmap[0] = 0xff);
	DAMAGE(f.pool.heads[1] = 99);
	DAMAGE(f.pool.heads[1] = 16);
	DAMAGE(f.pool.heads[1] = UINT32_MAX; f.pool.list_bitmap[0] = 0; f.pool.word_bitmap &= ~1u);
	DAMAGE(f.pool.heads[1] = b);
	DAMAGE(f.pool.heads[1] = AMPH_POOL_LISTS);
	DAMAGE(f.pool.unused = b);
	DAMAGE(f.pool.unused = 77);
	DAMAGE(f.pool.unused = 16);
	DAMAGE(f.pool.unused = UINT32_MAX);
	DAMAGE(f.blocks[b].after = 99);
	DAMAGE(f.blocks[b].after = b);
	DAMAGE(f.blocks[b].after = 15);
	DAMAGE(f.blocks[b].before = d);
	DAMAGE(f.blocks[b].offset += 64);
	DAMAGE(f.blocks[b].length += 64);
	DAMAGE(f.blocks[b].length += 1);
	DAMAGE(f.blocks[b].length = 0);
	DAMAGE(f.blocks[b].length = UINT64_MAX - 63);
	DAMAGE(f.blocks[b].state = 0);
	DAMAGE(f.blocks[b].state = 1);
	DAMAGE(f.blocks[b].state = 7);
	DAMAGE(f.blocks[a].state = 2);
	DAMAGE(f.blocks[a].list++);
	DAMAGE(f.blocks[a].next = a);
	DAMAGE(f.blocks[a].previous = b);
	DAMAGE(f.blocks[15].next = 14);
#undef DAMAGE
	assert_int_equal(found, 36);
	assert_int_equal(amph_pool_check(&f.pool, NULL), 0);
	unmake(&f);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Mixed sizes: most small, few large, as buffers are: spread evenly over the powers of two. */
static uint64_t random_size(uint64_t *seed, uint32_t smallest, uint32_t largest)
{
	uint32_t top = smallest + (uint32_t)(next_random(seed) % (largest - smallest));

	return (UINT64_C(1) << top) + next_random(seed) % (UINT64_C(1) << top);
}

#define LIVE 4096u

struct taken {
	uint64_t offset, length;
	uint32_t block;
};

/* The largest size that a fresh request could still get. */
static uint64_t largest_free(const struct amph_pool *pool)
{
	uint64_t largest = 0;

	for (uint32_t i = 0; i != UINT32_MAX; i = pool->blocks[i].after)
		if (pool->blocks[i].state == 1 && pool->blocks[i].length > largest)
			largest = pool->blocks[i].length;
	return largest;
}

struct figures {
	uint64_t refused, refused_though_free; /* though the pool had enough bytes in all */
	uint64_t least_used; /* percent of the pool in use at the first such refusal, the least */
};

/*
 * Fills the pool up to `fill` percent and keeps it there by random frees and allocations. The model
 * is an owner for each granule.
 */
static struct figures random_run(uint64_t seed, uint32_t operations, uint32_t fill,
				 uint32_t smallest, uint32_t largest)
{
	const uint64_t size = 64u << 20;
	struct fixture f;
	struct taken *taken = calloc(LIVE, sizeof(*taken));
	uint16_t *owner = calloc(size / GRANULE, sizeof(*owner));
	struct figures figures = {.least_used = 100};
	uint32_t count = 0;

	assert_non_null(taken);
	assert_non_null(owner);
	make(&f, size, GRANULE, 2 * LIVE + 1);
	for (uint32_t i = 0; i < operations; i++) {
		uint64_t wanted = random_size(&seed, smallest, largest);
		uint64_t alignment =
			next_random(&seed) % 8 ? 0 : UINT64_C(64) << next_random(&seed) % 7;
		bool full = f.pool.used + wanted > size / 100 * fill || count == LIVE;

		if (count && (full || next_random(&seed) % 3 == 0)) {
			uint32_t victim = (uint32_t)(next_random(&seed) % count);
			struct taken gone = taken[victim];

			assert_int_equal(amph_pool_free(&f.pool, gone.block), 0);
			for (uint64_t g = gone.offset / GRANULE;
			     g < (gone.offset + gone.length) / GRANULE; g++) {
				assert_int_equal(owner[g], victim + 1);
				owner[g] = 0;
			}
			taken[victim] = taken[--count];
			if (victim != count)
				for (uint64_t g = taken[victim].offset / GRANULE;
				     g < (taken[victim].offset + taken[victim].length) / GRANULE;
				     g++)
					owner[g] = (uint16_t)(victim + 1);
		} else {
			struct taken *new = &taken[count];
			int error = amph_pool_allocate(&f.pool, wanted, alignment, &new->offset,
						       &new->block);

			if (error) {
				uint64_t percent = f.pool.used * 100 / size;

				assert_int_equal(error, -ENOMEM);
				/* a block twice as large plus the alignment is never missed */
				assert_true(largest_free(&f.pool) < 2 * wanted + alignment);
				figures.refused++;
				figures.refused_though_free += size - f.pool.used >= wanted;
				if (percent < figures.least_used)
					figures.least_used = percent;
				continue;
			}
			new->length = (wanted + GRANULE - 1) / GRANULE *GRANULE;
			assert_int_equal(new->offset % (alignment ? alignment : GRANULE), 0);
			assert_true(new->offset + new->length <= size);
			for (uint64_t g = new->offset / GRANULE;
			     g < (new->offset + new->length) / GRANULE; g++) {
				assert_int_equal(owner[g], 0);
				owner[g] = (uint16_t)(count + 1);
			}
			count++;
		}
		if (i % 1024 == 0)
			check(&f);
	}
	check(&f);
	while (count)
		assert_int_equal(amph_pool_free(&f.pool, taken[--count].block), 0);
	/* whatever happened, all of it is one block again */
	assert_int_equal(f.pool.block_count, 1);
	assert_int_equal(f.pool.used, 0);
	unmake(&f);
	free(owner);
	free(taken);
	return figures;
}

static void report(const char *what, const struct figures *figures)
{
	if (getenv("AMPHORA_POOL_REPORT"))
		print_message("%s: refused %llu, of them with enough bytes free in all %llu, "
			      "used then at least %llu %%\n",
			      what, (unsigned long long)figures->refused,
			      (unsigned long long)figures->refused_though_free,
			      (unsigned long long)figures->least_used);
}

static void a_long_mixed_run_does_not_overlap_or_fragment(void **state)
{
	struct figures figures;

	(void)state;
	/* 256 bytes to 2 MiB in 64 MiB, at most 70 % full: nothing that is asked for is refused */
	figures = random_run(0x5eed5eed5eedu, 200000, 70, 8, 20);
	report("256 B to 1 MiB, 70 % full", &figures);
	assert_int_equal(figures.refused, 0);
}

static void a_run_at_the_brim_refuses_only_when_nearly_full(void **state)
{
	struct figures figures;

	(void)state;
	figures = random_run(0xbadcafebadcafeu, 50000, 100, 8, 20);
	report("256 B to 1 MiB, 100 % full", &figures);
	assert_true(figures.least_used >= 75);
	figures = random_run(0x12345678u, 50000, 100, 12, 23);
	report("4 KiB to 8 MiB, 100 % full", &figures);
	assert_true(figures.least_used >= 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_refuses_what_is_no_pool),
		cmocka_unit_test(the_whole_pool_can_be_taken_at_once),
		cmocka_unit_test(an_odd_end_of_the_pool_is_left_out),
		cmocka_unit_test(sizes_and_offsets_are_whole_granules),
		cmocka_unit_test(alignment_is_kept_and_the_gap_stays_free),
		cmocka_unit_test(the_whole_pool_fits_aligned_to_itself),
		cmocka_unit_test(an_aligned_block_is_found_without_room_to_spare),
		cmocka_unit_test(a_block_that_just_fits_is_found_behind_one_that_does_not),
		cmocka_unit_test(refusals_say_what_was_wrong),
		cmocka_unit_test(a_stale_handle_does_not_free_the_newcomer),
		cmocka_unit_test(a_handle_stays_stale_when_its_block_was_joined_and_split),
		cmocka_unit_test(a_child_can_neither_take_nor_free),
		cmocka_unit_test(a_block_that_is_not_taken_is_not_freed),
		cmocka_unit_test(freeing_in_any_order_joins_all_neighbours),
		cmocka_unit_test(check_finds_every_kind_of_damage),
		cmocka_unit_test(a_long_mixed_run_does_not_overlap_or_fragment),
		cmocka_unit_test(a_run_at_the_brim_refuses_only_when_nearly_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
