/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: messages that a receiver keeps in place. Transport layer; both roles.
 * Who holds what is in the private slots: a message is known by where its payload lies.
 */
#include "rpmsg_internal.h"

static const void *payload(const struct amph_rpmsg *rpmsg, const struct amph_virtqueue_slot *slot)
{
	return (const char *)rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER;
}

int amph_rpmsg_hold(struct amph_rpmsg *rpmsg, const void *data)
{
	struct amph_virtqueue *queue = &rpmsg->queues[rpmsg_receive_queue(rpmsg)];
	struct amph_virtqueue_slot *slot;

	if (rpmsg->delivering == AMPH_RPMSG_NONE)
		return -EINVAL;
	slot = &queue->slots[rpmsg->delivering];
	if (slot->state != RPMSG_DELIVERING || payload(rpmsg, slot) != data)
		return -EINVAL;
	slot->state = RPMSG_HELD;
	return 0;
}

int amph_rpmsg_release(struct amph_rpmsg *rpmsg, const void *data)
{
	uint32_t index = rpmsg_receive_queue(rpmsg);
	struct amph_virtqueue *queue = &rpmsg->queues[index];
	int error;

	if (rpmsg->fault)
		return rpmsg->fault;
	for (uint32_t id = 0; id < queue->vring.count; id++) {
		if (queue->slots[id].state != RPMSG_HELD ||
		    payload(rpmsg, &queue->slots[id]) != data)
			continue;
		error = amph_rpmsg_return(rpmsg, (uint16_t)id);
		amph_rpmsg_kick(rpmsg, index);
		return error;
	}
	return -EINVAL;
}
