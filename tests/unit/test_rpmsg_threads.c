/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of an RPMsg device as two threads: thousands of messages of all sizes, sleeping or
 * polling, with and without the event index. A lost wake-up is a time-out here.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/rpmsg_pair.h"

#define MESSAGES 4000
#define COUNT	 8
#define SIZE	 512
#define ECHO	 400
#define PATIENCE 20000 /* ms; far beyond any hiccup of a loaded machine */

struct run {
	struct pair pair;
	struct amph_rpmsg_endpoint client, server;
	uint32_t received; /* by the client */
	uint32_t errors;
	uint32_t served;
	int server_error;
};

static uint32_t length_of(uint32_t number)
{
	return number % (SIZE - AMPH_RPMSG_HEADER + 1);
}

static uint8_t byte_of(uint32_t number, uint32_t i)
{
	return (uint8_t)(number * 31 + i * 7);
}

static void on_echo(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint32_t source, void *argument)
{
	struct run *run = argument;
	const uint8_t *bytes = data;

	(void)endpoint;
	if (source != ECHO || length != length_of(run->received))
		run->errors++;
	else
		for (uint32_t i = 0; i < length; i++)
			run->errors += bytes[i] != byte_of(run->received, i);
	run->received++;
}

static void serve(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		  uint32_t source, void *argument)
{
	struct run *run = argument;
	int error = amph_rpmsg_send_to(endpoint, source, data, length, amph_deadline(PATIENCE));

	if (error)
		run->server_error = error;
	run->served++;
}

static void *server(void *argument)
{
	struct run *run = argument;

	while (run->served < MESSAGES && !run->server_error) {
		int got = amph_rpmsg_poll_wait(run->server.rpmsg, amph_deadline(PATIENCE));

		if (got < 0)
			run->server_error = got;
	}
	return NULL;
}

static void exchange(bool main_serves, bool event_index, bool busy)
{
	struct run *run = calloc(1, sizeof(*run));
	struct pair_side *ends[2];
	uint8_t message[SIZE];
	pthread_t thread;

	assert_non_null(run);
	pair_open(&run->pair, COUNT, SIZE);
	ends[0] = &run->pair.main;
	ends[1] = &run->pair.peer;
	for (int i = 0; i < 2; i++) {
		ends[i]->config.event_index = event_index;
		ends[i]->busy = busy;
	}
	assert_int_equal(pair_start(&run->pair), 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&ends[!main_serves]->rpmsg, &run->server,
						    "echo", ECHO, AMPH_RPMSG_ANY, serve, run, false,
						    0),
			 0);
	assert_int_equal(amph_rpmsg_endpoint_create(&ends[main_serves]->rpmsg, &run->client, NULL,
						    AMPH_RPMSG_ANY, ECHO, on_echo, run, false, 0),
			 0);
	assert_int_equal(pthread_create(&thread, NULL, server, run), 0);
	for (uint32_t number = 0; number < MESSAGES; number++) {
		uint32_t length = length_of(number);

		for (uint32_t i = 0; i < length; i++)
			message[i] = byte_of(number, i);
		assert_int_equal(
			amph_rpmsg_send(&run->client, message, length, amph_deadline(PATIENCE)), 0);
		/* now and then let the echoes pile up, so that both directions run full */
		while (run->received + (number % 37 ? COUNT : 0) < number)
			assert_true(amph_rpmsg_poll_wait(run->client.rpmsg,
							 amph_deadline(PATIENCE)) > 0);
	}
	while (run->received < MESSAGES)
		assert_true(amph_rpmsg_poll_wait(run->client.rpmsg, amph_deadline(PATIENCE)) > 0);
	pthread_join(thread, NULL);
	assert_int_equal(run->server_error, 0);
	assert_int_equal(run->errors, 0);
	assert_int_equal(run->client.rpmsg->count.sent, MESSAGES);
	assert_int_equal(run->client.rpmsg->count.received, MESSAGES);
	assert_int_equal(run->client.rpmsg->count.malformed + run->client.rpmsg->count.dropped, 0);
	pair_close(&run->pair);
	free(run);
}

static void sleeping_ends_lose_no_message_and_no_wake_up(void **state)
{
	(void)state;
	exchange(false, false, false);
	exchange(true, false, false);
}

static void sleeping_ends_with_event_index_lose_no_wake_up(void **state)
{
	(void)state;
	exchange(false, true, false);
	exchange(true, true, false);
}

static void polling_ends_exchange_messages_of_all_sizes(void **state)
{
	(void)state;
	exchange(false, false, true);
	exchange(true, true, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sleeping_ends_lose_no_message_and_no_wake_up),
		cmocka_unit_test(sleeping_ends_with_event_index_lose_no_wake_up),
		cmocka_unit_test(polling_ends_exchange_messages_of_all_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
