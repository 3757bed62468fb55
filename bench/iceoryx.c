/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "iceoryx": Debian's, by its C binding: loan, publish, take, release, each way; spinning.
 * Bench. Where its package is missing it says so. Its daemon is started for it and ended after it.
 */
#include "contenders.h"

#ifdef AMPHORA_BENCH_ICEORYX

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <iceoryx_binding_c/log.h>
#include <iceoryx_binding_c/publisher.h>
#include <iceoryx_binding_c/runtime.h>
#include <iceoryx_binding_c/subscriber.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define READY_MS 20000
#define DAEMON	 "iox-roudi"

static const char config[] = "[general]\nversion = 1\n"
			     "[[segment]]\n"
			     "[[segment.mempool]]\nsize = 128\ncount = 64\n"
			     "[[segment.mempool]]\nsize = 1048576\ncount = 16\n";

struct end {
	iox_pub_storage_t publisher_storage;
	iox_sub_storage_t subscriber_storage;
	iox_pub_t publisher;
	iox_sub_t subscriber;
};

/* In memory that both processes share. */
struct daemon {
	pid_t pid; /* the program's, for tear_down */
	pid_t clients[2];
	_Alignas(BENCH_LINE) uint32_t ready[2]; /* each process says that it is connected */
};

static void client_name(char text[80], enum bench_role role, pid_t pid, const char *before,
			const char *after)
{
	snprintf(text, 80, "%samphora-bench-%s-%d%s", before, role == BENCH_ASK ? "ask" : "answer",
		 (int)pid, after);
}

static const char *missing(void)
{
	return access("/usr/bin/" DAEMON, X_OK) ? "no " DAEMON ": install the package iceoryx"
						: NULL;
}

/* In the child: its messages go to the pipe, its configuration is an fd. */
static void become_daemon(int memory, int out)
{
	int null = open("/dev/null", O_RDWR);
	char path[40];

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	setpgid(0, 0); /* a terminal's interrupt is for the program alone */
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(1);
	execl("/usr/bin/" DAEMON, DAEMON, "-c", path, "-m", "off", "-l", "off", (char *)NULL);
	_exit(127);
}

/* It says that it is ready for clients. */
static int wait_until_ready(int out)
{
	uint64_t deadline = bench_now() + READY_MS * UINT64_C(1000000);
	struct pollfd ready = {out, POLLIN, 0};
	char text[512] = "";
	size_t length = 0;

	while (!strstr(text, "ready") && length < sizeof(text) - 1) {
		uint64_t now = bench_now();
		ssize_t got;

		if (now >= deadline || poll(&ready, 1, (int)((deadline - now) / 1000000 + 1)) <= 0)
			return -ETIMEDOUT;
		got = read(out, text + length, sizeof(text) - 1 - length);
		if (got <= 0)
			return -EPIPE;
		length += (size_t)got;
		text[length] = 0;
	}
	return 0;
}

static int set_up(struct bench_run *run)
{
	struct daemon *daemon = bench_share(sizeof(*daemon));
	int memory = memfd_create("config", 0), out[2], error;
	pid_t pid;

	run->shared = daemon;
	if (!daemon || memory < 0 || pipe2(out, O_CLOEXEC))
		return bench_why(run, -ENOMEM, "no memory");
	/* kept open: where the daemon says its last words, it must not die of them */
	run->fds[0] = out[0];
	if (write(memory, config, sizeof(config) - 1) != (ssize_t)sizeof(config) - 1)
		return bench_why(run, -EIO, "its configuration");
	pid = fork();
	if (!pid)
		become_daemon(memory, out[1]);
	close(out[1]);
	close(memory);
	daemon->pid = pid; /* shared: the child must not write it */
	if (pid < 0)
		return bench_why(run, -errno, "fork: %s", strerror(errno));
	error = wait_until_ready(out[0]);
	return error ? bench_why(run, error, DAEMON " did not start: does another one run?") : 0;
}

/*
 * It leaves its files when a client of it was killed before: it wants to end that, and aborts. They are
 * its own: it would not have started beside another one.
 */
static void remove_files(const struct daemon *daemon)
{
	static const char *const names[] = {"/dev/shm/iceoryx_mgmt", "/tmp/roudi",
					    "/tmp/roudi.lock", "/tmp/iox-unique-roudi.lock"};
	const struct group *group = getgrgid(getgid());
	char path[80];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	if (group) {
		snprintf(path, sizeof(path), "/dev/shm/%.40s", group->gr_name);
		unlink(path);
	}
	for (int role = 0; role < 2; role++) {
		client_name(path, (enum bench_role)role, daemon->clients[role], "/tmp/", "");
		unlink(path);
		client_name(path, (enum bench_role)role, daemon->clients[role], "/tmp/", ".lock");
		unlink(path);
	}
}

