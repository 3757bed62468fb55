/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, what both roles share: set-up, the way of a received message, the end. Transport layer.
 * A message's header is read once, word by word, and checked; the payload stays where it is.
 */
#include <amphora/order.h>

#include "rpmsg_internal.h"
#include "virtqueue_internal.h"

int amph_rpmsg_prepare(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
		       uint32_t abi, uint32_t size)
{
	const struct amph_io *buffers = &config->buffers;
	uint32_t payload;

	/* before anything of the caller's structures is read or written */
	if (abi != AMPH_ABI || size != sizeof(*rpmsg))
		return -EPROTO;
	payload = config->buffer_size - AMPH_RPMSG_HEADER;
	/* a payload's length is 16 bits in the header, and an offset among the buffers is 32 */
	if (!config->kick || !buffers->va || buffers->size > UINT32_MAX ||
	    ((uintptr_t)buffers->va | (uint32_t)buffers->pa | payload) % RPMSG_BUFFER_ALIGN ||
	    payload - 1 >= UINT16_MAX)
		return -EINVAL;
	__builtin_memset(rpmsg, 0, sizeof(*rpmsg));
	rpmsg->config = *config;
	rpmsg->device.area = buffers->pa;
	rpmsg->device.va = buffers->va;
	rpmsg->device.area_size = (uint32_t)buffers->size;
	rpmsg->device.least = AMPH_RPMSG_HEADER;
	rpmsg->device.event_index = config->event_index;
	rpmsg->device.ring_always = config->ring_always;
	rpmsg->fork_generation = amph_fork_generation();
	return 0;
}

void amph_rpmsg_close(struct amph_rpmsg *rpmsg)
{
	rpmsg->device.fault = -ENOTCONN;
}

void amph_rpmsg_kick(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue)
{
	if (amph_virtqueue_rings(queue))
		rpmsg->config.kick(rpmsg->config.argument, queue != rpmsg->queues);
}

struct amph_rpmsg_endpoint *amph_rpmsg_find(const struct amph_rpmsg *rpmsg, uint32_t address)
{
	struct amph_rpmsg_endpoint *endpoint = rpmsg->endpoints;

	while (endpoint && endpoint->address != address)
		endpoint = endpoint->next;
	return endpoint;
}

/* The endpoint may be gone, and the device closed, once its receiver returns. */
static void deliver(struct amph_rpmsg *rpmsg, const struct amph_virtqueue_slot *slot)
{
	const uint32_t *header = rpmsg_buffer(rpmsg, slot);
	uint32_t length = AMPH_RPMSG_HEADER + (uint16_t)amph_load32(&header[HEADER_LENGTH]);
	struct amph_rpmsg_endpoint *endpoint;
	uint32_t source;

	/* within what the other side says it has filled, and what this side takes */
	if (length > slot->filled || length > rpmsg->config.buffer_size) {
		rpmsg->count.malformed++;
		return;
	}
	endpoint = amph_rpmsg_find(rpmsg, amph_load32(&header[HEADER_DESTINATION]));
	if (!endpoint) {
		rpmsg->count.dropped++;
		return;
	}
	source = amph_load32(&header[HEADER_SOURCE]);
	if (endpoint->destination == AMPH_RPMSG_ANY)
		endpoint->destination = source;
	rpmsg->count.received++;
	endpoint->receiver(endpoint, header + AMPH_RPMSG_HEADER / sizeof(*header),
			   length - AMPH_RPMSG_HEADER, source, endpoint->argument);
}

int amph_rpmsg_poll(struct amph_rpmsg *rpmsg)
{
	struct amph_virtqueue *queue = rpmsg->receive;
	struct amph_virtqueue_slot *slot;
	uint32_t count = 0;

	if (amph_fork_happened(rpmsg->fork_generation))
		return -EPERM;
	if (rpmsg->delivering)
		return -EBUSY;
	while (count < queue->vring.count && (slot = rpmsg->take(queue))) {
		count++;
		slot->state = RPMSG_DELIVERING;
		rpmsg->delivering = slot;
		deliver(rpmsg, slot);
		rpmsg->delivering = NULL;
		/* not if it is held, or was held and released; nor, says the queue, once all is over */
		if (slot->state == RPMSG_DELIVERING)
			rpmsg_return(rpmsg, slot);
	}
	amph_rpmsg_kick(rpmsg, queue);
	return rpmsg->device.fault ? rpmsg->device.fault : (int)count;
}
