/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo's camera: each frame lands in a shared buffer (imported by V4L2 as a dma-buf), crosses to
 * the coprocessor, and comes back with its edges. The camera is a target like any other: while it
 * fills a buffer it owns it. Nobody copies a frame.
 */
#include "camera.h"
#include "demo.h"
#include "picture.h"
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <amphora/time.h>
#include <edge/edge.h>

#define FRAME_MS     10000 /* without a frame for so long, something is wrong */
#define SLICE_MS     50 /* heartbeats go out that often */
#define VERIFY_EVERY 10 /* frames */
#define NOBODY	     UINT32_MAX

struct frame {
	struct demo_buffer buffer;
	struct amph_attachment attachment; /* to the camera */
	struct amph_segment segment;
	bool attached, finished; /* finished: the coprocessor gave it back */
};

struct job {
	struct demo_machine *machine;
	const struct demo_options *options;
	struct camera camera;
	struct amph_target target; /* the camera's */
	struct frame frames[CAMERA_BUFFERS];
	uint64_t plane;
	uint32_t given, done; /* frames */
	uint32_t kept; /* index of the frame that is written, or NOBODY */
	uint32_t edge_status;
	uint64_t began, ended;
	struct report report;
	struct report_camera result;
};

void demo_camera_file(const char *output, const char *when, char *path, size_t size)
{
	size_t length = strlen(output);

	if (length > 4 && !strcmp(output + length - 4, ".png"))
		length -= 4;
	snprintf(path, size, "%.*s-%s.png", (int)length, output, when);
}

static int fail(struct job *job, const char *what, int status)
{
	snprintf(job->machine->error, sizeof(job->machine->error), "%s: %s: %s", job->camera.path,
		 what, strerror(-status));
	return status;
}

static int attach_camera(struct amph_target *target, struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;

	(void)target;
	if (shm->handle < 0)
		return amph_refuse(&shm->why, -ENOTSUP, "the buffer has no fd for the camera", 0,
				   0);
	attachment->segments[0] = (struct amph_segment){.address = 0, .length = shm->size};
	attachment->segment_count = 1;
	return 0;
}

static void detach_camera(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	(void)attachment;
}

/* The driver does the cache maintenance for its device when a buffer is queued and taken. */
static const struct amph_target_ops camera_ops = {.attach = attach_camera, .detach = detach_camera};

static int lend(struct job *job, uint32_t index)
{
	struct frame *frame = &job->frames[index];
	struct amph_shm *shm = &frame->buffer.shm;
	int status = amph_shm_sync_for_device(&frame->attachment, 0, shm->size, false);

	if (!status)
		status = camera_queue(&job->camera, index, (int)shm->handle, (uint32_t)shm->size);
	return status ? fail(job, "a buffer can't be queued", status) : 0;
}

/* One frame is the CPU's: verified, and kept if it is the last, or lent to the camera again. */
static int use_frame(struct job *job, uint32_t index)
{
	const struct report *report = &job->report;
	const uint8_t *grey = job->frames[index].buffer.shm.va;
	uint64_t first, different;

	job->done++;
	job->ended = amph_time_now();
	if (job->done % VERIFY_EVERY == 0 || job->done == job->options->frames) {
		different = picture_compare_edges(grey, grey + job->plane, report->width,
						  report->height, &first);
		job->result.verified++;
		job->result.different += different;
	}
	if (job->done < job->options->frames)
		return lend(job, index);
	job->kept = index;
	return 0;
}

static void on_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		     uint64_t length, bool reading, uint64_t cookie)
{
	struct job *job = session->config.user;

	(void)offset;
	(void)length;
	(void)reading;
	if ((uint32_t)cookie == EDGE_MORE)
		return;
	if ((uint32_t)cookie)
		job->edge_status = (uint32_t)cookie;
	for (uint32_t i = 0; i < CAMERA_BUFFERS; i++)
		if (job->frames[i].buffer.share == share)
			job->frames[i].finished = true;
}

