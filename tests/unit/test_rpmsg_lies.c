/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg against a peer that lies, in either role: a lie in a message costs that message, a lie in a
 * ring costs the device, nothing costs the process. And the name service, its checks included.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/log.h>

#include "support/rpmsg_fixture.h"

struct services {
	uint32_t created, destroyed;
	char name[AMPH_RPMSG_NAME_MAX];
	uint32_t address;
};

static struct services services;
static uint32_t logged;

static void count_log(void *argument, enum amph_log_level level, const char *what, uint64_t value,
		      uint64_t limit)
{
	(void)argument;
	(void)what;
	(void)value;
	(void)limit;
	if (level == AMPH_LOG_ERROR)
		logged++;
}

static void hear(void *argument, const char *name, uint32_t address, bool created)
{
	(void)argument;
	assert_true(strlen(name) < AMPH_RPMSG_NAME_MAX);
	if (created)
		services.created++;
	else
		services.destroyed++;
	strcpy(services.name, name);
	services.address = address;
}

/* The buffer that the next message of `side` will lie in, and the index of its ring. */
static char *next_buffer(struct fixture *f, int side)
{
	return f->pair.buffers + (side ? 0 : COUNT * SIZE);
}

/* A message of side 0's or side 1's, then the header's length made a lie. */
static void send_with_length(struct fixture *f, int side, uint16_t lie, uint32_t extent)
{
	struct amph_vring *ring = &f->pair.main.config.vrings[!side];
	uint16_t index;

	assert_int_equal(send(f, side, "payload", 7), 0);
	if (side == 0) {
		index = ring->avail[2 + (uint16_t)(ring->avail[1] - 1) % COUNT];
		ring->desc[index].length = extent;
	} else {
		struct amph_vring_used_element *used = (void *)(ring->used + 2);

		index = (uint16_t)used[(uint16_t)(ring->used[1] - 1) % COUNT].id;
		used[(uint16_t)(ring->used[1] - 1) % COUNT].length = extent;
	}
	memcpy(f->pair.buffers + (ring->desc[index].address - PAIR_PA) + 12, &lie, sizeof(lie));
}

static void a_length_beyond_the_buffer_costs_the_message_only(void **state)
{
	static const struct {
		uint16_t length;
		uint32_t extent;
		bool good;
	} cases[] = {
		{7, 23, true},	     {8, 23, false},	  {6, 23, true},     {65535, 23, false},
		{7, 22, false},	     {0, 16, true},	  {1, 16, false},    {0, 15, false},
		{0, 1, false},	     {65535, 15, false},  {496, 512, true},  {497, 512, false},
		{65520, 512, false}, {32768, 512, false}, {512, 512, false},
	};

	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		uint32_t good = 0, bad = 0;

		open_fixture(&f);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			/* in a descriptor, that is a lie in the ring */
			if (side == 0 && cases[i].extent < AMPH_RPMSG_HEADER)
				continue;
			send_with_length(&f, side, cases[i].length, cases[i].extent);
			assert_int_equal(poll_side(&f, !side), 1);
			good += cases[i].good;
			bad += !cases[i].good;
			assert_int_equal(f.inboxes[!side].count, good);
			assert_int_equal(f.sides[!side]->rpmsg.count.malformed, bad);
			if (cases[i].good)
				assert_int_equal(f.inboxes[!side].length, cases[i].length);
		}
		/* no buffer was lost, and the session goes on */
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "fine", 4), 0);
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(f.inboxes[!side].count, good + COUNT);
		close_fixture(&f);
	}
}

static void a_used_length_beyond_the_buffer_costs_the_message_only(void **state)
{
	static const uint32_t lies[] = {SIZE + 1, 65536, 0x80000000u, UINT32_MAX, 0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		send_with_length(&f, 1, 7, lies[i]);
		assert_int_equal(poll_side(&f, 0), 1);
		assert_int_equal(f.pair.main.rpmsg.count.malformed, i + 1);
		assert_int_equal(f.inboxes[0].count, 0);
	}
	assert_int_equal(send(&f, 1, "fine", 4), 0);
	assert_int_equal(poll_side(&f, 0), 1);
	assert_int_equal(f.inboxes[0].length, 4);
	close_fixture(&f);
}

