/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel over an RPMsg endpoint. Transport layer; messages lie in shared memory: the receiver reads
 * them once, checks, and uses the copy.
 */
#include <stddef.h>

#include <amphora/rpmsg.h>

static void received(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		     uint32_t source, void *argument)
{
	struct amph_channel_rpmsg *channel = argument;

	(void)endpoint;
	(void)source;
	if (channel->channel.receiver)
		channel->channel.receiver(channel->channel.argument, data, length, -1);
}

static int send(struct amph_channel *channel, const void *message, uint32_t length, intptr_t handle,
		uint64_t deadline)
{
	struct amph_channel_rpmsg *self = (struct amph_channel_rpmsg *)channel;

	if (handle >= 0)
		return -ENOTSUP;
	return amph_rpmsg_send(&self->endpoint, message, length, deadline);
}

static int poll(struct amph_channel *channel, uint64_t deadline)
{
	struct amph_channel_rpmsg *self = (struct amph_channel_rpmsg *)channel;

	return amph_rpmsg_poll_wait(self->endpoint.rpmsg, deadline);
}

int amph_channel_rpmsg_init_checked(struct amph_channel_rpmsg *channel, struct amph_rpmsg *rpmsg,
				    const char *name, uint32_t address, uint32_t destination,
				    bool announce, uint64_t deadline, uint32_t abi,
				    uint32_t structure_size)
{
	static const struct amph_channel_ops ops = {.send = send, .poll = poll};

	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*channel));

	if (error)
		return error;
	*channel = (struct amph_channel_rpmsg){
		.channel = {.ops = &ops, .message_max = amph_rpmsg_payload_max(rpmsg)}};
	return amph_rpmsg_endpoint_create(rpmsg, &channel->endpoint, name, address, destination,
					  received, channel, announce, deadline);
}
