/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora demo: a picture crosses to a coprocessor and back, zero copy.
 * The whole way of a buffer: open, fill, attach, offer, give, take back, verify, release.
 */
#include "command.h"
#include "picture.h"
#include "report.h"
#include "soc.h"
#include "tool.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amphora/time.h>
#include <edge/edge.h>

#define STEP_DEADLINE	 10000 /* ms, for each step but the coprocessor's work */
#define WORK_DEADLINE	 60000
#define COMMAND_DEADLINE 600000

struct options {
	const char *input, *output, *after_give;
	enum coprocessor_kind kind;
	const char *chosen;
	bool json, verbose;
};

/* Everything the job holds; each member is taken and given back in this order. */
struct job {
	const struct options *options;
	struct report report;
	struct picture_file picture;
	struct soc soc;
	struct coprocessor coprocessor;
	struct amph_shm shm;
	struct amph_range ranges[SOC_RANGES];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
	uint64_t plane; /* bytes from the input plane to the output plane */
	uint32_t edge_status;
	bool stopped;
};

static const struct argp_option option_list[] = {
	{"input", 'i', "FILE.png", 0, "the picture (default: the one that ships with Amphora)", 0},
	{"output", 'o', "FILE.png", 0, "its edges (default: amphora-edges.png)", 0},
	{"coprocessor", 'c', "riscv32|process", 0,
	 "who works on it: RISC-V firmware in QEMU, or the same firmware as a process "
	 "(default: riscv32, or process where there is no QEMU)",
	 0},
	{"json", 'j', NULL, 0, "the report as JSON", 0},
	{"after-give", 'a', "COMMAND", 0,
	 "run a shell command when the picture is the coprocessor's and its work has not begun; "
	 "AMPHORA_DRAM, AMPHORA_DRAM_DA, AMPHORA_DRAM_PA, AMPHORA_DA, AMPHORA_PA and AMPHORA_SIZE "
	 "say where the picture is",
	 0},
	{"verbose", 'v', NULL, 0, "show the library's log and the firmware's trace", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'i':
		options->input = argument;
		return 0;
	case 'o':
		options->output = argument;
		return 0;
	case 'a':
		options->after_give = argument;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'c':
		if (coprocessor_kind_parse(argument, &options->kind))
			argp_error(state, "'%s' is no coprocessor: it can be riscv32 or process",
				   argument);
		options->chosen = "as asked";
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static int open_buffer(struct job *job)
{
	struct amph_shm_storage storage = {.ranges = job->ranges,
					   .range_max = SOC_RANGES,
					   .segments = job->segments,
					   .segment_max = 1};
	char why[256];

	job->plane = edge_plane_offset(job->picture.width, job->picture.height);
	int status = amph_shm_open(&job->soc.memory, &job->shm, &storage, "dram:picture",
				   2 * job->plane, 0);
	if (status)
		snprintf(job->report.error, sizeof(job->report.error), "the buffer: %s",
			 tool_why(&job->shm.why, status, why, sizeof(why)));
	return status;
}

static int attach_and_offer(struct job *job)
{
	struct coprocessor *coprocessor = &job->coprocessor;
	uint64_t deadline = amph_deadline(STEP_DEADLINE);
	char why[256];

	int status = amph_shm_attach(&job->shm, &coprocessor->target.target,
				     AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES, &job->attachment,
				     job->device_segments, 1);
	if (status) {
		snprintf(job->report.error, sizeof(job->report.error), "attach: %s",
			 tool_why(&job->shm.why, status, why, sizeof(why)));
		return status;
	}
	status = amph_session_offer(&coprocessor->session, &job->attachment, 0, deadline,
				    &job->share);
	if (!status)
		status = amph_session_wait_share(&coprocessor->session, job->share,
						 AMPH_SHARE_ACCEPTED, deadline);
	if (status)
		coprocessor_explain(coprocessor, "offering the buffer", status);
	return status;
}

static void describe_buffer(struct job *job)
{
	struct report *report = &job->report;
	uint64_t offset = 0;

	snprintf(report->dram_path, sizeof(report->dram_path), "/proc/%d/fd/%d", (int)getpid(),
		 job->soc.dram.fd);
	report->dram_size = job->soc.dram.io.size;
	report->dram_pa = job->coprocessor.window.pa;
	report->dram_da = job->coprocessor.window.da;

	report->buffer_name = job->shm.name;
	report->buffer_size = job->shm.size;
	report->granule = job->attachment.granule;
	report->enforced = job->attachment.enforced;
	for (uint32_t i = 0; i < job->attachment.segment_count && i < REPORT_SEGMENTS; i++) {
		const struct amph_segment *segment = &job->attachment.segments[i];

		report->segments[i] =
			(struct report_segment){.va = (uint64_t)(uintptr_t)job->shm.va + offset,
						.pa = job->shm.storage.segments[0].address + offset,
						.da = segment->address,
						.length = segment->length};
		report->segment_count = i + 1;
		offset += segment->length;
	}
}

static void export_addresses(const struct report *report)
{
	const struct {
		const char *name;
		uint64_t value;
	} variables[] = {{"AMPHORA_DRAM_DA", report->dram_da},
			 {"AMPHORA_DRAM_PA", report->dram_pa},
			 {"AMPHORA_DA", report->segments[0].da},
			 {"AMPHORA_PA", report->segments[0].pa},
			 {"AMPHORA_SIZE", report->buffer_size}};
	char text[24];

	setenv("AMPHORA_DRAM", report->dram_path, 1);
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		snprintf(text, sizeof(text), "0x%" PRIx64, variables[i].value);
		setenv(variables[i].name, text, 1);
	}
}

/* Polls the session while the command runs: heartbeats go out, and a dead coprocessor is seen. */
static int watch_command(struct job *job, const struct command *command)
{
	uint64_t deadline = amph_deadline(COMMAND_DEADLINE);
	int status = 0;

	tool_progress_begin("the command after the give runs");
	while (!command_ended(command, &status)) {
		amph_session_poll(&job->coprocessor.session, amph_deadline(20));
		if (job->coprocessor.session.state != AMPH_SESSION_OPEN) {
			coprocessor_explain(&job->coprocessor, "waiting for the command",
					    job->coprocessor.session.error);
			status = -EPIPE;
			break;
		}
		if (amph_time_now() >= deadline) {
			snprintf(job->report.error, sizeof(job->report.error),
				 "the command after the give did not end within %d s",
				 COMMAND_DEADLINE / 1000);
			status = -ETIMEDOUT;
			break;
		}
	}
	tool_progress_end();
	if (status > 0) {
		snprintf(job->report.error, sizeof(job->report.error),
			 "the command after the give failed with status %d", status);
		status = -ECANCELED;
	}
	return status;
}

/* The user's program that looks at the buffer, or changes it, while it is the coprocessor's. */
static int run_after_give(struct job *job)
{
	struct command command;

	export_addresses(&job->report);
	int status = command_start(&command, job->options->after_give);
	if (status)
		return status;
	status = watch_command(job, &command);
	command_stop(&command);
	return status;
}

/* The input first, then the output with the order to work: the work begins when both are given. */
static int give_and_take_back(struct job *job, uint64_t *since)
{
	struct coprocessor *coprocessor = &job->coprocessor;
	uint64_t deadline = amph_deadline(WORK_DEADLINE);
	uint64_t order = edge_cookie(EDGE_DETECT, job->picture.width, job->picture.height);

	int status = amph_session_give(&coprocessor->session, job->share, 0, job->plane, false,
				       edge_cookie(EDGE_HOLD, 0, 0), deadline);
	if (!status && job->options->after_give) {
		status = run_after_give(job);
		if (status)
			return status;
	}
	if (!status)
		status = amph_session_give(&coprocessor->session, job->share, job->plane,
					   job->plane, false, order, deadline);
	report_step(&job->report, "give", since);
	if (!status) {
		tool_progress_begin("the coprocessor works");
		status = amph_session_wait_range(&coprocessor->session, job->share, 0,
						 job->shm.size, true, deadline);
		tool_progress_end();
	}
	report_step(&job->report, "work", since);
	if (status) {
		coprocessor_explain(coprocessor, "waiting for the coprocessor's work", status);
		return status;
	}
	if (job->edge_status) {
		snprintf(job->report.error, sizeof(job->report.error),
			 "the coprocessor refused the work: status %u", job->edge_status);
		return -EIO;
	}
	return 0;
}

static void on_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		     uint64_t length, bool reading, uint64_t cookie)
{
	struct job *job = session->config.user;

	(void)share;
	(void)offset;
	(void)length;
	(void)reading;
	if ((uint32_t)cookie != EDGE_MORE)
		job->edge_status = (uint32_t)cookie;
}

