/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Importing: buffers that the other side offers, gives, and takes back by their release.
 * Share layer; freestanding; joins the messages with the memory layer's imports. A coprocessor's half
 * of the way of a buffer.
 */
#include <amphora/time.h>

#include "share/internal.h"

/* The other side's answer to an offer is settled: free the slot and say why. */
static void refuse(struct amph_session *session, struct amph_share *share, int error)
{
	uint32_t request = share->request;

	amph_session_answer_share(session, share, WIRE_REFUSE, amph_wire_reason(error));
	if (session->state != AMPH_SESSION_OPEN)
		return;
	amph_session_free_share(session, share);
	share->error = error;
	if (request)
		amph_request_answered(session, request, NULL, error);
}

/* Maps and imports a complete offer. On error nothing is mapped. */
static int import_buffer(struct amph_session *session, struct amph_share *share)
{
	const struct amph_session_config *config = &session->config;
	const struct amph_session_windows *windows = &config->windows;
	const struct amph_shm_storage storage = {
		.ranges = share->ranges,
		.range_max = config->ranges_per_share,
		.segments = share->segments,
		.segment_max = config->segments_per_share,
	};
	/* how the home has mapped it says nothing about the window here */
	const uint32_t flags = share->flags & ~AMPH_SHM_NOT_CACHED;
	intptr_t fd = share->fd;
	int error;

	if (!windows->map)
		return -ENOTSUP;
	share->fd = -1; /* the hook's from now on */
	share->va = NULL;
	error = windows->map(windows->argument, share->segments, share->segments_received,
			     share->size, share->direction, fd, &share->va);
	if (error)
		return error;
	error = amph_shm_import(config->memory, &share->import_shm, &storage, share->name,
				share->size, flags, share->va, share->segments_received,
				&session->home, share->direction, &share->import_attachment);
	/* both sides hold to what the home has said, if that keeps whole lines apart */
	if (!error && share->granule < share->import_attachment.granule) {
		amph_shm_put(&share->import_shm);
		error = -EINVAL;
	}
	if (error) {
		if (windows->unmap)
			windows->unmap(windows->argument, share->va, share->size);
		share->va = NULL;
		return error;
	}
	share->import_attachment.granule = share->granule;
	share->import_attachment.method = share->method;
	share->attachment = &share->import_attachment;
	share->shm = &share->import_shm;
	return 0;
}

static void complete(struct amph_session *session, struct amph_share *share)
{
	const struct amph_session_events *events = session->config.events;
	uint32_t handle = share->handle;
	int error = share->size_received == share->size ? 0 : -EBADMSG;

	if (!error)
		error = import_buffer(session, share);
	if (!error && events && events->offered)
		error = events->offered(session, share);
	/* the callback may have ended the session, and with it the share */
	if (session->state != AMPH_SESSION_OPEN || share->state != AMPH_SHARE_OFFERED ||
	    share->handle != handle)
		return;
	if (error) {
		refuse(session, share, error < 0 ? error : -EPERM);
		return;
	}
	share->state = AMPH_SHARE_ACCEPTED;
	amph_session_answer_share(session, share, WIRE_ACCEPT, WIRE_OK);
	if (share->state == AMPH_SHARE_ACCEPTED && share->request)
		amph_request_answered(session, share->request, share, 0);
}

static void add_segments(struct amph_session *session, struct amph_share *share,
			 const struct wire_segment *segments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		/* what they are together must not pass the size: so the sum never wraps */
		if (segments[i].length > share->size - share->size_received) {
			refuse(session, share, -EBADMSG);
			return;
		}
		share->segments[share->segments_received++] =
			(struct amph_segment){segments[i].address, segments[i].length};
		share->size_received += segments[i].length;
	}
	if (share->segments_received == share->segments_expected)
		complete(session, share);
}

/* What this side can say about an offer before it has seen all segments. */
static int check_offer(const struct amph_session *session, const struct wire_offer *offer)
{
	const struct amph_session_config *config = &session->config;
	uint32_t line = config->cache && config->cache_line ? config->cache_line : 1;

	if (session->closing)
		return -ENOTCONN;
	if (offer->method > AMPH_SYNC_QUEUE ||
	    (offer->method == AMPH_SYNC_QUEUE &&
	     (session->version < WIRE_VERSION_QUEUE || !session->path)))
		return -ENOTSUP;
	if (!config->ranges || !config->ranges_per_share || !config->segments)
		return -ENOTSUP; /* this side takes no buffers */
	if (offer->segment_count > config->segments_per_share)
		return -EFBIG;
	if (offer->granule < line)
		return -EINVAL; /* the two sides would share a cache line */
	if (offer->request && !amph_request_is_asked(session, offer->request))
		return -ENOENT;
	if (amph_wire_name_length(offer->name) >= AMPH_NAME_MAX)
		return -ENAMETOOLONG;
	return 0;
}

