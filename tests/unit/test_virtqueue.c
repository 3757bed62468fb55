/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueues: layout, both roles against each other and against a peer that lies, suppression of
 * doorbells, and indices around the wrap. The ring is an exact-size heap block.
 */
#include <sys/mman.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <amphora/log.h>

#include "support/virtqueue_ids.h"

#define COUNT	   8
#define ALIGN	   16
#define AREA	   0x880000000ull
#define BUFFER	   64u
#define AREA_SIZE  (COUNT * BUFFER)
#define LEAST	   4
#define COUNT_MAX  32768
#define LENGTH_ODD 40u

struct fixture {
	void *memory;
	struct amph_vring vring;
	struct amph_virtqueue driver, device;
	struct amph_virtqueue_device of_driver, of_device;
	struct amph_virtqueue_slot driver_slots[COUNT], device_slots[COUNT];
};

static int logged;

static void count_log(void *argument, enum amph_log_level level, const char *what, uint64_t value,
		      uint64_t limit)
{
	(void)argument;
	(void)value;
	(void)limit;
	assert_non_null(what);
	if (level == AMPH_LOG_ERROR)
		logged++;
}

/* A ring with `start` as the index of both halves, and both roles at work. */
static void open_fixture(struct fixture *f, uint16_t start, bool event_index, bool writes)
{
	uint32_t size = amph_vring_size(COUNT, ALIGN);

	logged = 0;
	assert_int_equal(posix_memalign(&f->memory, 16, size), 0);
	memset(f->memory, 0xee, size);
	memset(f->driver_slots, 0xee, sizeof(f->driver_slots));
	memset(f->device_slots, 0xee, sizeof(f->device_slots));
	assert_int_equal(amph_vring_init(&f->vring, f->memory, size, COUNT, ALIGN), 0);
	f->of_driver = (struct amph_virtqueue_device){.area = AREA, .event_index = event_index};
	f->of_device = f->of_driver;
	f->of_device.area_size = AREA_SIZE;
	f->of_device.least = LEAST;
	memset(&f->driver, 0xee, sizeof(f->driver));
	memset(&f->device, 0xee, sizeof(f->device));
	assert_int_equal(
		amph_virtqueue_driver_init(&f->driver, &f->of_driver, &f->vring, f->driver_slots),
		0);
	for (uint16_t i = 0; i < COUNT; i++) {
		f->driver_slots[i].offset = i * BUFFER;
		f->driver_slots[i].length = BUFFER;
		f->driver_slots[i].flags = writes ? AMPH_VRING_DESC_WRITE : 0;
	}
	f->vring.avail[1] = start;
	f->vring.used[1] = start;
	f->driver.produced = f->driver.consumed = f->driver.seen = start;
	f->driver.kicked = start;
	if (event_index)
		f->driver.wished = start;
	if (event_index) {
		f->vring.avail[2 + COUNT] = start;
		f->vring.used[2 + 4 * COUNT] = start;
	}
	assert_int_equal(amph_virtqueue_device_init(&f->device, &f->of_device, &f->vring,
						    f->device_slots, writes),
			 0);
	assert_int_equal(f->device.produced, start);
	f->device.consumed = f->device.seen = start;
	if (event_index)
		f->device.wished = start;
}

static void close_fixture(struct fixture *f)
{
	free(f->memory);
}

static struct amph_vring_used_element *element(struct fixture *f, uint16_t index)
{
	return (struct amph_vring_used_element *)(void *)(f->vring.used + 2) + index % COUNT;
}

static void sizes_are_those_of_the_standard(void **state)
{
	(void)state;
	assert_int_equal(amph_vring_size(256, 4096), 10246);
	assert_int_equal(amph_vring_size(256, 16), 6678);
	assert_int_equal(amph_vring_size(1, 4), 24 + 14);
	assert_int_equal(amph_vring_size(2, 4), 44 + 22);
	assert_int_equal(amph_vring_size(COUNT_MAX, 65536), 655360 + 6 + 8 * COUNT_MAX);
	assert_int_equal(sizeof(struct amph_vring_desc), 16);
	assert_int_equal(sizeof(struct amph_vring_used_element), 8);
}

static void sizes_of_impossible_rings_are_zero(void **state)
{
	static const uint32_t wrong[][2] = {
		{0, 16},  {3, 16},  {255, 16}, {65536, 16}, {0x80000000u, 16}, {256, 0},
		{256, 1}, {256, 2}, {256, 24}, {256, 4097}, {256, 131072}};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(amph_vring_size(wrong[i][0], wrong[i][1]), 0);
}

