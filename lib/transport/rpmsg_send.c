/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: transmit buffers, back-pressure, and sending by copy. Transport layer; both roles.
 */
#include <amphora/order.h>
#include <amphora/time.h>

#include "rpmsg_internal.h"

uint32_t amph_rpmsg_payload_max(const struct amph_rpmsg *rpmsg)
{
	return rpmsg->fault ? 0 : rpmsg->config.buffer_size - AMPH_RPMSG_HEADER;
}

uint32_t amph_rpmsg_room(const struct amph_rpmsg *rpmsg, uint32_t id)
{
	uint32_t size = rpmsg->transmit->slots[id].length;

	if (size > rpmsg->config.buffer_size)
		size = rpmsg->config.buffer_size;
	return size - AMPH_RPMSG_HEADER;
}

void amph_rpmsg_put_spare(struct amph_rpmsg *rpmsg, uint16_t id)
{
	struct amph_virtqueue_slot *slot = &rpmsg->transmit->slots[id];

	slot->state = RPMSG_SPARE;
	slot->next = rpmsg->spare;
	rpmsg->spare = id;
}

/* A spare, or what the other side gave: its id, -EAGAIN for none, or the fault. */
static int take(struct amph_rpmsg *rpmsg)
{
	uint16_t id = rpmsg->spare;
	uint32_t length;
	int got;

	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (id != AMPH_RPMSG_NONE) {
		rpmsg->spare = rpmsg->transmit->slots[id].next;
		return id;
	}
	got = amph_rpmsg_check(rpmsg, rpmsg->take(rpmsg->transmit, &id, &length));
	return got > 0 ? id : got ? got : -EAGAIN;
}

int amph_rpmsg_get_buffer(struct amph_rpmsg *rpmsg, uint64_t deadline)
{
	struct amph_virtqueue *queue = rpmsg->transmit;
	int error = 0;
	int id;

	while ((id = take(rpmsg)) == -EAGAIN && !error) {
		/* asked first, looked again, and only then waited: no doorbell is missed */
		if (amph_virtqueue_ask(queue))
			continue;
		/* the other side may be waiting for what this side's receiver has returned */
		amph_rpmsg_kick(rpmsg, rpmsg->receive);
		/* one that rings without end buys no more time */
		error = amph_time_now() >= deadline
				? -ETIMEDOUT
				: rpmsg->config.wait(rpmsg->config.argument, deadline);
	}
	if (queue->asking && !rpmsg->fault)
		amph_virtqueue_hush(queue);
	return id == -EAGAIN ? error : id;
}

int amph_rpmsg_post(struct amph_rpmsg_endpoint *endpoint, uint16_t id, uint32_t destination,
		    uint32_t length)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	struct amph_virtqueue *queue = rpmsg->transmit;
	struct rpmsg_header header = {.source = endpoint->address,
				      .destination = destination,
				      .length = (uint16_t)length};
	int error;

	amph_copy_to_shared(rpmsg_buffer(rpmsg, &queue->slots[id]), &header, sizeof(header));
	error = rpmsg->give(queue, id, (uint32_t)sizeof(header) + length);
	if (error)
		return error;
	rpmsg->count.sent++;
	amph_rpmsg_kick(rpmsg, queue);
	return 0;
}

int amph_rpmsg_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination, const void *data,
		       uint32_t length, uint64_t deadline)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	int id;

	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (length > rpmsg->config.buffer_size - AMPH_RPMSG_HEADER)
		return -EMSGSIZE;
	if (destination == AMPH_RPMSG_ANY)
		destination = endpoint->destination;
	if (destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	id = amph_rpmsg_get_buffer(rpmsg, deadline);
	if (id < 0)
		return id;
	if (length > amph_rpmsg_room(rpmsg, (uint32_t)id)) {
		amph_rpmsg_put_spare(rpmsg, (uint16_t)id);
		return -EMSGSIZE;
	}
	if (length)
		amph_copy_to_shared(rpmsg_buffer(rpmsg, &rpmsg->transmit->slots[id]) +
					    AMPH_RPMSG_HEADER,
				    data, length);
	return amph_rpmsg_post(endpoint, (uint16_t)id, destination, length);
}

int amph_rpmsg_send(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint64_t deadline)
{
	return amph_rpmsg_send_to(endpoint, AMPH_RPMSG_ANY, data, length, deadline);
}
