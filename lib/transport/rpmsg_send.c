/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: transmit buffers, and sending by copy without waiting. Transport layer; both roles.
 */
#include <amphora/order.h>

#include "rpmsg_internal.h"

uint32_t amph_rpmsg_payload_max(const struct amph_rpmsg *rpmsg)
{
	return rpmsg->device.fault ? 0 : rpmsg->config.buffer_size - AMPH_RPMSG_HEADER;
}

int amph_rpmsg_post(struct amph_rpmsg_endpoint *endpoint, struct amph_virtqueue_slot *slot,
		    uint32_t destination, const void *data, uint32_t length)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	uint32_t *header = rpmsg_buffer(rpmsg, slot);
	int error;

	if (destination == AMPH_RPMSG_ANY)
		destination = endpoint->destination;
	if (destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	if (length > rpmsg_room(rpmsg, slot))
		return -EMSGSIZE;
	amph_store32(&header[HEADER_SOURCE], endpoint->address);
	amph_store32(&header[HEADER_DESTINATION], destination);
	amph_store32(&header[HEADER_RESERVED], 0);
	amph_store32(&header[HEADER_LENGTH], length);
	if (data && length)
		amph_copy_to_shared(header + AMPH_RPMSG_HEADER / sizeof(*header), data, length);
	error = rpmsg->give(rpmsg->transmit, slot, AMPH_RPMSG_HEADER + length);
	if (error)
		return error;
	rpmsg->count.sent++;
	amph_rpmsg_kick(rpmsg, rpmsg->transmit);
	return 0;
}

int amph_rpmsg_try_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination,
			   const void *data, uint32_t length)
{
	int error;
	struct amph_virtqueue_slot *slot = rpmsg_get_buffer(endpoint->rpmsg, &error);

	if (!slot)
		return error;
	error = amph_rpmsg_post(endpoint, slot, destination, data, length);
	if (error)
		rpmsg_put_spare(endpoint->rpmsg, slot);
	return error;
}
