/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, both roles in one thread: messages, back-pressure, loans, holds, endpoints, the end.
 * What a lying peer can do is in test_rpmsg_lies.c.
 */
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rpmsg_fixture.h"

static void messages_of_all_sizes_cross_both_ways(void **state)
{
	static const uint32_t counts[] = {1, 2, 8, 256};
	uint8_t message[MAX];

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		struct fixture *f = malloc(sizeof(*f));

		assert_non_null(f);
		open_sized(f, counts[c], SIZE);
		for (uint32_t round = 0; round < 4 * (MAX + 1); round++) {
			int side = (int)(round & 1);
			uint32_t length = round / 4;
			struct inbox *inbox = &f->inboxes[!side];

			for (uint32_t i = 0; i < length; i++)
				message[i] = (uint8_t)(round + i);
			assert_int_equal(send(f, side, message, length), 0);
			assert_int_equal(poll_side(f, !side), 1);
			assert_int_equal(inbox->length, length);
			assert_int_equal(inbox->source, f->endpoints[side].address);
			assert_memory_equal(inbox->bytes, message, length);
			assert_int_equal(inbox->count, round / 2 + 1);
		}
		for (int i = 0; i < 2; i++) {
			assert_int_equal(f->sides[i]->rpmsg.count.sent, 2 * (MAX + 1));
			assert_int_equal(f->sides[i]->rpmsg.count.received, 2 * (MAX + 1));
			assert_int_equal(f->sides[i]->rpmsg.count.dropped, 0);
			assert_int_equal(f->sides[i]->rpmsg.count.malformed, 0);
		}
		close_fixture(f);
		free(f);
	}
}

static void a_message_on_the_wire_is_linux_s(void **state)
{
	static const uint8_t expected[] = {100, 0, 0, 0, 200, 0,   0,	0,   0,	  0,  0,
					   0,	5, 0, 0, 0,   'h', 'e', 'l', 'l', 'o'};
	struct fixture f;
	struct amph_vring *ring;

	(void)state;
	open_fixture(&f);
	/* receive buffers first, then transmit buffers, by descriptor */
	ring = &f.pair.main.config.vrings[0];
	assert_int_equal(ring->avail[1], COUNT);
	for (uint16_t i = 0; i < COUNT; i++) {
		assert_int_equal(ring->avail[2 + i], i);
		assert_int_equal(ring->desc[i].address, PAIR_PA + i * SIZE);
		assert_int_equal(ring->desc[i].length, SIZE);
		assert_int_equal(ring->desc[i].flags, AMPH_VRING_DESC_WRITE);
	}
	assert_int_equal(send(&f, 0, "hello", 5), 0);
	assert_int_equal(send(&f, 0, "again", 5), 0);
	ring = &f.pair.main.config.vrings[1];
	assert_int_equal(ring->avail[1], 2);
	for (uint16_t i = 0; i < 2; i++) {
		assert_int_equal(ring->avail[2 + i], i);
		assert_int_equal(ring->desc[i].address, PAIR_PA + (COUNT + i) * SIZE);
		assert_int_equal(ring->desc[i].length, 21);
		assert_int_equal(ring->desc[i].flags, 0);
	}
	assert_memory_equal(f.pair.buffers + COUNT * SIZE, expected, sizeof(expected));
	/* the peer's answer: in the first receive buffer, length in the used element */
	assert_int_equal(send(&f, 1, "hello", 5), 0);
	assert_int_equal(f.pair.main.config.vrings[0].used[1], 1);
	assert_int_equal(f.pair.main.config.vrings[0].used[2], 0);
	assert_int_equal(f.pair.main.config.vrings[0].used[4], 21);
	assert_int_equal((uint8_t)f.pair.buffers[0], 200);
	assert_int_equal(f.pair.buffers[4], 100);
	assert_memory_equal(f.pair.buffers + 8, expected + 8, sizeof(expected) - 8);
	/* a returned buffer says its whole length: rpmsg-lite's main side needs it */
	assert_int_equal(poll_side(&f, 1), 2);
	assert_int_equal(f.pair.main.config.vrings[1].used[1], 2);
	assert_int_equal(f.pair.main.config.vrings[1].used[4], 21);
	close_fixture(&f);
}

static void the_reserved_word_is_written_0_and_never_read(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		char *buffer = f.pair.buffers + (side ? 0 : COUNT * SIZE);

		memset(buffer, 0xff, SIZE);
		assert_int_equal(send(&f, side, "abc", 3), 0);
		assert_memory_equal(buffer + 8, "\0\0\0\0", 4);
		memset(buffer + 8, 0xff, 4);
		memset(buffer + 14, 0xff, 2); /* flags mean nothing yet */
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(f.inboxes[!side].length, 3);
	}
	close_fixture(&f);
}

static void nothing_is_truncated(void **state)
{
	static const uint8_t message[MAX + 1];
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(amph_rpmsg_payload_max(&f.sides[side]->rpmsg), MAX);
		assert_int_equal(send(&f, side, message, MAX + 1), -EMSGSIZE);
		assert_int_equal(send(&f, side, message, 65536 + 4), -EMSGSIZE);
		assert_int_equal(send(&f, side, message, UINT32_MAX), -EMSGSIZE);
		assert_int_equal(poll_side(&f, !side), 0);
		assert_int_equal(send(&f, side, message, MAX), 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(f.inboxes[!side].length, MAX);
	}
	close_fixture(&f);
}

