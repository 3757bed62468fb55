/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Releasing: either side ends the sharing of one buffer.
 * Share layer; freestanding. The last step of the way of a buffer; what the other side answers is
 * handled by home.c and import.c.
 */
#include "share/internal.h"

int amph_session_release(struct amph_session *session, struct amph_share *share, uint64_t deadline)
{
	struct wire_message message;
	uint32_t generation;
	int error = amph_session_usable(session);
	bool offered;

	if (error)
		return error;
	offered = amph_session_has(session, share) && share->home &&
		  share->state == AMPH_SHARE_OFFERED;
	if (!amph_session_has(session, share) || (share->state != AMPH_SHARE_ACCEPTED && !offered))
		return amph_refuse(&session->why, -EPERM, "the share is not to be released", 0, 0);
	if (share->pass.returned && share->home)
		return amph_refuse(&session->why, -EBUSY, "a pass still waits for its range",
				   share->pass.offset, share->pass.length);
	/* what was returned by the queue must be there before the release that comes by message */
	if (session->path && share->method == AMPH_SYNC_QUEUE &&
	    (!share->home || amph_session_path_of(session, share))) {
		generation = share->generation;
		error = session->path->ops->flush(session->path, deadline);
		/* the other side may have released it meanwhile */
		if (!amph_session_still_has(session, share, generation) ||
		    share->state != AMPH_SHARE_ACCEPTED)
			return amph_session_usable(session);
	}
	if (!error)
		error = amph_session_path_close(session, share);
	if (error)
		return amph_refuse(
			&session->why, error,
			"the queue is not empty, ranges are out by it, or locks are in use", 0, 0);
	if (amph_session_holds(share->shm, share->home ? share->attachment->bit : AMPH_HOLDER_CPU))
		return amph_refuse(&session->why, -EBUSY, "ranges are still out", 0, 0);
	message.header.type = WIRE_RELEASE;
	message.body.answer = (struct wire_answer){
		.handle = share->handle,
		.generation = share->generation,
		.flags = share->home ? WIRE_SHARE_HOME : 0,
	};
	error = amph_session_send(session, &message.header, deadline);
	if (error) {
		amph_session_path_stays(session, amph_session_path_of(session, share));
		return error;
	}
	session->import_rejected = amph_import_rejected;
	share->state = AMPH_SHARE_RELEASING;
	share->accepted = !offered;
	return 0;
}
