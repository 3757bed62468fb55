/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Report: the figures of each variant, and the table of them on the terminal.
 * Bench; after the runner. json.c writes the same for programs.
 */
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "floor.h"

/* The samples of all rounds that count. */
static double *pool(const struct runner_variant *variant, size_t *count)
{
	double *values = malloc((variant->sample_count + 1) * sizeof(*values));

	*count = 0;
	for (uint32_t i = 0; i < variant->turn_count && values; i++)
		for (size_t j = 0; j < variant->turns[i].sample_count && variant->turns[i].used;
		     j++)
			values[(*count)++] =
				(double)variant->samples[variant->turns[i].samples + j];
	return values;
}

struct report_row report_row(const struct runner_variant *variant)
{
	struct report_row row = {.median = (double)NAN};
	double *ratios = calloc(variant->turn_count + 1, sizeof(*ratios));
	double *floors = calloc(variant->turn_count + 1, sizeof(*floors));
	double *samples;
	size_t count;

	samples = pool(variant, &count);
	if (ratios && floors && samples) {
		for (uint32_t i = 0; i < variant->turn_count; i++) {
			const struct runner_turn *turn = &variant->turns[i];

			if (!turn->used)
				continue;
			floors[row.rounds] = turn->floor;
			ratios[row.rounds++] = turn->ns / turn->floor;
		}
		row.ratio = statistics_median(ratios, row.rounds);
		row.floor = statistics_percentile(floors, row.rounds, 0.5);
		row.median = statistics_percentile(samples, count, 0.5);
		row.p10 = statistics_percentile(samples, count, 0.1);
		row.p90 = statistics_percentile(samples, count, 0.9);
		row.p99 = statistics_percentile(samples, count, 0.99);
	}
	free(ratios);
	free(floors);
	free(samples);
	return row;
}

/* Three digits and a unit, in `text`. */
static const char *time_text(char text[16], double ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	int unit = 0;

	while (ns >= 999.5 && unit < 3) {
		ns /= 1000;
		unit++;
	}
	snprintf(text, 16, "%.*f %s", ns < 9.995 ? 2 : ns < 99.95 ? 1 : 0, ns, units[unit]);
	return text;
}

static void table_row(const struct runner_variant *variant)
{
	struct report_row row = report_row(variant);
	char median[16], p10[16], p90[16], p99[16], floor[16];

	printf("%-14s %-16s ", variant->contender->name, variant->variant->name);
	if (variant->missing) {
		printf("not measured: %s\n", variant->missing);
		return;
	}
	if (!row.rounds) {
		printf("not measured: the machine was too restless\n");
		return;
	}
	printf("%9s %9s %9s %9s  %-12s %9s  ", time_text(median, row.median),
	       time_text(p10, row.p10), time_text(p90, row.p90), time_text(p99, row.p99),
	       floor_names[variant->variant->floor], time_text(floor, row.floor));
	printf(row.ratio.median < 99.95 ? "%8.2f" : "%8.0f", row.ratio.median);
	if (!isnan(row.ratio.low))
		printf(row.ratio.median < 99.95 ? "  [%.2f, %.2f]" : "  [%.0f, %.0f]",
		       row.ratio.low, row.ratio.high);
	printf("\n");
}

void report_table(const struct runner *runner)
{
	const struct bench_contender *last = NULL;

	printf("%-14s %-16s %9s %9s %9s %9s  %-12s %9s  %8s  %s\n", "contender", "variant",
	       "median", "p10", "p90", "p99", "floor", "its time", "ratio", "95 % of it");
	for (size_t i = 0; i < runner->variant_count; i++) {
		if (last && last != runner->variants[i].contender)
			printf("\n");
		last = runner->variants[i].contender;
		table_row(&runner->variants[i]);
	}
	printf("\nThe two processors are %s each other. %u rounds, %.0f s; %u turns were repeated, since "
	       "the floor changed meanwhile.\n",
	       runner->far ? "far from" : "near", runner->rounds, runner->seconds,
	       runner->repeated);
}