static void the_destination_is_learned_from_the_first_message(void **state)
{
	struct fixture f;
	struct amph_rpmsg_endpoint late;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		assert_int_equal(amph_rpmsg_endpoint_create(&f.sides[side]->rpmsg, &late, NULL, 7,
							    AMPH_RPMSG_ANY, receive,
							    &f.inboxes[side], false, PAST),
				 0);
		assert_int_equal(amph_rpmsg_send(&late, "x", 1, PAST), -ENOTCONN);
		assert_int_equal(amph_rpmsg_send_to(&f.endpoints[!side], 7, "x", 1, PAST), 0);
		assert_int_equal(poll_side(&f, side), 1);
		assert_int_equal(late.destination, f.endpoints[!side].address);
		assert_int_equal(amph_rpmsg_send(&late, "x", 1, PAST), 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(f.inboxes[!side].source, 7);
		/* and kept */
		late.destination = 4242;
		assert_int_equal(amph_rpmsg_send_to(&f.endpoints[!side], 7, "x", 1, PAST), 0);
		assert_int_equal(poll_side(&f, side), 1);
		assert_int_equal(late.destination, 4242);
		assert_int_equal(amph_rpmsg_endpoint_destroy(&late, false, PAST), 0);
	}
	close_fixture(&f);
}

static void a_message_for_nobody_is_dropped_and_counted(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++)
		for (uint32_t i = 0; i < 3 * COUNT; i++) {
			assert_int_equal(amph_rpmsg_send_to(&f.endpoints[side], 999, "x", 1, PAST),
					 0);
			assert_int_equal(poll_side(&f, !side), 1);
			assert_int_equal(f.sides[!side]->rpmsg.count.dropped, i + 1);
			assert_int_equal(f.inboxes[!side].count, 0);
		}
	close_fixture(&f);
}

static void a_full_ring_is_a_time_out_and_not_a_loss(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, &i, sizeof(i)), 0);
		assert_int_equal(send(&f, side, "x", 1), -ETIMEDOUT);
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, amph_deadline(20)),
				 -ETIMEDOUT);
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(f.inboxes[!side].bytes[0], COUNT - 1);
		assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(poll_side(&f, !side), 1);
	}
	close_fixture(&f);
}

static struct fixture *waiting;

static void other_side_polls(struct pair_side *side)
{
	amph_rpmsg_poll(&side->other->rpmsg);
}

static void a_send_waits_for_returned_buffers(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int event_index = 0; event_index < 2; event_index++)
		for (int side = 0; side < 2; side++) {
			uint32_t kicks;

			for (int i = 0; i < 2; i++)
				f.sides[i]->config.event_index = event_index;
			assert_int_equal(pair_start(&f.pair), 0);
			for (int i = 0; i < 2; i++)
				assert_int_equal(amph_rpmsg_endpoint_create(
							 &f.sides[i]->rpmsg, &f.endpoints[i], NULL,
							 100u + 100u * (uint32_t)i,
							 200u - 100u * (uint32_t)i, receive,
							 &f.inboxes[i], false, PAST),
						 0);
			for (uint32_t i = 0; i < COUNT; i++)
				assert_int_equal(send(&f, side, &i, sizeof(i)), 0);
			f.sides[side]->on_wait = other_side_polls;
			kicks = f.sides[!side]->kicks[side == 0];
			f.inboxes[!side].count = 0;
			assert_int_equal(
				amph_rpmsg_send(&f.endpoints[side], "x", 1, amph_deadline(2000)),
				0);
			/* rung exactly once for the returned buffers, because it was asked for */
			assert_int_equal(f.sides[!side]->kicks[side == 0], kicks + 1);
			assert_int_equal(f.inboxes[!side].count, COUNT);
			/* and not when nobody waits */
			f.sides[side]->on_wait = NULL;
			assert_int_equal(poll_side(&f, !side), 1);
			if (!event_index)
				assert_int_equal(f.sides[!side]->kicks[side == 0], kicks + 1);
		}
	close_fixture(&f);
}

static void what_wait_returns_is_passed_on(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_loan loan;
		uint64_t deadline = amph_deadline(10000);

		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		f.sides[side]->wait_error = -EPIPE;
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, deadline), -EPIPE);
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, deadline), -EPIPE);
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, deadline), -EPIPE);
		f.sides[side]->wait_error = 0;
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(poll_side(&f, !side), 1);
	}
	close_fixture(&f);
}

static void doorbells_without_end_buy_no_time(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		f.sides[side]->busy = true; /* wait returns 0 at once, for ever */
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, amph_deadline(30)),
				 -ETIMEDOUT);
		assert_true(f.sides[side]->waits > 1);
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, amph_deadline(30)),
				 -ETIMEDOUT);
		f.sides[side]->busy = false;
		assert_int_equal(poll_side(&f, !side), COUNT);
	}
	close_fixture(&f);
}