static void parts_lie_where_the_legacy_layout_has_them(void **state)
{
	static char memory[10246] __attribute__((aligned(16)));
	struct amph_vring vring;

	(void)state;
	memset(memory, 0x77, sizeof(memory));
	assert_int_equal(amph_vring_init(&vring, memory, sizeof(memory), 256, 4096), 0);
	assert_int_equal(vring.count, 256);
	assert_ptr_equal(vring.desc, memory);
	assert_ptr_equal(vring.avail, memory + 4096);
	assert_ptr_equal(vring.used, memory + 8192);
	assert_int_equal(amph_vring_init(&vring, memory, 6678, 256, 16), 0);
	assert_ptr_equal(vring.used, memory + 4624);
	for (size_t i = 0; i < sizeof(memory); i++)
		assert_int_equal(memory[i], 0x77);
}

static void a_ring_that_does_not_fit_is_refused(void **state)
{
	static char memory[10246] __attribute__((aligned(16)));
	struct amph_vring vring;

	(void)state;
	assert_int_equal(amph_vring_init(&vring, memory, sizeof(memory) - 1, 256, 4096), -ENOSPC);
	assert_int_equal(amph_vring_init(&vring, memory, 0, 256, 16), -ENOSPC);
	assert_int_equal(amph_vring_init(&vring, memory + 8, 6678, 256, 16), -EINVAL);
	assert_int_equal(amph_vring_init(&vring, NULL, 6678, 256, 16), -EINVAL);
	assert_int_equal(amph_vring_init(&vring, memory, 6678, 255, 16), -EINVAL);
}

static void queues_without_ring_slots_or_area_are_refused(void **state)
{
	static const struct {
		uint64_t area;
		uint32_t size;
		int result;
	} areas[] = {{AREA, 0, -EINVAL},
		     {0, 0, -EINVAL},
		     {UINT64_MAX - 62, 64, -EINVAL},
		     {UINT64_MAX - 63, 64, 0}, /* ends with the address space */
		     {UINT64_MAX - 63, UINT32_MAX, -EINVAL},
		     {0, UINT32_MAX, 0}};
	struct amph_virtqueue_device device;
	struct amph_vring none = {0}, vring;
	static char memory[256] __attribute__((aligned(16)));
	struct amph_virtqueue_slot slots[2];
	struct amph_virtqueue queue;

	(void)state;
	assert_int_equal(amph_vring_init(&vring, memory, sizeof(memory), 2, ALIGN), 0);
	device = (struct amph_virtqueue_device){.area = AREA, .area_size = 64, .least = LEAST};
	assert_int_equal(amph_virtqueue_driver_init(&queue, &device, &none, slots), -EINVAL);
	assert_int_equal(amph_virtqueue_driver_init(&queue, &device, &vring, NULL), -EINVAL);
	assert_int_equal(amph_virtqueue_device_init(&queue, &device, &none, slots, false), -EINVAL);
	assert_int_equal(amph_virtqueue_device_init(&queue, &device, &vring, NULL, false), -EINVAL);
	for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++) {
		device.area = areas[i].area;
		device.area_size = areas[i].size;
		assert_int_equal(amph_virtqueue_device_init(&queue, &device, &vring, slots, false),
				 areas[i].result);
	}
}

static void the_driver_clears_flags_indices_and_events_before_the_device_starts(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, true, false);
	assert_int_equal(f.vring.avail[0], 0);
	assert_int_equal(f.vring.avail[1], 0);
	assert_int_equal(f.vring.avail[2 + COUNT], 0);
	assert_int_equal(f.vring.used[0], 0);
	assert_int_equal(f.vring.used[1], 0);
	assert_int_equal(f.vring.used[2 + 4 * COUNT], 0);
	close_fixture(&f);
}

