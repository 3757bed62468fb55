/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a buffer: context, names, references, import, detach, lost targets, quarantine.
 * Test code; hand-offs are in test_ownership.c, what attach checks in test_attach.c.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "memory_fixture.h"

static void a_program_built_with_other_limits_is_refused(void **state)
{
	struct amph_memory memory;

	(void)state;
	assert_int_equal(amph_memory_init(&memory), 0);
	assert_int_equal(amph_memory_init_checked(&memory, AMPH_ABI ^ 1, sizeof(memory)), -EPROTO);
	assert_int_equal(amph_memory_init_checked(&memory, AMPH_ABI, sizeof(memory) - 8), -EPROTO);
}

static void two_providers_of_one_name_are_refused(void **state)
{
	struct amph_provider other = {.name = "other", .ops = &fake_provider_ops};
	struct amph_provider twin = {.name = "test", .ops = &fake_provider_ops};
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	assert_int_equal(amph_memory_add_provider(&f.memory, &other), 0);
	assert_refused(amph_memory_add_provider(&f.memory, &twin), -EEXIST, &f.memory);
	fixture_free(&f);
}

static void a_buffer_is_opened_by_name_and_closed(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	f.provider.va = &f;
	f.provider.segments[0] = (struct amph_segment){.address = 0x1000, .length = 4096};
	f.provider.segment_count = 1;
	fixture_open(&f, 4096, AMPH_SHM_READ_ONLY);
	assert_string_equal(f.shm.name, "test:buffer");
	assert_string_equal(f.provider.name, "buffer");
	assert_int_equal(f.shm.size, 4096);
	assert_int_equal(f.shm.references, 1);
	assert_int_equal(f.shm.generation, 1);
	assert_int_equal(f.shm.segment_count, 1);
	assert_ptr_equal(f.memory.buffers, &f.shm);
	/* the opener of a read-only buffer fills it */
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 4096, true), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(f.provider.closed, 1);
	assert_null(f.memory.buffers);
	fixture_free(&f);
}

static void names_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {
		NULL, "",	  "test",     ":buffer",    "test:",
		":",  "test:a b", "test:a\n", "te\x7fst:a", "test:\xc3\xa4",
	};
	char name[AMPH_NAME_MAX + 1] = "test:";
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, wrong[i], 1, 0),
			       -EINVAL, &f.shm);
		assert_ptr_equal(f.memory.why.what, f.shm.why.what);
	}
	/* the longest that fits with its NUL, and one more */
	memset(name + 5, 'x', AMPH_NAME_MAX - 5);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, name, 1, 0), -ENAMETOOLONG,
		       &f.shm);
	name[AMPH_NAME_MAX - 1] = 0;
	assert_int_equal(amph_shm_open(&f.memory, &f.shm, &f.storage, name, 1, 0), 0);
	assert_string_equal(f.shm.name, name);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	/* more colons are the provider's business */
	assert_int_equal(amph_shm_open(&f.memory, &f.shm, &f.storage, "test:!a:b~", 1, 0), 0);
	assert_string_equal(f.provider.name, "!a:b~");
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void open_refuses_what_it_cannot_do_and_leaves_nothing(void **state)
{
	struct amph_shm_storage storage;
	struct amph_shm other;
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "tes:a", 1, 0), -ENOENT,
		       &f.shm);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "test2:a", 1, 0), -ENOENT,
		       &f.shm);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "test:a", 0, 0), -EINVAL,
		       &f.shm);
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "test:a", 1, 0x80), -ENOTSUP,
		       &f.shm);
	assert_refused(amph_shm_open(&f.memory, &f.shm, NULL, "test:a", 1, 0), -EINVAL, &f.shm);
	storage = (struct amph_shm_storage){.ranges = f.ranges};
	assert_refused(amph_shm_open(&f.memory, &f.shm, &storage, "test:a", 1, 0), -EINVAL, &f.shm);
	storage = (struct amph_shm_storage){.range_max = 1};
	assert_refused(amph_shm_open(&f.memory, &f.shm, &storage, "test:a", 1, 0), -EINVAL, &f.shm);
	storage = (struct amph_shm_storage){
		.ranges = f.ranges, .range_max = 1, .segments = f.physical};
	assert_refused(amph_shm_open(&f.memory, &f.shm, &storage, "test:a", 1, 0), -EINVAL, &f.shm);
	storage = (struct amph_shm_storage){.ranges = f.ranges, .range_max = 1, .segment_max = 1};
	assert_refused(amph_shm_open(&f.memory, &f.shm, &storage, "test:a", 1, 0), -EINVAL, &f.shm);
	f.provider.error = -ENOMEM;
	assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "test:a", 1, 0), -ENOMEM,
		       &f.shm);
	assert_string_equal(f.shm.why.what, "the test says no");
	assert_int_equal(f.memory.why.value, 1);
	assert_null(f.memory.buffers);
	assert_null(f.shm.memory);
	assert_int_equal(f.shm.handle, -1);
	f.provider.error = 0;
	fixture_open(&f, 10, 0);
	assert_refused(amph_shm_open(&f.memory, &other, &f.storage, "test:buffer", 10, 0), -EEXIST,
		       &other);
	assert_ptr_equal(f.memory.buffers, &f.shm);
	assert_int_equal(f.provider.opened, 1);
	fixture_free(&f);
}

