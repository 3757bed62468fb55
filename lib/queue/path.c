/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue does for its session: carries gives and returns, wakes and is woken, ends with it.
 * Queue layer; freestanding; the session calls these through its hooks and knows nothing of queues.
 */
#include <amphora/fork.h>
#include <amphora/time.h>

#include "queue/ring.h"
#include "share/internal.h"

#define LOOK_MS 100u /* a long wait looks at the channel that often, or for each heartbeat */

/* The hooks are the first member. */
static struct amph_queue *queue_of(struct amph_session_path *path)
{
	return (struct amph_queue *)path;
}

static int path_send(struct amph_session_path *path, const struct amph_share *share,
		     uint64_t offset, uint64_t length, uint64_t cookie, bool reading,
		     uint64_t deadline)
{
	struct amph_queue *queue = queue_of(path);
	uint32_t generation = share->generation;

	if (queue->state != AMPH_QUEUE_OPEN || share == path->share)
		return -ENOTCONN;
	if (!amph_queue_there(queue, QUEUE_FOR_ROOM)) {
		int error = amph_queue_wait(queue, QUEUE_FOR_ROOM, deadline);

		if (error)
			return error;
		if (!amph_session_still_has(queue->session, share, generation))
			return -ENOENT;
	}
	amph_queue_put(queue, share, offset, length, cookie, reading);
	amph_queue_knock(queue, QUEUE_FOR_SLOT);
	return 0;
}

static uint32_t waits_for(const struct amph_queue *queue)
{
	return queue->waits_for ? queue->waits_for : QUEUE_FOR_SLOT;
}

/* Tells the application what came, as messages would. */
static int path_poll(struct amph_session_path *path)
{
	struct amph_queue *queue = queue_of(path);
	const struct amph_session_events *events = queue->session->config.events;
	struct amph_queue_entry entry;
	/* no more than an honest side can have sent before: the poll ends, however fast the other is */
	uint32_t left = queue->mask + 1;
	int count = 0, result = 1;

	/* a wait of the queue's own takes for itself what it waits for */
	if (queue->state == AMPH_QUEUE_OPEN && (queue->waits_for || queue->config.by_receive))
		return amph_queue_there(queue, waits_for(queue));
	while (queue->state == AMPH_QUEUE_OPEN && result > 0 && left--) {
		result = amph_queue_take(queue, &entry);
		count += result > 0;
		if (result == 1 && events && events->taken)
			events->taken(queue->session, entry.share, entry.offset, entry.length,
				      entry.reading, entry.cookie);
	}
	if (queue->state != AMPH_QUEUE_OPEN)
		return count;
	amph_queue_tell(queue);
	/* what can't be taken now waits for the application to do something, not for the other side */
	return result < 0 && !count ? 1 : count;
}

static bool path_sleep(struct amph_session_path *path, bool going)
{
	struct amph_queue *queue = queue_of(path);

	if (queue->state != AMPH_QUEUE_OPEN)
		return true;
	if (going) {
		/* what was said until now is looked at now */
		amph_queue_was_told(queue);
		return amph_queue_sleep(queue, waits_for(queue), QUEUE_BY_CHANNEL);
	}
	amph_queue_awake(queue);
	return true;
}

static int path_flush(struct amph_session_path *path, uint64_t deadline)
{
	struct amph_queue *queue = queue_of(path);

	if (queue->state != AMPH_QUEUE_OPEN || amph_queue_there(queue, QUEUE_FOR_EMPTY))
		return 0;
	return amph_queue_wait(queue, QUEUE_FOR_EMPTY, deadline);
}

/* Is anything out by this queue, in either direction, or on its way in? */
static bool is_busy(struct amph_queue *queue)
{
	const struct amph_session_config *config = &queue->session->config;

	for (uint32_t i = 0; i < config->share_max; i++) {
		const struct amph_share *share = &config->shares[i];

		if (share->shm && share != queue->path.share &&
		    share->attachment->method == AMPH_SYNC_QUEUE &&
		    amph_session_holds(share->shm,
				       share->home ? share->attachment->bit : AMPH_HOLDER_CPU))
			return true;
	}
	return amph_queue_there(queue, QUEUE_FOR_SLOT);
}

int amph_queue_record(const struct amph_queue *queue, bool in_use)
{
	const struct amph_share *share = queue->path.share;

	if (share->home == in_use)
		return amph_shm_sync_for_device(share->attachment, 0, share->size, false);
	return amph_shm_sync_for_cpu(share->attachment, 0, share->size);
}

static int path_close(struct amph_session_path *path, bool closing)
{
	struct amph_queue *queue = queue_of(path);
	int error;

	/* the release that was refused was sent before there was a queue */
	if (!closing && queue->state != AMPH_QUEUE_CLOSING)
		return 0;
	if (closing && (queue->state != AMPH_QUEUE_OPEN || is_busy(queue)))
		return -EBUSY;
	error = amph_queue_record(queue, !closing);
	if (!error)
		queue->state = closing ? AMPH_QUEUE_CLOSING : AMPH_QUEUE_OPEN;
	return error;
}

static void path_closed(struct amph_session_path *path)
{
	struct amph_queue *queue = queue_of(path);

	if (path->share)
		amph_sanitize(exempt, path->share->shm, false);
	queue->state = AMPH_QUEUE_CLOSED;
	queue->session->path = NULL;
	path->share = NULL;
}

static void path_said(struct amph_session_path *path)
{
	struct amph_queue *queue = queue_of(path);

	/* its own release is on its way: the home may use the memory for something else already */
	if (queue->state != AMPH_QUEUE_OPEN &&
	    (queue->state != AMPH_QUEUE_CLOSING || !path->share->home))
		return;
	/* release: the message is there for who sees this and looks at the channel, a barrier later */
	queue_store(queue, &queue_sleeper(queue, queue->own_line)->said, ++queue->said);
	amph_queue_knock(queue, QUEUE_FOR_MESSAGE);
}

