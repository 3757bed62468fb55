/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Expecting a queue: the importer's side, which the home sets up by a give with the queue's flag.
 * Queue layer; freestanding; linked only where amph_queue_expect() is called.
 */
#include "queue/ring.h"
#include "share/internal.h"

static int set_up(struct amph_session_path *path, struct amph_share *share, uint64_t offset,
		  uint64_t length, uint64_t cookie)
{
	struct amph_queue *queue = (struct amph_queue *)path;
	int error;

	if (queue->state != AMPH_QUEUE_EXPECTED)
		return -EBUSY;
	if (offset || length != share->size)
		return -EINVAL;
	error = amph_queue_shape(queue, share, (uint32_t)cookie, (uint32_t)(cookie >> 32));
	if (!error)
		error = amph_queue_record(queue, true);
	/* the home said that it is ready before it gave the memory */
	if (!error && !amph_queue_meet(queue)) {
		amph_queue_record(queue, false);
		error = -EINVAL;
	}
	if (error) {
		queue->path.share = NULL;
		return error;
	}
	amph_queue_ready(queue);
	amph_session_knock(queue->session);
	return 0;
}

int amph_queue_expect_checked(struct amph_queue *queue, struct amph_session *session,
			      const struct amph_queue_config *config, uint32_t abi, uint32_t size)
{
	int error = amph_queue_init(queue, session, config, abi, size);

	if (error)
		return error;
	queue->path.set_up = set_up;
	queue->state = AMPH_QUEUE_EXPECTED;
	session->path = &queue->path;
	return 0;
}
