/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, the main side: virtio's driver, owner of the buffers. Transport layer.
 * The layout is Linux's: the buffers of queue 0, in the order of their descriptors, then those of 1.
 */
#include "rpmsg_internal.h"

static uint32_t assign(struct amph_virtqueue *queue, uint32_t offset, uint32_t size, uint8_t flags)
{
	for (uint32_t id = 0; id < queue->vring.count; id++) {
		queue->slots[id].offset = offset;
		queue->slots[id].length = size;
		queue->slots[id].flags = flags;
		offset += size;
	}
	return offset;
}

int amph_rpmsg_init_main_checked(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
				 uint32_t abi, uint32_t size)
{
	int error = amph_rpmsg_prepare(rpmsg, config, abi, size);
	uint64_t count;

	if (error)
		return error;
	count = (uint64_t)config->vrings[0].count + config->vrings[1].count;
	if (config->buffers.size < count * config->buffer_size)
		return -EINVAL;
	for (int i = 0; i < 2 && !error; i++)
		error = amph_virtqueue_driver_init(&rpmsg->queues[i], &rpmsg->device,
						   &config->vrings[i], config->slots[i]);
	if (error)
		return error;
	rpmsg->receive = &rpmsg->queues[0];
	rpmsg->transmit = &rpmsg->queues[1];
	rpmsg->take = amph_virtqueue_driver_take;
	rpmsg->give = amph_virtqueue_driver_give;
	assign(rpmsg->transmit,
	       assign(rpmsg->receive, 0, config->buffer_size, AMPH_VRING_DESC_WRITE),
	       config->buffer_size, 0);
	/* from the last to the first: spares go out in the order of their addresses, as Linux's do */
	for (uint32_t id = config->vrings[1].count; id-- > 0;)
		rpmsg_put_spare(rpmsg, &config->slots[1][id]);
	for (uint32_t id = 0; id < config->vrings[0].count; id++)
		rpmsg_return(rpmsg, &config->slots[0][id]);
	amph_virtqueue_hush(rpmsg->transmit);
	amph_rpmsg_kick(rpmsg, rpmsg->receive);
	return 0;
}
