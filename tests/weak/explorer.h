/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the explorer as its driver (main.c) sees it.
 */
#ifndef TESTS_WEAK_EXPLORER_H
#define TESTS_WEAK_EXPLORER_H

#include "weak.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "support/order_hooks.h"

/* One place that orders, for one word: what can be left out. Barriers are for no word. */
struct weak_ordering {
	struct order_site *site;
	const char *word; /* NULL: a barrier */
	struct weak_ordering *next; /* of the same site, by order_site.mark */
	uint64_t met; /* in explored executions */
};

#define WEAK_ORDERINGS_MAX 256

extern struct weak_ordering weak_orderings[WEAK_ORDERINGS_MAX];
extern uint32_t weak_ordering_count;

/* What is left out of an execution. */
enum weak_removal {
	WEAK_NOTHING,
	WEAK_ORDERING, /* the load or store stays, the barrier goes */
	WEAK_STORE_LOAD, /* of a full barrier: it still is an acquire and a release */
};

struct weak_run {
	const struct weak_scenario *scenario;
	/* acquire and release belong to the word's own access, as in C11, and are no barriers as in order.h */
	bool operations;
	enum weak_removal removal;
	const struct weak_ordering *removed;
	uint64_t first, executions;
	bool trace; /* print each access of the first execution */
};

struct weak_result {
	bool failed;
	uint64_t execution; /* that failed, or the last */
	uint64_t executions; /* that were begun */
	char what[160];
};

void weak_explore(const struct weak_run *run, struct weak_result *result);

#ifdef __cplusplus
}
#endif

#endif
