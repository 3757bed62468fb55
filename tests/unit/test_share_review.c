/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share sessions against a side that reads slowly and talks without end: no call takes much longer
 * than its caller allowed. Passes whose bytes come back while the rest still waits. Names that the
 * other side chose. Sessions in a forked child.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/cache.h>

#include "share/raw.h"

#define MILLISECOND 1000000u

/* --- a channel whose other end makes room for a message only now and then --- */

static uint64_t room_after; /* nanoseconds that each message waits for room */
static bool flooded; /* there is always one more message to refuse */

static void sleep_until(uint64_t time)
{
	while (amph_time_now() < time)
		nanosleep(&(struct timespec){.tv_nsec = MILLISECOND}, NULL);
}

static int slow_send(struct amph_channel *channel, const void *message, uint32_t length,
		     intptr_t handle, uint64_t deadline)
{
	uint64_t now = amph_time_now();

	if (room_after && deadline < now + room_after) {
		sleep_until(deadline);
		return -ETIMEDOUT;
	}
	sleep_until(now + room_after);
	return loopback_send(channel, message, length, handle, deadline);
}

/* A release of nothing: to be refused, with NOT_FOUND. */
static void garbage(struct side *from)
{
	raw.body.answer = (struct wire_answer){.handle = 77, .generation = 1, .flags = 1};
	assert_int_equal(send_raw(from, WIRE_RELEASE, 0), 0);
}

static int flooded_poll(struct amph_channel *channel, uint64_t deadline)
{
	peers.end.count = 0;
	if (flooded)
		garbage(&peers);
	return loopback_poll(channel, deadline);
}

static const struct amph_channel_ops slow = {slow_send, flooded_poll};

static void open_slow_pair(void)
{
	room_after = 0;
	flooded = false;
	open_pair();
	mains.end.channel.ops = &slow;
}

static void all_answers_of_one_poll_share_one_second(void **state)
{
	uint64_t start, took;
	(void)state;

	open_slow_pair();
	for (int i = 0; i < 8; i++)
		garbage(&peers);
	room_after = 300 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, start + 50 * MILLISECOND), -EPIPE);
	took = amph_time_now() - start;
	assert_true(took >= 900 * (uint64_t)MILLISECOND);
	assert_true(took < 1250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	/* three were answered, the fourth lost the session, and the others were dropped */
	assert_int_equal(mains.session.count.rejected, 4);
	assert_int_equal(mains.session.sent, 3);
	assert_int_equal(mains.end.count, 0);
}

static void each_poll_may_wait_for_room_anew(void **state)
{
	(void)state;
	open_slow_pair();
	room_after = 120 * MILLISECOND;
	for (int i = 0; i < 10; i++) {
		garbage(&peers);
		assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	}
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(mains.session.count.rejected, 10);
}

static void the_refusal_of_a_request_counts_too(void **state)
{
	uint64_t start;
	(void)state;

	open_slow_pair();
	for (uint32_t i = 0; i < 6; i++) {
		raw.body.request =
			(struct wire_request){.request = i + 1, .size = UINT64_MAX, .direction = 1};
		send_raw(&peers, WIRE_REQUEST, 0);
	}
	room_after = 400 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, 0), -EPIPE);
	assert_true(amph_time_now() - start < 1250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.sent, 2);
}

