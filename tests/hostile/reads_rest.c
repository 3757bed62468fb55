/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What else is read in shared memory: a firmware's trace, and a lock in plain memory. And the end of the
 * account: these folders, and those of the other tests here, are all that read shared memory. Test code.
 */
#include "hostile/reads.h"

#include <amphora/rproc.h>
#include <amphora/shared_lock.h>
#include <amphora/time.h>

#define DA 0x10000000u

#define MEMORY 4096u

static char *memory;

static void a_trace_is_read_once_and_never_again(void **state)
{
	const struct amph_window window = {(uintptr_t)memory, DA, MEMORY};
	const struct amph_io region = {memory, (uintptr_t)memory, DA, MEMORY};
	struct amph_rproc rproc = {
		.config = {.map = {&window, 1}, .regions = &region, .region_count = 1},
		.table = {.trace_count = 1, .traces = {{.da = DA + 64, .length = 16}}},
	};
	char *trace = (char *)closed_view(memory) + 64;
	char text[64];
	uint32_t length;

	(void)state;
	closed_report_faults();
	memset(trace, 0, 16);
	memcpy(trace, "once", 4);
	assert_int_equal(amph_rproc_trace(&rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 4);
	assert_memory_equal(text, "once", 4);
	/* all that was read is garbage by now, the NUL too: it is looked at again, as it must be */
	memcpy(trace + 4, "more\0", 5);
	assert_int_equal(amph_rproc_trace(&rproc, text, sizeof(text), &length), 0);
	assert_int_equal(length, 4);
	assert_memory_equal(text, "more", 4);
}

/* Each look at the other side's word is one read: what the word becomes after it counts at the next. */
static void a_lock_decides_by_one_look(void **state)
{
	struct amph_plain_lock locks[2];

	(void)state;
	closed_report_faults();
	for (int side = 0; side < 2; side++) {
		memset(closed_view(memory), 0, 256);
		assert_int_equal(amph_plain_lock_init(&locks[side], memory, 64, side, NULL), 0);
		/* the word was 0 at the first look, and is nonsense at the second */
		assert_int_equal(amph_shared_lock_acquire(&locks[side].lock, amph_deadline(10)),
				 -EPROTO);
		assert_false(locks[side].lock.held);
	}
}

static void every_place_was_met(void **state)
{
	static const char *const here[] = {"lib/remoteproc/", "lib/memory/", NULL};
	static const char *const elsewhere[] = {"lib/transport/", "lib/queue/", "lib/share/"};

	(void)state;
	reads_met_all_of(here);
	for (const struct order_site *site = order_sites_first(); site < order_sites_end();
	     site++) {
		bool known = false;

		for (uint32_t i = 0; i < 3; i++)
			known = known || reads_is_in(site, elsewhere[i]) ||
				(i < 2 && reads_is_in(site, here[i]));
		if (closed_reads(site) && !known)
			fail_msg("%s:%u reads shared memory, and no test meets it", site->file,
				 site->line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_trace_is_read_once_and_never_again),
		cmocka_unit_test(a_lock_decides_by_one_look),
		cmocka_unit_test(every_place_was_met),
	};

	memory = closed_new(MEMORY);
	reads_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
