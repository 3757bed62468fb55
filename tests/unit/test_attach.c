/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attach: what a target can't reach is refused with the reason; memory map target; pool provider.
 * Test code.
 */
#include "memory_fixture.h"

#include <amphora/cache.h>
#include <amphora/pool.h>

static void open_two_segments(struct fixture *f)
{
	fixture_init(f, 4);
	f->provider.segments[0] = (struct amph_segment){.address = 0x10000, .length = 0x1000};
	f->provider.segments[1] = (struct amph_segment){.address = 0x20000, .length = 0x1000};
	f->provider.segment_count = 2;
	fixture_open(f, 0x2000, 0);
}

/* A refused attachment is none: nothing in any list, the plug-in's part undone. */
static void assert_not_attached(struct fixture *f)
{
	assert_null(f->shm.attachments);
	assert_null(f->a.target.attachments);
	assert_null(f->to_a.shm);
	assert_int_equal(f->shm.attachment_bits, AMPH_HOLDER_CPU);
	assert_int_equal(f->a.attached, f->a.detached);
	assert_int_equal(amph_shm_detach(&f->to_a), -ESTALE);
}

static void an_attachment_knows_the_targets_addresses(void **state)
{
	struct fixture f;
	uint64_t da = 0;

	(void)state;
	open_two_segments(&f);
	f.a.segments[0] = (struct amph_segment){.address = 0xa0000, .length = 0x800};
	f.a.segments[1] = (struct amph_segment){.address = 0xb0000, .length = 0x1800};
	f.a.segment_count = 2;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(f.to_a.segment_count, 2);
	assert_int_equal(f.to_a.granule, 1);
	assert_int_equal(f.to_a.method, AMPH_SYNC_MESSAGES);
	assert_int_equal(amph_attachment_da(&f.to_a, 0, &da), 0);
	assert_int_equal(da, 0xa0000);
	assert_int_equal(amph_attachment_da(&f.to_a, 0x7ff, &da), 0);
	assert_int_equal(da, 0xa07ff);
	assert_int_equal(amph_attachment_da(&f.to_a, 0x800, &da), 0);
	assert_int_equal(da, 0xb0000);
	assert_int_equal(amph_attachment_da(&f.to_a, 0x1fff, &da), 0);
	assert_int_equal(da, 0xb17ff);
	assert_int_equal(amph_attachment_da(&f.to_a, 0x2000, &da), -ERANGE);
	fixture_free(&f);
}

static void segments_that_continue_each_other_are_one(void **state)
{
	struct fixture f;

	(void)state;
	open_two_segments(&f);
	f.a.segments[0] = (struct amph_segment){.address = 0xa0000, .length = 0x800};
	f.a.segments[1] = (struct amph_segment){.address = 0xa0800, .length = 0x800};
	f.a.segments[2] = (struct amph_segment){.address = 0xa0800, .length = 0x800};
	f.a.segments[3] = (struct amph_segment){.address = 0xa1000, .length = 0x800};
	f.a.segment_count = 4;
	f.a.target.segment_max = 2;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(f.to_a.segment_count, 2);
	assert_int_equal(f.to_a.segments[0].length, 0x1000);
	assert_int_equal(f.to_a.segments[1].address, 0xa0800);
	assert_int_equal(f.to_a.segments[1].length, 0x1000);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	fixture_free(&f);
}

static void wrong_directions_are_refused(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, AMPH_SHM_READ_ONLY);
	assert_refused(fixture_attach(&f, &f.a, 0), -EINVAL, &f.shm);
	assert_refused(fixture_attach(&f, &f.a, 4), -EINVAL, &f.shm);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), -EROFS, &f.shm);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), -EROFS, &f.shm);
	assert_int_equal(f.a.attached, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	/* once is enough */
	assert_int_equal(amph_shm_attach(&f.shm, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &f.to_b, f.segments_b, 4),
			 -EBUSY);
	fixture_free(&f);
}

