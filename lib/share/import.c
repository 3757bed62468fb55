/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Importing: buffers that the other side offers, gives, and takes back by their release.
 * Share layer; freestanding; joins the messages with the memory layer's imports. A coprocessor's half
 * of the way of a buffer.
 */
#include <amphora/time.h>

#include "share/internal.h"

/* Bytes of a name that the wire and this side have room for, its end included. */
#define NAME_MAX (AMPH_NAME_MAX < WIRE_NAME_MAX ? AMPH_NAME_MAX : WIRE_NAME_MAX)

/* Refuses an offer, or the rest of one, in its place. */
static void refuse(struct amph_session *session, struct wire_message *message, uint32_t request,
		   int error)
{
	amph_session_answer_share(session, message, WIRE_REFUSE, amph_wire_reason(error));
	if (session->state == AMPH_SESSION_OPEN)
		amph_request_answered(session, request, NULL, error);
}

/* The same when it has a slot already. */
static void drop(struct amph_session *session, struct amph_share *share,
		 struct wire_message *message, int error)
{
	amph_session_free_share(session, share);
	share->error = error;
	refuse(session, message, share->request, error);
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
	if (amph_sanitizing())
		share->va = share->import_shm.va; /* a shadow of the window */
	share->attachment = &share->import_attachment;
	share->shm = &share->import_shm;
	return 0;
}

static void complete(struct amph_session *session, struct amph_share *share,
		     struct wire_message *message)
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
		drop(session, share, message, error < 0 ? error : -EPERM);
		return;
	}
	share->state = AMPH_SHARE_ACCEPTED;
	amph_session_answer_share(session, message, WIRE_ACCEPT, WIRE_OK);
	if (share->state == AMPH_SHARE_ACCEPTED)
		amph_request_answered(session, share->request, share, 0);
}

static void add_segments(struct amph_session *session, struct amph_share *share,
			 struct wire_message *message, const struct wire_segment *segments,
			 uint32_t count)
{
	for (const struct wire_segment *end = segments + count; segments < end; segments++) {
		/* what they are together must not pass the size: so the sum never wraps */
		if (segments->length > share->size - share->size_received) {
			drop(session, share, message, -EBADMSG);
			return;
		}
		share->segments[share->segments_received++] =
			(struct amph_segment){segments->address, segments->length};
		share->size_received += segments->length;
	}
	if (share->segments_received == share->segments_expected)
		complete(session, share, message);
}

/* What this side can say about an offer before it has seen all segments. */
static int check_offer(const struct amph_session *session, const struct wire_offer *offer)
{
	const struct amph_session_config *config = &session->config;
	uint32_t line = config->cache && config->cache_line ? config->cache_line : 1;

	if (session->closing)
		return -ENOTCONN;
	/* versions 2 and 3 brought one way each */
	if (offer->method && (offer->method >= session->version ||
			      !amph_session_way(session, (enum amph_sync_method)offer->method)))
		return -ENOTSUP;
	if (!config->ranges || !config->ranges_per_share || !config->segments)
		return -ENOTSUP; /* this side takes no buffers */
	if (offer->segment_count > config->segments_per_share)
		return -EFBIG;
	if (offer->granule < line)
		return -EINVAL; /* the two sides would share a cache line */
	if (offer->request && !amph_request_is_asked(session, offer->request))
		return -ENOENT;
	if (offer->name[NAME_MAX - 1]) /* only zeros follow the end of a name */
		return -ENAMETOOLONG;
	return 0;
}

