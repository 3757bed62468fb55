/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lock-check: hardware spinlocks that a program and the coprocessor share, by the library and by the
 * module, with the probe firmware as the other side. usage: lock-check [CHECK]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/hwspinlock.h>
#include <amphora/time.h>
#include <vsoc_hwspinlock.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "module.h"

#define ROUNDS 10000u
#define LOCK   3u
#define WORDS  0x5fff0000u /* vsoc.dtsi */
#define WAIT   60000 /* ms */

static struct amph_remote remote;

static void open_remote(void)
{
	int proof = open("/dev/remoteproc0", O_RDWR | O_CLOEXEC);

	EXPECT(proof >= 0);
	EXPECT_EQUAL(amph_remote_open(&remote, proof, NULL), 0);
	close(proof);
}

static void open_lock(struct amph_hwspinlock *lock, uint32_t index)
{
	EXPECT_EQUAL(amph_hwspinlock_open(lock, &remote, index, NULL), 0);
}

/* A lock as the kernel has it. */
static int lock_fd(uint32_t index, uint32_t flags)
{
	struct amphora_lock_open made = {.index = index, .flags = flags, .fd = -1};
	int ret = module_call(remote.fd, AMPHORA_IOC_LOCK_OPEN, &made);

	return ret ? ret : made.fd;
}

static int take(int fd, uint64_t timeout_ns, uint32_t flags, uint32_t *state)
{
	struct amphora_lock_take request = {.timeout_ns = timeout_ns, .flags = flags, .state = 99};
	int ret = module_call(fd, AMPHORA_IOC_LOCK_TAKE, &request);

	*state = request.state;
	return ret;
}

static void program_and_coprocessor_count_and_nothing_is_lost(void)
{
	struct probe_message message = {
		.command = PROBE_COUNT, .argument = LOCK, .length = ROUNDS, .count = 1};
	struct amph_remote_memory memory;
	struct pollfd ready = {.events = POLLIN};
	struct amph_hwspinlock lock;
	struct probe_answer answer;
	volatile uint32_t *word;
	struct probe probe;

	open_remote();
	open_lock(&lock, LOCK);
	EXPECT_EQUAL(amph_remote_allocate(&remote, 4096, &memory), 0);
	word = memory.va;
	EXPECT_EQUAL(probe_open(&probe), 0);
	message.segments[0] = (struct probe_segment){memory.da, sizeof(*word)};
	EXPECT_EQUAL(write(probe.endpoint.fd, &message, sizeof(message)), sizeof(message));
	/* not before it has begun */
	while (!*word)
		usleep(100);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(amph_shared_lock_acquire(&lock.lock, amph_deadline(WAIT)), 0);
		*word = *word + 1;
		EXPECT_EQUAL(amph_shared_lock_release(&lock.lock), 0);
	}
	ready.fd = probe.endpoint.fd;
	EXPECT_EQUAL(poll(&ready, 1, WAIT), 1);
	EXPECT_EQUAL(read(probe.endpoint.fd, &answer, sizeof(answer)), sizeof(answer));
	EXPECT_EQUAL(answer.status, PROBE_OK);
	EXPECT_EQUAL(*word, 2 * ROUNDS);
	printf("%u counted\n", *word);
	EXPECT_EQUAL(probe_close(&probe), 0);
	amph_remote_free(&memory);
	EXPECT_EQUAL(amph_hwspinlock_close(&lock), 0);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

/* Takes it in a child, and dies with it. */
static void die_holding(uint32_t index)
{
	int status, up[2];
	pid_t child;
	char byte;

	EXPECT_EQUAL(pipe(up), 0);
	child = fork();
	if (!child) {
		struct amph_hwspinlock lock;

		open_remote();
		open_lock(&lock, index);
		EXPECT_EQUAL(amph_shared_lock_acquire(&lock.lock, amph_deadline(WAIT)), 0);
		EXPECT_EQUAL(write(up[1], "", 1), 1);
		pause();
	}
	EXPECT_EQUAL(read(up[0], &byte, 1), 1);
	kill(child, SIGKILL);
	EXPECT_EQUAL(waitpid(child, &status, 0), child);
	close(up[0]);
	close(up[1]);
}