static void a_target_that_refuses_is_believed(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	f.a.error = -ENOTSUP;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ENOTSUP, &f.shm);
	assert_string_equal(f.shm.why.what, "the test says no");
	assert_not_attached(&f);
	fixture_free(&f);
}

static void what_the_target_can_not_reach_is_refused(void **state)
{
	static const struct {
		struct amph_segment segments[4];
		uint32_t count, address_bits, segment_max;
		uint64_t alignment;
		int error;
		uint64_t value;
	} cases[] = {
		/* addresses too wide, to the last byte */
		{{{0xffffe000, 0x2000}}, 1, 32, 0, 0, 0, 0},
		{{{0xffffe001, 0x2000}}, 1, 32, 0, 0, -ERANGE, 0x100000000},
		{{{0x100000000, 0x2000}}, 1, 32, 0, 0, -ERANGE, 0x100001fff},
		{{{0x100000000, 0x2000}}, 1, 0, 0, 0, 0, 0},
		{{{0x100000000, 0x2000}}, 1, 64, 0, 0, 0, 0},
		{{{0x100000000, 0x2000}}, 1, 33, 0, 0, 0, 0},
		{{{0, 0x1000}, {0x100000000, 0x1000}}, 2, 32, 0, 0, -ERANGE, 0x100000fff},
		/* too many */
		{{{0, 0x1000}, {0x8000, 0x1000}}, 2, 0, 1, 0, -EFBIG, 2},
		{{{0, 0x1000}, {0x8000, 0x1000}}, 2, 0, 2, 0, 0, 0},
		{{{0, 0x1000}, {0x1000, 0x1000}}, 2, 0, 1, 0, 0, 0},
		{{{0, 0x1000}, {0x8000, 0x1000}}, 5, 0, 0, 0, -ENOSPC, 5},
		/* misaligned; the last one may be shorter */
		{{{0x1010, 0x2000}}, 1, 0, 0, 0x20, -EINVAL, 0x1010},
		{{{0x1020, 0x2000}}, 1, 0, 0, 0x20, 0, 0},
		{{{0, 0x7f0}, {0x8000, 0x1810}}, 2, 0, 0, 0x20, -EINVAL, 0x7f0},
		{{{0, 0x7e0}, {0x8010, 0x1820}}, 2, 0, 0, 0x20, -EINVAL, 0x8010},
		{{{0, 0x1ff0}, {0x8000, 0x10}}, 2, 0, 0, 0x10, 0, 0},
		{{{0, 0x1fff}, {0x8000, 1}}, 2, 0, 0, 1, 0, 0},
		{{{0, 0x1f80}, {0x8000, 0x80}}, 2, 0, 0, 0x100, -EINVAL, 0x1f80},
		/* not the buffer */
		{{{0, 0x1fff}}, 1, 0, 0, 0, -EINVAL, 0x1fff},
		{{{0, 0x2001}}, 1, 0, 0, 0, -EINVAL, 0x2001},
		{{{0, 0x1000}, {0x8000, 0x1001}}, 2, 0, 0, 0, -EINVAL, 0x1001},
		{{{0, 0x2000}, {0x8000, 0}}, 2, 0, 0, 0, -EINVAL, 1},
		{{{UINT64_MAX - 0x1ffe, 0x2000}}, 1, 0, 0, 0, -EINVAL, UINT64_MAX - 0x1ffe},
		{{{UINT64_MAX - 0x1fff, 0x2000}}, 1, 0, 0, 0, 0, 0},
		{{{1, UINT64_MAX}, {0, 0x2001}}, 2, 0, 0, 0, -EINVAL, UINT64_MAX},
		/* 2^64 is no place to continue from */
		{{{UINT64_MAX - 0xfff, 0x1000}, {0, 0x1000}}, 2, 0, 1, 0, -EFBIG, 2},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture f;
		int error;

		open_two_segments(&f);
		memcpy(f.a.segments, cases[i].segments, sizeof(cases[i].segments));
		f.a.segment_count = cases[i].count;
		f.a.target.address_bits = cases[i].address_bits;
		f.a.target.segment_max = cases[i].segment_max;
		f.a.target.alignment = cases[i].alignment;
		error = fixture_attach(&f, &f.a, AMPH_DEVICE_READS);
		if (error != cases[i].error)
			fail_msg("case %zu: %d, %s", i, error, f.shm.why.what);
		if (error) {
			assert_not_attached(&f);
			assert_non_null(f.shm.why.what);
			if (f.shm.why.value != cases[i].value)
				fail_msg("case %zu: value 0x%llx, %s", i,
					 (unsigned long long)f.shm.why.value, f.shm.why.what);
		}
		fixture_free(&f);
	}
}

