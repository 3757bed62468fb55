/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of a share session that are synced by a lock: who may touch them when, and everything that is
 * refused; how they end; two sides that count at once.
 * Test code.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "share/internal.h"
#include "share/lock_pair.h"

#define ROUNDS 20000u
#define WAIT   60000

static bool may_touch(const struct amph_share *share)
{
	int reads = amph_shm_check_access(share->shm, 0, share->size, false);
	int writes = amph_shm_check_access(share->shm, 0, share->size, true);

	assert_int_equal(reads, writes);
	assert_true(!reads || reads == -EACCES);
	assert_int_equal(amph_shm_check(share->shm), 0);
	return !reads;
}

static void the_holder_of_the_lock_owns_the_buffer_and_nobody_else(void **state)
{
	struct amph_share *theirs;

	(void)state;
	open_locks();
	theirs = peer_of(data_share);
	assert_int_equal(theirs->method, AMPH_SYNC_LOCK);
	for (uint32_t i = 0; i < 5; i++) {
		assert_false(may_touch(data_share));
		assert_false(may_touch(theirs));
		assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
		assert_true(may_touch(data_share));
		assert_false(may_touch(theirs));
		assert_int_equal(amph_session_lock(&peers.session, theirs, 0), -ETIMEDOUT);
		assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
		assert_false(may_touch(data_share));
		assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
		assert_true(may_touch(theirs));
		assert_false(may_touch(data_share));
		assert_int_equal(amph_session_lock(&mains.session, data_share, amph_deadline(3)),
				 -ETIMEDOUT);
		assert_int_equal(amph_session_unlock(&peers.session, theirs), 0);
	}
	/* and the words of the locks are nobody's */
	assert_false(may_touch(words_share));
	assert_false(may_touch(peer_of(words_share)));
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void what_needs_the_buffer_is_refused_without_its_lock(void **state)
{
	struct amph_share *theirs;

	(void)state;
	open_locks();
	theirs = peer_of(data_share);
	for (uint32_t locked = 0; locked < 2; locked++) {
		/* locked by the other side, it is as little this side's as unlocked */
		if (locked)
			assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
		assert_int_equal(amph_session_unlock(&mains.session, data_share), -EPERM);
		assert_int_equal(
			amph_session_give(&mains.session, data_share, 0, DATA_SIZE, false, 0, 0),
			-EACCES);
		assert_int_equal(amph_session_pass(&mains.session, data_share, &mains.session,
						   words_share, 0, DATA_SIZE, 0, 0),
				 -EPERM);
		assert_int_equal(amph_shm_detach(&data.attachment), -EBUSY);
		assert_int_equal(amph_shm_put(&data.shm), -EBUSY);
		assert_int_equal(amph_session_release(&mains.session, data_share, 0), -EBUSY);
		assert_int_equal(amph_session_close(&mains.session, amph_deadline(1)), -EBUSY);
		assert_int_equal(amph_session_release(&mains.session, words_share, 0), -EBUSY);
		assert_false(may_touch(data_share));
	}
	/* with it, it still changes hands by the lock only */
	assert_int_equal(amph_session_lock(&peers.session, theirs, 0), -EDEADLK);
	assert_int_equal(amph_session_return(&peers.session, theirs, 0, DATA_SIZE, 0, 0), -EPERM);
	assert_true(may_touch(theirs));
	assert_int_equal(amph_session_release(&peers.session, theirs, 0), -EBUSY);
	assert_int_equal(amph_session_unlock(&peers.session, theirs), 0);
	assert_int_equal(amph_session_unlock(&peers.session, theirs), -EPERM);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	assert_int_equal(amph_session_give(&mains.session, data_share, 0, 64, false, 0, 0), -EPERM);
	assert_true(may_touch(data_share));
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* Released by its home with the lock held, and by the importer without it. */
static void either_side_ends_it_and_the_home_has_the_buffer_back(void **state)
{
	(void)state;
	for (uint32_t importer = 0; importer < 2; importer++) {
		open_locks();
		if (importer) {
			assert_int_equal(
				amph_session_release(&peers.session, peer_of(data_share), 0), 0);
			/* releasing, it can't be locked any more */
			assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), 0),
					 -EPERM);
		} else {
			assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
			assert_int_equal(amph_session_release(&mains.session, data_share, 0), 0);
			assert_int_equal(amph_session_unlock(&mains.session, data_share), -EPERM);
		}
		settle(&mains, &peers);
		assert_int_equal(data_share->state, AMPH_SHARE_FREE);
		drop_buffer(&data);
		if (!importer)
			assert_int_equal(amph_session_unlock(&mains.session, data_share), -ENOENT);
		assert_int_equal(amph_session_release(importer ? &peers.session : &mains.session,
						      importer ? peer_of(words_share) : words_share,
						      0),
				 0);
		settle(&mains, &peers);
		assert_int_equal(words_share->state, AMPH_SHARE_FREE);
		drop_buffer(&words);
		assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
		settle(&mains, &peers);
		assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
		assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	}
}