static void other_side_sends(struct pair_side *side)
{
	struct fixture *f = waiting;

	if (side->waits == 3)
		assert_int_equal(send(f, side == f->sides[0], "late", 4), 0);
	side->busy = side->waits < 3;
}

static void poll_wait_waits_for_a_message(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	waiting = &f;
	for (int side = 0; side < 2; side++) {
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, PAST), -ETIMEDOUT);
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, amph_deadline(10)),
				 -ETIMEDOUT);
		f.sides[side]->waits = 0;
		f.sides[side]->on_wait = other_side_sends;
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, amph_deadline(5000)),
				 1);
		assert_int_equal(f.inboxes[side].length, 4);
		f.sides[side]->on_wait = NULL;
	}
	close_fixture(&f);
}

static void a_message_that_comes_with_the_deadline_is_delivered(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	waiting = &f;
	for (int side = 0; side < 2; side++) {
		f.sides[side]->waits = 2;
		f.sides[side]->on_wait = other_side_sends;
		f.sides[side]->wait_error = -ETIMEDOUT;
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, amph_deadline(5000)),
				 1);
		assert_int_equal(f.inboxes[side].count, 1);
		f.sides[side]->on_wait = NULL;
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, amph_deadline(5000)),
				 -ETIMEDOUT);
		f.sides[side]->wait_error = 0;
	}
	close_fixture(&f);
}

static void poll_delivers_one_ring_at_most(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, &i, sizeof(i)), 0);
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(poll_side(&f, !side), 0);
	}
	close_fixture(&f);
}

static void answer_until_full(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	inbox->result = amph_rpmsg_send(inbox->other, "more", 4, PAST);
	(void)endpoint;
}

static void a_peer_that_never_stops_sending_does_not_keep_poll(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	/* each delivery makes the other side send the next one: it would go on for ever */
	f.inboxes[1].then = answer_until_full;
	f.inboxes[1].other = &f.endpoints[0];
	for (uint32_t i = 0; i < COUNT - 1; i++)
		assert_int_equal(send(&f, 0, "x", 1), 0);
	assert_int_equal(poll_side(&f, 1), COUNT);
	close_fixture(&f);
}

static void a_loan_is_sent_without_a_copy(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_loan loan;
		const char *payload;

		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		assert_int_equal(loan.size, MAX);
		assert_ptr_equal(loan.payload,
				 f.pair.buffers + (side ? 0 : COUNT * SIZE) + AMPH_RPMSG_HEADER);
		memcpy(loan.payload, "direct", 6);
		payload = loan.payload;
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, AMPH_RPMSG_ANY, 6),
				 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_ptr_equal(f.inboxes[!side].data, payload);
		assert_memory_equal(f.inboxes[!side].bytes, "direct", 6);
		assert_int_equal(f.inboxes[!side].source, f.endpoints[side].address);
		/* to another address, whole */
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 999, MAX), 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(f.sides[!side]->rpmsg.count.dropped, 1);
	}
	close_fixture(&f);
}

static void a_loan_ends_once(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg *rpmsg = &f.sides[side]->rpmsg;
		struct amph_rpmsg_loan loan, copy, wrong;

		assert_int_equal(amph_rpmsg_loan(rpmsg, &loan, PAST), 0);
		copy = loan;
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 999, 1), 0);
		assert_null(loan.payload);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 999, 1), -EINVAL);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &copy, 999, 1), -EINVAL);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &loan), -EINVAL);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &copy), -EINVAL);
		assert_int_equal(poll_side(&f, !side), 1);

		assert_int_equal(amph_rpmsg_loan(rpmsg, &loan, PAST), 0);
		copy = loan;
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &loan), 0);
		assert_null(loan.payload);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &loan), -EINVAL);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &copy), -EINVAL);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &copy, 999, 1), -EINVAL);
		assert_int_equal(poll_side(&f, !side), 0);

		wrong = (struct amph_rpmsg_loan){
			.payload = f.pair.buffers, .size = 1, .id = (uint16_t)COUNT};
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &wrong), -EINVAL);
		wrong.id = 0xffff;
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &wrong, 999, 1), -EINVAL);
		/* every buffer is still there, once */
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(send(&f, side, "x", 1), -ETIMEDOUT);
		assert_int_equal(poll_side(&f, !side), COUNT);
	}
	close_fixture(&f);
}

static void a_refused_send_leaves_the_loan(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_loan loan;

		f.endpoints[side].destination = AMPH_RPMSG_ANY;
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, AMPH_RPMSG_ANY, 1),
				 -ENOTCONN);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 1, MAX + 1),
				 -EMSGSIZE);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 1, UINT32_MAX),
				 -EMSGSIZE);
		loan.size = UINT32_MAX; /* the caller's copy: the private slot decides */
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 1, MAX + 1),
				 -EMSGSIZE);
		assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[side], &loan, 1, MAX), 0);
		assert_int_equal(poll_side(&f, !side), 1);
	}
	close_fixture(&f);
}

