/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locking and unlocking a buffer: the lock first, then the ownership record with its caches; and back.
 * Share layer; freestanding. The middle of the way of a buffer, where nobody tells but the lock.
 */
#include <amphora/time.h>

#include "share/locks.h"

#define SLICE_MS 10u /* of a wait for the lock, between two polls of the session */

/* Can its lock be touched? A plain one's words are gone with the memory they are in. */
static bool is_there(const struct amph_session_locks *locks, const struct amph_share_lock *slot)
{
	return slot->lock != &slot->plain.lock || amph_locks_have_memory(locks);
}

/* The slot of a share that is still the one that was bound, or NULL. */
static struct amph_share_lock *find(struct amph_session_locks *locks,
				    const struct amph_share *share)
{
	for (uint32_t i = 0; i < locks->config.slot_max; i++) {
		struct amph_share_lock *slot = &locks->config.slots[i];

		if (slot->share == share && slot->generation == share->generation)
			return slot;
	}
	return NULL;
}

/* 0 while the share can be locked. */
static int check(struct amph_session *session, const struct amph_share *share)
{
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!session->locks || !amph_session_has(session, share) ||
	    share->state != AMPH_SHARE_ACCEPTED || share->method != AMPH_SYNC_LOCK ||
	    amph_session_path_of(session, share))
		return amph_refuse(&session->why, -EPERM, "the share is no accepted one for a lock",
				   0, 0);
	return 0;
}

/* One slice of the wait. 0, -EOWNERDEAD, -ETIMEDOUT, or what ends the wait. */
static int try(struct amph_session *session, struct amph_share *share, uint64_t deadline)
{
	struct amph_share_lock *slot = find(amph_session_locks_of(session), share);
	int error;

	if (slot && !is_there(amph_session_locks_of(session), slot))
		slot = NULL;
	if (!slot && share->home)
		return amph_refuse(&session->why, -EPERM, "the buffer is not bound to a lock", 0,
				   0);
	if (!slot)
		return -ETIMEDOUT;
	if (slot->lock->held)
		return amph_refuse(&session->why, -EDEADLK, "this side holds the lock already",
				   slot->number, 0);
	error = amph_shared_lock_acquire(slot->lock, deadline);
	if (error == -EPROTO)
		amph_session_fail(session, error,
				  "the other side wrote nonsense into its half of a lock");
	return error;
}

/* The lock is this side's, and now the buffer is. */
static int take(struct amph_session *session, struct amph_share *share, int result)
{
	int error = amph_shm_sync_for_cpu(share->attachment, 0, share->size);

	if (!error)
		return result;
	amph_refuse_as(&session->why, error, &share->shm->why);
	amph_shared_lock_release(find(amph_session_locks_of(session), share)->lock);
	return error;
}

/* A plain lock whose words are gone is nobody's. */
static int release(const struct amph_session_locks *locks, struct amph_share_lock *slot)
{
	if (is_there(locks, slot))
		return amph_shared_lock_release(slot->lock);
	slot->lock->held = false;
	return -ENOTCONN;
}

int amph_session_lock(struct amph_session *session, struct amph_share *share, uint64_t deadline)
{
	uint32_t generation = share->generation;

	for (;;) {
		int error = check(session, share);
		uint64_t now, slice;

		if (!error && share->generation != generation)
			error = -ENOENT;
		if (error)
			return error;
		slice = amph_deadline(SLICE_MS);
		if (session->polling)
			slice = 0;
		error = try(session, share, slice < deadline ? slice : deadline);
		if (!error || error == -EOWNERDEAD)
			return take(session, share, error);
		now = amph_time_now();
		if (error != -ETIMEDOUT || now >= deadline)
			return error;
		if (session->polling)
			return amph_refuse(&session->why, -EBUSY, "a callback may not wait", 0, 0);
		/* the other side's heartbeats count meanwhile, and this side's are sent */
		slice = amph_deadline(find(amph_session_locks_of(session), share) ? 0 : SLICE_MS);
		error = amph_session_poll(session, slice < deadline ? slice : deadline);
		if (error < 0 && error != -ETIMEDOUT)
			return error;
	}
}

/* The session or the share has ended: a hardware lock is for others, too. */
static int let_go(struct amph_session *session, const struct amph_share *share)
{
	struct amph_session_locks *locks = amph_session_locks_of(session);
	int error = amph_session_usable(session);
	bool held = false;

	for (uint32_t i = 0; i < locks->config.slot_max; i++) {
		struct amph_share_lock *slot = &locks->config.slots[i];

		if (slot->share != share || !slot->lock->held)
			continue;
		held = true;
		if (slot->lock == &slot->plain.lock)
			slot->lock->held = false; /* its words may not be there any more */
		else
			amph_shared_lock_release(slot->lock);
	}
	if (held)
		return error ? error : -ENOENT;
	return error ? error : amph_refuse(&session->why, -EPERM, "the lock is not held", 0, 0);
}

int amph_session_unlock(struct amph_session *session, struct amph_share *share)
{
	struct amph_share_lock *slot;
	int error = check(session, share);

	if (amph_session_forked(session) || !session->locks)
		return error;
	/* releasing it was asked with the lock held: it stays so, whatever the answer is */
	if (amph_session_has(session, share) && share->state == AMPH_SHARE_RELEASING)
		return error;
	slot = error ? NULL : find(amph_session_locks_of(session), share);
	if (!slot)
		return let_go(session, share);
	if (!slot->lock->held)
		return amph_refuse(&session->why, -EPERM, "the lock is not held", slot->number, 0);
	error = amph_shm_sync_for_device(share->attachment, 0, share->size, false);
	if (error)
		return amph_refuse_as(&session->why, error, &share->shm->why);
	return release(amph_session_locks_of(session), slot);
}
