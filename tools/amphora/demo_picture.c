/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo's picture: read, given to the coprocessor, taken back, verified, written.
 */
#include "command.h"
#include "demo.h"
#include "picture.h"
#include "tool.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <amphora/time.h>
#include <edge/edge.h>

#define WORK_DEADLINE	 60000 /* ms */
#define COMMAND_DEADLINE 600000

/* Everything the job holds. */
struct job {
	const struct demo_options *options;
	struct demo_machine *machine;
	struct report report;
	struct picture_file picture;
	struct demo_buffer buffer;
	uint64_t plane; /* bytes from the input plane to the output plane */
	uint32_t edge_status;
	bool shared; /* it came so far that the coprocessor had the buffer */
};

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
	struct demo_machine *machine = job->machine;
	uint64_t deadline = amph_deadline(COMMAND_DEADLINE);
	int status = 0;

	tool_progress_begin("the command after the give runs");
	while (!command_ended(command, &status)) {
		amph_session_poll(machine->session, amph_deadline(20));
		if (machine->session->state != AMPH_SESSION_OPEN) {
			machine->ops->explain(machine, "waiting for the command",
					      machine->session->error);
			status = -EPIPE;
			break;
		}
		if (amph_time_now() >= deadline) {
			snprintf(machine->error, sizeof(machine->error),
				 "the command after the give did not end within %d s",
				 COMMAND_DEADLINE / 1000);
			status = -ETIMEDOUT;
			break;
		}
	}
	tool_progress_end();
	if (status > 0) {
		snprintf(machine->error, sizeof(machine->error),
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
	struct demo_machine *machine = job->machine;
	uint64_t deadline = amph_deadline(WORK_DEADLINE);
	uint64_t order = edge_cookie(EDGE_DETECT, job->picture.width, job->picture.height);

	int status = amph_session_give(machine->session, job->buffer.share, 0, job->plane, false,
				       edge_cookie(EDGE_HOLD, 0, 0), deadline);
	if (!status && job->options->after_give) {
		status = run_after_give(job);
		if (status)
			return status;
	}
	if (!status)
		status = amph_session_give(machine->session, job->buffer.share, job->plane,
					   job->plane, false, order, deadline);
	report_step(&job->report, "give", since);
	if (!status) {
		tool_progress_begin("the coprocessor works");
		status = amph_session_wait_range(machine->session, job->buffer.share, 0,
						 job->buffer.shm.size, true, deadline);
		tool_progress_end();
	}
	report_step(&job->report, "work", since);
	if (status) {
		machine->ops->explain(machine, "waiting for the coprocessor's work", status);
		return status;
	}
	if (job->edge_status) {
		snprintf(machine->error, sizeof(machine->error),
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
	const uint8_t *grey = job->buffer.shm.va, *found = grey + job->plane;
	struct demo_machine *machine = job->machine;
	struct report *report = &job->report;

	tool_progress_begin("verifying");
	report->different = picture_compare_edges(grey, found, report->width, report->height,
						  &report->first_different);
	report->verified = !report->different;
	report_step(report, "verify", since);
	tool_progress_begin("writing");
	int status = picture_write(job->options->output, found, report->width, report->height,
				   tool_progress, machine->error, sizeof(machine->error));
	report_step(report, "write", since);
	tool_progress_end();
	return status;
}

static int read_picture(struct job *job, uint64_t *since)
{
	struct demo_machine *machine = job->machine;

	tool_progress_begin("reading");
	int status = picture_decode(&job->picture, job->buffer.shm.va, tool_progress,
				    machine->error, sizeof(machine->error));
	tool_progress_end();
	report_step(&job->report, "read", since);
	return status ? -EBADMSG : 0; /* the input's fault, whatever libpng met */
}

/* What is done with a coprocessor that is up. */
static int work_with(struct job *job, uint64_t *since)
{
	struct demo_machine *machine = job->machine;
	int status = machine->ops->share(machine, &events, job, amph_deadline(DEMO_STEP_MS));

	report_step(&job->report, "session", since);
	tool_progress_end();
	if (!status)
		status = demo_queue_open(machine, amph_deadline(DEMO_STEP_MS));
	if (!status)
		status = demo_buffer_share(&job->buffer, amph_deadline(DEMO_STEP_MS));
	report_step(&job->report, "offer", since);
	if (status)
		return status;
	job->shared = true;
	machine->ops->describe(machine, &job->report);
	demo_buffer_describe(&job->buffer, &job->report);
	status = give_and_take_back(job, since);
	if (!status)
		status = verify_and_write(job, since);
	if (!status)
		status = demo_buffer_release(&job->buffer, amph_deadline(DEMO_STEP_MS));
	if (!status)
		status = demo_queue_release(machine, amph_deadline(DEMO_STEP_MS));
	return status;
}

/* The buffer's whole life beside the coprocessor's, who is proved off before the memory goes back. */
static int work_in(struct job *job)
{
	struct demo_machine *machine = job->machine;
	uint64_t since = amph_time_now();

	job->plane = edge_plane_offset(job->picture.width, job->picture.height);
	int status = demo_buffer_open(&job->buffer, machine, "picture", 2 * job->plane);
	if (!status)
		status = read_picture(job, &since);
	if (!status) {
		tool_progress_begin("starting the coprocessor");
		status = machine->ops->start(machine, amph_deadline(DEMO_STEP_MS));
		machine->ops->describe(machine, &job->report);
		report_step(&job->report, "start", &since);
		if (!status) {
			status = work_with(job, &since);
			since = amph_time_now();
			status = demo_stop(machine, status);
			report_step(&job->report, "stop", &since);
		}
	}
	if (machine->tap) {
		job->report.messages = machine->tap->messages;
		job->report.message_bytes = machine->tap->bytes;
		job->report.picture_bytes = machine->tap->other_bytes;
	}
	return demo_queue_close(demo_buffer_close(&job->buffer, status));
}

static int work(struct job *job)
{
	int status = job->machine->ops->open(job->machine);

	if (status)
		return status;
	status = work_in(job);
	job->machine->ops->close(job->machine);
	return status;
}

int demo_picture(struct demo_machine *machine)
{
	static struct job job; /* large, and one of a kind */
	const struct demo_options *options = machine->options;
	struct report *report = &job.report;

	job.options = options;
	job.machine = machine;
	report->input = options->input_name;
	report->output = options->output_name;
	int status =
		picture_open(&job.picture, options->input, machine->error, sizeof(machine->error));
	if (status) {
		if (options->json)
			report_failure_json(machine->error);
		tool_error("%s", machine->error);
		return EXIT_USAGE;
	}
	report->width = job.picture.width;
	report->height = job.picture.height;
	status = work(&job);
	picture_close(&job.picture);
	if (status)
		snprintf(report->error, sizeof(report->error), "%s", machine->error);
	if (options->json)
		report_json(report);
	else if (!status || report->different)
		report_text(report);
	if (status)
		tool_error("%s", machine->error);
	if (status == -EBADMSG && !job.shared)
		return EXIT_USAGE;
	return !status && report->verified ? EXIT_FINE : EXIT_FAILED;
}