static void all_loans_are_different_buffers(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++)
		for (int round = 0; round < 3; round++) {
			struct amph_rpmsg_loan loans[COUNT + 1];

			for (uint32_t i = 0; i < COUNT; i++) {
				assert_int_equal(
					amph_rpmsg_loan(&f.sides[side]->rpmsg, &loans[i], PAST), 0);
				for (uint32_t j = 0; j < i; j++)
					assert_ptr_not_equal(loans[i].payload, loans[j].payload);
			}
			assert_int_equal(
				amph_rpmsg_loan(&f.sides[side]->rpmsg, &loans[COUNT], PAST),
				-ETIMEDOUT);
			for (uint32_t i = 0; i < COUNT; i++)
				assert_int_equal(
					amph_rpmsg_give_back(&f.sides[side]->rpmsg, &loans[i]), 0);
		}
	close_fixture(&f);
}

static void hold(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	assert_int_equal(amph_rpmsg_hold(endpoint->rpmsg, (const char *)inbox->data + 1), -EINVAL);
	inbox->result = amph_rpmsg_hold(endpoint->rpmsg, inbox->data);
	assert_int_equal(amph_rpmsg_hold(endpoint->rpmsg, inbox->data), -EINVAL);
}

static void held_messages_stay_until_released_in_any_order(void **state)
{
	static const uint32_t orders[][COUNT] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}};

	(void)state;
	for (size_t o = 0; o < sizeof(orders) / sizeof(orders[0]); o++)
		for (int side = 0; side < 2; side++) {
			struct fixture f;
			struct amph_rpmsg *rpmsg;
			const void *held[COUNT];

			open_fixture(&f);
			rpmsg = &f.sides[!side]->rpmsg;
			f.inboxes[!side].then = hold;
			for (uint32_t i = 0; i < COUNT; i++) {
				assert_int_equal(send(&f, side, &i, sizeof(i)), 0);
				assert_int_equal(poll_side(&f, !side), 1);
				assert_int_equal(f.inboxes[!side].result, 0);
				held[i] = f.inboxes[!side].data;
			}
			/* all buffers are held: the sender has none */
			assert_int_equal(send(&f, side, "x", 1), -ETIMEDOUT);
			for (uint32_t i = 0; i < COUNT; i++)
				assert_memory_equal(held[i], &i, sizeof(i));
			assert_int_equal(amph_rpmsg_hold(rpmsg, held[0]), -EINVAL);
			assert_int_equal(amph_rpmsg_release(rpmsg, NULL), -EINVAL);
			assert_int_equal(amph_rpmsg_release(rpmsg, (const char *)held[0] + 4),
					 -EINVAL);
			f.inboxes[!side].then = NULL;
			for (uint32_t i = 0; i < COUNT; i++) {
				const void *data = held[orders[o][i]];

				assert_int_equal(amph_rpmsg_release(rpmsg, data), 0);
				assert_int_equal(amph_rpmsg_release(rpmsg, data), -EINVAL);
				assert_int_equal(send(&f, side, "x", 1), 0);
				assert_int_equal(send(&f, side, "x", 1), -ETIMEDOUT);
				assert_int_equal(poll_side(&f, !side), 1);
				assert_ptr_equal(f.inboxes[!side].data, data);
				assert_int_equal(send(&f, side, "x", 1), 0);
				assert_int_equal(poll_side(&f, !side), 1);
				/* take it out of circulation again: the order shall show */
				f.inboxes[!side].then = hold;
				assert_int_equal(send(&f, side, "x", 1), 0);
				assert_int_equal(poll_side(&f, !side), 1);
				assert_ptr_equal(f.inboxes[!side].data, data);
				f.inboxes[!side].then = NULL;
			}
			close_fixture(&f);
		}
}

static void hold_and_release(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	assert_int_equal(amph_rpmsg_release(endpoint->rpmsg, inbox->data), -EINVAL);
	hold(inbox, endpoint);
	assert_int_equal(amph_rpmsg_release(endpoint->rpmsg, inbox->data), 0);
	assert_int_equal(amph_rpmsg_release(endpoint->rpmsg, inbox->data), -EINVAL);
	assert_int_equal(amph_rpmsg_hold(endpoint->rpmsg, inbox->data), -EINVAL);
}

static void a_message_released_in_its_receiver_goes_back_once(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		f.inboxes[!side].then = hold_and_release;
		for (uint32_t i = 0; i < 5 * COUNT; i++) {
			assert_int_equal(send(&f, side, "x", 1), 0);
			assert_int_equal(poll_side(&f, !side), 1);
		}
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(send(&f, side, "x", 1), -ETIMEDOUT);
		assert_int_equal(poll_side(&f, !side), COUNT);
		f.inboxes[!side].then = NULL;
	}
	close_fixture(&f);
}

static void a_release_rings_a_waiting_sender(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		const void *held;
		uint32_t queue = side == 0;

		f.inboxes[!side].then = hold;
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(poll_side(&f, !side), COUNT);
		held = f.inboxes[!side].data;
		amph_virtqueue_ask(f.sides[side]->rpmsg.transmit);
		f.sides[!side]->kicks[queue] = 0;
		assert_int_equal(amph_rpmsg_release(&f.sides[!side]->rpmsg, held), 0);
		assert_int_equal(f.sides[!side]->kicks[queue], 1);
	}
	close_fixture(&f);
}

