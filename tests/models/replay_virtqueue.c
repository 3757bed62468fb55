/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: follows runs of virtqueue.pml with lib/transport/virtqueue*.c. The driver is side 0, the device
 * side 1. Indices begin just before they wrap.
 */
#include <stdio.h>
#include <string.h>

#include <amphora/virtqueue.h>

#include "replay.h"

#define COUNT_MAX 4u
#define AREA	  0x1234560000u /* what descriptors carry */
#define LENGTH	  64u /* bytes of a buffer */
#define ALIGN	  64u
#define FIRST	  0xfff8u /* the indices: a multiple of twice each ring */
#define NO_ID	  (-1)

enum { DRIVER, DEVICE };

static uint8_t memory[1024] __attribute__((aligned(64)));
static struct amph_vring vring;
static struct amph_virtqueue queues[2];
static struct amph_virtqueue_device devices[2];
static struct amph_virtqueue_slot slots[2][COUNT_MAX];
static unsigned int count;
static bool bell[2];
static bool wants_kick[2], decided[2]; /* what the last call said, and that the run has heard it */
static struct amph_virtqueue_slot *taken[2]; /* by the last call */
static int given[2]; /* the buffer to give */

/* As if the ring had been used FIRST times. */
static void start_at(struct amph_virtqueue *queue, bool event_index)
{
	queue->produced = queue->consumed = queue->seen = queue->kicked = FIRST;
	queue->mine[1] = FIRST;
	if (event_index)
		*queue->my_wish = queue->wished = FIRST;
}

static void need_ok(int error, const char *what)
{
	if (error)
		replay_differs("%s: %s", what, strerror(-error));
}

void replay_prepare(void)
{
	bool event_index = model_flag("EVENT_INDEX", 0);

	count = (unsigned int)model_flag("COUNT", 2);
	for (unsigned int side = 0; side < 2; side++) {
		devices[side] = (struct amph_virtqueue_device){
			.area = AREA,
			.area_size = COUNT_MAX * LENGTH,
			.event_index = event_index,
			.least = 4,
		};
		given[side] = NO_ID;
	}
	need_ok(amph_vring_init(&vring, memory, sizeof(memory), count, ALIGN), "ring");
	need_ok(amph_virtqueue_driver_init(&queues[DRIVER], &devices[DRIVER], &vring,
					   slots[DRIVER]),
		"driver");
	need_ok(amph_virtqueue_device_init(&queues[DEVICE], &devices[DEVICE], &vring, slots[DEVICE],
					   false),
		"device");
	for (unsigned int id = 0; id < count; id++) {
		slots[DRIVER][id].offset = id * LENGTH;
		slots[DRIVER][id].length = LENGTH;
	}
	for (unsigned int side = 0; side < 2; side++)
		start_at(&queues[side], event_index);
}

/* The words of the model: an index of each side, a wish of each, then each one's entries. */
int replay_word(unsigned int side, const void *address, bool store)
{
	/* a side loads what the other one writes */
	unsigned int writer = store ? side : 1 - side;
	const struct amph_virtqueue *queue = &queues[writer];
	const uint8_t *entries = (const uint8_t *)(queue->mine + 2);
	size_t size = writer == DRIVER ? sizeof(uint16_t) : sizeof(struct amph_vring_used_element);
	size_t offset = (size_t)((const uint8_t *)address - entries);

	if (address == queue->mine + 1)
		return (int)writer;
	if (address == queue->my_wish)
		return 2 + (int)writer;
	/* a used element's length lies behind its number */
	if ((uintptr_t)address >= (uintptr_t)entries && offset < count * size && !(offset % size))
		return (int)(4 + writer * count + offset / size);
	return -1;
}

int replay_value(int word, uint64_t value)
{
	if (word < 2 || (word < 4 && devices[DRIVER].event_index))
		return (int)((uint16_t)(value - FIRST));
	return (int)(uint32_t)value;
}

static void give(unsigned int side)
{
	struct amph_virtqueue_slot *slot = &slots[side][given[side]];
	int error = side == DRIVER ? amph_virtqueue_driver_give(&queues[side], slot, LENGTH)
				   : amph_virtqueue_device_give(&queues[side], slot, LENGTH);

	need_ok(error, "give");
}

static void take(unsigned int side)
{
	taken[side] = side == DRIVER ? amph_virtqueue_driver_take(&queues[side])
				     : amph_virtqueue_device_take(&queues[side]);
	need_ok(devices[side].fault, "take");
}

static void kick(unsigned int side)
{
	wants_kick[side] = amph_virtqueue_wants_kick(&queues[side]);
}

static void hush(unsigned int side)
{
	amph_virtqueue_hush(&queues[side]);
}

/* The run says nothing of a doorbell where there is nothing new to ring for. */
static void begin(unsigned int side, void (*call)(unsigned int side))
{
	replay_need_end(side);
	if (wants_kick[side] && !decided[side])
		replay_differs("the code rings for nothing");
	wants_kick[side] = decided[side] = false;
	replay_call(side, call);
}

static void check_end(unsigned int side, const int *numbers)
{
	const struct amph_virtqueue *queue = &queues[side];

	replay_need_end(side);
	replay_compare("produced", numbers[0], (uint16_t)(queue->produced - FIRST));
	replay_compare("consumed", numbers[1], (uint16_t)(queue->consumed - FIRST));
	replay_compare("is there one", numbers[2], taken[side] != NULL);
}

bool replay_step(const struct replay_line *line)
{
	unsigned int side = line->side;

	if (!strcmp(line->verb, "give") && line->count == 1 &&
	    (unsigned int)line->numbers[0] < count) {
		given[side] = line->numbers[0];
		begin(side, give);
	} else if (!strcmp(line->verb, "take")) {
		begin(side, take);
	} else if (!strcmp(line->verb, "end") && line->count == 3) {
		check_end(side, line->numbers);
	} else if (!strcmp(line->verb, "has") && line->count == 2 &&
		   (unsigned int)line->numbers[0] < count) {
		replay_compare("has it the buffer", line->numbers[1],
			       slots[side][line->numbers[0]].state == AMPH_VIRTQUEUE_TAKEN);
	} else if (!strcmp(line->verb, "kick")) {
		begin(side, kick);
	} else if (!strcmp(line->verb, "rings") && line->count == 1) {
		replay_need_end(side);
		replay_compare("does it ring", line->numbers[0], wants_kick[side]);
		decided[side] = true;
		bell[1 - side] = bell[1 - side] || wants_kick[side];
	} else if (!strcmp(line->verb, "wakes")) {
		replay_need_end(side);
		replay_compare("was rung for it", true, bell[side]);
		bell[side] = false;
	} else if (!strcmp(line->verb, "hush")) {
		begin(side, hush);
	} else {
		return false;
	}
	return true;
}
