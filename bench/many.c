/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders "buffers" and "sessions": what a round trip costs where there are many of either.
 * Bench. In a carve-out that both processes reach, since 100,000 mappings are more than Linux allows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contenders.h"
#include "side.h"

#define PART	 10000u /* buffers of a session: each that is offered is compared with all others */
#define PARTS	 10u
#define SESSIONS 64u
#define SIZE	 64u /* bytes of each buffer */
#define RING	 65536u /* room for a queue, rounded up generously */

static const struct amph_queue_config waiting = {.spins = AMPH_QUEUE_SPIN, .by_receive = true};

/* --- buffers: all of them are open; so many of them are used, in turn --- */

struct buffers {
	struct side sides[PARTS];
	uint32_t next;
};

/* In memory that both processes share. */
struct buffers_shared {
	int fds[PARTS][2];
	_Alignas(4096) uint8_t carveouts[PARTS][PART * SIZE + RING];
};

static int open_sockets(struct bench_run *run, int fds[][2], uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds[i]))
			return bench_why(run, -errno, "socketpair: %s", strerror(errno));
	return 0;
}

static void close_sockets(int fds[][2], uint32_t count)
{
	for (uint32_t i = 0; i < 2 * count; i++)
		if (fds[i / 2][i % 2] > 0)
			close(fds[i / 2][i % 2]);
}

static int buffers_set_up(struct bench_run *run)
{
	struct buffers_shared *shared = bench_share(sizeof(*shared));

	run->shared = shared;
	return shared ? open_sockets(run, shared->fds, PARTS)
		      : bench_why(run, -ENOMEM, "no memory");
}

static void buffers_tear_down(struct bench_run *run)
{
	struct buffers_shared *shared = run->shared;

	if (shared)
		close_sockets(shared->fds, PARTS);
}

static int buffers_start(struct bench_run *run)
{
	struct buffers_shared *shared = run->shared;
	struct buffers *buffers = calloc(1, sizeof(*buffers));
	static uint64_t sizes[PART];
	int error = buffers ? 0 : -ENOMEM;

	run->state = buffers;
	for (uint32_t i = 0; i < PART; i++)
		sizes[i] = SIZE;
	for (uint32_t i = 0; i < (run->quick ? 1 : PARTS) && !error; i++) {
		struct side_config config = {
			.fd = shared->fds[i][run->role],
			.buffer_max = PART,
			.carveout = shared->carveouts[i],
			.carveout_size = sizeof(shared->carveouts[i]),
			.queue = &waiting,
		};

		error = side_open(run, &buffers->sides[i], &config, sizes, PART);
	}
	return error;
}

/* Both processes know which buffer is next. */
static uint32_t next_buffer(struct bench_run *run, struct buffers *buffers)
{
	if (buffers->next >= run->contender->variants[run->variant].number)
		buffers->next = 0;
	return buffers->next++;
}

static int buffers_ask(struct bench_run *run, uint32_t count)
{
	struct buffers *buffers = run->state;
	int error = 0;

	for (; count && !error; count--) {
		uint32_t i = next_buffer(run, buffers);

		error = side_round_trip(&buffers->sides[i / PART], i % PART);
	}
	return error;
}

static int buffers_answer(struct bench_run *run, uint32_t count)
{
	struct buffers *buffers = run->state;
	int error = 0;

	for (; count && !error; count--)
		error = side_serve(&buffers->sides[next_buffer(run, buffers) / PART], 1);
	return error;
}

static const struct bench_variant buffers_variants[] = {
	{.name = "1", .number = 1, .floor = BENCH_FLOOR_LINE},
	{.name = "10", .number = 10, .floor = BENCH_FLOOR_LINE},
	{.name = "100", .number = 100, .floor = BENCH_FLOOR_LINE},
	{.name = "1000", .number = 1000, .floor = BENCH_FLOOR_LINE},
	{.name = "10000", .number = 10000, .floor = BENCH_FLOOR_LINE},
	{.name = "100000", .number = PART * PARTS, .floor = BENCH_FLOOR_LINE, .slow = 1},
};

