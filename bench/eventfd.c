/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "eventfd": shared memory by hand: a descriptor in it, an eventfd each way.
 * Bench. No copy, no checks, no record of who owns what; both sides sleep.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "contenders.h"

/* What a program of its own would put there: one writer for each line. */
struct by_hand {
	_Alignas(BENCH_LINE) uint64_t offset, length;
	_Alignas(BENCH_LINE) uint64_t returned_offset, returned_length;
};

static int set_up(struct bench_run *run)
{
	run->shared = bench_share(sizeof(struct by_hand));
	if (!run->shared)
		return bench_why(run, -ENOMEM, "no memory");
	for (int i = 0; i < 2; i++) {
		run->fds[i] = eventfd(0, EFD_CLOEXEC);
		if (run->fds[i] < 0)
			return bench_why(run, -errno, "eventfd: %s", strerror(errno));
	}
	return 0;
}

static int ring(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == (ssize_t)sizeof(one) ? 0 : -EIO;
}

static int wait_for_ring(int fd)
{
	uint64_t rung;

	return read(fd, &rung, sizeof(rung)) == (ssize_t)sizeof(rung) ? 0 : -EIO;
}

static int ask(struct bench_run *run, uint32_t count)
{
	struct by_hand *memory = run->shared;
	int error = 0;

	for (; count && !error; count--) {
		memory->offset = count;
		memory->length = UINT64_C(1) << 20;
		error = ring(run->fds[0]);
		if (!error)
			error = wait_for_ring(run->fds[1]);
		if (!error && memory->returned_offset != count)
			error = -EPROTO;
	}
	return error ? bench_why(run, error, "eventfd") : 0;
}

static int answer(struct bench_run *run, uint32_t count)
{
	struct by_hand *memory = run->shared;
	int error = 0;

	for (; count && !error; count--) {
		error = wait_for_ring(run->fds[0]);
		memory->returned_offset = memory->offset;
		memory->returned_length = memory->length;
		if (!error)
			error = ring(run->fds[1]);
	}
	return error ? bench_why(run, error, "eventfd") : 0;
}

static const struct bench_variant variants[] = {
	{.name = "1 MiB", .size = UINT64_C(1) << 20, .floor = BENCH_FLOOR_FUTEX},
};

const struct bench_contender bench_eventfd_contender = {
	.name = "eventfd",
	.what = "shared memory and an eventfd each way, by hand: no copy, and no checks",
	.unit = "round trip",
	.variants = variants,
	.variant_count = 1,
	.set_up = set_up,
	.ask = ask,
	.answer = answer,
};
