/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everything in shared memory is read once: the transport, compiled here behind an order.h checker
 * that overwrites each descriptor, ring entry, header and announcement as soon as it has been read.
 */
#define AMPH_ORDER_CHECKER "support/order_scribbler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/order.h>

#include "support/rpmsg_fixture.h"

#include "transport/rpmsg_core.c"
#include "transport/rpmsg_create.c"
#include "transport/rpmsg_endpoint.c"
#include "transport/rpmsg_hold.c"
#include "transport/rpmsg_loan.c"
#include "transport/rpmsg_main.c"
#include "transport/rpmsg_name_service.c"
#include "transport/rpmsg_peer.c"
#include "transport/rpmsg_send.c"
#include "transport/rpmsg_wait.c"
#include "transport/virtqueue.c"
#include "transport/virtqueue_device.c"
#include "transport/virtqueue_driver.c"
#include "transport/vring.c"

void (*order_was_read)(void *shared, size_t length);
void (*order_will_be_copied)(void *shared, size_t length);

static struct fixture *watched;
static uint32_t reads, scribbles;

/* Flags, indices and event words are polled; all else belongs to one message. */
static bool is_polled(const uint16_t *word)
{
	for (int i = 0; i < 2; i++) {
		const struct amph_vring *ring = &watched->pair.main.config.vrings[i];

		if (word == ring->avail || word == ring->avail + 1 ||
		    word == ring->avail + 2 + ring->count || word == ring->used ||
		    word == ring->used + 1 || word == ring->used + 2 + 4 * ring->count)
			return true;
	}
	return false;
}

static void scribble(void *shared, size_t length)
{
	reads++;
	if (is_polled(shared))
		return;
	memset(shared, 0xff, length);
	scribbles++;
}

static uint32_t heard;

static void hear(void *argument, const char *name, uint32_t address, bool created)
{
	(void)argument;
	assert_string_equal(name, "echo");
	assert_int_equal(address, 1024);
	assert_true(created);
	heard++;
}

static void what_changes_after_it_was_read_changes_nothing(void **state)
{
	struct amph_rpmsg_endpoint echo;
	uint8_t message[MAX];
	struct fixture f;

	(void)state;
	open_fixture(&f);
	watched = &f;
	order_was_read = scribble;
	for (int side = 0; side < 2; side++) {
		f.sides[side]->rpmsg.config.service = hear;
		for (uint32_t length = 0; length <= MAX; length += 31) {
			memset(message, (int)length + 1, sizeof(message));
			assert_int_equal(send(&f, side, message, length), 0);
			assert_int_equal(poll_side(&f, !side), 1);
			assert_int_equal(f.inboxes[!side].length, length);
			assert_int_equal(f.inboxes[!side].source, f.endpoints[side].address);
			assert_memory_equal(f.inboxes[!side].bytes, message, length);
		}
	}
	for (int side = 0; side < 2; side++) {
		assert_int_equal(amph_rpmsg_endpoint_create(&f.sides[side]->rpmsg, &echo, "echo",
							    AMPH_RPMSG_ANY, AMPH_RPMSG_ANY, receive,
							    &f.inboxes[side], true, PAST),
				 0);
		assert_int_equal(poll_side(&f, !side), 1);
		/* every transmit buffer still starts where the private slot says */
		for (uint32_t i = 0; i < 2 * COUNT; i++) {
			assert_int_equal(send(&f, side, "x", 1), 0);
			assert_int_equal(poll_side(&f, !side), 1);
		}
		assert_int_equal(amph_rpmsg_endpoint_destroy(&echo, false, PAST), 0);
	}
	/* what the slots keep is what was checked, not what came after */
	for (int side = 0; side < 2; side++)
		for (int queue = 0; queue < 2; queue++)
			for (uint32_t id = 0; id < COUNT; id++) {
				const struct amph_virtqueue_slot *slot =
					&f.sides[side]->slots[queue][id];

				assert_in_range(slot->length, 1, SIZE);
				assert_in_range(slot->offset, 0, 2 * COUNT * SIZE - slot->length);
			}
	assert_int_equal(heard, 2);
	assert_true(scribbles > 100 && reads > scribbles);
	order_was_read = NULL;
	close_fixture(&f);
}

static const uint16_t *raced;
static int racer;

/* Between this side's look at the index and its asking for a doorbell, the other side acts. */
static void race(void *shared, size_t length)
{
	(void)length;
	if (shared != raced)
		return;
	order_was_read = NULL;
	if (watched->inboxes[racer].count)
		assert_int_equal(send(watched, racer, "now", 3), 0);
	else
		assert_int_equal(poll_side(watched, racer), COUNT);
}

static void what_comes_between_looking_and_asking_is_not_missed(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		const struct amph_vring *rings;
		struct fixture f;

		open_fixture(&f);
		watched = &f;
		racer = !side;
		rings = f.pair.main.config.vrings;
		/* buffers come back, and nobody rings: nobody has asked yet */
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		raced = side ? &rings[0].avail[1] : &rings[1].used[1];
		order_was_read = race;
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, amph_deadline(2000)),
				 0);
		assert_null(order_was_read);
		assert_int_equal(f.sides[side]->waits, 0);
		assert_int_equal(poll_side(&f, !side), 1);
		/* a message comes, after the look at its queue */
		raced = side ? &rings[1].avail[1] : &rings[0].used[1];
		amph_virtqueue_hush(f.sides[side]->rpmsg.receive);
		order_was_read = race;
		assert_int_equal(poll_side(&f, side), 1);
		assert_null(order_was_read);
		assert_int_equal(f.inboxes[side].length, 3);
		close_fixture(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_after_it_was_read_changes_nothing),
		cmocka_unit_test(what_comes_between_looking_and_asking_is_not_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
