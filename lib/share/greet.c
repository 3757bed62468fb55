/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake: versions, limits, and the nonces by which each side knows the other's life.
 * Share layer; freestanding. Before it is through, no other message counts.
 *
 *     main                       peer
 *     HELLO (from M, to 0)   ->
 *                            <-  WELCOME (from P, to M)    main: open
 *     READY (from M, to P)   ->                            peer: open
 *
 * Here is what both sides do, and the peer's half; greet_main.c is the main's.
 */
#include <amphora/time.h>

#include "share/internal.h"

#define LOOK_MS 100

/* The longest message that this side can take. */
static uint32_t own_message_max(const struct amph_session *session)
{
	uint32_t message_max = session->config.channel->message_max;

	return message_max < WIRE_MESSAGE_MAX ? message_max : WIRE_MESSAGE_MAX;
}

void amph_session_fill_hello(const struct amph_session *session, struct wire_message *message,
			     uint32_t version_min, uint32_t version_max)
{
	const struct amph_session_config *config = &session->config;

	message->body.hello = (struct wire_hello){
		.version_min = (uint16_t)version_min,
		.version_max = (uint16_t)version_max,
		.cache_line = config->cache_line ? config->cache_line : 1,
		.heartbeat_ms = config->heartbeat_ms,
		.message_max = own_message_max(session),
	};
}

void amph_session_learn(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_hello *hello = &message->body.hello;

	session->peer_epoch = message->header.from;
	session->peer_cache_line = hello->cache_line;
	session->peer_heartbeat_ms = hello->heartbeat_ms;
	session->message_max = own_message_max(session);
	if (hello->message_max < session->message_max)
		session->message_max = hello->message_max;
	session->home.cache_line = hello->cache_line;
}

void amph_session_opened(struct amph_session *session)
{
	struct amph_target *target = session->config.target;

	session->state = AMPH_SESSION_OPEN;
	session->sent = 0;
	session->received = 0;
	session->heard = amph_time_now();
	/* from now on buffers are attached with the granule of both sides */
	if (session->peer_cache_line > target->cache_line)
		target->cache_line = session->peer_cache_line;
}

void amph_session_started_anew(struct amph_session *session)
{
	session->count.stale++;
	amph_session_fail(session, -ECONNRESET, "the other side started anew");
}

static enum wire_reason receive_hello(struct amph_session *session, struct wire_message *message)
{
	const struct wire_hello *hello = &message->body.hello;
	uint32_t version = hello->version_max < WIRE_VERSION_MAX ? hello->version_max
								 : WIRE_VERSION_MAX;

	if (!message->header.from || message->header.to)
		return WIRE_INVALID;
	if (version < hello->version_min || version < WIRE_VERSION_MIN)
		return WIRE_VERSION;
	amph_session_learn(session, message);
	session->version = version;
	amph_session_fill_hello(session, message, version, version);
	message->header.type = WIRE_WELCOME;
	amph_session_answer(session, &message->header);
	return WIRE_OK;
}

/* What the main says before the session is open. */
static enum wire_reason receive_from_main(struct amph_session *session,
					  struct wire_message *message)
{
	if (message->header.type == WIRE_HELLO)
		return receive_hello(session, message);
	if (message->header.type != WIRE_READY || !session->peer_epoch ||
	    message->header.from != session->peer_epoch)
		return WIRE_STATE;
	amph_session_opened(session);
	return WIRE_OK;
}

/* The session is open, but the other side greets. */
static enum wire_reason greet_again(struct amph_session *session,
				    const struct wire_message *message)
{
	if (message->header.from == session->peer_epoch)
		return WIRE_OK; /* a greeting that was sent twice */
	if (message->header.to != (message->header.type == WIRE_HELLO ? 0 : session->epoch))
		return WIRE_STALE;
	amph_session_started_anew(session);
	return WIRE_OK;
}

uint32_t amph_session_greet(struct amph_session *session, struct wire_message *message,
			    uint32_t length)
{
	enum wire_reason reason;

	if (session->state != AMPH_SESSION_GREETING)
		return greet_again(session, message);
	/* who greets or refuses a greeting echoes this life's nonce, but for the first hello */
	if (message->header.to != session->epoch &&
	    (message->header.type != WIRE_HELLO || session->main))
		return WIRE_STALE;
	reason = amph_wire_check(message, length);
	if (reason)
		return reason;
	return session->main ? session->main->receive(session, message)
			     : receive_from_main(session, message);
}

int amph_session_open(struct amph_session *session, uint64_t deadline)
{
	if (amph_session_forked(session))
		return -EPERM;
	if (session->state == AMPH_SESSION_IDLE) {
		session->state = AMPH_SESSION_GREETING;
		amph_sanitize(session_opened, session, session->config.target->name);
	}
	while (session->state == AMPH_SESSION_GREETING) {
		uint64_t again = amph_deadline(LOOK_MS);
		int error = session->main ? session->main->hello(session, deadline) : 0;

		/* an RPMsg endpoint may not know its other end yet */
		if (error && error != -ENOTCONN)
			return error;
		do {
			error = amph_session_poll_in_time(session,
							  deadline < again ? deadline : again);
		} while (error > 0 && session->state == AMPH_SESSION_GREETING);
		if (session->state == AMPH_SESSION_OPEN)
			break;
		if (error != -ETIMEDOUT)
			return error < 0 ? error : amph_session_usable(session);
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
	return amph_session_usable(session);
}