static void a_provider_whose_segments_are_not_the_buffer_is_refused(void **state)
{
	static const struct amph_segment lists[][3] = {
		{{0, 100}},
		{{0, 50}, {100, 49}},
		{{0, 50}, {100, 51}},
		{{0, 50}, {100, 0}, {200, 50}},
		{{UINT64_MAX - 98, 100}},
		{{0, UINT64_MAX}, {0, 101}},
	};
	static const uint32_t counts[] = {9, 2, 2, 3, 1, 2};
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	for (int i = 0; i < 6; i++) {
		memcpy(f.provider.segments, lists[i], sizeof(lists[i]));
		f.provider.segment_count = counts[i];
		assert_refused(amph_shm_open(&f.memory, &f.shm, &f.storage, "test:a", 100, 0),
			       -EFAULT, &f.shm);
		assert_int_equal(f.provider.closed, i + 1);
		assert_null(f.memory.buffers);
	}
	/* to the very last address is fine */
	f.provider.segments[0] = (struct amph_segment){UINT64_MAX - 99, 100};
	f.provider.segment_count = 1;
	fixture_open(&f, 100, 0);
	fixture_free(&f);
}

static void a_buffer_lives_as_long_as_its_last_reference(void **state)
{
	struct amph_shm *found = NULL;
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	assert_int_equal(amph_shm_find(&f.memory, "test:buffer", &found), -ENOENT);
	fixture_open(&f, 10, 0);
	assert_int_equal(amph_shm_find(&f.memory, "test:buffe", &found), -ENOENT);
	assert_int_equal(amph_shm_find(&f.memory, NULL, &found), -ENOENT);
	assert_null(found);
	assert_int_equal(amph_shm_find(&f.memory, "test:buffer", &found), 0);
	assert_ptr_equal(found, &f.shm);
	assert_int_equal(amph_shm_get(&f.shm), 0);
	assert_int_equal(f.shm.references, 3);
	f.shm.references = UINT32_MAX;
	assert_refused(amph_shm_get(&f.shm), -EOVERFLOW, &f.shm);
	assert_int_equal(amph_shm_find(&f.memory, "test:buffer", &found), -EOVERFLOW);
	assert_null(found);
	f.shm.references = 3;
	assert_refused(amph_shm_abandon(&f.shm, NULL), -EBUSY, &f.shm);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(f.provider.closed, 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(f.provider.closed, 1);
	fixture_free(&f);
}

static void a_closed_buffer_is_stale(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	fixture_open(&f, 10, 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_refused(amph_shm_get(&f.shm), -ESTALE, &f.shm);
	assert_refused(amph_shm_put(&f.shm), -ESTALE, &f.shm);
	assert_refused(amph_shm_abandon(&f.shm, NULL), -ESTALE, &f.shm);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ESTALE, &f.shm);
	assert_refused(amph_shm_check_access(&f.shm, 0, 1, false), -ESTALE, &f.shm);
	assert_int_equal(amph_shm_check(&f.shm), -EFAULT);
	assert_int_equal(f.provider.closed, 1);
	/* the next one under the same name is told apart */
	fixture_open(&f, 10, 0);
	assert_int_equal(f.shm.generation, 2);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	f.memory.generation = UINT32_MAX;
	fixture_open(&f, 10, 0);
	assert_int_equal(f.memory.generation, 1); /* never 0 */
	fixture_free(&f);
}

static void lists_keep_every_buffer_whatever_the_order(void **state)
{
	struct amph_range ranges[3];
	struct amph_shm shm[3], *found;
	const char *const names[] = {"test:a", "test:b", "test:c"};
	static const int orders[3][3] = {{0, 1, 2}, {1, 0, 2}, {2, 1, 0}};
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	for (int i = 0; i < 3; i++) {
		for (int k = 0; k < 3; k++) {
			struct amph_shm_storage storage = {.ranges = &ranges[k], .range_max = 1};

			assert_int_equal(
				amph_shm_open(&f.memory, &shm[k], &storage, names[k], 1, 0), 0);
		}
		for (int k = 0; k < 3; k++) {
			int which = orders[i][k];

			assert_int_equal(amph_shm_find(&f.memory, names[which], &found), 0);
			assert_ptr_equal(found, &shm[which]);
			assert_int_equal(amph_shm_put(found), 0);
			assert_int_equal(amph_shm_put(found), 0);
		}
		assert_null(f.memory.buffers);
	}
	fixture_free(&f);
}

static void an_attached_buffer_cannot_be_put(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_get(&f.shm), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_refused(amph_shm_put(&f.shm), -EBUSY, &f.shm);
	assert_int_equal(f.shm.references, 1);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 50, 10, false), 0);
	assert_refused(amph_shm_detach(&f.to_a), -EBUSY, &f.shm);
	assert_int_equal(f.shm.why.value, 50);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 50, 10), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 50, 10, true), 0);
	assert_refused(amph_shm_detach(&f.to_a), -EBUSY, &f.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_a, 50, 10), 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(f.a.detached, 1);
	assert_null(f.a.target.attachments);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void attachments_end_in_any_order(void **state)
{
	static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
					 {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	for (int i = 0; i < 6; i++) {
		struct amph_attachment *all[] = {&f.to_a, &f.to_b, &f.to_c};

		assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
		assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
		assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0);
		assert_int_equal(f.shm.attachment_bits, 0xf);
		for (int k = 0; k < 3; k++) {
			assert_int_equal(amph_shm_detach(all[orders[i][k]]), 0);
			assert_int_equal(amph_shm_check(&f.shm), 0);
		}
		assert_int_equal(f.shm.attachment_bits, 1);
	}
	fixture_free(&f);
}

