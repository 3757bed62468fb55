/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the resource table's answers under a weak memory: the main side writes them, then the status; the
 * demo firmware's link waits for that, takes the table and starts RPMsg by it.
 */
#include <string.h>

#include <amphora/resource_table.h>
#include <amphora/rpmsg.h>

#include "board.h"
#include "link.h"
#include "table.h"
#include "weak.h"

#define DA	0x10000000u
#define SIZE	0x20000u
#define RINGS	0x2000u
#define RING	0x1000u
#define BUFFERS 0x10000u

static uint8_t memory[SIZE] __attribute__((aligned(4096)));
static struct table *const table = (struct table *)(void *)memory;
static struct amph_io dram, own;
static struct amph_rpmsg main_rpmsg, peer_rpmsg;
static struct amph_virtqueue_slot main_slots[2][TABLE_DESCRIPTORS];

/* --- the board --- */

const struct amph_io *board_dram(void)
{
	return &dram;
}

uint32_t board_own(const struct amph_io **first)
{
	*first = &own;
	return 1;
}

const struct table *board_table(void)
{
	return table;
}

void board_ring(uint32_t notify_id)
{
	(void)notify_id;
}

int board_wait(uint64_t deadline)
{
	(void)deadline;
	weak_yield();
	return -ETIMEDOUT;
}

/* --- the scenario --- */

static uint32_t ring_at(uint32_t index)
{
	return RINGS + index * RING;
}

static void before(void)
{
	memset(memory, 0, ring_at(2));
	*table = (struct table)TABLE_INITIALIZER(DA + 0x1000);
	table->buffers.da = DA + BUFFERS;
	table->buffers.pa = DA + BUFFERS;
	dram = (struct amph_io){memory, DA, DA, SIZE};
	own = (struct amph_io){memory, DA, DA, sizeof(*table)};
	weak_guarded(table, offsetof(struct table, vdev.status) / 4, 4, "table");
	weak_words(&table->vdev.status, 1, 4, "status");
	weak_guarded(table->vrings, sizeof(table->vrings) / 4, 4, "table");
	/* what the starts touch of the rings */
	for (uint32_t i = 0; i < 2; i++) {
		struct amph_vring vring;

		weak_check(!amph_vring_init(&vring, memory + ring_at(i), RING, TABLE_DESCRIPTORS,
					    TABLE_ALIGN),
			   "ring");
		weak_guarded(vring.desc, TABLE_DESCRIPTORS * 4, 4, "descriptor");
		weak_guarded(&vring.avail[0], 1, 2, "avail flags");
		weak_guarded(&vring.avail[1], 1, 2, "avail index");
		weak_guarded(&vring.avail[2], TABLE_DESCRIPTORS + 1, 2, "avail entry");
		weak_guarded(vring.used, 2, 2, "used");
		weak_guarded(vring.used + 2 + 4 * TABLE_DESCRIPTORS, 1, 2, "avail event");
	}
}

static void kick(void *argument, uint32_t queue)
{
	(void)argument;
	(void)queue;
}

static void main_side(void)
{
	struct amph_rpmsg_config config = {
		.role = AMPH_RPMSG_MAIN,
		.slots = {main_slots[0], main_slots[1]},
		.buffers = {memory + BUFFERS, DA + BUFFERS, DA + BUFFERS,
			    2 * TABLE_DESCRIPTORS * TABLE_BUFFER_SIZE},
		.buffer_size = TABLE_BUFFER_SIZE,
		.event_index = true,
		.kick = kick,
	};
	struct amph_resource_vdev vdev = {
		.where = offsetof(struct table, vdev),
		.driver_features = TABLE_FEATURES,
		.status = AMPH_VIRTIO_STATUS_DRIVER_OK,
		.vring_count = 2,
	};

	for (uint32_t i = 0; i < 2; i++) {
		weak_check(!amph_vring_init(&config.vrings[i], memory + ring_at(i), RING,
					    TABLE_DESCRIPTORS, TABLE_ALIGN),
			   "ring");
		vdev.vrings[i].da = DA + ring_at(i);
		vdev.vrings[i].pa = DA + ring_at(i);
		vdev.vrings[i].notify_id = 3 + i;
	}
	weak_check(!amph_rpmsg_init_main(&main_rpmsg, &config), "the main side");
	weak_check(!amph_resource_table_write_vdev(memory, sizeof(*table), &vdev), "the answers");
	weak_check(!amph_resource_table_write_status(memory, sizeof(*table), &vdev), "the status");
}

static void thread(uint32_t self)
{
	if (self == 0) {
		main_side();
		return;
	}
	weak_check(!link_start(&peer_rpmsg, UINT64_MAX), "the link");
	weak_check(link_notify_id() == 3, "the notify id");
	weak_check(peer_rpmsg.config.event_index, "the features");
	weak_check(peer_rpmsg.queues[0].vring.desc == (void *)(memory + ring_at(0)), "the ring");
}

WEAK_SCENARIO(table, .threads = 2, .executions = 5000, .before = before, .thread = thread);
