/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Failing calls: every place where the library calls the C library or the kernel is a fault_site, and one
 * of its calls can be made to fail; and the runner that makes each call of a scenario fail once.
 * Test code. calls.py makes the sites.
 */
#ifndef TESTS_FAULTS_FAULT_H
#define TESTS_FAULTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct amph_why;

struct fault_site {
	const char *source, *call;
	const int *errors; /* what it can fail with */
	uint32_t error_count;
	int error; /* what it fails with now */
} __attribute__((aligned(64)));

/* Is it this call's turn to fail? */
bool fault_here(struct fault_site *site);

/*
 * One call of the library. prepare: everything before it. call: the call, 0 or more for success, -errno.
 * undo: after a success, everything back to before prepare. why: where its reason is said, or NULL where
 * none is promised.
 */
struct fault_scenario {
	const char *name;
	void (*prepare)(void);
	int (*call)(void);
	void (*undo)(void);
	const struct amph_why *why;
};

/*
 * Runs each with each of its calls failing in each way. Checks what is left, and that the same call
 * succeeds afterwards. Prints the figures, and the sites that nothing met. Returns the exit status.
 */
int fault_run(int count, char **arguments, const struct fault_scenario *scenarios,
	      uint32_t scenario_count);

/* Does what a caller does about an error, with no call failing; returns what that returns. */
int fault_off(int (*mend)(int error), int error);

#define FAULT_CHECK(condition)                                      \
	do {                                                        \
		if (!(condition))                                   \
			fault_stop(__FILE__, __LINE__, #condition); \
	} while (0)

__attribute__((noreturn)) void fault_stop(const char *file, int line, const char *what);

#endif
