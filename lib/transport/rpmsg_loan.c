/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: zero-copy sending from transmit buffers on loan. Transport layer; both roles.
 */
#include <stddef.h>

#include "rpmsg_internal.h"

int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline)
{
	int error;
	struct amph_virtqueue_slot *slot = amph_rpmsg_get_buffer(rpmsg, deadline, &error);

	if (!slot)
		return error;
	slot->state = RPMSG_LOANED;
	loan->payload = rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER;
	loan->size = amph_rpmsg_room(rpmsg, slot);
	loan->id = (uint16_t)(slot - rpmsg->transmit->slots);
	return 0;
}

/* The loaned slot, or NULL when this is no loan (any more). */
static struct amph_virtqueue_slot *loaned(struct amph_rpmsg *rpmsg,
					  const struct amph_rpmsg_loan *loan)
{
	struct amph_virtqueue *queue = rpmsg->transmit;

	if (!loan->payload || loan->id >= queue->vring.count ||
	    queue->slots[loan->id].state != RPMSG_LOANED)
		return NULL;
	return &queue->slots[loan->id];
}

int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	struct amph_virtqueue_slot *slot = loaned(rpmsg, loan);

	if (rpmsg->fault)
		return rpmsg->fault;
	if (!slot)
		return -EINVAL;
	if (destination == AMPH_RPMSG_ANY)
		destination = endpoint->destination;
	if (destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	if (length > amph_rpmsg_room(rpmsg, slot))
		return -EMSGSIZE;
	loan->payload = NULL;
	return amph_rpmsg_post(endpoint, slot, destination, length);
}

int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan)
{
	if (rpmsg->fault)
		return rpmsg->fault;
	if (!loaned(rpmsg, loan))
		return -EINVAL;
	amph_rpmsg_put_spare(rpmsg, loan->id);
	loan->payload = NULL;
	return 0;
}
