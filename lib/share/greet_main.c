/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main's half of the handshake: it says hello, and is welcomed or refused.
 * Share layer; freestanding; linked only where amph_session_init() is called. See greet.c.
 */
#include "share/internal.h"

static int hello(struct amph_session *session, uint64_t deadline)
{
	struct wire_message message;

	amph_session_fill_hello(session, &message, WIRE_VERSION_MIN, WIRE_VERSION_MAX);
	message.header.type = WIRE_HELLO;
	return amph_session_send(session, &message.header, deadline);
}

static enum wire_reason receive_welcome(struct amph_session *session, struct wire_message *message)
{
	const struct wire_hello *welcome = &message->body.hello;

	if (!message->header.from || welcome->version_min != welcome->version_max ||
	    welcome->version_min < WIRE_VERSION_MIN || welcome->version_min > WIRE_VERSION_MAX) {
		amph_session_reject(session, message, WIRE_VERSION);
		amph_session_fail(session, -EPROTO, "the peer chose a version of its own");
		return WIRE_OK;
	}
	amph_session_learn(session, message);
	session->version = welcome->version_min;
	message->header.type = WIRE_READY;
	amph_session_answer(session, &message->header);
	if (session->state == AMPH_SESSION_GREETING)
		amph_session_opened(session);
	return WIRE_OK;
}

static uint32_t receive(struct amph_session *session, struct wire_message *message)
{
	if (message->header.type == WIRE_WELCOME)
		return receive_welcome(session, message);
	if (message->header.type != WIRE_REJECT)
		return WIRE_STATE;
	amph_session_fail(session, amph_wire_error(message->body.reject.reason),
			  "the peer refused the greeting");
	return WIRE_OK;
}

const struct amph_session_main amph_session_main = {.hello = hello, .receive = receive};
