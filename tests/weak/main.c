/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: runs the scenarios of the weak-memory explorer.
 *
 *   weak explore NAME               the real code through all of the scenario's executions
 *   weak remove [PART/PARTS]        each ordering of the library left out, one at a time: somebody notices
 *   weak remove one NUMBER          the same for one of them, by its number in the list
 *   weak sites                      each place of the library that orders is met by a scenario
 *   weak trace NAME EXECUTION [NUMBER]  each access of one execution, with that ordering left out
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/fork.h>
#include <amphora/time.h>

#include "explorer.h"

extern const struct weak_scenario *const __start_weak_scenarios[];
extern const struct weak_scenario *const __stop_weak_scenarios[];

#define SURVEY	      1000u /* executions that show which orderings a scenario meets */
#define PATIENCE      60u /* seconds that one run with an ordering left out may take */
#define SCENARIOS_MAX 64u

/* The library's clock stands still: an execution depends on nothing but its number. */
uint64_t __wrap_amph_time_now(void);
uint64_t __wrap_amph_time_now(void)
{
	return 1;
}

/* And each run apart is a fork, which the library would refuse to serve. */
const uint32_t *__wrap_amph_fork_word(void);
const uint32_t *__wrap_amph_fork_word(void)
{
	static const uint32_t generation;

	return &generation;
}

uint32_t __wrap_amph_fork_generation(void);
uint32_t __wrap_amph_fork_generation(void)
{
	return 0;
}

static const struct weak_scenario *scenarios[SCENARIOS_MAX];
static uint32_t scenario_count;

static void find_scenarios(void)
{
	const struct weak_scenario *const *each = __start_weak_scenarios;

	while (each != __stop_weak_scenarios && scenario_count < SCENARIOS_MAX)
		scenarios[scenario_count++] = *each++;
}

/* Paths from the project's folder on, however the compiler was called. */
static const char *short_name(const char *file)
{
	static const char *const tops[] = {"/include/amphora/", "/lib/", "/firmware/", "/tests/"};

	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++) {
		const char *at = strstr(file, tops[i]);

		if (at)
			return at + 1;
	}
	return file;
}

static const char *kind_name(const struct order_site *site)
{
	static const char *const names[] = {
		"", "acquire", "", "release", "barrier acquire", "barrier release", "barrier full"};

	return names[site->kind];
}

static bool is_ordering(const struct order_site *site)
{
	return site->kind == ORDER_LOAD_ACQUIRE || site->kind == ORDER_STORE_RELEASE ||
	       site->kind == ORDER_BARRIER_ACQUIRE || site->kind == ORDER_BARRIER_RELEASE ||
	       site->kind == ORDER_BARRIER_FULL;
}

static void print_site(const struct order_site *site, const char *word)
{
	printf("%s:%" PRIu32, short_name(site->file), site->line);
	if (strcmp(site->file, site->unit) != 0)
		printf(" in %s", short_name(site->unit));
	printf(":%s:%s%s%s", site->function ? site->function : "(never run)", kind_name(site),
	       word ? " of " : "", word ? word : "");
}

/* Runs in a process of its own: what it does to its memory, or a crash, is its own. */
static void run_apart(const struct weak_run *run, struct weak_result *result)
{
	int ends[2], status;
	pid_t child;

	fflush(stdout);
	if (pipe(ends) || (child = fork()) < 0) {
		perror("weak");
		exit(2);
	}
	if (!child) {
		alarm(PATIENCE);
		weak_explore(run, result);
		_exit(write(ends[1], result, sizeof(*result)) != (ssize_t)sizeof(*result));
	}
	close(ends[1]);
	memset(result, 0, sizeof(*result));
	if (read(ends[0], result, sizeof(*result)) != (ssize_t)sizeof(*result)) {
		result->failed = true;
		snprintf(result->what, sizeof(result->what), "it crashed");
	}
	close(ends[0]);
	if (waitpid(child, &status, 0) < 0) {
		perror("weak");
		exit(2);
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) {
		result->failed = true;
		snprintf(result->what, sizeof(result->what), "it did not end");
	}
}

static int explore(const char *name)
{
	uint64_t explored = 0;

	for (uint32_t i = 0; i < scenario_count; i++) {
		struct weak_run run = {.scenario = scenarios[i], .first = 1};

		if (strcmp(scenarios[i]->name, name) != 0)
			continue;
		run.executions = run.scenario->executions;
		for (int way = 0; way < 2; way++) {
			struct weak_result result;

			run.operations = way;
			weak_explore(&run, &result);
			if (result.failed) {
				printf("%s: execution %" PRIu64 " failed: %s\n", name,
				       result.execution, result.what);
				return 1;
			}
			explored += result.executions;
		}
		printf("figure: weak executions explored %" PRIu64 "\n", explored);
		return 0;
	}
	fprintf(stderr, "weak: there is no scenario %s\n", name);
	return 2;
}

/* Which scenario meets which ordering. */
static bool meets[SCENARIOS_MAX][WEAK_ORDERINGS_MAX];

static int survey(void)
{
	for (uint32_t i = 0; i < scenario_count; i++) {
		struct weak_run run = {.scenario = scenarios[i], .first = 1, .executions = SURVEY};
		struct weak_result result;

		for (uint32_t j = 0; j < weak_ordering_count; j++)
			weak_orderings[j].met = 0;
		weak_explore(&run, &result);
		if (result.failed) {
			printf("%s: execution %" PRIu64 " failed: %s\n", scenarios[i]->name,
			       result.execution, result.what);
			return 1;
		}
		for (uint32_t j = 0; j < weak_ordering_count; j++)
			meets[i][j] = weak_orderings[j].met;
	}
	return 0;
}