static const struct amph_session_events events = {.taken = on_taken};

static int open_frames(struct job *job)
{
	int status = 0;
	char name[16];

	for (uint32_t i = 0; i < CAMERA_BUFFERS && !status; i++) {
		struct frame *frame = &job->frames[i];

		snprintf(name, sizeof(name), "frame%" PRIu32, i);
		status = demo_buffer_open(&frame->buffer, job->machine, name, 2 * job->plane);
		if (status)
			return status;
		status = amph_shm_attach(&frame->buffer.shm, &job->target, AMPH_DEVICE_WRITES,
					 AMPH_SYNC_MESSAGES, &frame->attachment, &frame->segment,
					 1);
		frame->attached = !status;
		if (status)
			status = fail(job, frame->buffer.shm.why.what, status);
	}
	return status;
}

static int share_frames(struct job *job)
{
	int status =
		job->machine->ops->share(job->machine, &events, job, amph_deadline(DEMO_STEP_MS));

	for (uint32_t i = 0; i < CAMERA_BUFFERS && !status; i++)
		status = demo_buffer_share(&job->frames[i].buffer, amph_deadline(DEMO_STEP_MS));
	if (!status)
		demo_buffer_describe(&job->frames[0].buffer, &job->report);
	job->machine->ops->describe(job->machine, &job->report);
	return status;
}

/* A frame that came from the camera goes on to the coprocessor; frames too many go back. */
static int take_frame(struct job *job)
{
	struct demo_machine *machine = job->machine;
	const struct report *report = &job->report;
	uint32_t index;
	int status = camera_take(&job->camera, &index);

	if (status == -EAGAIN)
		return 0;
	if (status && status != -EIO)
		return fail(job, "no frame", status);
	struct frame *frame = &job->frames[index];
	int synced = amph_shm_sync_for_cpu(&frame->attachment, 0, frame->buffer.shm.size);
	if (synced)
		return fail(job, "a frame can't be taken", synced);
	if (status == -EIO)
		return lend(job, index);
	if (job->given == job->options->frames)
		return 0;
	if (!job->given++)
		job->began = amph_time_now();
	status = amph_session_give(machine->session, frame->buffer.share, 0, frame->buffer.shm.size,
				   false, edge_cookie(EDGE_DETECT, report->width, report->height),
				   amph_deadline(DEMO_STEP_MS));
	if (status)
		machine->ops->explain(machine, "giving a frame", status);
	return status;
}

static int serve_session(struct job *job)
{
	struct demo_machine *machine = job->machine;
	int status = amph_session_poll(machine->session, amph_time_now());

	if (status < 0 && status != -ETIMEDOUT) {
		machine->ops->explain(machine, "waiting for a frame", status);
		return status;
	}
	if (job->edge_status) {
		snprintf(machine->error, sizeof(machine->error),
			 "the coprocessor refused a frame: status %" PRIu32, job->edge_status);
		return -EIO;
	}
	status = 0;
	for (uint32_t i = 0; i < CAMERA_BUFFERS && !status; i++) {
		if (!job->frames[i].finished)
			continue;
		job->frames[i].finished = false;
		status = use_frame(job, i);
	}
	return status;
}

static int run_frames(struct job *job)
{
	struct pollfd polls[2] = {{.fd = job->camera.fd, .events = POLLIN},
				  {.fd = job->machine->handle, .events = POLLIN}};
	uint64_t deadline = amph_deadline(FRAME_MS);
	uint32_t done = 0;
	int status = 0;

	tool_progress_begin("frames");
	while (!status && job->done < job->options->frames) {
		if (poll(polls, 2, SLICE_MS) < 0 && errno != EINTR)
			status = fail(job, "waiting", -errno);
		if (!status && polls[0].revents)
			status = take_frame(job);
		if (!status)
			status = serve_session(job);
		if (job->done != done) {
			done = job->done;
			deadline = amph_deadline(FRAME_MS);
			tool_progress(done, job->options->frames);
		}
		if (!status && amph_time_now() >= deadline)
			status = fail(job, "no frame in time", -ETIMEDOUT);
	}
	tool_progress_end();
	return status;
}