/* Every later call, after side's device has died of what poll or send just met. */
static void expect_dead(struct fixture *f, int side, struct amph_rpmsg_loan *loan)
{
	struct amph_rpmsg *rpmsg = &f->sides[side]->rpmsg;
	struct amph_rpmsg_endpoint endpoint;
	uint32_t kicks[2];

	assert_int_equal(logged, 1);
	memcpy(kicks, f->sides[side]->kicks, sizeof(kicks));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(poll_side(f, side), -EPROTO);
		assert_int_equal(amph_rpmsg_poll_wait(rpmsg, amph_deadline(1000)), -EPROTO);
		assert_int_equal(send(f, side, "x", 1), -EPROTO);
		assert_int_equal(amph_rpmsg_send_loan(&f->endpoints[side], loan, 1, 1), -EPROTO);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, loan), -EPROTO);
		assert_int_equal(amph_rpmsg_release(rpmsg, NULL), -EPROTO);
		assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &endpoint, "x", 1, 1, receive,
							    NULL, true, PAST),
				 -EPROTO);
	}
	assert_int_equal(amph_rpmsg_loan(rpmsg, loan, amph_deadline(1000)), -EPROTO);
	assert_int_equal(amph_rpmsg_payload_max(rpmsg), 0);
	assert_memory_equal(kicks, f->sides[side]->kicks, sizeof(kicks));
	assert_int_equal(logged, 1);
	/* until it is initialised again */
	assert_int_equal(pair_start(&f->pair), 0);
	assert_int_equal(amph_rpmsg_poll(rpmsg), 0);
	assert_int_equal(amph_rpmsg_payload_max(rpmsg), MAX);
}

static void a_lie_in_the_receive_ring_ends_the_device_and_not_the_process(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		struct amph_rpmsg_loan loan;
		struct amph_vring *ring;

		logged = 0;
		open_fixture(&f);
		ring = &f.pair.main.config.vrings[side];
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		assert_int_equal(send(&f, !side, "x", 1), 0);
		*(side ? &ring->avail[1] : &ring->used[1]) = 60000;
		assert_int_equal(poll_side(&f, side), -EPROTO);
		assert_int_equal(f.inboxes[side].count, 0);
		expect_dead(&f, side, &loan);
		close_fixture(&f);
	}
}

static void a_lie_in_the_transmit_ring_ends_the_device_and_not_the_process(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		struct amph_rpmsg_loan loan;
		struct amph_vring *ring;

		logged = 0;
		open_fixture(&f);
		ring = &f.pair.main.config.vrings[!side];
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		for (uint32_t i = 0; i < COUNT - 1; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		*(side ? &ring->avail[1] : &ring->used[1]) += 2 * COUNT + 1;
		assert_int_equal(send(&f, side, "x", 1), -EPROTO);
		expect_dead(&f, side, &loan);
		close_fixture(&f);
	}
}

static void a_transmit_buffer_without_room_for_a_header_ends_the_peer(void **state)
{
	static const uint32_t lengths[] = {1, 15};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct fixture f;
		struct amph_rpmsg_loan loan;

		logged = 0;
		open_fixture(&f);
		assert_int_equal(amph_rpmsg_loan(&f.pair.peer.rpmsg, &loan, PAST), 0);
		f.pair.main.config.vrings[0].desc[1].length = lengths[i];
		assert_int_equal(send(&f, 1, "", 0), -EPROTO);
		expect_dead(&f, 1, &loan);
		close_fixture(&f);
		open_fixture(&f);
		f.pair.main.config.vrings[0].desc[0].length = AMPH_RPMSG_HEADER;
		assert_int_equal(send(&f, 1, "", 0), 0);
		assert_int_equal(poll_side(&f, 0), 1);
		close_fixture(&f);
	}
}

