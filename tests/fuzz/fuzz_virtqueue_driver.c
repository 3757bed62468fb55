/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzer: the driver's role of a virtqueue against a device that the input plays, honest or not.
 * Holds: what take hands out was the device's, each time once; a fault is for ever; the slots say
 * who has what.
 */
#include <stdbool.h>

#define SCRIBBLER_MEMORY 4096

#include "support/scribbler.h"
#include "support/virtqueue_ids.h"

#define COUNT_MAX 8
#define AREA	  0x123400000000ull

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct model {
	struct amph_virtqueue queue;
	struct amph_virtqueue_device device;
	struct amph_virtqueue_slot slots[COUNT_MAX];
	struct amph_vring vring;
	bool theirs[COUNT_MAX];
	uint16_t next_used; /* the honest device's */
	uint16_t next_avail;
};

static void take(struct model *m)
{
	uint32_t length;
	uint16_t id;
	int was = m->device.fault;
	int got = driver_take(&m->queue, &id, &length);

	HOLDS(got == 0 || got == 1 || got == -EPROTO);
	if (was)
		HOLDS(got == was);
	if (got == -EPROTO)
		HOLDS(m->device.fault == -EPROTO);
	if (got != 1)
		return;
	HOLDS(id < m->vring.count);
	HOLDS(m->theirs[id]);
	m->theirs[id] = false;
	HOLDS(m->slots[id].offset == id * 64u);
	HOLDS(m->slots[id].length == 64);
}

static void give(struct model *m, uint16_t id, uint32_t length)
{
	int result = driver_give(&m->queue, id, length);

	if (m->device.fault) {
		HOLDS(result == -EPROTO);
	} else if (id >= m->vring.count || m->theirs[id]) {
		HOLDS(result == -EINVAL);
	} else {
		HOLDS(result == 0);
		HOLDS(m->vring.desc[id].address == AREA + id * 64u);
		HOLDS(m->vring.desc[id].length == length);
		HOLDS(m->vring.desc[id].flags == AMPH_VRING_DESC_WRITE);
		HOLDS(m->vring.avail[1] == m->queue.produced);
		m->theirs[id] = true;
	}
}

/* What a good device does: uses the next available descriptor. */
static void use(struct model *m, uint32_t length)
{
	struct amph_vring_used_element *used = (void *)(m->vring.used + 2);

	used[m->next_used % m->vring.count] = (struct amph_vring_used_element){
		.id = m->vring.avail[2 + m->next_avail++ % m->vring.count], .length = length};
	m->vring.used[1] = ++m->next_used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char buffers[COUNT_MAX * 64]; /* nothing is read there but ahead of time */
	struct script script = {data, size};
	struct model m = {0};
	uint8_t setup = script_byte(&script);
	uint32_t count = 1u << (setup & 3);
	uint32_t ring_size = amph_vring_size(count, 16);
	struct amph_vring closed; /* the same ring, as the library knows it */
	void *ring = scribbler_begin(ring_size);

	memset(closed_view(ring), 0xa5, ring_size);
	HOLDS(amph_vring_init(&closed, ring, ring_size, count, 16) == 0);
	HOLDS(amph_vring_init(&m.vring, closed_view(ring), ring_size, count, 16) == 0);
	m.device = (struct amph_virtqueue_device){.area = AREA,
						  .va = setup & 1 ? buffers : NULL,
						  .event_index = setup & 4,
						  .ring_always = (setup & 18) == 18};
	HOLDS(amph_virtqueue_driver_init(&m.queue, &m.device, &closed, NULL) == -EINVAL);
	HOLDS(amph_virtqueue_driver_init(&m.queue, &m.device, &closed, m.slots) == 0);
	for (uint32_t id = 0; id < count; id++) {
		m.slots[id].offset = id * 64u;
		m.slots[id].length = 64;
		m.slots[id].flags = AMPH_VRING_DESC_WRITE;
	}
	if (setup & 8) {
		/* close to the wrap */
		uint16_t start = (uint16_t)(65536 - (setup >> 4));

		m.next_used = m.next_avail = start;
		m.vring.avail[1] = m.vring.used[1] = start;
		m.queue.produced = m.queue.consumed = m.queue.seen = m.queue.kicked = start;
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
			use(&m, script_byte(&script));
			break;
		case 3:
			scribbler_step(&script, ring, ring_size);
			break;
		case 4:
			m.vring.used[1] = (uint16_t)(m.vring.used[1] + script_word(&script));
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
		HOLDS((m.slots[id].state == AMPH_VIRTQUEUE_THEIRS) == m.theirs[id]);
	return 0;
}
