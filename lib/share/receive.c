/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving: what every message must pass before it counts (life, sequence, form), and who takes it.
 * Share layer; freestanding. The message is copied once, out of the peer's reach, and checked there.
 */
#include <amphora/time.h>

#include "share/internal.h"

/* A message of another life of the other side, or for another life of this one. */
static void receive_stale(struct amph_session *session, const struct wire_message *message)
{
	session->count.stale++;
	/*
	 * It knows this life's nonce, so it is fresh, and yet comes from another life: the other side
	 * started anew. (What it left behind from its earlier life could not know the nonce.)
	 */
	if (message->header.type == WIRE_REJECT && message->header.to == session->epoch &&
	    session->state == AMPH_SESSION_OPEN) {
		session->count.rejected++;
		amph_session_fail(session, -ECONNRESET, "the other side started anew");
		return;
	}
	amph_session_reject(session, message, WIRE_STALE);
}

static void receive_goodbye(struct amph_session *session)
{
	struct wire_message answer;

	if (session->state == AMPH_SESSION_CLOSING) {
		amph_session_closed(session);
		return;
	}
	for (uint32_t i = 0; i < session->config.share_max; i++) {
		struct amph_share *share = &session->config.shares[i];

		if (share->state == AMPH_SHARE_OFFERED && share->home)
			amph_session_end_share(session, share, AMPH_SHARE_REFUSED, -ENOTCONN);
		else if (share->state == AMPH_SHARE_OFFERED)
			amph_session_free_share(session, share);
		else if (share->state != AMPH_SHARE_FREE)
			amph_session_fail(session, -ECONNRESET,
					  "the other side left without releasing a buffer");
		if (session->state != AMPH_SESSION_OPEN)
			return;
	}
	answer.body.deny = (struct wire_deny){0};
	amph_session_answer(session, &answer, WIRE_GOODBYE);
	if (session->state == AMPH_SESSION_OPEN)
		amph_session_closed(session);
}

static void receive_rejected(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_reject *reject = &message->body.reject;

	/* the first copy counted, or it was never of this session: what was said holds */
	if (reject->reason == WIRE_REPLAY || reject->reason == WIRE_STALE)
		return;
	switch (reject->type) {
	case WIRE_OFFER:
	case WIRE_SEGMENTS:
	case WIRE_GIVE:
		if (session->home_receive)
			session->home_receive(session, message);
		break;
	case WIRE_RELEASE:
		if (!(reject->flags & WIRE_SHARE_HOME))
			amph_import_rejected(session, reject);
		else if (session->home_receive)
			session->home_receive(session, message);
		break;
	case WIRE_RETURN:
		amph_import_rejected(session, reject);
		break;
	case WIRE_REQUEST:
		amph_request_answered(session, reject->handle, NULL,
				      amph_wire_error(reject->reason));
		break;
	case WIRE_ACCEPT:
	case WIRE_RELEASED:
		/* it says that it has not got what this side has settled: there is no common ground */
		amph_session_fail(session, -EPROTO, "the other side contradicts an answer");
		break;
	default:
		break; /* nothing depends on it */
	}
}

static void dispatch(struct amph_session *session, const struct wire_message *message,
		     intptr_t handle)
{
	switch (message->header.type) {
	case WIRE_REJECT:
		receive_rejected(session, message);
		break;
	case WIRE_OFFER:
	case WIRE_SEGMENTS:
	case WIRE_GIVE:
	case WIRE_PASS:
		amph_import_receive(session, message, handle);
		break;
	case WIRE_RELEASE:
	case WIRE_RELEASED:
		if (message->body.answer.flags & WIRE_SHARE_HOME) {
			amph_import_receive(session, message, -1);
			break;
		}
		/* fall through */
	case WIRE_ACCEPT:
	case WIRE_REFUSE:
	case WIRE_RETURN:
		if (session->home_receive)
			session->home_receive(session, message);
		else
			amph_session_reject(session, message, WIRE_NOT_FOUND);
		break;
	case WIRE_REQUEST:
	case WIRE_DENY:
		amph_request_receive(session, message);
		break;
	case WIRE_GOODBYE:
		receive_goodbye(session);
		break;
	default:
		break; /* HEARTBEAT: that it came is all it says */
	}
}

/* An open session's message with the right stamps. Takes over the handle. */
static void receive_open(struct amph_session *session, const struct wire_message *message,
			 uint32_t length, intptr_t handle)
{
	int32_t ahead = (int32_t)(message->header.sequence - (session->received + 1));
	enum wire_reason reason;

	if (ahead < 0) {
		amph_session_drop_handle(handle);
		amph_session_reject(session, message, WIRE_REPLAY);
		return;
	}
	if (ahead > 0) {
		amph_session_drop_handle(handle);
		amph_refuse(&session->why, -EPROTO, "", message->header.sequence,
			    session->received + 1);
		amph_session_fail(session, -EPROTO, "a message is missing");
		return;
	}
	session->received++;
	session->heard = amph_time_now();
	reason = amph_wire_check(message, length);
	if (!reason && message->header.type == WIRE_OFFER &&
	    (handle >= 0) != !!(message->body.offer.flags & WIRE_OFFER_HANDLE))
		reason = WIRE_MALFORMED;
	if (!reason && message->header.type != WIRE_OFFER && handle >= 0)
		reason = WIRE_MALFORMED;
	/* after the own goodbye only the other's counts */
	if (session->state == AMPH_SESSION_CLOSING && message->header.type != WIRE_GOODBYE) {
		amph_session_drop_handle(handle);
		return;
	}
	if (reason) {
		amph_session_drop_handle(handle);
		amph_session_reject(session, message, reason);
		return;
	}
	dispatch(session, message, handle);
}

void amph_session_receive(void *argument, const void *bytes, uint32_t length, intptr_t handle)
{
	struct amph_session *session = argument;
	/* zeros: a refusal never tells what was on the stack */
	struct wire_message message = {0};

	if (amph_session_forked(session) ||
	    (session->state != AMPH_SESSION_GREETING && session->state != AMPH_SESSION_OPEN &&
	     session->state != AMPH_SESSION_CLOSING)) {
		amph_session_drop_handle(handle);
		return;
	}
	session->count.received++;
	amph_copy_from_shared(&message, bytes, length < sizeof(message) ? length : sizeof(message));
	if (length < WIRE_HEADER_SIZE) {
		session->count.rejected++;
		amph_session_drop_handle(handle);
		return;
	}
	if (session->state == AMPH_SESSION_GREETING ||
	    (message.header.type >= WIRE_HELLO && message.header.type <= WIRE_READY)) {
		amph_session_drop_handle(handle);
		amph_session_greet(session, &message, length);
	} else if (message.header.from != session->peer_epoch ||
		   message.header.to != session->epoch) {
		amph_session_drop_handle(handle);
		receive_stale(session, &message);
	} else {
		receive_open(session, &message, length, handle);
	}
}
