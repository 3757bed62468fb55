/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a share session begins and is told from another life's: greeting, epochs, sequence.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/raw.h"

/* The newest message that waits for that side, to be spoiled. */
static struct wire_message *waiting(struct side *side)
{
	assert_int_not_equal(side->end.count, 0);
	return (struct wire_message *)side->end
		.queue[(side->end.first + side->end.count - 1) % LOOPBACK_MESSAGES]
		.bytes;
}

static void messages_of_another_life_are_refused(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	for (int i = 0; i < 2; i++) {
		uint32_t logged = peers.logged, received = peers.session.received;

		amph_session_fill_handoff(&raw, share, 0, 64, 0, false);
		send_raw(&mains, WIRE_GIVE, 0);
		if (i)
			waiting(&peers)->header.to ^= 1;
		else
			waiting(&peers)->header.from ^= 1;
		mains.session.sent--;
		assert_int_equal(amph_session_poll(&peers.session, 0), 1);
		assert_int_equal(peers.logged, logged);
		assert_int_equal(peers.session.received, received);
		said_reject(&peers, WIRE_GIVE, WIRE_STALE);
		assert_int_equal(peers.session.count.stale, i + 1);
		settle(&mains, &peers);
		assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	}
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 64, true), 0);
}

static void a_replay_is_refused_and_a_gap_ends_the_session(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0), 0);
	settle(&mains, &peers);
	/* the same give once more, by a channel that repeats */
	loopback_send(&mains.end.channel, &mains.end.last, mains.end.last.header.length, -1, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	said_reject(&peers, WIRE_GIVE, WIRE_REPLAY);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, 64, false), -EACCES);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 64, true), 0);

	mains.session.sent++;
	amph_session_fill_handoff(&raw, share, 0, 64, 0, false);
	send_raw(&mains, WIRE_GIVE, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), -EPROTO);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	assert_int_equal(peers.unmaps, 1);
}

static void sequence_numbers_go_around(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	mains.session.sent = peers.session.received = UINT32_MAX - 1;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
		settle(&mains, &peers);
		assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0),
				 0);
		settle(&mains, &peers);
	}
	assert_int_equal(peers.session.received, 2);
	assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
}

