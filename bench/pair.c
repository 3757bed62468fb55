/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pair: forks a contender's two processes, tells them their turns, and kills them when they hang.
 * Bench. Whatever happens to the program, no process of it lives on: the kernel kills them with it.
 */
#include "pair.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* One turn is some milliseconds; a start may open 100,000 buffers. */
#define TURN_DEADLINE  UINT64_C(20000000000)
#define STOP_DEADLINE  UINT64_C(2000000000)
#define START_DEADLINE UINT64_C(60000000000)

volatile sig_atomic_t bench_interrupted;

static void become_worker(struct pair *pair, enum bench_role role, int cpu, const int ends[4])
{
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGINT, SIG_IGN); /* the terminal's: the program ends its processes */
	signal(SIGTERM, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		_exit(1);
	for (int i = 0; i < 4; i++)
		if (i != 2 * (int)role + 1)
			close(ends[i]);
	pair->run.role = role;
	/* not _exit(): a contender's library may say goodbye only when a program ends in order */
	exit(worker_run(pair, ends[2 * role + 1]));
}

static int fork_both(struct pair *pair, const int cpus[2])
{
	int ends[4] = {-1, -1, -1, -1};
	int error = 0;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends + 2))
		error = bench_why(&pair->run, -errno, "socketpair: %s", strerror(errno));
	for (int role = 0; role < 2 && !error; role++) {
		pid_t pid = fork();

		if (!pid)
			become_worker(pair, (enum bench_role)role, cpus[role], ends);
		if (pid < 0)
			error = bench_why(&pair->run, -errno, "fork: %s", strerror(errno));
		else
			pair->pids[role] = pid;
	}
	for (int role = 0; role < 2; role++) {
		pair->sockets[role] = ends[2 * role];
		if (ends[2 * role + 1] >= 0)
			close(ends[2 * role + 1]);
	}
	return error;
}

static void close_fds(struct bench_run *run)
{
	for (int i = 0; i < BENCH_FDS; i++) {
		if (run->fds[i] >= 0)
			close(run->fds[i]);
		run->fds[i] = -1;
	}
}

int pair_open(struct pair *pair, const struct bench_contender *contender, const int cpus[2],
	      int quick)
{
	const struct pair_command start = {.what = PAIR_START};
	int error = 0;

	memset(pair, 0, sizeof(*pair));
	pair->contender = pair->run.contender = contender;
	pair->run.quick = quick;
	pair->sockets[0] = pair->sockets[1] = -1;
	for (int i = 0; i < BENCH_FDS; i++)
		pair->run.fds[i] = -1;
	pair->samples = bench_share(PAIR_SAMPLES * sizeof(*pair->samples));
	pair->floor = bench_share(sizeof(*pair->floor));
	if (!pair->samples || !pair->floor)
		error = bench_why(&pair->run, -ENOMEM, "no memory");
	if (!error && contender->set_up)
		error = contender->set_up(&pair->run);
	if (!error)
		error = fork_both(pair, cpus);
	close_fds(&pair->run);
	pair->error = error;
	return error ? error : pair_tell(pair, &start);
}

/* One process's answer, or why there is none. */
static int hear(struct pair *pair, int role, uint64_t deadline)
{
	struct pollfd ready = {pair->sockets[role], POLLIN, 0};
	const char *who = role == BENCH_ASK ? "asking" : "answering";
	struct pair_answer answer;
	ssize_t length;
	uint64_t now;

	while ((now = bench_now()) < deadline && !bench_interrupted)
		if (poll(&ready, 1, (int)((deadline - now) / 1000000 + 1)) > 0)
			break;
	if (bench_interrupted)
		return bench_why(&pair->run, -EINTR, "interrupted");
	if (!ready.revents)
		return bench_why(&pair->run, -ETIMEDOUT, "the %s process hangs", who);
	length = recv(ready.fd, &answer, sizeof(answer), MSG_DONTWAIT);
	if (length != (ssize_t)sizeof(answer))
		return bench_why(&pair->run, -EPIPE, "the %s process died", who);
	if (answer.error)
		return bench_why(&pair->run, answer.error, "%s: %.*s (%s)", who, 100, answer.why,
				 strerror(-answer.error));
	return 0;
}

/* The first process that has something to say: when it failed, the other need not be waited for. */
static int first(const struct pair *pair, uint64_t deadline)
{
	struct pollfd ready[2] = {{pair->sockets[0], POLLIN, 0}, {pair->sockets[1], POLLIN, 0}};
	uint64_t now = bench_now();

	if (now < deadline)
		poll(ready, 2, (int)((deadline - now) / 1000000 + 1));
	return ready[1].revents && !ready[0].revents;
}

static void kill_both(struct pair *pair)
{
	for (int role = 0; role < 2; role++) {
		if (pair->pids[role] <= 0)
			continue;
		kill(pair->pids[role], SIGKILL);
		waitpid(pair->pids[role], NULL, 0);
		pair->pids[role] = 0;
	}
}

/* They were told to stop, and have said so: they end by themselves, or else are killed. */
static void let_end(struct pair *pair)
{
	uint64_t deadline = bench_now() + STOP_DEADLINE;

	for (int role = 0; role < 2; role++)
		while (pair->pids[role] > 0 && bench_now() < deadline) {
			if (waitpid(pair->pids[role], NULL, WNOHANG) == pair->pids[role])
				pair->pids[role] = 0;
			else
				usleep(500);
		}
}

int pair_tell(struct pair *pair, const struct pair_command *command)
{
	uint64_t deadline;
	int error = 0, role;

	if (pair->error)
		return pair->error;
	deadline = bench_now() + (command->what == PAIR_START ? START_DEADLINE : TURN_DEADLINE);
	for (role = 1; role >= 0; role--)
		if (send(pair->sockets[role], command, sizeof(*command), MSG_NOSIGNAL) < 0)
			error = bench_why(&pair->run, -EPIPE, "a process died");
	role = first(pair, deadline);
	if (!error)
		error = hear(pair, role, deadline);
	if (!error)
		error = hear(pair, !role, deadline);
	pair->error = error;
	if (error)
		kill_both(pair);
	return error;
}

void pair_close(struct pair *pair)
{
	const struct pair_command stop = {.what = PAIR_STOP};

	if (!pair->contender)
		return;
	if (!bench_interrupted && !pair_tell(pair, &stop))
		let_end(pair);
	kill_both(pair);
	for (int role = 0; role < 2; role++)
		if (pair->sockets[role] >= 0)
			close(pair->sockets[role]);
	if (pair->contender->tear_down)
		pair->contender->tear_down(&pair->run);
	if (pair->samples)
		munmap(pair->samples, PAIR_SAMPLES * sizeof(*pair->samples));
	if (pair->floor)
		munmap(pair->floor, sizeof(*pair->floor));
	memset(pair, 0, sizeof(*pair));
}
