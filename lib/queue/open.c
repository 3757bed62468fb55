/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a queue: the home turns an accepted buffer into the session's queue.
 * Queue layer; freestanding; linked only where amph_queue_open() is called.
 *
 *     home                                    importer
 *     zeroes the memory, says what it can
 *     GIVE with the queue's flag          ->
 *                                             checks, says in its own line that it is ready
 *                                         <-  HEARTBEAT, so that the home looks
 */
#include <amphora/time.h>

#include "queue/ring.h"
#include "share/internal.h"

#define LOOK_MS 20u

uint32_t amph_queue_stride(const struct amph_session *session)
{
	return amph_session_stride(session, AMPH_QUEUE_STRIDE);
}

static int check_open(struct amph_session *session, const struct amph_share *share)
{
	int error = amph_session_usable(session);

	if (error)
		return error;
	if (session->version < WIRE_VERSION_QUEUE)
		return amph_refuse(&session->why, -ENOTSUP, "the other side knows no queues",
				   session->version, WIRE_VERSION_QUEUE);
	if (!amph_session_has(session, share) || !share->home ||
	    share->state != AMPH_SHARE_ACCEPTED || share->attachment->method != AMPH_SYNC_QUEUE)
		return amph_refuse(&session->why, -EINVAL,
				   "the share is no accepted offer for a queue", 0, 0);
	if (share->attachment->target->ops->sync_for_device && !share->attachment->coherent &&
	    !(share->flags & AMPH_SHM_NOT_CACHED))
		return amph_refuse(
			&session->why, -ENOTSUP,
			"a driver syncs this memory whole: a queue needs uncached memory",
			share->flags, AMPH_SHM_NOT_CACHED);
	if (share->flags & AMPH_SHM_PROTECTED)
		return amph_refuse(&session->why, -ENOTSUP,
				   "this side can't touch a queue in protected memory",
				   share->flags, 0);
	/* before a byte of it is touched */
	error = amph_shm_may_give(share->attachment, 0, share->size, false);
	return error ? amph_refuse_as(&session->why, error, &share->shm->why) : 0;
}

/* The memory as both sides expect it, and theirs from now on. */
static int give(struct amph_queue *queue, uint32_t slots, uint32_t stride, uint64_t deadline)
{
	struct amph_share *share = queue->path.share;
	struct wire_message message;
	uint32_t *words = share->va;
	int error;

	/* words, not memset: uncached memory may take aligned accesses only */
	for (uint64_t i = 0; i < amph_queue_size(slots, stride) / sizeof(*words); i++)
		amph_store32(&words[i], 0);
	amph_queue_ready(queue);
	error = amph_queue_record(queue, true);
	if (error)
		return amph_refuse_as(&queue->session->why, error, &share->shm->why);
	share->error = 0;
	amph_session_fill_handoff(&message, share, 0, share->size, (uint64_t)stride << 32 | slots,
				  false);
	message.body.handoff.flags = WIRE_HANDOFF_SET_UP;
	message.header.type = WIRE_GIVE;
	error = amph_session_send(queue->session, &message.header, deadline);
	if (error)
		amph_queue_record(queue, false);
	return error;
}

/* 0: the other side has it. Else it is still on its way, but for what it has refused. */
static int meet(struct amph_queue *queue, uint64_t deadline)
{
	struct amph_session *session = queue->session;
	const struct amph_share *share = queue->path.share;
	int error = 0;

	for (;;) {
		uint64_t look = amph_deadline(LOOK_MS);

		/* a refusal gives the memory back, whatever is written in it */
		if (!amph_session_holds(share->shm, share->attachment->bit)) {
			error = share->error ? share->error : -EIO;
			queue->path.ops->closed(&queue->path);
			return amph_refuse(&session->why, error, "the other side refused the queue",
					   0, 0);
		}
		if (amph_queue_meet(queue))
			return 0;
		if (error < 0 && (error != -ETIMEDOUT || amph_time_now() >= deadline))
			return error;
		error = amph_session_poll_in_time(session, look < deadline ? look : deadline);
		if (queue->state != AMPH_QUEUE_OPENING)
			return session->error ? session->error : -ENOTCONN;
	}
}

/* Checks, and gives the memory. On error nothing of it is left. */
static int begin(struct amph_queue *queue, struct amph_share *share, uint32_t slots,
		 uint64_t deadline)
{
	struct amph_session *session = queue->session;
	uint32_t stride = amph_queue_stride(session);
	int error = check_open(session, share);

	if (!error)
		error = amph_queue_shape(queue, share, slots, stride);
	if (error)
		return error;
	queue->state = AMPH_QUEUE_OPENING;
	error = give(queue, slots, stride, deadline);
	if (error && session->path == &queue->path)
		queue->path.ops->closed(&queue->path);
	return error;
}

int amph_queue_open_checked(struct amph_queue *queue, struct amph_session *session,
			    struct amph_share *share, uint32_t slots,
			    const struct amph_queue_config *config, uint64_t deadline, uint32_t abi,
			    uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*queue));

	if (!error && amph_session_forked(session))
		error = -EPERM;
	if (!error && session->polling)
		error = amph_refuse(&session->why, -EBUSY, "a callback may not wait", 0, 0);
	if (error)
		return error;
	/* a second call goes on waiting */
	if (session->path != &queue->path || queue->state != AMPH_QUEUE_OPENING) {
		error = amph_queue_init(queue, session, config, abi, size);
		if (!error)
			error = begin(queue, share, slots, deadline);
	}
	return error ? error : meet(queue, deadline);
}
