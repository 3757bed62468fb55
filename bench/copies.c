/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders "socket" and "pipe": the payload is copied there, and a few bytes come back.
 * Bench. What a program does that doesn't share memory; both sides sleep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contenders.h"

#define CHUNK	65536u /* of a seqpacket message: more does not fit a socket's buffer */
#define LARGEST (UINT64_C(16) << 20)
#define WORD	16u /* bytes that come back */

enum { THERE, BACK }; /* each a pair of fds: to read, to write */

static int socket_set_up(struct bench_run *run)
{
	/* one pair is enough: both ends read and write */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, run->fds))
		return bench_why(run, -errno, "socketpair: %s", strerror(errno));
	return 0;
}

static int pipe_set_up(struct bench_run *run)
{
	if (pipe(run->fds) || pipe(run->fds + 2))
		return bench_why(run, -errno, "pipe: %s", strerror(errno));
	return 0;
}

static int start(struct bench_run *run)
{
	run->state = malloc(LARGEST);
	if (!run->state)
		return -ENOMEM;
	memset(run->state, 1, LARGEST);
	return 0;
}

static int send_all(int fd, const uint8_t *bytes, uint64_t size, uint64_t chunk)
{
	while (size) {
		ssize_t done = write(fd, bytes, size < chunk ? size : chunk);

		if (done < 0)
			return -errno;
		bytes += done;
		size -= (uint64_t)done;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *bytes, uint64_t size)
{
	while (size) {
		ssize_t done = read(fd, bytes, size);

		if (done <= 0)
			return done ? -errno : -EPIPE;
		bytes += done;
		size -= (uint64_t)done;
	}
	return 0;
}

static int trip(struct bench_run *run, int in, int out, uint64_t chunk)
{
	uint64_t size = run->contender->variants[run->variant].size;
	int error;

	if (run->role == BENCH_ASK) {
		error = send_all(out, run->state, size, chunk);
		return error ? error : receive_all(in, run->state, WORD);
	}
	error = receive_all(in, run->state, size);
	return error ? error : send_all(out, run->state, WORD, chunk);
}

static int socket_trips(struct bench_run *run, uint32_t count)
{
	int fd = run->fds[run->role], error = 0;

	for (; count && !error; count--)
		error = trip(run, fd, fd, CHUNK);
	return error ? bench_why(run, error, "socket") : 0;
}

static int pipe_trips(struct bench_run *run, uint32_t count)
{
	int ask = run->role == BENCH_ASK, error = 0;

	for (; count && !error; count--)
		error = trip(run, run->fds[ask ? 2 * BACK : 2 * THERE],
			     run->fds[ask ? 2 * THERE + 1 : 2 * BACK + 1], LARGEST);
	return error ? bench_why(run, error, "pipe") : 0;
}

static void stop(struct bench_run *run)
{
	free(run->state);
}

static const struct bench_variant variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_FUTEX},
	{.name = "4 KiB", .size = 4096, .floor = BENCH_FLOOR_FUTEX},
	{.name = "64 KiB", .size = 65536, .floor = BENCH_FLOOR_FUTEX},
	{.name = "1 MiB", .size = UINT64_C(1) << 20, .floor = BENCH_FLOOR_FUTEX},
	{.name = "16 MiB", .size = LARGEST, .floor = BENCH_FLOOR_FUTEX},
};

const struct bench_contender bench_socket_contender = {
	.name = "socket",
	.what = "a Unix seqpacket socket: the payload copied there, 16 bytes back",
	.unit = "round trip",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.set_up = socket_set_up,
	.start = start,
	.ask = socket_trips,
	.answer = socket_trips,
	.stop = stop,
};

const struct bench_contender bench_pipe_contender = {
	.name = "pipe",
	.what = "a pipe each way: the payload copied there, 16 bytes back",
	.unit = "round trip",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.set_up = pipe_set_up,
	.start = start,
	.ask = pipe_trips,
	.answer = pipe_trips,
	.stop = stop,
};
