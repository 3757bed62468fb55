/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora run: start a firmware, show its trace and the services it announces, until it ends or
 * Ctrl-C stops it.
 */
#include "soc.h"
#include "tool.h"

#include <argp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/time.h>

#define POLL_MS	       50
#define START_DEADLINE 10000
#define STOP_DEADLINE  5000

struct options {
	const char *firmware;
	enum coprocessor_kind kind;
	bool kind_given, verbose;
	uint64_t seconds; /* 0: until it ends */
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static const struct argp_option option_list[] = {
	{"coprocessor", 'c', "riscv32|process", 0,
	 "who runs it (default: as the ELF file's machine says)", 0},
	{"seconds", 's', "N", 0, "stop after N seconds", 0},
	{"verbose", 'v', NULL, 0, "show the library's log", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;
	char *end;

	switch (key) {
	case 'c':
		if (coprocessor_kind_parse(argument, &options->kind))
			argp_error(state, "'%s' is no coprocessor: it can be riscv32 or process",
				   argument);
		options->kind_given = true;
		return 0;
	case 's':
		options->seconds = strtoull(argument, &end, 10);
		if (end == argument || *end || !options->seconds || options->seconds > 1000000)
			argp_error(state, "'%s' is no number of seconds from 1 to 1000000",
				   argument);
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case ARGP_KEY_ARG:
		if (options->firmware)
			argp_error(state, "one firmware at a time: '%s' is too many", argument);
		options->firmware = argument;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which firmware?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void show_trace(struct coprocessor *coprocessor, const char *line)
{
	(void)coprocessor;
	puts(line);
	fflush(stdout);
}

static void show_service(struct coprocessor *coprocessor, const char *name, uint32_t address,
			 bool created)
{
	(void)coprocessor;
	printf("[service %s at %" PRIu32 " %s]\n", name, address,
	       created ? "announced" : "withdrawn");
	fflush(stdout);
}

/* Until it ends, it is stopped, or its time is up. Returns 0, or the error it ended with. */
static int watch(struct coprocessor *coprocessor, uint64_t deadline)
{
	while (!interrupted && (!deadline || amph_time_now() < deadline)) {
		int status;

		if (coprocessor->vdev)
			status = amph_rpmsg_poll_wait(&coprocessor->rpmsg, amph_deadline(POLL_MS));
		else
			status = amph_rproc_wait(&coprocessor->rproc, amph_deadline(POLL_MS));
		if (status < 0 && status != -ETIMEDOUT)
			return status;
	}
	return 0;
}

int command_run(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.args_doc = "FIRMWARE.elf",
		.doc = "Starts a firmware on a coprocessor, shows its trace and the services it "
		       "announces, and stops it on Ctrl-C.\v"
		       "Exit status: 0 stopped, or ended by itself with 0; 1 it crashed; 2 bad usage "
		       "or no firmware that could run."};
	static struct soc soc;
	static struct coprocessor coprocessor;
	struct options options = {0};
	struct sigaction action = {.sa_handler = on_signal};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	tool_log(options.verbose);
	if (!options.kind_given && coprocessor_kind_of(&soc, options.firmware, &options.kind)) {
		tool_error("%s", soc.error);
		return EXIT_USAGE;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (soc_open(&soc)) {
		tool_error("%s", soc.error);
		return EXIT_FAILED;
	}
	coprocessor.on_service = show_service;
	coprocessor.on_trace = show_trace;
	int status = coprocessor_start(&coprocessor, &soc, options.kind, SOC_ALONE,
				       options.firmware, amph_deadline(START_DEADLINE));
	if (status) {
		tool_error("%s", soc.error);
		soc_close(&soc);
		return status == -ENOEXEC || status == -ENOENT ? EXIT_USAGE : EXIT_FAILED;
	}
	status = watch(&coprocessor,
		       options.seconds ? amph_time_now() + options.seconds * 1000000000u : 0);
	bool clean = !status || coprocessor_ended_well(&coprocessor);
	if (status)
		coprocessor_explain(&coprocessor, "running", status);
	if (status && clean)
		printf("%s\n", coprocessor.rproc.message);
	else if (status)
		tool_error("%s", soc.error);
	int stopped = coprocessor_stop(&coprocessor, amph_deadline(STOP_DEADLINE));
	if (stopped)
		tool_error("%s", soc.error);
	soc_close(&soc);
	return clean && !stopped ? EXIT_FINE : EXIT_FAILED;
}