static void a_given_buffer_arrives_with_address_and_length_and_comes_back(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, true);
	assert_int_equal(device_take(&f.device, &id, &length), 0);
	assert_int_equal(driver_take(&f.driver, &id, &length), 0);
	assert_int_equal(driver_give(&f.driver, 5, 40), 0);
	assert_int_equal(f.vring.desc[5].address, AREA + 5 * BUFFER);
	assert_int_equal(f.vring.desc[5].length, 40);
	assert_int_equal(f.vring.desc[5].flags, AMPH_VRING_DESC_WRITE);
	assert_int_equal(f.vring.desc[5].next, 0);
	assert_int_equal(f.vring.avail[2], 5);
	assert_int_equal(f.vring.avail[1], 1);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_int_equal(id, 5);
	assert_int_equal(length, 40);
	assert_int_equal(f.device_slots[5].offset, 5 * BUFFER);
	assert_int_equal(f.device_slots[5].length, 40);
	assert_int_equal(device_take(&f.device, &id, &length), 0);
	assert_int_equal(device_give(&f.device, 5, 33), 0);
	assert_int_equal(element(&f, 0)->id, 5);
	assert_int_equal(element(&f, 0)->length, 33);
	assert_int_equal(f.vring.used[1], 1);
	assert_int_equal(driver_take(&f.driver, &id, &length), 1);
	assert_int_equal(id, 5);
	assert_int_equal(length, 33);
	assert_int_equal(driver_take(&f.driver, &id, &length), 0);
	assert_int_equal(logged, 0);
	close_fixture(&f);
}

static void a_side_gives_only_what_it_has(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	assert_int_equal(device_give(&f.device, 0, 0), -EINVAL);
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), -EINVAL);
	assert_int_equal(driver_give(&f.driver, COUNT, BUFFER), -EINVAL);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_int_equal(device_give(&f.device, COUNT, 0), -EINVAL);
	assert_int_equal(device_give(&f.device, 1, 0), -EINVAL);
	assert_int_equal(device_give(&f.device, 0, 0), 0);
	assert_int_equal(device_give(&f.device, 0, 0), -EINVAL);
	assert_int_equal(f.vring.avail[1], 1);
	assert_int_equal(f.vring.used[1], 1);
	assert_int_equal(logged, 0);
	close_fixture(&f);
}

/* Random traffic over more than two wraps of the indices; the model is a list on each side. */
static void traffic(uint16_t start, bool event_index)
{
	struct fixture f;
	uint16_t here[COUNT], there[COUNT], order[COUNT];
	uint32_t lengths[COUNT];
	unsigned here_count = COUNT, there_count = 0, head = 0, tail = 0;
	uint32_t seed = start + 1u;

	open_fixture(&f, start, event_index, true);
	for (uint16_t i = 0; i < COUNT; i++)
		here[i] = i;
	for (uint32_t step = 0; step < 300000; step++) {
		uint32_t length;
		uint16_t id;
		unsigned pick;

		seed = seed * 1664525u + 1013904223u;
		switch (seed >> 30) {
		case 0:
			if (!here_count)
				break;
			pick = (seed >> 8) % here_count;
			id = here[pick];
			here[pick] = here[--here_count];
			lengths[id] = (seed >> 12) % (BUFFER - LEAST + 1) + LEAST;
			assert_int_equal(driver_give(&f.driver, id, lengths[id]), 0);
			order[head++ % COUNT] = id;
			break;
		case 1:
			if (device_take(&f.device, &id, &length)) {
				assert_true(tail != head);
				assert_int_equal(id, order[tail++ % COUNT]);
				assert_int_equal(length, lengths[id]);
				there[there_count++] = id;
			} else {
				assert_true(tail == head);
			}
			break;
		case 2:
			if (!there_count)
				break;
			pick = (seed >> 8) % there_count;
			id = there[pick];
			there[pick] = there[--there_count];
			assert_int_equal(device_give(&f.device, id, id + 7u), 0);
			break;
		default:
			if (driver_take(&f.driver, &id, &length)) {
				assert_int_equal(length, id + 7u);
				here[here_count++] = id;
			}
		}
		assert_true(here_count <= COUNT && there_count <= COUNT);
	}
	assert_int_equal(f.of_driver.fault, 0);
	assert_int_equal(f.of_device.fault, 0);
	assert_true(head > 65536 / 2);
	close_fixture(&f);
}

static void indices_run_freely_through_the_wrap(void **state)
{
	(void)state;
	traffic(0, false);
	traffic(65533, false);
	traffic(65535, true);
	traffic(32767, true);
}

static void a_full_ring_across_the_wrap_is_no_fault(void **state)
{
	(void)state;
	for (uint32_t start = 65536 - COUNT - 1; start <= 65536; start++) {
		struct fixture f;
		uint32_t length;
		uint16_t id;

		open_fixture(&f, (uint16_t)start, false, false);
		for (uint16_t i = 0; i < COUNT; i++)
			assert_int_equal(driver_give(&f.driver, i, i + LEAST), 0);
		for (uint16_t i = 0; i < COUNT; i++) {
			assert_int_equal(device_take(&f.device, &id, &length), 1);
			assert_int_equal(id, i);
			assert_int_equal(length, i + LEAST);
		}
		for (uint16_t i = COUNT; i-- > 0;)
			assert_int_equal(device_give(&f.device, i, LENGTH_ODD + i), 0);
		for (uint16_t i = COUNT; i-- > 0;) {
			assert_int_equal(driver_take(&f.driver, &id, &length), 1);
			assert_int_equal(id, i);
			assert_int_equal(length, LENGTH_ODD + i);
		}
		close_fixture(&f);
	}
}

