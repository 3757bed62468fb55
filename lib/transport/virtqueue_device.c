/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, the device's role: takes descriptors from avail, gives them back through used.
 * Transport layer; reads each descriptor once, checks the copy, and keeps it in a private slot.
 */
#include <amphora/order.h>

#include "virtqueue_internal.h"

#define BUFFER_ALIGN 4u

int amph_virtqueue_device_init(struct amph_virtqueue *queue, const struct amph_vring *vring,
			       struct amph_virtqueue_slot *slots, bool event_index, uint64_t area,
			       uint32_t area_size, uint8_t least, bool writes)
{
	int error = amph_virtqueue_prepare(queue, vring, slots, event_index, area,
					   AMPH_VIRTQUEUE_THEIRS);

	if (error || !area_size || !least || area + area_size < area)
		return -EINVAL;
	queue->mine = vring->used;
	queue->theirs = vring->avail;
	queue->my_event = vring->used + HALF_ENTRIES + 4 * vring->count;
	queue->their_event = vring->avail + HALF_ENTRIES + vring->count;
	queue->area_size = area_size;
	queue->writes = writes;
	queue->least = least;
	queue->produced = amph_load16(&queue->mine[HALF_INDEX]);
	queue->kicked = queue->produced;
	amph_store16(&queue->mine[HALF_FLAGS], 0);
	return 0;
}

int amph_virtqueue_device_take(struct amph_virtqueue *queue, uint16_t *id, uint32_t *length)
{
	struct amph_virtqueue_slot *slot;
	struct amph_vring_desc desc;
	uint64_t offset;
	uint32_t entry;
	int there = amph_virtqueue_look(queue);

	if (there <= 0)
		return there;
	/* once each; after the acquire of the index in amph_virtqueue_look() */
	entry = amph_virtqueue_entry(queue, queue->consumed);
	*id = amph_load16(&queue->theirs[HALF_ENTRIES + entry]);
	there = amph_virtqueue_claim(queue, *id);
	if (there < 0)
		return there;
	amph_copy_from_shared(&desc, &queue->vring.desc[*id], sizeof(desc));
	/*
	 * Below the area the offset wraps around to at least 2^64 - area, which is no less than
	 * area_size: one comparison for both ends, because least is not 0. A WRITE too much is let
	 * pass: rpmsg-lite says it everywhere.
	 */
	offset = desc.address - queue->area;
	if (desc.flags & (AMPH_VRING_DESC_NEXT | AMPH_VRING_DESC_INDIRECT) ||
	    (queue->writes && !(desc.flags & AMPH_VRING_DESC_WRITE)) ||
	    desc.length < queue->least || offset % BUFFER_ALIGN || desc.length > queue->area_size ||
	    offset > queue->area_size - desc.length)
		return amph_virtqueue_break(queue, "virtqueue: bad descriptor", desc.address,
					    desc.length);
	slot = &queue->slots[*id];
	slot->offset = (uint32_t)offset;
	slot->length = desc.length;
	*length = desc.length;
	return 1;
}

int amph_virtqueue_device_give(struct amph_virtqueue *queue, uint16_t id, uint32_t length)
{
	struct amph_vring_used_element *elements = (void *)(queue->mine + HALF_ENTRIES);
	struct amph_vring_used_element element = {.id = id, .length = length};
	int error = amph_virtqueue_yield(queue, id);

	if (error)
		return error;
	amph_copy_to_shared(&elements[amph_virtqueue_entry(queue, queue->produced)], &element,
			    sizeof(element));
	amph_virtqueue_publish(queue);
	return 0;
}
