/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An offer's segment list that lies about how much of it there is, and a handle of one slot too many. The
 * list is collected in the importer's storage, so one segment too many is a write behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/raw.h"

static uint32_t mapped;

static int map_anything(void *argument, const struct amph_segment *segments, uint32_t count,
			uint64_t size, uint32_t direction, intptr_t handle, void **va)
{
	(void)argument;
	(void)segments;
	(void)count;
	(void)size;
	(void)direction;
	(void)handle;
	*va = arena;
	mapped++;
	return 0;
}

/* main offers so many bytes in `count` segments, of which as many as are in `here` come at once. */
static void say_offer_of(uint64_t size, uint32_t count, const struct wire_segment *here,
			 uint32_t here_count)
{
	raw.body.offer = (struct wire_offer){
		.handle = 1,
		.generation = 1,
		.size = size,
		.direction = AMPH_DEVICE_READS_WRITES,
		.granule = 1,
		.segment_count = count,
		.name = "arena:1000",
		.count = here_count,
	};
	for (uint32_t i = 0; i < here_count; i++)
		raw.body.offer.segments[i] = here[i];
	assert_int_equal(send_raw(&mains, WIRE_OFFER, here_count), 0);
	amph_session_poll(&peers.session, 0);
}

static void say_offer(uint32_t count, const struct wire_segment *here, uint32_t here_count)
{
	say_offer_of(4096, count, here, here_count);
}

static void say_segments(uint32_t first, uint32_t count)
{
	raw.body.segments = (struct wire_segments){1, 1, first, count, {{0}}};
	for (uint32_t i = 0; i < count; i++)
		raw.body.segments.segments[i] =
			(struct wire_segment){ARENA_DA + (first + i) * 16, 16};
	assert_int_equal(send_raw(&mains, WIRE_SEGMENTS, count), 0);
	amph_session_poll(&peers.session, 0);
}

static void more_segments_than_are_left_are_refused_and_not_stored(void **state)
{
	const struct wire_segment first = {ARENA_DA, 16};
	const struct amph_segment untouched = {0x1234, 0x5678};
	(void)state;

	open_pair();
	/* the last of its storage: what comes behind belongs to the next share */
	peers.shares[0].segments[SIDE_SEGMENTS] = untouched;
	say_offer(SIDE_SEGMENTS, &first, 1);
	say_segments(1, 28);
	assert_int_equal(peers.shares[0].segments_received, 29);
	say_segments(29, SIDE_SEGMENTS - 29 + 1);
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
	assert_memory_equal(&peers.shares[0].segments[SIDE_SEGMENTS], &untouched,
			    sizeof(untouched));
}

static void lengths_that_add_up_only_modulo_2_64_never_reach_the_window_hook(void **state)
{
	const struct wire_segment wrapping[] = {{0, UINT64_C(1) << 63},
						{0, (UINT64_C(1) << 63) + 4096}};
	(void)state;

	open_pair();
	peers.session.config.windows.map = map_anything;
	mapped = 0;
	say_offer(2, wrapping, 2);
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(mapped, 0);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
}

static void a_length_that_wraps_the_sum_back_is_refused(void **state)
{
	/* the first fits; with the second the sum wraps to less; with the third it is the size */
	const struct wire_segment wrapping[] = {
		{ARENA_DA, 2048}, {0, UINT64_MAX - 1023}, {ARENA_DA + 1024, 3072}};
	(void)state;

	open_pair();
	peers.session.config.windows.map = map_anything;
	mapped = 0;
	say_offer(3, wrapping, 3);
	assert_int_equal(mapped, 0);
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
}

/* None of them is more than the size, which is what they are together modulo 2^64. */
static void lengths_that_each_fit_are_refused_when_the_sum_is_too_much(void **state)
{
	const uint64_t size = UINT64_C(1) << 62;
	struct wire_segment wrapping[5];
	(void)state;

	for (uint32_t i = 0; i < 5; i++)
		wrapping[i] = (struct wire_segment){0, size};
	open_pair();
	peers.session.config.windows.map = map_anything;
	mapped = 0;
	say_offer_of(size, 5, wrapping, 5);
	assert_int_equal(mapped, 0);
	said_refuse(&peers, WIRE_MALFORMED);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
}

/* The slot behind the last one is not the session's, whatever lies there. */
static void a_handle_behind_the_last_slot_names_nothing(void **state)
{
	struct amph_share *behind = &mains.shares[SIDE_SHARES - 1];
	(void)state;

	open_pair();
	mains.session.config.share_max = SIDE_SHARES - 1;
	open_buffer(AMPH_DEVICE_READS_WRITES);
	*behind = *offer_buffer();
	behind->state = AMPH_SHARE_OFFERED;
	behind->handle = SIDE_SHARES;
	settle(&mains, &peers);
	say_answer(&peers, &mains, WIRE_ACCEPT, SIDE_SHARES, behind->generation, 0, 0);
	said_reject(&mains, WIRE_ACCEPT, WIRE_NOT_FOUND);
	assert_int_equal(behind->state, AMPH_SHARE_OFFERED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(more_segments_than_are_left_are_refused_and_not_stored),
		cmocka_unit_test(lengths_that_add_up_only_modulo_2_64_never_reach_the_window_hook),
		cmocka_unit_test(a_length_that_wraps_the_sum_back_is_refused),
		cmocka_unit_test(lengths_that_each_fit_are_refused_when_the_sum_is_too_much),
		cmocka_unit_test(a_handle_behind_the_last_slot_names_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
