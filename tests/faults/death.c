/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Death at every step: the runner. Counts the places in a life without death, then lets the victim die at
 * each of them, in each way, and adds up.
 * Test code. Usage: death [--lane L] [--victim V] [--death D] [--place N] [--jobs N] [--verbose]
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "case.h"
#include "stage.h"

#define JOBS_MAX   16u
#define CASE_S	   60u /* a case ends by itself long before */
#define PATIENCE   3u
#define PLACES_MAX 4096u

static const char *const lane_names[LANES] = {"memfd", "pool", "rpmsg"};
static const char *const victim_names[VICTIMS] = {"importer", "home"};
static const char *const death_names[DEATHS] = {"none", "kill",	 "hang",   "silent",
						"stop", "pause", "restart"};

struct job {
	struct stage *stage;
	pid_t pid; /* 0: none */
};

static struct job jobs[JOBS_MAX];
static uint32_t job_max = 12, running;
static bool verbose;
static uint32_t killed, cases, failed, messages_killed;
static uint8_t *sites_killed;
/* of the series that runs now */
static bool reached[PLACES_MAX];
static uint32_t series_killed;

static uint32_t site_count(void)
{
	return (uint32_t)(order_sites_end() - order_sites_first());
}

static void describe(const struct stage *of, FILE *to)
{
	fprintf(to, "--lane %s --victim %s --death %s --place %u", lane_names[of->lane],
		victim_names[of->victim], death_names[of->death], of->place);
	if (of->died && of->site >= 0) {
		const struct order_site *site = &order_sites_first()[of->site];

		const char *name = strstr(site->file, "lib/");

		fprintf(to, " (store at %s:%u)", name ? name : site->file, site->line);
	} else if (of->died) {
		fprintf(to, " (%s message %u)", of->sending ? "sending" : "receiving", of->message);
	}
}

static void begin(struct job *job, const struct stage *wanted)
{
	*job->stage = *wanted;
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!job->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		alarm(CASE_S);
		stage = job->stage;
		case_run();
	}
	running++;
	cases++;
}

/* Takes what a case left behind. */
static void end(struct job *job, int status)
{
	const struct stage *of = job->stage;

	job->pid = 0;
	running--;
	if (status || of->failed) {
		printf("FAILED ");
		describe(of, stdout);
		printf("\n  %s (status %#x)\n", of->failed ? of->failure : "did not end", status);
		failed++;
	} else if (verbose) {
		describe(of, stdout);
		printf("%s\n", of->died ? "" : ": not reached");
	}
	if (of->died) {
		reached[of->place] = true;
		killed++;
		series_killed++;
		if (of->site >= 0)
			sites_killed[of->site] = 1;
		else
			messages_killed++;
	}
}

static struct job *wait_for_one(void)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, 0);

		for (uint32_t i = 0; i < job_max; i++) {
			if (jobs[i].pid == pid && pid > 0) {
				end(&jobs[i], status);
				return &jobs[i];
			}
		}
	}
}

static struct job *free_job(void)
{
	for (uint32_t i = 0; i < job_max; i++)
		if (!jobs[i].pid)
			return &jobs[i];
	return wait_for_one();
}

/* One case alone. Returns how many places the victim met. */
static uint32_t run_one(const struct stage *wanted)
{
	while (running)
		wait_for_one();
	begin(&jobs[0], wanted);
	wait_for_one();
	return jobs[0].stage->met;
}

/*
 * Every place of one kind of death. How long a life is depends on who waits for whom: a place that was not
 * reached is tried again, with more patience, as another one may have been given up too early.
 */
static void run_series(struct stage wanted, uint32_t places)
{
	uint32_t before = failed;

	series_killed = 0;
	memset(reached, 0, sizeof(reached));
	for (wanted.patience = 0; wanted.patience < PATIENCE; wanted.patience++) {
		for (uint32_t i = 1; i <= places && failed < before + 5; i++) {
			wanted.place = i;
			if (!reached[i])
				begin(free_job(), &wanted);
		}
		while (running)
			wait_for_one();
	}
	printf("%s, %s: %s at %u of %u places\n", lane_names[wanted.lane],
	       victim_names[wanted.victim], death_names[wanted.death], series_killed, places);
	fflush(stdout);
}