static void the_device_goes_on_from_the_used_index_that_is_there(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	/* as rpmsg-lite's main side starts: all in used already */
	f.vring.used[1] = COUNT;
	assert_int_equal(amph_virtqueue_device_init(&f.device, &f.of_device, &f.vring,
						    f.device_slots, false),
			 0);
	assert_false(amph_virtqueue_wants_kick(&f.device));
	assert_int_equal(driver_give(&f.driver, 3, BUFFER), 0);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_int_equal(device_give(&f.device, id, length), 0);
	assert_int_equal(f.vring.used[1], COUNT + 1);
	assert_int_equal(element(&f, COUNT)->id, 3);
	assert_true(amph_virtqueue_wants_kick(&f.device));
	close_fixture(&f);
}

static void flags_of_the_other_side_silence_doorbells(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	assert_false(amph_virtqueue_wants_kick(&f.driver)); /* nothing given yet */
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
	assert_true(amph_virtqueue_wants_kick(&f.driver));
	assert_false(amph_virtqueue_wants_kick(&f.driver)); /* rung for that one already */
	amph_virtqueue_hush(&f.device);
	assert_int_equal(f.vring.used[0], AMPH_VRING_NO_NOTIFY);
	assert_int_equal(driver_give(&f.driver, 1, BUFFER), 0);
	assert_false(amph_virtqueue_wants_kick(&f.driver));
	/* what came in while no doorbell was wanted is there to take, before anything is asked */
	assert_true(amph_virtqueue_ask(&f.device));
	assert_int_equal(f.vring.used[0], AMPH_VRING_NO_NOTIFY);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_false(amph_virtqueue_ask(&f.device));
	assert_int_equal(f.vring.used[0], 0);
	amph_virtqueue_hush(&f.driver);
	assert_int_equal(f.vring.avail[0], AMPH_VRING_NO_INTERRUPT);
	assert_int_equal(device_give(&f.device, 0, 0), 0);
	assert_false(amph_virtqueue_wants_kick(&f.device));
	assert_true(amph_virtqueue_ask(&f.driver));
	assert_int_equal(driver_take(&f.driver, &id, &length), 1);
	/* an empty look asks */
	assert_int_equal(driver_take(&f.driver, &id, &length), 0);
	assert_int_equal(f.vring.avail[0], 0);
	assert_int_equal(device_give(&f.device, 1, 0), 0);
	assert_true(amph_virtqueue_wants_kick(&f.device));
	close_fixture(&f);
}

static void a_device_that_fills_buffers_asks_for_silence_until_it_has_none(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, true);
	assert_int_equal(f.vring.used[0], AMPH_VRING_NO_NOTIFY);
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
	assert_false(amph_virtqueue_wants_kick(&f.driver));
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	assert_int_equal(device_take(&f.device, &id, &length), 0);
	assert_int_equal(f.vring.used[0], 0);
	assert_int_equal(driver_give(&f.driver, 1, BUFFER), 0);
	assert_true(amph_virtqueue_wants_kick(&f.driver));
	close_fixture(&f);
	/* with the event index, the event word says so and the flags mean nothing */
	open_fixture(&f, 0, true, true);
	assert_int_equal(f.vring.used[0], 0);
	close_fixture(&f);
}

static void ring_always_rings_for_what_is_new_and_for_nothing_else(void **state)
{
	struct fixture f;

	(void)state;
	for (int event_index = 0; event_index < 2; event_index++) {
		open_fixture(&f, 0, event_index, false);
		f.of_driver.ring_always = true;
		f.vring.used[0] = AMPH_VRING_NO_NOTIFY;
		f.vring.used[2 + 4 * COUNT] = 1000;
		assert_false(amph_virtqueue_wants_kick(&f.driver));
		assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
		assert_true(amph_virtqueue_wants_kick(&f.driver));
		assert_false(amph_virtqueue_wants_kick(&f.driver));
		close_fixture(&f);
	}
}

