/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: waiting for messages, and for room. Transport layer; knows the clock, and the caller's way
 * to wait. Who never waits does not link it.
 */
#include <amphora/time.h>

#include "rpmsg_internal.h"

int amph_rpmsg_wait(struct amph_rpmsg *rpmsg, uint64_t deadline)
{
	const struct amph_rpmsg_config *config = &rpmsg->config;
	int error = -ETIMEDOUT;

	/* the other side may be waiting for what this side's receiver has returned */
	amph_rpmsg_kick(rpmsg, rpmsg->receive);
	/* a doorbell was asked for; and one that rings without end buys no more time */
	if (config->wait && amph_time_now() < deadline)
		error = config->wait(config->argument, deadline);
	if (!rpmsg->device.fault)
		amph_virtqueue_hush(rpmsg->transmit);
	return error;
}

int amph_rpmsg_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination, const void *data,
		       uint32_t length, uint64_t deadline)
{
	const struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	int late = 0;
	int error = rpmsg_unusable(rpmsg);

	/* what can't be sent waits for no room */
	if (!error && length > rpmsg->config.buffer_size - AMPH_RPMSG_HEADER)
		error = -EMSGSIZE;
	if (!error && destination == AMPH_RPMSG_ANY && endpoint->destination == AMPH_RPMSG_ANY)
		error = -ENOTCONN;
	if (error)
		return error;
	while ((error = amph_rpmsg_try_send_to(endpoint, destination, data, length)) == -EAGAIN &&
	       !late)
		late = amph_rpmsg_wait(endpoint->rpmsg, deadline);
	return error == -EAGAIN ? late : error;
}

int amph_rpmsg_send(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint64_t deadline)
{
	return amph_rpmsg_send_to(endpoint, AMPH_RPMSG_ANY, data, length, deadline);
}

int amph_rpmsg_poll_wait(struct amph_rpmsg *rpmsg, uint64_t deadline)
{
	for (;;) {
		int got = amph_rpmsg_poll(rpmsg);
		int error;

		if (got)
			return got;
		/* poll has asked for a doorbell; a peer that rings without end buys no more time */
		if (!rpmsg->config.wait || amph_time_now() >= deadline)
			return -ETIMEDOUT;
		error = rpmsg->config.wait(rpmsg->config.argument, deadline);
		if (error == -ETIMEDOUT)
			deadline = 0; /* one last look */
		else if (error)
			return error;
	}
}
