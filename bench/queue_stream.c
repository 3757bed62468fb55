/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "queue-stream": pieces of buffers given one after the other, in batches; how many a second.
 * Bench. A buffer whose pieces have all arrived comes back as one; four of them keep both sides busy.
 */
#include <errno.h>
#include <stdlib.h>

#include "contenders.h"
#include "side.h"

#define PIECES	1024u /* of a buffer */
#define PIECE	64u /* bytes */
#define BUFFERS 4u
#define BATCH	64u /* at most */

struct stream {
	struct side side;
	uint32_t sent; /* pieces; free-running */
	uint32_t returned; /* buffers, likewise */
	uint32_t received; /* pieces */
};

static int set_up(struct bench_run *run)
{
	return side_socket_pair(run, 0);
}

static int start(struct bench_run *run)
{
	static const uint64_t sizes[BUFFERS] = {PIECES * PIECE, PIECES * PIECE, PIECES * PIECE,
						PIECES * PIECE};
	static const struct amph_queue_config waiting = {
		.spins = AMPH_QUEUE_SPIN,
		.by_receive = true,
	};
	struct stream *stream = calloc(1, sizeof(*stream));
	struct side_config config = {
		.fd = run->fds[run->role],
		.buffer_max = BUFFERS,
		.queue = &waiting,
	};

	if (!stream)
		return -ENOMEM;
	run->state = stream;
	return side_open(run, &stream->side, &config, sizes, BUFFERS);
}

/* Before the first piece of a buffer goes out again it must be back. */
static int take_back(struct stream *stream)
{
	uint32_t out = stream->sent / PIECES - stream->returned, count;
	struct amph_queue_entry entries[BUFFERS];
	int error;

	if (stream->sent % PIECES || out < BUFFERS)
		return 0;
	error = amph_queue_receive(&stream->side.queue, entries, BUFFERS, UINT64_MAX, &count);
	stream->returned += error ? 0 : count;
	return error;
}

/* count is a multiple of PIECES: a sample's. */
static int ask(struct bench_run *run, uint32_t count)
{
	uint32_t batch = run->contender->variants[run->variant].number, sent;
	struct stream *stream = run->state;
	struct amph_queue_entry entries[BATCH];
	int error = 0;

	while (count && !error) {
		uint32_t first = stream->sent % PIECES;
		struct side_buffer *buffer = &stream->side.buffers[stream->sent / PIECES % BUFFERS];

		error = take_back(stream);
		for (uint32_t i = 0; i < batch; i++)
			entries[i] = (struct amph_queue_entry){
				.share = buffer->share,
				.offset = (uint64_t)(first + i) * PIECE,
				.length = PIECE,
			};
		if (!error)
			error = amph_queue_send(&stream->side.queue, entries, batch, UINT64_MAX,
						&sent);
		stream->sent += batch;
		count -= batch;
	}
	return error ? bench_why(run, error, "a piece was not given") : 0;
}

static int answer(struct bench_run *run, uint32_t count)
{
	uint32_t batch = run->contender->variants[run->variant].number, sent, got;
	struct stream *stream = run->state;
	struct amph_queue_entry entries[BATCH];
	int error = 0;

	while (count && !error) {
		uint32_t left = PIECES - stream->received % PIECES; /* of this buffer */

		error = amph_queue_receive(&stream->side.queue, entries,
					   left < batch ? left : batch, UINT64_MAX, &got);
		if (error)
			break;
		count -= got;
		stream->received += got;
		if (got < left)
			continue;
		entries[0] = (struct amph_queue_entry){
			.share = entries[got - 1].share,
			.length = PIECES * PIECE,
		};
		error = amph_queue_send(&stream->side.queue, entries, 1, UINT64_MAX, &sent);
	}
	return error ? bench_why(run, error, "a piece did not come") : 0;
}

static void stop(struct bench_run *run)
{
	struct stream *stream = run->state;

	side_close(&stream->side);
}

static const struct bench_variant variants[] = {
	{.name = "by 1", .number = 1, .floor = BENCH_FLOOR_STREAM_1, .batch = PIECES},
	{.name = "by 4", .number = 4, .floor = BENCH_FLOOR_STREAM_4, .batch = PIECES},
	{.name = "by 16", .number = 16, .floor = BENCH_FLOOR_STREAM_16, .batch = PIECES},
	{.name = "by 64", .number = 64, .floor = BENCH_FLOOR_STREAM_64, .batch = PIECES},
};

const struct bench_contender bench_queue_stream_contender = {
	.name = "queue-stream",
	.what = "hand-offs one way through the queue, 1 to 64 at a time",
	.unit = "hand-off",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.set_up = set_up,
	.start = start,
	.ask = ask,
	.answer = answer,
	.stop = stop,
};