static void a_target_keeps_the_buffers_that_stay_attached(void **state)
{
	struct amph_range ranges[3];
	struct amph_segment segments[3];
	struct amph_attachment attachments[3];
	struct amph_shm shm[3];
	const char *const names[] = {"test:a", "test:b", "test:c"};
	struct fixture f;

	(void)state;
	fixture_init(&f, 1);
	for (int k = 0; k < 3; k++) {
		struct amph_shm_storage storage = {.ranges = &ranges[k], .range_max = 1};

		assert_int_equal(amph_shm_open(&f.memory, &shm[k], &storage, names[k], 1, 0), 0);
		assert_int_equal(amph_shm_attach(&shm[k], &f.a.target, AMPH_DEVICE_READS,
						 AMPH_SYNC_MESSAGES, &attachments[k], &segments[k],
						 1),
				 0);
	}
	assert_int_equal(amph_shm_detach(&attachments[0]), 0);
	assert_ptr_equal(f.a.target.attachments, &attachments[2]);
	assert_ptr_equal(attachments[2].target_next, &attachments[1]);
	assert_null(attachments[1].target_next);
	/* all the rest is lost with it */
	amph_target_lost(&f.a.target);
	assert_int_equal(f.a.target.quarantine_size, 2);
	amph_target_off(&f.a.target);
	for (int k = 0; k < 3; k++)
		assert_int_equal(amph_shm_put(&shm[k]), 0);
	fixture_free(&f);
}

/* --- lost targets --- */

static void a_lost_target_keeps_the_memory_until_it_is_proved_off(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 8);
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 10, 10, false), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 30, 10, true), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 30, 10, true), 0);
	amph_target_lost(&f.a.target);
	amph_target_lost(&f.a.target); /* says nothing new */
	assert_true(f.to_a.quarantined);
	assert_false(f.to_b.quarantined);
	assert_int_equal(f.shm.quarantined, 1);
	assert_int_equal(f.a.target.quarantine_size, 100);
	assert_int_equal(f.a.target.state, AMPH_TARGET_LOST);
	assert_refused(amph_shm_detach(&f.to_a), -EBUSY, &f.shm);
	assert_refused(amph_shm_put(&f.shm), -EBUSY, &f.shm);
	assert_int_equal(amph_target_up(&f.a.target), -EBUSY);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	assert_int_equal(f.a.detached, 0);

	amph_target_off(&f.a.target);
	assert_int_equal(f.a.detached, 1);
	assert_int_equal(f.a.target.quarantine_size, 0);
	assert_int_equal(f.shm.quarantined, 0);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, 30, true), 0);
	assert_refused(amph_shm_check_access(&f.shm, 30, 10, true), -EACCES, &f.shm); /* B reads */
	amph_target_lost(&f.a.target); /* off is off */
	assert_int_equal(f.a.target.state, AMPH_TARGET_OFF);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ENODEV, &f.shm);
	assert_int_equal(amph_target_up(&f.a.target), 0);
	assert_int_equal(amph_target_up(&f.a.target), -EBUSY);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	fixture_free(&f);
}

static int closed_calls;
static struct amph_shm *closed_shm;

static void closed(struct amph_shm *shm)
{
	closed_calls++;
	closed_shm = shm;
}

static void an_abandoned_buffer_waits_for_every_target(void **state)
{
	struct fixture f;
	struct amph_shm other;
	struct amph_range range;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};

	(void)state;
	closed_calls = 0;
	fixture_init(&f, 8);
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 0, 100, false), 0);
	amph_target_lost(&f.a.target);
	assert_int_equal(amph_shm_abandon(&f.shm, closed), -EINPROGRESS);
	assert_null(f.memory.buffers);
	assert_int_equal(f.shm.quarantined, 2);
	assert_int_equal(f.a.target.quarantine_size, 100); /* not counted twice */
	assert_int_equal(f.b.target.quarantine_size, 100); /* alive, but nobody will tell it */
	assert_int_equal(f.memory.quarantine_size, 100); /* one buffer, however many hold it */
	assert_int_equal(amph_shm_check(&f.shm), 0);
	/* nothing more can be done with it */
	assert_refused(amph_shm_get(&f.shm), -ESTALE, &f.shm);
	assert_refused(amph_shm_abandon(&f.shm, closed), -ESTALE, &f.shm);
	assert_refused(amph_shm_sync_for_cpu(&f.to_b, 0, 100), -ESTALE, &f.shm);
	assert_refused(amph_shm_detach(&f.to_b), -EBUSY, &f.shm);
	/* its name is free again, its memory not */
	assert_int_equal(amph_shm_open(&f.memory, &other, &storage, "test:buffer", 10, 0), 0);
	amph_target_off(&f.b.target);
	assert_int_equal(f.provider.closed, 0);
	assert_int_equal(closed_calls, 0);
	amph_target_off(&f.a.target);
	assert_int_equal(f.provider.closed, 1);
	assert_int_equal(closed_calls, 1);
	assert_ptr_equal(closed_shm, &f.shm);
	assert_ptr_equal(f.memory.buffers, &other);
	assert_int_equal(f.a.target.quarantine_size + f.b.target.quarantine_size, 0);
	assert_int_equal(f.memory.quarantine_size, 0);
	fixture_free(&f);
}