static void poll_inside(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	inbox->result = amph_rpmsg_poll(endpoint->rpmsg);
	assert_int_equal(amph_rpmsg_poll_wait(endpoint->rpmsg, amph_deadline(1000)), -EBUSY);
}

static void a_receiver_must_not_poll(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		f.inboxes[!side].then = poll_inside;
		assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(poll_side(&f, !side), 1);
		assert_int_equal(f.inboxes[!side].result, -EBUSY);
		assert_int_equal(poll_side(&f, !side), 0);
	}
	close_fixture(&f);
}

static void destroy_self_create_other(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	uint32_t address = endpoint->address;

	inbox->then = NULL;
	assert_int_equal(amph_rpmsg_send(endpoint, "bye", 3, PAST), 0);
	assert_int_equal(amph_rpmsg_endpoint_destroy(endpoint, false, PAST), 0);
	memset(endpoint, 0xdd, sizeof(*endpoint)); /* its storage is ours again */
	inbox->result = amph_rpmsg_endpoint_create(rpmsg, inbox->other, "next", address,
						   AMPH_RPMSG_ANY, receive, inbox, false, PAST);
}

static void endpoints_come_and_go_in_receivers(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_endpoint next;

		f.inboxes[side].other = &next;
		f.inboxes[side].then = destroy_self_create_other;
		assert_int_equal(send(&f, !side, "1", 1), 0);
		assert_int_equal(send(&f, !side, "2", 1), 0);
		f.inboxes[side].count = 0;
		assert_int_equal(poll_side(&f, side), 2);
		assert_int_equal(f.inboxes[side].result, 0);
		assert_int_equal(f.inboxes[side].count, 2);
		assert_int_equal(next.destination, f.endpoints[!side].address);
		/* put the first one back for the next round */
		assert_int_equal(amph_rpmsg_endpoint_destroy(&next, false, PAST), 0);
		assert_int_equal(amph_rpmsg_endpoint_create(
					 &f.sides[side]->rpmsg, &f.endpoints[side], "test",
					 100u + 100u * (uint32_t)side, 200u - 100u * (uint32_t)side,
					 receive, &f.inboxes[side], false, PAST),
				 0);
		while (amph_rpmsg_poll(&f.sides[!side]->rpmsg) > 0)
			;
	}
	close_fixture(&f);
}

static void addresses_are_unique_and_dynamic_ones_start_at_1024(void **state)
{
	struct amph_rpmsg_endpoint many[5], fixed;
	struct fixture f;
	struct amph_rpmsg *rpmsg;

	(void)state;
	open_fixture(&f);
	rpmsg = &f.pair.main.rpmsg;
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &fixed, NULL, 1025, 1, receive, NULL,
						    false, PAST),
			 0);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &many[i], NULL, AMPH_RPMSG_ANY,
							    1, receive, NULL, false, PAST),
				 0);
	assert_int_equal(many[0].address, 1024);
	assert_int_equal(many[1].address, 1026);
	assert_int_equal(many[2].address, 1027);
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &many[3], NULL, 1026, 1, receive, NULL,
						    false, PAST),
			 -EADDRINUSE);
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &many[3], NULL, 53, 1, receive, NULL,
						    false, PAST),
			 -EADDRINUSE);
	/* an address is not handed out again at once, and the search goes round */
	assert_int_equal(amph_rpmsg_endpoint_destroy(&many[0], false, PAST), 0);
	rpmsg->next_address = AMPH_RPMSG_ANY - 1;
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &many[3], NULL, AMPH_RPMSG_ANY, 1,
						    receive, NULL, false, PAST),
			 0);
	assert_int_equal(many[3].address, AMPH_RPMSG_ANY - 1);
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &many[0], NULL, AMPH_RPMSG_ANY, 1,
						    receive, NULL, false, PAST),
			 0);
	assert_int_equal(many[0].address, 1024);
	close_fixture(&f);
}

static void endpoints_with_wrong_parameters_are_refused(void **state)
{
	struct amph_rpmsg_endpoint endpoint = {0};
	struct fixture f;
	struct amph_rpmsg *rpmsg;

	(void)state;
	open_fixture(&f);
	rpmsg = &f.pair.peer.rpmsg;
	assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, false, PAST), -EINVAL);
	assert_int_equal(
		amph_rpmsg_endpoint_create(rpmsg, &endpoint, "x", 1, 1, NULL, NULL, false, PAST),
		-EINVAL);
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &endpoint,
						    "32 bytes, closing NUL apart: too", 1, 1,
						    receive, NULL, false, PAST),
			 -EINVAL);
	assert_int_equal(
		amph_rpmsg_endpoint_create(rpmsg, &endpoint, NULL, 1, 1, receive, NULL, true, PAST),
		-EINVAL);
	assert_int_equal(
		amph_rpmsg_endpoint_create(rpmsg, &endpoint, "", 1, 1, receive, NULL, true, PAST),
		-EINVAL);
	assert_int_equal(amph_rpmsg_endpoint_create(rpmsg, &endpoint,
						    "0123456789012345678901234567890", 1, 1,
						    receive, NULL, false, PAST),
			 0);
	assert_string_equal(endpoint.name, "0123456789012345678901234567890");
	assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, false, PAST), 0);
	assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, false, PAST), -EINVAL);
	close_fixture(&f);
}

