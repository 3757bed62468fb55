/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What other RPMsg implementations do differently, and Amphora's side gets along with. The traces in
 * tests/traces hold whole conversations; here is one habit at a time.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rpmsg_pair.h"

#define COUNT	 4
#define SIZE	 128
#define PATIENCE 2000 /* ms */

static uint32_t heard;

static void hear(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		 uint32_t source, void *argument)
{
	(void)endpoint;
	(void)data;
	(void)length;
	(void)source;
	(void)argument;
	heard++;
}

static void start(struct pair *pair, bool ring_always)
{
	heard = 0;
	pair_open(pair, COUNT, SIZE);
	pair->peer.config.ring_always = ring_always;
	assert_int_equal(pair_start(pair), 0);
}

static void create(struct pair_side *side, struct amph_rpmsg_endpoint *endpoint, uint32_t address,
		   uint32_t destination)
{
	assert_int_equal(amph_rpmsg_endpoint_create(&side->rpmsg, endpoint, NULL, address,
						    destination, hear, NULL, false, 0),
			 0);
}

/* Asks for silence as rpmsg-lite's main side does, for good. */
static void hush_main_side(struct pair *pair)
{
	for (int i = 0; i < 2; i++)
		pair->main.config.vrings[i].avail[0] = AMPH_VRING_NO_INTERRUPT;
}

static void a_side_that_asks_for_silence_is_not_rung(void **state)
{
	struct amph_rpmsg_endpoint endpoint;
	struct pair pair;

	(void)state;
	start(&pair, false);
	create(&pair.peer, &endpoint, 1024, 400);
	hush_main_side(&pair);
	assert_int_equal(amph_rpmsg_send(&endpoint, "x", 1, amph_deadline(PATIENCE)), 0);
	assert_int_equal(pair.peer.kicks[0], 0);
	pair_close(&pair);
}

static void a_side_that_asks_for_silence_but_sleeps_is_rung_with_ring_always(void **state)
{
	struct amph_rpmsg_endpoint endpoint;
	struct pair pair;

	(void)state;
	start(&pair, true);
	create(&pair.peer, &endpoint, 1024, 400);
	hush_main_side(&pair);
	assert_int_equal(amph_rpmsg_send(&endpoint, "x", 1, amph_deadline(PATIENCE)), 0);
	assert_int_equal(pair.peer.kicks[0], 1);
	assert_int_equal(amph_rpmsg_send(&endpoint, "y", 1, amph_deadline(PATIENCE)), 0);
	assert_int_equal(pair.peer.kicks[0], 2);
	pair_close(&pair);
}

static void ring_always_does_not_ring_for_nothing(void **state)
{
	struct pair pair;

	(void)state;
	start(&pair, true);
	for (int i = 0; i < 3; i++)
		assert_int_equal(amph_rpmsg_poll(&pair.peer.rpmsg), 0);
	assert_int_equal(pair.peer.kicks[0], 0);
	assert_int_equal(pair.peer.kicks[1], 0);
	pair_close(&pair);
}

/*
 * rpmsg-lite's main side starts with every transmit buffer in the used ring, as if the peer had
 * returned it, and says WRITE on the descriptors of both queues.
 */
static void the_peer_goes_on_from_a_used_ring_that_starts_full(void **state)
{
	struct amph_rpmsg_endpoint from, to;
	struct pair pair;

	(void)state;
	heard = 0;
	pair_open(&pair, COUNT, SIZE);
	assert_int_equal(amph_rpmsg_init(&pair.main.rpmsg, &pair.main.config), 0);
	pair.main.config.vrings[1].used[1] = COUNT;
	pair.main.rpmsg.queues[1].consumed = COUNT;
	pair.main.rpmsg.queues[1].seen = COUNT;
	for (int i = 0; i < COUNT; i++)
		pair.main.rpmsg.queues[1].slots[i].flags = AMPH_VRING_DESC_WRITE;
	assert_int_equal(amph_rpmsg_init(&pair.peer.rpmsg, &pair.peer.config), 0);
	create(&pair.main, &from, 400, 1024);
	create(&pair.peer, &to, 1024, 400);
	for (uint32_t i = 0; i < 3 * COUNT; i++) {
		assert_int_equal(amph_rpmsg_send(&from, "x", 1, amph_deadline(PATIENCE)), 0);
		assert_int_equal(amph_rpmsg_poll(&pair.peer.rpmsg), 1);
		assert_int_equal(pair.main.config.vrings[1].used[1], COUNT + i + 1);
	}
	assert_int_equal(heard, 3 * COUNT);
	pair_close(&pair);
}

/* rpmsg-lite leaves the event word out when it places the used ring; VIRTIO 1.2, 2.7.2 does not. */
static void the_event_word_counts_when_the_used_ring_is_placed(void **state)
{
	_Alignas(16) uint8_t memory[128];
	struct amph_vring vring;

	(void)state;
	assert_int_equal(amph_vring_init(&vring, memory, sizeof(memory), 2, 8), 0);
	assert_ptr_equal(vring.avail, memory + 32);
	assert_ptr_equal(vring.used, memory + 48);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_side_that_asks_for_silence_is_not_rung),
		cmocka_unit_test(a_side_that_asks_for_silence_but_sleeps_is_rung_with_ring_always),
		cmocka_unit_test(ring_always_does_not_ring_for_nothing),
		cmocka_unit_test(the_peer_goes_on_from_a_used_ring_that_starts_full),
		cmocka_unit_test(the_event_word_counts_when_the_used_ring_is_placed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