static int find(const char *const *names, int count, const char *name)
{
	for (int i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return i;
	fprintf(stderr, "unknown: %s\n", name);
	exit(2);
}

static void run_all(int lane, int victim, int death)
{
	for (int l = 0; l < LANES; l++) {
		for (int v = 0; v < VICTIMS; v++) {
			struct stage wanted = {.lane = (enum lane)l, .victim = (enum victim)v};
			uint32_t places;

			if ((lane >= 0 && l != lane) || (victim >= 0 && v != victim))
				continue;
			places = run_one(&wanted);
			if (failed || places >= PLACES_MAX)
				return;
			for (int d = DEATH_KILL; d < DEATHS; d++) {
				/* one side alone can't begin again in virtqueues */
				if ((death >= 0 && d != death) ||
				    (l == LANE_RPMSG && d == DEATH_RESTART))
					continue;
				wanted.death = (enum death)d;
				run_series(wanted, places);
			}
		}
	}
}

/*
 * Nobody here loads a coprocessor, syncs by locks, sends a stream of pieces by the queue's quick way, or
 * does without the event index.
 */
static bool is_elsewhere(const struct order_site *site)
{
	return strstr(site->file, "/remoteproc/") || strstr(site->file, "/lock") ||
	       strstr(site->file, "/queue/queue.c") || strstr(site->file, "/virtqueue.c");
}

/* Every store in the source is one that somebody died at. */
static void check_sites(void)
{
	const struct order_site *sites = order_sites_first();
	uint32_t stores = 0;

	for (uint32_t i = 0; i < site_count(); i++) {
		bool met = false;

		if ((sites[i].kind != ORDER_STORE && sites[i].kind != ORDER_STORE_RELEASE &&
		     sites[i].kind != ORDER_COPY_TO_SHARED) ||
		    is_elsewhere(&sites[i]))
			continue;
		/* an inline function is compiled into several places */
		for (uint32_t j = 0; j < site_count() && !met; j++)
			met = sites_killed[j] && sites[j].line == sites[i].line &&
			      !strcmp(sites[j].file, sites[i].file);
		stores += met;
		if (met)
			continue;
		printf("nobody died at the store at %s:%u\n", sites[i].file, sites[i].line);
		failed++;
	}
	printf("figure: stores in the library that somebody died at %u\n", stores);
}

int main(int count, char **arguments)
{
	int lane = -1, victim = -1, death = -1, place = 0;

	for (int i = 1; i < count; i++) {
		const char *value = i + 1 < count ? arguments[i + 1] : "";

		if (!strcmp(arguments[i], "--verbose")) {
			verbose = true;
			continue;
		}
		if (!strcmp(arguments[i], "--lane"))
			lane = find(lane_names, LANES, value);
		else if (!strcmp(arguments[i], "--victim"))
			victim = find(victim_names, VICTIMS, value);
		else if (!strcmp(arguments[i], "--death"))
			death = find(death_names, DEATHS, value);
		else if (!strcmp(arguments[i], "--place"))
			place = atoi(value);
		else if (!strcmp(arguments[i], "--jobs"))
			job_max = (uint32_t)atoi(value);
		else
			return 2;
		i++;
	}
	if (!job_max || job_max > JOBS_MAX)
		return 2;
	for (uint32_t i = 0; i < job_max; i++) {
		jobs[i].stage = mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (jobs[i].stage == MAP_FAILED)
			return 2;
	}
	sites_killed = calloc(site_count(), 1);
	if (place) {
		const struct stage one = {.lane = lane < 0 ? 0 : (enum lane)lane,
					  .victim = victim < 0 ? 0 : (enum victim)victim,
					  .death = death < 0 ? DEATH_KILL : (enum death)death,
					  .place = (uint32_t)place};

		verbose = true;
		run_one(&one);
	} else {
		run_all(lane, victim, death);
		if (!failed && lane < 0 && victim < 0 && death < 0)
			check_sites();
	}
	printf("figure: cases of death %u\nfigure: steps killed %u\n", cases, killed);
	free(sites_killed);
	return failed ? 1 : 0;
}