/* 3 rounds of COUNT entries, kick decided after each: how many doorbells? */
static unsigned doorbells(struct fixture *f, bool ask_each)
{
	unsigned rung = 0;

	for (int round = 0; round < 3; round++) {
		uint32_t length;
		uint16_t id;

		for (uint16_t i = 0; i < COUNT; i++) {
			assert_int_equal(driver_give(&f->driver, i, BUFFER), 0);
			rung += amph_virtqueue_wants_kick(&f->driver);
			if (!ask_each)
				continue;
			assert_int_equal(device_take(&f->device, &id, &length), 1);
			amph_virtqueue_ask(&f->device);
		}
		while (device_take(&f->device, &id, &length) == 1)
			;
		amph_virtqueue_ask(&f->device);
		for (uint16_t i = 0; i < COUNT; i++)
			assert_int_equal(device_give(&f->device, i, 0), 0);
		while (driver_take(&f->driver, &id, &length) == 1)
			;
	}
	return rung;
}

static void with_the_event_index_one_asking_is_one_doorbell(void **state)
{
	static const uint16_t starts[] = {0, 65535, 65530, 65528, 32760};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		struct fixture f;

		open_fixture(&f, starts[i], true, false);
		assert_int_equal(doorbells(&f, false), 3); /* of 24 entries */
		close_fixture(&f);
		open_fixture(&f, starts[i], true, false);
		assert_int_equal(doorbells(&f, true), 24);
		close_fixture(&f);
	}
}

static void without_the_event_index_every_entry_rings(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, 0, false, false);
	assert_int_equal(doorbells(&f, false), 24);
	close_fixture(&f);
}

static void a_batch_rings_when_it_passes_the_event_word_and_only_then(void **state)
{
	(void)state;
	/* every event word around a batch of 3 that starts at 65534 */
	for (int distance = -4; distance <= 7; distance++) {
		struct fixture f;
		uint16_t start = 65534;

		open_fixture(&f, start, true, false);
		f.vring.used[2 + 4 * COUNT] = (uint16_t)(start + distance);
		for (uint16_t i = 0; i < 3; i++)
			assert_int_equal(driver_give(&f.driver, i, BUFFER), 0);
		assert_int_equal(amph_virtqueue_wants_kick(&f.driver),
				 distance >= 0 && distance < 3);
		close_fixture(&f);
	}
	/* the same in the other direction: the word that the device reads is in avail */
	for (int distance = -2; distance <= 3; distance++) {
		struct fixture f;
		uint32_t length;
		uint16_t id;

		open_fixture(&f, 10, true, false);
		assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
		assert_int_equal(device_take(&f.device, &id, &length), 1);
		f.vring.avail[2 + COUNT] = (uint16_t)(10 + distance);
		assert_int_equal(device_give(&f.device, 0, 0), 0);
		assert_int_equal(amph_virtqueue_wants_kick(&f.device), distance == 0);
		close_fixture(&f);
	}
}

static void event_words_are_written_where_the_standard_has_them(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 100, true, false);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(driver_give(&f.driver, i, BUFFER), 0);
	for (uint16_t i = 0; i < 3; i++)
		assert_int_equal(device_take(&f.device, &id, &length), 1);
	amph_virtqueue_hush(&f.device);
	assert_int_equal(f.vring.used[0], 0); /* flags are not used then */
	assert_false(amph_virtqueue_ask(&f.device));
	assert_int_equal(f.vring.used[2 + 4 * COUNT], 103); /* avail_event */
	for (uint16_t i = 0; i < 2; i++) {
		assert_int_equal(device_give(&f.device, i, 0), 0);
		assert_int_equal(driver_take(&f.driver, &id, &length), 1);
	}
	assert_false(amph_virtqueue_ask(&f.driver));
	assert_int_equal(f.vring.avail[2 + COUNT], 102); /* used_event */
	/* a wish that stands is not written again */
	f.vring.avail[2 + COUNT] = 7;
	assert_false(amph_virtqueue_ask(&f.driver));
	assert_int_equal(f.vring.avail[2 + COUNT], 7);
	close_fixture(&f);
}

static void asking_tells_of_an_entry_that_came_in_before_the_wish(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f, 5, true, false);
	amph_virtqueue_hush(&f.device);
	assert_false(amph_virtqueue_ask(&f.device));
	amph_virtqueue_hush(&f.device);
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
	assert_true(amph_virtqueue_ask(&f.device));
	close_fixture(&f);
}

/* --- a peer that lies --- */