static void abandoning_what_nobody_reaches_closes_at_once(void **state)
{
	struct fixture f;

	(void)state;
	closed_calls = 0;
	fixture_init(&f, 8);
	fixture_open(&f, 100, 0);
	assert_int_equal(amph_shm_abandon(&f.shm, closed), 0);
	assert_int_equal(closed_calls, 1);
	assert_int_equal(f.provider.closed, 1);
	fixture_open(&f, 100, 0);
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), 0);
	assert_int_equal(f.provider.closed, 2);
	fixture_free(&f);
}

static void a_full_quarantine_refuses_new_attachments(void **state)
{
	struct fixture f;
	struct amph_shm other;
	struct amph_range range;
	struct amph_segment segment;
	struct amph_attachment attachment;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};

	(void)state;
	fixture_init(&f, 8);
	f.a.target.quarantine_max = 100;
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), -EINPROGRESS);
	assert_int_equal(amph_shm_open(&f.memory, &other, &storage, "test:other", 10, 0), 0);
	assert_refused(amph_shm_attach(&other, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &attachment, &segment, 1),
		       -EDQUOT, &other);
	assert_int_equal(other.why.value, 100);
	f.a.target.quarantine_max = 101;
	assert_int_equal(amph_shm_attach(&other, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &attachment, &segment, 1),
			 0);
	assert_int_equal(amph_shm_detach(&attachment), 0);
	f.a.target.quarantine_max = 100;
	amph_target_off(&f.a.target);
	assert_int_equal(amph_target_up(&f.a.target), 0);
	assert_int_equal(amph_shm_attach(&other, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &attachment, &segment, 1),
			 0);
	fixture_free(&f);
}

