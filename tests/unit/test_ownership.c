/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ownership: hand-offs one by one, every refusal, and what the record looks like after them.
 * Test code. test_ownership_model.c compares long random runs with a naive model.
 */
#include "memory_fixture.h"

static void assert_range(const struct amph_shm *shm, uint32_t i, uint64_t offset, uint64_t length,
			 uint32_t holders, bool reading)
{
	assert_true(i < shm->range_count);
	assert_int_equal(shm->storage.ranges[i].offset, offset);
	assert_int_equal(shm->storage.ranges[i].length, length);
	assert_int_equal(shm->storage.ranges[i].holders, holders);
	assert_int_equal(shm->storage.ranges[i].reading, reading);
}

static struct fixture *open_attached(struct fixture *f, uint32_t range_max)
{
	fixture_init(f, range_max);
	fixture_open(f, 1000, 0);
	assert_int_equal(fixture_attach(f, &f->a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(fixture_attach(f, &f->b, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(f->to_a.bit, 2);
	assert_int_equal(f->to_b.bit, 4);
	return f;
}

static void a_part_given_splits_and_merges_when_it_is_back(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 3);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 100, 200, false), 0);
	assert_int_equal(f.shm.range_count, 3);
	assert_range(&f.shm, 0, 0, 100, AMPH_HOLDER_CPU, false);
	assert_range(&f.shm, 1, 100, 200, f.to_a.bit, false);
	assert_range(&f.shm, 2, 300, 700, AMPH_HOLDER_CPU, false);
	/* the neighbour on either side grows it without a fourth record */
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 300, 50, false), 0);
	assert_range(&f.shm, 1, 100, 250, f.to_a.bit, false);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 90, 10, false), 0);
	assert_range(&f.shm, 1, 90, 260, f.to_a.bit, false);
	/* back in two halves */
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 90, 130), 0);
	assert_int_equal(f.shm.range_count, 3);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 220, 130), 0);
	assert_int_equal(f.shm.range_count, 1);
	assert_range(&f.shm, 0, 0, 1000, AMPH_HOLDER_CPU, false);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	fixture_free(&f);
}

static void a_hand_off_over_many_records_leaves_one(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 16);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(amph_shm_sync_for_device(&f.to_a, i * 200, 100, true), 0);
	assert_int_equal(f.shm.range_count, 10);
	/* all the CPU reads, shared with B: neighbours differ still */
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 50, 900, true), 0);
	assert_int_equal(f.shm.range_count, 12);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, i * 200, 100), 0);
	assert_int_equal(f.shm.range_count, 3);
	assert_range(&f.shm, 1, 50, 900, AMPH_HOLDER_CPU | f.to_b.bit, true);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 50, 900), 0);
	assert_int_equal(f.shm.range_count, 1);
	fixture_free(&f);
}

static void ranges_outside_the_buffer_are_refused(void **state)
{
	static const uint64_t wrong[][2] = {
		{0, 0},
		{999, 0},
		{1000, 1},
		{1001, 1},
		{0, 1001},
		{999, 2},
		{0, UINT64_MAX},
		{1, UINT64_MAX},
		{UINT64_MAX, 1},
		{UINT64_MAX, UINT64_MAX},
		{500, UINT64_MAX - 499},
	};
	struct fixture f;

	(void)state;
	open_attached(&f, 3);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t offset = wrong[i][0], length = wrong[i][1];

		assert_refused(amph_shm_sync_for_device(&f.to_a, offset, length, false), -EINVAL,
			       &f.shm);
		assert_refused(amph_shm_sync_for_device(&f.to_a, offset, length, true), -EINVAL,
			       &f.shm);
		assert_refused(amph_shm_sync_for_cpu(&f.to_a, offset, length), -EINVAL, &f.shm);
		assert_refused(amph_shm_pass(&f.to_a, &f.to_b, offset, length), -EINVAL, &f.shm);
		assert_refused(amph_shm_may_give(&f.to_a, offset, length, false), -EINVAL, &f.shm);
		assert_refused(amph_shm_may_take(&f.to_a, offset, length), -EINVAL, &f.shm);
		assert_refused(amph_shm_check_access(&f.shm, offset, length, false), -EINVAL,
			       &f.shm);
	}
	assert_range(&f.shm, 0, 0, 1000, AMPH_HOLDER_CPU, false);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 999, 1, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 999, false), 0);
	fixture_free(&f);
}

