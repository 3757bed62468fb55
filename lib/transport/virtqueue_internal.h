/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the virtqueue share. Transport layer, private.
 */
#ifndef TRANSPORT_VIRTQUEUE_INTERNAL_H
#define TRANSPORT_VIRTQUEUE_INTERNAL_H

#include <amphora/virtqueue.h>

/* The words of a half, as indices of uint16_t. */
enum { HALF_FLAGS, HALF_INDEX, HALF_ENTRIES };

/* Sets up what both roles share, all slots in `state`; -EINVAL. */
int amph_virtqueue_prepare(struct amph_virtqueue *queue, const struct amph_vring *vring,
			   struct amph_virtqueue_slot *slots, bool event_index, uint64_t area,
			   uint8_t state);

/* How many entries are there to take (at least one: 1; none: 0), or -EPROTO. Acquires them. */
int amph_virtqueue_look(struct amph_virtqueue *queue);

/* Marks the queue dead, says why, gives -EPROTO. */
int amph_virtqueue_break(struct amph_virtqueue *queue, const char *what, uint64_t value,
			 uint32_t limit);

/* Makes an id that came from the other side this side's; -EPROTO when it was not theirs to give. */
int amph_virtqueue_claim(struct amph_virtqueue *queue, uint32_t id);

/* Makes a buffer of this side's theirs, before it is put in the ring; -EINVAL, -EPROTO. */
int amph_virtqueue_yield(struct amph_virtqueue *queue, uint16_t id);

/* Puts this side's index on: what was put in the ring, and in the buffer, is there to take. */
void amph_virtqueue_publish(struct amph_virtqueue *queue);

static inline uint32_t amph_virtqueue_entry(const struct amph_virtqueue *queue, uint16_t index)
{
	return index & (queue->vring.count - 1);
}

#endif
