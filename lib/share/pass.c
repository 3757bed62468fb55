/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Passing on: a range that one coprocessor holds goes to another without the CPU's caches.
 * Share layer; freestanding; home only, and linked only where amph_session_pass() is called.
 *
 * The pass waits in the first side's share until that side returns the range. Then ownership moves
 * from target to target, and the second side is told by a give like any other.
 */
#include "share/internal.h"

static bool to_is_open(const struct amph_share_pass *pass)
{
	return !amph_session_usable(pass->to) && amph_session_has(pass->to, pass->to_share) &&
	       pass->to_share->home && pass->to_share->generation == pass->to_generation &&
	       pass->to_share->state == AMPH_SHARE_ACCEPTED;
}

/* Moves a returned piece on. On error it is still the first side's, or (*taken) the CPU's. */
static int go_on(const struct amph_share_pass *pass, struct amph_attachment *from, uint64_t offset,
		 uint64_t length, bool *taken)
{
	struct amph_attachment *to = pass->to_share->attachment;
	int error;

	*taken = false;
	if (!to_is_open(pass))
		return -ENOTCONN;
	error = amph_shm_pass(from, to, offset, length);
	if (error)
		return error;
	error = amph_session_answer_handoff(pass->to, pass->to_share, offset, length, pass->cookie);
	if (!error)
		return 0;
	*taken = true;
	if (amph_shm_sync_for_cpu(to, offset, length))
		amph_session_fail(pass->to, -EFAULT, "a hand-off could not be undone");
	return error;
}

/*
 * The first side returned offset, length. Returns 0 when that was all or a part of the pass and is
 * dealt with, -EALREADY when it has nothing to do with it, or why the return is refused.
 */
static int pass_returned(struct amph_session *session, struct amph_share *share, uint64_t offset,
			 uint64_t length)
{
	const struct amph_session_events *events = session->config.events;
	struct amph_share_pass pass = share->pass;
	uint64_t cookie = pass.cookie;
	bool inside, taken;
	int error = amph_shm_may_take(share->attachment, offset, length);

	if (error)
		return error;
	if (!amph_session_awaits(share, offset, length))
		return -EALREADY;
	inside = offset >= pass.offset && offset + length <= pass.offset + pass.length;
	if (!inside) {
		/* it was returned in another piece than asked for: the CPU's, and the pass is over */
		share->pass.returned = NULL;
		if (events && events->passed)
			events->passed(session, share, pass.offset, pass.length, cookie, -ERANGE);
		return amph_session_usable(session) ? 0 : -EALREADY;
	}
	error = go_on(&pass, share->attachment, offset, length, &taken);
	if (error && !taken) {
		int undo = amph_shm_sync_for_cpu(share->attachment, offset, length);

		if (undo)
			return undo;
	}
	share->pass.left -= length < share->pass.left ? length : share->pass.left;
	if (!share->pass.left)
		share->pass.returned = NULL;
	/* what the other session's callbacks did meanwhile may have ended this one */
	if (events && events->passed && !amph_session_usable(session))
		events->passed(session, share, offset, length, cookie, error);
	return 0;
}

int amph_session_pass(struct amph_session *from, struct amph_share *share, struct amph_session *to,
		      struct amph_share *to_share, uint64_t offset, uint64_t length,
		      uint64_t cookie, uint64_t deadline)
{
	struct amph_share_pass pass = {
		.returned = pass_returned,
		.to = to,
		.to_share = to_share,
		.offset = offset,
		.length = length,
		.left = length,
		.cookie = cookie,
	};
	struct wire_message message;
	int error = amph_session_usable(from);

	if (error)
		return error;
	if (!amph_session_has(from, share) || !share->home || share->state != AMPH_SHARE_ACCEPTED)
		return amph_refuse(&from->why, -EPERM, "the share is no accepted offer", 0, 0);
	if (share->method == AMPH_SYNC_LOCK)
		return amph_refuse(&from->why, -EPERM, "the buffer changes hands by its lock",
				   offset, length);
	if (amph_session_usable(to))
		return amph_session_usable(to);
	if (!amph_session_has(to, to_share))
		return amph_refuse(&from->why, -EPERM, "nothing is shared with the second", 0, 0);
	pass.to_generation = to_share->generation;
	if (!to_is_open(&pass) || to_share->shm != share->shm || to_share == share)
		return amph_refuse(&from->why, -EINVAL,
				   "the second has not accepted the same buffer", 0, 0);
	if (amph_shm_may_take(share->attachment, offset, length)) {
		/* returned already: a give like any other, or the error of one */
		return amph_session_give(to, to_share, offset, length, false, cookie, deadline);
	}
	if (share->pass.returned)
		return amph_refuse(&from->why, -EBUSY, "another pass waits for its range",
				   share->pass.offset, share->pass.length);
	if (amph_session_awaits(to_share, offset, length))
		return amph_refuse(&from->why, -EBUSY,
				   "a pass from the second waits for bytes of it",
				   to_share->pass.offset, to_share->pass.length);
	error = amph_shm_may_pass(share->attachment, to_share->attachment, offset, length);
	if (error)
		return amph_refuse_as(&from->why, error, &share->shm->why);
	amph_session_fill_handoff(&message, share, offset, length, cookie, false);
	message.header.type = WIRE_PASS;
	error = amph_session_send(from, &message.header, deadline);
	if (!error)
		share->pass = pass;
	return error;
}