static void give_of_bytes_not_owned_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 100, 100, false), 0);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, 100, false), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_b, 199, 1, false), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_b, 0, 101, false), -EACCES, &f.shm);
	assert_int_equal(f.shm.why.value, 100); /* the first byte that is not owned */
	assert_refused(amph_shm_sync_for_device(&f.to_b, 0, 1000, true), -EACCES, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 200, 1, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 99, 1, false), 0);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	fixture_free(&f);
}

static void taking_what_the_target_does_not_hold_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 1), -EACCES, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 100, 100, false), 0);
	assert_refused(amph_shm_sync_for_cpu(&f.to_b, 100, 100), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 100, 101), -EACCES, &f.shm);
	assert_int_equal(f.shm.why.value, 200);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 99, 2), -EACCES, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 100, 100), 0);
	/* twice */
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 100, 100), -EACCES, &f.shm);
	fixture_free(&f);
}

static void the_cpu_may_touch_only_what_it_owns(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 100, 100, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 200, 100, true), 0);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 100, true), 0);
	assert_refused(amph_shm_check_access(&f.shm, 0, 101, true), -EACCES, &f.shm);
	assert_refused(amph_shm_check_access(&f.shm, 199, 1, false), -EACCES, &f.shm);
	assert_int_equal(amph_shm_check_access(&f.shm, 200, 800, false), 0);
	assert_refused(amph_shm_check_access(&f.shm, 299, 10, true), -EACCES, &f.shm);
	assert_int_equal(amph_shm_check_access(&f.shm, 300, 700, true), 0);
	fixture_free(&f);
}

static void several_read_and_nobody_writes_until_one_is_left(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 600, true), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 400, 600, true), 0);
	assert_int_equal(f.shm.range_count, 3);
	assert_range(&f.shm, 1, 400, 200, AMPH_HOLDER_CPU | f.to_a.bit | f.to_b.bit, true);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 1000, false), 0);
	assert_refused(amph_shm_check_access(&f.shm, 0, 1, true), -EACCES, &f.shm);
	/* the same reader twice, or somebody alone, is no sharing */
	assert_refused(amph_shm_sync_for_device(&f.to_a, 599, 2, true), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 999, 1, false), -EACCES, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 0, 100), -EACCES, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 600), 0);
	assert_range(&f.shm, 0, 0, 400, AMPH_HOLDER_CPU, false);
	assert_range(&f.shm, 1, 400, 600, AMPH_HOLDER_CPU | f.to_b.bit, true);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 400, 600), 0);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 1000, true), 0);
	fixture_free(&f);
}

static void sharing_needs_a_target_that_reads(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 1000, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 10, true), -EINVAL, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 0, 10, true), 0);
	/* alone, each as it is attached */
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 10, 10, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 20, 10, false), 0);
	/* only a home can share with this side */
	assert_refused(amph_shm_sync_for_cpu_reading(&f.to_b, 20, 10), -EINVAL, &f.shm);
	fixture_free(&f);
}

static void pass_moves_the_bytes_without_the_cpu(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 500, false), 0);
	assert_int_equal(amph_shm_may_pass(&f.to_a, &f.to_b, 100, 400), 0);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_b, 100, 400), 0);
	assert_range(&f.shm, 0, 0, 100, f.to_a.bit, false);
	assert_range(&f.shm, 1, 100, 400, f.to_b.bit, false);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 100, 400), -EACCES, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 0, 101), -EACCES, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 500, 1), -EACCES, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_a, 0, 100), -EINVAL, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 100, 400), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 100), 0);
	assert_int_equal(f.shm.range_count, 1);
	fixture_free(&f);
}

static void pass_between_two_buffers_is_refused(void **state)
{
	struct fixture f, g;

	(void)state;
	open_attached(&f, 8);
	open_attached(&g, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 500, false), 0);
	assert_refused(amph_shm_pass(&f.to_a, &g.to_b, 0, 500), -EINVAL, &f.shm);
	fixture_free(&f);
	fixture_free(&g);
}

