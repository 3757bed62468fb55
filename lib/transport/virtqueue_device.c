/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, the device's role: takes descriptors from avail, gives them back through used.
 * Transport layer; reads each descriptor once, checks the copy, and keeps it in a private slot.
 */
#include "virtqueue_internal.h"

#define BUFFER_ALIGN 4u

int amph_virtqueue_device_init(struct amph_virtqueue *queue, struct amph_virtqueue_device *device,
			       const struct amph_vring *vring, struct amph_virtqueue_slot *slots,
			       bool writes)
{
	if (!device->area_size || device->area + (device->area_size - 1) < device->area ||
	    amph_virtqueue_prepare(queue, device, vring, slots))
		return -EINVAL;
	queue->writes = writes;
	queue->mine = queue->my_wish = vring->used;
	queue->theirs = queue->their_wish = vring->avail;
	queue->produced = queue->kicked = amph_load16(&vring->used[HALF_INDEX]);
	if (device->event_index) {
		queue->my_wish += HALF_ENTRIES + 4 * vring->count;
		queue->their_wish += HALF_ENTRIES + vring->count;
		writes = false; /* the flags mean nothing */
	}
	queue->wished = writes;
	amph_store16(&vring->used[HALF_FLAGS], writes);
	return 0;
}

/*
 * Whether the descriptor is a buffer of this device; into the slot. Each word is read once.
 * A WRITE too much is let pass: rpmsg-lite says it everywhere.
 */
static inline bool read_descriptor(const struct amph_virtqueue *queue,
				   struct amph_virtqueue_slot *slot, const uint32_t *words)
{
	const struct amph_virtqueue_device *device = queue->device;
	uint64_t offset =
		(amph_load32(&words[0]) | (uint64_t)amph_load32(&words[1]) << 32) - device->area;
	uint32_t length = amph_load32(&words[2]);
	uint32_t flags = amph_load32(&words[3]); /* and above them `next`, which no buffer has */

	slot->offset = (uint32_t)offset;
	slot->length = slot->filled = length;
	/*
	 * Below the area the offset wraps around to at least 2^64 - area, which is no less than
	 * area_size: one comparison for both ends, because least is not 0.
	 */
	return !(flags & (AMPH_VRING_DESC_NEXT | AMPH_VRING_DESC_INDIRECT)) &&
	       (flags & AMPH_VRING_DESC_WRITE || !queue->writes) && length >= device->least &&
	       length <= device->area_size && offset <= device->area_size - length &&
	       !(offset % BUFFER_ALIGN);
}

struct amph_virtqueue_slot *amph_virtqueue_device_take(struct amph_virtqueue *queue)
{
	const char *what = "bad ring index";
	uint32_t there, id;

	if (queue->device->fault)
		return NULL;
	there = amph_virtqueue_look(queue);
	if (!there)
		return NULL;
	if (there > queue->vring.count) {
		id = there;
		goto broken;
	}
	/* once; after the acquire of the index in amph_virtqueue_look() */
	id = amph_load16(
		&queue->theirs[HALF_ENTRIES + amph_virtqueue_entry(queue, queue->consumed)]);
	what = "bad ring id";
	if (id >= queue->vring.count || queue->slots[id].state != AMPH_VIRTQUEUE_THEIRS)
		goto broken;
	amph_virtqueue_expect(queue, id);
	what = "bad descriptor";
	if (!read_descriptor(queue, &queue->slots[id], (const void *)&queue->vring.desc[id]))
		goto broken;
	queue->consumed++;
	queue->slots[id].state = AMPH_VIRTQUEUE_TAKEN;
	return &queue->slots[id];
broken:
	return amph_virtqueue_break(queue, what, id);
}

int amph_virtqueue_device_give(struct amph_virtqueue *queue, struct amph_virtqueue_slot *slot,
			       uint32_t length)
{
	struct amph_vring_used_element *element = (void *)(queue->mine + HALF_ENTRIES);
	uint32_t id;
	int error = amph_virtqueue_yield(queue, slot, &id);

	if (error)
		return error;
	element += amph_virtqueue_entry(queue, queue->produced);
	amph_keep32(&element->id, id);
	amph_keep32(&element->length, length);
	amph_virtqueue_publish(queue);
	return 0;
}