static void a_release_that_crosses_the_lock_is_answered_when_it_is_free(void **state)
{
	struct amph_share *theirs;

	(void)state;
	open_locks();
	theirs = peer_of(data_share);
	/* the home holds the lock while the importer releases: the importer has no part in it */
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	assert_int_equal(amph_session_release(&peers.session, theirs, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(data_share->state, AMPH_SHARE_FREE);
	assert_int_equal(amph_session_unlock(&mains.session, data_share), -ENOENT);
	assert_int_equal(amph_session_unlock(&mains.session, data_share), -EPERM);
	drop_buffer(&data);
	/* while a buffer is bound, the other side can't take the words away */
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(
		amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 31, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&peers.session, peer_of(words_share), 0), -EBUSY);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	for (uint32_t i = 0; i < 4 && mains.session.state == AMPH_SESSION_OPEN; i++) {
		settle(&mains, &peers);
		amph_session_close(&mains.session, 0);
	}
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	drop_buffer(&data);
	drop_buffer(&words);
}

static void binding_is_refused_where_it_can_t_be(void **state)
{
	static struct buffer other;
	struct amph_share *other_share;
	struct amph_session *home = &mains.session;

	(void)state;
	open_lock_sides();
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(amph_session_locks_bind(home, data_share, AMPH_LOCK_PLAIN, 0, 0),
			 -ENOTCONN);
	assert_int_equal(amph_session_locks_bind(home, data_share, AMPH_LOCK_HARDWARE, 0, 0),
			 -ENOTSUP);
	assert_int_equal(amph_session_locks_bind(home, data_share, (enum amph_lock_kind)1, 0, 0),
			 -EINVAL);
	assert_int_equal(amph_session_lock(home, data_share, 0), -EPERM);
	assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), amph_deadline(2)),
			 -ETIMEDOUT);
	assert_int_equal(amph_session_unlock(home, data_share), -EPERM);
	assert_int_equal(amph_session_locks_place(&peers.session, peer_of(words_share), 0),
			 -EINVAL);
	assert_int_equal(amph_session_locks_place(home, words_share, 0), 0);
	assert_int_equal(amph_session_locks_place(home, data_share, 0), -EBUSY);
	assert_int_equal(amph_session_locks_place(home, words_share, 0), -EACCES);
	assert_int_equal(
		amph_session_locks_bind(home, data_share, AMPH_LOCK_PLAIN, WORDS_SIZE / 128, 0),
		-EINVAL);
	assert_int_equal(amph_session_locks_bind(home, words_share, AMPH_LOCK_PLAIN, 0, 0),
			 -EACCES);
	assert_int_equal(
		amph_session_locks_bind(home, data_share, AMPH_LOCK_PLAIN, WORDS_SIZE / 128 - 1, 0),
		0);
	/* bound already, and that lock is taken */
	assert_int_equal(amph_session_locks_bind(home, data_share, AMPH_LOCK_PLAIN, 1, 0), -EACCES);
	offer_for_lock(&other, "arena:a000", DATA_SIZE, &other_share);
	assert_int_equal(amph_session_locks_bind(home, other_share, AMPH_LOCK_PLAIN,
						 WORDS_SIZE / 128 - 1, 0),
			 -EEXIST);
	/* no room on the wire: all is as it was */
	mains.end.fail = -EPIPE;
	assert_int_equal(amph_session_locks_bind(home, other_share, AMPH_LOCK_PLAIN, 1, 0), -EPIPE);
	assert_true(may_touch(other_share));
	mains.end.fail = 0;
	assert_int_equal(amph_session_locks_bind(home, other_share, AMPH_LOCK_PLAIN, 1, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_lock(&peers.session, peer_of(other_share), 0), 0);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void who_has_no_locks_refuses_the_offer_politely(void **state)
{
	struct amph_share *share;

	(void)state;
	for (uint32_t version = 1; version <= 3; version++) {
		assert_int_equal(sides_open(&mains, &peers), 0);
		if (version < 3)
			init_locks(NULL, NULL, NULL);
		mains.session.version = peers.session.version = version;
		memset(&data, 0, sizeof(data));
		assert_int_equal(buffer_open(&data, &mains, "arena:8000", DATA_SIZE, 0), 0);
		assert_int_equal(amph_shm_attach(&data.shm, &mains.target.target,
						 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_LOCK,
						 &data.attachment, data.device_segments, 1),
				 0);
		assert_int_equal(amph_session_offer(&mains.session, &data.attachment, 0, 0, &share),
				 -ENOTSUP);
		/* the home would, the importer would not */
		init_locks(NULL, NULL, NULL);
		mains.session.version = 3;
		if (version == 3)
			peers.session.locks = NULL;
		assert_int_equal(amph_session_offer(&mains.session, &data.attachment, 0, 0, &share),
				 0);
		settle(&mains, &peers);
		assert_int_equal(share->state, AMPH_SHARE_FREE);
		assert_int_equal(share->error, -ENOTSUP);
		assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
		drop_buffer(&data);
	}
}

static void a_set_up_that_the_other_side_refuses_gives_the_buffer_back(void **state)
{
	const struct side_event *event;

	(void)state;
	open_lock_sides();
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	/* it has no slot left */
	peer_locks.config.slot_max = 0;
	assert_int_equal(amph_session_locks_place(&mains.session, words_share, 0), 0);
	assert_int_equal(amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 0, 0),
			 0);
	settle(&mains, &peers);
	event = &mains.log[(mains.logged - 1) % SIDE_EVENTS];
	assert_int_equal(event->what, 'U');
	assert_int_equal(event->error, -ENOSPC);
	assert_true(may_touch(data_share));
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), -EACCES);
	/* and the lock is free for it */
	peer_locks.config.slot_max = LOCK_SLOTS;
	assert_int_equal(amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 0, 0),
			 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), 0), 0);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), -ETIMEDOUT);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* A second buffer in a lock's place starts from the words as they are meant to be. */
