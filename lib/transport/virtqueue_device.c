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
			       uint64_t area_size, bool writes)
{
	int error;

	if (!area_size || area + area_size < area)
		return -EINVAL;
	error = amph_virtqueue_prepare(queue, vring, slots, AMPH_VIRTQUEUE_THEIRS);
	if (error)
		return error;
	queue->mine = vring->used;
	queue->theirs = vring->avail;
	queue->my_event = vring->used + HALF_ENTRIES + 4 * vring->count;
	queue->their_event = vring->avail + HALF_ENTRIES + vring->count;
	queue->event_index = event_index;
	queue->area = area;
	queue->area_size = area_size;
	queue->writes = writes;
	queue->produced = amph_load16(&queue->mine[HALF_INDEX]);
	queue->kicked = queue->produced;
	amph_store16(&queue->mine[HALF_FLAGS], 0);
	return 0;
}

static int check(struct amph_virtqueue *queue, const struct amph_vring_desc *desc)
{
	uint64_t offset = desc->address - queue->area;

	if (desc->flags & (AMPH_VRING_DESC_NEXT | AMPH_VRING_DESC_INDIRECT))
		return amph_virtqueue_break(queue, "virtqueue: chained descriptor", desc->flags, 0);
	/* the other direction is not checked: rpmsg-lite says WRITE on every descriptor */
	if (queue->writes && !(desc->flags & AMPH_VRING_DESC_WRITE))
		return amph_virtqueue_break(queue, "virtqueue: read-only descriptor", desc->flags,
					    0);
	if (!desc->length || desc->address % BUFFER_ALIGN || desc->address < queue->area ||
	    offset >= queue->area_size || desc->length > queue->area_size - offset)
		return amph_virtqueue_break(queue, "virtqueue: descriptor outside the buffers",
					    desc->address, desc->length);
	return 0;
}

int amph_virtqueue_device_take(struct amph_virtqueue *queue, uint16_t *id, uint32_t *length)
{
	struct amph_vring_desc desc;
	int there = amph_virtqueue_look(queue);
	uint32_t entry;

	if (there <= 0)
		return there;
	/* once each; after the acquire of the index in amph_virtqueue_look() */
	entry = amph_virtqueue_entry(queue, queue->consumed);
	*id = amph_load16(&queue->theirs[HALF_ENTRIES + entry]);
	there = amph_virtqueue_claim(queue, *id);
	if (there < 0)
		return there;
	amph_copy_from_shared(&desc, &queue->vring.desc[*id], sizeof(desc));
	if (check(queue, &desc))
		return queue->fault;
	queue->slots[*id].address = desc.address;
	queue->slots[*id].length = desc.length;
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