static void expect_dead(struct amph_virtqueue *queue, bool driver, int got)
{
	uint32_t length;
	uint16_t id;

	assert_int_equal(got, -EPROTO);
	assert_int_equal(queue->device->fault, -EPROTO);
	assert_int_equal(logged, 1);
	/* sticky, and logged once */
	for (int i = 0; i < 2; i++)
		assert_int_equal(driver ? driver_take(queue, &id, &length)
					: device_take(queue, &id, &length),
				 -EPROTO);
	assert_int_equal(driver ? driver_give(queue, 0, 1) : device_give(queue, 0, 1), -EPROTO);
	assert_false(amph_virtqueue_wants_kick(queue));
	assert_int_equal(logged, 1);
}

static int lie_to_device(struct fixture *f, struct amph_vring_desc desc, uint16_t id, bool writes)
{
	uint32_t length = 0;
	uint16_t got = 0;
	int result;

	open_fixture(f, 0, false, writes);
	if (id < COUNT)
		f->vring.desc[id] = desc;
	f->vring.avail[2] = id;
	f->vring.avail[1] = 1;
	result = device_take(&f->device, &got, &length);
	if (result == 1)
		assert_in_range(f->device_slots[got].offset, 0,
				AREA_SIZE - f->device_slots[got].length);
	else
		expect_dead(&f->device, false, result);
	close_fixture(f);
	return result;
}

static void descriptors_outside_the_buffers_are_a_fault(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t length;
		int result;
	} cases[] = {
		{AREA, AREA_SIZE, 1},
		{AREA, 4, 1},
		{AREA, 3, -EPROTO},
		{AREA, 1, -EPROTO},
		{AREA + AREA_SIZE - 4, 4, 1},
		{AREA + AREA_SIZE - 4, 5, -EPROTO},
		{AREA + AREA_SIZE, 1, -EPROTO},
		{AREA + AREA_SIZE, 0, -EPROTO},
		{AREA + AREA_SIZE + 4, 4, -EPROTO},
		{AREA, AREA_SIZE + 1, -EPROTO},
		{AREA + 4, AREA_SIZE, -EPROTO},
		{AREA + 4, UINT32_MAX, -EPROTO},
		{AREA - 4, 4, -EPROTO},
		{AREA - 4, 8, -EPROTO},
		{AREA - 4, AREA_SIZE, -EPROTO},
		{0, 64, -EPROTO},
		{UINT64_MAX - 3, 4, -EPROTO},
		{UINT64_MAX - 3, UINT32_MAX, -EPROTO},
		{(uint32_t)AREA, 64, -EPROTO}, /* the high half is not to be lost */
		{AREA + 0x100000000ull, 64, -EPROTO},
		{AREA, 0, -EPROTO},
		{AREA + 1, 4, -EPROTO},
		{AREA + 2, 4, -EPROTO},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int writes = 0; writes < 2; writes++) {
			struct amph_vring_desc desc = {.address = cases[i].address,
						       .length = cases[i].length,
						       .flags = writes ? AMPH_VRING_DESC_WRITE : 0};
			assert_int_equal(lie_to_device(&f, desc, 2, writes), cases[i].result);
		}
}

static void chained_indirect_and_misdirected_descriptors_are_a_fault(void **state)
{
	struct amph_vring_desc desc = {.address = AREA, .length = BUFFER, .next = 1};
	struct fixture f;

	(void)state;
	for (uint16_t flags = 0; flags < 8; flags++)
		for (int writes = 0; writes < 2; writes++) {
			bool chained = flags & (AMPH_VRING_DESC_NEXT | AMPH_VRING_DESC_INDIRECT);
			bool wrong = writes && !(flags & AMPH_VRING_DESC_WRITE);

			desc.flags = flags;
			assert_int_equal(lie_to_device(&f, desc, 7, writes),
					 chained || wrong ? -EPROTO : 1);
		}
}

static void descriptor_ids_out_of_range_are_a_fault_of_the_driver(void **state)
{
	struct amph_vring_desc desc = {.address = AREA, .length = BUFFER};
	struct fixture f;

	(void)state;
	assert_int_equal(lie_to_device(&f, desc, COUNT - 1, false), 1);
	assert_int_equal(lie_to_device(&f, desc, COUNT, false), -EPROTO);
	assert_int_equal(lie_to_device(&f, desc, 65535, false), -EPROTO);
}

static void a_descriptor_given_twice_is_a_fault_of_the_driver(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	assert_int_equal(driver_give(&f.driver, 4, BUFFER), 0);
	f.vring.avail[3] = 4;
	f.vring.avail[1] = 2;
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	expect_dead(&f.device, false, device_take(&f.device, &id, &length));
	close_fixture(&f);
}

