/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, the driver's role: puts descriptors in avail, takes them back from used.
 * Transport layer; trusts nothing that it reads back but through its private slots.
 */
#include "virtqueue_internal.h"

int amph_virtqueue_driver_init(struct amph_virtqueue *queue, struct amph_virtqueue_device *device,
			       const struct amph_vring *vring, struct amph_virtqueue_slot *slots)
{
	if (amph_virtqueue_prepare(queue, device, vring, slots))
		return -EINVAL;
	for (uint32_t id = 0; id < vring->count; id++)
		slots[id].state = AMPH_VIRTQUEUE_TAKEN;
	queue->mine = vring->avail;
	queue->theirs = vring->used;
	queue->my_wish = vring->avail + HALF_ENTRIES + vring->count;
	queue->their_wish = vring->used + HALF_ENTRIES + 4 * vring->count;
	amph_store16(queue->my_wish, 0);
	amph_store16(queue->their_wish, 0);
	for (int word = HALF_FLAGS; word <= HALF_INDEX; word++) {
		amph_store16(&queue->mine[word], 0);
		amph_store16(&queue->theirs[word], 0);
	}
	if (!device->event_index) {
		queue->my_wish = queue->mine;
		queue->their_wish = queue->theirs;
	}
	return 0;
}

struct amph_virtqueue_slot *amph_virtqueue_driver_take(struct amph_virtqueue *queue)
{
	const struct amph_vring_used_element *elements =
		(const void *)(queue->theirs + HALF_ENTRIES);
	struct amph_vring_used_element element = {0};
	struct amph_virtqueue_slot *slot;
	const char *what = "bad ring index";
	uint32_t there;

	if (queue->device->fault)
		return NULL;
	there = amph_virtqueue_look(queue);
	if (!there)
		return NULL;
	if (there > queue->vring.count) {
		element.id = there;
		goto broken;
	}
	/* the entry that this side gave when it was at this place */
	amph_virtqueue_expect(
		queue,
		amph_virtqueue_entry(
			queue,
			amph_load16(&queue->mine[HALF_ENTRIES +
						 amph_virtqueue_entry(queue, queue->consumed)])));
	/* once; after the acquire of the index in amph_virtqueue_look() */
	amph_copy_from_shared(&element, &elements[amph_virtqueue_entry(queue, queue->consumed)],
			      sizeof(element));
	what = "bad ring id";
	if (element.id >= queue->vring.count ||
	    queue->slots[element.id].state != AMPH_VIRTQUEUE_THEIRS)
		goto broken;
	slot = &queue->slots[element.id];
	queue->consumed++;
	slot->state = AMPH_VIRTQUEUE_TAKEN;
	slot->filled = element.length <= slot->length ? element.length : 0;
	return slot;
broken:
	return amph_virtqueue_break(queue, what, element.id);
}

int amph_virtqueue_driver_give(struct amph_virtqueue *queue, struct amph_virtqueue_slot *slot,
			       uint32_t length)
{
	uint32_t *words;
	uint64_t address;
	uint32_t id;
	int error = amph_virtqueue_yield(queue, slot, &id);

	if (error)
		return error;
	/* whole each time: what the other side scribbled there does not matter */
	words = (void *)&queue->vring.desc[id];
	address = queue->device->area + slot->offset;
	amph_keep32(&words[0], (uint32_t)address);
	amph_keep32(&words[1], (uint32_t)(address >> 32));
	amph_keep32(&words[2], length);
	amph_keep32(&words[3], slot->flags); /* and above them `next`: none */
	amph_keep16(&queue->mine[HALF_ENTRIES + amph_virtqueue_entry(queue, queue->produced)],
		    (uint16_t)id);
	amph_virtqueue_publish(queue);
	return 0;
}
