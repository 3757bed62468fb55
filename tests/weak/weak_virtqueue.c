/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the virtqueue under a weak memory, both roles: buffers go to the device and come back, both
 * sides sleep whenever there is nothing to take, and are rung only as the ring says.
 */
#include <amphora/virtqueue.h>

#include "weak.h"

#define COUNT	 2u /* descriptors: the ring laps */
#define MESSAGES 4u
#define AREA	 0x1234560000u /* what descriptors carry */
#define ALIGN	 16u
#define RING	 128u

enum { DRIVER, DEVICE };

static uint8_t memory[RING] __attribute__((aligned(16)));
static uint32_t payload[COUNT]; /* one word is a whole buffer */
static struct amph_vring vring;
static struct amph_virtqueue queues[2];
static struct amph_virtqueue_device devices[2];
static struct amph_virtqueue_slot slots[2][COUNT];
static bool unrung[2]; /* given something since the last look at the other's wish */

static void prepare(bool event_index)
{
	for (uint32_t i = 0; i < RING; i++)
		memory[i] = 0xa5;
	for (uint32_t side = 0; side < 2; side++) {
		devices[side] = (struct amph_virtqueue_device){
			.area = AREA,
			.area_size = sizeof(payload),
			.event_index = event_index,
			.least = 4,
		};
		unrung[side] = false;
	}
	weak_check(!amph_vring_init(&vring, memory, RING, COUNT, ALIGN), "ring");
	weak_check(!amph_virtqueue_driver_init(&queues[DRIVER], &devices[DRIVER], &vring,
					       slots[DRIVER]),
		   "driver");
	weak_check(!amph_virtqueue_device_init(&queues[DEVICE], &devices[DEVICE], &vring,
					       slots[DEVICE], weak_random(2)),
		   "device");
	for (uint32_t id = 0; id < COUNT; id++) {
		slots[DRIVER][id].offset = id * 4;
		slots[DRIVER][id].length = 4;
		slots[DRIVER][id].flags = AMPH_VRING_DESC_WRITE;
	}
	weak_guarded(vring.desc, COUNT * 4, 4, "descriptor");
	weak_words(&vring.avail[0], 1, 2, "avail flags");
	weak_words(&vring.avail[1], 1, 2, "avail index");
	weak_guarded(&vring.avail[2], COUNT, 2, "avail entry");
	weak_words(&vring.avail[2 + COUNT], 1, 2, "used event");
	weak_words(&vring.used[0], 1, 2, "used flags");
	weak_words(&vring.used[1], 1, 2, "used index");
	weak_guarded(&vring.used[2], COUNT * 2, 4, "used element");
	weak_words(&vring.used[2 + 4 * COUNT], 1, 2, "avail event");
	weak_guarded(payload, COUNT, 4, "payload");
}

static void before_with_event_index(void)
{
	prepare(true);
}

static void before_with_flags(void)
{
	prepare(false);
}

static void ring_if_wanted(uint32_t side)
{
	unrung[side] = false;
	if (amph_virtqueue_wants_kick(&queues[side]))
		weak_ring(!side);
}

/* Rings for each buffer, or for several at once. */
static void given(uint32_t side, int error)
{
	weak_check(!error, "a give was refused");
	unrung[side] = true;
	if (weak_random(2))
		ring_if_wanted(side);
}

/* Nothing to take: it has asked for a doorbell, and says what it has given. */
static void rest(uint32_t side)
{
	weak_check(!devices[side].fault, "the other side seems to lie");
	if (unrung[side])
		ring_if_wanted(side);
	if (!weak_random(4)) {
		if (weak_random(2))
			amph_virtqueue_hush(&queues[side]);
		if (amph_virtqueue_ask(&queues[side]))
			return;
	}
	weak_sleep(side);
	if (!weak_random(4))
		amph_virtqueue_hush(&queues[side]);
}

static uint32_t *payload_of(const struct amph_virtqueue_slot *slot)
{
	weak_check(slot->offset % 4 == 0 && slot->offset < sizeof(payload), "the offset");
	return &payload[slot->offset / 4];
}

static void driver(void)
{
	struct amph_virtqueue *queue = &queues[DRIVER];
	uint32_t sent = 0, back = 0;

	while (back < MESSAGES) {
		struct amph_virtqueue_slot *slot = sent < COUNT ? &slots[DRIVER][sent]
								: amph_virtqueue_driver_take(queue);

		if (!slot) {
			rest(DRIVER);
			continue;
		}
		if (sent >= COUNT)
			weak_check(weak_read(payload_of(slot)) == 100 + back++ && slot->filled == 4,
				   "the answer is another one");
		if (sent - back < COUNT && sent < MESSAGES) {
			weak_write(payload_of(slot), sent++);
			given(DRIVER, amph_virtqueue_driver_give(queue, slot, 4));
		} else {
			sent++; /* the last ones stay here */
		}
	}
}

static void device(void)
{
	struct amph_virtqueue *queue = &queues[DEVICE];

	for (uint32_t got = 0; got < MESSAGES;) {
		struct amph_virtqueue_slot *slot = amph_virtqueue_device_take(queue);

		if (!slot) {
			rest(DEVICE);
			continue;
		}
		weak_check(weak_read(payload_of(slot)) == got && slot->length == 4,
			   "the message is another one");
		weak_write(payload_of(slot), 100 + got++);
		given(DEVICE, amph_virtqueue_device_give(queue, slot, 4));
	}
	if (unrung[DEVICE])
		ring_if_wanted(DEVICE);
}

static void thread(uint32_t self)
{
	if (self == DRIVER)
		driver();
	else
		device();
}

WEAK_SCENARIO(virtqueue_event_index, .threads = 2, .executions = 100000,
	      .before = before_with_event_index, .thread = thread);
WEAK_SCENARIO(virtqueue_flags, .threads = 2, .executions = 100000, .before = before_with_flags,
	      .thread = thread);
