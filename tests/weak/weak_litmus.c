/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: that the explorer is a weak memory at all. Two ways of order.h whose outcomes are known from
 * the textbooks, store and load crossed (with and without barriers) and a message passed on.
 */
#include <amphora/order.h>

#include "weak.h"

/* Each side stores its own word, then looks at the other's: with full barriers, one of the two sees. */
static uint32_t words[2], saw[2];

static void crossed_before(void)
{
	words[0] = words[1] = 0;
	weak_words(words, 2, 4, "crossed");
}

static void crossed_thread(uint32_t self)
{
	amph_store32(&words[self], 1);
	amph_barrier_full();
	saw[self] = amph_load32(&words[!self]);
}

static void crossed_after(void)
{
	weak_check(saw[0] || saw[1], "neither saw the other's store");
}

WEAK_SCENARIO(crossed, .threads = 2, .executions = 20000, .before = crossed_before,
	      .thread = crossed_thread, .after = crossed_after);

/* What was written before a release is there after the acquire that saw it, also by way of a third. */
static uint32_t flags[2], data;

static void passed_before(void)
{
	flags[0] = flags[1] = data = 0;
	weak_words(flags, 2, 4, "flag");
	weak_guarded(&data, 1, 4, "data");
}

static void passed_thread(uint32_t self)
{
	if (self == 0) {
		weak_write(&data, 42);
		amph_store32_release(&flags[0], 1);
	} else if (self == 1) {
		if (amph_load32_acquire(&flags[0]))
			amph_store32_release(&flags[1], 1);
	} else if (amph_load32_acquire(&flags[1])) {
		weak_check(weak_read(&data) == 42, "the data is not there");
	}
}

WEAK_SCENARIO(passed_on, .threads = 3, .executions = 20000, .before = passed_before,
	      .thread = passed_thread);