const struct bench_contender bench_buffers_contender = {
	.name = "buffers",
	.what = "queue: 100,000 buffers are open in 10 sessions, 1 to 100,000 are used in turn",
	.unit = "round trip",
	.variants = buffers_variants,
	.variant_count = sizeof(buffers_variants) / sizeof(buffers_variants[0]),
	.set_up = buffers_set_up,
	.tear_down = buffers_tear_down,
	.start = buffers_start,
	.ask = buffers_ask,
	.answer = buffers_answer,
};

/* --- sessions: each with a queue of its own; whoever answers looks at all of them --- */

/* In memory that both processes share. */
struct sessions_shared {
	int fds[SESSIONS][2];
	_Alignas(4096) uint8_t carveouts[SESSIONS][RING];
};

struct sessions {
	struct side sides[SESSIONS];
	uint32_t next;
};

static int sessions_set_up(struct bench_run *run)
{
	struct sessions_shared *shared = bench_share(sizeof(*shared));

	if (!shared)
		return bench_why(run, -ENOMEM, "no memory");
	run->shared = shared;
	return open_sockets(run, shared->fds, SESSIONS);
}

static void sessions_tear_down(struct bench_run *run)
{
	struct sessions_shared *shared = run->shared;

	if (shared)
		close_sockets(shared->fds, SESSIONS);
}

static int sessions_start(struct bench_run *run)
{
	static const uint64_t size = SIZE;
	struct sessions_shared *shared = run->shared;
	struct sessions *sessions = calloc(1, sizeof(*sessions));
	int error = 0;

	if (!sessions)
		return -ENOMEM;
	run->state = sessions;
	for (uint32_t i = 0; i < SESSIONS && !error; i++) {
		struct side_config config = {
			.fd = shared->fds[i][run->role],
			.buffer_max = 1,
			.carveout = shared->carveouts[i],
			.carveout_size = RING,
			.queue = &waiting,
		};

		error = side_open(run, &sessions->sides[i], &config, &size, 1);
	}
	return error;
}

static int sessions_ask(struct bench_run *run, uint32_t count)
{
	struct sessions *sessions = run->state;
	uint32_t number = run->contender->variants[run->variant].number;
	int error = 0;

	for (; count && !error; count--)
		error = side_round_trip(&sessions->sides[sessions->next++ % number], 0);
	return error;
}

static int sessions_answer(struct bench_run *run, uint32_t count)
{
	struct sessions *sessions = run->state;
	uint32_t number = run->contender->variants[run->variant].number;
	int error = 0;

	for (uint32_t i = 0; count && !error; i = (i + 1) % number) {
		struct amph_queue *queue = &sessions->sides[i].queue;
		struct amph_queue_entry entry;
		uint32_t done;

		error = amph_queue_receive(queue, &entry, 1, 0, &done);
		if (error == -ETIMEDOUT) {
			error = 0;
			continue;
		}
		if (!error)
			error = amph_queue_send(queue, &entry, 1, UINT64_MAX, &done);
		count--;
	}
	return error;
}

static const struct bench_variant sessions_variants[] = {
	{.name = "1", .number = 1, .floor = BENCH_FLOOR_LINE},
	{.name = "4", .number = 4, .floor = BENCH_FLOOR_LINE},
	{.name = "16", .number = 16, .floor = BENCH_FLOOR_LINE},
	{.name = "64", .number = SESSIONS, .floor = BENCH_FLOOR_LINE},
};

const struct bench_contender bench_sessions_contender = {
	.name = "sessions",
	.what = "queue: 1 to 64 sessions used in turn, one process answers them all",
	.unit = "round trip",
	.variants = sessions_variants,
	.variant_count = sizeof(sessions_variants) / sizeof(sessions_variants[0]),
	.set_up = sessions_set_up,
	.tear_down = sessions_tear_down,
	.start = sessions_start,
	.ask = sessions_ask,
	.answer = sessions_answer,
};
