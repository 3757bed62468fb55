/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-escape: a hostile firmware behind the coprocessor's IOMMU. It reaches neither the monitor nor the
 * tables, nor memory that is not its, nor the host, runs nothing but its image, and does not fill the log.
 * usage: iommu-escape [CHECK]
 */
#include <stdio.h>
#include <unistd.h>

#include <linux/amphora.h>
#include <vsoc_hwspinlock.h>
#include <vsoc_iommu.h>

#include "../kernel/module.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "trial.h"

#define SWEPT	  (512u * MIB)
#define LATER_US  1000000
#define LINES_MAX 16u /* about one life */

static struct probe probe;

static void monitor_and_tables_are_out_of_reach(void)
{
	static const uint32_t places[] = {VSOC_IOMMU_DA, VSOC_IOMMU_DA + VSOC_IOMMU_WORDS,
					  VSOC_IOMMU_DA + VSOC_IOMMU_TABLES};

	trial_begin(&probe);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		fault_arm();
		attached_list(&probe, 1, places[i], PROBE_PAGE);
		attached_touch(&probe, PROBE_FILL, 1, PROBE_PAGE);
		fault_expect(TRIAL_ABSENT, FAULT_BUS_STORE);
		trial_recover(&probe);
		EXPECT_EQUAL(probe_open(&probe), 0);
	}
	trial_finish(&probe);
}

/* No driver of Linux maps it: this writes entries as nobody does, in the last table if there is none. */
static void monitor_is_out_of_reach_even_where_a_table_leads_to_it(void)
{
	static const uint32_t places[] = {VSOC_IOMMU_DA, VSOC_IOMMU_DA + VSOC_IOMMU_WORDS,
					  VSOC_IOMMU_DA + VSOC_IOMMU_TABLES};
	volatile uint32_t *root, *table;
	struct trial_tables tables;

	trial_tables_open(&tables);
	root = &tables.root[VSOC_IOMMU_DA / (4 * MIB)];
	if (!*root)
		*root = (VSOC_IOMMU_DA + VSOC_IOMMU_SIZE - PROBE_PAGE) >> 2 | VSOC_PTE_VALID;
	EXPECT(!(*root & VSOC_PTE_LEAF));
	table = (uint32_t *)(tables.memory + ((*root >> 10 << 12) - VSOC_IOMMU_DA));
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		table[places[i] / PROBE_PAGE % 1024] =
			places[i] >> 2 | VSOC_PTE_VALID | VSOC_PTE_READ | VSOC_PTE_WRITE |
			VSOC_PTE_USER | VSOC_PTE_ACCESSED | VSOC_PTE_DIRTY;
	trial_begin(&probe);
	/* all but the tables can't be read either */
	for (size_t i = 0; i < 2 * sizeof(places) / sizeof(places[0]) - 1; i++) {
		fault_arm();
		attached_list(&probe, 1, places[i / 2], PROBE_PAGE);
		attached_touch(&probe, i % 2 ? PROBE_VERIFY : PROBE_FILL, 1, PROBE_PAGE);
		fault_expect(NULL, i % 2 ? FAULT_BUS_LOAD : FAULT_BUS_STORE);
		trial_recover(&probe);
		EXPECT_EQUAL(probe_open(&probe), 0);
	}
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		table[places[i] / PROBE_PAGE % 1024] = 0;
	trial_finish(&probe);
	trial_tables_close(&tables);
}