static void a_replay_is_not_worth_waiting_for_room(void **state)
{
	uint64_t start;
	(void)state;

	open_slow_pair();
	garbage(&peers);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	peers.session.sent = 0;
	garbage(&peers);
	room_after = 500 * MILLISECOND;
	start = amph_time_now();
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_true(amph_time_now() - start < 250 * (uint64_t)MILLISECOND);
	assert_int_equal(mains.session.count.rejected, 2);
	assert_int_equal(mains.session.sent, 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

/* --- input without end --- */

static void no_wait_outlasts_its_deadline_under_a_flood(void **state)
{
	struct amph_share *share;
	uint64_t start = amph_time_now();
	uint64_t patience = 30 * MILLISECOND;
	(void)state;

	open_slow_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	flooded = true;
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 64, true,
						 amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_RELEASED,
						 amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);

	open_slow_pair();
	share_buffer(AMPH_DEVICE_READS_WRITES);
	flooded = true;
	assert_int_equal(amph_session_close(&mains.session, amph_time_now() + patience),
			 -ETIMEDOUT);
	assert_true(amph_time_now() - start < 1000 * (uint64_t)MILLISECOND);
}

static void nor_does_opening(void **state)
{
	uint64_t start = amph_time_now();
	(void)state;

	open_slow_pair();
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	flooded = true;
	assert_int_equal(amph_session_open(&mains.session, start + 30 * MILLISECOND), -ETIMEDOUT);
	assert_true(amph_time_now() - start < 500 * (uint64_t)MILLISECOND);
}

/* --- passes: what was passed on comes back while the rest still waits --- */

static struct side second, others;
static struct amph_share *first_share, *second_share;

static void settle_all(void)
{
	while (mains.end.count || peers.end.count || second.end.count || others.end.count) {
		settle(&mains, &peers);
		settle(&second, &others);
	}
}

/* A buffer of 4096 bytes that both peers have accepted, and of which the first has all. */
static void give_first_of_two(void)
{
	open_pair();
	assert_int_equal(sides_open(&second, &others), 0);
	first_share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_shm_attach(&buffer.shm, &second.target.target,
					 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
					 &buffer.second, buffer.second_segments, 1),
			 0);
	assert_int_equal(amph_session_offer(&second.session, &buffer.second, 0, 0, &second_share),
			 0);
	settle_all();
	assert_int_equal(amph_session_give(&mains.session, first_share, 0, 4096, false, 0, 0), 0);
	settle_all();
}

static int pass_on(uint64_t offset, uint64_t length)
{
	return amph_session_pass(&mains.session, first_share, &second.session, second_share, offset,
				 length, 0, 0);
}

static int pass_back(uint64_t offset, uint64_t length)
{
	return amph_session_pass(&second.session, second_share, &mains.session, first_share, offset,
				 length, 0, 0);
}

static void return_to_home(struct side *from, uint64_t offset, uint64_t length)
{
	assert_int_equal(
		amph_session_return(&from->session, &from->shares[0], offset, length, 0, 0), 0);
	settle_all();
	assert_int_equal(amph_shm_check(&buffer.shm), 0);
}

static void a_waiting_pass_takes_each_byte_once(void **state)
{
	(void)state;
	give_first_of_two();
	assert_int_equal(pass_on(0, 4096), 0);
	settle_all();
	return_to_home(&peers, 1024, 2048);
	assert_int_equal(first_share->pass.left, 2048);
	/* neither the home nor the second gives the first what its pass has had already */
	assert_int_equal(pass_back(1024, 2048), -EBUSY);
	assert_int_equal(pass_back(1024, 1), -EBUSY);
	return_to_home(&others, 1024, 2048);
	assert_int_equal(amph_session_give(&mains.session, first_share, 1024, 2048, false, 0, 0),
			 -EBUSY);
	assert_int_equal(amph_session_give(&mains.session, first_share, 1024, 64, false, 0, 0),
			 -EBUSY);
	assert_int_equal(amph_session_give(&mains.session, first_share, 3008, 64, false, 0, 0),
			 -EBUSY);
	assert_int_equal(first_share->pass.left, 2048);
	return_to_home(&peers, 0, 1024);
	return_to_home(&peers, 3072, 1024);
	assert_null(first_share->pass.returned);
	/* and then it may have them */
	assert_int_equal(amph_session_give(&mains.session, first_share, 1024, 2048, false, 0, 0),
			 0);
	settle_all();
	return_to_home(&peers, 1024, 2048);
	assert_int_equal(last_event(&mains)->what, 'T');
	return_to_home(&others, 0, 1024);
	return_to_home(&others, 3072, 1024);
	assert_int_equal(amph_session_release(&mains.session, first_share, 0), 0);
}

static void bytes_beside_a_waiting_pass_are_given_as_ever(void **state)
{
	(void)state;
	give_first_of_two();
	assert_int_equal(pass_on(1024, 1024), 0);
	return_to_home(&peers, 0, 1024);
	return_to_home(&peers, 2048, 2048);
	assert_int_equal(amph_session_give(&mains.session, first_share, 0, 1024, false, 0, 0), 0);
	assert_int_equal(amph_session_give(&mains.session, first_share, 2048, 64, false, 0, 0), 0);
	assert_int_equal(amph_session_give(&mains.session, first_share, 960, 128, false, 0, 0),
			 -EBUSY);
	assert_int_equal(amph_session_give(&mains.session, first_share, UINT64_MAX, 2, false, 0, 0),
			 -EINVAL);
	assert_int_equal(
		amph_session_give(&mains.session, first_share, 8192, UINT64_MAX, false, 0, 0),
		-EINVAL);
	settle_all();
	return_to_home(&peers, 1024, 1024);
	assert_null(first_share->pass.returned);
	assert_int_equal(last_event(&others)->what, 'T');
}