static void too_many_ranges_are_refused_and_nothing_is_lost(void **state)
{
	struct fixture f;

	(void)state;
	/* one record: only the whole buffer changes hands */
	open_attached(&f, 1);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 999, false), -ENOSPC, &f.shm);
	assert_int_equal(f.shm.why.value, 2);
	assert_int_equal(f.shm.why.limit, 1);
	assert_refused(amph_shm_may_give(&f.to_a, 1, 999, false), -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 1000, false), 0);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 1), -ENOSPC, &f.shm);
	assert_refused(amph_shm_may_take(&f.to_a, 0, 1), -ENOSPC, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 999, 1), -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_b, 0, 1000), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 0, 1000), 0);
	fixture_free(&f);

	/* two: a border may wander */
	open_attached(&f, 2);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 1, 998, false), -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 500, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 500, 100, false), 0);
	assert_refused(amph_shm_sync_for_device(&f.to_b, 600, 400 - 1, false), -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 300, 300), 0);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 200), -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	assert_range(&f.shm, 0, 0, 300, f.to_a.bit, false);
	fixture_free(&f);
}

static void a_lost_target_gives_and_gets_nothing(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 100, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 100, 100, false), 0);
	amph_target_lost(&f.a.target);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 500, 1, false), -ENODEV, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 100), -ENODEV, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 0, 100), -ENODEV, &f.shm);
	assert_refused(amph_shm_pass(&f.to_b, &f.to_a, 100, 100), -ENODEV, &f.shm);
	/* the others go on */
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 100, 100), 0);
	fixture_free(&f);
}

static void a_detached_attachment_is_stale(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 8);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_detach(&f.to_a), -ESTALE);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 10, false), -ESTALE);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 10), -ESTALE);
	assert_int_equal(amph_shm_may_give(&f.to_a, 0, 10, false), -ESTALE);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_b, 0, 10), -ESTALE);
	assert_refused(amph_shm_pass(&f.to_b, &f.to_a, 0, 10), -EINVAL, &f.shm);
	fixture_free(&f);
}

/* --- caches --- */

static struct {
	int cleans, invalidates, flushes;
	const void *va;
	size_t length;
	int error;
} cache;

static int count_clean(const void *va, size_t length)
{
	cache.cleans++;
	cache.va = va;
	cache.length = length;
	return cache.error;
}

static int count_invalidate(void *va, size_t length)
{
	cache.invalidates++;
	cache.va = va;
	cache.length = length;
	return cache.error;
}

static int count_flush(void *va, size_t length)
{
	cache.flushes++;
	cache.va = va;
	cache.length = length;
	return cache.error;
}

static const struct amph_cache_ops counting = {
	.clean = count_clean, .invalidate = count_invalidate, .flush = count_flush};

static _Alignas(4096) char bytes[8192];

static void assert_cache(int cleans, int flushes, int invalidates)
{
	assert_int_equal(cache.cleans, cleans);
	assert_int_equal(cache.flushes, flushes);
	assert_int_equal(cache.invalidates, invalidates);
	cache.cleans = cache.flushes = cache.invalidates = 0;
}

static void open_incoherent(struct fixture *f, uint32_t a, uint32_t b, uint32_t flags)
{
	memset(&cache, 0, sizeof(cache));
	fixture_init(f, 8);
	f->provider.va = bytes;
	fixture_open(f, 8192, flags);
	f->a.target.coherent = f->b.target.coherent = false;
	f->a.target.cache_line = f->b.target.cache_line = 128;
	f->a.target.cache = f->b.target.cache = &counting;
	assert_int_equal(fixture_attach(f, &f->a, a), 0);
	assert_int_equal(fixture_attach(f, &f->b, b), 0);
	assert_int_equal(f->to_a.granule, 128);
}

