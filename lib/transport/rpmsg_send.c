/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: loans of transmit buffers, and sending. Transport layer; both roles.
 */
#include <amphora/order.h>
#include <amphora/time.h>

#include "rpmsg_internal.h"

uint32_t amph_rpmsg_payload_max(const struct amph_rpmsg *rpmsg)
{
	return rpmsg->fault ? 0 : rpmsg->config.buffer_size - AMPH_RPMSG_HEADER;
}

void amph_rpmsg_spare(struct amph_rpmsg *rpmsg, uint16_t id)
{
	struct amph_virtqueue_slot *slot = &rpmsg->queues[rpmsg_transmit_queue(rpmsg)].slots[id];

	slot->state = RPMSG_SPARE;
	slot->next = rpmsg->spare;
	rpmsg->spare = id;
}

/* A spare, or what the other side gave: 1 and *id, 0 for none, or the fault. */
static int take(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue, uint16_t *id)
{
	uint32_t length;

	if (rpmsg->fault)
		return rpmsg->fault;
	if (rpmsg->spare == AMPH_RPMSG_NONE)
		return amph_rpmsg_check(rpmsg, rpmsg->take(queue, id, &length));
	*id = rpmsg->spare;
	rpmsg->spare = queue->slots[*id].next;
	return 1;
}

static int take_wait(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue, uint16_t *id,
		     uint64_t deadline)
{
	int got = take(rpmsg, queue, id);
	int error = 0;

	while (!got && !error) {
		/* asked first, looked again, and only then waited: no doorbell is missed */
		if (!amph_virtqueue_ask(queue)) {
			/* the other side may be waiting for what this side's receiver has returned */
			amph_rpmsg_kick(rpmsg, rpmsg_receive_queue(rpmsg));
			error = amph_time_now() >= deadline
					? -ETIMEDOUT
					: rpmsg->config.wait(rpmsg->config.argument, deadline);
		}
		got = take(rpmsg, queue, id);
	}
	amph_virtqueue_hush(queue);
	return got ? got : error;
}

int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline)
{
	struct amph_virtqueue *queue = &rpmsg->queues[rpmsg_transmit_queue(rpmsg)];
	struct amph_virtqueue_slot *slot;
	int got = take_wait(rpmsg, queue, &loan->id, deadline);

	if (got < 0)
		return got;
	slot = &queue->slots[loan->id];
	if (slot->length < AMPH_RPMSG_HEADER)
		return rpmsg->fault = -EPROTO;
	slot->state = RPMSG_LOANED;
	loan->payload = (char *)rpmsg_buffer(rpmsg, slot) + AMPH_RPMSG_HEADER;
	loan->size = (slot->length < rpmsg->config.buffer_size ? slot->length
							       : rpmsg->config.buffer_size) -
		     AMPH_RPMSG_HEADER;
	return 0;
}

/* The loaned slot, or NULL when this is no loan (any more). */
static struct amph_virtqueue_slot *loaned(struct amph_rpmsg *rpmsg,
					  const struct amph_rpmsg_loan *loan)
{
	struct amph_virtqueue *queue = &rpmsg->queues[rpmsg_transmit_queue(rpmsg)];

	if (!loan->payload || loan->id >= queue->vring.count ||
	    queue->slots[loan->id].state != RPMSG_LOANED)
		return NULL;
	return &queue->slots[loan->id];
}

int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	uint32_t index = rpmsg_transmit_queue(rpmsg);
	struct amph_virtqueue_slot *slot = loaned(rpmsg, loan);
	struct rpmsg_header header = {.source = endpoint->address, .length = (uint16_t)length};

	if (rpmsg->fault)
		return rpmsg->fault;
	header.destination = destination == AMPH_RPMSG_ANY ? endpoint->destination : destination;
	if (header.destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	if (!slot)
		return -EINVAL;
	if (length > loan->size)
		return -EMSGSIZE;
	amph_copy_to_shared(rpmsg_buffer(rpmsg, slot), &header, sizeof(header));
	loan->payload = NULL;
	rpmsg->give(&rpmsg->queues[index], loan->id, (uint32_t)sizeof(header) + length);
	rpmsg->count.sent++;
	amph_rpmsg_kick(rpmsg, index);
	return 0;
}

int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan)
{
	if (rpmsg->fault)
		return rpmsg->fault;
	if (!loaned(rpmsg, loan))
		return -EINVAL;
	amph_rpmsg_spare(rpmsg, loan->id);
	loan->payload = NULL;
	return 0;
}

int amph_rpmsg_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination, const void *data,
		       uint32_t length, uint64_t deadline)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	struct amph_rpmsg_loan loan;
	int error;

	if (rpmsg->fault)
		return rpmsg->fault;
	if (length > amph_rpmsg_payload_max(rpmsg))
		return -EMSGSIZE;
	if (destination == AMPH_RPMSG_ANY)
		destination = endpoint->destination;
	if (destination == AMPH_RPMSG_ANY)
		return -ENOTCONN;
	error = amph_rpmsg_loan(rpmsg, &loan, deadline);
	if (error)
		return error;
	if (length > loan.size) {
		amph_rpmsg_give_back(rpmsg, &loan);
		return -EMSGSIZE;
	}
	if (length)
		amph_copy_to_shared(loan.payload, data, length);
	return amph_rpmsg_send_loan(endpoint, &loan, destination, length);
}

int amph_rpmsg_send(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint64_t deadline)
{
	return amph_rpmsg_send_to(endpoint, AMPH_RPMSG_ANY, data, length, deadline);
}
