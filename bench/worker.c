/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Worker: one of a contender's two processes; does the turns that it is told, and takes the time.
 * Bench; the only place that looks at a clock.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "pair.h"

void *bench_share(size_t size)
{
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return va == MAP_FAILED ? NULL : va;
}

int bench_why(struct bench_run *run, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(run->why, sizeof(run->why), format, arguments);
	va_end(arguments);
	return error;
}

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int ask(struct pair *pair, struct floor *floor, const struct pair_command *command,
	       uint32_t count)
{
	if (command->what == PAIR_FLOOR)
		return floor_ask(floor, command->floor, count);
	return pair->contender->ask(&pair->run, count);
}

static int ask_turn(struct pair *pair, struct floor *floor, const struct pair_command *command)
{
	uint64_t before, now;
	int error;

	error = command->warm ? ask(pair, floor, command, command->warm) : 0;
	before = bench_now();
	for (uint32_t i = 0; i < command->samples && !error; i++) {
		error = ask(pair, floor, command, command->batch);
		now = bench_now();
		pair->samples[i] = now - before;
		before = now;
	}
	return error;
}

static int answer_turn(struct pair *pair, struct floor *floor, const struct pair_command *command)
{
	uint32_t count = command->warm + command->batch * command->samples;

	if (command->what == PAIR_FLOOR)
		return floor_answer(floor, command->floor, count);
	return pair->contender->answer ? pair->contender->answer(&pair->run, count) : 0;
}

static int turn(struct pair *pair, struct floor *floor, const struct pair_command *command)
{
	pair->run.variant = command->variant;
	if (pair->run.role == BENCH_ASK)
		return ask_turn(pair, floor, command);
	return answer_turn(pair, floor, command);
}

int worker_run(struct pair *pair, int socket)
{
	const struct bench_contender *contender = pair->contender;
	struct floor floor = {.memory = pair->floor};
	struct pair_command command;
	struct pair_answer answer;

	while (read(socket, &command, sizeof(command)) == (ssize_t)sizeof(command)) {
		memset(&answer, 0, sizeof(answer));
		if (command.what == PAIR_START)
			answer.error = contender->start ? contender->start(&pair->run) : 0;
		else if (command.what == PAIR_STOP && contender->stop)
			contender->stop(&pair->run);
		else if (command.what != PAIR_STOP)
			answer.error = turn(pair, &floor, &command);
		memcpy(answer.why, pair->run.why, sizeof(answer.why));
		if (write(socket, &answer, sizeof(answer)) != (ssize_t)sizeof(answer) ||
		    command.what == PAIR_STOP)
			break;
	}
	return 0;
}