static void a_lock_that_was_used_before_is_as_good_as_new(void **state)
{
	(void)state;
	open_locks();
	for (uint32_t i = 0; i < 6; i++) {
		struct amph_share *theirs = peer_of(data_share);

		for (uint32_t k = 0; k < i; k++) {
			assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
			assert_int_equal(amph_session_lock(&mains.session, data_share, 0),
					 -ETIMEDOUT);
			assert_int_equal(amph_session_unlock(&peers.session, theirs), 0);
		}
		assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
		assert_int_equal(amph_session_release(&mains.session, data_share, 0), 0);
		settle(&mains, &peers);
		drop_buffer(&data);
		offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
		assert_int_equal(
			amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 0, 0),
			0);
		settle(&mains, &peers);
	}
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* --- the other side is gone, or lies --- */

static void a_lost_session_leaves_the_buffer_in_quarantine_and_ends_every_wait(void **state)
{
	(void)state;
	for (uint32_t holder = 0; holder < 3; holder++) {
		struct amph_share *theirs;

		open_locks();
		theirs = peer_of(data_share);
		if (holder == 1)
			assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
		if (holder == 2)
			assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
		amph_session_lose(&mains.session, -EPIPE, "the other side is gone");
		assert_int_equal(amph_session_lock(&mains.session, data_share, amph_deadline(WAIT)),
				 -EPIPE);
		assert_int_equal(amph_session_unlock(&mains.session, data_share), -EPIPE);
		assert_int_equal(amph_shm_detach(&data.attachment), -EBUSY);
		assert_int_equal(mains.memory.quarantine_size, DATA_SIZE + WORDS_SIZE);
		amph_session_lose(&peers.session, -EPIPE, "the other side is gone");
		/* its mapping is gone, too */
		assert_int_equal(amph_session_lock(&peers.session, theirs, 0), -EPIPE);
		assert_int_equal(amph_session_unlock(&peers.session, theirs), -EPIPE);
		/* proved off, all of it is the home's again */
		amph_target_off(&mains.target.target);
		assert_int_equal(mains.memory.quarantine_size, 0);
		assert_int_equal(amph_shm_check_access(&data.shm, 0, DATA_SIZE, true), 0);
		assert_int_equal(amph_shm_put(&data.shm), 0);
		assert_int_equal(amph_shm_put(&words.shm), 0);
	}
}

