/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, what both roles share: when to ring, and when to be rung.
 * Transport layer; knows order.h. Source: VIRTIO 1.2, 2.7.7 to 2.7.10.
 */
#include "virtqueue_internal.h"

bool amph_virtqueue_wants_kick(struct amph_virtqueue *queue)
{
	return amph_virtqueue_rings(queue);
}

bool amph_virtqueue_ask(struct amph_virtqueue *queue)
{
	return amph_virtqueue_look(queue) != 0;
}

void amph_virtqueue_hush(struct amph_virtqueue *queue)
{
	/* with the event index an old event word is silence enough: it lies behind their index */
	if (queue->device->event_index)
		return;
	queue->wished = AMPH_VRING_NO_INTERRUPT;
	amph_store16(queue->my_wish, AMPH_VRING_NO_INTERRUPT);
}
