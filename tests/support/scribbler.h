/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: a peer that changes words between two reads of the side under test, as a fuzzer's script has
 * it: right before, or right after, a read of shared memory; one word, or those of the next reads.
 */
#ifndef TESTS_SUPPORT_SCRIBBLER_H
#define TESTS_SUPPORT_SCRIBBLER_H

#include "support/closed_memory.h"
#include "support/fuzz_script.h"

static struct {
	uint32_t left; /* reads that are still to be spoiled */
	bool before; /* else after */
	bool every; /* of several reads, and then none that the test says is polled */
	bool adds; /* to what is there; else it is replaced */
	uint16_t after; /* so many others */
	uint8_t at; /* which word of a copy */
	uint32_t value;
} scribbler;

static uint64_t scribbled; /* how often */
static bool scribbler_on __attribute__((unused)); /* the side under test runs */

static inline void scribbler_arm(struct script *script, uint32_t (*edge)(uint8_t which))
{
	uint8_t what = script_byte(script);

	scribbler.every = what & 1;
	scribbler.before = what & 2 && !scribbler.every;
	scribbler.adds = what & 4;
	scribbler.after = what >> 4 & 7;
	scribbler.left = scribbler.every && what & 8 ? 16 : 1;
	scribbler.at = script_byte(script);
	scribbler.value = script_byte(script);
	if (scribbler.adds)
		scribbler.value = (uint32_t)((int8_t)scribbler.value * (edge ? 32 : 1));
	else if (edge)
		scribbler.value = edge((uint8_t)scribbler.value);
	else
		scribbler.value *= 0x01010101u;
}

/* To be called before and after each read of what the peer can write. */
static inline void scribbler_read(void *view, size_t length, bool before, bool polled)
{
	uint8_t *bytes = view;
	size_t at = scribbler.at * 4u % (length > 4 ? length : 4);
	uint32_t word = 0;

	if (!scribbler.left || scribbler.before != before || (scribbler.every && polled))
		return;
	if (scribbler.after) {
		scribbler.after--;
		return;
	}
	scribbler.left--;
	scribbled++;
	if (at + 4 > length)
		at = 0;
	memcpy(&word, bytes + at, length - at < 4 ? length - at : 4);
	word = scribbler.adds ? word + scribbler.value : scribbler.value;
	memcpy(bytes + at, &word, length - at < 4 ? length - at : 4);
}

/* A script's scribble: now, or, by its first byte, in between two reads. */
static inline void scribbler_step(struct script *script, void *memory, size_t size)
{
	if (script->size && *script->data & 0x80)
		scribbler_arm(script, NULL);
	else
		script_scribble(script, closed_view(memory), size);
}

#ifdef SCRIBBLER_MEMORY /* bytes, whole pages */

/* --- for those whose side under test is all that runs, over one piece of memory --- */

static struct {
	const char *at;
	size_t size;
} scribbler_memory[3]; /* what may be accessed at all */

static inline void scribbler_check(const void *address, size_t length)
{
	bool inside = false;

	for (int i = 0; i < 3; i++)
		inside = inside || ((const char *)address >= scribbler_memory[i].at &&
				    (const char *)address + length <=
					    scribbler_memory[i].at + scribbler_memory[i].size);
	HOLDS(inside);
}

static inline void scribbler_before(const void *address, void *view, size_t length,
				    struct order_site *site)
{
	scribbler_check(address, length);
	if (scribbler_on && closed_reads(site))
		scribbler_read(view, length, true, false);
}

static inline void scribbler_after(const void *address, void *view, size_t length,
				   struct order_site *site)
{
	(void)address;
	if (scribbler_on && closed_reads(site))
		scribbler_read(view, length, false, false);
}

/* Closed memory for one run, of zeros; whole pages are made once. */
static inline void *scribbler_begin(size_t size)
{
	static void *memory;

	if (!memory) {
		memory = closed_new(SCRIBBLER_MEMORY);
		closed_watch.before = scribbler_before;
		closed_watch.after = scribbler_after;
	}
	HOLDS(size <= SCRIBBLER_MEMORY);
	scribbler.left = 0;
	scribbler_on = true;
	memset(closed_view(memory), 0, size);
	memset(scribbler_memory, 0, sizeof(scribbler_memory));
	scribbler_memory[0].at = memory;
	scribbler_memory[0].size = size;
	return memory;
}

#endif
#endif
