/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers synced by a lock, where the other side is not honest or not coherent: set-ups, refusals and releases
 * at random, words that change at random; and caches that are maintained only while the lock is held.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/internal.h"
#include "share/lock_pair.h"

#define LIVES 400u
#define STEPS 60u

static uint32_t seed;

static uint32_t chance(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % limit;
}

static void consistent(const struct side *side)
{
	for (const struct amph_shm *shm = side->memory.buffers; shm; shm = shm->next)
		assert_int_equal(amph_shm_check(shm), 0);
}

/* A message that no honest side would send now, with the right stamps. */
static void lie(struct side *liar, struct side *victim)
{
	static const enum wire_type types[] = {WIRE_GIVE,   WIRE_GIVE,	  WIRE_RETURN,
					       WIRE_REJECT, WIRE_RELEASE, WIRE_RELEASED,
					       WIRE_ACCEPT, WIRE_REJECT,  WIRE_PASS};
	const struct amph_share *share = &victim->shares[chance(SIDE_SHARES)];
	enum wire_type type = types[chance(9)];
	struct wire_message message;
	bool whole = chance(4);

	memset(&message, 0, sizeof(message));
	message.header.type = (uint16_t)type;
	if (type == WIRE_REJECT) {
		message.body.reject = (struct wire_reject){
			.type = (uint16_t)types[chance(3)],
			.reason = WIRE_BUSY,
			.handle = share->handle,
			.generation = share->generation,
			.length = whole ? share->size : 64,
		};
	} else if (type == WIRE_GIVE || type == WIRE_RETURN || type == WIRE_PASS) {
		uint32_t number = chance(8) ? chance(4) : UINT32_MAX - chance(2);

		if (chance(4) == 0)
			number = 64u << chance(8);
		message.body.handoff = (struct wire_handoff){
			.handle = share->handle,
			.generation = share->generation,
			.length = whole ? share->size : 64,
			.cookie = (uint64_t)chance(5) << 32 | number,
			.flags = type == WIRE_GIVE ? chance(3) : 0,
			.direction = AMPH_DEVICE_READS_WRITES,
		};
	} else {
		message.body.answer = (struct wire_answer){
			.handle = share->handle,
			.generation = share->generation,
			.flags = type == WIRE_RELEASE || type == WIRE_RELEASED ? chance(2) : 0,
		};
	}
	amph_session_send(&liar->session, &message.header, 0);
}

/* What the application of a side does; whatever comes of it. */
static void act(struct side *side)
{
	struct amph_share *share = &side->shares[chance(SIDE_SHARES)];
	struct amph_session *session = &side->session;
	uint64_t offset = 64u * chance(2);

	if (share->state == AMPH_SHARE_FREE)
		return;
	switch (chance(8)) {
	case 0:
	case 1:
		if (!amph_session_lock(session, share, 0)) {
			/* whoever has the lock owns all of it */
			assert_int_equal(amph_shm_check_access(share->shm, 0, share->size, true),
					 0);
			memset(share->va, 1, share->size);
		}
		break;
	case 2:
	case 3:
		if (!amph_session_unlock(session, share))
			assert_int_equal(amph_shm_check_access(share->shm, 0, 1, false), -EACCES);
		break;
	case 4:
		amph_session_release(session, share, 0);
		break;
	case 5:
		amph_session_give(session, share, offset, 64, false, 0, 0);
		amph_session_return(session, share, offset, 64, 0, 0);
		break;
	case 6:
		amph_session_locks_bind(session, share, (enum amph_lock_kind)chance(4), chance(3),
					0);
		break;
	default:
		amph_session_locks_place(session, share, 0);
		break;
	}
}

/* Lets go of everything, in whatever state it is. */
static void end_life(struct buffer *buffer)
{
	if (buffer->attachment.shm)
		assert_int_equal(amph_shm_detach(&buffer->attachment), 0);
	assert_int_equal(amph_shm_check_access(&buffer->shm, 0, buffer->shm.size, true), 0);
	assert_int_equal(amph_shm_put(&buffer->shm), 0);
}

