/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A side that lies about a queue by message: while it is set up, while it is open, around its end.
 * Test code. Each lie is refused as docs/protocol.md says, and changes nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_liar.h"

#define COOKIE(slots, stride) ((uint64_t)(stride) << 32 | (slots))

/* The importer is honest, and expects a queue that the home has not set up yet. */
static void open_expecting(void)
{
	open_shares();
	open_others();
	choose_liar(true);
	/* what a liar needs of its own for truth() */
	liar_queue->produced = 0;
}

/* The home says that it is ready, at that stride. */
static void say_ready(uint32_t stride)
{
	((uint32_t *)ring.shm.va)[2 * stride / 4 + 1] = QUEUE_READY;
}

static void still_expected(void)
{
	assert_int_equal(honest_queue->state, AMPH_QUEUE_EXPECTED);
	assert_null(honest_queue->path.share);
	assert_int_equal(amph_shm_check_access(honest_ring->shm, 0, 64, false), -EACCES);
}

static void what_is_no_queue_is_refused_and_another_may_follow(void **state)
{
	const uint64_t cookies[] = {
		COOKIE(0, 64),	   COOKIE(1, 64),	   COOKIE(3, 64),	   COOKIE(6, 64),
		COOKIE(65536, 64), COOKIE(0x80000000, 64), COOKIE(UINT32_MAX, 64), COOKIE(4, 0),
		COOKIE(4, 1),	   COOKIE(4, 32),	   COOKIE(4, 63),	   COOKIE(4, 96),
		COOKIE(4, 8192),   COOKIE(4, 0x80000000),  COOKIE(4, UINT32_MAX),  COOKIE(256, 64),
		COOKIE(4, 4096),   COOKIE(32768, 4096)};
	(void)state;

	open_expecting();
	say_ready(64);
	for (uint32_t i = 0; i < sizeof(cookies) / sizeof(cookies[0]); i++) {
		say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, cookies[i], WIRE_HANDOFF_SET_UP);
		was_rejected(WIRE_GIVE, WIRE_INVALID);
		still_expected();
	}
	/* a part, or something beside it */
	say_handoff(WIRE_GIVE, ring_share, 64, RING_SIZE - 64, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE - 64, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	say_handoff(WIRE_GIVE, ring_share, UINT64_MAX, RING_SIZE, COOKIE(4, 64),
		    WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	/* flags */
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), 3);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), 4);
	was_rejected(WIRE_GIVE, WIRE_UNSUPPORTED);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), 0);
	was_rejected(WIRE_GIVE, WIRE_STATE);
	/* another direction than the offer's */
	amph_session_fill_handoff(&raw, ring_share, 0, RING_SIZE, COOKIE(4, 64), false);
	raw.body.handoff.flags = WIRE_HANDOFF_SET_UP;
	raw.body.handoff.direction = AMPH_DEVICE_READS;
	say(WIRE_GIVE, 0);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	/* not ready, though it says so */
	((uint32_t *)ring.shm.va)[2 * 64 / 4 + 1] = ~QUEUE_READY;
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_INVALID);
	still_expected();
	/* none of it was in the way of an honest one */
	memset(ring.shm.va, 0, RING_SIZE);
	open_queue(4);
	choose_liar(true);
	queue_goes_on();
	end_lies();
}

static void a_second_queue_is_refused(void **state)
{
	(void)state;

	open_lies(true);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_BUSY);
	say_handoff(WIRE_GIVE, data_share, 0, DATA_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_BUSY);
	queue_goes_on();
	end_lies();
}

static void who_knows_no_queues_refuses_one(void **state)
{
	(void)state;

	/* version 1: the flag means nothing */
	open_expecting();
	honest->session.version = 1;
	say_ready(64);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_UNSUPPORTED);
	honest_ring->method = AMPH_SYNC_MESSAGES;
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_UNSUPPORTED);
	/* version 2, and memory that was not offered for it */
	honest->session.version = 2;
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_STATE);
	honest_ring->method = AMPH_SYNC_QUEUE;
	/* it does not expect one any more */
	honest->session.path->ops->closed(honest->session.path);
	say_handoff(WIRE_GIVE, ring_share, 0, RING_SIZE, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_UNSUPPORTED);
	end_lies();
}

