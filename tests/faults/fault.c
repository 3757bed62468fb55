/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Failing calls: the counter behind every call that the library makes, and the runner of scenarios.
 * Test code. Its own calls go to the C library, not through the sites.
 */
#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/error.h>

#define CALLS_MAX   400u
#define SITES_MAX   1024u
#define SCENARIO_S  60u
#define SETTLE_LOOK 200u /* a keeper's thread may take a moment to go */

extern struct fault_site __start_fault_sites[], __stop_fault_sites[];

static uint32_t site_count(void)
{
	return (uint32_t)(((uintptr_t)__stop_fault_sites - (uintptr_t)__start_fault_sites) /
			  sizeof(struct fault_site));
}

/* Shared with children that the library forks: they make calls, too. */
static struct {
	uint32_t count; /* calls since it was armed */
	uint32_t at; /* the call that fails; 0: none */
	uint32_t error; /* which of its errors */
	uint32_t hit; /* it failed */
	uint32_t past; /* the call has no such error */
	uint32_t site; /* index of what failed */
	uint8_t met[SITES_MAX];
} * state;

struct remains {
	uint32_t fds, maps, tasks;
};

static const struct fault_scenario *current;
static uint32_t tried; /* the call that failed last, for the report */
static uint64_t allocations, system_calls, survived;

bool fault_here(struct fault_site *site)
{
	uint32_t index = (uint32_t)(site - __start_fault_sites);
	uint32_t count;

	if (!state)
		return false;
	state->met[index] = 1;
	count = __atomic_add_fetch(&state->count, 1, __ATOMIC_SEQ_CST);
	if (!state->at || count != state->at)
		return false;
	if (state->error >= site->error_count) {
		state->past = 1;
		return false;
	}
	site->error = site->errors[state->error];
	state->site = index;
	state->hit = 1;
	return true;
}

static void arm(uint32_t at, uint32_t error)
{
	state->at = at;
	tried = at ? at : tried;
	state->error = error;
	state->hit = state->past = 0;
	__atomic_store_n(&state->count, 0, __ATOMIC_SEQ_CST);
}

int fault_off(int (*mend)(int error), int error)
{
	/* what is still to come in this call, and not in what follows from it */
	uint32_t at = state->at;
	int result;

	state->at = 0;
	result = mend(error);
	state->at = at;
	return result;
}

static const char *error_name(void)
{
	const struct fault_site *site = &__start_fault_sites[state->site];

	return state->hit ? strerrorname_np(site->errors[state->error]) : "nothing";
}

void fault_stop(const char *file, int line, const char *what)
{
	const struct fault_site *site = &__start_fault_sites[state->site];
	printf("FAILED --scenario %s --call %u --error %u\n  %s:%d: %s\n  where %s of %s failed with %s\n",
	       current->name, tried, state->error, file, line, what,
	       state->hit ? site->call : "nothing", state->hit ? site->source : "-", error_name());
	fflush(stdout);
	_exit(1);
}

static uint32_t count_entries(const char *path)
{
	DIR *folder = opendir(path);
	uint32_t count = 0;

	FAULT_CHECK(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static uint32_t count_mapped(void)
{
	FILE *file = fopen("/proc/self/maps", "r");
	char line[512];
	uint32_t count = 0;

	FAULT_CHECK(file);
	while (fgets(line, sizeof(line), file))
		count += strstr(line, "s 0") != NULL;
	fclose(file);
	return count;
}

static struct remains look(void)
{
	return (struct remains){.fds = count_entries("/proc/self/fd"),
				.maps = count_mapped(),
				.tasks = count_entries("/proc/self/task")};
}

static void check_same(const struct remains *before)
{
	struct remains now = look();

	for (uint32_t looks = 0; now.tasks != before->tasks && looks < SETTLE_LOOK; looks++) {
		usleep(1000);
		now = look();
	}
	FAULT_CHECK(now.fds == before->fds);
	FAULT_CHECK(now.maps == before->maps);
	FAULT_CHECK(now.tasks == before->tasks);
}

/* One call failing in one way. Returns whether there was such a call; *past: it has no such error. */
static bool run_one(const struct fault_scenario *scenario, uint32_t at, uint32_t error, bool *past)
{
	struct remains before = look(), prepared;
	int result;
	bool hit;

	alarm(SCENARIO_S); /* what does not end by itself is ended: ctest says so */
	arm(0, 0);
	tried = at;
	scenario->prepare();
	prepared = look();
	arm(at, error);
	result = scenario->call();
	hit = state->hit;
	*past = state->past;
	state->at = 0;
	if (hit) {
		if (__start_fault_sites[state->site].errors[error] == ENOMEM)
			allocations++;
		else
			system_calls++;
	}
	if (result < 0) {
		FAULT_CHECK(hit);
		FAULT_CHECK(result > -4096);
		if (scenario->why)
			FAULT_CHECK(scenario->why->what);
		check_same(&prepared);
		result = scenario->call();
		FAULT_CHECK(result >= 0);
	} else if (hit) {
		survived++;
	}
	scenario->undo();
	check_same(&before);
	FAULT_CHECK(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	alarm(0);
	return hit || *past;
}

static void run_all(const struct fault_scenario *scenario)
{
	bool past;

	for (uint32_t at = 1;; at++) {
		uint32_t error = 0;

		FAULT_CHECK(at < CALLS_MAX);
		while (run_one(scenario, at, error, &past) && !past)
			error++;
		if (!error)
			break;
	}
}

static void write_met(const char *program)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s.met", program);
	file = fopen(path, "w");
	FAULT_CHECK(file);
	for (uint32_t i = 0; i < site_count(); i++)
		if (state->met[i])
			fprintf(file, "%s %s\n", __start_fault_sites[i].source,
				__start_fault_sites[i].call);
	fclose(file);
}

int fault_run(int count, char **arguments, const struct fault_scenario *scenarios,
	      uint32_t scenario_count)
{
	const char *only = NULL;
	uint32_t at = 0, error = 0;
	bool past;

	for (int i = 1; i + 1 < count; i += 2) {
		if (!strcmp(arguments[i], "--scenario"))
			only = arguments[i + 1];
		else if (!strcmp(arguments[i], "--call"))
			at = (uint32_t)atoi(arguments[i + 1]);
		else if (!strcmp(arguments[i], "--error"))
			error = (uint32_t)atoi(arguments[i + 1]);
	}
	state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (state == MAP_FAILED || site_count() > SITES_MAX)
		return 2;
	for (uint32_t i = 0; i < scenario_count; i++) {
		current = &scenarios[i];
		if (only && strcmp(only, current->name) != 0)
			continue;
		if (at)
			run_one(current, at, error, &past);
		else
			run_all(current);
		printf("%s: all calls failed once\n", current->name);
	}
	write_met(arguments[0]);
	printf("figure: allocations failed %llu\nfigure: system calls failed %llu\n"
	       "figure: failures that the library made good %llu\n",
	       (unsigned long long)allocations, (unsigned long long)system_calls,
	       (unsigned long long)survived);
	return 0;
}