/* The liar may be either; what it does to the words is done to memory. */
static void lies_cost_the_session_and_no_more(void **state)
{
	uint32_t lost = 0, survived = 0;

	(void)state;
	for (seed = 1; seed <= LIVES; seed++) {
		uint32_t life = seed;
		struct side *liar = life % 2 ? &peers : &mains;
		struct side *victim = life % 2 ? &mains : &peers;

		open_locks();
		for (uint32_t i = 0; i < STEPS; i++) {
			if (chance(3) == 0)
				lie(liar, victim);
			if (chance(12) == 0)
				*(uint32_t *)(void *)&arena[64 * chance(4)] = chance(5);
			act(victim);
			act(liar);
			/* the liar's own library may be surprised by what it has said: not asked */
			settle(&mains, &peers);
			consistent(victim);
		}
		lost += victim->session.state == AMPH_SESSION_LOST;
		survived += victim->session.state == AMPH_SESSION_OPEN;
		amph_session_lose(&mains.session, -EIO, "the end");
		amph_session_lose(&peers.session, -EIO, "the end");
		amph_target_off(&mains.target.target);
		assert_int_equal(mains.memory.quarantine_size, 0);
		end_life(&data);
		end_life(&words);
		seed = life;
	}
	/* it tests both */
	assert_true(lost > LIVES / 20);
	assert_true(survived > LIVES / 20);
}

/* --- caches --- */

#define WANTS 0x1u

static uint32_t cleaned[2], invalidated[2];
static bool binding; /* it is the home's before, and handed over by the set-up */

/* Of the data, only while this side has the lock: its word says so, and the other's turn is not now. */
static int maintain(const void *va, uint32_t side, uint32_t *count)
{
	uintptr_t offset = (uintptr_t)va - (uintptr_t)arena;

	if (offset < 0x8000)
		return 0; /* the words themselves */
	assert_true(binding || *(uint32_t *)(void *)&arena[64 * side] & WANTS);
	++*count;
	return 0;
}

static int main_clean(const void *va, size_t length)
{
	(void)length;
	return maintain(va, 0, &cleaned[0]);
}

static int main_invalidate(void *va, size_t length)
{
	(void)length;
	return maintain(va, 0, &invalidated[0]);
}

static int main_flush(void *va, size_t length)
{
	(void)length;
	return maintain(va, 0, &cleaned[0]);
}

static int peer_clean(const void *va, size_t length)
{
	(void)length;
	return maintain(va, 1, &cleaned[1]);
}

static int peer_invalidate(void *va, size_t length)
{
	(void)length;
	return maintain(va, 1, &invalidated[1]);
}

static int peer_flush(void *va, size_t length)
{
	(void)length;
	return maintain(va, 1, &cleaned[1]);
}

static void caches_are_maintained_while_the_lock_is_held(void **state)
{
	static const struct amph_cache_ops main_ops = {main_clean, main_invalidate, main_flush};
	static const struct amph_cache_ops peer_ops = {peer_clean, peer_invalidate, peer_flush};
	struct amph_share *theirs;

	(void)state;
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 0x11);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	mains.target.target.coherent = false;
	mains.target.target.cache = &main_ops;
	mains.target.target.cache_line = 64;
	peers.config.cache = &peer_ops;
	peers.config.cache_line = 64;
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	init_locks(NULL, NULL, NULL);
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(amph_session_locks_place(&mains.session, words_share, 0), 0);
	binding = true;
	assert_int_equal(amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 0, 0),
			 0);
	binding = false;
	settle(&mains, &peers);
	assert_int_equal(cleaned[0], 1);
	assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
	assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
	theirs = peer_of(data_share);
	for (uint32_t i = 1; i <= 3; i++) {
		assert_int_equal(amph_session_lock(&peers.session, theirs, 0), 0);
		assert_int_equal(invalidated[1], i);
		assert_int_equal(amph_session_unlock(&peers.session, theirs), 0);
		assert_int_equal(cleaned[1], i);
		assert_int_equal(amph_session_lock(&mains.session, data_share, 0), 0);
		assert_int_equal(invalidated[0], i + 1);
		assert_int_equal(amph_session_unlock(&mains.session, data_share), 0);
		assert_int_equal(cleaned[0], i + 2);
	}
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lies_cost_the_session_and_no_more),
		cmocka_unit_test(caches_are_maintained_while_the_lock_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