static void malformed_messages_are_refused_politely(void **state)
{
	uint32_t received;
	(void)state;

	open_pair();
	received = peers.session.received;
	send_raw(&mains, WIRE_HEARTBEAT, 0);
	waiting(&peers)->header.type = 77;
	settle(&mains, &peers);
	said_reject(&peers, WIRE_HEARTBEAT + 61, WIRE_UNSUPPORTED);
	assert_int_equal(peers.session.received, received + 1);
	/* cut in the header: not even an answer */
	loopback_send(&mains.end.channel, &mains.end.last, 23, -1, 0);
	loopback_send(&mains.end.channel, &mains.end.last, 0, -1, 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 2);
	assert_int_equal(mains.end.count, 0);
	assert_int_equal(peers.session.count.rejected, 3);
	/* too long for any message: what does not fit is not even looked at */
	send_raw(&mains, WIRE_HEARTBEAT, 0);
	waiting(&peers)->header.length = 512;
	peers.end.queue[peers.end.first].length = 512;
	settle(&mains, &peers);
	said_reject(&peers, WIRE_HEARTBEAT, WIRE_TOO_LONG);
	send_raw(&mains, WIRE_GIVE, 0);
	waiting(&peers)->header.length = 32;
	peers.end.queue[peers.end.first].length = 32;
	settle(&mains, &peers);
	said_reject(&peers, WIRE_GIVE, WIRE_MALFORMED);
	/* what was not there is not in the answer */
	assert_int_equal(peers.end.last.body.reject.handle, 0);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

static void a_greeting_of_a_new_life_ends_the_session(void **state)
{
	(void)state;
	open_pair();
	share_buffer(AMPH_DEVICE_READS_WRITES);
	/* main starts anew */
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	mains.session.epoch ^= 0x10;
	assert_int_equal(amph_session_open(&mains.session, 0), -ETIMEDOUT);
	assert_int_equal(amph_session_poll(&peers.session, 0), -ECONNRESET);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	assert_int_equal(last_event(&peers)->what, 'E');
	assert_int_equal(peers.unmaps, 1);
	assert_int_equal(peers.target.target.state, AMPH_TARGET_LOST);
	assert_int_equal(amph_session_poll(&peers.session, 0), -ECONNRESET);
	/* and the peer, too: the greeting is repeated until it is heard */
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	peers.session.epoch++;
	assert_int_equal(amph_session_open(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(amph_session_open(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
}

static void a_peer_that_started_anew_is_found_out(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, false, 0, 0), 0);
	/* the peer boots again, and finds the give of its earlier life */
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	peers.session.epoch = 8;
	assert_int_equal(amph_session_open(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.session.state, AMPH_SESSION_GREETING);
	assert_int_equal(peers.end.last.header.type, WIRE_REJECT);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_STALE);
	assert_int_equal(amph_session_poll(&mains.session, 0), -ECONNRESET);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_int_equal(last_event(&mains)->what, 'E');
	/* the memory waits for the proof that the peer is off */
	assert_true(buffer.attachment.quarantined);
	assert_int_equal(amph_shm_detach(&buffer.attachment), -EBUSY);
	amph_target_off(&mains.target.target);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

static void stale_greetings_are_refused(void **state)
{
	(void)state;
	/* left by the peer's earlier life: it can't know main's new nonce */
	open_pair();
	raw.body.hello = (struct wire_hello){1, 1, 0, 1, 0, 496, 0};
	send_raw(&peers, WIRE_WELCOME, 0);
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	mains.session.epoch ^= 2;
	mains.session.state = AMPH_SESSION_GREETING;
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_GREETING);
	assert_int_equal(mains.session.count.stale, 1);
	assert_int_equal(mains.end.last.body.reject.reason, WIRE_STALE);

	/* in an open session: another life's welcome to another life of main */
	open_pair();
	raw.body.hello = (struct wire_hello){1, 1, 0, 1, 0, 496, 0};
	send_raw(&peers, WIRE_WELCOME, 0);
	waiting(&mains)->header.from = 6;
	waiting(&mains)->header.to ^= 1;
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(mains.session.count.stale, 1);
	/* a late copy of the right one */
	raw.body.hello = (struct wire_hello){1, 1, 0, 1, 0, 496, 0};
	send_raw(&peers, WIRE_WELCOME, 0);
	peers.session.sent--;
	settle(&mains, &peers);
	assert_int_equal(mains.session.count.rejected, 1);
	/* another life's, but fresh */
	send_raw(&peers, WIRE_WELCOME, 0);
	waiting(&mains)->header.from = 8;
	assert_int_equal(amph_session_poll(&mains.session, 0), -ECONNRESET);

	/* a peer that has just booted finds ready, give and goodbye of an earlier life */
	open_pair();
	send_raw(&mains, WIRE_READY, 0);
	raw.body.deny = (struct wire_deny){0};
	send_raw(&mains, WIRE_GOODBYE, 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	peers.session.state = AMPH_SESSION_GREETING;
	/* even with the same boot count */
	assert_int_equal(amph_session_poll(&peers.session, 0), 2);
	assert_int_equal(peers.session.state, AMPH_SESSION_GREETING);
	assert_int_equal(peers.session.count.rejected, 2);
}

/* A peer that greets, with whatever main has to say. */
static enum wire_reason greet(uint64_t from, uint64_t to, struct wire_hello hello)
{
	open_pair();
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	peers.session.state = AMPH_SESSION_GREETING;
	mains.session.epoch = from;
	raw.body.hello = hello;
	send_raw(&mains, WIRE_HELLO, 0);
	waiting(&peers)->header.to = to;
	peers.end.last.header.type = 0;
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.session.state, AMPH_SESSION_GREETING);
	if (peers.end.last.header.type == WIRE_WELCOME)
		return WIRE_OK;
	assert_int_equal(peers.end.last.header.type, WIRE_REJECT);
	assert_int_equal(peers.end.last.header.to, from);
	return (enum wire_reason)peers.end.last.body.reject.reason;
}

static void versions_and_nonces_are_checked(void **state)
{
	const struct wire_hello hello = {1, 1, 0, 1, 0, 496, 0};
	struct wire_hello bad = hello;
	(void)state;

	assert_int_equal(greet(5, 0, hello), WIRE_OK);
	assert_int_equal(greet(0, 0, hello), WIRE_INVALID);
	assert_int_equal(greet(5, 7, hello), WIRE_INVALID);
	bad.version_min = bad.version_max = WIRE_VERSION_MAX + 1;
	assert_int_equal(greet(5, 0, bad), WIRE_VERSION);
	bad.version_min = 1;
	bad.version_max = 9;
	assert_int_equal(greet(5, 0, bad), WIRE_OK);
	assert_int_equal(peers.end.last.body.hello.version_max, WIRE_VERSION_MAX);
	bad.version_max = 1;
	assert_int_equal(greet(5, 0, bad), WIRE_OK);
	assert_int_equal(peers.end.last.body.hello.version_max, 1);
	bad.flags = 1;
	assert_int_equal(greet(5, 0, bad), WIRE_UNSUPPORTED);

	/* a peer that chooses what was not asked for, and one that refuses */
	for (uint32_t i = 0; i < 4; i++) {
		open_pair();
		assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
		mains.session.state = AMPH_SESSION_GREETING;
		raw.body.hello = hello;
		if (i == 0)
			raw.body.hello.version_min = raw.body.hello.version_max =
				WIRE_VERSION_MAX + 1;
		else if (i == 1)
			raw.body.hello.version_max = 2;
		else if (i == 2)
			peers.session.epoch = 0;
		else
			raw.body.reject =
				(struct wire_reject){.type = WIRE_HELLO, .reason = WIRE_VERSION};
		send_raw(&peers, i < 3 ? WIRE_WELCOME : WIRE_REJECT, 0);
		assert_int_equal(amph_session_poll(&mains.session, 0), -EPROTO);
		assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
		/* nothing was ever shared: nothing is in quarantine */
		assert_int_equal(mains.target.target.state, AMPH_TARGET_ALIVE);
		assert_int_equal(amph_session_open(&mains.session, 0), -EPROTO);
	}
	/* two mains, or two peers, never get together */
	open_pair();
	mains.session.state = peers.session.state = AMPH_SESSION_GREETING;
	peers.session.config.role = AMPH_SESSION_MAIN;
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	assert_int_not_equal(mains.session.state, AMPH_SESSION_OPEN);
	/* nothing counts before the end of the greeting */
	open_pair();
	raw.body.deny = (struct wire_deny){0};
	send_raw(&mains, WIRE_GOODBYE, 0);
	peers.session.state = AMPH_SESSION_GREETING;
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_STATE);
	assert_int_equal(peers.session.state, AMPH_SESSION_GREETING);
}

static void the_smaller_message_and_the_larger_line_count(void **state)
{
	(void)state;
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 1);
	side_init(&peers, AMPH_SESSION_PEER, 1);
	peers.end.channel.message_max = 200;
	peers.config.cache_line = 128;
	peers.config.heartbeat_ms = 20;
	mains.target.target.cache_line = 64;
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(mains.session.message_max, 200);
	assert_int_equal(peers.session.message_max, 200);
	assert_int_equal(mains.target.target.cache_line, 128);
	assert_int_equal(mains.session.peer_heartbeat_ms, 20);
	assert_int_equal(amph_session_open(&mains.session, 0), 0);
}

static void what_can_be_wrong_with_a_configuration_is_said(void **state)
{
	struct amph_session session;
	struct amph_session_config config;
	(void)state;

	open_pair();
	config = mains.config;
	assert_int_equal(
		amph_session_init_checked(&session, &config, AMPH_ABI + 1, sizeof(session)),
		-EPROTO);
	assert_int_equal(amph_session_init_checked(&session, &config, AMPH_ABI, 8), -EPROTO);
	config.nonce = 0;
	assert_int_equal(amph_session_init(&session, &config), -EINVAL);
	assert_non_null(session.why.what);
	config = mains.config;
	config.channel = NULL;
	assert_int_equal(amph_session_init(&session, &config), -EINVAL);
	config = mains.config;
	config.share_max = 0;
	assert_int_equal(amph_session_init(&session, &config), -EINVAL);
	config = mains.config;
	config.cache_line = 48;
	assert_int_equal(amph_session_init(&session, &config), -EINVAL);
	config = mains.config;
	mains.end.channel.message_max = 151;
	assert_int_equal(amph_session_init(&session, &config), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_another_life_are_refused),
		cmocka_unit_test(a_replay_is_refused_and_a_gap_ends_the_session),
		cmocka_unit_test(sequence_numbers_go_around),
		cmocka_unit_test(malformed_messages_are_refused_politely),
		cmocka_unit_test(a_greeting_of_a_new_life_ends_the_session),
		cmocka_unit_test(a_peer_that_started_anew_is_found_out),
		cmocka_unit_test(stale_greetings_are_refused),
		cmocka_unit_test(versions_and_nonces_are_checked),
		cmocka_unit_test(the_smaller_message_and_the_larger_line_count),
		cmocka_unit_test(what_can_be_wrong_with_a_configuration_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