/* Each target below its cap, but together they would keep all memory of this user. */
static void a_full_quarantine_of_the_context_refuses_new_attachments(void **state)
{
	struct fixture f;
	struct amph_shm other;
	struct amph_range range;
	struct amph_segment segment;
	struct amph_attachment attachment;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};

	(void)state;
	fixture_init(&f, 8);
	fixture_open(&f, 100, 0);
	f.memory.quarantine_max = 110;
	assert_int_equal(amph_shm_open(&f.memory, &other, &storage, "test:other", 10, 0), 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_attach(&other, &f.b.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &attachment, &segment, 1),
			 0);
	amph_target_lost(&f.a.target);
	assert_int_equal(f.memory.quarantine_size, 100);
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0); /* below the cap */
	assert_int_equal(amph_shm_detach(&f.to_c), 0);
	amph_target_lost(&f.b.target);
	amph_target_lost(&f.b.target);
	assert_int_equal(f.memory.quarantine_size, 110);
	assert_int_equal(f.a.target.quarantine_size, 100);
	assert_int_equal(f.b.target.quarantine_size, 110);
	assert_refused(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	assert_int_equal(f.shm.why.value, 110);
	assert_int_equal(f.shm.why.limit, 110);
	assert_null(f.c.target.attachments);

	/* the first proof frees nothing: the other target still reaches the buffer */
	amph_target_off(&f.a.target);
	assert_int_equal(f.memory.quarantine_size, 110);
	assert_refused(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	amph_target_off(&f.b.target);
	assert_int_equal(f.memory.quarantine_size, 0);
	assert_int_equal(f.a.target.quarantine_size + f.b.target.quarantine_size, 0);
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_detach(&f.to_c), 0);
	assert_int_equal(amph_shm_put(&other), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void quarantine_has_caps_that_nobody_set(void **state)
{
	struct fixture f;

	(void)state;
	fixture_init(&f, 8);
	assert_int_equal(f.memory.quarantine_max, AMPH_QUARANTINE_MEMORY);
	fixture_open(&f, 100, 0);
	f.a.target.quarantine_size = AMPH_QUARANTINE_TARGET;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	assert_int_equal(f.shm.why.limit, AMPH_QUARANTINE_TARGET);
	f.a.target.quarantine_max = UINT64_MAX;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	f.memory.quarantine_size = AMPH_QUARANTINE_MEMORY;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	f.memory.quarantine_max = 0;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	assert_int_equal(f.shm.why.limit, AMPH_QUARANTINE_MEMORY);
	f.memory.quarantine_max = UINT64_MAX;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

/* --- imports --- */

struct import {
	struct amph_memory memory;
	struct amph_target home;
	struct fake_target device;
	struct amph_shm shm;
	struct amph_range ranges[8];
	struct amph_segment segments[2], device_segments[2];
	struct amph_shm_storage storage;
	struct amph_attachment to_home, to_device;
	char bytes[128];
};

static void import_init(struct import *m)
{
	memset(m, 0, sizeof(*m));
	assert_int_equal(amph_memory_init(&m->memory), 0);
	amph_target_home_init(&m->home, "home");
	fake_target_init(&m->device, "device");
	m->segments[0] = (struct amph_segment){.address = 0x8000, .length = 128};
	m->storage = (struct amph_shm_storage){
		.ranges = m->ranges, .range_max = 8, .segments = m->segments, .segment_max = 2};
}

static int import(struct import *m, uint32_t flags, uint32_t segment_count, uint32_t direction)
{
	return amph_shm_import(&m->memory, &m->shm, &m->storage, "pool:theirs", 128, flags,
			       m->bytes, segment_count, &m->home, direction, &m->to_home);
}

static void an_import_is_its_homes_until_it_gives(void **state)
{
	struct import m;

	(void)state;
	import_init(&m);
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_check(&m.shm), 0);
	assert_refused(amph_shm_check_access(&m.shm, 0, 1, false), -EACCES, &m.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&m.to_home, 0, 64), 0);
	assert_int_equal(amph_shm_check_access(&m.shm, 0, 64, true), 0);
	assert_refused(amph_shm_check_access(&m.shm, 64, 1, false), -EACCES, &m.shm);
	assert_refused(amph_shm_sync_for_cpu(&m.to_home, 0, 64), -EACCES, &m.shm);
	/* lent on to a device of this side, and passed straight home */
	assert_int_equal(amph_shm_attach(&m.shm, &m.device.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_MESSAGES, &m.to_device, m.device_segments, 2),
			 0);
	assert_int_equal(amph_shm_sync_for_device(&m.to_device, 0, 32, false), 0);
	assert_int_equal(amph_shm_pass(&m.to_device, &m.to_home, 0, 32), 0);
	assert_int_equal(amph_shm_pass(&m.to_home, &m.to_device, 64, 64), 0);
	assert_refused(amph_shm_put(&m.shm), -EBUSY, &m.shm);
	assert_int_equal(amph_shm_pass(&m.to_device, &m.to_home, 64, 64), 0);
	assert_int_equal(amph_shm_detach(&m.to_device), 0);
	assert_int_equal(amph_shm_sync_for_device(&m.to_home, 32, 32, false), 0);
	assert_int_equal(m.shm.range_count, 1);
	/* the home's attachment ends with the buffer, not before, even if this side has all of it */
	assert_int_equal(amph_shm_sync_for_cpu(&m.to_home, 0, 128), 0);
	assert_refused(amph_shm_detach(&m.to_home), -EBUSY, &m.shm);
	assert_int_equal(amph_shm_sync_for_device(&m.to_home, 0, 128, false), 0);
	assert_refused(amph_shm_detach(&m.to_home), -EBUSY, &m.shm);
	assert_int_equal(amph_shm_put(&m.shm), 0);
	assert_null(m.home.attachments);
	assert_null(m.memory.buffers);
	assert_int_equal(amph_shm_detach(&m.to_home), -ESTALE);
}

static void an_import_shared_for_reading_is_never_written(void **state)
{
	struct import m;

	(void)state;
	import_init(&m);
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_attach(&m.shm, &m.device.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &m.to_device, m.device_segments, 2),
			 0);
	assert_int_equal(amph_shm_sync_for_cpu_reading(&m.to_home, 0, 128), 0);
	assert_int_equal(amph_shm_check(&m.shm), 0);
	assert_int_equal(amph_shm_check_access(&m.shm, 0, 128, false), 0);
	assert_refused(amph_shm_check_access(&m.shm, 0, 1, true), -EACCES, &m.shm);
	assert_refused(amph_shm_sync_for_cpu_reading(&m.to_home, 0, 1), -EACCES, &m.shm);
	assert_refused(amph_shm_sync_for_cpu(&m.to_home, 0, 1), -EACCES, &m.shm);
	assert_refused(amph_shm_sync_for_device(&m.to_device, 0, 64, false), -EACCES, &m.shm);
	assert_int_equal(amph_shm_sync_for_device(&m.to_device, 0, 64, true), 0);
	/* not home before the device is done, and then for good */
	assert_refused(amph_shm_sync_for_device(&m.to_home, 0, 128, false), -EACCES, &m.shm);
	assert_refused(amph_shm_sync_for_device(&m.to_home, 64, 64, true), -EINVAL, &m.shm);
	assert_int_equal(amph_shm_sync_for_cpu(&m.to_device, 0, 64), 0);
	assert_int_equal(amph_shm_sync_for_device(&m.to_home, 0, 128, false), 0);
	assert_int_equal(m.shm.range_count, 1);
	assert_refused(amph_shm_check_access(&m.shm, 0, 1, false), -EACCES, &m.shm);
}