static void caches_are_maintained_by_direction(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS, AMPH_DEVICE_WRITES, 0);
	/* it only reads: cleaned before, nothing after */
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 128, 256, false), 0);
	assert_ptr_equal(cache.va, bytes + 128);
	assert_int_equal(cache.length, 256);
	assert_cache(1, 0, 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 128, 256), 0);
	assert_cache(0, 0, 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 128, 256, true), 0);
	assert_cache(1, 0, 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 128, 256), 0);
	assert_cache(0, 0, 0);
	/* it writes: no dirty line left before, nothing stale after */
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 4096, 4096, false), 0);
	assert_cache(0, 1, 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 8064, 128), 0);
	assert_ptr_equal(cache.va, bytes + 8064);
	assert_int_equal(cache.length, 128);
	assert_cache(0, 0, 1);
	fixture_free(&f);
}

static void pass_calls_no_cache_but_what_was_written_is_invalidated_at_the_end(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_WRITES, AMPH_DEVICE_READS, 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 8192, false), 0);
	assert_cache(0, 1, 0);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_b, 0, 4096), 0);
	assert_cache(0, 0, 0);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	/* B only read, but A wrote before */
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_b, 0, 4096), 0);
	assert_cache(0, 0, 1);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 0, 4096, false), 0);
	assert_cache(1, 0, 0);
	assert_int_equal(amph_shm_pass(&f.to_b, &f.to_a, 0, 4096), 0);
	assert_cache(0, 0, 0);
	assert_int_equal(f.shm.range_count, 1);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 8192), 0);
	assert_cache(0, 0, 1);
	fixture_free(&f);
}

static void a_cache_that_fails_leaves_the_owner(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS, 0);
	cache.error = -ENOTSUP;
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 128, false), -ENOTSUP, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_b, 0, 128, true), -ENOTSUP, &f.shm);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 8192, true), 0);
	cache.error = 0;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	cache.error = -EIO;
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 128), -EIO, &f.shm);
	assert_refused(amph_shm_check_access(&f.shm, 0, 128, false), -EACCES, &f.shm);
	cache.error = 0;
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 128), 0);
	/* what is refused anyway does not touch the cache */
	memset(&cache, 0, sizeof(cache));
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 128), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 64, false), -EINVAL, &f.shm);
	assert_cache(0, 0, 0);
	fixture_free(&f);
}

static void missing_hooks_uncached_and_coherent_memory_need_nothing(void **state)
{
	static const struct amph_cache_ops none = {0};
	static const struct amph_cache_ops no_flush = {.clean = count_clean,
						       .invalidate = count_invalidate};
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_WRITES, 0);
	f.a.target.cache = &none;
	f.b.target.cache = &no_flush;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 128), 0);
	f.a.target.cache = NULL;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 128), 0);
	assert_cache(0, 0, 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 0, 128, false), 0);
	assert_cache(1, 0, 0);
	fixture_free(&f);

	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_WRITES, AMPH_SHM_NOT_CACHED);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 128), 0);
	assert_cache(0, 0, 0);
	fixture_free(&f);

	memset(&cache, 0, sizeof(cache));
	fixture_init(&f, 8);
	f.provider.va = bytes;
	fixture_open(&f, 8192, 0);
	f.a.target.cache = &counting; /* and coherent */
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(f.to_a.granule, 1);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 1, 7, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 1, 7), 0);
	assert_cache(0, 0, 0);
	fixture_free(&f);

	/* no CPU mapping: no line of it can be cached */
	memset(&cache, 0, sizeof(cache));
	fixture_init(&f, 8);
	fixture_open(&f, 8192, 0);
	f.a.target.coherent = false;
	f.a.target.cache = &counting;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 8192, false), 0);
	amph_target_off(&f.a.target);
	assert_cache(0, 0, 0);
	fixture_free(&f);
}

/* --- a target that maintains caches by attachment --- */

static struct {
	int for_device, for_cpu;
	uint64_t offset, length;
	enum amph_target_state state;
	int error;
} hooks;

static int hook_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	hooks.for_device++;
	hooks.offset = offset;
	hooks.length = length;
	hooks.state = attachment->target->state;
	return hooks.error;
}

static int hook_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	hooks.for_cpu++;
	hooks.offset = offset;
	hooks.length = length;
	hooks.state = attachment->target->state;
	return hooks.error;
}

static bool hooked_says_incoherent;

