/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, the main side: virtio's driver, owner of the buffers. Transport layer.
 * The layout is Linux's: the buffers of queue 0, in the order of their descriptors, then those of 1.
 */
#include "rpmsg_internal.h"

static uint64_t assign(struct amph_virtqueue *queue, uint64_t address, uint32_t size, uint8_t flags)
{
	for (uint32_t id = 0; id < queue->vring.count; id++) {
		queue->slots[id].address = address;
		queue->slots[id].length = size;
		queue->slots[id].flags = flags;
		address += size;
	}
	return address;
}

int amph_rpmsg_init_main(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config)
{
	uint64_t count = (uint64_t)config->vrings[0].count + config->vrings[1].count;
	uint64_t transmit;
	int error;

	if (config->buffers.size / AMPH_RPMSG_HEADER < count ||
	    config->buffers.size < count * config->buffer_size)
		return -EINVAL;
	error = amph_rpmsg_prepare(rpmsg, config);
	for (int i = 0; i < 2 && !error; i++)
		error = amph_virtqueue_driver_init(&rpmsg->queues[i], &config->vrings[i],
						   config->slots[i], config->event_index);
	if (error)
		return error;
	rpmsg->config.role = AMPH_RPMSG_MAIN;
	rpmsg->take = amph_virtqueue_driver_take;
	rpmsg->give = amph_virtqueue_driver_give;
	transmit = assign(&rpmsg->queues[0], config->buffers.pa, config->buffer_size,
			  AMPH_VRING_DESC_WRITE);
	assign(&rpmsg->queues[1], transmit, config->buffer_size, 0);
	amph_virtqueue_hush(&rpmsg->queues[1]);
	/* from the last to the first: spares go out in the order of their addresses, as Linux's do */
	for (uint32_t id = config->vrings[1].count; id-- > 0;)
		amph_rpmsg_spare(rpmsg, (uint16_t)id);
	for (uint32_t id = 0; id < config->vrings[0].count; id++)
		amph_virtqueue_driver_give(&rpmsg->queues[0], (uint16_t)id, config->buffer_size);
	amph_rpmsg_kick(rpmsg, 0);
	return 0;
}