static void an_import_for_reading_is_never_written(void **state)
{
	struct import m;

	(void)state;
	import_init(&m);
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&m.to_home, 0, 128), 0);
	assert_int_equal(amph_shm_check_access(&m.shm, 0, 128, false), 0);
	assert_refused(amph_shm_check_access(&m.shm, 0, 1, true), -EACCES, &m.shm);
	assert_refused(amph_shm_attach(&m.shm, &m.device.target, AMPH_DEVICE_WRITES,
				       AMPH_SYNC_MESSAGES, &m.to_device, m.device_segments, 2),
		       -EROFS, &m.shm);
	assert_int_equal(amph_shm_put(&m.shm), 0);
}

static void imports_that_make_no_sense_are_refused(void **state)
{
	struct import m;
	struct amph_shm twin;

	(void)state;
	import_init(&m);
	assert_refused(import(&m, 0, 1, 0), -EINVAL, &m.shm);
	assert_refused(import(&m, 0, 1, 4), -EINVAL, &m.shm);
	assert_refused(import(&m, AMPH_SHM_READ_ONLY, 1, AMPH_DEVICE_WRITES), -EROFS, &m.shm);
	assert_refused(import(&m, 0, 3, AMPH_DEVICE_READS), -EINVAL, &m.shm);
	assert_refused(import(&m, 0, 2, AMPH_DEVICE_READS), -EINVAL, &m.shm);
	m.segments[0].length = 64;
	m.segments[1] = (struct amph_segment){.address = 0x9000, .length = 64};
	m.storage.segment_max = 1;
	assert_refused(import(&m, 0, 2, AMPH_DEVICE_READS), -EINVAL, &m.shm);
	assert_int_equal(m.shm.why.value, 2);
	m.storage.segment_max = 2;
	m.segments[0].length = 127;
	assert_refused(import(&m, 0, 1, AMPH_DEVICE_READS), -EINVAL, &m.shm);
	assert_int_equal(import(&m, 0, 0, AMPH_DEVICE_READS), 0);
	assert_refused(amph_shm_import(&m.memory, &twin, &m.storage, "pool-theirs", 128, 0, NULL, 0,
				       &m.home, AMPH_DEVICE_READS, &m.to_device),
		       -EINVAL, &twin);
	assert_int_equal(amph_shm_put(&m.shm), 0);
	/* half a cache line is not this side's alone */
	m.home.coherent = false;
	m.home.cache_line = 256;
	assert_refused(import(&m, 0, 0, AMPH_DEVICE_READS), -EINVAL, &m.shm);
	m.home.coherent = true;
	m.home.owner++; /* as if a parent had imported from it */
	assert_refused(import(&m, 0, 0, AMPH_DEVICE_READS), -EPERM, &m.shm);
	m.home.owner--;
	amph_target_lost(&m.home);
	assert_refused(import(&m, 0, 0, AMPH_DEVICE_READS), -ENODEV, &m.shm);
	assert_null(m.memory.buffers);
	/* and a home is nothing to attach to */
	amph_target_home_init(&m.home, "home");
	assert_int_equal(import(&m, 0, 0, AMPH_DEVICE_READS), 0);
	amph_target_home_init(&m.device.target, "another");
	assert_refused(amph_shm_attach(&m.shm, &m.device.target, AMPH_DEVICE_READS,
				       AMPH_SYNC_MESSAGES, &m.to_device, m.device_segments, 2),
		       -ENOTSUP, &m.shm);
}

static void an_import_whose_home_is_lost_can_be_put(void **state)
{
	struct import m;

	(void)state;
	import_init(&m);
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&m.to_home, 0, 64), 0);
	amph_target_lost(&m.home);
	assert_int_equal(m.home.quarantine_size, 0); /* not this side's memory */
	assert_int_equal(m.memory.quarantine_size, 0);
	assert_refused(amph_shm_sync_for_cpu(&m.to_home, 64, 64), -ENODEV, &m.shm);
	assert_refused(amph_shm_sync_for_device(&m.to_home, 0, 64, false), -ENODEV, &m.shm);
	assert_int_equal(amph_shm_put(&m.shm), 0);
	assert_null(m.home.attachments);

	/* proved off: nothing is left of the home */
	import_init(&m);
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS_WRITES), 0);
	amph_target_off(&m.home);
	assert_null(m.shm.home);
	assert_int_equal(amph_shm_check(&m.shm), 0);
	assert_int_equal(amph_shm_put(&m.shm), 0);

	/* abandoned while a device of this side still reaches it */
	import_init(&m);
	closed_calls = 0;
	assert_int_equal(import(&m, 0, 1, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_attach(&m.shm, &m.device.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &m.to_device, m.device_segments, 2),
			 0);
	assert_int_equal(amph_shm_abandon(&m.shm, closed), -EINPROGRESS);
	assert_int_equal(m.device.target.quarantine_size, 128);
	assert_int_equal(m.home.quarantine_size, 0);
	amph_target_off(&m.home);
	assert_int_equal(closed_calls, 0);
	assert_int_equal(m.memory.quarantine_size, 128);
	amph_target_off(&m.device.target);
	assert_int_equal(m.memory.quarantine_size, 0);
	assert_int_equal(closed_calls, 1);
}