/* Somebody must notice. */
static bool removed_is_noticed(uint32_t number, enum weak_removal removal)
{
	const struct weak_ordering *ordering = &weak_orderings[number];
	struct weak_result result = {.failed = false};
	const struct weak_run *noticed = NULL;
	struct weak_run run = {.removal = removal, .removed = ordering, .first = 1};

	for (int way = 0; way < 2 && !noticed; way++) {
		run.operations = way;
		for (uint32_t i = 0; i < scenario_count && !noticed; i++) {
			if (!meets[i][number])
				continue;
			run.scenario = scenarios[i];
			run.executions = run.scenario->executions;
			run_apart(&run, &result);
			if (result.failed)
				noticed = &run;
		}
	}
	printf("%s %" PRIu32 " ", noticed ? "ok" : "not ok", number);
	print_site(ordering->site, ordering->word);
	printf("%s: ", removal == WEAK_STORE_LOAD ? " without store to load" : "");
	if (noticed)
		printf("%s%s, execution %" PRIu64 ": %s\n", run.scenario->name,
		       run.operations ? " (no barriers)" : "", result.execution, result.what);
	else
		printf("nobody notices that it is left out\n");
	return noticed;
}

/* Nothing left out: what is noticed later is not noticed because it is run apart. */
static int run_whole(void)
{
	for (uint32_t i = 0; i < scenario_count; i++) {
		struct weak_run run = {.scenario = scenarios[i], .first = 1, .executions = SURVEY};
		struct weak_result result;

		run_apart(&run, &result);
		if (result.failed) {
			printf("%s: execution %" PRIu64 " failed: %s\n", run.scenario->name,
			       result.execution, result.what);
			return 1;
		}
	}
	return 0;
}

static int remove_each(uint32_t part, uint32_t parts, uint32_t only)
{
	uint32_t caught = 0, missed = 0;
	int error = survey();

	if (!error)
		error = run_whole();

	for (uint32_t i = 0; i < weak_ordering_count && !error; i++) {
		if (i % parts != part || (only < WEAK_ORDERINGS_MAX && i != only))
			continue;
		if (removed_is_noticed(i, WEAK_ORDERING))
			caught++;
		else
			missed++;
		if (weak_orderings[i].site->kind != ORDER_BARRIER_FULL)
			continue;
		if (removed_is_noticed(i, WEAK_STORE_LOAD))
			caught++;
		else
			missed++;
	}
	printf("figure: orderings removed and caught %" PRIu32 "\n", caught);
	return error ? error : missed || !caught;
}

static int sites(void)
{
	uint32_t count = 0, missed = 0;
	int error = survey();

	for (struct order_site *site = order_sites_first(); site < order_sites_end(); site++) {
		if (!is_ordering(site))
			continue;
		count++;
		if (site->mark)
			continue;
		printf("no scenario meets ");
		print_site(site, NULL);
		printf("\n");
		missed++;
	}
	printf("%" PRIu32 " places order, %" PRIu32 " orderings are met\n", count,
	       weak_ordering_count);
	return error ? error : missed != 0;
}

static int trace(const char *name, uint64_t execution, uint32_t number)
{
	/* the numbers are those of the survey */
	if (number != UINT32_MAX && survey())
		return 1;
	for (uint32_t i = 0; i < scenario_count; i++) {
		struct weak_run run = {
			.scenario = scenarios[i], .first = execution, .executions = 1};
		struct weak_result result;

		if (strcmp(scenarios[i]->name, name) != 0)
			continue;
		if (number < weak_ordering_count) {
			run.removal = WEAK_ORDERING;
			run.removed = &weak_orderings[number];
		}
		run.trace = true;
		weak_explore(&run, &result);
		printf("%s\n", result.failed ? result.what : "it ends well");
		return 0;
	}
	return 2;
}

int main(int count, char **arguments)
{
	uint32_t part = 0, parts = 1;

	find_scenarios();
	if (count == 3 && !strcmp(arguments[1], "explore"))
		return explore(arguments[2]);
	if (count == 2 && !strcmp(arguments[1], "sites"))
		return sites();
	if (count == 4 && !strcmp(arguments[1], "remove") && !strcmp(arguments[2], "one"))
		return remove_each(0, 1, (uint32_t)strtoul(arguments[3], NULL, 10));
	if (count == 2 && !strcmp(arguments[1], "remove"))
		return remove_each(0, 1, UINT32_MAX);
	if (count == 3 && !strcmp(arguments[1], "remove") &&
	    sscanf(arguments[2], "%" SCNu32 "/%" SCNu32, &part, &parts) == 2 && part < parts)
		return remove_each(part, parts, UINT32_MAX);
	if ((count == 4 || count == 5) && !strcmp(arguments[1], "trace"))
		return trace(arguments[2], strtoull(arguments[3], NULL, 10),
			     count == 5 ? (uint32_t)strtoul(arguments[4], NULL, 10) : UINT32_MAX);
	fprintf(stderr, "usage: weak explore NAME | remove [PART/PARTS | one NUMBER] | sites |\n"
			"       trace NAME EXECUTION [NUMBER]\n");
	return 2;
}