static void an_index_ahead_of_the_ring_is_a_fault(void **state)
{
	static const uint16_t starts[] = {0, 60000, 65535};

	(void)state;
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		for (int jump = 0; jump < 3; jump++) {
			static const uint16_t jumps[] = {COUNT + 1, 60000, 65535 /* backwards */};
			struct fixture f;
			uint32_t length;
			uint16_t id;

			open_fixture(&f, starts[i], false, false);
			f.vring.avail[1] = (uint16_t)(starts[i] + jumps[jump]);
			expect_dead(&f.device, false, device_take(&f.device, &id, &length));
			close_fixture(&f);
			open_fixture(&f, starts[i], false, false);
			f.vring.used[1] = (uint16_t)(starts[i] + jumps[jump]);
			expect_dead(&f.driver, true, driver_take(&f.driver, &id, &length));
			close_fixture(&f);
		}
}

static void an_index_one_ahead_is_a_fault_even_when_every_entry_is_good(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	for (uint16_t i = 0; i < COUNT; i++)
		assert_int_equal(driver_give(&f.driver, i, BUFFER), 0);
	f.vring.avail[1]++;
	expect_dead(&f.device, false, device_take(&f.device, &id, &length));
	close_fixture(&f);

	open_fixture(&f, 0, false, false);
	for (uint16_t i = 0; i < COUNT; i++) {
		assert_int_equal(driver_give(&f.driver, i, BUFFER), 0);
		assert_int_equal(device_take(&f.device, &id, &length), 1);
		assert_int_equal(device_give(&f.device, id, 0), 0);
	}
	f.vring.used[1]++;
	expect_dead(&f.driver, true, driver_take(&f.driver, &id, &length));
	close_fixture(&f);
}

static void used_ids_that_the_device_does_not_have_are_a_fault(void **state)
{
	static const uint32_t ids[] = {1, COUNT, COUNT + 1, 0x10000, 0x80000000u, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct fixture f;
		uint32_t length;
		uint16_t id;

		open_fixture(&f, 0, false, false);
		assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
		element(&f, 0)->id = ids[i]; /* 0x10000: its low half is an id that it has */
		f.vring.used[1] = 1;
		expect_dead(&f.driver, true, driver_take(&f.driver, &id, &length));
		close_fixture(&f);
	}
}

static void an_id_used_twice_is_a_fault_of_the_device(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, false);
	assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
	assert_int_equal(driver_give(&f.driver, 1, BUFFER), 0);
	element(&f, 0)->id = 0;
	element(&f, 1)->id = 0;
	f.vring.used[1] = 2;
	assert_int_equal(driver_take(&f.driver, &id, &length), 1);
	assert_int_equal(id, 0);
	expect_dead(&f.driver, true, driver_take(&f.driver, &id, &length));
	close_fixture(&f);
}

/* A line that nobody writes stays in both caches: on a page of its own, the processor tells. */
static void what_a_ring_says_already_is_not_written_again(void **state)
{
	const uint32_t count = 256, page = 4096;
	static struct amph_virtqueue_slot slots[2][256];
	struct amph_virtqueue_device device = {
		.area = AREA, .area_size = count * BUFFER, .least = LEAST};
	struct amph_virtqueue driver_side, device_side;
	struct amph_vring vring;
	uint32_t length;
	uint16_t id;
	void *memory;

	(void)state;
	assert_int_equal(posix_memalign(&memory, page, 4 * page), 0);
	assert_int_equal(amph_vring_init(&vring, memory, 4 * page, count, page), 0);
	assert_int_equal(amph_virtqueue_driver_init(&driver_side, &device, &vring, slots[0]), 0);
	assert_int_equal(amph_virtqueue_device_init(&device_side, &device, &vring, slots[1], true),
			 0);
	for (uint32_t i = 0; i < count; i++)
		slots[0][i] = (struct amph_virtqueue_slot){.state = slots[0][i].state,
							   .offset = i * BUFFER,
							   .length = BUFFER,
							   .flags = AMPH_VRING_DESC_WRITE};
	for (uint32_t round = 0; round < 3 * count; round++) {
		if (round == count)
			assert_int_equal(mprotect(vring.desc, page, PROT_READ), 0);
		assert_int_equal(driver_give(&driver_side, round % count, BUFFER), 0);
		assert_int_equal(device_take(&device_side, &id, &length), 1);
		assert_int_equal(id, round % count);
		assert_int_equal(device_give(&device_side, id, LEAST), 0);
		assert_int_equal(driver_take(&driver_side, &id, &length), 1);
		assert_int_equal(id, round % count);
		assert_int_equal(length, LEAST);
	}
	assert_int_equal(mprotect(vring.desc, page, PROT_READ | PROT_WRITE), 0);
	free(memory);
}

