/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, what both roles share: set-up, the way of a received message, the end. Transport layer.
 * A message's header is copied out once and checked; the payload stays where it is.
 */
#include <amphora/order.h>

#include "rpmsg_internal.h"

int amph_rpmsg_prepare(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config)
{
	const struct amph_io *buffers = &config->buffers;

	if (!config->kick || !config->wait || !buffers->va || !buffers->size ||
	    (uintptr_t)buffers->va % RPMSG_BUFFER_ALIGN || buffers->pa % RPMSG_BUFFER_ALIGN ||
	    buffers->pa + buffers->size < buffers->pa || config->buffer_size <= AMPH_RPMSG_HEADER ||
	    config->buffer_size % RPMSG_BUFFER_ALIGN ||
	    config->buffer_size - AMPH_RPMSG_HEADER > UINT16_MAX)
		return -EINVAL;
	*rpmsg = (struct amph_rpmsg){.config = *config,
				     .next_address = RPMSG_DYNAMIC_FIRST,
				     .delivering = AMPH_RPMSG_NONE,
				     .spare = AMPH_RPMSG_NONE};
	return 0;
}

void amph_rpmsg_close(struct amph_rpmsg *rpmsg)
{
	rpmsg->fault = -ENOTCONN;
}

int amph_rpmsg_check(struct amph_rpmsg *rpmsg, int error)
{
	if (error == -EPROTO && !rpmsg->fault)
		rpmsg->fault = error;
	return error;
}

void amph_rpmsg_kick(struct amph_rpmsg *rpmsg, uint32_t queue)
{
	if (amph_virtqueue_wants_kick(&rpmsg->queues[queue]))
		rpmsg->config.kick(rpmsg->config.argument, queue);
}

int amph_rpmsg_return(struct amph_rpmsg *rpmsg, uint16_t id)
{
	struct amph_virtqueue *queue = &rpmsg->queues[rpmsg_receive_queue(rpmsg)];

	/* the whole buffer's length: rpmsg-lite's main side reads a free buffer's size from there */
	return amph_rpmsg_check(rpmsg, rpmsg->give(queue, id, queue->slots[id].length));
}

static struct amph_rpmsg_endpoint *find(const struct amph_rpmsg *rpmsg, uint32_t address)
{
	struct amph_rpmsg_endpoint *endpoint = rpmsg->endpoints;

	while (endpoint && endpoint->address != address)
		endpoint = endpoint->next;
	return endpoint;
}

/* The endpoint may be gone, and the device closed, once its receiver returns. */
static void deliver(struct amph_rpmsg *rpmsg, const struct amph_virtqueue_slot *slot,
		    uint32_t length)
{
	const char *buffer = rpmsg_buffer(rpmsg, slot);
	struct amph_rpmsg_endpoint *endpoint;
	struct rpmsg_header header;

	if (length > slot->length)
		goto malformed;
	if (length > rpmsg->config.buffer_size)
		length = rpmsg->config.buffer_size;
	if (length < sizeof(header))
		goto malformed;
	amph_copy_from_shared(&header, buffer, sizeof(header));
	if (header.length > length - sizeof(header))
		goto malformed;
	buffer += sizeof(header);

	if (header.destination == RPMSG_NAME_SERVICE && rpmsg->config.name_service) {
		if (!amph_rpmsg_announced(rpmsg, buffer, header.length))
			goto malformed;
		return;
	}
	endpoint = find(rpmsg, header.destination);
	if (!endpoint) {
		rpmsg->count.dropped++;
		return;
	}
	if (endpoint->destination == AMPH_RPMSG_ANY)
		endpoint->destination = header.source;
	rpmsg->count.received++;
	endpoint->receiver(endpoint, buffer, header.length, header.source, endpoint->argument);
	return;

malformed:
	rpmsg->count.malformed++;
}

/* One buffer from the ring to its receiver and back: 1, 0 for none, or the fault. */
static int deliver_next(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue)
{
	struct amph_virtqueue_slot *slot;
	uint32_t length;
	uint16_t id;
	int got = rpmsg->take(queue, &id, &length);

	if (got <= 0)
		return amph_rpmsg_check(rpmsg, got);
	slot = &queue->slots[id];
	slot->state = RPMSG_DELIVERING;
	rpmsg->delivering = id;
	deliver(rpmsg, slot, length);
	rpmsg->delivering = AMPH_RPMSG_NONE;
	if (rpmsg->fault)
		return rpmsg->fault;
	/* not if it is held, or was held and released */
	if (slot->state == RPMSG_DELIVERING)
		amph_rpmsg_return(rpmsg, id);
	return 1;
}

int amph_rpmsg_poll(struct amph_rpmsg *rpmsg)
{
	uint32_t index = rpmsg_receive_queue(rpmsg);
	struct amph_virtqueue *queue = &rpmsg->queues[index];
	int count = 0;
	int got;

	if (rpmsg->delivering != AMPH_RPMSG_NONE)
		return -EBUSY;
	do {
		if (rpmsg->fault)
			return rpmsg->fault;
		got = deliver_next(rpmsg, queue);
		if (got < 0)
			return got;
		/* nothing left: ask for a doorbell, and look again for what came in before that */
		if (!got && !amph_virtqueue_ask(queue))
			break;
		count += got;
	} while ((uint32_t)count < queue->vring.count);
	amph_rpmsg_kick(rpmsg, index);
	return count;
}
