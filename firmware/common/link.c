/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg over the resource table's rings, in the peer's role. Knows the board and the library.
 * The main processor can write the table at any time: it is copied once, and the copy is used.
 */
#include <amphora/order.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>

#include "board.h"
#include "link.h"
#include "trace.h"
#include "window.h"

#define POLL_MS 10 /* between two looks at the status: its doorbell may have been dropped */

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

uint32_t link_notify_id(void)
{
	return notify_ids[0];
}

/* Nothing but the one bit is used. */
bool link_is_up(void)
{
	/* acquire: pairs with the release of the main processor's store of DRIVER_OK */
	return amph_load32_acquire(&board_table()->vdev.status) & AMPH_VIRTIO_STATUS_DRIVER_OK;
}

static int wait_for_driver(uint64_t deadline)
{
	while (!link_is_up()) {
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		board_wait(amph_deadline(POLL_MS));
	}
	return 0;
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
	void *va;
	int error;

	if (table->vrings[index].count != TABLE_DESCRIPTORS ||
	    table->vrings[index].align != TABLE_ALIGN)
		return -EINVAL;
	error = claim(table->vrings[index].da, size, &va);
	if (error)
		return error;
	notify_ids[index] = table->vrings[index].notify_id;
	return amph_vring_init(vring, va, size, TABLE_DESCRIPTORS, TABLE_ALIGN);
}

static int find_buffers(const struct table *table, struct amph_io *buffers)
{
	uint32_t da = table->buffers.da, length = table->buffers.length;
	void *va;
	int error = claim(da, length, &va);

	return error ? error : amph_io_init(buffers, va, table->buffers.pa, da, length);
}

/* Before anything is mapped for anybody: image, trace and table are nobody else's. */
static int forbid_own(void)
{
	const struct amph_io *own;
	uint32_t count = board_own(&own);
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++)
		error = window_forbid(own[i].da, own[i].size);
	return error;
}

int link_start(struct amph_rpmsg *rpmsg, uint64_t deadline)
{
	struct amph_rpmsg_config config = {
		.role = AMPH_RPMSG_PEER,
		.slots = {slots[0], slots[1]},
		.buffer_size = TABLE_BUFFER_SIZE,
		.kick = kick,
		.wait = wait,
	};
	struct table table;
	uint32_t features;
	int error = wait_for_driver(deadline);

	if (error)
		return error;
	amph_copy_from_shared(&table, board_table(), sizeof(table));
	features = table.vdev.driver_features & TABLE_FEATURES;
	config.event_index = (features & AMPH_VIRTIO_RING_F_EVENT_IDX) != 0;
	config.name_service = (features & AMPH_VIRTIO_RPMSG_F_NS) != 0;
	window_forget();
	error = forbid_own();
	for (uint32_t i = 0; i < 2 && !error; i++)
		error = find_ring(&table, i, &config.vrings[i]);
	if (!error)
		error = find_buffers(&table, &config.buffers);
	return error ? error : amph_rpmsg_init(rpmsg, &config);
}