/* --- forks --- */

/* The same in this process, as if it were a child. */
static void a_context_of_another_process_is_refused(void **state)
{
	struct amph_shm other;
	struct amph_range range;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	struct fixture f;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	f.memory.fork_generation++;
	assert_refused(amph_shm_put(&f.shm), -EPERM, &f.shm);
	assert_refused(amph_shm_detach(&f.to_a), -EPERM, &f.shm);
	assert_refused(amph_shm_open(&f.memory, &other, &storage, "test:x", 1, 0), -EPERM, &other);
	f.memory.fork_generation--;
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void use_after_fork_is_refused(void **state)
{
	struct amph_shm other, *found;
	struct amph_range range;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	struct amph_provider provider = {.name = "childs"};
	struct fixture f;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		int failed = 0;

		failed |= amph_shm_get(&f.shm) != -EPERM;
		failed |= amph_shm_put(&f.shm) != -EPERM;
		failed |= amph_shm_abandon(&f.shm, NULL) != -EPERM;
		failed |= amph_shm_find(&f.memory, "test:buffer", &found) != -EPERM;
		failed |= fixture_attach(&f, &f.b, AMPH_DEVICE_READS) != -EPERM;
		failed |= amph_shm_detach(&f.to_a) != -EPERM;
		failed |= amph_shm_sync_for_device(&f.to_a, 0, 1, false) != -EPERM;
		failed |= amph_shm_sync_for_cpu(&f.to_a, 0, 1) != -EPERM;
		failed |= amph_shm_check_access(&f.shm, 0, 1, false) != -EPERM;
		failed |= amph_shm_open(&f.memory, &other, &storage, "test:x", 1, 0) != -EPERM;
		failed |= amph_shm_find(&f.memory, "test:none", &found) != -EPERM;
		failed |= amph_memory_add_provider(&f.memory, &provider) != -EPERM;
		failed |= f.shm.references != 1 || f.provider.closed || f.a.detached;
		_exit(failed);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

/* Of the child: it may have memory and targets of its own, but its parent's targets are not its. */
static int use_targets_of_the_parent(struct fixture *f)
{
	struct amph_memory memory;
	struct amph_shm own;
	struct amph_range range;
	struct amph_segment segment;
	struct amph_attachment attachment;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	struct fake_provider provider = {.provider = f->provider.provider};
	struct fake_target fresh = {.target = f->b.target};
	int failed = 0;

	amph_target_lost(&f->b.target);
	failed |= f->b.target.state != AMPH_TARGET_ALIVE || f->to_b.quarantined;
	amph_target_off(&f->a.target);
	amph_target_off(&f->b.target);
	failed |= f->a.target.state != AMPH_TARGET_LOST || f->b.target.state != AMPH_TARGET_ALIVE;
	failed |= f->a.detached || f->b.detached || f->provider.closed || closed_calls;
	failed |= f->to_a.shm != &f->shm || f->shm.range_count != 3;
	failed |= amph_target_up(&f->a.target) != -EPERM;
	failed |= amph_shm_detach(&f->to_a) != -EPERM;

	failed |= amph_memory_init(&memory) ||
		  amph_memory_add_provider(&memory, &provider.provider);
	failed |= amph_shm_open(&memory, &own, &storage, "test:own", 10, 0) != 0;
	failed |= amph_shm_attach(&own, &f->b.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				  &attachment, &segment, 1) != -EPERM;
	fresh.target.attachments = NULL;
	fresh.target.owner = 0;
	failed |= amph_shm_attach(&own, &fresh.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				  &attachment, &segment, 1) != 0;
	amph_target_off(&fresh.target);
	failed |= fresh.detached != 1 || amph_target_up(&fresh.target) || amph_shm_put(&own);
	return failed;
}

static void a_target_of_the_parent_is_left_alone_by_its_child(void **state)
{
	struct fixture f;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	closed_calls = 0;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 10, 10, false), 0);
	amph_target_lost(&f.a.target);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(use_targets_of_the_parent(&f));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	amph_target_off(&f.a.target);
	amph_target_off(&f.b.target);
	assert_int_equal(amph_target_up(&f.a.target), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	fixture_free(&f);
}

static void an_abandoned_buffer_is_not_closed_by_a_child(void **state)
{
	struct fixture f;
	int status;
	pid_t child;

	(void)state;
	fixture_init(&f, 4);
	fixture_open(&f, 100, 0);
	closed_calls = 0;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_abandon(&f.shm, closed), -EINPROGRESS);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		amph_target_off(&f.a.target);
		_exit(closed_calls || f.provider.closed || f.a.detached || !f.shm.abandoned);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	amph_target_off(&f.a.target);
	assert_int_equal(closed_calls, 1);
	fixture_free(&f);
}

/* --- check --- */

