/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzer: the device's role of a virtqueue against a driver that the input plays, honest or not.
 * Holds: every buffer that take hands out lies inside the area, is given once until it is returned,
 * and what it was told at the take is what the slot keeps; a fault is for ever.
 */
#include <stdbool.h>

#define SCRIBBLER_MEMORY 4096

#include "support/scribbler.h"
#include "support/virtqueue_ids.h"

#define COUNT_MAX 8
#define LEAST	  2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	struct amph_virtqueue queue;
	struct amph_virtqueue_device device;
	struct amph_virtqueue_slot slots[COUNT_MAX];
	struct amph_vring vring;
	uint64_t area;
	uint32_t area_size;
	char *memory; /* area_size bytes: the buffers themselves */
	bool ours[COUNT_MAX];
};

static void take(struct model *m)
{
	uint32_t length;
	uint16_t id;
	uint64_t spoiled = scribbled;
	int was = m->device.fault;
	int got = device_take(&m->queue, &id, &length);
	struct amph_virtqueue_slot *slot;

	HOLDS(got == 0 || got == 1 || got == -EPROTO);
	if (was)
		HOLDS(got == was);
	if (got == -EPROTO)
		HOLDS(m->device.fault == -EPROTO);
	if (got != 1)
		return;
	HOLDS(id < m->vring.count);
	HOLDS(!m->ours[id]);
	m->ours[id] = true;
	slot = &m->slots[id];
	HOLDS(length >= LEAST && slot->length == length);
	HOLDS(slot->offset % 4 == 0);
	HOLDS((uint64_t)slot->offset + length <= m->area_size);
	/* what it says now, unless it was changed while it was read: then all of the above holds still */
	if (scribbled == spoiled) {
		const struct amph_vring_desc *desc = &m->vring.desc[id];

		HOLDS(desc->address == m->area + slot->offset && desc->length == length);
		HOLDS(!(desc->flags & (AMPH_VRING_DESC_NEXT | AMPH_VRING_DESC_INDIRECT)));
		HOLDS(!m->queue.writes || desc->flags & AMPH_VRING_DESC_WRITE);
	}
	/* the sanitizer sees whoever reaches beyond */
	m->memory[slot->offset]++;
	m->memory[slot->offset + length - 1]++;
}

static void give(struct model *m, uint16_t id, uint32_t length)
{
	int result = device_give(&m->queue, id, length);

	if (m->device.fault) {
		HOLDS(result == -EPROTO);
	} else if (id >= m->vring.count || !m->ours[id]) {
		HOLDS(result == -EINVAL);
	} else {
		HOLDS(result == 0);
		HOLDS(m->vring.used[1] == m->queue.produced);
		m->ours[id] = false;
	}
}

/* A descriptor as a driver writes it, in or out of the area by a little; then into avail. */
static void offer(struct model *m, struct script *script, bool honest)
{
	uint8_t id = script_byte(script);
	struct amph_vring_desc *desc = &m->vring.desc[id % m->vring.count];

	desc->flags = m->queue.writes ? AMPH_VRING_DESC_WRITE : 0;
	if (honest) {
		desc->length = script_byte(script) % 15 + LEAST;
		desc->address = m->area + (script_byte(script) * 4u) % (m->area_size - 16);
	} else {
		desc->flags = script_byte(script) & 7;
		desc->length = script_byte(script);
		desc->address = m->area + (uint64_t)(int64_t)(int16_t)script_word(script);
	}
	m->vring.avail[2 + m->vring.avail[1] % m->vring.count] =
		(uint16_t)(honest ? id % m->vring.count : id);
	m->vring.avail[1]++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t areas[] = {0x1000, 0xfffffffffffff000ull, 0, 0xfffff000};
	struct script script = {data, size};
	struct model m = {0};
	uint8_t setup = script_byte(&script);
	uint32_t count = 1u << (setup & 3);
	uint32_t ring_size = amph_vring_size(count, 16);
	struct amph_vring closed; /* the same ring, as the library knows it */
	void *ring = scribbler_begin(ring_size);

	m.area = areas[setup >> 6];
	m.area_size = 256;
	m.memory = malloc(m.area_size);
	if (!m.memory)
		abort();
	memset(m.memory, 0, m.area_size);
	HOLDS(amph_vring_init(&closed, ring, ring_size, count, 16) == 0);
	HOLDS(amph_vring_init(&m.vring, closed_view(ring), ring_size, count, 16) == 0);
	if (setup & 16)
		m.vring.used[1] = 65533;
	m.device = (struct amph_virtqueue_device){.area = m.area,
						  .area_size = m.area_size,
						  .va = setup & 1 ? m.memory : NULL,
						  .least = LEAST,
						  .event_index = setup & 4,
						  .ring_always = (setup & 18) == 18};
	HOLDS(amph_virtqueue_device_init(&m.queue, &m.device, &closed, NULL, false) == -EINVAL);
	HOLDS(amph_virtqueue_device_init(&m.queue, &m.device, &closed, m.slots, setup & 8) == 0);
	if (setup & 32) {
		m.vring.avail[1] = 65534;
		m.queue.consumed = m.queue.seen = 65534;
	}
	while (script.size) {
		switch (script_byte(&script) & 7) {
		case 0:
			take(&m);
			break;
		case 1:
			give(&m, script_byte(&script), script_byte(&script));
			break;
		case 2:
			offer(&m, &script, true);
			break;
		case 3:
			offer(&m, &script, false);
			break;
		case 4:
			scribbler_step(&script, ring, ring_size);
			break;
		case 5:
			amph_virtqueue_ask(&m.queue);
			break;
		case 6:
			amph_virtqueue_hush(&m.queue);
			break;
		default:
			if (amph_virtqueue_wants_kick(&m.queue))
				HOLDS(!m.device.fault);
			HOLDS(!amph_virtqueue_wants_kick(&m.queue));
		}
	}
	for (uint32_t id = 0; id < count && !m.device.fault; id++)
		HOLDS((m.slots[id].state != AMPH_VIRTQUEUE_THEIRS) == m.ours[id]);
	free(m.memory);
	return 0;
}
