/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The home's half: offering, giving, and what the other side answers.
 * Share layer; freestanding. Linked only where amph_session_offer() is called: everything the other
 * side may say about a buffer of this side arrives through session->offers.
 */
#include <amphora/time.h>

#include "share/internal.h"

static int check_offer(struct amph_session *session, const struct amph_attachment *attachment)
{
	const struct amph_session_config *config = &session->config;

	if (session->closing)
		return amph_refuse(&session->why, -EPERM, "the session is closing", 0, 0);
	if (!attachment->shm || attachment->target != config->target)
		return amph_refuse(&session->why, -EINVAL,
				   "the buffer is not attached to this session's target", 0, 0);
	/* versions 2 and 3 brought one way each; who does not know it could not set it up */
	if ((attachment->method && attachment->method >= session->version) ||
	    (attachment->method == AMPH_SYNC_LOCK && !session->locks))
		return amph_refuse(&session->why, -ENOTSUP,
				   "the other side does not know this way to sync",
				   attachment->method, session->version);
	if (amph_wire_name_length(attachment->shm->name) >= WIRE_NAME_MAX)
		return amph_refuse(&session->why, -ENAMETOOLONG,
				   "the buffer's name is too long for a message", 0,
				   WIRE_NAME_MAX - 1);
	if (config->handles && attachment->shm->handle < 0)
		return amph_refuse(&session->why, -ENOTSUP, "the buffer has no fd to send", 0, 0);
	if (attachment->offered)
		return amph_refuse(&session->why, -EBUSY, "the buffer is offered already", 0, 0);
	return 0;
}

/* Finds the request and moves its reservation to the buffer's real size. */
static int account(struct amph_session *session, uint32_t request, uint64_t size)
{
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++) {
		struct amph_session_pending *wanted = &session->wanted[i];
		uint64_t used;

		if (wanted->id != request)
			continue;
		used = session->granted_size - wanted->size;
		if (size > session->config.quota - used)
			return amph_refuse(&session->why, -EDQUOT, "past the peer's quota", size,
					   session->config.quota - used);
		session->granted_size = used + size;
		return 0;
	}
	return amph_refuse(&session->why, -ENOENT, "no such request waits", request, 0);
}

/* The reservation is the share's from now on, or, when it could not be offered, the request's. */
static void settle(struct amph_session *session, uint32_t request, uint64_t size, bool offered)
{
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++) {
		struct amph_session_pending *wanted = &session->wanted[i];

		if (wanted->id != request)
			continue;
		if (offered)
			*wanted = (struct amph_session_pending){0};
		else
			session->granted_size = session->granted_size - size + wanted->size;
	}
}

static uint32_t copy_segments(struct wire_segment *to, const struct amph_attachment *attachment,
			      uint32_t first, uint32_t room)
{
	uint32_t count = 0;

	for (; count < room && first + count < attachment->segment_count; count++) {
		to[count].address = attachment->segments[first + count].address;
		to[count].length = attachment->segments[first + count].length;
	}
	return count;
}

static uint32_t room_for(const struct amph_session *session, enum wire_type type)
{
	return (session->message_max - amph_wire_length(type, 0)) /
	       (uint32_t)sizeof(struct wire_segment);
}

static int send_offer(struct amph_session *session, struct amph_share *share, uint64_t deadline)
{
	const struct amph_attachment *attachment = share->attachment;
	struct wire_message message;
	uint32_t sent;
	int error;

	message.body.offer = (struct wire_offer){
		.handle = share->handle,
		.generation = share->generation,
		.size = share->shm->size,
		.flags = share->shm->flags & WIRE_BUFFER_FLAGS,
		.direction = share->direction,
		.granule = share->granule,
		.method = attachment->method,
		.segment_count = attachment->segment_count,
		.request = share->request,
	};
	amph_wire_name_set(message.body.offer.name, share->shm->name);
	if (session->config.handles)
		message.body.offer.flags |= WIRE_OFFER_HANDLE;
	sent = copy_segments(message.body.offer.segments, attachment, 0,
			     room_for(session, WIRE_OFFER));
	message.body.offer.count = sent;
	message.header.type = WIRE_OFFER;
	error = amph_session_send_segments(session, &message.header, deadline, sent,
					   session->config.handles ? share->shm->handle : -1);
	if (error)
		return error;
	while (sent < attachment->segment_count) {
		message.body.segments = (struct wire_segments){
			.handle = share->handle,
			.generation = share->generation,
			.first = sent,
		};
		message.body.segments.count = copy_segments(message.body.segments.segments,
							    attachment, sent,
							    room_for(session, WIRE_SEGMENTS));
		sent += message.body.segments.count;
		message.header.type = WIRE_SEGMENTS;
		error = amph_session_send_segments(session, &message.header, deadline,
						   message.body.segments.count, -1);
		if (error) {
			amph_session_fail(session, error, "half of an offer could not be sent");
			return error;
		}
	}
	return 0;
}