static void a_refusal_of_what_is_to_be_passed_ends_the_pass(void **state)
{
	(void)state;
	give_first_of_two();
	assert_int_equal(pass_on(1024, 1024), 0);
	settle_all();
	/* beside it: goes on */
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_NO_SPACE, first_share, 0, 1024);
	assert_non_null(first_share->pass.returned);
	say_reject(&peers, &mains, WIRE_GIVE, WIRE_NO_SPACE, first_share, 1024, 512);
	assert_null(first_share->pass.returned);
	assert_int_equal(last_event(&mains)->what, 'U');
	assert_int_equal(mains.log[mains.logged - 2].what, 'P');
	assert_int_equal(mains.log[mains.logged - 2].error, -ENOSPC);
	assert_int_equal(mains.log[mains.logged - 2].offset, 1024);
	assert_int_equal(mains.log[mains.logged - 2].length, 512); /* no more is the CPU's */
	say_handoff(&peers, &mains, WIRE_RETURN, first_share, 1536, 2560);
	assert_int_equal(last_event(&mains)->what, 'T');
	assert_int_equal(amph_session_release(&mains.session, first_share, 0), 0);
}

/* --- names: the other side calls its buffers what it likes --- */

/* Opens, attaches and offers a buffer of the peer's own. */
static void peer_offers(struct buffer *theirs, const char *name)
{
	struct amph_share *share;

	assert_int_equal(buffer_open(theirs, &peers, name, 4096, 0), 0);
	assert_int_equal(buffer_attach(theirs, &peers, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&peers.session, &theirs->attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
}

static void an_import_takes_no_name_away(void **state)
{
	static struct buffer theirs;
	struct amph_shm *found = &theirs.shm;
	(void)state;

	open_pair();
	memset(&theirs, 0, sizeof(theirs));
	peer_offers(&theirs, "arena:1000");
	assert_string_equal(mains.shares[0].shm->name, "arena:1000");
	assert_int_equal(amph_shm_find(&mains.memory, "arena:1000", &found), -ENOENT);
	assert_null(found);
	open_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_shm_find(&mains.memory, "arena:1000", &found), 0);
	assert_ptr_equal(found, &buffer.shm);
	assert_int_equal(amph_shm_put(found), 0);
	/* one name, opened twice, is still refused; and a lost import is not found either */
	assert_int_equal(buffer_open(&theirs, &mains, "arena:1000", 64, 0), -EEXIST);
	close_buffer();
	assert_int_equal(amph_shm_get(mains.shares[0].shm), 0);
	amph_session_lose(&mains.session, -EPIPE, "test");
	amph_target_off(&mains.session.home);
	assert_int_equal(amph_shm_find(&mains.memory, "arena:1000", &found), -ENOENT);
}

static void nor_does_a_buffer_stand_in_an_imports_way(void **state)
{
	static struct buffer theirs;
	(void)state;

	open_pair();
	memset(&theirs, 0, sizeof(theirs));
	share_buffer(AMPH_DEVICE_READS_WRITES);
	/* both sides have a buffer of that name, and an import of one */
	peer_offers(&theirs, "arena:1000");
	/* and two imports of one name are two buffers */
	raw_offer(7);
	memcpy(raw.body.offer.name, "arena:1000", 11);
	send_raw(&peers, WIRE_OFFER, 1);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(live_shares(&mains), 3);
	assert_int_equal(mains.shares[2].state, AMPH_SHARE_ACCEPTED);
}

/* --- fork --- */

/* What the calls do in a child: 0, or the number of the first that does not refuse. */
static int use_in_child(struct amph_share *share)
{
	struct amph_session *session = &mains.session;
	struct amph_session_request request = {.size = 64, .direction = 1};
	struct amph_share *offered;
	uint32_t id, logged = mains.logged;
	const int results[] = {
		amph_session_open(session, 0),
		amph_session_poll(session, 0),
		amph_session_offer(session, &buffer.attachment, 0, 0, &offered),
		amph_session_give(session, share, 64, 64, false, 0, 0),
		amph_session_return(session, share, 0, 64, 0, 0),
		amph_session_pass(session, share, session, share, 0, 64, 0, 0),
		amph_session_release(session, share, 0),
		amph_session_request(session, &request, 0, &id),
		amph_session_deny(session, 1, 0, 0),
		amph_session_close(session, 0),
		amph_session_wait_share(session, share, AMPH_SHARE_ACCEPTED, 0),
		amph_session_wait_range(session, share, 0, 64, true, 0),
	};

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (results[i] != -EPERM)
			return (int)i + 1;
	amph_session_lose(session, -EIO, "the child's wish");
	amph_session_receive(session, &raw, sizeof(raw), -1);
	return session->state != AMPH_SESSION_OPEN || mains.logged != logged ||
	       mains.end.count != 1 || peers.end.count || session->count.received != 1 ||
	       mains.target.target.state != AMPH_TARGET_ALIVE;
}

static void a_child_leaves_the_parents_session_alone(void **state)
{
	struct amph_share *share;
	int status;
	pid_t child;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0), 0);
	mains.session.count.received = 1;
	child = fork();
	if (!child)
		_exit(use_in_child(share));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(last_event(&mains)->what, 'T');
}

