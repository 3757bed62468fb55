/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the virtqueue share. Transport layer, private.
 * Inline where a firmware links one role only: the two roles' files are never in the same image.
 */
#ifndef TRANSPORT_VIRTQUEUE_INTERNAL_H
#define TRANSPORT_VIRTQUEUE_INTERNAL_H

#include <stddef.h>

#include <amphora/log.h>
#include <amphora/order.h>
#include <amphora/virtqueue.h>

/* The words of a half, as indices of uint16_t. */
enum { HALF_FLAGS, HALF_INDEX, HALF_ENTRIES };

static inline uint32_t amph_virtqueue_entry(const struct amph_virtqueue *queue, uint16_t index)
{
	return index & (queue->vring.count - 1);
}

/* Sets up what both roles share. */
static inline int amph_virtqueue_prepare(struct amph_virtqueue *queue,
					 struct amph_virtqueue_device *device,
					 const struct amph_vring *vring,
					 struct amph_virtqueue_slot *slots)
{
	if (!vring->count || !slots)
		return -EINVAL;
	queue->device = device;
	queue->slots = slots;
	queue->vring = *vring;
	queue->produced = queue->consumed = queue->seen = queue->kicked = queue->wished = 0;
	__builtin_memset(slots, 0, vring->count * sizeof(*slots));
	return 0;
}

/*
 * How many entries there are to take; if none, a doorbell was asked for. More than fit are a lie.
 */
static inline uint32_t amph_virtqueue_look(struct amph_virtqueue *queue)
{
	uint16_t consumed = queue->consumed;
	uint16_t seen = queue->seen;
	uint16_t wish = queue->device->event_index ? consumed : 0;

	while (seen == consumed) {
		/* acquire: pairs with the release of the other side's index (amph_virtqueue_publish) */
		seen = amph_load16_acquire(&queue->theirs[HALF_INDEX]);
		queue->seen = seen;
		/* a wish that stands is not written again: an empty look leaves the line to its reader */
		if (seen != consumed || queue->wished == wish)
			break;
		queue->wished = wish;
		amph_store16(queue->my_wish, wish);
		/* the wish is stored before their index is loaded again; pairs with amph_virtqueue_rings() */
		amph_barrier_full();
	}
	return (uint16_t)(seen - consumed);
}

/*
 * Fetches ahead what a buffer begins with: it lies where it lay the last time, most likely. So its
 * line is on its way while that of the descriptor or the used element still comes.
 */
static inline void amph_virtqueue_expect(const struct amph_virtqueue *queue, uint32_t id)
{
	if (queue->device->va)
		amph_prefetch((const char *)queue->device->va + queue->slots[id].offset);
}

/* Ends the device, says why, and is the NULL of a take. */
static inline void *amph_virtqueue_break(struct amph_virtqueue *queue, const char *what,
					 uint32_t value)
{
	queue->device->fault = -EPROTO;
	amph_log(AMPH_LOG_ERROR, what, value, queue->vring.count);
	return NULL;
}

/* Whether a buffer is this side's to give, and its number; theirs from then on. */
static inline int amph_virtqueue_yield(struct amph_virtqueue *queue,
				       struct amph_virtqueue_slot *slot, uint32_t *id)
{
	*id = (uint32_t)(slot - queue->slots);
	if (queue->device->fault)
		return queue->device->fault;
	if (*id >= queue->vring.count || slot->state == AMPH_VIRTQUEUE_THEIRS)
		return -EINVAL;
	slot->state = AMPH_VIRTQUEUE_THEIRS;
	return 0;
}

/* Puts this side's index on: what was put in the ring, and in the buffer, is there to take. */
static inline void amph_virtqueue_publish(struct amph_virtqueue *queue)
{
	uint16_t next = (uint16_t)(queue->produced + 1);

	queue->produced = next;
	/* release: pairs with the acquire in the other side's look at the index */
	amph_store16_release(&queue->mine[HALF_INDEX], next);
}

/* amph_virtqueue_wants_kick() */
static inline bool amph_virtqueue_rings(struct amph_virtqueue *queue)
{
	const struct amph_virtqueue_device *device = queue->device;
	uint32_t produced = queue->produced;
	uint32_t fresh = (uint16_t)(produced - queue->kicked);
	uint32_t wish;

	if (!fresh || device->fault)
		return false;
	queue->kicked = (uint16_t)produced;
	/*
	 * Our index is stored before their wish is loaded; they store the wish before they load our
	 * index (amph_virtqueue_look). With a full barrier on both sides at least one of the two sees
	 * the other's store: no entry stays unseen by a sleeper.
	 */
	amph_barrier_full();
	wish = amph_load16(queue->their_wish);
	if (device->ring_always)
		return true;
	if (!device->event_index)
		return !(wish & AMPH_VRING_NO_NOTIFY);
	/* ring if the entry after their event word is among the fresh ones; a lie there costs only them */
	return (uint16_t)(produced - wish - 1) < fresh;
}

#endif