static enum wire_reason receive_offer(struct amph_session *session, struct wire_message *message,
				      intptr_t *handle)
{
	const struct wire_offer *offer = &message->body.offer;
	uint32_t at = amph_session_slot_of(session, offer->handle);
	struct amph_share *share;
	int error;

	/* to answer REFUSE would end the other offer */
	if (amph_session_find_import(session, offer->handle))
		return WIRE_EXISTS;
	share = amph_session_free_slot(session, at);
	error = check_offer(session, offer);
	if (!error && !share)
		error = -ENOSPC;
	if (error) {
		refuse(session, message, offer->request, error);
		return WIRE_OK;
	}
	share->state = AMPH_SHARE_OFFERED;
	share->home = false;
	share->displaced = share != &session->config.shares[at];
	session->displaced += share->displaced;
	share->method = (enum amph_sync_method)offer->method;
	share->handle = offer->handle;
	share->generation = offer->generation;
	share->size = offer->size;
	share->flags = offer->flags & WIRE_BUFFER_FLAGS;
	share->direction = offer->direction;
	share->granule = offer->granule;
	share->request = offer->request;
	share->error = 0;
	share->va = NULL;
	share->user = NULL;
	share->fd = *handle;
	share->segments_expected = offer->segment_count;
	share->segments_received = 0;
	share->size_received = 0;
	__builtin_memcpy(share->name, offer->name, NAME_MAX); /* its end is in there */
	*handle = -1;
	add_segments(session, share, message, offer->segments, offer->count);
	return WIRE_OK;
}

static enum wire_reason receive_segments(struct amph_session *session, struct wire_message *message)
{
	const struct wire_segments *segments = &message->body.segments;
	struct amph_share *share =
		amph_session_find(session, false, segments->handle, segments->generation);

	if (!share)
		return WIRE_NOT_FOUND;
	if (share->state != AMPH_SHARE_OFFERED)
		return WIRE_STATE;
	if (segments->first != share->segments_received ||
	    segments->count > share->segments_expected - share->segments_received)
		drop(session, share, message, -EBADMSG);
	else
		add_segments(session, share, message, segments->segments, segments->count);
	return WIRE_OK;
}

/* Does this side share any of these bytes with the home for reading? They may be none of the buffer's. */
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

/* The home set up the share's way to sync, or gave what does not go by messages: 0 for the first. */
static int set_up(struct amph_session *session, struct amph_share *share,
		  const struct wire_handoff *give)
{
	struct amph_session_path *path = amph_session_way(session, share->method);

	if (!(give->flags & WIRE_HANDOFF_SET_UP))
		return -EPERM;
	if (session->version < WIRE_VERSION_QUEUE || !path || !path->set_up)
		return -ENOTSUP;
	if (share->method == AMPH_SYNC_MESSAGES)
		return -EPERM;
	return path->set_up(path, share, give->offset, give->length, give->cookie);
}

/* Takes bytes from the home, alone or for reading. */
static int take(struct amph_share *share, uint64_t offset, uint64_t length, bool reading)
{
	return reading ? amph_shm_sync_for_cpu_reading(share->attachment, offset, length)
		       : amph_shm_sync_for_cpu(share->attachment, offset, length);
}

static enum wire_reason receive_give(struct amph_session *session, struct amph_share *share,
				     const struct wire_handoff *give)
{
	const struct amph_session_events *events = session->config.events;
	bool reading = give->flags & WIRE_HANDOFF_READING;
	int error;

	/* a give may cross the release: it is answered by the home's refusal of that */
	if (share->state != AMPH_SHARE_ACCEPTED && share->state != AMPH_SHARE_RELEASING)
		return WIRE_STATE;
	if (give->direction != share->direction ||
	    (reading && !(give->direction & AMPH_DEVICE_READS)))
		return WIRE_INVALID;
	if (share->method != AMPH_SYNC_MESSAGES || give->flags & WIRE_HANDOFF_SET_UP)
		return amph_wire_reason(set_up(session, share, give));
	error = take(share, give->offset, give->length, reading);
	if (!error && events && events->taken)
		events->taken(session, share, give->offset, give->length, reading, give->cookie);
	return amph_wire_reason(error);
}

static void receive_pass(struct amph_session *session, struct amph_share *share,
			 const struct wire_handoff *pass)
{
	const struct amph_session_events *events = session->config.events;

	/* it may have been returned meanwhile: then there is nothing more to say */
	if (share->state == AMPH_SHARE_ACCEPTED && events && events->passing &&
	    !amph_shm_may_give(share->attachment, pass->offset, pass->length, false))
		events->passing(session, share, pass->offset, pass->length, pass->cookie);
}