static void receive_offer(struct amph_session *session, const struct wire_message *message,
			  intptr_t handle)
{
	const struct wire_offer *offer = &message->body.offer;
	struct amph_share named = {.handle = offer->handle, .generation = offer->generation};
	struct amph_share *share =
		amph_session_free_slot(session, amph_session_slot_of(session, offer->handle));
	int error = check_offer(session, offer);

	if (amph_session_find_import(session, offer->handle)) {
		/* to answer REFUSE would end the other offer */
		amph_session_drop_handle(handle);
		amph_session_reject(session, message, WIRE_EXISTS);
		return;
	}
	if (!error && !share)
		error = -ENOSPC;
	if (error) {
		amph_session_drop_handle(handle);
		amph_session_answer_share(session, &named, WIRE_REFUSE, amph_wire_reason(error));
		if (session->state == AMPH_SESSION_OPEN && offer->request)
			amph_request_answered(session, offer->request, NULL, error);
		return;
	}
	share->state = AMPH_SHARE_OFFERED;
	share->home = false;
	share->handle = offer->handle;
	share->generation = offer->generation;
	share->error = 0;
	share->user = NULL;
	share->attachment = NULL;
	share->shm = NULL;
	share->request = offer->request;
	share->segments_expected = offer->segment_count;
	share->segments_received = 0;
	share->size = offer->size;
	share->size_received = 0;
	share->flags = offer->flags & WIRE_BUFFER_FLAGS;
	share->direction = offer->direction;
	share->granule = offer->granule;
	share->method = (enum amph_sync_method)offer->method;
	share->fd = handle;
	share->va = NULL;
	for (uint32_t i = 0; i < AMPH_NAME_MAX; i++)
		share->name[i] = i < WIRE_NAME_MAX ? offer->name[i] : 0;
	add_segments(session, share, offer->segments, offer->count);
}

static void receive_segments(struct amph_session *session, const struct wire_message *message)
{
	const struct wire_segments *segments = &message->body.segments;
	struct amph_share *share =
		amph_session_find(session, false, segments->handle, segments->generation);

	if (!share) {
		amph_session_reject(session, message, WIRE_NOT_FOUND);
		return;
	}
	if (share->state != AMPH_SHARE_OFFERED) {
		amph_session_reject(session, message, WIRE_STATE);
		return;
	}
	if (segments->first != share->segments_received ||
	    segments->count > share->segments_expected - share->segments_received) {
		refuse(session, share, -EBADMSG);
		return;
	}
	add_segments(session, share, segments->segments, segments->count);
}

/* Does this side share any of these bytes with the home for reading? */
static bool reads_shared(const struct amph_shm *shm, uint64_t offset, uint64_t length)
{
	for (uint32_t i = 0; i < shm->range_count; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];

		if (range->reading && range->offset < offset + length &&
		    offset < range->offset + range->length)
			return true;
	}
	return false;
}

/* The home gave the memory of a queue, or what goes by a queue and not by messages: 0 for the first. */
static int set_up(struct amph_session *session, struct amph_share *share,
		  const struct wire_handoff *give)
{
	struct amph_session_path *path = session->path;

	if (!(give->flags & WIRE_HANDOFF_QUEUE))
		return -EPERM;
	if (session->version < WIRE_VERSION_QUEUE || !path || !path->set_up)
		return -ENOTSUP;
	return path->set_up(path, share, give->offset, give->length, give->cookie);
}

/* Takes bytes from the home, alone or for reading. */
static int take(struct amph_share *share, uint64_t offset, uint64_t length, bool reading)
{
	return reading ? amph_shm_sync_for_cpu_reading(share->attachment, offset, length)
		       : amph_shm_sync_for_cpu(share->attachment, offset, length);
}

static void receive_give(struct amph_session *session, struct amph_share *share,
			 const struct wire_message *message)
{
	const struct wire_handoff *give = &message->body.handoff;
	const struct amph_session_events *events = session->config.events;
	bool reading = give->flags & WIRE_HANDOFF_READING;
	int error;

	/* a give may cross the release: it is answered by the home's refusal of that */
	if (share->state != AMPH_SHARE_ACCEPTED && share->state != AMPH_SHARE_RELEASING) {
		amph_session_reject(session, message, WIRE_STATE);
		return;
	}
	if (give->direction != share->direction ||
	    (reading && !(give->direction & AMPH_DEVICE_READS))) {
		amph_session_reject(session, message, WIRE_INVALID);
		return;
	}
	if (share->method != AMPH_SYNC_MESSAGES || give->flags & WIRE_HANDOFF_QUEUE) {
		error = share->method == AMPH_SYNC_MESSAGES ? -EPERM : set_up(session, share, give);
		if (error)
			amph_session_reject(session, message, amph_wire_reason(error));
		return;
	}
	error = take(share, give->offset, give->length, reading);
	if (error)
		amph_session_reject(session, message, amph_wire_reason(error));
	else if (events && events->taken)
		events->taken(session, share, give->offset, give->length, reading, give->cookie);
}

