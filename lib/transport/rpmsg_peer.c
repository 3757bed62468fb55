/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, the peer: virtio's device, guest in the main side's buffers. Transport layer.
 */
#include "rpmsg_internal.h"

int amph_rpmsg_init_peer_checked(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
				 uint32_t abi, uint32_t size)
{
	int error = amph_rpmsg_prepare(rpmsg, config, abi, size);

	if (error)
		return error;
	rpmsg->receive = &rpmsg->queues[1];
	rpmsg->transmit = &rpmsg->queues[0];
	rpmsg->take = amph_virtqueue_device_take;
	rpmsg->give = amph_virtqueue_device_give;
	for (int i = 0; i < 2 && !error; i++)
		error = amph_virtqueue_device_init(&rpmsg->queues[i], &rpmsg->device,
						   &config->vrings[i], config->slots[i], i == 0);
	return error;
}
