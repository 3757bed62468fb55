/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The home's half of syncing by locks: placing the plain ones, binding a buffer to one.
 * Share layer; freestanding; linked only where it is called.
 */
#include "memory/sanitize.h"
#include "share/locks.h"

/* Is it a buffer of this side, for a lock, and all of it this side's? */
static int check(struct amph_session *session, const struct amph_share *share)
{
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!session->locks)
		return amph_refuse(&session->why, -ENOTSUP, "this side of the session has no locks",
				   0, 0);
	if (!amph_session_has(session, share) || !share->home ||
	    share->state != AMPH_SHARE_ACCEPTED || share->method != AMPH_SYNC_LOCK)
		return amph_refuse(&session->why, -EINVAL,
				   "the share is no accepted offer for a lock", 0, 0);
	error = amph_shm_may_give(share->attachment, 0, share->size, false);
	return error ? amph_refuse_as(&session->why, error, &share->shm->why) : 0;
}

/* The whole buffer is nobody's from now on, and the other side learns by which lock. */
static int give(struct amph_session *session, struct amph_share *share, uint64_t cookie,
		uint64_t deadline)
{
	struct wire_message message;
	uint32_t generation = share->generation;
	int error = amph_shm_sync_for_device(share->attachment, 0, share->size, false);

	if (error)
		return amph_refuse_as(&session->why, error, &share->shm->why);
	amph_session_fill_handoff(&message, share, 0, share->size, cookie, false);
	message.body.handoff.flags = WIRE_HANDOFF_SET_UP;
	message.header.type = WIRE_GIVE;
	error = amph_session_send(session, &message.header, deadline);
	if (error && amph_session_still_has(session, share, generation) &&
	    amph_shm_sync_for_cpu(share->attachment, 0, share->size))
		amph_session_fail(session, -EFAULT, "a hand-off could not be undone");
	return error;
}

int amph_session_locks_place(struct amph_session *session, struct amph_share *share,
			     uint64_t deadline)
{
	struct amph_session_locks *locks = amph_session_locks_of(session);
	uint32_t stride;
	int error = check(session, share);

	if (error)
		return error;
	if (share->attachment->target->ops->sync_for_device && !share->attachment->coherent &&
	    !(share->flags & AMPH_SHM_NOT_CACHED))
		return amph_refuse(&session->why, -ENOTSUP,
				   "a driver syncs this memory whole: locks need uncached memory",
				   share->flags, AMPH_SHM_NOT_CACHED);
	stride = amph_session_locks_stride(session);
	error = amph_locks_shape(locks, share, stride);
	if (error)
		return error;
	error = give(session, share, lock_cookie(LOCK_MEMORY, stride), deadline);
	if (error && locks->way.share == share) {
		locks->way.share = NULL;
		if (share->shm)
			amph_sanitize(exempt, share->shm, false);
	}
	return error;
}

int amph_session_locks_bind(struct amph_session *session, struct amph_share *share,
			    enum amph_lock_kind kind, uint32_t number, uint64_t deadline)
{
	struct amph_session_locks *locks = amph_session_locks_of(session);
	struct amph_share_lock *slot;
	int error = check(session, share);

	if (!error && amph_session_path_of(session, share))
		error = amph_refuse(&session->why, -EINVAL, "the share is the locks' own memory", 0,
				    0);
	if (!error)
		error = amph_locks_bind(locks, share, kind, number, &slot);
	if (error)
		return error;
	error = give(session, share, lock_cookie(kind, number), deadline);
	if (error)
		slot->share = NULL;
	return error;
}