static void check_finds_every_kind_of_damage(void **state)
{
	struct amph_attachment to_a, to_b;
	struct amph_range ranges[8];
	struct amph_shm shm;
	struct fixture f;
	int found = 0;

	(void)state;
	fixture_init(&f, 8);
	f.provider.segments[0] = (struct amph_segment){.address = 0x1000, .length = 100};
	f.provider.segment_count = 1;
	fixture_open(&f, 100, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 10, 10, true), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 40, 20, false), 0);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	shm = f.shm;
	to_a = f.to_a;
	to_b = f.to_b;
	memcpy(ranges, f.ranges, sizeof(ranges));

#define DAMAGE(...)                                                \
	do {                                                       \
		__VA_ARGS__;                                       \
		assert_int_equal(amph_shm_check(&f.shm), -EFAULT); \
		f.shm = shm;                                       \
		f.to_a = to_a;                                     \
		f.to_b = to_b;                                     \
		memcpy(f.ranges, ranges, sizeof(ranges));          \
		found++;                                           \
	} while (0)
	DAMAGE(f.shm.memory = NULL);
	DAMAGE(f.shm.references = 0);
	DAMAGE(f.shm.abandoned = true);
	DAMAGE(f.shm.segment_count = 5);
	DAMAGE(f.physical[0].length = 99; f.shm.size = 100);
	f.physical[0].length = 100;
	DAMAGE(f.shm.range_count = 0);
	DAMAGE(f.shm.range_count = 9);
	DAMAGE(f.shm.range_count = 4);
	DAMAGE(f.shm.storage.range_max = 4);
	DAMAGE(f.shm.attachment_bits = 3);
	DAMAGE(f.shm.attachment_bits = 0xf);
	DAMAGE(f.shm.quarantined = 1);
	DAMAGE(f.shm.home = &f.to_c);
	DAMAGE(f.ranges[0].offset = 1);
	DAMAGE(f.ranges[1].length = 0; f.ranges[2].offset = 10; f.ranges[2].length = 30);
	DAMAGE(f.ranges[1].length = 11);
	DAMAGE(f.ranges[4].length = UINT64_MAX);
	DAMAGE(f.ranges[0].holders = 0);
	DAMAGE(f.ranges[0].holders = 0x8);
	DAMAGE(f.ranges[0].holders = 0x3);
	DAMAGE(f.ranges[0].reading = true);
	DAMAGE(f.ranges[0].written = true);
	DAMAGE(f.ranges[1].reading = false);
	DAMAGE(f.ranges[1].holders = 0x6);
	DAMAGE(f.ranges[1] = (struct amph_range){.offset = 10, .length = 10, .holders = 1});
	DAMAGE(f.to_a.bit = 0);
	DAMAGE(f.to_a.bit = 6);
	DAMAGE(f.to_a.bit = 4);
	DAMAGE(f.to_a.shm = NULL);
	DAMAGE(f.to_a.granule = 0);
	DAMAGE(f.to_b.quarantined = true);
	DAMAGE(f.segments_b[0].length = 99);
#undef DAMAGE
	f.segments_b[0].length = 100;
	assert_int_equal(found, 32);
	assert_int_equal(amph_shm_check(&f.shm), 0);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_built_with_other_limits_is_refused),
		cmocka_unit_test(two_providers_of_one_name_are_refused),
		cmocka_unit_test(a_buffer_is_opened_by_name_and_closed),
		cmocka_unit_test(names_that_are_none_are_refused),
		cmocka_unit_test(open_refuses_what_it_cannot_do_and_leaves_nothing),
		cmocka_unit_test(a_provider_whose_segments_are_not_the_buffer_is_refused),
		cmocka_unit_test(a_buffer_lives_as_long_as_its_last_reference),
		cmocka_unit_test(a_closed_buffer_is_stale),
		cmocka_unit_test(lists_keep_every_buffer_whatever_the_order),
		cmocka_unit_test(an_attached_buffer_cannot_be_put),
		cmocka_unit_test(attachments_end_in_any_order),
		cmocka_unit_test(a_target_keeps_the_buffers_that_stay_attached),
		cmocka_unit_test(a_lost_target_keeps_the_memory_until_it_is_proved_off),
		cmocka_unit_test(an_abandoned_buffer_waits_for_every_target),
		cmocka_unit_test(abandoning_what_nobody_reaches_closes_at_once),
		cmocka_unit_test(a_full_quarantine_refuses_new_attachments),
		cmocka_unit_test(a_full_quarantine_of_the_context_refuses_new_attachments),
		cmocka_unit_test(quarantine_has_caps_that_nobody_set),
		cmocka_unit_test(an_import_is_its_homes_until_it_gives),
		cmocka_unit_test(an_import_shared_for_reading_is_never_written),
		cmocka_unit_test(an_import_for_reading_is_never_written),
		cmocka_unit_test(imports_that_make_no_sense_are_refused),
		cmocka_unit_test(an_import_whose_home_is_lost_can_be_put),
		cmocka_unit_test(a_context_of_another_process_is_refused),
		cmocka_unit_test(use_after_fork_is_refused),
		cmocka_unit_test(a_target_of_the_parent_is_left_alone_by_its_child),
		cmocka_unit_test(an_abandoned_buffer_is_not_closed_by_a_child),
		cmocka_unit_test(check_finds_every_kind_of_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