static void a_session_that_is_lost_during_the_wait_ends_it(void **state)
{
	(void)state;
	open_locks();
	assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), 0), 0);
	mains.end.poll_fail = -ECONNRESET;
	assert_int_equal(amph_session_lock(&mains.session, data_share, amph_deadline(WAIT)),
			 -ECONNRESET);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void nonsense_in_a_lock_s_words_costs_the_session(void **state)
{
	(void)state;
	for (uint32_t importer = 0; importer < 2; importer++) {
		struct amph_session *session = importer ? &peers.session : &mains.session;

		open_locks();
		/* line 0 is the home's of the memory, line 1 the importer's */
		memset(arena + (importer ? 0 : 64), 0x5a, 4);
		assert_int_equal(amph_session_lock(session,
						   importer ? peer_of(data_share) : data_share,
						   amph_deadline(WAIT)),
				 -EPROTO);
		assert_int_equal(session->state, AMPH_SESSION_LOST);
		amph_session_lose(&mains.session, -EIO, "the end");
		amph_session_lose(&peers.session, -EIO, "the end");
	}
}

static void say_set_up(const struct amph_share *share, uint64_t offset, uint64_t length,
		       uint64_t cookie, enum wire_reason reason)
{
	struct wire_message raw;

	raw.body.handoff = (struct wire_handoff){
		.handle = share->handle,
		.generation = share->generation,
		.offset = offset,
		.length = length,
		.cookie = cookie,
		.flags = WIRE_HANDOFF_SET_UP,
		.direction = share->direction,
	};
	raw.header.type = WIRE_GIVE;
	raw.header.sequence = ++mains.session.sent;
	raw.header.length = 64;
	raw.header.from = mains.session.epoch;
	raw.header.to = mains.session.peer_epoch;
	assert_int_equal(amph_channel_send(&mains.end.channel, &raw, 64, -1, 0), 0);
	peers.end.last.header.type = 0;
	settle(&mains, &peers);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	if (!reason) {
		assert_int_not_equal(peers.end.last.header.type, WIRE_REJECT);
		return;
	}
	assert_int_equal(peers.end.last.header.type, WIRE_REJECT);
	assert_int_equal(peers.end.last.body.reject.reason, reason);
}