static int hooked_attach(struct amph_target *base, struct amph_attachment *attachment)
{
	if (hooked_says_incoherent)
		attachment->coherent = false;
	return fake_attach(base, attachment);
}

static const struct amph_target_ops hooked_ops = {.attach = hooked_attach,
						  .detach = fake_detach,
						  .sync_for_device = hook_for_device,
						  .sync_for_cpu = hook_for_cpu};

static void open_hooked(struct fixture *f, bool coherent)
{
	memset(&hooks, 0, sizeof(hooks));
	memset(&cache, 0, sizeof(cache));
	fixture_init(f, 8);
	fixture_open(f, 8192, 0); /* without a va: others may have written it */
	f->a.target.ops = &hooked_ops;
	f->a.target.cache = &counting;
	f->a.target.coherent = coherent;
	f->a.target.cache_line = 64;
	assert_int_equal(fixture_attach(f, &f->a, AMPH_DEVICE_READS_WRITES), 0);
}

static void assert_hooks(int for_device, int for_cpu, uint64_t offset, uint64_t length)
{
	assert_int_equal(hooks.for_device, for_device);
	assert_int_equal(hooks.for_cpu, for_cpu);
	if (for_device || for_cpu) {
		assert_int_equal(hooks.offset, offset);
		assert_int_equal(hooks.length, length);
	}
	assert_cache(0, 0, 0);
	hooks.for_device = hooks.for_cpu = 0;
}

static void hooks_of_a_target_take_the_place_of_its_cache(void **state)
{
	struct fixture f;

	(void)state;
	open_hooked(&f, false);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 128, 256, false), 0);
	assert_hooks(1, 0, 128, 256);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 256, 128), 0);
	assert_hooks(0, 1, 256, 128);
	/* shared for reading: nobody wrote */
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 4096, 4096, true), 0);
	assert_hooks(1, 0, 4096, 4096);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 4096, 4096), 0);
	assert_hooks(0, 0, 0, 0);
	/* what is refused anyway is not maintained */
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 32, false), -EINVAL, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 64), -EACCES, &f.shm);
	assert_hooks(0, 0, 0, 0);
	fixture_free(&f);
}

static void hook_that_fails_leaves_the_owner(void **state)
{
	struct fixture f;

	(void)state;
	open_hooked(&f, false);
	hooks.error = -ESTALE;
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 8192, false), -ESTALE, &f.shm);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 8192, true), 0);
	hooks.error = 0;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 8192, false), 0);
	hooks.error = -EIO;
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 8192), -EIO, &f.shm);
	assert_refused(amph_shm_check_access(&f.shm, 0, 1, false), -EACCES, &f.shm);
	fixture_free(&f);
}

static void hooks_of_a_target_that_is_off_are_called_before_its_detach(void **state)
{
	struct fixture f;

	(void)state;
	open_hooked(&f, false);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 4096, false), 0);
	assert_hooks(1, 0, 0, 4096);
	amph_target_lost(&f.a.target);
	assert_hooks(0, 0, 0, 0);
	/* one that fails then hinders nothing: the target reaches no byte any more */
	hooks.error = -ESTALE;
	amph_target_off(&f.a.target);
	assert_int_equal(hooks.state, AMPH_TARGET_OFF);
	assert_hooks(0, 1, 0, 4096);
	assert_int_equal(f.a.detached, 1);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 8192, true), 0);
	fixture_free(&f);
}

static void coherent_attachment_needs_no_hook_unless_its_target_says_so(void **state)
{
	struct fixture f;

	(void)state;
	hooked_says_incoherent = false;
	open_hooked(&f, true);
	assert_int_equal(f.to_a.granule, 1);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 1, 7, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 1, 7), 0);
	assert_hooks(0, 0, 0, 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	fixture_free(&f);

	/* this one buffer is reached by a copy */
	hooked_says_incoherent = true;
	open_hooked(&f, true);
	hooked_says_incoherent = false;
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 1, 7, false), 0);
	assert_hooks(1, 0, 1, 7);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 1, 7), -EINVAL, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 1, 7), 0);
	assert_hooks(0, 1, 1, 7);
	fixture_free(&f);
}