static void a_target_without_an_address_is_refused(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	f.a.nowhere = true;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ERANGE, &f.shm);
	assert_not_attached(&f);
	/* and storage that is none has no room, whatever its size says */
	f.a.nowhere = false;
	assert_int_equal(amph_shm_attach(&f.shm, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &f.to_a, NULL, 4),
			 -ENOSPC);
	assert_not_attached(&f);
	fixture_free(&f);
}

static void attachments_are_as_many_as_holders_have_bits(void **state)
{
	static struct fake_target targets[AMPH_ATTACHMENTS_MAX + 1];
	static struct amph_attachment attachments[AMPH_ATTACHMENTS_MAX + 1];
	static struct amph_segment segments[AMPH_ATTACHMENTS_MAX + 1];
	struct fixture f;

	(void)state;
	fixture_init(&f, 2 * AMPH_ATTACHMENTS_MAX);
	fixture_open(&f, 100, 0);
	for (uint32_t i = 0; i <= AMPH_ATTACHMENTS_MAX; i++) {
		int error;

		fake_target_init(&targets[i], "one of many");
		error = amph_shm_attach(&f.shm, &targets[i].target, AMPH_DEVICE_READS,
					AMPH_SYNC_MESSAGES, &attachments[i], &segments[i], 1);
		assert_int_equal(error, i < AMPH_ATTACHMENTS_MAX ? 0 : -ENOSPC);
	}
	assert_int_equal(amph_shm_check(&f.shm), 0);
	for (uint32_t i = 0; i < AMPH_ATTACHMENTS_MAX; i++)
		assert_int_equal(amph_shm_sync_for_device(&attachments[i], 0, 50, true), 0);
	assert_int_equal(f.shm.range_count, 2);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	/* a bit that is free again is the next one's */
	assert_int_equal(amph_shm_sync_for_cpu(&attachments[7], 0, 50), 0);
	assert_int_equal(amph_shm_detach(&attachments[7]), 0);
	assert_int_equal(amph_shm_attach(&f.shm, &targets[7].target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &attachments[7], &segments[7], 1),
			 0);
	assert_int_equal(attachments[7].bit, 1u << 8);
	fixture_free(&f);
}

/* --- granule --- */

static void the_granule_is_the_largest_line_of_all_sides(void **state)
{
	static _Alignas(4096) char bytes[4096];
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	f.provider.va = bytes;
	fixture_open(&f, 4096, 0);
	f.a.target.cache_line = 1024;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(f.to_a.granule, 1); /* coherent */
	f.b.target.coherent = f.c.target.coherent = false;
	f.b.target.cache_line = 1024;
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(f.to_b.granule, 1024);
	f.c.target.cache_line = 0; /* none: the CPU's own line then */
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0);
	assert_int_equal(f.to_c.granule, amph_cache_line());
	fixture_free(&f);
}

