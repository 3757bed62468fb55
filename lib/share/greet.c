/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The handshake: versions, limits, and the nonces by which each side knows the other's life.
 * Share layer; freestanding. Before it is through, no other message counts.
 *
 *     main                       peer
 *     HELLO (from M, to 0)   ->
 *                            <-  WELCOME (from P, to M)    main: open
 *     READY (from M, to P)   ->                            peer: open
 */
#include <amphora/time.h>

#include "share/internal.h"

#define HELLO_AGAIN_MS 100

static void fill_hello(const struct amph_session *session, struct wire_message *message,
		       uint16_t version_min, uint16_t version_max)
{
	const struct amph_session_config *config = &session->config;
	uint32_t message_max = config->channel->message_max;

	message->body.hello = (struct wire_hello){
		.version_min = version_min,
		.version_max = version_max,
		.cache_line = config->cache_line ? config->cache_line : 1,
		.heartbeat_ms = config->heartbeat_ms,
		.message_max = message_max < WIRE_MESSAGE_MAX ? message_max : WIRE_MESSAGE_MAX,
	};
}

static void learn(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_hello *hello = &message->body.hello;
	uint32_t message_max = session->config.channel->message_max;

	session->peer_epoch = message->header.from;
	session->peer_cache_line = hello->cache_line;
	session->peer_heartbeat_ms = hello->heartbeat_ms;
	session->message_max = message_max < WIRE_MESSAGE_MAX ? message_max : WIRE_MESSAGE_MAX;
	if (hello->message_max < session->message_max)
		session->message_max = hello->message_max;
	session->home.cache_line = hello->cache_line;
}

static void opened(struct amph_session *session)
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

static void receive_hello(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_hello *hello = &message->body.hello;
	struct wire_message answer;
	uint32_t version = hello->version_max < WIRE_VERSION_MAX ? hello->version_max
								 : WIRE_VERSION_MAX;

	if (!message->header.from || message->header.to) {
		amph_session_reject(session, message, WIRE_INVALID);
		return;
	}
	if (version < hello->version_min || version < WIRE_VERSION_MIN) {
		amph_session_reject(session, message, WIRE_VERSION);
		return;
	}
	learn(session, message);
	session->version = version;
	fill_hello(session, &answer, (uint16_t)version, (uint16_t)version);
	amph_session_answer(session, &answer, WIRE_WELCOME);
}

static void receive_welcome(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_hello *hello = &message->body.hello;
	struct wire_message answer;

	if (!message->header.from || hello->version_min != hello->version_max ||
	    hello->version_min < WIRE_VERSION_MIN || hello->version_min > WIRE_VERSION_MAX) {
		amph_session_reject(session, message, WIRE_VERSION);
		amph_session_fail(session, -EPROTO, "the peer chose a version of its own");
		return;
	}
	learn(session, message);
	session->version = hello->version_min;
	amph_session_answer(session, &answer, WIRE_READY);
	if (session->state == AMPH_SESSION_GREETING)
		opened(session);
}

/* The session is open, but the other side greets. */
static void greet_again(struct amph_session *session, const struct wire_message *message)
{
	if (message->header.from == session->peer_epoch)
		return; /* a greeting that was sent twice */
	if (message->header.type == WIRE_HELLO ? !message->header.to
					       : message->header.to == session->epoch) {
		session->count.stale++;
		amph_session_fail(session, -ECONNRESET, "the other side started anew");
	} else {
		session->count.stale++;
		amph_session_reject(session, message, WIRE_STALE);
	}
}

void amph_session_greet(struct amph_session *session, const struct wire_message *message,
			uint32_t length)
{
	bool main = session->config.role == AMPH_SESSION_MAIN;
	bool to_me = message->header.to == session->epoch;
	enum wire_reason reason;

	if (session->state != AMPH_SESSION_GREETING) {
		greet_again(session, message);
		return;
	}
	/* who greets or refuses a greeting echoes this life's nonce, but for the first hello */
	if (!to_me && !(message->header.type == WIRE_HELLO && !main)) {
		session->count.stale++;
		amph_session_reject(session, message, WIRE_STALE);
		return;
	}
	reason = amph_wire_check(message, length);
	if (reason) {
		amph_session_reject(session, message, reason);
		return;
	}
	if (message->header.type == WIRE_HELLO && !main)
		receive_hello(session, message);
	else if (message->header.type == WIRE_WELCOME && main)
		receive_welcome(session, message);
	else if (message->header.type == WIRE_READY && !main && session->peer_epoch &&
		 message->header.from == session->peer_epoch)
		opened(session);
	else if (message->header.type == WIRE_REJECT && main)
		amph_session_fail(session, amph_wire_error(message->body.reject.reason),
				  "the peer refused the greeting");
	else
		amph_session_reject(session, message, WIRE_STATE);
}

int amph_session_open(struct amph_session *session, uint64_t deadline)
{
	bool main = session->config.role == AMPH_SESSION_MAIN;

	if (amph_session_forked(session))
		return -EPERM;
	if (session->state == AMPH_SESSION_IDLE)
		session->state = AMPH_SESSION_GREETING;
	if (session->state != AMPH_SESSION_GREETING)
		return session->state == AMPH_SESSION_OPEN ? 0 : amph_session_usable(session);
	for (;;) {
		uint64_t again = amph_deadline(HELLO_AGAIN_MS);
		struct wire_message hello;
		int error = 0;

		if (main) {
			fill_hello(session, &hello, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
			error = amph_session_send(session, &hello, WIRE_HELLO, 0, -1, deadline);
		}
		/* an RPMsg endpoint may not know its other end yet */
		if (error && error != -ENOTCONN)
			return error;
		do {
			error = amph_session_poll_in_time(session,
							  deadline < again ? deadline : again);
		} while (error > 0 && session->state == AMPH_SESSION_GREETING);
		if (session->state == AMPH_SESSION_OPEN)
			return 0;
		if (error != -ETIMEDOUT)
			return error < 0 ? error : amph_session_usable(session);
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
}