static void a_granule_is_never_divided(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS_WRITES, 0);
	for (uint64_t i = 1; i < 128; i++) {
		assert_refused(amph_shm_sync_for_device(&f.to_a, i, 128, false), -EINVAL, &f.shm);
		assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 128 + i, false), -EINVAL,
			       &f.shm);
		assert_refused(amph_shm_sync_for_device(&f.to_a, 8192 - i, i, true), -EINVAL,
			       &f.shm);
	}
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 256, false), 0);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 64), -EINVAL, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 64, 64), -EINVAL, &f.shm);
	/* the larger granule of the two rules a pass */
	assert_int_equal(amph_shm_detach(&f.to_b), 0);
	f.b.target.cache_line = 256;
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 0, 128), -EINVAL, &f.shm);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_b, 0, 256), 0);
	fixture_free(&f);
}

static void pass_between_different_coherence_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS_WRITES, 0);
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_c, 128, 128, false), 0);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_c, 0, 128), -EINVAL, &f.shm);
	assert_refused(amph_shm_pass(&f.to_c, &f.to_a, 128, 128), -EINVAL, &f.shm);
	fixture_free(&f);
}

static void a_target_that_is_off_leaves_clean_caches(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS, 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 256, 128, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 512, 128, true), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 1024, 128, false), 0);
	memset(&cache, 0, sizeof(cache));
	amph_target_off(&f.a.target);
	assert_cache(0, 0, 2);
	amph_target_off(&f.b.target);
	assert_cache(0, 0, 0);
	assert_int_equal(f.shm.range_count, 1);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 8192, true), 0);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	fixture_free(&f);

	/* and where the cache fails, the log says so: nobody else could */
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS, 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 128, false), 0);
	cache.error = -EIO;
	amph_target_off(&f.a.target);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 8192, true), 0);
	fixture_free(&f);
}

static void one_written_record_among_read_ones_invalidates_the_whole_take(void **state)
{
	struct fixture f;

	(void)state;
	open_incoherent(&f, AMPH_DEVICE_READS_WRITES, AMPH_DEVICE_READS, 0);
	/* written first, only read behind it, and the other way round */
	for (uint64_t written = 0; written <= 128; written += 128) {
		assert_int_equal(amph_shm_sync_for_device(&f.to_a, written, 128, false), 0);
		assert_int_equal(amph_shm_sync_for_device(&f.to_a, 128 - written, 128, true), 0);
		memset(&cache, 0, sizeof(cache));
		assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 0, 256), 0);
		assert_cache(0, 0, 1);
	}
	fixture_free(&f);
}

/* Pieces of one buffer, there and back in order: never more records than the three that it takes. */
static void a_stream_of_pieces_in_order_needs_three_records(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 3);
	for (uint64_t offset = 0; offset < 1000; offset += 100) {
		assert_int_equal(amph_shm_sync_for_device(&f.to_a, offset, 100, false), 0);
		assert_int_equal(amph_shm_check(&f.shm), 0);
		if (offset < 300)
			continue;
		assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, offset - 300, 100), 0);
		assert_int_equal(amph_shm_check(&f.shm), 0);
		assert_range(&f.shm, 0, 0, offset - 200, AMPH_HOLDER_CPU, false);
		assert_range(&f.shm, 1, offset - 200, 300, f.to_a.bit, false);
		assert_true(f.ranges[1].written);
		assert_false(f.ranges[0].written);
	}
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 700, 300), 0);
	assert_int_equal(f.shm.range_count, 1);
	fixture_free(&f);
}

