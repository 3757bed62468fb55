/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bench: what a contender is, and what it may use of the program that measures it.
 * Knows nothing of Amphora; each contender is one file that fills in struct bench_contender.
 * A new one: write bench/NAME.c, and name its table in contenders.c and its file in CMakeLists.txt.
 *
 * The program forks two processes for each contender, "ask" and "answer", pinned to one processor
 * each. They live, parked, until the end; round by round each contender has its turn, in which
 * the two do a number of trips that both are told beforehand, between two measurements of its floor
 * by the same two processes. A process that hangs or dies is found by the program, which
 * kills both: so a loop in a contender may spin without a deadline of its own.
 */
#ifndef AMPHORA_BENCH_H
#define AMPHORA_BENCH_H

#include <stddef.h>
#include <stdint.h>

#define BENCH_FDS  8
#define BENCH_LINE 64 /* bytes: what two words must lie apart to have a cache line each */

/* The two processes of a contender. */
enum bench_role { BENCH_ASK, BENCH_ANSWER };

/* The least that the same trip could cost, measured by the same processes just before and after. */
enum bench_floor {
	BENCH_FLOOR_LINE, /* one cache line each way, both sides spinning */
	BENCH_FLOOR_FUTEX, /* the same, both sides sleeping */
	BENCH_FLOOR_STREAM_1, /* bare cache lines one way, the reader says so after each */
	BENCH_FLOOR_STREAM_4, /* ... after four */
	BENCH_FLOOR_STREAM_16,
	BENCH_FLOOR_STREAM_64,
	BENCH_FLOORS
};

/* One row of the table. The variants of a contender share its two processes. */
struct bench_variant {
	const char *name; /* of its own within the contender; "" where there is only one */
	uint64_t size; /* bytes of payload; 0: it has none */
	uint32_t number; /* of buffers, sessions, ...: the contender's own */
	enum bench_floor floor;
	/* trips in one timed sample; 0: as many as take some microseconds, so that a clock costs nothing */
	uint32_t batch;
	int slow; /* to set up: left out of a quick run */
};

struct bench_run;

struct bench_contender {
	const char *name; /* as --only takes it */
	const char *what; /* one line for --list: what a trip is */
	const char *unit; /* of a trip: "round trip", "hand-off", ... */
	const struct bench_variant *variants;
	uint32_t variant_count;
	/* Why it can't run here (a package that is missing), or NULL. May be NULL itself. */
	const char *(*missing)(void);
	/*
	 * Before the fork, in the program: makes what both processes inherit: run->fds, run->shared.
	 * 0 or -errno (and bench_why()). The program closes its fds after the fork. May be NULL.
	 */
	int (*set_up)(struct bench_run *run);
	/* In the program, when both processes are gone, however they went. May be NULL. */
	void (*tear_down)(struct bench_run *run);
	/* In each process, once: the two run at the same time. 0 or -errno. May be NULL. */
	int (*start)(struct bench_run *run);
	/*
	 * ask does `count` trips of variant run->variant; answer serves as many, all of a turn at one
	 * call, where ask may be called for a few at a time. 0, or -errno ends the contender.
	 * answer NULL: it needs no other side.
	 */
	int (*ask)(struct bench_run *run, uint32_t count);
	int (*answer)(struct bench_run *run, uint32_t count);
	/* In each process, at the end of a run that went well. May be NULL. */
	void (*stop)(struct bench_run *run);
};

struct bench_run {
	const struct bench_contender *contender;
	enum bench_role role;
	uint32_t variant; /* index, of this turn */
	int quick; /* variants that are slow to set up are left out */
	int fds[BENCH_FDS]; /* set_up's; -1: none. Both processes have all of them */
	void *shared; /* set_up's, from bench_share() */
	void *state; /* of this process: start's */
	char why[160]; /* of the last error */
};

/* Zeroed memory that both processes have at the same address, for run->shared; NULL: none left. */
void *bench_share(size_t size);

/* Puts why it failed into run->why, as printf; returns error, for the caller's return. */
int bench_why(struct bench_run *run, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t bench_now(void);

/* What a spinning processor should say to itself. */
static inline void bench_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ volatile("pause");
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Every contender, in the order of the table; ends with NULL. */
extern const struct bench_contender *const bench_contenders[];

#endif
