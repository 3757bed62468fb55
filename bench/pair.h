/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pair: a contender's two processes, seen from the program: started, told, watched, ended.
 * Bench; between the runner, which says what is measured, and the contenders.
 */
#ifndef AMPHORA_BENCH_PAIR_H
#define AMPHORA_BENCH_PAIR_H

#include <signal.h>
#include <stdint.h>
#include <sys/types.h>

#include "bench.h"
#include "floor.h"

#define PAIR_SAMPLES 4096u /* of one turn, at most */

enum pair_what { PAIR_START, PAIR_FLOOR, PAIR_TRIPS, PAIR_STOP };

/* Told to both processes. */
struct pair_command {
	enum pair_what what;
	enum bench_floor floor;
	uint32_t variant;
	uint32_t warm; /* trips before the first sample */
	uint32_t batch, samples; /* trips in a sample */
};

struct pair_answer {
	int error;
	char why[160];
};

struct pair {
	const struct bench_contender *contender;
	struct bench_run run;
	pid_t pids[2]; /* by role; 0: none */
	int sockets[2]; /* to them */
	uint64_t *samples; /* nanoseconds; the asking process fills it in */
	struct floor_memory *floor;
	int error; /* it has failed: run.why says how */
};

/* Makes both processes and lets them start. 0 or -errno and pair->run.why. */
int pair_open(struct pair *pair, const struct bench_contender *contender, const int cpus[2],
	      int quick);

/* Tells both, and waits until both have done it. On an error both are killed. */
int pair_tell(struct pair *pair, const struct pair_command *command);

/* Ends both; well: they may stop in order. Leaves nothing behind. */
void pair_close(struct pair *pair);

/* In a child of the program: does what it is told until it is told to stop. Returns its exit status. */
int worker_run(struct pair *pair, int socket);

/* Set by a signal: everything shall come to an end. */
extern volatile sig_atomic_t bench_interrupted;

#endif
