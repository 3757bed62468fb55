/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the trace buffer under a weak memory, the firmware's writer against the library's reader, around
 * the buffer's end and over old text. The reader gets whole lines.
 */
#include <string.h>

#include <amphora/rproc.h>

#include "trace.h"
#include "weak.h"

#define SIZE 128u /* the writer takes no less than a line and a byte */
#define DA   0x1000u

static const char text[] = "one\nthree\n";

static char buffer[SIZE];
static struct amph_window window;
static struct amph_io region;
static struct amph_rproc rproc;
static char got[SIZE];
static uint32_t got_length;

static void read_on(void)
{
	uint32_t length;

	weak_check(!amph_rproc_trace(&rproc, got + got_length, SIZE - got_length, &length),
		   "the trace is not there");
	got_length += length;
}

/* Text that was read before, so that what comes now goes around the end, in the midst of the second line. */
static void before(void)
{
	memset(buffer, 0, sizeof(buffer));
	trace_start(buffer, SIZE);
	memset(&rproc, 0, sizeof(rproc));
	window = (struct amph_window){(uintptr_t)buffer, DA, SIZE};
	region = (struct amph_io){buffer, (uintptr_t)buffer, DA, SIZE};
	rproc.config.map = (struct amph_map){&window, 1};
	rproc.config.regions = &region;
	rproc.config.region_count = 1;
	rproc.table.trace_count = 1;
	rproc.table.traces[0].da = DA;
	rproc.table.traces[0].length = SIZE;
	for (uint32_t i = 0; i < 10; i++)
		trace("old text...", 0, 0);
	got_length = 0;
	read_on();
	weak_check(got_length == 120, "the old text");
	got_length = 0;
	weak_words(buffer, SIZE, 1, "text");
}

static void thread(uint32_t self)
{
	if (self == 0) {
		trace("one", 0, 0);
		trace("three", 0, 0);
		return;
	}
	while (got_length < sizeof(text) - 1) {
		uint32_t before_length = got_length;

		read_on();
		weak_check(!memcmp(got, text, got_length), "other text");
		weak_check(!got_length || got[got_length - 1] == '\n', "a part of a line");
		if (got_length == before_length)
			weak_yield();
	}
	/* the NUL behind it is there, too */
	read_on();
	weak_check(got_length == sizeof(text) - 1, "text without an end");
}

WEAK_SCENARIO(trace, .threads = 2, .executions = 50000, .before = before, .thread = thread);
