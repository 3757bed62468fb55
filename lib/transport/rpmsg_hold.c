/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: messages that a receiver keeps in place. Transport layer; both roles.
 * Who holds what is in the private slots: a message is known by where its payload lies.
 */
#include "rpmsg_internal.h"

static bool is_in(const struct amph_rpmsg *rpmsg, const struct amph_virtqueue_slot *slot,
		  uint8_t state, const void *data)
{
	return slot->state == state &&
	       (const char *)rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER == data;
}

int amph_rpmsg_hold(struct amph_rpmsg *rpmsg, const void *data)
{
	struct amph_virtqueue_slot *slot = rpmsg->delivering;

	if (!slot || !is_in(rpmsg, slot, RPMSG_DELIVERING, data))
		return -EINVAL;
	slot->state = RPMSG_HELD;
	return 0;
}

int amph_rpmsg_release(struct amph_rpmsg *rpmsg, const void *data)
{
	struct amph_virtqueue *queue = rpmsg->receive;
	int error = rpmsg_unusable(rpmsg);
	uint32_t id = 0;

	if (error)
		return error;
	while (id < queue->vring.count && !is_in(rpmsg, &queue->slots[id], RPMSG_HELD, data))
		id++;
	if (id == queue->vring.count)
		return -EINVAL;
	error = rpmsg_return(rpmsg, &queue->slots[id]);
	amph_rpmsg_kick(rpmsg, queue);
	return error;
}