static char before[2][1024];
static struct pair *watched;

static void close_inside(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	(void)inbox;
	for (int i = 0; i < 2; i++)
		memcpy(before[i], watched->rings[i], watched->ring_size);
	amph_rpmsg_close(endpoint->rpmsg);
}

static void expect_closed(struct fixture *f, int side, struct amph_rpmsg_loan *loan, int error)
{
	struct amph_rpmsg *rpmsg = &f->sides[side]->rpmsg;
	struct amph_rpmsg_endpoint endpoint;

	assert_int_equal(send(f, side, "x", 1), error);
	assert_int_equal(amph_rpmsg_poll(rpmsg), error);
	assert_int_equal(amph_rpmsg_poll_wait(rpmsg, amph_deadline(1000)), error);
	assert_int_equal(amph_rpmsg_send_loan(&f->endpoints[side], loan, 1, 1), error);
	assert_int_equal(amph_rpmsg_give_back(rpmsg, loan), error);
	assert_int_equal(amph_rpmsg_loan(rpmsg, loan, amph_deadline(1000)), error);
	assert_int_equal(amph_rpmsg_release(rpmsg, loan->payload), error);
	assert_int_equal(amph_rpmsg_payload_max(rpmsg), 0);
	assert_int_equal(
		amph_rpmsg_endpoint_create(rpmsg, &endpoint, "x", 1, 1, receive, NULL, false, PAST),
		error);
	assert_int_equal(amph_rpmsg_endpoint_destroy(&f->endpoints[side], true, PAST), error);
}

static void a_closed_device_touches_shared_memory_no_more(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;
		struct amph_rpmsg_loan loan;
		uint32_t kicks[2];

		open_fixture(&f);
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, PAST), 0);
		assert_int_equal(send(&f, !side, "x", 1), 0);
		assert_int_equal(send(&f, !side, "x", 1), 0);
		f.inboxes[side].then = close_inside;
		watched = &f.pair;
		assert_int_equal(poll_side(&f, side), -ENOTCONN);
		assert_int_equal(f.inboxes[side].count, 1);
		for (int i = 0; i < 2; i++)
			assert_memory_equal(before[i], f.pair.rings[i], f.pair.ring_size);
		memcpy(kicks, f.sides[side]->kicks, sizeof(kicks));
		/* a sanitizer would see any touch of the freed rings */
		close_fixture(&f);
		expect_closed(&f, side, &loan, -ENOTCONN);
		assert_memory_equal(kicks, f.sides[side]->kicks, sizeof(kicks));
	}
}

static void impossible_configurations_are_refused(void **state)
{
	struct pair pair;

	(void)state;
	pair_open(&pair, COUNT, SIZE);
	for (int role = 0; role < 2; role++) {
		struct pair_side *side = role ? &pair.peer : &pair.main;
		struct amph_rpmsg_config good = side->config;
		struct amph_rpmsg_config *config = &side->config;

#define REFUSED(change)                                                           \
	do {                                                                      \
		*config = good;                                                   \
		change;                                                           \
		assert_int_equal(amph_rpmsg_init(&side->rpmsg, config), -EINVAL); \
	} while (0)
		REFUSED(config->kick = NULL);
		REFUSED(config->buffers.va = NULL);
		REFUSED(config->buffers.va = (char *)good.buffers.va + 2);
		REFUSED(config->buffers.pa += 1);
		REFUSED(config->buffers.size = 0);
		REFUSED(config->buffers.size = 0x100000000ull);
		REFUSED(config->buffer_size = 0);
		REFUSED(config->buffer_size = AMPH_RPMSG_HEADER);
		REFUSED(config->buffer_size = 12);
		REFUSED(config->buffer_size = 18);
		REFUSED(config->buffer_size = 65536 + AMPH_RPMSG_HEADER);
		REFUSED(config->slots[0] = NULL);
		REFUSED(config->slots[1] = NULL);
		REFUSED(config->vrings[1].count = 0);
		if (role)
			REFUSED(config->buffers.pa = UINT64_MAX - 3);
		else
			REFUSED(config->buffers.size -= 1);
		*config = good;
		assert_int_equal(amph_rpmsg_init(&side->rpmsg, config), 0);
	}
	pair_close(&pair);
}