/* Offers of the liar's, for a queue that can't live there; `kind`: what is wrong. */
static struct amph_share *offer_raw(uint64_t address, uint32_t direction, uint32_t granule,
				    uint32_t segments)
{
	struct wire_offer *offer = &raw.body.offer;

	*offer = (struct wire_offer){
		.handle = 3,
		.generation = 1,
		.size = 8192,
		.direction = direction,
		.granule = granule,
		.method = AMPH_SYNC_QUEUE,
		.segment_count = segments,
		.name = "raw:x",
		.count = segments,
		.segments = {{address, 8192 / segments}, {address + 3 * 4096, 4096}},
	};
	say(WIRE_OFFER, segments);
	assert_int_equal(honest->shares[2].state, AMPH_SHARE_ACCEPTED);
	return &honest->shares[2];
}

static void memory_that_can_t_hold_a_queue_is_refused(void **state)
{
	const struct {
		uint64_t address;
		uint32_t direction, granule, segments;
	} wrong[] = {
		{ARENA_DA + 0x9020, 3, 1, 1}, /* not aligned to the stride */
		{ARENA_DA + 0x9000, 3, 1, 2}, /* in two pieces */
		{ARENA_DA + 0x9000, 1, 1, 1}, /* one of the two can't write */
		{ARENA_DA + 0x9000, 2, 1, 1},
		{ARENA_DA + 0x9000, 3, 128, 1}, /* lines would be shared */
	};
	(void)state;

	for (uint32_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct amph_share *share;

		open_expecting();
		share = offer_raw(wrong[i].address, wrong[i].direction, wrong[i].granule,
				  wrong[i].segments);
		say_handoff(WIRE_GIVE, share, 0, 8192, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
		was_rejected(WIRE_GIVE, WIRE_INVALID);
		still_expected();
		end_lies();
	}
}

static void a_queue_before_its_offer_is_whole_is_refused(void **state)
{
	(void)state;

	open_expecting();
	raw.body.offer = (struct wire_offer){
		.handle = 3,
		.generation = 1,
		.size = 8192,
		.direction = 3,
		.granule = 1,
		.method = 1,
		.segment_count = 2,
		.name = "raw:x",
		.count = 1,
		.segments = {{ARENA_DA + 0x9000, 4096}},
	};
	say(WIRE_OFFER, 1);
	was_not_answered();
	say_handoff(WIRE_GIVE, &honest->shares[2], 0, 8192, COOKIE(4, 64), WIRE_HANDOFF_SET_UP);
	was_rejected(WIRE_GIVE, WIRE_STATE);
	still_expected();
	end_lies();
}

/* The memory of a queue comes back whole or not at all. */
static void a_part_of_a_queue_s_memory_is_not_given_back(void **state)
{
	(void)state;

	open_shares();
	open_others();
	choose_liar(false);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -ETIMEDOUT);
	say_reject(WIRE_GIVE, WIRE_INVALID, ring_share, 0, 64);
	was_not_answered();
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, 64, false), -EACCES);
	/* neither of the two may let go of it while it is set up */
	say_answer(WIRE_RELEASE, ring_share, 0);
	was_rejected(WIRE_RELEASE, WIRE_BUSY);
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), -EBUSY);
	say_handoff(WIRE_RETURN, ring_share, 0, RING_SIZE, 0, 0);
	was_rejected(WIRE_RETURN, WIRE_STATE);
	/* a heartbeat that means nothing */
	say(WIRE_HEARTBEAT, 0);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -ETIMEDOUT);
	say_reject(WIRE_GIVE, WIRE_INVALID, ring_share, 0, RING_SIZE);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -EINVAL);
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, RING_SIZE, true), 0);
	end_lies();
}

/* --- while it is open --- */

static void hand_offs_by_message_are_refused(void **state)
{
	enum wire_type type;
	(void)state;

	for (int home_lies = 0; home_lies < 2; home_lies++) {
		open_lies(home_lies);
		type = home_lies ? WIRE_GIVE : WIRE_RETURN;
		say_handoff(type, honest_data, 0, DATA_SIZE, 0, 0);
		was_rejected(type, WIRE_STATE);
		say_handoff(type, honest_ring, 0, RING_SIZE, 0, 0);
		was_rejected(type, WIRE_STATE);
		/* and refusals of hand-offs by it say nothing */
		type = home_lies ? WIRE_RETURN : WIRE_GIVE;
		for (uint32_t reason = WIRE_MALFORMED; reason <= WIRE_TOO_LONG; reason++) {
			say_reject(type, reason, honest_data, 0, DATA_SIZE);
			was_not_answered();
			say_reject(type, reason, honest_ring, 0, RING_SIZE);
			was_not_answered();
			assert_int_equal(amph_shm_check_access(honest_data->shm, 0, 64, false),
					 -EACCES);
		}
		queue_goes_on();
		end_lies();
	}
}