static void a_set_up_that_does_not_fit_is_refused(void **state)
{
	const uint64_t memory = UINT64_C(1) << 32, plain = UINT64_C(2) << 32;

	(void)state;
	open_lock_sides();
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	say_set_up(data_share, 0, DATA_SIZE, plain, WIRE_CLOSING);
	say_set_up(words_share, 0, WORDS_SIZE, memory, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 32, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 96, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 8192, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 4096, WIRE_INVALID);
	say_set_up(words_share, 64, WORDS_SIZE - 64, memory | 64, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE - 64, memory | 64, WIRE_INVALID);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 64, WIRE_OK);
	say_set_up(words_share, 0, WORDS_SIZE, memory | 64, WIRE_EXISTS);
	say_set_up(words_share, 0, WORDS_SIZE, plain, WIRE_EXISTS);
	say_set_up(data_share, 0, DATA_SIZE, memory | 64, WIRE_BUSY);
	say_set_up(data_share, 0, DATA_SIZE, plain | 32, WIRE_INVALID);
	say_set_up(data_share, 0, DATA_SIZE, plain | UINT32_MAX, WIRE_INVALID);
	say_set_up(data_share, 0, DATA_SIZE, UINT64_C(3) << 32, WIRE_UNSUPPORTED);
	say_set_up(data_share, 0, DATA_SIZE, UINT64_C(4) << 32, WIRE_INVALID);
	say_set_up(data_share, 0, DATA_SIZE, 0, WIRE_INVALID);
	say_set_up(data_share, 0, 64, plain | 31, WIRE_INVALID);
	say_set_up(data_share, 0, DATA_SIZE, plain | 31, WIRE_OK);
	say_set_up(data_share, 0, DATA_SIZE, plain | 30, WIRE_EXISTS);
	assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), 0), 0);
	say_set_up(data_share, 0, DATA_SIZE, plain | 30, WIRE_EXISTS);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void messages_about_a_bound_buffer_change_nothing(void **state)
{
	struct wire_message raw;
	struct amph_share *theirs;

	(void)state;
	open_locks();
	theirs = peer_of(data_share);
	/* a return of what the lock hands over */
	amph_session_fill_handoff(&raw, theirs, 0, DATA_SIZE, 0, false);
	raw.header.type = WIRE_RETURN;
	assert_int_equal(amph_session_send(&peers.session, &raw.header, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.end.last.body.reject.reason, WIRE_STATE);
	assert_false(may_touch(data_share));
	/* a give */
	amph_session_fill_handoff(&raw, data_share, 0, 64, 0, false);
	raw.header.type = WIRE_GIVE;
	assert_int_equal(amph_session_send(&mains.session, &raw.header, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.end.last.body.reject.reason, WIRE_STATE);
	assert_false(may_touch(theirs));
	/* the refusal of a part */
	raw.body.reject = (struct wire_reject){.type = WIRE_GIVE,
					       .reason = WIRE_BUSY,
					       .handle = theirs->handle,
					       .generation = theirs->generation,
					       .length = 64};
	raw.header.type = WIRE_REJECT;
	assert_int_equal(amph_session_send(&peers.session, &raw.header, 0), 0);
	settle(&mains, &peers);
	assert_false(may_touch(data_share));
	/* of all of it, while the home holds it: it stays the home's by the lock */
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	raw.body.reject.length = DATA_SIZE;
	assert_int_equal(amph_session_send(&peers.session, &raw.header, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
	assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* --- hardware --- */

static struct {
	uint32_t holder[2]; /* of each lock: 0 nobody, else 1 + the side */
	uint32_t unlocked;
} semaphores;

struct semaphore_side {
	uint32_t side;
	struct amph_hardware_lock locks[2];
};

static struct semaphore_side semaphore_sides[2];

static bool semaphore_try(void *argument, uint32_t id)
{
	const struct semaphore_side *side = argument;

	if (semaphores.holder[id])
		return false;
	semaphores.holder[id] = side->side + 1;
	return true;
}

static void semaphore_unlock(void *argument, uint32_t id)
{
	const struct semaphore_side *side = argument;

	assert_int_equal(semaphores.holder[id], side->side + 1);
	semaphores.holder[id] = 0;
	semaphores.unlocked++;
}

static struct amph_shared_lock *semaphore_of(void *argument, uint32_t id)
{
	struct semaphore_side *side = argument;

	return id < 2 ? &side->locks[id].lock : NULL;
}

static void open_hardware(void)
{
	static const struct amph_hardware_lock_ops ops = {.try_lock = semaphore_try,
							  .unlock = semaphore_unlock};

	memset(&semaphores, 0, sizeof(semaphores));
	assert_int_equal(sides_open(&mains, &peers), 0);
	for (uint32_t i = 0; i < 2; i++) {
		semaphore_sides[i].side = i;
		for (uint32_t k = 0; k < 2; k++)
			amph_hardware_lock_init(&semaphore_sides[i].locks[k], &ops,
						&semaphore_sides[i], k);
	}
	init_locks(semaphore_of, &semaphore_sides[0], &semaphore_sides[1]);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
}

static void a_hardware_lock_needs_no_memory_and_is_let_go_at_the_end(void **state)
{
	struct amph_share *theirs;

	(void)state;
	open_hardware();
	assert_int_equal(
		amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_HARDWARE, 2, 0),
		-ENOENT);
	assert_int_equal(
		amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_HARDWARE, 1, 0), 0);
	settle(&mains, &peers);
	theirs = peer_of(data_share);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	assert_int_equal(semaphores.holder[1], 1);
	assert_int_equal(amph_session_lock(&peers.session, theirs, amph_deadline(2)), -ETIMEDOUT);
	assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
	assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
	assert_int_equal(semaphores.holder[1], 2);
	assert_true(may_touch(theirs));
	/* the session is lost while it is held: it is free for the next one */
	amph_session_lose(&peers.session, -EPIPE, "gone");
	assert_int_equal(semaphores.holder[1], 2);
	assert_int_equal(amph_session_unlock(&peers.session, theirs), -EPIPE);
	assert_int_equal(semaphores.holder[1], 0);
	assert_int_equal(amph_session_unlock(&peers.session, theirs), -EPIPE);
	assert_int_equal(semaphores.unlocked, 2);
	amph_session_lose(&mains.session, -EIO, "the end");
}

static int dead_owner(struct amph_shared_lock *lock, uint64_t deadline)
{
	(void)lock;
	(void)deadline;
	return -EOWNERDEAD;
}

static int let_it_go(struct amph_shared_lock *lock)
{
	(void)lock;
	return 0;
}

static void a_dead_owner_is_told_and_the_buffer_is_taken(void **state)
{
	static const struct amph_shared_lock_ops ops = {dead_owner, let_it_go};

	(void)state;
	open_hardware();
	semaphore_sides[0].locks[0].lock.ops = &ops;
	assert_int_equal(
		amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_HARDWARE, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), -EOWNERDEAD);
	assert_true(may_touch(data_share));
	assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
	assert_false(may_touch(data_share));
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* --- callbacks --- */

static int result_in_callback = 1;

static void lock_in_callback(struct amph_session *session, struct amph_share *share)
{
	(void)share;
	result_in_callback = amph_session_lock(session, data_share, amph_deadline(WAIT));
}

static void a_callback_takes_what_is_free_and_never_waits(void **state)
{
	static struct buffer other;
	struct amph_share *other_share;

	(void)state;
	open_locks();
	mains.events.answered = lock_in_callback;
	assert_int_equal(amph_session_lock(&peers.session, peer_of(data_share), 0), 0);
	offer_for_lock(&other, "arena:a000", DATA_SIZE, &other_share);
	assert_int_equal(result_in_callback, -EBUSY);
	assert_int_equal(amph_session_unlock(&peers.session, peer_of(data_share)), 0);
	assert_int_equal(amph_session_release(&mains.session, other_share, 0), 0);
	settle(&mains, &peers);
	drop_buffer(&other);
	offer_for_lock(&other, "arena:a000", DATA_SIZE, &other_share);
	assert_int_equal(result_in_callback, 0);
	assert_true(may_touch(data_share));
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

/* --- at once --- */

static int count_up(struct amph_session *session, struct amph_share *share)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t *count = share->va;
		int error = amph_session_lock(session, share, amph_deadline(WAIT));

		if (error)
			return error;
		(*count)++;
		error = amph_session_unlock(session, share);
		if (error)
			return error;
	}
	return 0;
}

static void *peer_thread(void *argument)
{
	struct amph_session *session = &peers.session;
	int error = amph_session_open(session, amph_deadline(WAIT));

	(void)argument;
	while (!error && (peers.shares[0].state != AMPH_SHARE_ACCEPTED ||
			  peers.shares[1].state != AMPH_SHARE_ACCEPTED))
		error = amph_session_poll(session, amph_deadline(WAIT)) < 0;
	if (!error)
		error = count_up(session, &peers.shares[1]);
	while (session->state == AMPH_SESSION_OPEN &&
	       amph_session_poll(session, amph_deadline(WAIT)) > 0)
		;
	return (void *)(intptr_t)error;
}

static void two_sides_count_by_lock_and_nothing_is_lost(void **state)
{
	static struct amph_channel_socket ends[2];
	pthread_t thread;
	void *result;
	int fds[2];

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* it sees no fences, and the lock's order is fences: tests/weak has them */
#endif
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	assert_int_equal(amph_channel_socket_init(&ends[0], fds[0]), 0);
	assert_int_equal(amph_channel_socket_init(&ends[1], fds[1]), 0);
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	side_init(&mains, AMPH_SESSION_MAIN, 0x11);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	mains.config.channel = &ends[0].channel;
	peers.config.channel = &ends[1].channel;
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	init_locks(NULL, NULL, NULL);
	assert_int_equal(pthread_create(&thread, NULL, peer_thread, NULL), 0);
	assert_int_equal(amph_session_open(&mains.session, amph_deadline(WAIT)), 0);
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(amph_session_locks_place(&mains.session, words_share, amph_deadline(WAIT)),
			 0);
	assert_int_equal(amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 5,
						 amph_deadline(WAIT)),
			 0);
	assert_int_equal(count_up(&mains.session, data_share), 0);
	/* until the other side is done, too */
	for (;;) {
		uint64_t count;

		assert_int_equal(amph_session_lock(&mains.session, data_share, amph_deadline(WAIT)),
				 0);
		count = *(uint64_t *)data.shm.va;
		if (count == 2 * ROUNDS)
			break;
		assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
		assert_true(count < 2 * ROUNDS);
		amph_session_poll(&mains.session, amph_deadline(1));
	}
	assert_int_equal(amph_session_close(&mains.session, amph_deadline(WAIT)), 0);
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_null(result);
	drop_buffer(&data);
	drop_buffer(&words);
	amph_channel_socket_close(&ends[0]);
	amph_channel_socket_close(&ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_holder_of_the_lock_owns_the_buffer_and_nobody_else),
		cmocka_unit_test(what_needs_the_buffer_is_refused_without_its_lock),
		cmocka_unit_test(either_side_ends_it_and_the_home_has_the_buffer_back),
		cmocka_unit_test(a_release_that_crosses_the_lock_is_answered_when_it_is_free),
		cmocka_unit_test(binding_is_refused_where_it_can_t_be),
		cmocka_unit_test(who_has_no_locks_refuses_the_offer_politely),
		cmocka_unit_test(a_set_up_that_the_other_side_refuses_gives_the_buffer_back),
		cmocka_unit_test(a_lock_that_was_used_before_is_as_good_as_new),
		cmocka_unit_test(
			a_lost_session_leaves_the_buffer_in_quarantine_and_ends_every_wait),
		cmocka_unit_test(a_session_that_is_lost_during_the_wait_ends_it),
		cmocka_unit_test(nonsense_in_a_lock_s_words_costs_the_session),
		cmocka_unit_test(a_set_up_that_does_not_fit_is_refused),
		cmocka_unit_test(messages_about_a_bound_buffer_change_nothing),
		cmocka_unit_test(a_hardware_lock_needs_no_memory_and_is_let_go_at_the_end),
		cmocka_unit_test(a_dead_owner_is_told_and_the_buffer_is_taken),
		cmocka_unit_test(a_callback_takes_what_is_free_and_never_waits),
		cmocka_unit_test(two_sides_count_by_lock_and_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
