/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: a pair of RPMsg devices in one thread, with an endpoint and an inbox on each side.
 * Include after cmocka.h.
 */
#ifndef TESTS_SUPPORT_RPMSG_FIXTURE_H
#define TESTS_SUPPORT_RPMSG_FIXTURE_H

#include "support/rpmsg_pair.h"

#define COUNT 4u
#define SIZE  512u
#define MAX   (SIZE - AMPH_RPMSG_HEADER)
#define PAST  0 /* a deadline that is over */

/* What a receiver of these tests saw last, and what it shall do. */
struct inbox {
	uint32_t count;
	uint32_t length, source;
	const void *data;
	uint8_t bytes[SIZE];
	void (*then)(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint);
	struct amph_rpmsg_endpoint *other;
	int result;
};

struct fixture {
	struct pair pair;
	struct pair_side *sides[2];
	struct amph_rpmsg_endpoint endpoints[2]; /* 100 on the main side, 200 on the peer's */
	struct inbox inboxes[2];
};

static inline void receive(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
			   uint32_t source, void *argument)
{
	struct inbox *inbox = argument;

	inbox->count++;
	inbox->length = length;
	inbox->source = source;
	inbox->data = data;
	assert_true(length <= sizeof(inbox->bytes));
	if (length)
		memcpy(inbox->bytes, data, length);
	if (inbox->then)
		inbox->then(inbox, endpoint);
}

static inline void open_sized(struct fixture *f, uint32_t count, uint32_t size)
{
	memset(f, 0, sizeof(*f));
	pair_open(&f->pair, count, size);
	f->sides[0] = &f->pair.main;
	f->sides[1] = &f->pair.peer;
	assert_int_equal(pair_start(&f->pair), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(amph_rpmsg_endpoint_create(&f->sides[i]->rpmsg, &f->endpoints[i],
							    "test", 100u + 100u * (uint32_t)i,
							    200u - 100u * (uint32_t)i, receive,
							    &f->inboxes[i], false, PAST),
				 0);
}

static inline void open_fixture(struct fixture *f)
{
	open_sized(f, COUNT, SIZE);
}

static inline void close_fixture(struct fixture *f)
{
	pair_close(&f->pair);
}

static inline int poll_side(struct fixture *f, int side)
{
	return amph_rpmsg_poll(&f->sides[side]->rpmsg);
}

static inline int send(struct fixture *f, int side, const void *data, uint32_t length)
{
	return amph_rpmsg_send(&f->endpoints[side], data, length, PAST);
}

#endif
