/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An RPMsg endpoint as a channel.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rpmsg_fixture.h"

struct heard {
	uint32_t count, length;
	intptr_t handle;
	uint8_t bytes[SIZE];
};

static void hear(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	struct heard *heard = argument;

	heard->count++;
	heard->length = length;
	heard->handle = handle;
	memcpy(heard->bytes, message, length);
}

static void messages_cross_whole_and_without_handles(void **state)
{
	struct amph_channel_rpmsg channels[2];
	struct heard heard[2] = {0};
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(amph_channel_rpmsg_init(&channels[0], &f.pair.main.rpmsg, NULL, 7,
						 AMPH_RPMSG_ANY, false, PAST),
			 0);
	assert_int_equal(amph_channel_rpmsg_init(&channels[1], &f.pair.peer.rpmsg, "share",
						 AMPH_RPMSG_ANY, 7, true, PAST),
			 0);
	assert_int_equal(amph_channel_poll(&channels[0].channel, PAST), 1); /* the announcement */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(channels[i].channel.message_max, MAX);
		amph_channel_receive(&channels[i].channel, hear, &heard[i]);
	}
	assert_int_equal(amph_channel_send(&channels[0].channel, "x", 1, -1, PAST), -ENOTCONN);
	assert_int_equal(amph_channel_send(&channels[1].channel, "question", 8, -1, PAST), 0);
	assert_int_equal(amph_channel_poll(&channels[0].channel, PAST), 1);
	assert_int_equal(heard[0].length, 8);
	assert_int_equal(heard[0].handle, -1);
	assert_memory_equal(heard[0].bytes, "question", 8);
	assert_int_equal(amph_channel_send(&channels[0].channel, "answer", 6, -1, PAST), 0);
	assert_int_equal(amph_channel_poll(&channels[1].channel, PAST), 1);
	assert_memory_equal(heard[1].bytes, "answer", 6);
	assert_int_equal(amph_channel_send(&channels[0].channel, "x", 1, 0, PAST), -ENOTSUP);
	assert_int_equal(amph_channel_send(&channels[0].channel, heard, MAX + 1, -1, PAST),
			 -EMSGSIZE);
	assert_int_equal(amph_channel_poll(&channels[1].channel, PAST), -ETIMEDOUT);
	/* nobody listens: taken all the same */
	amph_channel_receive(&channels[1].channel, NULL, NULL);
	assert_int_equal(amph_channel_send(&channels[0].channel, "x", 1, -1, PAST), 0);
	assert_int_equal(amph_channel_poll(&channels[1].channel, PAST), 1);
	assert_int_equal(heard[1].count, 1);
	close_fixture(&f);
}

static void a_channel_can_t_take_an_address_that_is_taken(void **state)
{
	struct amph_channel_rpmsg channel;
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(
		amph_channel_rpmsg_init(&channel, &f.pair.main.rpmsg, NULL, 100, 1, false, PAST),
		-EADDRINUSE);
	amph_rpmsg_close(&f.pair.main.rpmsg);
	assert_int_equal(
		amph_channel_rpmsg_init(&channel, &f.pair.main.rpmsg, NULL, 7, 1, false, PAST),
		-ENOTCONN);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_cross_whole_and_without_handles),
		cmocka_unit_test(a_channel_can_t_take_an_address_that_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