static void tear_down(struct bench_run *run)
{
	struct daemon *daemon = run->shared;
	uint64_t deadline = bench_now() + READY_MS * UINT64_C(1000000) / 4;
	int status = 0;

	if (!daemon || daemon->pid <= 0)
		return;
	kill(daemon->pid, SIGTERM);
	while (!waitpid(daemon->pid, &status, WNOHANG)) {
		if (bench_now() > deadline)
			kill(daemon->pid, SIGKILL);
		usleep(1000);
	}
	if (status)
		remove_files(daemon);
	daemon->pid = 0;
}

/* Until each knows the other: both directions, and both processes. */
static int connect_both(struct bench_run *run, struct end *end)
{
	struct daemon *daemon = run->shared;
	uint64_t deadline = bench_now() + READY_MS * UINT64_C(1000000);

	while (iox_sub_get_subscription_state(end->subscriber) != SubscribeState_SUBSCRIBED ||
	       !iox_pub_has_subscribers(end->publisher)) {
		if (bench_now() > deadline)
			return bench_why(run, -ETIMEDOUT, "no connection");
		usleep(1000);
	}
	__atomic_store_n(&daemon->ready[run->role], 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&daemon->ready[!run->role], __ATOMIC_ACQUIRE)) {
		if (bench_now() > deadline)
			return bench_why(run, -ETIMEDOUT, "the other side has no connection");
		usleep(1000);
	}
	return 0;
}

static int start(struct bench_run *run)
{
	static const char *const names[] = {"ask", "answer"};
	struct daemon *daemon = run->shared;
	struct end *end = calloc(1, sizeof(*end));
	iox_pub_options_t publisher;
	iox_sub_options_t subscriber;
	char name[80];

	if (!end)
		return -ENOMEM;
	run->state = end;
	iox_set_loglevel(Iceoryx_LogLevel_Off);
	daemon->clients[run->role] = getpid();
	client_name(name, run->role, getpid(), "", "");
	iox_runtime_init(name);
	iox_pub_options_init(&publisher);
	publisher.subscriberTooSlowPolicy = ConsumerTooSlowPolicy_WAIT_FOR_CONSUMER;
	iox_sub_options_init(&subscriber);
	subscriber.queueFullPolicy = QueueFullPolicy_BLOCK_PRODUCER;
	end->publisher = iox_pub_init(&end->publisher_storage, "amphora", "bench", names[run->role],
				      &publisher);
	end->subscriber = iox_sub_init(&end->subscriber_storage, "amphora", "bench",
				       names[!run->role], &subscriber);
	return connect_both(run, end);
}

static int publish(struct end *end, uint32_t size, uint64_t cookie)
{
	void *payload;

	if (iox_pub_loan_chunk(end->publisher, &payload, size) != AllocationResult_SUCCESS)
		return -ENOBUFS;
	*(uint64_t *)payload = cookie;
	iox_pub_publish_chunk(end->publisher, payload);
	return 0;
}

static uint64_t take(struct end *end)
{
	const void *payload;
	uint64_t cookie;

	while (iox_sub_take_chunk(end->subscriber, &payload) != ChunkReceiveResult_SUCCESS)
		;
	cookie = *(const uint64_t *)payload;
	iox_sub_release_chunk(end->subscriber, payload);
	return cookie;
}

/* Loan and publish there, take and release; the answer is a chunk of 64 bytes. */
static int ask(struct bench_run *run, uint32_t count)
{
	uint32_t size = (uint32_t)run->contender->variants[run->variant].size;
	int error = 0;

	for (; count && !error; count--) {
		error = publish(run->state, size, count);
		if (!error && take(run->state) != count)
			error = -EPROTO;
	}
	return error ? bench_why(run, error, "publish") : 0;
}

static int answer(struct bench_run *run, uint32_t count)
{
	int error = 0;

	for (; count && !error; count--)
		error = publish(run->state, 64, take(run->state));
	return error ? bench_why(run, error, "publish") : 0;
}

static void stop(struct bench_run *run)
{
	struct end *end = run->state;

	iox_sub_deinit(end->subscriber);
	iox_pub_deinit(end->publisher);
	iox_runtime_shutdown();
}

#else

#include <errno.h>

static const char *missing(void)
{
	return "built without it: install the package libiceoryx-binding-c-dev";
}

static int ask(struct bench_run *run, uint32_t count)
{
	(void)run;
	(void)count;
	return -ENOTSUP;
}

#endif

static const struct bench_variant variants[] = {
	{.name = "64 B", .size = 64, .floor = BENCH_FLOOR_LINE},
	{.name = "1 MiB", .size = UINT64_C(1) << 20, .floor = BENCH_FLOOR_LINE},
};

const struct bench_contender bench_iceoryx_contender = {
	.name = "iceoryx",
	.what = "iceoryx: loan, publish, take and release each way, spinning",
	.unit = "round trip",
	.variants = variants,
	.variant_count = 2,
	.missing = missing,
	.ask = ask,
#ifdef AMPHORA_BENCH_ICEORYX
	.set_up = set_up,
	.tear_down = tear_down,
	.start = start,
	.answer = answer,
	.stop = stop,
#endif
};