static int write_frame(struct job *job)
{
	const uint8_t *planes[] = {job->frames[job->kept].buffer.shm.va,
				   (uint8_t *)job->frames[job->kept].buffer.shm.va + job->plane};
	static const char *const when[] = {"before", "after"};
	struct demo_machine *machine = job->machine;
	char path[PATH_MAX];
	int status = 0;

	for (int i = 0; i < 2 && !status; i++) {
		demo_camera_file(job->options->output, when[i], path, sizeof(path));
		status = picture_write(path, planes[i], job->report.width, job->report.height, NULL,
				       machine->error, sizeof(machine->error));
	}
	return status;
}

static int work_with(struct job *job)
{
	int status = share_frames(job);

	for (uint32_t i = 0; i < CAMERA_BUFFERS && !status; i++)
		status = lend(job, i);
	if (!status) {
		status = camera_start(&job->camera);
		if (status)
			fail(job, "it does not start", status);
	}
	if (!status)
		status = run_frames(job);
	camera_close(&job->camera); /* every buffer is back */
	amph_target_off(&job->target);
	if (!status)
		status = write_frame(job);
	for (uint32_t i = 0; i < CAMERA_BUFFERS && !status; i++)
		status = demo_buffer_release(&job->frames[i].buffer, amph_deadline(DEMO_STEP_MS));
	return status;
}

static int work(struct job *job)
{
	struct demo_machine *machine = job->machine;
	const struct demo_options *options = job->options;
	int status = camera_open(&job->camera, options->device, options->width, options->height,
				 machine->error, sizeof(machine->error));

	if (!status)
		status = machine->ops->open(machine);
	if (status) {
		camera_close(&job->camera);
		return status;
	}
	status = open_frames(job);
	if (!status)
		status = machine->ops->start(machine, amph_deadline(DEMO_STEP_MS));
	if (!status)
		status = demo_stop(machine, work_with(job));
	camera_close(&job->camera);
	amph_target_off(&job->target);
	for (uint32_t i = 0; i < CAMERA_BUFFERS; i++)
		status = demo_buffer_close(&job->frames[i].buffer, status);
	machine->ops->close(machine);
	return status;
}

static void fill_result(struct job *job)
{
	struct report_camera *result = &job->result;

	result->device = job->camera.path;
	result->card = job->camera.card;
	result->frames = job->done;
	result->dropped = job->camera.dropped;
	result->ns = job->ended - job->began;
	result->buffers = CAMERA_BUFFERS;
	demo_camera_file(job->options->output_name, "before", result->before,
			 sizeof(result->before));
	demo_camera_file(job->options->output_name, "after", result->after, sizeof(result->after));
	if (job->machine->tap) {
		job->report.messages = job->machine->tap->messages;
		job->report.message_bytes = job->machine->tap->bytes;
		job->report.picture_bytes = job->machine->tap->other_bytes;
	}
}

int demo_camera(struct demo_machine *machine)
{
	static struct job job; /* large, and one of a kind */
	const struct demo_options *options = machine->options;

	job.machine = machine;
	job.options = options;
	job.camera.fd = -1;
	job.kept = NOBODY;
	job.report.width = options->width;
	job.report.height = options->height;
	job.plane = edge_plane_offset(options->width, options->height);
	job.target = (struct amph_target){
		.name = "camera", .ops = &camera_ops, .address_bits = 64, .coherent = true};
	int status = work(&job);
	fill_result(&job);
	job.report.verified = !status && job.result.verified && !job.result.different;
	if (status)
		snprintf(job.report.error, sizeof(job.report.error), "%s", machine->error);
	if (options->json)
		report_camera_json(&job.report, &job.result);
	else if (!status)
		report_camera_text(&job.report, &job.result);
	if (status)
		tool_error("%s", machine->error);
	return job.report.verified ? EXIT_FINE : EXIT_FAILED;
}