static const struct amph_session_home home;

int amph_session_offer(struct amph_session *session, struct amph_attachment *attachment,
		       uint32_t request, uint64_t deadline, struct amph_share **share)
{
	struct amph_share *slot = amph_session_free_slot(session, session->next_slot);
	uint64_t size;
	int error = amph_session_usable(session);

	*share = NULL;
	if (!error)
		error = check_offer(session, attachment);
	if (!error && !slot)
		error = amph_refuse(&session->why, -ENOSPC, "every slot is taken",
				    session->config.share_max, session->config.share_max);
	size = error ? 0 : attachment->shm->size;
	if (!error && request)
		error = account(session, request, size);
	if (error)
		return error;

	session->offers = &home;
	slot->state = AMPH_SHARE_OFFERED;
	slot->home = true;
	/* a slot's handle stays, and its generation tells one buffer in it from the next */
	slot->handle = (uint32_t)(slot - session->config.shares) + 1;
	session->next_slot = slot->handle % session->config.share_max;
	if (!++session->next_generation)
		session->next_generation = 1;
	slot->generation = session->next_generation;
	slot->error = 0;
	slot->user = NULL;
	slot->attachment = attachment;
	attachment->offered = slot;
	slot->shm = attachment->shm;
	slot->request = request;
	slot->size = size;
	slot->flags = attachment->shm->flags;
	slot->direction = attachment->direction;
	slot->granule = attachment->granule;
	slot->method = attachment->method;
	slot->granted_size = 0;
	slot->pass.returned = NULL;
	slot->va = attachment->shm->va;
	error = send_offer(session, slot, deadline);
	if (error) {
		if (session->state == AMPH_SESSION_OPEN)
			amph_session_free_share(session, slot);
		if (request)
			settle(session, request, size, false);
		return error;
	}
	if (request) {
		settle(session, request, size, true);
		slot->granted_size = size;
	}
	*share = slot;
	return 0;
}

int amph_session_give(struct amph_session *session, struct amph_share *share, uint64_t offset,
		      uint64_t length, bool reading, uint64_t cookie, uint64_t deadline)
{
	uint32_t generation;
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!amph_session_has(session, share) || !share->home ||
	    share->state != AMPH_SHARE_ACCEPTED)
		return amph_refuse(&session->why, -EPERM, "the share is no accepted offer", 0, 0);
	/* else nobody could tell what the pass still waits for from what was given anew */
	if (amph_session_awaits(share, offset, length))
		return amph_refuse(&session->why, -EBUSY, "a pass still waits for its range",
				   share->pass.offset, share->pass.length);
	error = amph_shm_sync_for_device(share->attachment, offset, length, reading);
	if (error)
		return amph_refuse_as(&session->why, error, &share->shm->why);
	generation = share->generation;
	error = amph_session_send_handoff(session, share, offset, length, cookie, reading,
					  deadline);
	if (!error || !amph_session_still_has(session, share, generation))
		return error;
	amph_sanitize(undoing, share->attachment);
	if (amph_shm_sync_for_cpu(share->attachment, offset, length))
		amph_session_fail(session, -EFAULT, "a hand-off could not be undone");
	return error;
}

/* --- what the other side says --- */

static enum wire_reason receive_answer(struct amph_session *session, struct amph_share *share,
				       const struct wire_message *message)
{
	const struct amph_session_events *events = session->config.events;
	bool accepted = message->header.type == WIRE_ACCEPT;

	if (share->state == AMPH_SHARE_RELEASING && !share->accepted) {
		/* the answer to an offer that was withdrawn meanwhile */
		if (accepted)
			share->accepted = true;
		else
			amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
		return WIRE_OK;
	}
	if (share->state != AMPH_SHARE_OFFERED)
		return WIRE_STATE;
	if (!accepted) {
		amph_session_end_share(session, share, AMPH_SHARE_REFUSED,
				       amph_wire_error(message->body.answer.reason));
		return WIRE_OK;
	}
	share->state = AMPH_SHARE_ACCEPTED;
	share->accepted = true;
	share->error = 0;
	if (events && events->answered)
		events->answered(session, share);
	return WIRE_OK;
}

static enum wire_reason receive_return(struct amph_session *session, struct amph_share *share,
				       const struct wire_handoff *handoff)
{
	const struct amph_session_events *events = session->config.events;
	int error = 0;

	/* what goes by the queue is ordered there */
	if (share->state != AMPH_SHARE_ACCEPTED || share->method != AMPH_SYNC_MESSAGES)
		return WIRE_STATE;
	if (handoff->direction != share->direction)
		return WIRE_INVALID;
	if (share->pass.returned) {
		error = share->pass.returned(session, share, handoff->offset, handoff->length);
		if (error == 0)
			return WIRE_OK; /* it went on */
		if (error == -EALREADY)
			error = 0; /* not part of the pass */
	}
	if (!error)
		error = amph_shm_sync_for_cpu(share->attachment, handoff->offset, handoff->length);
	if (!error && events && events->taken)
		events->taken(session, share, handoff->offset, handoff->length, false,
			      handoff->cookie);
	return amph_wire_reason(error);
}

