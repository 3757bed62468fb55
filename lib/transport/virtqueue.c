/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue, what both roles share: indices, who has which buffer, and when to ring.
 * Transport layer; knows order.h and the log. Source: VIRTIO 1.2, 2.7.7 to 2.7.10.
 */
#include <amphora/log.h>
#include <amphora/order.h>

#include "virtqueue_internal.h"

int amph_virtqueue_prepare(struct amph_virtqueue *queue, const struct amph_vring *vring,
			   struct amph_virtqueue_slot *slots, bool event_index, uint64_t area,
			   uint8_t state)
{
	if (!vring->count || !slots)
		return -EINVAL;
	*queue = (struct amph_virtqueue){.vring = *vring,
					 .slots = slots,
					 .event_index = event_index,
					 .area = area,
					 .asking = true};
	for (uint32_t id = 0; id < vring->count; id++)
		slots[id].state = state;
	return 0;
}

int amph_virtqueue_break(struct amph_virtqueue *queue, const char *what, uint64_t value,
			 uint32_t limit)
{
	queue->fault = -EPROTO;
	amph_log(AMPH_LOG_ERROR, what, value, limit);
	return -EPROTO;
}

int amph_virtqueue_look(struct amph_virtqueue *queue)
{
	uint16_t fresh;

	if (queue->fault)
		return queue->fault;
	if (queue->seen != queue->consumed)
		return 1;
	/* acquire: pairs with the other side's release of its index (ours: amph_virtqueue_publish) */
	queue->seen = amph_load16_acquire(&queue->theirs[HALF_INDEX]);
	fresh = (uint16_t)(queue->seen - queue->consumed);
	if (fresh > queue->vring.count)
		return amph_virtqueue_break(queue, "virtqueue: index ahead of the ring", fresh,
					    queue->vring.count);
	return fresh != 0;
}

int amph_virtqueue_claim(struct amph_virtqueue *queue, uint32_t id)
{
	if (id >= queue->vring.count || queue->slots[id].state != AMPH_VIRTQUEUE_THEIRS)
		return amph_virtqueue_break(queue, "virtqueue: id not theirs to give", id,
					    queue->vring.count);
	queue->slots[id].state = AMPH_VIRTQUEUE_TAKEN;
	queue->consumed++;
	return 1;
}

int amph_virtqueue_yield(struct amph_virtqueue *queue, uint16_t id)
{
	if (queue->fault)
		return queue->fault;
	if (id >= queue->vring.count || queue->slots[id].state == AMPH_VIRTQUEUE_THEIRS)
		return -EINVAL;
	queue->slots[id].state = AMPH_VIRTQUEUE_THEIRS;
	return 0;
}

void amph_virtqueue_publish(struct amph_virtqueue *queue)
{
	queue->produced++;
	/* release: pairs with the acquire in the other side's look at the index */
	amph_store16_release(&queue->mine[HALF_INDEX], queue->produced);
}

bool amph_virtqueue_wants_kick(struct amph_virtqueue *queue)
{
	uint16_t fresh = (uint16_t)(queue->produced - queue->kicked);

	if (!fresh || queue->fault)
		return false;
	queue->kicked = queue->produced;
	/*
	 * Our index is stored before their wish is loaded; they store the wish before they load our
	 * index (amph_virtqueue_ask). With a full barrier on both sides at least one of the two sees
	 * the other's store: no entry stays unseen by a sleeper.
	 */
	amph_barrier_full();
	if (!queue->event_index)
		return !(amph_load16(&queue->theirs[HALF_FLAGS]) & AMPH_VRING_NO_NOTIFY);
	/* ring if the entry after their event word is among the fresh ones; a lie there costs only them */
	return (uint16_t)(queue->produced - amph_load16(queue->their_event) - 1) < fresh;
}

bool amph_virtqueue_ask(struct amph_virtqueue *queue)
{
	/* a wish that stands is not written again: an empty look leaves the line to its reader */
	if (queue->asking && (!queue->event_index || queue->asked == queue->consumed))
		return false;
	queue->asking = true;
	queue->asked = queue->consumed;
	if (queue->event_index)
		amph_store16(queue->my_event, queue->consumed);
	else
		amph_store16(&queue->mine[HALF_FLAGS], 0);
	/* the wish is stored before their index is loaded; pairs with amph_virtqueue_wants_kick() */
	amph_barrier_full();
	return amph_load16(&queue->theirs[HALF_INDEX]) != queue->consumed;
}

void amph_virtqueue_hush(struct amph_virtqueue *queue)
{
	queue->asking = false;
	/* with the event index an old event word is silence enough: it lies behind their index */
	if (!queue->event_index)
		amph_store16(&queue->mine[HALF_FLAGS], AMPH_VRING_NO_INTERRUPT);
}