static void a_peer_sends_no_more_than_the_buffer_that_it_was_given(void **state)
{
	static const uint8_t message[MAX];
	struct amph_rpmsg_loan loan;
	struct fixture f;

	(void)state;
	open_fixture(&f);
	/* the main side's descriptors, not yet taken, get shorter */
	for (uint32_t i = 0; i < COUNT; i++)
		f.pair.main.config.vrings[0].desc[i].length = 100;
	assert_int_equal(send(&f, 1, message, 85), -EMSGSIZE);
	assert_int_equal(send(&f, 1, message, 84), 0);
	assert_int_equal(poll_side(&f, 0), 1);
	assert_int_equal(f.inboxes[0].length, 84);
	assert_int_equal(amph_rpmsg_loan(&f.pair.peer.rpmsg, &loan, PAST), 0);
	assert_int_equal(loan.size, 84);
	assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[1], &loan, AMPH_RPMSG_ANY, 85),
			 -EMSGSIZE);
	assert_int_equal(amph_rpmsg_send_loan(&f.endpoints[1], &loan, AMPH_RPMSG_ANY, 84), 0);
	close_fixture(&f);
}

static void a_peer_takes_and_sends_no_more_than_its_buffer_size(void **state)
{
	static const uint8_t message[MAX];
	struct amph_rpmsg_loan loan;
	struct fixture f;

	(void)state;
	memset(&f, 0, sizeof(f));
	pair_open(&f.pair, COUNT, SIZE);
	f.sides[0] = &f.pair.main;
	f.sides[1] = &f.pair.peer;
	f.pair.peer.config.buffer_size = 256;
	assert_int_equal(pair_start(&f.pair), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(amph_rpmsg_endpoint_create(&f.sides[i]->rpmsg, &f.endpoints[i],
							    NULL, 100u + 100u * (uint32_t)i,
							    200u - 100u * (uint32_t)i, receive,
							    &f.inboxes[i], false, PAST),
				 0);
	assert_int_equal(amph_rpmsg_payload_max(&f.pair.peer.rpmsg), 240);
	assert_int_equal(send(&f, 1, message, 241), -EMSGSIZE);
	assert_int_equal(send(&f, 1, message, 240), 0);
	assert_int_equal(amph_rpmsg_loan(&f.pair.peer.rpmsg, &loan, PAST), 0);
	assert_int_equal(loan.size, 240);
	assert_int_equal(send(&f, 0, message, 240), 0);
	assert_int_equal(send(&f, 0, message, 241), 0);
	assert_int_equal(poll_side(&f, 1), 2);
	assert_int_equal(f.inboxes[1].count, 1);
	assert_int_equal(f.pair.peer.rpmsg.count.malformed, 1);
	close_fixture(&f);
}

static void without_a_way_to_wait_every_deadline_is_over(void **state)
{
	struct amph_rpmsg_loan loan;
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		uint64_t deadline = amph_deadline(10000);

		f.sides[side]->rpmsg.config.wait = NULL;
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, deadline), -ETIMEDOUT);
		assert_int_equal(amph_rpmsg_loan(&f.sides[side]->rpmsg, &loan, deadline),
				 -ETIMEDOUT);
		assert_int_equal(amph_rpmsg_poll_wait(&f.sides[side]->rpmsg, deadline), -ETIMEDOUT);
		assert_int_equal(poll_side(&f, !side), COUNT);
	}
	close_fixture(&f);
}

static void a_send_that_does_not_wait_asks_for_a_doorbell(void **state)
{
	static const uint8_t message[MAX + 1];
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg_endpoint *from = &f.endpoints[side];
		uint32_t *kicks = &f.sides[!side]->kicks[side == 0];

		assert_int_equal(amph_rpmsg_try_send_to(from, AMPH_RPMSG_ANY, message, MAX + 1),
				 -EMSGSIZE);
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(amph_rpmsg_try_send_to(from, AMPH_RPMSG_ANY, "x", 1), 0);
		assert_int_equal(amph_rpmsg_try_send_to(from, AMPH_RPMSG_ANY, "x", 1), -EAGAIN);
		assert_int_equal(f.sides[side]->waits, 0);
		*kicks = 0;
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(*kicks, 1);
		assert_int_equal(amph_rpmsg_try_send_to(from, AMPH_RPMSG_ANY, "x", 1), 0);
		from->destination = AMPH_RPMSG_ANY;
		assert_int_equal(amph_rpmsg_try_send_to(from, AMPH_RPMSG_ANY, "x", 1), -ENOTCONN);
	}
	close_fixture(&f);
}