static enum wire_reason receive_release(struct amph_session *session, struct amph_share *share,
					struct wire_message *message)
{
	if (share->state == AMPH_SHARE_OFFERED ||
	    (share->state == AMPH_SHARE_RELEASING && !share->accepted))
		return WIRE_STATE;
	/* unlocked, it is nobody's: who says this does not hold it, and will not any more */
	if (share->method == AMPH_SYNC_LOCK && !amph_session_path_of(session, share))
		amph_shm_sync_for_cpu(share->attachment, 0, share->size);
	if (amph_session_path_close(session, share) ||
	    amph_session_holds(share->shm, share->attachment->bit))
		return WIRE_BUSY;
	message->header.type = WIRE_RELEASED;
	message->body.answer.flags = WIRE_SHARE_HOME;
	amph_session_answer(session, &message->header);
	/* when both releases have crossed, the other's answer to ours is on its way */
	if (session->state == AMPH_SESSION_OPEN && share->state == AMPH_SHARE_ACCEPTED)
		amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
	return WIRE_OK;
}

static enum wire_reason receive_released(struct amph_session *session, struct amph_share *share)
{
	if (share->state != AMPH_SHARE_RELEASING)
		return WIRE_STATE;
	amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
	return WIRE_OK;
}

static void receive_rejected(struct amph_session *session, struct amph_share *share,
			     const struct wire_reject *reject)
{
	const struct amph_session_events *events = session->config.events;
	int error = amph_wire_error(reject->reason);

	if (reject->type == WIRE_OFFER || reject->type == WIRE_SEGMENTS) {
		if (share->state == AMPH_SHARE_OFFERED)
			amph_session_end_share(session, share, AMPH_SHARE_REFUSED, error);
		else if (share->state == AMPH_SHARE_RELEASING && !share->accepted)
			amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
		return;
	}
	if (reject->type == WIRE_RELEASE) {
		if (share->state == AMPH_SHARE_RELEASING) {
			share->state = share->accepted ? AMPH_SHARE_ACCEPTED : AMPH_SHARE_OFFERED;
			share->error = error;
			amph_session_path_stays(session, amph_session_path_of(session, share));
		}
		return;
	}
	/* only a set-up is refused by a message, and a queue's memory only before it lives */
	if (share->method != AMPH_SYNC_MESSAGES &&
	    (reject->offset || reject->length != share->size ||
	     (share->method == AMPH_SYNC_QUEUE &&
	      (!amph_session_path_of(session, share) || session->path->open))))
		return;
	share->error = error;
	/* a give that it did not take is a return that says why */
	amph_sanitize(undoing, share->attachment);
	if (share->state != AMPH_SHARE_ACCEPTED ||
	    amph_shm_sync_for_cpu(share->attachment, reject->offset, reject->length))
		return; /* never given: a refusal of nothing */
	if (amph_session_awaits(share, reject->offset, reject->length)) {
		/* it never had what it was asked to return onward: the pass is over */
		share->pass.returned = NULL;
		if (events && events->passed)
			events->passed(session, share, reject->offset, reject->length,
				       share->pass.cookie, error);
		if (session->state != AMPH_SESSION_OPEN)
			return;
	}
	if (events && events->undone)
		events->undone(session, share, reject->offset, reject->length, error);
}

static uint32_t receive(struct amph_session *session, struct wire_message *message)
{
	bool rejected = message->header.type == WIRE_REJECT;
	const struct wire_reject *reject = &message->body.reject;
	/* all others start with handle and generation */
	struct amph_share *share = amph_session_find(
		session, true, rejected ? reject->handle : message->body.answer.handle,
		rejected ? reject->generation : message->body.answer.generation);

	if (!share)
		return WIRE_NOT_FOUND;
	switch (message->header.type) {
	case WIRE_ACCEPT:
	case WIRE_REFUSE:
		return receive_answer(session, share, message);
	case WIRE_RETURN:
		return receive_return(session, share, &message->body.handoff);
	case WIRE_RELEASE:
		return receive_release(session, share, message);
	case WIRE_RELEASED:
		return receive_released(session, share);
	default:
		receive_rejected(session, share, reject);
		return WIRE_OK;
	}
}

static void freed(struct amph_session *session, struct amph_share *share)
{
	if (share->home) {
		/* else its end was told, and its storage may be anybody's */
		if (share->state != AMPH_SHARE_RELEASED && share->state != AMPH_SHARE_REFUSED)
			share->attachment->offered = NULL;
		session->granted_size -= share->granted_size;
		share->granted_size = 0;
		share->pass.returned = NULL;
	}
	if (&session->config.shares[session->next_slot] > share)
		session->next_slot = (uint32_t)(share - session->config.shares);
}

static const struct amph_session_home home = {.receive = receive, .freed = freed};
