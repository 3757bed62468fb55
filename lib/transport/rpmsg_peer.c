/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg, the peer: virtio's device, guest in the main side's buffers. Transport layer.
 */
#include "rpmsg_internal.h"

int amph_rpmsg_init_peer_checked(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
				 uint32_t abi, uint32_t size)
{
	int error = amph_rpmsg_prepare(rpmsg, config, AMPH_RPMSG_PEER, abi, size);

	for (int i = 0; i < 2 && !error; i++)
		error = amph_virtqueue_device_init(
			&rpmsg->queues[i], &config->vrings[i], config->slots[i],
			config->event_index, config->buffers.pa, (uint32_t)config->buffers.size,
			AMPH_RPMSG_HEADER, i == 0);
	if (error)
		return error;
	rpmsg->take = amph_virtqueue_device_take;
	rpmsg->give = amph_virtqueue_device_give;
	amph_virtqueue_hush(rpmsg->transmit);
	return 0;
}
