/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two sides in one process with plain locks between them, and a buffer that is bound to one.
 * Test code; include after cmocka.h.
 */
#ifndef TESTS_SHARE_LOCK_PAIR_H
#define TESTS_SHARE_LOCK_PAIR_H

#include <amphora/session_lock.h>

#include "share/offered.h"

#define DATA_SIZE  4096u
#define WORDS_SIZE 4096u
#define LOCK_SLOTS 2u

static struct side mains, peers;
static struct buffer words, data;
static struct amph_share *words_share, *data_share;
static struct amph_session_locks main_locks, peer_locks;
static struct amph_share_lock main_slots[LOCK_SLOTS], peer_slots[LOCK_SLOTS];

static inline void offer_for_lock(struct buffer *buffer, const char *name, uint64_t size,
				  struct amph_share **share)
{
	buffer_offer(buffer, &mains, &peers, name, size, AMPH_SYNC_LOCK, share);
}

static inline void init_locks(struct amph_shared_lock *(*hardware)(void *, uint32_t),
			      void *main_hardware, void *peer_hardware)
{
	const struct amph_session_locks_config main_config = {main_slots, LOCK_SLOTS, hardware,
							      main_hardware};
	const struct amph_session_locks_config peer_config = {peer_slots, LOCK_SLOTS, hardware,
							      peer_hardware};

	assert_int_equal(amph_session_locks_init(&main_locks, &mains.session, &main_config), 0);
	assert_int_equal(amph_session_locks_init(&peer_locks, &peers.session, &peer_config), 0);
}

/* Two open sessions, both with locks. */
static inline void open_lock_sides(void)
{
	assert_int_equal(sides_open(&mains, &peers), 0);
	init_locks(NULL, NULL, NULL);
}

/* And the data offered, accepted and bound to plain lock 0. */
static inline void open_locks(void)
{
	open_lock_sides();
	offer_for_lock(&words, "arena:0", WORDS_SIZE, &words_share);
	offer_for_lock(&data, "arena:8000", DATA_SIZE, &data_share);
	assert_int_equal(amph_session_locks_place(&mains.session, words_share, 0), 0);
	assert_int_equal(amph_session_locks_bind(&mains.session, data_share, AMPH_LOCK_PLAIN, 0, 0),
			 0);
	settle(&mains, &peers);
}

/* The peer's share of a buffer of main's. */
static inline struct amph_share *peer_of(const struct amph_share *share)
{
	for (uint32_t i = 0; i < SIDE_SHARES; i++) {
		struct amph_share *other = &peers.shares[i];

		if (other->state != AMPH_SHARE_FREE && !other->home &&
		    other->handle == share->handle && other->generation == share->generation)
			return other;
	}
	return NULL;
}

static inline void drop_buffer(struct buffer *buffer)
{
	assert_int_equal(amph_shm_check(&buffer->shm), 0);
	assert_int_equal(amph_shm_check_access(&buffer->shm, 0, buffer->shm.size, true), 0);
	assert_int_equal(amph_shm_detach(&buffer->attachment), 0);
	assert_int_equal(amph_shm_put(&buffer->shm), 0);
}

#endif