static bool path_moved(struct amph_session_path *path)
{
	struct amph_queue *queue = queue_of(path);
	uint32_t before = queue->moved;

	if (queue->state != AMPH_QUEUE_OPEN)
		return false;
	queue->moved = queue->consumed + queue_peek(queue, queue_consumed(queue->peer_line));
	return queue->moved != before;
}

const struct amph_session_path_ops amph_queue_path_ops = {
	.send = path_send,
	.poll = path_poll,
	.sleep = path_sleep,
	.flush = path_flush,
	.close = path_close,
	.closed = path_closed,
	.said = path_said,
	.moved = path_moved,
};

int amph_queue_init(struct amph_queue *queue, struct amph_session *session,
		    const struct amph_queue_config *config, uint32_t abi, uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*queue));

	if (error)
		return error;
	if (session->fork_generation != amph_fork_generation())
		return -EPERM;
	if (session->path)
		return amph_refuse(&session->why, -EBUSY, "the session has a queue", 0, 0);
	*queue = (struct amph_queue){
		.session = session,
		.shares = session->config.shares,
		.share_max = session->config.share_max,
		.share_bytes = session->config.share_max * sizeof(struct amph_share),
		.fork_generation = session->fork_generation,
		/* without it nothing goes by the quick way: all that happens is told */
		.fork_word = amph_sanitizing() ? NULL : amph_fork_word(),
		.config = *config,
	};
	queue->path.ops = &amph_queue_path_ops;
	return 0;
}

static int shape(struct amph_queue *queue, struct amph_share *share, uint32_t slots,
		 uint32_t stride)
{
	const struct amph_session *session = queue->session;
	const struct amph_attachment *attachment = share->attachment;
	struct amph_why *why = &queue->session->why;
	uint8_t *lines = share->va;
	uint32_t beat = session->config.heartbeat_ms / 2;

	if (slots < 2 || slots > AMPH_QUEUE_SLOTS_MAX || slots & (slots - 1))
		return amph_refuse(why, -EINVAL, "the slots are no power of two in 2 to 32768",
				   slots, AMPH_QUEUE_SLOTS_MAX);
	if (stride < AMPH_QUEUE_STRIDE || stride > 4096 || stride & (stride - 1) ||
	    stride % attachment->granule)
		return amph_refuse(why, -EINVAL, "the stride does not keep cache lines apart",
				   stride, attachment->granule);
	if (share->size < amph_queue_size(slots, stride))
		return amph_refuse(why, -EINVAL, "the buffer is too small for the queue",
				   share->size, amph_queue_size(slots, stride));
	if (share->direction != AMPH_DEVICE_READS_WRITES || !lines ||
	    (uintptr_t)lines & (stride - 1))
		return amph_refuse(why, -EINVAL,
				   "a queue's memory is in one piece, aligned, and written by both",
				   (uintptr_t)lines, stride);
	if (!attachment->coherent && !(share->shm->flags & AMPH_SHM_NOT_CACHED))
		queue->cache = attachment->target->cache;
	/* one try tells whether this processor, or this privilege level, can do it at all */
	if (queue->cache &&
	    (!queue->cache->invalidate || !queue->cache->clean ||
	     queue->cache->clean(lines, stride) || queue->cache->invalidate(lines, stride)))
		return amph_refuse(
			why, -ENOTSUP,
			"the queue's memory needs cache maintenance that this side can't "
			"do: use uncached memory",
			0, 0);
	queue->mask = slots - 1;
	queue->shift = (uint32_t)__builtin_ctz(stride);
	queue->own_line = lines + (share->home ? 0 : stride);
	queue->peer_line = lines + (share->home ? stride : 0);
	lines += AMPH_QUEUE_LINES * stride;
	queue->out = lines + (share->home ? 0 : (size_t)slots * stride);
	queue->in = lines + (share->home ? (size_t)slots * stride : 0);
	queue->look_ns = 1000000u * (beat && beat < LOOK_MS ? beat : LOOK_MS);
	queue->path.share = share;
	queue->session->path = &queue->path;
	return 0;
}

int amph_queue_shape(struct amph_queue *queue, struct amph_share *share, uint32_t slots,
		     uint32_t stride)
{
	int error;

	if (!amph_sanitizing())
		return shape(queue, share, slots, stride);
	/* both sides keep touching a ring that one of them has: its memory itself, without protection */
	amph_sanitize(exempt, share->shm, true);
	share->va = share->shm->va;
	error = shape(queue, share, slots, stride);
	if (error)
		amph_sanitize(exempt, share->shm, false);
	return error;
}

void amph_queue_ready(struct amph_queue *queue)
{
	uint32_t can = QUEUE_READY;

	if (queue->config.spins != AMPH_QUEUE_SPIN)
		can |= QUEUE_SLEEPS;
	if (queue->config.doorbell.ring)
		can |= QUEUE_RINGS;
	/* orders nothing: the home's zeroes are there for the importer by the give on the channel */
	amph_queue_set(queue, &queue_sleeper(queue, queue->own_line)->ready, can);
}

bool amph_queue_meet(struct amph_queue *queue)
{
	queue->peer_ready = queue_peek(queue, &queue_sleeper(queue, queue->peer_line)->ready);
	if (!(queue->peer_ready & QUEUE_READY))
		return false;
	queue->state = AMPH_QUEUE_OPEN;
	queue->path.open = true;
	return true;
}