static void a_used_length_beyond_the_buffer_counts_for_nothing(void **state)
{
	static const uint32_t lengths[] = {BUFFER + 1, 65536 + 1, UINT32_MAX};
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, true);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		assert_int_equal(driver_give(&f.driver, 0, BUFFER), 0);
		assert_int_equal(device_take(&f.device, &id, &length), 1);
		assert_int_equal(device_give(&f.device, 0, lengths[i]), 0);
		assert_int_equal(driver_take(&f.driver, &id, &length), 1);
		assert_int_equal(length, 0);
	}
	assert_int_equal(f.of_driver.fault, 0);
	close_fixture(&f);
}

static void what_the_peer_scribbles_into_descriptors_does_not_reach_the_driver(void **state)
{
	struct fixture f;
	uint32_t length;
	uint16_t id;

	(void)state;
	open_fixture(&f, 0, false, true);
	assert_int_equal(driver_give(&f.driver, 3, BUFFER), 0);
	assert_int_equal(device_take(&f.device, &id, &length), 1);
	memset(f.vring.desc, 0xff, COUNT * sizeof(*f.vring.desc));
	assert_int_equal(device_give(&f.device, 3, 20), 0);
	assert_int_equal(driver_take(&f.driver, &id, &length), 1);
	assert_int_equal(f.driver_slots[id].offset, 3 * BUFFER);
	assert_int_equal(f.driver_slots[id].length, BUFFER);
	assert_int_equal(driver_give(&f.driver, 3, BUFFER), 0);
	assert_int_equal(f.vring.desc[3].address, AREA + 3 * BUFFER);
	assert_int_equal(f.vring.desc[3].flags, AMPH_VRING_DESC_WRITE);
	assert_int_equal(f.vring.desc[3].next, 0);
	close_fixture(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_those_of_the_standard),
		cmocka_unit_test(sizes_of_impossible_rings_are_zero),
		cmocka_unit_test(parts_lie_where_the_legacy_layout_has_them),
		cmocka_unit_test(a_ring_that_does_not_fit_is_refused),
		cmocka_unit_test(queues_without_ring_slots_or_area_are_refused),
		cmocka_unit_test(
			the_driver_clears_flags_indices_and_events_before_the_device_starts),
		cmocka_unit_test(a_given_buffer_arrives_with_address_and_length_and_comes_back),
		cmocka_unit_test(a_side_gives_only_what_it_has),
		cmocka_unit_test(indices_run_freely_through_the_wrap),
		cmocka_unit_test(a_full_ring_across_the_wrap_is_no_fault),
		cmocka_unit_test(the_device_goes_on_from_the_used_index_that_is_there),
		cmocka_unit_test(flags_of_the_other_side_silence_doorbells),
		cmocka_unit_test(a_device_that_fills_buffers_asks_for_silence_until_it_has_none),
		cmocka_unit_test(ring_always_rings_for_what_is_new_and_for_nothing_else),
		cmocka_unit_test(with_the_event_index_one_asking_is_one_doorbell),
		cmocka_unit_test(without_the_event_index_every_entry_rings),
		cmocka_unit_test(a_batch_rings_when_it_passes_the_event_word_and_only_then),
		cmocka_unit_test(event_words_are_written_where_the_standard_has_them),
		cmocka_unit_test(asking_tells_of_an_entry_that_came_in_before_the_wish),
		cmocka_unit_test(descriptors_outside_the_buffers_are_a_fault),
		cmocka_unit_test(chained_indirect_and_misdirected_descriptors_are_a_fault),
		cmocka_unit_test(descriptor_ids_out_of_range_are_a_fault_of_the_driver),
		cmocka_unit_test(a_descriptor_given_twice_is_a_fault_of_the_driver),
		cmocka_unit_test(an_index_ahead_of_the_ring_is_a_fault),
		cmocka_unit_test(an_index_one_ahead_is_a_fault_even_when_every_entry_is_good),
		cmocka_unit_test(used_ids_that_the_device_does_not_have_are_a_fault),
		cmocka_unit_test(an_id_used_twice_is_a_fault_of_the_device),
		cmocka_unit_test(what_a_ring_says_already_is_not_written_again),
		cmocka_unit_test(a_used_length_beyond_the_buffer_counts_for_nothing),
		cmocka_unit_test(
			what_the_peer_scribbles_into_descriptors_does_not_reach_the_driver),
	};

	amph_log_set(count_log, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
