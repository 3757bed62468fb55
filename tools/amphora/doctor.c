/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora doctor: what this machine, or a captured one, has for sharing buffers, and what to enable.
 */
#include "doctor.h"
#include "tool.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options {
	const char *root; /* NULL: this machine */
	bool json, ask, verbose;
};

enum { KEY_ASK = 0x100 };

static const struct argp_option option_list[] = {
	{"root", 'r', "FOLDER", 0,
	 "look at the tree in FOLDER (proc, sys, dev, boot, lib), not at "
	 "this machine",
	 0},
	{"json", 'j', NULL, 0, "the report as JSON", 0},
	{"ask", KEY_ASK, NULL, 0,
	 "ask /dev/amphora also about remote processors that run: opens and "
	 "closes /dev/remoteprocN",
	 0},
	{"verbose", 'v', NULL, 0, "also what is fine, or of little use", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'r':
		options->root = argument;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case KEY_ASK:
		options->ask = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "'%s' is too many", argument);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* For a terminal that can, and nobody who does not want it (https://no-color.org). */
static bool wants_colour(void)
{
	const char *none = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(none && *none) && terminal &&
	       strcmp(terminal, "dumb") != 0;
}

static void look(struct doctor *doctor)
{
	doctor_kernel(doctor);
	doctor_reserved_memory(doctor);
	doctor_memory(doctor);
	doctor_remoteproc(doctor);
	doctor_rpmsg(doctor);
	doctor_dev_amphora(doctor);
	doctor_iommu(doctor);
	doctor_uio(doctor);
	doctor_capabilities(doctor);
	doctor_lanes(doctor);
}

/* Whether anybody but this machine's processes can have a buffer. */
static bool usable(const struct doctor_report *report)
{
	for (size_t i = 0; i < report->capability_count; i++) {
		const struct doctor_capability *can = &report->capabilities[i];

		if ((!strcmp(can->id, "share") && can->answer != DOCTOR_NO) ||
		    (!strcmp(can->id, "device") && can->answer == DOCTOR_YES))
			return true;
	}
	return false;
}

static int open_root(struct doctor *doctor, const char *path)
{
	int error = doctor_root_open(doctor, path);

	if (!error && !doctor->live) {
		/* what holds links inside the root needs Linux 5.6 */
		struct doctor_names names;

		doctor_list(doctor, &names, "", ".");
		if (!names.count && !doctor_exists(doctor, "."))
			error = -ENOSYS;
	}
	if (error)
		tool_error("%s: %s", path, strerror(-error));
	return error;
}

int command_doctor(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.doc = "Says which heaps, remote processors, RPMsg endpoints, IOMMUs and permissions "
		       "there are, what Amphora can do with them, and what to enable. Changes nothing.\v"
		       "Exit status: 0 buffers can be shared with a remote processor or a device; 1 "
		       "they can't be, yet; 2 bad usage, or no such folder."};
	static struct doctor doctor;
	struct options options = {0};

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	doctor.live = !options.root;
	doctor.ask = options.ask;
	doctor.verbose = options.verbose;
	if (open_root(&doctor, options.root ? options.root : "/"))
		return EXIT_USAGE;
	look(&doctor);
	bool fine = usable(&doctor.report);
	if (options.json)
		doctor_report_json(&doctor, fine);
	else
		doctor_report_text(&doctor, wants_colour());
	doctor_report_free(&doctor.report);
	doctor_config_free(doctor.config);
	close(doctor.root);
	if (fflush(stdout) || ferror(stdout)) {
		tool_error("the report: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return fine ? EXIT_FINE : EXIT_FAILED;
}
