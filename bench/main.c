/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora-bench: what hand-offs cost on this machine, as ratios to what a cache line costs.
 * Bench; options only. See docs/performance.md.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pair.h"
#include "report.h"
#include "runner.h"

#define NO_SECOND_PROCESSOR 77 /* what ctest takes for "skipped" */

static const char usage[] =
	"usage: amphora-bench [option ...]\n"
	"Measures hand-offs between two processes, pinned to a processor each, in rounds in which each\n"
	"contender has its turn between two measurements of its floor: the least that it could cost.\n"
	"\n"
	"  --list           the contenders, and what they measure\n"
	"  --only A,B       these contenders only\n"
	"  --rounds N       rounds (20)\n"
	"  --turn MS        milliseconds of a turn (20)\n"
	"  --quick          6 rounds of turns of 5 ms, without what is slow to set up\n"
	"  --cpus A,B       processors to use: who asks, who answers (the first two that are allowed)\n"
	"  --json FILE      everything that was measured, for programs\n"
	"  --quiet          do not say how far it is\n"
	"  --help\n";

static void interrupt(int number)
{
	(void)number;
	bench_interrupted = 1;
}

static void catch_signals(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_handler = interrupt;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static int list(void)
{
	for (size_t i = 0; bench_contenders[i]; i++) {
		const struct bench_contender *contender = bench_contenders[i];
		const char *missing = contender->missing ? contender->missing() : NULL;

		printf("%-14s %s%s%s%s\n", contender->name, contender->what,
		       missing ? " (not here: " : "", missing ? missing : "", missing ? ")" : "");
	}
	return 0;
}

/* The first two processors that this process may use. */
static int find_cpus(int cpus[2])
{
	cpu_set_t set;
	int found = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -errno;
	for (size_t i = 0; i < CPU_SETSIZE && found < 2; i++)
		if (CPU_ISSET(i, &set))
			cpus[found++] = (int)i;
	return found == 2 ? 0 : -ENODEV;
}

static uint32_t number(const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !value || value > max) {
		fprintf(stderr, "amphora-bench: %s: not a number from 1 to %u\n", text, max);
		exit(2);
	}
	return (uint32_t)value;
}

struct options {
	struct runner runner;
	const char *json;
	int list;
};

static void take_option(struct options *options, int option)
{
	struct runner *runner = &options->runner;

	switch (option) {
	case 'l':
		options->list = 1;
		break;
	case 'o':
		runner->only = optarg;
		break;
	case 'r':
		runner->rounds = number(optarg, 10000);
		break;
	case 't':
		runner->turn_us = number(optarg, 1000) * 1000;
		break;
	case 'k':
		runner->rounds = 6;
		runner->turn_us = 5000;
		runner->quick = true;
		break;
	case 'c':
		if (sscanf(optarg, "%d,%d", &runner->cpus[0], &runner->cpus[1]) == 2)
			break;
		fprintf(stderr, "amphora-bench: --cpus %s: not two numbers\n", optarg);
		exit(2);
	case 'j':
		options->json = optarg;
		break;
	case 'q':
		runner->quiet = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		fputs(usage, stderr);
		exit(2);
	}
}

static void take_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"list", no_argument, NULL, 'l'},	  {"only", required_argument, NULL, 'o'},
		{"rounds", required_argument, NULL, 'r'}, {"turn", required_argument, NULL, 't'},
		{"quick", no_argument, NULL, 'k'},	  {"cpus", required_argument, NULL, 'c'},
		{"json", required_argument, NULL, 'j'},	  {"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) >= 0)
		take_option(options, option);
	if (optind < argc)
		take_option(options, '?');
}

/* How the program was called, to be repeated by whoever reads the figures. */
static void join(char *text, size_t size, int argc, char **argv)
{
	size_t length = (size_t)snprintf(text, size, "amphora-bench");

	for (int i = 1; i < argc && length < size; i++)
		length += (size_t)snprintf(text + length, size - length, " %s", argv[i]);
}

int main(int argc, char **argv)
{
	struct options options = {
		.runner = {.rounds = 20, .turn_us = 20000, .cpus = {-1, -1}, .quiet = !isatty(2)},
	};
	char command[512];
	int error = 0;

	take_options(&options, argc, argv);
	if (options.list)
		return list();
	if (options.runner.cpus[0] < 0 && find_cpus(options.runner.cpus)) {
		fprintf(stderr, "amphora-bench: needs two processors\n");
		return NO_SECOND_PROCESSOR;
	}
	join(command, sizeof(command), argc, argv);
	catch_signals();
	error = runner_run(&options.runner);
	if (error)
		fprintf(stderr, "amphora-bench: %s\n",
			error == -ENOENT ? "no such contender, see --list" : strerror(-error));
	if (!error)
		report_table(&options.runner);
	if (!error && options.json) {
		error = report_json(&options.runner, options.json, command);
		if (error)
			fprintf(stderr, "amphora-bench: %s: %s\n", options.json, strerror(-error));
	}
	runner_free(&options.runner);
	if (error == -EINTR)
		return 130;
	return error || options.runner.failed ? 1 : 0;
}
