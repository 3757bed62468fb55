/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "session": a buffer given and returned by messages over a seqpacket socket, sleeping.
 * Bench. The same checks and records as with the queue; each hand-off is a message of the protocol.
 */
#include <errno.h>
#include <stdlib.h>

#include <amphora/time.h>

#include "contenders.h"
#include "side.h"

struct ends {
	struct side side;
	uint32_t taken, expected; /* ranges that came; free-running */
	int error;
};

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	struct ends *ends = session->config.user;

	(void)reading;
	ends->taken++;
	if (!share->home)
		ends->error = amph_session_return(session, share, offset, length, cookie,
						  amph_deadline(10000));
}

static const struct amph_session_events events = {.taken = taken};

static int set_up(struct bench_run *run)
{
	return side_socket_pair(run, 0);
}

static int start(struct bench_run *run)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	uint32_t count = run->contender->variant_count;
	struct side_config config = {
		.fd = run->fds[run->role],
		.buffer_max = count,
		.events = &events,
		.user = ends,
	};
	uint64_t sizes[16];

	if (!ends)
		return -ENOMEM;
	run->state = ends;
	for (uint32_t i = 0; i < count; i++)
		sizes[i] = run->contender->variants[i].size;
	return side_open(run, &ends->side, &config, sizes, count);
}

/* One poll may bring several: the asking side goes on as soon as it has an answer. */
static int wait_for(struct ends *ends, uint32_t count)
{
	ends->expected += count;
	while (ends->taken != ends->expected && !ends->error) {
		int error = amph_session_poll(&ends->side.session, amph_deadline(10000));

		if (error < 0)
			return error;
	}
	return ends->error;
}

static int ask(struct bench_run *run, uint32_t count)
{
	struct ends *ends = run->state;
	struct side_buffer *buffer = &ends->side.buffers[run->variant];
	int error = 0;

	for (; count && !error; count--) {
		error = amph_session_give(&ends->side.session, buffer->share, 0, buffer->shm.size,
					  false, 0, amph_deadline(10000));
		if (!error)
			error = wait_for(ends, 1);
	}
	return error ? bench_why(run, error, "give") : 0;
}

static int answer(struct bench_run *run, uint32_t count)
{
	int error = wait_for(run->state, count);

	return error ? bench_why(run, error, "return") : 0;
}

static void stop(struct bench_run *run)
{
	struct ends *ends = run->state;

	side_close(&ends->side);
}

static const struct bench_variant variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_FUTEX},
	{.name = "1 MiB", .size = UINT64_C(1) << 20, .floor = BENCH_FLOOR_FUTEX},
	{.name = "256 MiB", .size = UINT64_C(1) << 28, .floor = BENCH_FLOOR_FUTEX},
};

const struct bench_contender bench_session_contender = {
	.name = "session",
	.what = "Amphora's share session: a buffer given and returned by messages over a socket",
	.unit = "round trip",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.set_up = set_up,
	.start = start,
	.ask = ask,
	.answer = answer,
	.stop = stop,
};