/* Its image, its rings and message buffers, and the locks: nothing else is there when nobody attaches. */
static void nothing_of_all_memory_is_in_reach_but_what_is_set_aside_for_it(void)
{
	static const uint64_t set_aside[] = {15 * MIB, 2 * UINT64_C(0x8000), 0x40000, 0x1000};
	struct probe_message message = {
		.command = PROBE_ESCAPE, .argument = PROBE_ESCAPE_SWEEP, .length = SWEPT};
	struct memory_window window;
	uint64_t steps = 0;
	char words[64];

	trial_begin(&probe);
	EXPECT_EQUAL(memory_window_read(&window), 0);
	EXPECT_EQUAL(window.length, SWEPT);
	message.offset = window.da;
	for (size_t i = 0; i < sizeof(set_aside) / sizeof(set_aside[0]); i++)
		steps += (set_aside[i] + PROBE_SWEEP_STEP - 1) / PROBE_SWEEP_STEP;
	fault_arm();
	EXPECT_EQUAL(probe_tell(&probe, &message), 0);
	EXPECT_EQUAL(remote_wait("crashed"), 0);
	snprintf(words, sizeof(words), "probe: swept: %#llx %#x", (unsigned long long)steps,
		 (unsigned)(SWEPT / PROBE_SWEEP_STEP));
	fault_expect_in_trace(words);
	trial_recover(&probe);
}

static void expect_not_run(uint64_t address)
{
	struct probe_message message = {
		.command = PROBE_ESCAPE, .argument = PROBE_ESCAPE_RUN, .offset = address};

	fault_arm();
	EXPECT_EQUAL(probe_tell(&probe, &message), 0);
	fault_expect("the coprocessor fetches from", FAULT_BUS_FETCH);
	trial_recover(&probe);
}

/* What is attached, and what is set aside but for the image: behind the locks is room. */
static void code_is_run_in_the_image_and_nowhere_else(void)
{
	struct attached it;

	trial_begin(&probe);
	attached_open(&it, TRIAL_SIZE, TRIAL_BOTH);
	expect_not_run(it.address);
	attached_close(&it);
	trial_begin(&probe);
	expect_not_run(VSOC_LOCKS_DA + VSOC_LOCKS * VSOC_LOCKS_STRIDE);
}

static void tables_in_use_cannot_be_changed(void)
{
	static const uint32_t kinds[] = {PROBE_ESCAPE_SATP, PROBE_ESCAPE_SFENCE,
					 PROBE_ESCAPE_DELEGATE};

	trial_begin(&probe);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		fault_arm();
		EXPECT_EQUAL(probe_end(&probe, PROBE_ESCAPE, kinds[i]), 0);
		fault_expect("tries to change its translation", FAULT_ILLEGAL);
		trial_recover(&probe);
		EXPECT_EQUAL(probe_open(&probe), 0);
	}
	trial_finish(&probe);
}

/* As fast as it can, and nobody stops it for a while. */
static void faults_without_end_do_not_fill_the_log(void)
{
	uint32_t lines;

	trial_begin(&probe);
	fault_arm();
	EXPECT_EQUAL(probe_end(&probe, PROBE_ESCAPE, PROBE_ESCAPE_FAULTS), 0);
	EXPECT_EQUAL(remote_wait("crashed"), 0);
	usleep(LATER_US);
	EXPECT(fault_was_said("the coprocessor writes to 0x0, " TRIAL_ABSENT));
	lines = fault_count("fault");
	if (lines > LINES_MAX)
		fprintf(stderr, "%u lines about faults\n", lines);
	EXPECT(lines <= LINES_MAX);
	trial_recover(&probe);
}

/* Its calls would read and write files of whoever runs QEMU. */
static void host_of_the_emulator_is_out_of_reach(void)
{
	trial_begin(&probe);
	fault_arm();
	EXPECT_EQUAL(probe_end(&probe, PROBE_ESCAPE, PROBE_ESCAPE_HOST), 0);
	fault_expect(NULL, FAULT_BREAK);
	trial_recover(&probe);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(monitor_and_tables_are_out_of_reach),
		CHECK(monitor_is_out_of_reach_even_where_a_table_leads_to_it),
		CHECK(nothing_of_all_memory_is_in_reach_but_what_is_set_aside_for_it),
		CHECK(code_is_run_in_the_image_and_nowhere_else),
		CHECK(tables_in_use_cannot_be_changed),
		CHECK(faults_without_end_do_not_fill_the_log),
		CHECK(host_of_the_emulator_is_out_of_reach),
	};

	if (!remote_is("running") && remote_switch("start"))
		return 1;
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