/* What a piece of a stream may not be: each time all stays as it was. */
static void a_piece_of_a_stream_is_checked_like_any_other(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 3);
	f.to_a.granule = 4;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 100, false), 0);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, 0, false), -EINVAL, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, 6, false), -EINVAL, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, 904, false), -EINVAL, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, UINT64_MAX - 3, false), -EINVAL,
		       &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 1000, 100, false), -EINVAL, &f.shm);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 96, 100, false), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 100, 100), -EACCES, &f.shm);
	/* somebody else's bytes before it: a record of its own */
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 100, 100, false), 0);
	assert_int_equal(f.shm.range_count, 3);
	amph_target_lost(&f.b.target);
	assert_refused(amph_shm_sync_for_device(&f.to_b, 200, 100, false), -ENODEV, &f.shm);
	f.memory.fork_generation++;
	assert_refused(amph_shm_sync_for_device(&f.to_a, 200, 100, false), -EPERM, &f.shm);
	f.memory.fork_generation--;
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), -EINPROGRESS);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 100, 100, false), -ESTALE, &f.shm);
	assert_range(&f.shm, 0, 0, 100, f.to_a.bit, false);
	assert_range(&f.shm, 1, 100, 100, f.to_b.bit, false);
	assert_range(&f.shm, 2, 200, 800, AMPH_HOLDER_CPU, false);
	fixture_free(&f);
}

/* A whole buffer goes the quickest way; nothing that is checked on others is left out. */
static void a_whole_buffer_is_checked_like_a_part(void **state)
{
	struct fixture f;

	(void)state;
	open_attached(&f, 1);
	f.to_a.granule = 16; /* 1000 is not a multiple of it */
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 1000, false), -EINVAL, &f.shm);
	f.to_a.granule = 8;
	f.memory.fork_generation++;
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 1000, false), -EPERM, &f.shm);
	f.memory.fork_generation--;
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, 1000, false), 0);
	assert_true(f.ranges[0].written);
	assert_refused(amph_shm_sync_for_device(&f.to_a, 0, 1000, false), -EACCES, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_b, 0, 1000), -EACCES, &f.shm);
	f.memory.fork_generation++;
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 1000), -EPERM, &f.shm);
	f.memory.fork_generation--;
	amph_target_lost(&f.a.target);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 1000), -ENODEV, &f.shm);
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), -EINPROGRESS);
	assert_refused(amph_shm_sync_for_cpu(&f.to_a, 0, 1000), -ESTALE, &f.shm);
	assert_range(&f.shm, 0, 0, 1000, f.to_a.bit, false);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_given_splits_and_merges_when_it_is_back),
		cmocka_unit_test(a_hand_off_over_many_records_leaves_one),
		cmocka_unit_test(ranges_outside_the_buffer_are_refused),
		cmocka_unit_test(give_of_bytes_not_owned_is_refused),
		cmocka_unit_test(taking_what_the_target_does_not_hold_is_refused),
		cmocka_unit_test(the_cpu_may_touch_only_what_it_owns),
		cmocka_unit_test(several_read_and_nobody_writes_until_one_is_left),
		cmocka_unit_test(sharing_needs_a_target_that_reads),
		cmocka_unit_test(pass_moves_the_bytes_without_the_cpu),
		cmocka_unit_test(pass_between_two_buffers_is_refused),
		cmocka_unit_test(too_many_ranges_are_refused_and_nothing_is_lost),
		cmocka_unit_test(a_lost_target_gives_and_gets_nothing),
		cmocka_unit_test(a_detached_attachment_is_stale),
		cmocka_unit_test(caches_are_maintained_by_direction),
		cmocka_unit_test(
			pass_calls_no_cache_but_what_was_written_is_invalidated_at_the_end),
		cmocka_unit_test(a_cache_that_fails_leaves_the_owner),
		cmocka_unit_test(missing_hooks_uncached_and_coherent_memory_need_nothing),
		cmocka_unit_test(hooks_of_a_target_take_the_place_of_its_cache),
		cmocka_unit_test(hook_that_fails_leaves_the_owner),
		cmocka_unit_test(hooks_of_a_target_that_is_off_are_called_before_its_detach),
		cmocka_unit_test(coherent_attachment_needs_no_hook_unless_its_target_says_so),
		cmocka_unit_test(a_granule_is_never_divided),
		cmocka_unit_test(pass_between_different_coherence_is_refused),
		cmocka_unit_test(a_target_that_is_off_leaves_clean_caches),
		cmocka_unit_test(one_written_record_among_read_ones_invalidates_the_whole_take),
		cmocka_unit_test(a_stream_of_pieces_in_order_needs_three_records),
		cmocka_unit_test(a_piece_of_a_stream_is_checked_like_any_other),
		cmocka_unit_test(a_whole_buffer_is_checked_like_a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
