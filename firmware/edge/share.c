/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The share session in the peer's role: buffers come, jobs run on them, buffers go back.
 * When a session ends, for whatever reason, the next one begins to wait for a greeting.
 */
#include <amphora/cache.h>
#include <amphora/session.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "../common/window.h"
#include "edge.h"
#include "handoff.h"
#include "job.h"
#include "share.h"

#define SEGMENTS_MAX 512u /* of one buffer: Linux's memory is scattered */
#define RANGES_MAX   40u /* of one buffer: a batch of the queue's, each by itself, and more */
#define HEARTBEAT_MS 500 /* four without it, and the main processor takes us for dead */
#define SEND_MS	     1000

static struct amph_channel_rpmsg channel;
static struct amph_session session;
static struct amph_memory memory;
static struct amph_target home;
static struct amph_share shares[JOB_MAX];
static struct amph_segment segments[JOB_MAX * SEGMENTS_MAX];
static struct amph_range ranges[JOB_MAX * RANGES_MAX];
static struct job jobs[JOB_MAX];

/* The one picture that is being generated. */
static struct {
	void (*done)(uint32_t status); /* NULL: none */
	struct amph_share *share; /* NULL: not granted yet */
	uint32_t request, width, height;
} generated;

static struct job *job_of(const struct amph_share *share)
{
	return &jobs[share - shares];
}

static void end_generating(uint32_t status)
{
	void (*done)(uint32_t) = generated.done;

	generated.done = NULL;
	generated.share = NULL;
	if (done)
		done(status);
}

uint32_t share_generate(uint32_t width, uint32_t height, void (*done)(uint32_t status))
{
	struct amph_session_request wanted = {.size = (uint64_t)width * height,
					      .direction = AMPH_DEVICE_READS_WRITES};

	if (generated.done)
		return EDGE_BUSY;
	if (width < 1 || width > EDGE_SIDE_MAX || height < 1 || height > EDGE_SIDE_MAX)
		return EDGE_BAD_SIZE;
	generated.width = width;
	generated.height = height;
	generated.done = done;
	if (!amph_session_request(&session, &wanted, amph_deadline(SEND_MS), &generated.request))
		return EDGE_OK;
	generated.done = NULL;
	return EDGE_REFUSED;
}

static void granted(struct amph_session *in, uint32_t request, struct amph_share *share, int error)
{
	(void)in;
	if (!generated.done || generated.share || request != generated.request)
		return;
	if (error) {
		trace("the memory asked for was refused", (uint64_t)-error, 0);
		end_generating(EDGE_REFUSED);
	} else {
		generated.share = share;
	}
}

/* A give into the generated picture's buffer: draw as soon as all of it is here. */
static void try_drawing(struct amph_share *share)
{
	uint32_t status = job_start(job_of(share), &session, share, EDGE_DRAWN, generated.width,
				    generated.height);

	if (status && status != EDGE_NOT_OWNED && status != EDGE_BUSY) {
		job_return(&session, share, EDGE_DRAWN, status);
		end_generating(status);
	}
}

/* The range that came, as it came: what came by the queue goes back with its batch. */
static void flip(struct amph_session *in, struct amph_share *share, uint64_t offset,
		 uint64_t length)
{
	uint64_t cookie = (uint64_t)EDGE_FLIP << 56 | job_flip(share, offset, length);

	if (share->method == AMPH_SYNC_QUEUE)
		handoff_return(&(struct amph_queue_entry){.share = share,
							  .offset = offset,
							  .length = length},
			       cookie);
	else
		amph_session_return(in, share, offset, length, cookie, amph_deadline(SEND_MS));
}

