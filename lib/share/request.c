/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests: a side without an allocator asks for memory; the other decides by quota and policy.
 * Share layer; freestanding. A request is answered by an offer with its id, or by a refusal.
 */
#include <amphora/policy.h>

#include "share/internal.h"

static struct amph_session_pending *pending(struct amph_session_pending *list, uint32_t id)
{
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++) {
		if (list[i].id == id)
			return &list[i];
	}
	return NULL;
}

bool amph_request_is_asked(const struct amph_session *session, uint32_t request)
{
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++)
		if (session->asked[i].id == request)
			return true;
	return false;
}

static bool answered(struct amph_session *session, uint32_t request, struct amph_share *share,
		     int error)
{
	const struct amph_session_events *events = session->config.events;
	struct amph_session_pending *asked = request ? pending(session->asked, request) : NULL;

	if (!asked)
		return false;
	*asked = (struct amph_session_pending){0};
	if (events && events->granted)
		events->granted(session, request, share, error);
	return true;
}

/* What the application left in its struct may have no end. */
static bool name_ends(const char *name)
{
	for (uint32_t i = 0; i < AMPH_NAME_MAX && i < WIRE_NAME_MAX; i++) {
		if (!name[i])
			return true;
	}
	return false;
}

int amph_session_request(struct amph_session *session, const struct amph_session_request *wanted,
			 uint64_t deadline, uint32_t *request)
{
	struct amph_session_pending *asked = pending(session->asked, 0);
	struct wire_message message;
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!wanted->size || !wanted->direction ||
	    (wanted->direction & ~(uint32_t)AMPH_DEVICE_READS_WRITES) || !name_ends(wanted->name))
		return amph_refuse(&session->why, -EINVAL,
				   "a request needs a size, a direction and a name that ends",
				   wanted->size, wanted->direction);
	if (!asked)
		return amph_refuse(&session->why, -ENOSPC, "too many requests wait",
				   AMPH_SESSION_REQUESTS, AMPH_SESSION_REQUESTS);
	message.body.request = (struct wire_request){
		.request = session->next_request,
		.flags = wanted->flags & WIRE_BUFFER_FLAGS,
		.size = wanted->size,
		.direction = wanted->direction,
	};
	amph_wire_name_set(message.body.request.name, wanted->name);
	message.header.type = WIRE_REQUEST;
	error = amph_session_send(session, &message.header, deadline);
	if (error)
		return error;
	session->answered = answered;
	*request = session->next_request;
	asked->id = session->next_request;
	if (!++session->next_request)
		session->next_request = 1;
	return 0;
}

static void fill_deny(struct wire_message *message, uint32_t request, int error)
{
	message->header.type = WIRE_DENY;
	message->body.deny = (struct wire_deny){
		.request = request,
		.reason = amph_wire_reason(error ? error : -EPERM),
	};
}

static void forget_wanted(struct amph_session *session, struct amph_session_pending *wanted)
{
	session->granted_size -= wanted->size;
	*wanted = (struct amph_session_pending){0};
}

int amph_session_deny(struct amph_session *session, uint32_t request, int error, uint64_t deadline)
{
	struct amph_session_pending *wanted = request ? pending(session->wanted, request) : NULL;
	struct wire_message message;
	int result = amph_session_usable(session);

	if (result)
		return result;
	if (!wanted)
		return amph_refuse(&session->why, -ENOENT, "no such request waits", request, 0);
	fill_deny(&message, request, error);
	result = amph_session_send(session, &message.header, deadline);
	if (!result)
		forget_wanted(session, wanted);
	return result;
}

/* What quota and policy say. 0: `wanted` holds the reservation. */
static int decide(struct amph_session *session, const struct wire_request *request)
{
	const struct amph_session_events *events = session->config.events;
	struct amph_session_pending *wanted = pending(session->wanted, 0);
	struct amph_memory *memory = session->config.memory;
	struct amph_session_request asked = {
		.id = request->request,
		.size = request->size,
		.flags = request->flags,
		.direction = request->direction,
	};
	int error;

	if (session->closing)
		return -ENOTCONN;
	if (!events || !events->requested)
		return -ENOTSUP;
	if (!wanted)
		return -ENOSPC;
	if (request->size > session->config.quota - session->granted_size)
		return -EDQUOT;
	if (amph_wire_name_length(request->name) >= AMPH_NAME_MAX)
		return -ENAMETOOLONG;
	for (uint32_t i = 0; request->name[i]; i++)
		asked.name[i] = request->name[i];
	if (memory->policy) {
		error = memory->policy->ops->request(memory, session->config.target, asked.name,
						     asked.size, asked.direction);
		if (error)
			return error;
	}
	/* reserved before the policy is asked: it may offer at once */
	*wanted = (struct amph_session_pending){asked.id, asked.size};
	session->granted_size += asked.size;
	error = events->requested(session, &asked);
	wanted = pending(session->wanted, asked.id);
	if (error && wanted)
		forget_wanted(session, wanted);
	return error;
}

uint32_t amph_request_receive(struct amph_session *session, struct wire_message *message)
{
	const struct wire_request *request = &message->body.request;
	int error;

	/* to deny it would answer the other request of that number */
	if (pending(session->wanted, request->request))
		return WIRE_EXISTS;
	error = decide(session, request);
	if (error && session->state == AMPH_SESSION_OPEN) {
		fill_deny(message, request->request, error);
		amph_session_answer(session, &message->header);
	}
	return WIRE_OK;
}
