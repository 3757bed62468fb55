/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, the driver's role: puts descriptors in avail, takes them back from used.
 * Transport layer; trusts nothing that it reads back but through its private slots.
 */
#include <amphora/order.h>

#include "virtqueue_internal.h"

int amph_virtqueue_driver_init(struct amph_virtqueue *queue, const struct amph_vring *vring,
			       struct amph_virtqueue_slot *slots, bool event_index, uint64_t area)
{
	int error = amph_virtqueue_prepare(queue, vring, slots, event_index, area,
					   AMPH_VIRTQUEUE_TAKEN);

	if (error)
		return error;
	queue->mine = vring->avail;
	queue->theirs = vring->used;
	queue->my_event = vring->avail + HALF_ENTRIES + vring->count;
	queue->their_event = vring->used + HALF_ENTRIES + 4 * vring->count;
	amph_store16(queue->my_event, 0);
	amph_store16(queue->their_event, 0);
	for (int word = HALF_FLAGS; word <= HALF_INDEX; word++) {
		amph_store16(&queue->mine[word], 0);
		amph_store16(&queue->theirs[word], 0);
	}
	return 0;
}

int amph_virtqueue_driver_take(struct amph_virtqueue *queue, uint16_t *id, uint32_t *length)
{
	const struct amph_vring_used_element *elements =
		(const void *)(queue->theirs + HALF_ENTRIES);
	struct amph_vring_used_element element;
	int there = amph_virtqueue_look(queue);

	if (there <= 0)
		return there;
	/* once; after the acquire of the index in amph_virtqueue_look() */
	amph_copy_from_shared(&element, &elements[amph_virtqueue_entry(queue, queue->consumed)],
			      sizeof(element));
	*id = (uint16_t)element.id;
	*length = element.length;
	return amph_virtqueue_claim(queue, element.id);
}

int amph_virtqueue_driver_give(struct amph_virtqueue *queue, uint16_t id, uint32_t length)
{
	struct amph_vring_desc desc = {.length = length};
	int error = amph_virtqueue_yield(queue, id);

	if (error)
		return error;
	desc.address = queue->area + queue->slots[id].offset;
	desc.flags = queue->slots[id].flags;
	/* whole each time: what the other side scribbled there does not matter */
	amph_copy_to_shared(&queue->vring.desc[id], &desc, sizeof(desc));
	amph_store16(&queue->mine[HALF_ENTRIES + amph_virtqueue_entry(queue, queue->produced)], id);
	amph_virtqueue_publish(queue);
	return 0;
}
