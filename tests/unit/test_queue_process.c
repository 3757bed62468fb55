/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A queue between two processes, each with a mapping of its own: without a system call, and until one
 * of them is killed.
 * Test code.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <amphora/queue.h>

#include "share/process_end.h"

#define STEADY 1000000u

static struct amph_queue queue;
static struct memory ring, data;

/* From here on every system call but the exit kills the process. */
static int forbid_system_calls(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	struct sock_fprog program = {.len = 4, .filter = filter};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int status_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* A kernel without a clock in user space, or one that knows no filters, has nothing to test. */
static bool clock_needs_no_system_call(void)
{
	pid_t child = fork();

	if (!child)
		_exit(forbid_system_calls() ? 1 : amph_time_now() ? 0 : 2);
	return status_of(child) == 0;
}

/* The other process: returns what comes. steady: so many times, and then it may call nothing more. */
static void echo(int fd, uint32_t steady)
{
	const struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN, .by_receive = true};
	struct amph_queue_entry entries[8];
	uint32_t count, sent;
	int error = end_start(fd, AMPH_SESSION_PEER);

	if (!error)
		error = amph_queue_expect(&queue, &end.session, &way);
	if (!error)
		error = amph_session_open(&end.session, amph_deadline(WAIT));
	while (!error && queue.state != AMPH_QUEUE_OPEN)
		error = amph_session_poll(&end.session, amph_deadline(WAIT)) < 0;
	/* a busy machine may stop the other side for longer than a look at the channel takes */
	if (steady) {
		error = error ? error : amph_queue_receive(&queue, entries, 1, UINT64_MAX, &count);
		error = error ? error : amph_queue_send(&queue, entries, 1, UINT64_MAX, &count);
		amph_session_poll(&end.session, 0);
		queue.look_ns = UINT32_MAX;
		error = error ? error : forbid_system_calls();
	}
	for (uint32_t i = 0; !error && (i < steady || !steady); i += count) {
		error = amph_queue_receive(&queue, entries, 8, UINT64_MAX, &count);
		if (!error)
			error = amph_queue_send(&queue, entries, count, UINT64_MAX, &sent);
	}
	_exit(error ? 1 : 0);
}

/* Forks the other process. */
static pid_t begin_with(uint32_t steady)
{
	const struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN, .by_receive = true};
	int fd;
	pid_t child = end_fork(echo, steady, &fd);

	assert_int_equal(end_start(fd, AMPH_SESSION_MAIN), 0);
	end_open();
	end_share(&ring, "memfd:ring", AMPH_SYNC_QUEUE);
	end_share(&data, "memfd:data", AMPH_SYNC_QUEUE);
	assert_int_equal(
		amph_queue_open(&queue, &end.session, ring.share, 64, &way, amph_deadline(WAIT)),
		0);
	return child;
}

static int go_round(void)
{
	struct amph_queue_entry entry = {.share = data.share, .length = SIZE};
	uint32_t count;
	int error = amph_queue_send(&queue, &entry, 1, UINT64_MAX, &count);

	return error ? error : amph_queue_receive(&queue, &entry, 1, UINT64_MAX, &count);
}

static void finish(void)
{
	amph_session_lose(&end.session, -EPIPE, "the other process has ended");
	amph_target_off(&end.target);
	assert_int_equal(end.memory.quarantine_size, 0);
	assert_int_equal(amph_shm_put(&data.shm), 0);
	assert_int_equal(amph_shm_put(&ring.shm), 0);
	amph_channel_socket_close(&end.channel);
}

static void steady_hand_offs_need_no_system_call(void **state)
{
	pid_t here;
	(void)state;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || defined(AMPHORA_COVERAGE)
	skip(); /* their runtimes make calls of their own */
#endif
	if (!clock_needs_no_system_call())
		skip();
	/* this side in a process of its own too, so that nobody calls anything */
	here = fork();
	if (!here) {
		int error = 0;

		begin_with(STEADY);
		queue.look_ns = UINT32_MAX;
		/* once, and what was said until now is read */
		error = go_round();
		amph_session_poll(&end.session, 0);
		error = error ? error : forbid_system_calls();
		for (uint32_t i = 0; !error && i < STEADY; i++)
			error = go_round();
		_exit(error ? 1 : 0);
	}
	assert_int_equal(status_of(here), 0);
}

static void a_killed_process_is_noticed_and_its_memory_kept(void **state)
{
	pid_t child = begin_with(0);
	uint64_t start;
	int error = 0;
	(void)state;

	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(go_round(), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	status_of(child);
	start = amph_time_now();
	for (uint32_t i = 0; !error && i < 3; i++)
		error = go_round();
	assert_int_equal(error, -EPIPE);
	assert_true(amph_time_now() - start < UINT64_C(10000000000));
	assert_int_equal(end.session.state, AMPH_SESSION_LOST);
	assert_int_equal(queue.state, AMPH_QUEUE_CLOSED);
	assert_int_equal(end.memory.quarantine_size, 2 * SIZE);
	finish();
}

static void a_forked_child_is_refused(void **state)
{
	pid_t child = begin_with(0), forked;
	(void)state;

	assert_int_equal(go_round(), 0);
	forked = fork();
	if (!forked) {
		struct amph_queue_entry entry = {.share = data.share, .length = SIZE};
		struct amph_queue second;
		uint32_t count;

		/* the mappings are not the child's: a touch would kill it */
		_exit(amph_queue_send(&queue, &entry, 1, 0, &count) != -EPERM ||
		      amph_queue_receive(&queue, &entry, 1, 0, &count) != -EPERM ||
		      amph_queue_receive(&queue, &entry, 1, UINT64_MAX, &count) != -EPERM ||
		      amph_queue_arm(&queue) != -EPERM ||
		      amph_queue_expect(&second, &end.session, &queue.config) != -EPERM ||
		      amph_queue_open(&second, &end.session, ring.share, 4, &queue.config, 0) !=
			      -EPERM);
	}
	assert_int_equal(status_of(forked), 0);
	assert_int_equal(go_round(), 0);
	kill(child, SIGKILL);
	status_of(child);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steady_hand_offs_need_no_system_call),
		cmocka_unit_test(a_killed_process_is_noticed_and_its_memory_kept),
		cmocka_unit_test(a_forked_child_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