/* --- around the end --- */

static void a_queue_with_something_out_is_not_released(void **state)
{
	(void)state;

	for (int home_lies = 0; home_lies < 2; home_lies++) {
		uint32_t flags = home_lies ? WIRE_SHARE_HOME : 0;
		struct queue_slot slot;

		open_lies(home_lies);
		if (home_lies) {
			slot = truth();
			write_slot(&slot);
			assert_int_equal(take_one(SLOWLY), 0);
		}
		say_answer(WIRE_RELEASE, honest_ring, flags);
		was_rejected(WIRE_RELEASE, WIRE_BUSY);
		say_answer(WIRE_RELEASED, honest_ring, flags);
		was_rejected(WIRE_RELEASED, WIRE_STATE);
		say_answer(WIRE_RELEASE, honest_data, flags);
		was_rejected(WIRE_RELEASE, WIRE_BUSY);
		assert_int_equal(honest_queue->state, AMPH_QUEUE_OPEN);
		/* to leave all the same costs the session */
		raw.body.deny = (struct wire_deny){0};
		say(WIRE_GOODBYE, 0);
		assert_int_equal(honest->session.state, AMPH_SESSION_LOST);
		assert_int_equal(honest_queue->state, AMPH_QUEUE_CLOSED);
		end_lies();
	}
}

static void a_release_may_be_refused_without_a_reason_and_only_once(void **state)
{
	(void)state;

	open_lies(true);
	assert_int_equal(amph_session_release(&peers.session, honest_ring, 0), 0);
	assert_int_equal(honest_queue->state, AMPH_QUEUE_CLOSING);
	say_reject(WIRE_RELEASE, WIRE_IO, honest_ring, 0, 0);
	assert_int_equal(honest_queue->state, AMPH_QUEUE_OPEN);
	say_reject(WIRE_RELEASE, WIRE_IO, honest_ring, 0, 0);
	was_not_answered();
	say_answer(WIRE_RELEASED, honest_ring, WIRE_SHARE_HOME);
	was_rejected(WIRE_RELEASED, WIRE_STATE);
	queue_goes_on();
	end_lies();
}

/* What is written into a queue after its end is nobody's. */
static void a_descriptor_after_the_end_is_nothing(void **state)
{
	struct amph_queue_entry entry;
	struct queue_slot slot;
	uint32_t count;
	(void)state;

	open_lies(true);
	slot = truth();
	assert_int_equal(amph_session_release(&peers.session, honest_ring, 0), 0);
	write_slot(&slot);
	assert_int_equal(amph_queue_receive(honest_queue, &entry, 1, 0, &count), -ENOTCONN);
	say_answer(WIRE_RELEASED, honest_ring, WIRE_SHARE_HOME);
	assert_int_equal(honest_queue->state, AMPH_QUEUE_CLOSED);
	assert_int_equal(amph_queue_receive(honest_queue, &entry, 1, 1, &count), -ENOTCONN);
	assert_int_equal(honest->session.state, AMPH_SESSION_OPEN);
	end_lies();
}

/* The home gave by the queue while the importer released, and then says that it is released. */
static void a_home_that_releases_what_it_gave_is_found(void **state)
{
	struct queue_slot slot;
	(void)state;

	open_lies(true);
	assert_int_equal(amph_session_release(&peers.session, honest_data, 0), 0);
	slot = truth();
	write_slot(&slot);
	assert_int_equal(take_one(SLOWLY), 0);
	say_answer(WIRE_RELEASED, honest_data, WIRE_SHARE_HOME);
	assert_int_equal(honest->session.state, AMPH_SESSION_LOST);
	assert_int_equal(honest->session.error, -EPROTO);
	end_lies();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_queue_is_refused_and_another_may_follow),
		cmocka_unit_test(a_second_queue_is_refused),
		cmocka_unit_test(who_knows_no_queues_refuses_one),
		cmocka_unit_test(memory_that_can_t_hold_a_queue_is_refused),
		cmocka_unit_test(a_queue_before_its_offer_is_whole_is_refused),
		cmocka_unit_test(a_part_of_a_queue_s_memory_is_not_given_back),
		cmocka_unit_test(hand_offs_by_message_are_refused),
		cmocka_unit_test(a_queue_with_something_out_is_not_released),
		cmocka_unit_test(a_release_may_be_refused_without_a_reason_and_only_once),
		cmocka_unit_test(a_descriptor_after_the_end_is_nothing),
		cmocka_unit_test(a_home_that_releases_what_it_gave_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