static void a_child_takes_no_message_from_the_parents_socket(void **state)
{
	struct amph_channel_socket channel;
	char message = 1;
	int ends[2], status;
	pid_t child;
	(void)state;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	assert_int_equal(amph_channel_socket_init(&channel, ends[0]), 0);
	assert_int_equal(send(ends[1], &message, 1, 0), 1);
	child = fork();
	if (!child)
		_exit(amph_channel_poll(&channel.channel, 0) != -EPERM ||
		      amph_channel_send(&channel.channel, &message, 1, -1, 0) != -EPERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(amph_channel_poll(&channel.channel, 0), 1);
	amph_channel_socket_close(&channel);
	close(ends[1]);
}

/* --- cache lines --- */

static int no_work(const void *va, size_t length)
{
	(void)va;
	(void)length;
	return 0;
}

static int no_invalidation(void *va, size_t length)
{
	(void)va;
	(void)length;
	return 0;
}

static const struct amph_cache_ops caches = {no_work, no_invalidation, no_invalidation};

static void an_importer_with_caches_shares_no_line(void **state)
{
	struct amph_session_config config;
	struct amph_session session;
	(void)state;

	open_pair();
	config = peers.config;
	config.cache = &caches;
	for (config.cache_line = 0; config.cache_line < 2; config.cache_line++)
		assert_int_equal(amph_session_init(&session, &config), -EINVAL);
	assert_int_equal(amph_session_init(&session, &config), 0);
	/* the CPU's own line is larger than the one it was told */
	open_pair();
	peers.session.config.cache = &caches;
	peers.session.config.cache_line = 2;
	peers.session.home.coherent = false;
	peers.session.home.cache = &caches;
	raw_offer(1)->granule = amph_cache_line() / 2;
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	said_refuse(&peers, WIRE_INVALID);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);
	raw_offer(1)->granule = amph_cache_line();
	send_raw(&mains, WIRE_OFFER, 1);
	amph_session_poll(&peers.session, 0);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_answers_of_one_poll_share_one_second),
		cmocka_unit_test(each_poll_may_wait_for_room_anew),
		cmocka_unit_test(the_refusal_of_a_request_counts_too),
		cmocka_unit_test(a_replay_is_not_worth_waiting_for_room),
		cmocka_unit_test(no_wait_outlasts_its_deadline_under_a_flood),
		cmocka_unit_test(nor_does_opening),
		cmocka_unit_test(a_waiting_pass_takes_each_byte_once),
		cmocka_unit_test(bytes_beside_a_waiting_pass_are_given_as_ever),
		cmocka_unit_test(a_refusal_of_what_is_to_be_passed_ends_the_pass),
		cmocka_unit_test(an_import_takes_no_name_away),
		cmocka_unit_test(nor_does_a_buffer_stand_in_an_imports_way),
		cmocka_unit_test(a_child_leaves_the_parents_session_alone),
		cmocka_unit_test(a_child_takes_no_message_from_the_parents_socket),
		cmocka_unit_test(an_importer_with_caches_shares_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