static const struct amph_session_events events = {.taken = on_taken};

static int verify_and_write(struct job *job, uint64_t *since)
{
	const uint8_t *grey = job->shm.va, *found = grey + job->plane;
	struct report *report = &job->report;

	tool_progress_begin("verifying");
	report->different = picture_compare_edges(grey, found, report->width, report->height,
						  &report->first_different);
	report->verified = !report->different;
	report_step(report, "verify", since);
	tool_progress_begin("writing");
	int status = picture_write(report->output, found, report->width, report->height,
				   tool_progress, report->error, sizeof(report->error));
	report_step(report, "write", since);
	tool_progress_end();
	return status;
}

/* Ends what is open, in order; the coprocessor is proved off before its memory is used again. */
static int finish(struct job *job, int status)
{
	struct coprocessor *coprocessor = &job->coprocessor;
	uint64_t deadline = amph_deadline(STEP_DEADLINE);

	if (!status && job->share) {
		status = amph_session_release(&coprocessor->session, job->share, deadline);
		if (!status)
			status = amph_session_wait_share(&coprocessor->session, job->share,
							 AMPH_SHARE_RELEASED, deadline);
		if (status)
			coprocessor_explain(coprocessor, "releasing the buffer", status);
		else
			status = amph_shm_detach(&job->attachment);
	}
	tool_progress_begin("stopping the coprocessor");
	int stopped = coprocessor_stop(coprocessor, deadline);
	tool_progress_end();
	return status ? status : stopped;
}

