/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a loaded table's vdev to an RPMsg configuration of the main side.
 * Remoteproc layer; freestanding; joins the life cycle to the transport below it.
 */
#include "remoteproc/place.h"

static void kick_queue(void *argument, uint32_t queue)
{
	struct amph_rproc *rproc = argument;

	if (rproc->rpmsg && queue < rproc->rpmsg->vring_count)
		amph_rproc_kick(rproc, rproc->rpmsg->vrings[queue].notify_id);
}

/* To RPMsg a processor that is off or gone is the same: nobody rings any more. */
static int wait_doorbell(void *argument, uint64_t deadline)
{
	int error = amph_rproc_wait(argument, deadline);

	return error == -ENOTCONN ? -EPIPE : error;
}

int amph_rproc_rpmsg(struct amph_rproc *rproc, struct amph_virtqueue_slot *const slots[2],
		     struct amph_rpmsg_config *config)
{
	const struct amph_resource_vdev *vdev = rproc->rpmsg;

	*config = (struct amph_rpmsg_config){0};
	if (rproc->state == AMPH_RPROC_OFF)
		return -ENOTCONN;
	if (!vdev)
		return -ENOENT;
	for (uint32_t i = 0; i < 2; i++) {
		const struct amph_resource_vring *vring = &vdev->vrings[i];
		uint32_t size = amph_vring_size(vring->count, vring->align);
		uint64_t pa;
		void *va;
		int error = amph_rproc_reach(rproc, vring->da, size, &va, &pa);

		if (!error)
			error = amph_vring_init(&config->vrings[i], va, size, vring->count,
						vring->align);
		if (error)
			return amph_refuse(&rproc->why, error, "a ring cannot be laid out there",
					   vring->da, size);
		config->slots[i] = slots[i];
	}
	config->role = AMPH_RPMSG_MAIN;
	config->buffers = rproc->buffers;
	config->buffer_size = rproc->config.buffer_size;
	config->event_index = vdev->driver_features & AMPH_VIRTIO_RING_F_EVENT_IDX;
	config->name_service = vdev->driver_features & AMPH_VIRTIO_RPMSG_F_NS;
	config->kick = kick_queue;
	config->wait = wait_doorbell;
	config->argument = rproc;
	return 0;
}

int amph_rproc_rpmsg_ready(struct amph_rproc *rproc)
{
	struct amph_resource_vdev *vdev = rproc->rpmsg;

	if (rproc->state == AMPH_RPROC_OFF)
		return -ENOTCONN;
	if (!vdev)
		return -ENOENT;
	vdev->status = AMPH_VIRTIO_STATUS_ACKNOWLEDGE | AMPH_VIRTIO_STATUS_DRIVER |
		       AMPH_VIRTIO_STATUS_DRIVER_OK;
	int error = amph_resource_table_write_status(rproc->table_bytes, rproc->table.size, vdev);
	if (!error && rproc->state == AMPH_RPROC_RUNNING)
		amph_rproc_kick(rproc, vdev->vrings[0].notify_id);
	return error;
}