static void a_message_without_room_for_a_header_ends_the_peer(void **state)
{
	static const uint32_t lengths[] = {0, 1, 15};

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct fixture f;
		struct amph_rpmsg_loan loan;

		logged = 0;
		open_fixture(&f);
		assert_int_equal(amph_rpmsg_loan(&f.pair.peer.rpmsg, &loan, PAST), 0);
		send_with_length(&f, 0, 0, lengths[i]);
		assert_int_equal(poll_side(&f, 1), -EPROTO);
		expect_dead(&f, 1, &loan);
		close_fixture(&f);
	}
}

static void a_fault_in_the_middle_of_a_batch_stops_it(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		struct amph_vring *ring;

		open_fixture(&f);
		ring = &f.pair.main.config.vrings[side];
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, !side, "x", 1), 0);
		if (side)
			ring->avail[2 + 2] = ring->avail[2];
		else
			ring->used[2 + 4 * 2] = COUNT;
		/* the peer: the id of the first is theirs again by then; so it is no double give */
		if (side) {
			assert_int_equal(poll_side(&f, side), COUNT);
		} else {
			assert_int_equal(poll_side(&f, side), -EPROTO);
			assert_int_equal(f.inboxes[side].count, 2);
		}
		close_fixture(&f);
	}
}

/* --- name service --- */

static void open_with_services(struct fixture *f)
{
	memset(&services, 0, sizeof(services));
	open_fixture(f);
	for (int side = 0; side < 2; side++)
		f->sides[side]->rpmsg.config.service = hear;
}

static void announcements_reach_the_other_side(void **state)
{
	struct fixture f;

	(void)state;
	open_with_services(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_endpoint endpoint;
		static const uint8_t wire[AMPH_RPMSG_HEADER + 40] = {
			0, 4, 0,   0,	53,  0,	  0,
			0, 0, 0,   0,	0,   40,  0,
			0, 0, 'e', 'c', 'h', 'o', [AMPH_RPMSG_HEADER + 32] = 0,
			4, 0, 0};

		memset(&services, 0, sizeof(services));
		memset(next_buffer(&f, side), 0x99, SIZE);
		assert_int_equal(amph_rpmsg_endpoint_create(&f.sides[side]->rpmsg, &endpoint,
							    "echo", AMPH_RPMSG_ANY, AMPH_RPMSG_ANY,
							    receive, &f.inboxes[side], true, PAST),
				 0);
		assert_memory_equal(next_buffer(&f, side), wire, sizeof(wire));
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(services.created, 1);
		assert_string_equal(services.name, "echo");
		assert_int_equal(services.address, 1024);
		assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, true, PAST), 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(services.destroyed, 1);
		assert_string_equal(services.name, "echo");
		assert_int_equal(services.address, 1024);
		assert_int_equal(services.created, 1);
	}
	close_fixture(&f);
}

static void an_announcement_that_can_t_be_sent_leaves_no_endpoint(void **state)
{
	struct fixture f;
	struct amph_rpmsg_endpoint endpoint;

	(void)state;
	open_with_services(&f);
	for (uint32_t i = 0; i < COUNT; i++)
		assert_int_equal(send(&f, 1, "x", 1), 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&f.pair.peer.rpmsg, &endpoint, "echo", 7,
						    AMPH_RPMSG_ANY, receive, NULL, true, PAST),
			 -ETIMEDOUT);
	assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, false, PAST), -EINVAL);
	assert_int_equal(amph_rpmsg_endpoint_destroy(&f.endpoints[1], true, PAST), -ETIMEDOUT);
	/* gone all the same */
	assert_int_equal(amph_rpmsg_endpoint_destroy(&f.endpoints[1], false, PAST), -EINVAL);
	close_fixture(&f);
}

static struct fixture *bound;

static void bind_service(void *argument, const char *name, uint32_t address, bool created)
{
	hear(argument, name, address, created);
	bound->endpoints[0].destination = address;
	assert_int_equal(amph_rpmsg_send(&bound->endpoints[0], "hello", 5, PAST), 0);
	assert_int_equal(amph_rpmsg_poll(bound->endpoints[0].rpmsg), -EBUSY);
}

