/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Report: what came out, as a table and as JSON.
 * Bench; after the runner.
 */
#ifndef AMPHORA_BENCH_REPORT_H
#define AMPHORA_BENCH_REPORT_H

#include "runner.h"
#include "statistics.h"

/* The figures of one row; NAN where nothing was measured. */
struct report_row {
	double median, p10, p90, p99; /* nanoseconds of a trip; percentiles of samples */
	double floor; /* nanoseconds */
	struct statistics_median ratio; /* to the floor, of rounds */
	uint32_t rounds; /* that count */
};

struct report_row report_row(const struct runner_variant *variant);

void report_table(const struct runner *runner);

/* 0 or -errno. command: how the program was called. */
int report_json(const struct runner *runner, const char *path, const char *command);

#endif
