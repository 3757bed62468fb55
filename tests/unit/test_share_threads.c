/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of a share session at once, as two threads, over a socket and over RPMsg rings in one
 * memory: hundreds of hand-offs of real bytes. For ThreadSanitizer above all: the messages are all
 * that orders the two.
 * Test code.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "share/loopback.h"
#include "support/rpmsg_pair.h"

#define ROUNDS 300
#define SIZE   1024u

static struct side mains, peers;
static struct buffer buffer;
static uint8_t mirror[4 * SIZE]; /* what the main side expects in the buffer */

/* The peer's application: adds its round to every byte and returns the range in two pieces. */
static void work(struct amph_session *session, struct amph_share *share, uint64_t offset,
		 uint64_t length, bool reading, uint64_t cookie)
{
	uint8_t *bytes = (uint8_t *)share->va + offset;

	(void)reading;
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(bytes[i] + cookie);
	if (amph_session_return(session, share, offset, length / 2, cookie, amph_deadline(5000)) ||
	    amph_session_return(session, share, offset + length / 2, length / 2, cookie,
				amph_deadline(5000)))
		amph_session_lose(session, -EIO, "return");
}

static void *peer_thread(void *argument)
{
	struct amph_session *session = &peers.session;
	int error = amph_session_open(session, amph_deadline(10000));

	(void)argument;
	while (session->state == AMPH_SESSION_OPEN && (error >= 0 || error == -ETIMEDOUT))
		error = amph_session_poll(session, amph_deadline(100));
	return NULL;
}

/* Both sides over their channels, from greeting to close. */
static void hand_over(struct amph_channel *main_channel, struct amph_channel *peer_channel)
{
	struct amph_share *share;
	pthread_t thread;
	uint64_t deadline = amph_deadline(60000);
	uint8_t *bytes;

	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	memset(&buffer, 0, sizeof(buffer));
	memset(mirror, 0, sizeof(mirror));
	side_init(&mains, AMPH_SESSION_MAIN, 0x77);
	side_init(&peers, AMPH_SESSION_PEER, 0x88);
	mains.config.channel = main_channel;
	peers.config.channel = peer_channel;
	mains.config.heartbeat_ms = peers.config.heartbeat_ms = 2000;
	peers.events.taken = work;
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	assert_int_equal(pthread_create(&thread, NULL, peer_thread, NULL), 0);

	assert_int_equal(amph_session_open(&mains.session, deadline), 0);
	assert_int_equal(buffer_open(&buffer, &mains, "arena:0", 4 * SIZE, 0), 0);
	assert_int_equal(buffer_attach(&buffer, &mains, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(
		amph_session_offer(&mains.session, &buffer.attachment, 0, deadline, &share), 0);
	assert_int_equal(
		amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED, deadline), 0);
	bytes = buffer.shm.va;
	for (uint32_t round = 0; round < ROUNDS; round++) {
		uint32_t at = round % 4 * SIZE, far = (round + 2) % 4 * SIZE;

		memset(bytes + at, (int)(round & 0xff), SIZE);
		assert_int_equal(
			amph_session_give(&mains.session, share, at, SIZE, false, round, deadline),
			0);
		bytes[far] = 1; /* what was not given is still the CPU's to write */
		assert_int_equal(
			amph_session_wait_range(&mains.session, share, at, SIZE, true, deadline),
			0);
		for (uint32_t i = 0; i < SIZE; i++)
			assert_int_equal(bytes[at + i], (uint8_t)(2 * round));
	}
	/* several on their way at once, in both directions */
	for (uint32_t round = 0; round < ROUNDS; round++) {
		for (uint32_t part = 0; part < 4; part++) {
			memset(bytes + part * SIZE, (int)(mirror[part * SIZE] & 0xff), SIZE);
			assert_int_equal(amph_session_give(&mains.session, share, part * SIZE, SIZE,
							   false, round + part, deadline),
					 0);
			memset(mirror + part * SIZE,
			       (int)((mirror[part * SIZE] + round + part) & 0xff), SIZE);
		}
		assert_int_equal(
			amph_session_wait_range(&mains.session, share, 0, 4 * SIZE, true, deadline),
			0);
		assert_memory_equal(bytes, mirror, sizeof(mirror));
	}
	assert_int_equal(amph_session_close(&mains.session, deadline), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
	assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

static void two_threads_share_over_a_socket(void **state)
{
	static struct amph_channel_socket channels[2];
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(amph_channel_socket_init(&channels[i], fds[i]), 0);
	hand_over(&channels[0].channel, &channels[1].channel);
	for (int i = 0; i < 2; i++)
		amph_channel_socket_close(&channels[i]);
}

/* The session's main side on the rings' main side, or the other way round. */
static void share_over_rings(bool swapped, bool busy)
{
	static struct pair pair;
	static struct amph_channel_rpmsg channels[2];
	struct pair_side *ends[] = {&pair.main, &pair.peer};

	pair_open(&pair, 8, 512);
	for (uint32_t i = 0; i < 2; i++) {
		ends[i]->config.event_index = swapped;
		ends[i]->busy = busy;
	}
	assert_int_equal(pair_start(&pair), 0);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(amph_channel_rpmsg_init(&channels[i], &ends[i]->rpmsg, NULL,
							 500 + i, 501 - i, false, 0),
				 0);
	hand_over(&channels[swapped].channel, &channels[!swapped].channel);
	pair_close(&pair);
}

static void two_threads_share_over_rings_asleep_between_doorbells(void **state)
{
	(void)state;
	share_over_rings(false, false);
	share_over_rings(true, false);
}

static void two_threads_share_over_rings_that_they_poll(void **state)
{
	(void)state;
	share_over_rings(false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_share_over_a_socket),
		cmocka_unit_test(two_threads_share_over_rings_asleep_between_doorbells),
		cmocka_unit_test(two_threads_share_over_rings_that_they_poll),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