static void a_service_hook_may_bind_and_answer(void **state)
{
	struct fixture f;
	struct amph_rpmsg_endpoint endpoint;

	(void)state;
	open_with_services(&f);
	bound = &f;
	f.pair.main.rpmsg.config.service = bind_service;
	assert_int_equal(amph_rpmsg_endpoint_create(&f.pair.peer.rpmsg, &endpoint, "echo",
						    AMPH_RPMSG_ANY, AMPH_RPMSG_ANY, receive,
						    &f.inboxes[1], true, PAST),
			 0);
	assert_int_equal(poll_side(&f, 0), 1);
	assert_int_equal(poll_side(&f, 1), 1);
	assert_int_equal(f.inboxes[1].length, 5);
	assert_int_equal(endpoint.destination, 100);
	close_fixture(&f);
}

static void malformed_announcements_are_dropped_and_counted(void **state)
{
	uint8_t message[41];

	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		uint32_t malformed = 0;

		open_with_services(&f);
		memset(message, 0, sizeof(message));
#define SENT(length, is_good)                                                                  \
	do {                                                                                   \
		assert_int_equal(                                                              \
			amph_rpmsg_send_to(&f.endpoints[side], 53, message, length, PAST), 0); \
		malformed += !(is_good);                                                       \
		assert_int_equal(poll_side(&f, !side), 1);                                     \
		assert_int_equal(f.sides[!side]->rpmsg.count.malformed, malformed);            \
	} while (0)
		SENT(40, false); /* no name */
		memset(message, 'a', 32);
		SENT(40, false); /* no end */
		message[31] = 0;
		SENT(40, true); /* 31 letters */
		assert_int_equal(strlen(services.name), 31);
		SENT(39, false);
		SENT(41, false);
		SENT(0, false);
		SENT(32, false);
		assert_int_equal(services.created, 1);
		assert_int_equal(services.destroyed, 0);
		message[36] = 1;
		SENT(40, true);
		assert_int_equal(services.destroyed, 1);
		/* without a hook nobody hears, but nothing is wrong */
		f.sides[!side]->rpmsg.config.service = NULL;
		SENT(40, true);
		assert_int_equal(services.destroyed, 1);
		close_fixture(&f);
	}
}

static void without_the_feature_53_is_an_address_like_any_other(void **state)
{
	struct fixture f;
	struct amph_rpmsg_endpoint endpoint;

	(void)state;
	open_with_services(&f);
	for (int side = 0; side < 2; side++)
		f.sides[side]->config.name_service = false;
	assert_int_equal(pair_start(&f.pair), 0);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg *rpmsg = &f.sides[side]->rpmsg;

		assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &endpoint, "echo", 7, 1, receive,
							    NULL, true, PAST),
				 -ENOTSUP);
		assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &endpoint, "echo", 53, 1,
							    receive, &f.inboxes[side], false, PAST),
				 0);
		assert_int_equal(amph_rpmsg_send_to(&f.endpoints[!side], 53, "x", 1, PAST), 0);
		assert_int_equal(poll_side(&f, side), 1);
		assert_int_equal(f.inboxes[side].count, 1);
		assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, true, PAST), -ENOTSUP);
	}
	assert_int_equal(services.created, 0);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_length_beyond_the_buffer_costs_the_message_only),
		cmocka_unit_test(a_used_length_beyond_the_buffer_costs_the_message_only),
		cmocka_unit_test(a_lie_in_the_receive_ring_ends_the_device_and_not_the_process),
		cmocka_unit_test(a_lie_in_the_transmit_ring_ends_the_device_and_not_the_process),
		cmocka_unit_test(a_transmit_buffer_without_room_for_a_header_ends_the_peer),
		cmocka_unit_test(a_message_without_room_for_a_header_ends_the_peer),
		cmocka_unit_test(a_fault_in_the_middle_of_a_batch_stops_it),
		cmocka_unit_test(announcements_reach_the_other_side),
		cmocka_unit_test(an_announcement_that_can_t_be_sent_leaves_no_endpoint),
		cmocka_unit_test(a_service_hook_may_bind_and_answer),
		cmocka_unit_test(malformed_announcements_are_dropped_and_counted),
		cmocka_unit_test(without_the_feature_53_is_an_address_like_any_other),
	};

	amph_log_set(count_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