static void taken(struct amph_session *in, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	uint32_t operation = (uint32_t)(cookie >> 56);
	uint32_t status = EDGE_UNKNOWN;

	(void)reading;
	if (operation == EDGE_HOLD) {
		if (share == generated.share)
			try_drawing(share);
		return;
	}
	if (operation == EDGE_CRASH) {
		trace("told to crash", offset, length);
		__builtin_trap();
	}
	if (operation == EDGE_FLIP) {
		flip(in, share, offset, length);
		return;
	}
	if (operation == EDGE_DETECT || operation == EDGE_INVERT)
		status = job_start(job_of(share), in, share, operation, cookie & 0xffff,
				   (uint32_t)(cookie >> 16) & 0xffff);
	if (!status)
		return;
	trace("a job was refused: operation, status", operation, status);
	if (job_of(share)->session) /* its ranges are at work; this one came on top */
		amph_session_return(in, share, offset, length, (uint64_t)operation << 56 | status,
				    amph_deadline(SEND_MS));
	else
		job_return(in, share, operation, status);
}

static void released(struct amph_session *in, struct amph_share *share)
{
	/* it was the queue's: the home may offer the next one at once */
	if (handoff_closed())
		handoff_expect(in);
	job_of(share)->session = NULL;
	if (share == generated.share)
		end_generating(EDGE_REFUSED);
}

static void undone(struct amph_session *in, struct amph_share *share, uint64_t offset,
		   uint64_t length, int error)
{
	(void)in;
	(void)share;
	(void)length;
	trace("a return was refused", (uint64_t)-error, offset);
}

static void ended(struct amph_session *in)
{
	for (uint32_t i = 0; i < JOB_MAX; i++)
		jobs[i].session = NULL;
	end_generating(EDGE_REFUSED);
	trace(in->error ? "the session is lost" : "the session is closed", (uint64_t)-in->error, 0);
}

static const struct amph_session_events events = {
	.taken = taken,
	.granted = granted,
	.released = released,
	.undone = undone,
	.ended = ended,
};

/* A session for whoever greets next; nothing of a former one is kept. */
static int prepare(void)
{
	struct amph_session_config config = {
		.role = AMPH_SESSION_PEER,
		.channel = &channel.channel,
		.memory = &memory,
		.target = &home,
		.nonce = amph_time_now() | 1,
		.shares = shares,
		.share_max = JOB_MAX,
		.segments = segments,
		.segments_per_share = SEGMENTS_MAX,
		.ranges = ranges,
		.ranges_per_share = RANGES_MAX,
		.windows = {.map = window_map, .unmap = window_unmap},
		.events = &events,
		.heartbeat_ms = HEARTBEAT_MS,
		.cache = board_cache(),
		.cache_line = board_cache() ? amph_cache_line() : 1,
	};
	int error = amph_memory_init(&memory);

	amph_target_home_init(&home, "main");
	channel.endpoint.destination = AMPH_RPMSG_ANY;
	if (!error)
		error = amph_session_init(&session, &config);
	if (!error)
		error = handoff_expect(&session);
	if (error)
		return error;
	error = amph_session_open(&session, amph_time_now());
	return error == -ETIMEDOUT ? 0 : error;
}

int share_start(struct amph_rpmsg *rpmsg)
{
	int error = amph_channel_rpmsg_init(&channel, rpmsg, AMPH_SESSION_SERVICE, AMPH_RPMSG_ANY,
					    AMPH_RPMSG_ANY, true, amph_deadline(5000));

	return error ? error : prepare();
}

/* A band of the next job in turn. */
static bool run_jobs(void)
{
	static uint32_t turn;

	for (uint32_t i = 0; i < JOB_MAX; i++) {
		struct job *job = &jobs[turn++ % JOB_MAX];
		struct amph_share *share = job->share;

		if (!job->session)
			continue;
		if (job_run(job) && share == generated.share)
			end_generating(EDGE_OK);
		return true;
	}
	return false;
}

static void taken_by_queue(const struct amph_queue_entry *entry)
{
	taken(&session, entry->share, entry->offset, entry->length, entry->reading, entry->cookie);
}

bool share_run(void)
{
	int result = amph_session_poll(&session, amph_time_now());
	bool handed;

	if (session.state == AMPH_SESSION_LOST || session.state == AMPH_SESSION_CLOSED)
		prepare();
	handed = handoff_run(taken_by_queue);
	/* the poll counts what waits in the queue, also while nothing can be taken */
	return run_jobs() || handed || (result > 0 && !handoff_waits());
}

void share_sleep(uint64_t deadline)
{
	handoff_sleep(deadline);
}
