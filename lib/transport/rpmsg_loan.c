/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: zero-copy sending from transmit buffers on loan. Transport layer; both roles.
 */
#include "rpmsg_internal.h"

int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline)
{
	struct amph_virtqueue_slot *slot;
	int late = 0;
	int error;

	while (!(slot = rpmsg_get_buffer(rpmsg, &error)) && error == -EAGAIN && !late)
		late = amph_rpmsg_wait(rpmsg, deadline);
	if (!slot)
		return error == -EAGAIN ? late : error;
	slot->state = RPMSG_LOANED;
	loan->payload = (char *)rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER;
	loan->size = rpmsg_room(rpmsg, slot);
	loan->id = (uint16_t)(slot - rpmsg->transmit->slots);
	return 0;
}

/* The slot of a loan that is still one, or NULL. */
static struct amph_virtqueue_slot *slot_of(const struct amph_rpmsg *rpmsg,
					   const struct amph_rpmsg_loan *loan)
{
	const struct amph_virtqueue *queue = rpmsg->transmit;

	return loan->payload && loan->id < queue->vring.count &&
			       queue->slots[loan->id].state == RPMSG_LOANED
		       ? &queue->slots[loan->id]
		       : NULL;
}

int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length)
{
	struct amph_virtqueue_slot *slot = slot_of(endpoint->rpmsg, loan);
	int error = rpmsg_unusable(endpoint->rpmsg);

	if (!error)
		error = slot ? amph_rpmsg_post(endpoint, slot, destination, NULL, length) : -EINVAL;
	if (!error)
		loan->payload = NULL;
	return error;
}

int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan)
{
	struct amph_virtqueue_slot *slot = slot_of(rpmsg, loan);
	int error = rpmsg_unusable(rpmsg);

	if (error)
		return error;
	if (!slot)
		return -EINVAL;
	rpmsg_put_spare(rpmsg, slot);
	loan->payload = NULL;
	return 0;
}