static void a_buffer_that_shares_a_line_is_refused(void **state)
{
	static _Alignas(4096) char bytes[4096];
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	f.a.target.coherent = false;
	f.a.target.cache_line = 1024;
	f.provider.va = bytes;
	f.provider.segments[0] = (struct amph_segment){.address = 0x1000, .length = 2048};
	f.provider.segment_count = 1;

	fixture_open(&f, 2048, 0);
	f.a.target.cache_line = 96;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	f.a.target.cache_line = 1024;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);

	/* at its end */
	f.provider.segments[0].length = 2000;
	fixture_open(&f, 2000, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	assert_int_equal(f.a.attached, 1);
	assert_not_attached(&f);
	assert_int_equal(amph_shm_put(&f.shm), 0);

	/* also where nobody knows the physical addresses */
	f.provider.segment_count = 0;
	fixture_open(&f, 2000, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	assert_int_equal(f.shm.why.value, 2000);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	f.provider.segment_count = 1;

	/* at its start */
	f.provider.segments[0].length = 2048;
	f.provider.va = bytes + 64;
	fixture_open(&f, 2048, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	f.provider.va = bytes;
	f.provider.segments[0].address = 0x1200;
	fixture_open(&f, 2048, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	assert_int_equal(f.shm.why.value, 0x1200);
	assert_int_equal(amph_shm_put(&f.shm), 0);

	/* in its middle */
	f.provider.segments[0] = (struct amph_segment){.address = 0x1000, .length = 512};
	f.provider.segments[1] = (struct amph_segment){.address = 0x2000, .length = 1536};
	f.provider.segment_count = 2;
	fixture_open(&f, 2048, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EINVAL, &f.shm);
	fixture_free(&f);
}

/* --- memory map --- */

static void attach_mapped(struct fixture *f, struct amph_target_map *target,
			  const struct amph_window *windows, uint32_t count)
{
	const struct amph_map map = {.windows = windows, .count = count};

	assert_int_equal(amph_target_map_init(target, "core", &map, NULL), 0);
	open_two_segments(f);
}

static int attach_to(struct fixture *f, struct amph_target_map *target, uint32_t segment_max)
{
	return amph_shm_attach(&f->shm, &target->target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_QUEUE,
			       &f->to_a, f->segments_a, segment_max);
}

static void windows_turn_physical_into_device_addresses(void **state)
{
	static const struct amph_window windows[] = {
		{.pa = 0x20000, .da = 0x60020000, .length = 0x10000},
		{.pa = 0x10000, .da = 0x70000000, .length = 0x1000},
	};
	struct amph_target_map target;
	struct fixture f;

	(void)state;
	attach_mapped(&f, &target, windows, 2);
	target.target.address_bits = 32;
	assert_int_equal(attach_to(&f, &target, 2), 0);
	assert_int_equal(f.to_a.segment_count, 2);
	assert_int_equal(f.to_a.segments[0].address, 0x70000000);
	assert_int_equal(f.to_a.segments[1].address, 0x60020000);
	assert_false(f.to_a.enforced);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	f.segments_a[1].length = 4711;
	assert_refused(attach_to(&f, &target, 1), -ENOSPC, &f.shm);
	assert_int_equal(f.segments_a[1].length, 4711); /* not lent */
	fixture_free(&f);
}

static void a_segment_may_go_on_in_the_next_window(void **state)
{
	static const struct amph_window apart[] = {
		{.pa = 0x10000, .da = 0x1000, .length = 0x800},
		{.pa = 0x10800, .da = 0x9000, .length = 0x800},
		{.pa = 0x20000, .da = 0x9800, .length = 0x1000},
	};
	struct amph_target_map target;
	struct fixture f;

	(void)state;
	attach_mapped(&f, &target, apart, 3);
	assert_int_equal(attach_to(&f, &target, 4), 0);
	assert_int_equal(f.to_a.segment_count, 2);
	assert_int_equal(f.to_a.segments[0].length, 0x800);
	assert_int_equal(f.to_a.segments[1].address, 0x9000);
	assert_int_equal(f.to_a.segments[1].length, 0x1800);
	fixture_free(&f);
}

static void memory_outside_the_windows_is_refused(void **state)
{
	static const struct amph_window windows[] = {
		{.pa = 0x10000, .da = 0, .length = 0x1000},
		{.pa = 0x20000, .da = 0x8000, .length = 0xfff},
		{.pa = 0x30000, .da = 0x18000, .length = 0x1000},
	};
	struct amph_target_map target;
	struct fixture f;

	(void)state;
	attach_mapped(&f, &target, windows, 3);
	assert_refused(attach_to(&f, &target, 4), -ERANGE, &f.shm);
	assert_int_equal(f.shm.why.value, 0x20fff);
	fixture_free(&f);

	attach_mapped(&f, &target, windows + 1, 2);
	assert_refused(attach_to(&f, &target, 4), -ERANGE, &f.shm);
	assert_int_equal(f.shm.why.value, 0x10000);
	fixture_free(&f);
}

static void a_map_without_windows_is_the_identity(void **state)
{
	struct amph_target_map target;
	struct fixture f;

	(void)state;
	attach_mapped(&f, &target, NULL, 0);
	assert_int_equal(attach_to(&f, &target, 4), 0);
	assert_int_equal(f.to_a.segments[1].address, 0x20000);
	amph_target_off(&target.target);
	assert_null(f.shm.attachments);
	fixture_free(&f);
}

static void a_map_needs_physical_addresses_and_must_make_sense(void **state)
{
	static const struct amph_window overlap[] = {
		{.pa = 0x10000, .da = 0, .length = 0x1000},
		{.pa = 0x10fff, .da = 0x8000, .length = 0x1000},
	};
	const struct amph_map map = {.windows = overlap, .count = 2};
	struct amph_target_map target;
	struct amph_why why = {0};
	struct fixture f;

	(void)state;
	assert_int_equal(amph_target_map_init(&target, "core", &map, &why), -EINVAL);
	assert_non_null(why.what);
	attach_mapped(&f, &target, overlap, 1);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	f.provider.segment_count = 0;
	fixture_open(&f, 0x2000, 0);
	assert_refused(attach_to(&f, &target, 4), -ENOTSUP, &f.shm);
	fixture_free(&f);
}

/* --- pool provider --- */

static void pool_buffers_are_zeroed_contiguous_and_go_back(void **state)
{
	static _Alignas(4096) unsigned char bytes[16384];
	struct amph_pool_block blocks[9];
	struct amph_pool pool;
	struct amph_provider_pool provider;
	struct fixture f;

	(void)state;
	memset(bytes, 0xee, sizeof(bytes));
	assert_int_equal(amph_pool_init(&pool, sizeof(bytes), 256, blocks, 9), 0);
	assert_int_equal(amph_provider_pool_init(&provider, "pool", &pool, bytes, 0x40000000), 0);
	provider.alignment = 4096;
	provider.handle = 77;
	provider.handle_offset = 0x100000;
	fixture_init(&f, 4);
	assert_int_equal(amph_memory_add_provider(&f.memory, &provider.provider), 0);
	assert_int_equal(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 1000, 0), 0);
	assert_ptr_equal(f.shm.va, bytes);
	assert_int_equal(f.shm.segment_count, 1);
	assert_int_equal(f.shm.handle, 77);
	assert_int_equal(pool.used, 1024);
	/* the end of the granule is the buffer's too, and shows nothing */
	for (int i = 0; i < 1024; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(bytes[1024], 0xee);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(pool.used, 0);

	/* a second one is elsewhere: at its alignment */
	{
		uint64_t offset;
		uint32_t block;

		assert_int_equal(amph_pool_allocate(&pool, 256, 0, &offset, &block), 0);
		assert_int_equal(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:b", 256,
					       AMPH_SHM_READ_ONLY),
				 0);
		assert_ptr_equal(f.shm.va, bytes + 4096);
		assert_int_equal(f.physical[0].address, 0x40001000);
		assert_int_equal(f.physical[0].length, 256);
		assert_int_equal(f.shm.handle_offset, 0x101000);
	}
	fixture_free(&f);
}

static void the_pool_provider_refuses_with_a_reason(void **state)
{
	static _Alignas(64) unsigned char bytes[4096];
	struct amph_pool_block blocks[2];
	struct amph_pool pool;
	struct amph_provider_pool provider;
	struct amph_shm_storage none;
	struct amph_shm other;
	struct amph_range range;
	struct fixture f;

	(void)state;
	assert_int_equal(amph_pool_init(&pool, sizeof(bytes), 64, blocks, 2), 0);
	assert_int_equal(amph_provider_pool_init(&provider, NULL, &pool, bytes, 0), -EINVAL);
	assert_int_equal(amph_provider_pool_init(&provider, "", &pool, bytes, 0), -EINVAL);
	assert_int_equal(amph_provider_pool_init(&provider, "pool", NULL, bytes, 0), -EINVAL);
	assert_int_equal(
		amph_provider_pool_init(&provider, "pool", &pool, bytes, UINT64_MAX - 4094),
		-EINVAL);
	assert_int_equal(
		amph_provider_pool_init(&provider, "pool", &pool, (void *)(UINTPTR_MAX - 4094), 0),
		-EINVAL);
	assert_int_equal(amph_provider_pool_init(&provider, "pool", &pool, NULL, UINT64_MAX - 4095),
			 0);
	fixture_init(&f, 4);
	assert_int_equal(amph_memory_add_provider(&f.memory, &provider.provider), 0);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 64, AMPH_SHM_HUGE),
		       -ENOTSUP, &f.shm);
	assert_refused(
		amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 64, AMPH_SHM_NOT_CACHED),
		-ENOTSUP, &f.shm);
	none = (struct amph_shm_storage){.ranges = &range, .range_max = 1};
	assert_refused(amph_shm_open(&f.memory, &f.shm, &none, "pool:a", 64, 0), -ENOSPC, &f.shm);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 4097, 0), -ENOMEM,
		       &f.shm);
	assert_int_equal(f.shm.why.value, 4097);
	assert_int_equal(f.shm.why.limit, 4096);
	pool.fork_generation++; /* as if this were a child with a context of its own */
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 64, 0), -EPERM,
		       &f.shm);
	pool.fork_generation--;
	provider.alignment = 3;
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 64, 0), -EINVAL,
		       &f.shm);
	provider.alignment = 0;
	assert_int_equal(pool.used, 0);
	/* no CPU mapping: an address, no va */
	assert_int_equal(amph_shm_open(&f.memory, &f.shm, &f.storage, "pool:a", 64, 0), 0);
	assert_null(f.shm.va);
	assert_int_equal(f.shm.handle, -1);
	assert_int_equal(f.physical[0].address, UINT64_MAX - 4095);
	none.segments = f.segments_b;
	none.segment_max = 1;
	assert_refused(amph_shm_open(&f.memory, &other, &none, "pool:b", 64, 0), -ENOSPC, &other);
	assert_int_equal(other.why.limit, 2);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_attachment_knows_the_targets_addresses),
		cmocka_unit_test(segments_that_continue_each_other_are_one),
		cmocka_unit_test(wrong_directions_are_refused),
		cmocka_unit_test(a_target_that_refuses_is_believed),
		cmocka_unit_test(what_the_target_can_not_reach_is_refused),
		cmocka_unit_test(a_target_without_an_address_is_refused),
		cmocka_unit_test(attachments_are_as_many_as_holders_have_bits),
		cmocka_unit_test(the_granule_is_the_largest_line_of_all_sides),
		cmocka_unit_test(a_buffer_that_shares_a_line_is_refused),
		cmocka_unit_test(windows_turn_physical_into_device_addresses),
		cmocka_unit_test(a_segment_may_go_on_in_the_next_window),
		cmocka_unit_test(memory_outside_the_windows_is_refused),
		cmocka_unit_test(a_map_without_windows_is_the_identity),
		cmocka_unit_test(a_map_needs_physical_addresses_and_must_make_sense),
		cmocka_unit_test(pool_buffers_are_zeroed_contiguous_and_go_back),
		cmocka_unit_test(the_pool_provider_refuses_with_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