static void an_endpoint_that_its_owner_filled_in_is_added_and_announced(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg *rpmsg = &f.sides[side]->rpmsg;
		struct amph_rpmsg_endpoint endpoint = {.address = 100u + 100u * (uint32_t)side,
						       .destination = AMPH_RPMSG_ANY,
						       .argument = &f.inboxes[side]};

		assert_int_equal(amph_rpmsg_endpoint_add(rpmsg, &endpoint), -EINVAL);
		endpoint.receiver = receive;
		assert_int_equal(amph_rpmsg_endpoint_add(rpmsg, &endpoint), -EADDRINUSE);
		endpoint.address = 7;
		assert_int_equal(amph_rpmsg_endpoint_add(rpmsg, &endpoint), 0);
		assert_int_equal(amph_rpmsg_announce(&endpoint), -EINVAL);
		memset(endpoint.name, 'n', sizeof(endpoint.name));
		assert_int_equal(amph_rpmsg_announce(&endpoint), -EINVAL);
		endpoint.name[AMPH_RPMSG_NAME_MAX - 1] = 0;
		rpmsg->config.name_service = false;
		assert_int_equal(amph_rpmsg_announce(&endpoint), -ENOTSUP);
		rpmsg->config.name_service = true;
		assert_int_equal(amph_rpmsg_announce(&endpoint), 0);
		for (uint32_t i = 1; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		assert_int_equal(amph_rpmsg_announce(&endpoint), -EAGAIN);
		f.inboxes[!side].count = 0;
		assert_int_equal(poll_side(&f, !side), COUNT);
		assert_int_equal(f.inboxes[!side].count, COUNT - 1);
		assert_int_equal(amph_rpmsg_send_to(&f.endpoints[!side], 7, "x", 1, PAST), 0);
		assert_int_equal(poll_side(&f, side), 1);
		assert_int_equal(endpoint.destination, f.endpoints[!side].address);
		assert_int_equal(amph_rpmsg_endpoint_destroy(&endpoint, false, PAST), 0);
		while (poll_side(&f, !side) > 0)
			;
	}
	close_fixture(&f);
}

static void who_does_not_hear_drops_announcements(void **state)
{
	struct amph_rpmsg_endpoint endpoint;
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(amph_rpmsg_init_peer(&f.pair.peer.rpmsg, &f.pair.peer.config), 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&f.pair.main.rpmsg, &endpoint, "echo", 7,
						    AMPH_RPMSG_ANY, receive, NULL, true, PAST),
			 0);
	assert_int_equal(poll_side(&f, 1), 1);
	assert_int_equal(f.pair.peer.rpmsg.count.dropped, 1);
	close_fixture(&f);
}

static void a_forked_child_is_refused_and_the_parent_goes_on(void **state)
{
	struct amph_rpmsg_loan loan;
	struct fixture f;
	int status;

	(void)state;
	open_sized(&f, 8, SIZE);
	assert_int_equal(send(&f, 0, "one", 3), 0);
	pid_t child = fork();
	if (!child) {
		struct amph_rpmsg *rpmsg = &f.sides[1]->rpmsg;

		_exit(amph_rpmsg_poll(rpmsg) == -EPERM && send(&f, 1, "x", 1) == -EPERM &&
				      amph_rpmsg_loan(rpmsg, &loan, 0) == -EPERM &&
				      amph_rpmsg_release(rpmsg, "x") == -EPERM
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(poll_side(&f, 1), 1);
	assert_int_equal(f.inboxes[1].length, 3);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_all_sizes_cross_both_ways),
		cmocka_unit_test(a_message_on_the_wire_is_linux_s),
		cmocka_unit_test(the_reserved_word_is_written_0_and_never_read),
		cmocka_unit_test(nothing_is_truncated),
		cmocka_unit_test(the_destination_is_learned_from_the_first_message),
		cmocka_unit_test(a_message_for_nobody_is_dropped_and_counted),
		cmocka_unit_test(a_full_ring_is_a_time_out_and_not_a_loss),
		cmocka_unit_test(a_send_waits_for_returned_buffers),
		cmocka_unit_test(what_wait_returns_is_passed_on),
		cmocka_unit_test(doorbells_without_end_buy_no_time),
		cmocka_unit_test(poll_wait_waits_for_a_message),
		cmocka_unit_test(a_message_that_comes_with_the_deadline_is_delivered),
		cmocka_unit_test(poll_delivers_one_ring_at_most),
		cmocka_unit_test(a_peer_that_never_stops_sending_does_not_keep_poll),
		cmocka_unit_test(a_loan_is_sent_without_a_copy),
		cmocka_unit_test(a_loan_ends_once),
		cmocka_unit_test(a_refused_send_leaves_the_loan),
		cmocka_unit_test(all_loans_are_different_buffers),
		cmocka_unit_test(held_messages_stay_until_released_in_any_order),
		cmocka_unit_test(a_message_released_in_its_receiver_goes_back_once),
		cmocka_unit_test(a_release_rings_a_waiting_sender),
		cmocka_unit_test(without_a_way_to_wait_every_deadline_is_over),
		cmocka_unit_test(a_send_that_does_not_wait_asks_for_a_doorbell),
		cmocka_unit_test(an_endpoint_that_its_owner_filled_in_is_added_and_announced),
		cmocka_unit_test(who_does_not_hear_drops_announcements),
		cmocka_unit_test(a_forked_child_is_refused_and_the_parent_goes_on),
		cmocka_unit_test(a_receiver_must_not_poll),
		cmocka_unit_test(endpoints_come_and_go_in_receivers),
		cmocka_unit_test(addresses_are_unique_and_dynamic_ones_start_at_1024),
		cmocka_unit_test(endpoints_with_wrong_parameters_are_refused),
		cmocka_unit_test(a_closed_device_touches_shared_memory_no_more),
		cmocka_unit_test(impossible_configurations_are_refused),
		cmocka_unit_test(a_peer_sends_no_more_than_the_buffer_that_it_was_given),
		cmocka_unit_test(a_peer_takes_and_sends_no_more_than_its_buffer_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