static void killed_program_s_lock_is_released_and_the_next_one_told_once(void)
{
	struct amph_hwspinlock lock;

	open_remote();
	open_lock(&lock, 1);
	die_holding(1);
	EXPECT_EQUAL(amph_shared_lock_acquire(&lock.lock, amph_deadline(WAIT)), -EOWNERDEAD);
	EXPECT_EQUAL(amph_hwspinlock_close(&lock), -EBUSY);
	EXPECT_EQUAL(amph_shared_lock_release(&lock.lock), 0);
	EXPECT_EQUAL(amph_shared_lock_acquire(&lock.lock, amph_deadline(WAIT)), 0);
	EXPECT_EQUAL(amph_shared_lock_release(&lock.lock), 0);
	EXPECT_EQUAL(amph_hwspinlock_close(&lock), 0);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

/* Nobody else had it open: what is remembered of it is not any file's. */
static void doubt_outlives_the_last_file_of_a_lock(void)
{
	uint32_t state;
	int fd;

	die_holding(7);
	open_remote();
	fd = lock_fd(7, 0);
	close(fd);
	fd = lock_fd(7, 0);
	EXPECT(fd >= 0);
	EXPECT_EQUAL(take(fd, 0, 0, &state), 0);
	EXPECT_EQUAL(state, AMPHORA_LOCK_IN_DOUBT);
	EXPECT_EQUAL(module_call(fd, AMPHORA_IOC_LOCK_RELEASE, NULL), 0);
	close(fd);
	fd = lock_fd(7, 0);
	EXPECT_EQUAL(take(fd, 0, 0, &state), 0);
	EXPECT_EQUAL(state, 0);
	EXPECT_EQUAL(module_call(fd, AMPHORA_IOC_LOCK_RELEASE, NULL), 0);
	close(fd);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

/* As the other side would see it. */
static uint32_t word_of(uint32_t index)
{
	const volatile uint8_t *words = memory_physical(WORDS, 4096);

	EXPECT(words);
	uint32_t word = *(const volatile uint32_t *)(words + index * VSOC_LOCKS_STRIDE);
	munmap((void *)(uintptr_t)words, 4096);
	return word;
}

static void dead_coprocessor_s_lock_is_free_when_it_is_off(void)
{
	struct probe_message message = {.command = PROBE_HOLD, .argument = 2};
	struct amph_hwspinlock lock, own;
	struct probe_answer answer;
	struct probe probe;

	open_remote();
	open_lock(&lock, 2);
	open_lock(&own, 4);
	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(probe_ask(&probe, &message, &answer), 0);
	EXPECT_EQUAL(answer.status, PROBE_OK);
	EXPECT_EQUAL(amph_shared_lock_try(&lock.lock), -EBUSY);
	EXPECT_EQUAL(amph_shared_lock_acquire(&lock.lock, amph_deadline(20)), -ETIMEDOUT);
	/* what Linux holds stays held over the other's death */
	EXPECT_EQUAL(amph_shared_lock_try(&own.lock), 0);
	EXPECT_EQUAL(probe_close(&probe), 0);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(amph_shared_lock_try(&lock.lock), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(probe_open(&probe), 0);
	message.argument = 4;
	EXPECT_EQUAL(word_of(4), VSOC_LOCK_LINUX);
	EXPECT_EQUAL(amph_shared_lock_release(&lock.lock), 0);
	EXPECT_EQUAL(amph_shared_lock_release(&own.lock), 0);
	EXPECT_EQUAL(probe_ask(&probe, &message, &answer), 0);
	EXPECT_EQUAL(answer.status, PROBE_OK);
	EXPECT_EQUAL(amph_shared_lock_try(&own.lock), -EBUSY);
	/* and by a crash, that Linux recovers */
	EXPECT_EQUAL(probe_end(&probe, PROBE_CRASH, 0), 0);
	EXPECT_EQUAL(amph_shared_lock_acquire(&own.lock, amph_deadline(WAIT)), 0);
	EXPECT_EQUAL(amph_shared_lock_release(&own.lock), 0);
	probe_close(&probe);
	EXPECT_EQUAL(remote_wait("running"), 0);
	EXPECT_EQUAL(amph_hwspinlock_close(&lock), 0);
	EXPECT_EQUAL(amph_hwspinlock_close(&own), 0);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

static void only_the_holder_releases_and_every_wait_ends(void)
{
	uint32_t state;
	uint64_t start;
	int one, two;

	open_remote();
	one = lock_fd(0, 0);
	two = lock_fd(0, 0);
	EXPECT(one >= 0 && two >= 0);
	EXPECT_EQUAL(module_call(one, AMPHORA_IOC_LOCK_RELEASE, NULL), -EPERM);
	EXPECT_EQUAL(take(one, 0, 1, &state), -EINVAL);
	EXPECT_EQUAL(take(one, 0, 0, &state), 0);
	EXPECT_EQUAL(state, 0);
	EXPECT_EQUAL(take(one, UINT64_MAX, 0, &state), -EDEADLK);
	EXPECT_EQUAL(state, 99);
	EXPECT_EQUAL(take(two, 0, 0, &state), -ETIMEDOUT);
	start = amph_time_now();
	EXPECT_EQUAL(take(two, 20000000, 0, &state), -ETIMEDOUT);
	EXPECT(amph_time_now() - start >= 20000000);
	EXPECT_EQUAL(module_call(two, AMPHORA_IOC_LOCK_RELEASE, NULL), -EPERM);
	EXPECT_EQUAL(module_call(one, AMPHORA_IOC_LOCK_RELEASE, NULL), 0);
	EXPECT_EQUAL(take(two, 0, 0, &state), 0);
	/* closed while it holds it: as if it had died */
	close(two);
	EXPECT_EQUAL(take(one, 0, 0, &state), 0);
	EXPECT_EQUAL(state, AMPHORA_LOCK_IN_DOUBT);
	EXPECT_EQUAL(module_call(one, AMPHORA_IOC_LOCK_RELEASE, NULL), 0);
	EXPECT_EQUAL(module_call(one, AMPHORA_IOC_LOCK_TAKE, NULL), -EFAULT);
	EXPECT_EQUAL(module_call(one, AMPHORA_IOC_LOCK_OPEN, NULL), -ENOTTY);
	close(one);
	EXPECT_EQUAL(lock_fd(8, 0), -ENOENT);
	EXPECT_EQUAL(lock_fd(UINT32_MAX, 0), -ENOENT);
	EXPECT_EQUAL(lock_fd(0, 1), -EINVAL);
	EXPECT_EQUAL(module_call(remote.fd, AMPHORA_IOC_LOCK_OPEN, NULL), -EFAULT);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

static void tell_nothing(int number)
{
	(void)number;
}

static void signal_ends_a_wait(void)
{
	struct sigaction action = {.sa_handler = tell_nothing};
	uint32_t state;
	int one, two, status;
	pid_t child;

	open_remote();
	one = lock_fd(5, 0);
	two = lock_fd(5, 0);
	EXPECT_EQUAL(take(one, 0, 0, &state), 0);
	child = fork();
	if (!child) {
		sigaction(SIGUSR1, &action, NULL);
		_exit(take(two, UINT64_MAX, 0, &state) != -EINTR);
	}
	do {
		kill(child, SIGUSR1);
		usleep(10000);
	} while (!waitpid(child, &status, WNOHANG));
	/* one that came before the handler was there ended it as well */
	EXPECT(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1));
	close(one);
	close(two);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

static void child_of_the_holder_does_not_release(void)
{
	struct amph_hwspinlock lock;
	int status;
	pid_t child;

	open_remote();
	open_lock(&lock, 6);
	EXPECT_EQUAL(amph_shared_lock_try(&lock.lock), 0);
	child = fork();
	if (!child)
		_exit(amph_shared_lock_release(&lock.lock) != -EPERM ||
		      amph_shared_lock_try(&lock.lock) != -EPERM || amph_hwspinlock_close(&lock));
	EXPECT_EQUAL(waitpid(child, &status, 0), child);
	EXPECT_EQUAL(status, 0);
	EXPECT_EQUAL(amph_shared_lock_try(&lock.lock), -EDEADLK);
	EXPECT_EQUAL(amph_shared_lock_release(&lock.lock), 0);
	EXPECT_EQUAL(amph_hwspinlock_close(&lock), 0);
	EXPECT_EQUAL(amph_remote_close(&remote), 0);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(program_and_coprocessor_count_and_nothing_is_lost),
		CHECK(killed_program_s_lock_is_released_and_the_next_one_told_once),
		CHECK(doubt_outlives_the_last_file_of_a_lock),
		CHECK(dead_coprocessor_s_lock_is_free_when_it_is_off),
		CHECK(only_the_holder_releases_and_every_wait_ends),
		CHECK(signal_ends_a_wait),
		CHECK(child_of_the_holder_does_not_release),
	};
	int failed;

	if (remote_switch("start"))
		return 1;
	failed = check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
	return remote_switch("stop") || failed;
}
