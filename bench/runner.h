/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Runner: all contenders in turns, round by round, each between two looks at its floor.
 * Bench; between pair.h, which does one turn, and report.h, which says what came out.
 */
#ifndef AMPHORA_BENCH_RUNNER_H
#define AMPHORA_BENCH_RUNNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench.h"

/* A cache line that takes longer there and back has been to another cache: nanoseconds. */
#define RUNNER_FAR 300.0

struct runner_turn {
	double ns; /* median, of a trip */
	double floor; /* mean of the floor's medians before and after, of a trip */
	double line; /* a cache line there and back, beside it */
	bool far; /* by `line` */
	bool steady; /* the floor was the same before and after */
	bool used; /* in the figures: steady, and as near or far as most turns of the run */
	size_t samples, sample_count; /* where in the variant's samples */
};

struct runner_variant {
	const struct bench_contender *contender;
	const struct bench_variant *variant;
	const char *missing; /* why it did not run, or NULL */
	uint32_t batch; /* trips in a sample, of the last turn */
	struct runner_turn *turns; /* runner.rounds */
	uint32_t turn_count;
	float *samples; /* nanoseconds of a trip */
	size_t sample_count, sample_max;
};

struct runner {
	/* asked for */
	uint32_t rounds;
	uint32_t turn_us; /* of measuring, for each variant in a round */
	int cpus[2];
	const char *only; /* names, "a,b"; NULL: all */
	bool quiet;
	bool quick; /* without what is slow to set up */
	/* what came out */
	struct runner_variant *variants;
	size_t variant_count;
	uint32_t failed; /* contenders */
	uint32_t repeated; /* turns, since the floor jumped */
	bool far; /* most turns were */
	double seconds;
};

/* Runs it all. 0; -EINTR, -ENOMEM, -ENOENT (only: no such contender). What fails is named on stderr. */
int runner_run(struct runner *runner);

/* Frees what came out. */
void runner_free(struct runner *runner);

#endif
