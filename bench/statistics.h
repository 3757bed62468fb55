/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics: medians, percentiles, and the confidence interval of a median.
 * Bench; numbers only.
 */
#ifndef AMPHORA_BENCH_STATISTICS_H
#define AMPHORA_BENCH_STATISTICS_H

#include <stddef.h>

/* Sorts `values` and returns the one that `share` (0 to 1) of them lie below; NAN of none. */
double statistics_percentile(double *values, size_t count, double share);

struct statistics_median {
	double median, low,
		high; /* low to high holds the true median with 95 %; NAN below 6 values */
};

/* By order statistics: supposes nothing about how the values are distributed. Sorts them. */
struct statistics_median statistics_median(double *values, size_t count);

#endif
