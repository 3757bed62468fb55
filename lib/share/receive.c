/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receiving: what every message must pass before it counts (life, sequence, form), and who takes it.
 * Share layer; freestanding. The message is copied once, out of the peer's reach, and checked there.
 */
#include <amphora/time.h>

#include "share/internal.h"

/* A message of another life of the other side, or for another life of this one. */
static enum wire_reason receive_stale(struct amph_session *session,
				      const struct wire_message *message)
{
	/*
	 * It knows this life's nonce, so it is fresh, and yet comes from another life: the other side
	 * started anew. (What it left behind from its earlier life could not know the nonce.)
	 */
	if (message->header.type != WIRE_REJECT || message->header.to != session->epoch ||
	    session->state != AMPH_SESSION_OPEN)
		return WIRE_STALE;
	session->count.rejected++;
	amph_session_started_anew(session);
	return WIRE_OK;
}

static void receive_goodbye(struct amph_session *session, struct wire_message *message)
{
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
	message->body.deny.reason = 0;
	amph_session_answer(session, &message->header);
	if (session->state == AMPH_SESSION_OPEN)
		amph_session_closed(session);
}

static enum wire_reason to_home(struct amph_session *session, struct wire_message *message)
{
	return session->offers ? session->offers->receive(session, message) : WIRE_NOT_FOUND;
}

static void receive_rejected(struct amph_session *session, struct wire_message *message)
{
	const struct wire_reject *reject = &message->body.reject;

	/* the first copy counted, or it was never of this session: what was said holds */
	if (reject->reason == WIRE_REPLAY || reject->reason == WIRE_STALE)
		return;
	switch (reject->type) {
	case WIRE_OFFER:
	case WIRE_SEGMENTS:
	case WIRE_GIVE:
		to_home(session, message);
		break;
	case WIRE_RELEASE:
		if (reject->flags & WIRE_SHARE_HOME) {
			to_home(session, message);
			break;
		}
		/* fall through */
	case WIRE_RETURN:
		if (session->import_rejected)
			session->import_rejected(session, reject);
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

static enum wire_reason receive_request(struct amph_session *session, struct wire_message *message)
{
	if (session->requested)
		return session->requested(session, message);
	/* in its place: both start with its number */
	message->header.type = WIRE_DENY;
	message->body.deny.reason = WIRE_UNSUPPORTED;
	amph_session_answer(session, &message->header);
	return WIRE_OK;
}

static enum wire_reason receive_deny(struct amph_session *session, const struct wire_deny *deny)
{
	int error = deny->reason ? amph_wire_error(deny->reason) : -EPERM;

	return amph_request_answered(session, deny->request, NULL, error) ? WIRE_OK
									  : WIRE_NOT_FOUND;
}

static enum wire_reason dispatch(struct amph_session *session, struct wire_message *message,
				 intptr_t *handle)
{
	switch (message->header.type) {
	case WIRE_REJECT:
		receive_rejected(session, message);
		break;
	case WIRE_RELEASE:
	case WIRE_RELEASED:
		if (!(message->body.answer.flags & WIRE_SHARE_HOME))
			return to_home(session, message);
		/* fall through */
	case WIRE_OFFER:
	case WIRE_SEGMENTS:
	case WIRE_GIVE:
	case WIRE_PASS:
		return amph_import_receive(session, message, handle);
	case WIRE_ACCEPT:
	case WIRE_REFUSE:
	case WIRE_RETURN:
		return to_home(session, message);
	case WIRE_REQUEST:
		return receive_request(session, message);
	case WIRE_DENY:
		return receive_deny(session, &message->body.deny);
	case WIRE_GOODBYE:
		receive_goodbye(session, message);
		break;
	default:
		break; /* HEARTBEAT: that it came is all it says */
	}
	return WIRE_OK;
}

/* Is there an fd exactly where the message says so? */
static bool has_its_handle(const struct wire_message *message, intptr_t handle)
{
	bool wanted = message->header.type == WIRE_OFFER &&
		      message->body.offer.flags & WIRE_OFFER_HANDLE;

	return wanted == (handle >= 0);
}

/* An open session's message with the right stamps. */
static enum wire_reason receive_open(struct amph_session *session, struct wire_message *message,
				     uint32_t length, intptr_t *handle)
{
	uint32_t next = session->received + 1;
	int32_t ahead = (int32_t)(message->header.sequence - next);
	enum wire_reason reason;

	if (ahead < 0)
		return WIRE_REPLAY;
	if (ahead > 0) {
		amph_refuse(&session->why, -EPROTO, "", message->header.sequence, next);
		amph_session_fail(session, -EPROTO, "a message is missing");
		return WIRE_OK;
	}
	session->received = next;
	session->heard = amph_time_now();
	/* after the own goodbye only the other's counts */
	if (session->state == AMPH_SESSION_CLOSING && message->header.type != WIRE_GOODBYE)
		return WIRE_OK;
	reason = amph_wire_check(message, length);
	if (!reason && !has_its_handle(message, *handle))
		reason = WIRE_MALFORMED;
	return reason ? reason : dispatch(session, message, handle);
}

static bool is_greeting(uint32_t type)
{
	return type >= WIRE_HELLO && type <= WIRE_READY;
}

static enum wire_reason count_stale(struct amph_session *session, enum wire_reason reason)
{
	session->count.stale += reason == WIRE_STALE;
	return reason;
}

void amph_session_receive(void *argument, const void *bytes, uint32_t length, intptr_t handle)
{
	struct amph_session *session = argument;
	/* zeros: a refusal never tells what was on the stack */
	struct wire_message message = {0};
	enum wire_reason reason = WIRE_OK;

	if (amph_session_forked(session) ||
	    (session->state != AMPH_SESSION_GREETING && !amph_session_is_live(session))) {
		amph_session_drop_handle(handle);
		return;
	}
	session->count.received++;
	amph_copy_from_shared(&message, bytes, length < sizeof(message) ? length : sizeof(message));
	if (length < WIRE_HEADER_SIZE)
		session->count.rejected++;
	else if (session->state == AMPH_SESSION_GREETING || is_greeting(message.header.type))
		reason = count_stale(session, amph_session_greet(session, &message, length));
	else if (message.header.from != session->peer_epoch || message.header.to != session->epoch)
		reason = count_stale(session, receive_stale(session, &message));
	else
		reason = receive_open(session, &message, length, &handle);
	if (reason)
		amph_session_reject(session, &message, reason);
	amph_session_drop_handle(handle);
}
