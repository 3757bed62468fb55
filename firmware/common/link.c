/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg over the resource table's rings, in the peer's role. Knows the board and the library.
 * The main processor can write the table at any time: each field is read once.
 */
#include <amphora/order.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>

#include "board.h"
#include "link.h"
#include "trace.h"
#include "window.h"

static struct amph_virtqueue_slot slots[2][TABLE_DESCRIPTORS];
static uint32_t notify_ids[2];

static void kick(void *argument, uint32_t queue)
{
	(void)argument;
	board_ring(notify_ids[queue]);
}

static int wait(void *argument, uint64_t deadline)
{
	(void)argument;
	return board_wait(deadline);
}

static void wait_for_driver(const struct table *table)
{
	/* acquire: pairs with the release of the main processor's store of DRIVER_OK */
	while (!(amph_load32_acquire(&table->vdev.status) & AMPH_VIRTIO_STATUS_DRIVER_OK))
		board_wait(amph_deadline(10));
}

/* Finds a stretch that the loader placed, and keeps it to ourselves. */
static int claim(uint64_t da, uint64_t length, void **va)
{
	int error = window_find(da, length, va);

	return error ? error : window_forbid(da, length);
}

static int find_ring(const struct table *table, uint32_t index, struct amph_vring *vring)
{
	uint32_t size = amph_vring_size(TABLE_DESCRIPTORS, TABLE_ALIGN);
	uint32_t count = amph_load32(&table->vrings[index].count);
	uint32_t align = amph_load32(&table->vrings[index].align);
	void *va;
	int error;

	if (count != TABLE_DESCRIPTORS || align != TABLE_ALIGN)
		return -EINVAL;
	error = claim(amph_load32(&table->vrings[index].da), size, &va);
	if (error)
		return error;
	notify_ids[index] = amph_load32(&table->vrings[index].notify_id);
	return amph_vring_init(vring, va, size, count, align);
}

static int find_buffers(const struct table *table, struct amph_io *buffers)
{
	uint32_t da = amph_load32(&table->buffers.da);
	uint32_t pa = amph_load32(&table->buffers.pa);
	uint32_t length = amph_load32(&table->buffers.length);
	void *va;
	int error = claim(da, length, &va);

	return error ? error : amph_io_init(buffers, va, pa, da, length);
}

/* Before anything is mapped for anybody: the image, the trace and the table are nobody else's. */
static int forbid_own(const struct table *table)
{
	const struct amph_io *image = board_image();
	uint64_t table_da;

	if (image->size) /* trace and table are in it */
		return window_forbid(image->da, image->size);
	if (amph_io_va_to_da(board_dram(), table, sizeof(*table), &table_da) ||
	    window_forbid(table_da, sizeof(*table)))
		return -ERANGE;
	return window_forbid(amph_load32(&table->trace.da), amph_load32(&table->trace.length));
}

int link_start(struct amph_rpmsg *rpmsg)
{
	const struct table *table = board_table();
	struct amph_rpmsg_config config = {
		.role = AMPH_RPMSG_PEER,
		.slots = {slots[0], slots[1]},
		.buffer_size = TABLE_BUFFER_SIZE,
		.kick = kick,
		.wait = wait,
	};
	uint32_t features;
	int error;

	wait_for_driver(table);
	features = amph_load32(&table->vdev.driver_features) & TABLE_FEATURES;
	config.event_index = (features & AMPH_VIRTIO_RING_F_EVENT_IDX) != 0;
	config.name_service = (features & AMPH_VIRTIO_RPMSG_F_NS) != 0;
	error = forbid_own(table);
	for (uint32_t i = 0; i < 2 && !error; i++)
		error = find_ring(table, i, &config.vrings[i]);
	if (!error)
		error = find_buffers(table, &config.buffers);
	return error ? error : amph_rpmsg_init(rpmsg, &config);
}
