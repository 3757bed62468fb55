/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: a virtqueue's calls by descriptor number, as the rings have them, instead of by slot.
 * take: 1 and the number and length, 0 for none, or the fault; then the number is none.
 */
#ifndef TESTS_SUPPORT_VIRTQUEUE_IDS_H
#define TESTS_SUPPORT_VIRTQUEUE_IDS_H

#include <amphora/virtqueue.h>

static inline int taken(const struct amph_virtqueue *queue, const struct amph_virtqueue_slot *slot,
			uint16_t *id, uint32_t *length)
{
	*id = 0xffff;
	*length = 0;
	if (!slot)
		return queue->device->fault;
	*id = (uint16_t)(slot - queue->slots);
	*length = slot->filled;
	return 1;
}

static inline int driver_take(struct amph_virtqueue *queue, uint16_t *id, uint32_t *length)
{
	return taken(queue, amph_virtqueue_driver_take(queue), id, length);
}

static inline int device_take(struct amph_virtqueue *queue, uint16_t *id, uint32_t *length)
{
	return taken(queue, amph_virtqueue_device_take(queue), id, length);
}

static inline int driver_give(struct amph_virtqueue *queue, uint32_t id, uint32_t length)
{
	return amph_virtqueue_driver_give(queue, queue->slots + id, length);
}

static inline int device_give(struct amph_virtqueue *queue, uint32_t id, uint32_t length)
{
	return amph_virtqueue_device_give(queue, queue->slots + id, length);
}

#endif