static void receive_pass(struct amph_session *session, struct amph_share *share,
			 const struct wire_message *message)
{
	const struct wire_handoff *pass = &message->body.handoff;
	const struct amph_session_events *events = session->config.events;

	/* it may have been returned meanwhile: then there is nothing more to say */
	if (share->state == AMPH_SHARE_ACCEPTED && events && events->passing &&
	    !amph_shm_may_give(share->attachment, pass->offset, pass->length, false))
		events->passing(session, share, pass->offset, pass->length, pass->cookie);
}

static void receive_release(struct amph_session *session, struct amph_share *share,
			    const struct wire_message *message)
{
	if ((amph_session_is_path(session, share) && share->state == AMPH_SHARE_ACCEPTED &&
	     session->path->ops->close(session->path, true)) ||
	    (share->shm && amph_session_holds(share->shm, AMPH_HOLDER_CPU))) {
		amph_session_reject(session, message, WIRE_BUSY);
		return;
	}
	if (share->state == AMPH_SHARE_RELEASING) {
		/* the two releases have crossed: the other's answer to ours is on its way */
		amph_session_answer_share(session, share, WIRE_RELEASED, WIRE_OK);
		return;
	}
	if (share->state == AMPH_SHARE_OFFERED) {
		uint32_t request = share->request;

		amph_session_answer_share(session, share, WIRE_RELEASED, WIRE_OK);
		if (session->state != AMPH_SESSION_OPEN)
			return;
		amph_session_free_share(session, share);
		if (request)
			amph_request_answered(session, request, NULL, -ENOENT);
		return;
	}
	/* the answer promises that this side reaches the memory no more: so the end comes first */
	{
		struct amph_share named = {.handle = share->handle,
					   .generation = share->generation};

		amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
		if (session->state == AMPH_SESSION_OPEN)
			amph_session_answer_share(session, &named, WIRE_RELEASED, WIRE_OK);
	}
}

static void receive_released(struct amph_session *session, struct amph_share *share,
			     const struct wire_message *message)
{
	if (share->state != AMPH_SHARE_RELEASING)
		amph_session_reject(session, message, WIRE_STATE);
	else if (amph_session_holds(share->shm, AMPH_HOLDER_CPU))
		amph_session_fail(session, -EPROTO, "the home released what it had given");
	else
		amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
}

void amph_import_receive(struct amph_session *session, const struct wire_message *message,
			 intptr_t handle)
{
	struct amph_share *share;

	if (message->header.type == WIRE_OFFER) {
		receive_offer(session, message, handle);
		return;
	}
	if (message->header.type == WIRE_SEGMENTS) {
		receive_segments(session, message);
		return;
	}
	/* all others start with handle and generation */
	share = amph_session_find(session, false, message->body.answer.handle,
				  message->body.answer.generation);
	if (!share) {
		amph_session_reject(session, message, WIRE_NOT_FOUND);
		return;
	}
	switch (message->header.type) {
	case WIRE_GIVE:
		receive_give(session, share, message);
		break;
	case WIRE_PASS:
		receive_pass(session, share, message);
		break;
	case WIRE_RELEASE:
		receive_release(session, share, message);
		break;
	default:
		receive_released(session, share, message);
		break;
	}
}

void amph_import_rejected(struct amph_session *session, const struct wire_reject *reject)
{
	const struct amph_session_events *events = session->config.events;
	struct amph_share *share =
		amph_session_find(session, false, reject->handle, reject->generation);
	int error = amph_wire_error(reject->reason);

	if (!share)
		return;
	if (reject->type == WIRE_RELEASE) {
		if (share->state == AMPH_SHARE_RELEASING) {
			share->state = AMPH_SHARE_ACCEPTED;
			share->error = error;
			amph_session_path_stays(session, share);
		}
		return;
	}
	/* a queue's descriptors are refused by no message */
	if (!share->shm || share->method != AMPH_SYNC_MESSAGES)
		return;
	/* the home could not write it down: it is still this side's, to be returned again */
	if (error == -ENOSPC || error == -EBUSY) {
		int undo = amph_shm_sync_for_cpu(share->attachment, reject->offset, reject->length);

		if (undo)
			return; /* never returned: a refusal of nothing */
	}
	if (events && events->undone)
		events->undone(session, share, reject->offset, reject->length, error);
}

int amph_session_return(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length, uint64_t cookie, uint64_t deadline)
{
	bool reading;
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!amph_session_has(session, share) || share->home || share->state != AMPH_SHARE_ACCEPTED)
		return amph_refuse(&session->why, -EPERM, "the share is no accepted import", 0, 0);
	error = amph_shm_may_give(share->attachment, offset, length, false);
	reading = !error && reads_shared(share->shm, offset, length);
	if (!error)
		error = amph_shm_sync_for_device(share->attachment, offset, length, false);
	if (error)
		return amph_refuse_as(&session->why, error, &share->shm->why);
	error = amph_session_send_handoff(session, share, offset, length, cookie, false, deadline);
	if (error && take(share, offset, length, reading))
		amph_session_fail(session, -EFAULT, "a hand-off could not be undone");
	return error;
}
