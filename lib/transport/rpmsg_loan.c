/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: zero-copy sending from transmit buffers on loan. Transport layer; both roles.
 */
#include <stddef.h>

#include "rpmsg_internal.h"

int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline)
{
	int id = amph_rpmsg_get_buffer(rpmsg, deadline);
	struct amph_virtqueue_slot *slot;

	if (id < 0)
		return id;
	slot = &rpmsg->transmit->slots[id];
	slot->state = RPMSG_LOANED;
	loan->payload = rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER;
	loan->size = amph_rpmsg_room(rpmsg, (uint32_t)id);
	loan->id = (uint16_t)id;
	return 0;
}

/* Whether this is a loan, and still one. */
static bool is_loan(const struct amph_rpmsg *rpmsg, const struct amph_rpmsg_loan *loan)
{
	const struct amph_virtqueue *queue = rpmsg->transmit;

	return loan->payload && loan->id < queue->vring.count &&
	       queue->slots[loan->id].state == RPMSG_LOANED;
}

int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;

	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (!is_loan(rpmsg, loan))
		return -EINVAL;
	if (destination == AMPH_RPMSG_ANY)
		destination = endpoint->destination;
	if (destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	if (length > amph_rpmsg_room(rpmsg, loan->id))
		return -EMSGSIZE;
	loan->payload = NULL;
	return amph_rpmsg_post(endpoint, loan->id, destination, length);
}

int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan)
{
	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (!is_loan(rpmsg, loan))
		return -EINVAL;
	amph_rpmsg_put_spare(rpmsg, loan->id);
	loan->payload = NULL;
	return 0;
}
