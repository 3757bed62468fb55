/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Names: many buffers open at once, found, closed in any order, and none mistaken for another.
 * Test code of the memory layer.
 */
#include <stdio.h>

#include "memory_fixture.h"

#define BUFFERS 4096

/* and one that is refused */
static struct amph_shm buffers[BUFFERS + 1];
static struct amph_range ranges[BUFFERS + 1];
static struct amph_attachment attachments[BUFFERS];
static struct amph_segment segments[BUFFERS];

static int open_named(struct fixture *f, uint32_t i, const char *name)
{
	const struct amph_shm_storage storage = {.ranges = &ranges[i], .range_max = 1};

	return amph_shm_open(&f->memory, &buffers[i], &storage, name, 64, 0);
}

static int open_number(struct fixture *f, uint32_t at, uint32_t i)
{
	char name[AMPH_NAME_MAX];

	snprintf(name, sizeof(name), "test:%u", i);
	return open_named(f, at, name);
}

static bool is_found(struct fixture *f, uint32_t i)
{
	char name[AMPH_NAME_MAX];
	struct amph_shm *found;

	snprintf(name, sizeof(name), "test:%u", i);
	if (amph_shm_find(&f->memory, name, &found))
		return false;
	assert_ptr_equal(found, &buffers[i]);
	assert_int_equal(amph_shm_put(found), 0);
	return true;
}

static void each_of_many_names_is_found_while_it_is_open(void **state)
{
	static bool open[BUFFERS];
	struct fixture f;
	uint64_t seed = 88172645463325252;

	(void)state;
	fixture_init(&f, 1);
	for (uint32_t step = 0; step < 20 * BUFFERS; step++) {
		uint64_t random = next_random(&seed);
		/* first they become more, then fewer */
		uint32_t i = (uint32_t)(random >> 8) % BUFFERS;
		bool opening = random % 4 != 0 ? step < 10 * BUFFERS : step >= 10 * BUFFERS;

		if (opening) {
			assert_int_equal(open_number(&f, open[i] ? BUFFERS : i, i),
					 open[i] ? -EEXIST : 0);
			open[i] = true;
		} else if (open[i]) {
			assert_int_equal(amph_shm_check(&buffers[i]), 0);
			assert_int_equal(amph_shm_put(&buffers[i]), 0);
			open[i] = false;
		}
		i = (uint32_t)(random >> 32) % BUFFERS;
		assert_int_equal(is_found(&f, i), open[i]);
	}
	for (uint32_t i = 0; i < BUFFERS; i++) {
		assert_int_equal(is_found(&f, i), open[i]);
		if (open[i])
			assert_int_equal(amph_shm_put(&buffers[i]), 0);
	}
	assert_null(f.memory.buffers);
	assert_null(f.memory.names);
	fixture_free(&f);
}

/* Four names, two and two of which have the same hash: see names.c. */
static void names_of_equal_hash_are_told_apart(void **state)
{
	static const char *const names[] = {"test:129599", "test:732382", "test:129598",
					    "test:732383"};
	struct fixture f;
	struct amph_shm *found;

	(void)state;
	fixture_init(&f, 1);
	for (uint32_t first = 0; first < 4; first++) {
		for (uint32_t i = 0; i < 4; i++)
			assert_int_equal(open_named(&f, i, names[i]), 0);
		/* whichever goes first, the others stay */
		for (uint32_t gone = 0; gone < 4; gone++) {
			uint32_t goes = (first + gone) % 4;

			assert_int_equal(amph_shm_put(&buffers[goes]), 0);
			assert_int_equal(amph_shm_find(&f.memory, names[goes], &found), -ENOENT);
			for (uint32_t i = gone + 1; i < 4; i++) {
				uint32_t stays = (first + i) % 4;

				assert_int_equal(amph_shm_find(&f.memory, names[stays], &found), 0);
				assert_ptr_equal(found, &buffers[stays]);
				assert_int_equal(amph_shm_put(found), 0);
			}
		}
	}
	fixture_free(&f);
}

static void the_name_of_an_abandoned_buffer_is_free(void **state)
{
	struct fixture f;
	struct amph_shm *found;

	(void)state;
	fixture_init(&f, 1);
	assert_int_equal(open_number(&f, 0, 7), 0);
	assert_int_equal(amph_shm_attach(&buffers[0], &f.a.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &attachments[0], &segments[0], 1),
			 0);
	assert_int_equal(amph_shm_abandon(&buffers[0], NULL), -EINPROGRESS);
	assert_int_equal(amph_shm_check(&buffers[0]), 0);
	assert_int_equal(open_number(&f, 1, 7), 0);
	amph_target_off(&f.a.target);
	assert_int_equal(amph_shm_find(&f.memory, "test:7", &found), 0);
	assert_ptr_equal(found, &buffers[1]);
	assert_int_equal(amph_shm_put(found), 0);
	assert_int_equal(amph_shm_put(found), 0);
	assert_null(f.memory.names);
	fixture_free(&f);
}

static void attachments_of_one_target_end_in_any_order(void **state)
{
	struct fixture f;
	uint32_t count = 0;

	(void)state;
	fixture_init(&f, 1);
	for (uint32_t i = 0; i < BUFFERS; i++) {
		assert_int_equal(open_number(&f, i, i), 0);
		assert_int_equal(amph_shm_attach(&buffers[i], &f.a.target, AMPH_DEVICE_READS,
						 AMPH_SYNC_MESSAGES, &attachments[i], &segments[i],
						 1),
				 0);
		assert_null(attachments[i].offered);
	}
	/* 1365 is odd: every number once */
	for (uint32_t i = 0; i < BUFFERS / 2; i++)
		assert_int_equal(amph_shm_detach(&attachments[i * 1365 % BUFFERS]), 0);
	for (struct amph_attachment *a = f.a.target.attachments; a; a = a->target_next) {
		assert_ptr_equal(*a->target_link, a);
		count++;
	}
	assert_int_equal(count, BUFFERS / 2);
	amph_target_off(&f.a.target);
	assert_int_equal(f.a.detached, BUFFERS);
	for (uint32_t i = 0; i < BUFFERS; i++)
		assert_int_equal(amph_shm_put(&buffers[i]), 0);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_of_many_names_is_found_while_it_is_open),
		cmocka_unit_test(names_of_equal_hash_are_told_apart),
		cmocka_unit_test(the_name_of_an_abandoned_buffer_is_free),
		cmocka_unit_test(attachments_of_one_target_end_in_any_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
