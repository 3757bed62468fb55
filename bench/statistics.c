/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics: medians, percentiles, and the confidence interval of a median.
 * Bench; numbers only.
 */
#include "statistics.h"

#include <math.h>
#include <stdlib.h>

static int order(const void *one, const void *other)
{
	const double *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

static double sorted_percentile(const double *values, size_t count, double share)
{
	double place, under;

	if (!count)
		return (double)NAN;
	place = share * (double)(count - 1);
	under = floor(place);
	if ((size_t)under + 1 >= count)
		return values[count - 1];
	return values[(size_t)under] +
	       (place - under) * (values[(size_t)under + 1] - values[(size_t)under]);
}

double statistics_percentile(double *values, size_t count, double share)
{
	qsort(values, count, sizeof(*values), order);
	return sorted_percentile(values, count, share);
}

/*
 * The k-th smallest and the k-th largest of n enclose the median unless fewer than k values lie on one
 * side of it: each a binomial tail, which may be 2.5 %. Returns the largest such k, or 0.
 */
static size_t rank_of_interval(size_t count)
{
	double term = pow(0.5, (double)count), tail = term;
	size_t k = 0;

	while (tail <= 0.025 && k < count / 2) {
		k++;
		term *= (double)(count - k + 1) / (double)k;
		tail += term;
	}
	return k;
}

struct statistics_median statistics_median(double *values, size_t count)
{
	struct statistics_median result = {(double)NAN, (double)NAN, (double)NAN};
	size_t rank = rank_of_interval(count);

	result.median = statistics_percentile(values, count, 0.5);
	if (rank) {
		result.low = values[rank - 1];
		result.high = values[count - rank];
	}
	return result;
}