static enum wire_reason receive_release(struct amph_session *session, struct amph_share *share,
					struct wire_message *message)
{
	uint32_t request = share->state == AMPH_SHARE_OFFERED ? share->request : 0;

	if ((amph_session_is_path(session, share) && share->state == AMPH_SHARE_ACCEPTED &&
	     session->path->ops->close(session->path, true)) ||
	    (share->shm && amph_session_holds(share->shm, AMPH_HOLDER_CPU)))
		return WIRE_BUSY;
	/*
	 * The answer promises that this side reaches the memory no more: so the end comes first. When
	 * the two releases have crossed, the other's answer to ours is on its way.
	 */
	if (share->state == AMPH_SHARE_OFFERED)
		amph_session_free_share(session, share);
	else if (share->state == AMPH_SHARE_ACCEPTED)
		amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
	if (session->state == AMPH_SESSION_OPEN)
		amph_session_answer_share(session, message, WIRE_RELEASED, WIRE_OK);
	if (session->state == AMPH_SESSION_OPEN && request)
		amph_request_answered(session, request, NULL, -ENOENT);
	return WIRE_OK;
}

static enum wire_reason receive_released(struct amph_session *session, struct amph_share *share)
{
	if (share->state != AMPH_SHARE_RELEASING)
		return WIRE_STATE;
	if (amph_session_holds(share->shm, AMPH_HOLDER_CPU))
		amph_session_fail(session, -EPROTO, "the home released what it had given");
	else
		amph_session_end_share(session, share, AMPH_SHARE_RELEASED, 0);
	return WIRE_OK;
}

uint32_t amph_import_receive(struct amph_session *session, struct wire_message *message,
			     intptr_t *handle)
{
	struct amph_share *share;

	if (message->header.type == WIRE_OFFER)
		return receive_offer(session, message, handle);
	if (message->header.type == WIRE_SEGMENTS)
		return receive_segments(session, message);
	/* all others start with handle and generation */
	share = amph_session_find(session, false, message->body.answer.handle,
				  message->body.answer.generation);
	if (!share)
		return WIRE_NOT_FOUND;
	switch (message->header.type) {
	case WIRE_GIVE:
		return receive_give(session, share, &message->body.handoff);
	case WIRE_PASS:
		receive_pass(session, share, &message->body.handoff);
		return WIRE_OK;
	case WIRE_RELEASE:
		return receive_release(session, share, message);
	default:
		return receive_released(session, share);
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
			/* locks look at the state */
			if (amph_session_is_path(session, share))
				amph_session_path_stays(session, session->path);
		}
		return;
	}
	/* a queue's descriptors are refused by no message */
	if (!share->shm || share->method != AMPH_SYNC_MESSAGES)
		return;
	/* the home could not write it down: it is still this side's, to be returned again */
	if ((error == -ENOSPC || error == -EBUSY) &&
	    take(share, reject->offset, reject->length, false))
		return; /* never returned: a refusal of nothing */
	if (events && events->undone)
		events->undone(session, share, reject->offset, reject->length, error);
}

int amph_session_return(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length, uint64_t cookie, uint64_t deadline)
{
	uint32_t generation;
	bool reading;
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (!amph_session_has(session, share) || share->home || share->state != AMPH_SHARE_ACCEPTED)
		return amph_refuse(&session->why, -EPERM, "the share is no accepted import", 0, 0);
	session->import_rejected = amph_import_rejected;
	reading = reads_shared(share->shm, offset, length);
	error = amph_shm_sync_for_device(share->attachment, offset, length, false);
	if (error)
		return amph_refuse_as(&session->why, error, &share->shm->why);
	generation = share->generation;
	error = amph_session_send_handoff(session, share, offset, length, cookie, false, deadline);
	if (error && amph_session_still_has(session, share, generation) &&
	    take(share, offset, length, reading))
		amph_session_fail(session, -EFAULT, "a hand-off could not be undone");
	return error;
}
