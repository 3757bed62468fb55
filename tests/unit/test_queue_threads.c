/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Both ends of a queue at once, as two threads: spinning, sleeping on a futex, sleeping on the channel,
 * and every mixture. Waits look at the channel so rarely here that a lost wake-up is a lost deadline.
 * For ThreadSanitizer too: the rings are all that orders the payload's bytes.
 * Test code.
 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "share/queue_pair.h"

#define ROUNDS 2000u
#define PART   128u
#define WAIT   3000 /* ms; a wait that is woken takes less than one of them */

static int failed; /* the other thread's */
static bool by_event_loop; /* the other thread sleeps in poll(2) */
static struct amph_channel_socket ends[2];

static void *peer_thread(void *argument)
{
	struct amph_session *session = &peers.session;
	struct amph_queue_entry entries[4];
	uint32_t count, sent;
	int error;

	(void)argument;
	error = amph_session_open(session, amph_deadline(10000));
	while (!error && peer_queue.state != AMPH_QUEUE_OPEN)
		error = amph_session_poll(session, amph_deadline(5000)) < 0;
	peer_queue.look_ns = UINT32_MAX;
	while (!error) {
		if (by_event_loop && !amph_queue_arm(&peer_queue)) {
			struct pollfd entry = {.fd = ends[1].fd, .events = POLLIN};

			if (poll(&entry, 1, WAIT) != 1)
				error = -ETIMEDOUT;
			amph_queue_disarm(&peer_queue);
			amph_session_poll(session, 0);
		}
		if (!error)
			error = amph_queue_receive(&peer_queue, entries, 4, amph_deadline(WAIT),
						   &count);
		if (error)
			break;
		for (uint32_t i = 0; i < count; i++) {
			uint8_t *bytes = (uint8_t *)entries[i].share->va + entries[i].offset;

			/* cookie 0: the end */
			if (!entries[i].cookie)
				error = 1;
			for (uint64_t k = 0; k < entries[i].length; k++)
				bytes[k]++;
		}
		if (amph_queue_send(&peer_queue, entries, count, amph_deadline(WAIT), &sent))
			error = -EIO;
	}
	failed = error == 1 ? 0 : error;
	while (session->state == AMPH_SESSION_OPEN &&
	       amph_session_poll(session, amph_deadline(WAIT)) > 0)
		;
	return NULL;
}

/* Gives `parts` parts, waits for all of them and looks at their bytes. */
static void round_trip(uint32_t parts, uint32_t cookie)
{
	struct amph_queue_entry entries[32];
	uint8_t *bytes = data.shm.va;
	uint32_t count, out = 0, got = 0;

	for (uint32_t i = 0; i < parts; i++) {
		entries[i] = (struct amph_queue_entry){
			.share = data_share, .offset = i * PART, .length = PART, .cookie = cookie};
		memset(bytes + i * PART, (int)((cookie + i) & 0xff), PART);
	}
	/*
	 * More than there are slots: the other side has to make room meanwhile. It takes four and returns
	 * them before it takes more: 8 + 4 + 8 is when the two would wait for each other.
	 */
	for (; got < parts; got += count) {
		struct amph_queue_entry back[32];
		uint32_t more = parts - out < 16 - (out - got) ? parts - out : 16 - (out - got);

		assert_int_equal(amph_queue_send(&main_queue, &entries[out], more,
						 amph_deadline(WAIT), &count),
				 0);
		out += count;
		assert_int_equal(
			amph_queue_receive(&main_queue, back, 32, amph_deadline(WAIT), &count), 0);
	}
	for (uint32_t i = 0; i < parts * PART; i++)
		assert_int_equal(bytes[i], (uint8_t)(cookie + i / PART + 1));
}

static void exchange(uint32_t main_spins, uint32_t peer_spins, bool futex, bool event_loop)
{
	const struct amph_queue_doorbell channel = {0};
	pthread_t thread;
	int fds[2];

	by_event_loop = event_loop;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(amph_channel_socket_init(&ends[0], fds[0]), 0);
	assert_int_equal(amph_channel_socket_init(&ends[1], fds[1]), 0);
	memset(&ring, 0, sizeof(ring));
	memset(&data, 0, sizeof(data));
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	side_init(&mains, AMPH_SESSION_MAIN, 0x11);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	mains.config.channel = &ends[0].channel;
	peers.config.channel = &ends[1].channel;
	main_way = (struct amph_queue_config){.spins = main_spins, .doorbell = channel};
	peer_way = (struct amph_queue_config){
		.spins = peer_spins, .by_receive = true, .doorbell = channel};
	if (futex) {
		amph_queue_doorbell_futex(&main_way.doorbell);
		amph_queue_doorbell_futex(&peer_way.doorbell);
	}
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	assert_int_equal(pthread_create(&thread, NULL, peer_thread, NULL), 0);
	assert_int_equal(amph_session_open(&mains.session, amph_deadline(10000)), 0);
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	offer_for_queue(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 8, &main_way,
					 amph_deadline(5000)),
			 0);
	main_queue.look_ns = UINT32_MAX;
	for (uint32_t round = 1; round <= ROUNDS; round++)
		round_trip(round % 7 ? 1 + round % 3 : 32, round);
	round_trip(1, 0);
	assert_int_equal(amph_session_close(&mains.session, amph_deadline(WAIT)), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(failed, 0);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	drop_buffer(&ring);
	drop_buffer(&data);
	amph_channel_socket_close(&ends[0]);
	amph_channel_socket_close(&ends[1]);
}

static void both_spin(void **state)
{
	(void)state;
	exchange(AMPH_QUEUE_SPIN, AMPH_QUEUE_SPIN, true, false);
}

static void both_sleep_on_a_futex(void **state)
{
	(void)state;
	exchange(0, 0, true, false);
}

static void both_spin_a_while_then_sleep_on_a_futex(void **state)
{
	(void)state;
	exchange(20, 5000, true, false);
}

static void one_spins_and_one_sleeps(void **state)
{
	(void)state;
	exchange(AMPH_QUEUE_SPIN, 0, true, false);
	exchange(0, AMPH_QUEUE_SPIN, true, false);
}

static void both_sleep_on_the_channel(void **state)
{
	(void)state;
	exchange(0, 0, false, false);
	exchange(100, 0, false, false);
}

static void one_sleeps_in_an_event_loop(void **state)
{
	(void)state;
	exchange(0, 0, true, true);
	exchange(1000, 10, false, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_spin),
		cmocka_unit_test(both_sleep_on_a_futex),
		cmocka_unit_test(both_spin_a_while_then_sleep_on_a_futex),
		cmocka_unit_test(one_spins_and_one_sleeps),
		cmocka_unit_test(both_sleep_on_the_channel),
		cmocka_unit_test(one_sleeps_in_an_event_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