/* The buffer goes back to the pool; a coprocessor that is off holds nothing of it. */
static int close_buffer(struct job *job)
{
	char why[256];
	int status = amph_shm_put(&job->shm);

	if (status)
		snprintf(job->report.error, sizeof(job->report.error), "closing the buffer: %s",
			 tool_why(&job->shm.why, status, why, sizeof(why)));
	return status;
}

static int read_picture(struct job *job, uint64_t *since)
{
	tool_progress_begin("reading");
	int status = picture_decode(&job->picture, job->shm.va, tool_progress, job->report.error,
				    sizeof(job->report.error));
	tool_progress_end();
	report_step(&job->report, "read", since);
	return status ? -EBADMSG : 0; /* the input's fault, whatever libpng met */
}

/* What is done with a coprocessor that is up. */
static int work_with(struct job *job, uint64_t *since)
{
	int status =
		coprocessor_share(&job->coprocessor, &events, 0, job, amph_deadline(STEP_DEADLINE));

	report_step(&job->report, "session", since);
	tool_progress_end();
	if (!status)
		status = attach_and_offer(job);
	report_step(&job->report, "offer", since);
	if (status)
		return status;
	describe_buffer(job);
	status = give_and_take_back(job, since);
	return status ? status : verify_and_write(job, since);
}

/* The buffer's whole life beside the coprocessor's. */
static int work_in(struct job *job)
{
	struct coprocessor *coprocessor = &job->coprocessor;
	uint64_t since = amph_time_now();
	int status = open_buffer(job);

	if (!status)
		status = read_picture(job, &since);
	if (status)
		return status;
	tool_progress_begin("starting the coprocessor");
	status = coprocessor_start(coprocessor, &job->soc, job->options->kind, 0, NULL,
				   amph_deadline(STEP_DEADLINE));
	report_step(&job->report, "start", &since);
	if (!status) {
		status = work_with(job, &since);
		job->report.messages = coprocessor->tap.messages;
		job->report.message_bytes = coprocessor->tap.bytes;
		job->report.picture_bytes = coprocessor->tap.other_bytes;
		status = finish(job, status);
		report_step(&job->report, "stop", &since);
	}
	int closed = close_buffer(job);
	return status ? status : closed;
}

static int work(struct job *job)
{
	int status = soc_open(&job->soc);

	if (!status) {
		status = work_in(job);
		soc_close(&job->soc);
	}
	if (status && !job->report.error[0])
		snprintf(job->report.error, sizeof(job->report.error), "%s", job->soc.error);
	return status;
}

static void show_trace(struct coprocessor *coprocessor, const char *line)
{
	fprintf(stderr, "%s: %s\n", coprocessor->name, line);
}

/* Picks what was not asked for, and says which. */
static int complete_options(struct options *options, char *path, uint32_t size)
{
	if (!options->chosen)
		options->kind = coprocessor_kind_default(&options->chosen);
	if (!options->output)
		options->output = "amphora-edges.png";
	if (options->input)
		return 0;
	if (tool_find("amphora.png", path, size)) {
		tool_error("the picture that ships with Amphora is not installed: give one with "
			   "--input");
		return -ENOENT;
	}
	options->input = path;
	return 0;
}

static void describe_job(struct job *job)
{
	struct report *report = &job->report;

	report->input = job->options->input;
	report->output = job->options->output;
	report->width = job->picture.width;
	report->height = job->picture.height;
	report->coprocessor = coprocessor_kind_name(job->options->kind);
	report->chosen = job->options->chosen;
	report->firmware = job->coprocessor.firmware;
}

int command_demo(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.doc = "Reads a PNG, puts it into a shared buffer, has a coprocessor find its edges in "
		       "place, takes the buffer back, verifies every pixel and writes the result.\v"
		       "Exit status: 0 verified, 1 failed, 2 bad usage or an input that is no PNG of "
		       "at most 8192 x 8192 pixels."};
	static struct job job; /* large, and one of a kind */
	struct options options = {0};
	char path[4096];

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	tool_log(options.verbose);
	if (complete_options(&options, path, sizeof(path)))
		return EXIT_USAGE;
	job.options = &options;
	job.coprocessor.on_trace = options.verbose ? show_trace : NULL;
	int status = picture_open(&job.picture, options.input, job.report.error,
				  sizeof(job.report.error));
	if (status) {
		if (options.json)
			report_failure_json(job.report.error);
		tool_error("%s", job.report.error);
		return EXIT_USAGE;
	}
	describe_job(&job);
	status = work(&job);
	picture_close(&job.picture);
	if (options.json)
		report_json(&job.report);
	else if (!status || job.report.different)
		report_text(&job.report);
	if (status)
		tool_error("%s", job.report.error);
	if (status == -EBADMSG && !job.share)
		return EXIT_USAGE;
	return !status && job.report.verified ? EXIT_FINE : EXIT_FAILED;
}
