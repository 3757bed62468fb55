/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, what both roles share: set-up, the way of a received message, the end. Transport layer.
 * A message's header is copied out once and checked; the payload stays where it is.
 */
#include <amphora/fork.h>
#include <amphora/order.h>

#include "rpmsg_internal.h"

int amph_rpmsg_prepare(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
		       enum amph_rpmsg_role role, uint32_t abi, uint32_t size)
{
	const struct amph_io *buffers = &config->buffers;
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*rpmsg));
	uint32_t payload;

	/* before anything of the caller's structures is read or written */
	if (error)
		return error;
	payload = config->buffer_size - AMPH_RPMSG_HEADER;
	/* a payload's length is 16 bits in the header, and an offset among the buffers is 32 */
	if (!config->kick || !config->wait || !buffers->va || buffers->size > UINT32_MAX ||
	    ((uintptr_t)buffers->va | (uint32_t)buffers->pa | payload) % RPMSG_BUFFER_ALIGN ||
	    !payload || payload > UINT16_MAX)
		return -EINVAL;
	*rpmsg = (struct amph_rpmsg){.config = *config,
				     .receive = &rpmsg->queues[role == AMPH_RPMSG_PEER],
				     .transmit = &rpmsg->queues[role == AMPH_RPMSG_MAIN],
				     .next_address = RPMSG_DYNAMIC_FIRST,
				     .delivering = AMPH_RPMSG_NONE,
				     .spare = AMPH_RPMSG_NONE,
				     .fork_generation = amph_fork_generation()};
	return 0;
}

void amph_rpmsg_close(struct amph_rpmsg *rpmsg)
{
	rpmsg->fault = -ENOTCONN;
}

int amph_rpmsg_unusable(const struct amph_rpmsg *rpmsg)
{
	return rpmsg->fork_generation != amph_fork_generation() ? -EPERM : rpmsg->fault;
}

int amph_rpmsg_check(struct amph_rpmsg *rpmsg, int error)
{
	if (error < 0)
		rpmsg->fault = error;
	return error;
}

void amph_rpmsg_kick(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue)
{
	bool fresh = queue->produced != queue->kicked;

	if (amph_virtqueue_wants_kick(queue) || (fresh && rpmsg->config.ring_always))
		rpmsg->config.kick(rpmsg->config.argument, queue != rpmsg->queues);
}

int amph_rpmsg_return(struct amph_rpmsg *rpmsg, uint16_t id)
{
	struct amph_virtqueue *queue = rpmsg->receive;

	/* the whole buffer's length: rpmsg-lite's main side reads a free buffer's size from there */
	return rpmsg->give(queue, id, queue->slots[id].length);
}

struct amph_rpmsg_endpoint *amph_rpmsg_find(const struct amph_rpmsg *rpmsg, uint32_t address)
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

	if (length > slot->length || length < sizeof(header))
		goto malformed;
	if (length > rpmsg->config.buffer_size)
		length = rpmsg->config.buffer_size;
	amph_copy_from_shared(&header, buffer, sizeof(header));
	if (header.length > length - sizeof(header))
		goto malformed;
	buffer += sizeof(header);

	if (header.destination == RPMSG_NAME_SERVICE && rpmsg->config.name_service) {
		if (!amph_rpmsg_announced(rpmsg, buffer, header.length))
			goto malformed;
		return;
	}
	endpoint = amph_rpmsg_find(rpmsg, header.destination);
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

int amph_rpmsg_poll(struct amph_rpmsg *rpmsg)
{
	struct amph_virtqueue *queue = rpmsg->receive;
	uint32_t count = 0;

	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (rpmsg->delivering != AMPH_RPMSG_NONE)
		return -EBUSY;
	while (count < queue->vring.count && !rpmsg->fault) {
		uint32_t length;
		uint16_t id;
		int got = amph_rpmsg_check(rpmsg, rpmsg->take(queue, &id, &length));

		if (got < 0)
			break;
		if (!got) {
			/* ask for a doorbell, and look again for what came in before that */
			if (!amph_virtqueue_ask(queue))
				break;
			continue;
		}
		count++;
		queue->slots[id].state = RPMSG_DELIVERING;
		rpmsg->delivering = id;
		deliver(rpmsg, &queue->slots[id], length);
		rpmsg->delivering = AMPH_RPMSG_NONE;
		/* not if it is held, or was held and released */
		if (!rpmsg->fault && queue->slots[id].state == RPMSG_DELIVERING)
			amph_rpmsg_return(rpmsg, id);
	}
	if (rpmsg->fault)
		return rpmsg->fault;
	amph_rpmsg_kick(rpmsg, queue);
	return (int)count;
}
