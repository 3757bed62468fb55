/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz-ioctl: every ioctl of /dev/amphora, of remotes and of attachments, with random arguments and
 * arguments at their limits, by threads that close, copy, map and send each other's descriptors, while
 * the coprocessor is started, stopped and crashed. Runs inside the virtual SoC; as a 32-bit program too.
 * usage: fuzz-ioctl SECONDS [THREADS [SEED]]
 * One thread and a seed do the same again, and know exactly what each call may return.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "death.h"
#include "fuzz.h"

#define THREADS_MAX	64
#define FDS_MAX		200 /* so that they run out at times */
#define SWITCH_EVERY_MS 60
#define CHANGE_EVERY_US 50

static struct fuzz fuzz;

static void *fuzz_thread(void *argument)
{
	struct fuzz_thread *thread = argument;

	while (death_now() < fuzz.end) {
		switch (fuzz_below(thread, 16)) {
		case 0 ... 1:
			fuzz_ioctl_make(thread);
			break;
		case 2 ... 5:
			fuzz_file_call(thread);
			break;
		default:
			fuzz_ioctl_call(thread);
			break;
		}
		if (!fuzz_below(thread, 512))
			fuzz_tidy(&fuzz);
		if (fuzz.alone && !fuzz_below(thread, 2048))
			fuzz_switch(thread);
	}
	return NULL;
}

/* Changes arguments while the kernel reads them. */
static void *change_thread(void *argument)
{
	uint64_t random = *(uint64_t *)argument;

	while (death_now() < fuzz.end) {
		uint64_t number = death_random(&random);

		memcpy(fuzz.memory.good + (number >> 48) % (DEATH_PAGE - 8), &number,
		       1 + (number >> 40) % 8);
		if (!(number & 63))
			usleep(CHANGE_EVERY_US);
	}
	return NULL;
}

static void *switch_thread(void *argument)
{
	struct fuzz_thread thread = {.fuzz = &fuzz, .random = *(uint64_t *)argument};

	while (death_now() < fuzz.end) {
		fuzz_switch(&thread);
		usleep(fuzz_below(&thread, SWITCH_EVERY_MS * 1000));
	}
	return NULL;
}

static int prepare(void)
{
	struct rlimit limit = {FDS_MAX, FDS_MAX};

	signal(SIGPIPE, SIG_IGN); /* a pipe's other end may be closed by any thread */
	if (setrlimit(RLIMIT_NOFILE, &limit) || fuzz_memory_init(&fuzz.memory))
		return -1;
	fuzz.failures =
		mmap(NULL, DEATH_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (fuzz.failures == MAP_FAILED)
		return -1;
	for (unsigned slot = 0; slot < FUZZ_SLOTS; slot++) {
		fuzz.slots[slot] = -1;
		fuzz.kinds[slot] = FUZZ_CLOSED;
	}
	return 0;
}

static int run(struct fuzz_thread *threads, unsigned count, uint64_t seed)
{
	static pthread_t ids[THREADS_MAX + 2];
	uint64_t seeds[2] = {seed ^ 1, seed ^ 2};
	unsigned started = 0;
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++) {
		threads[i] = (struct fuzz_thread){.fuzz = &fuzz, .random = seed * 1000 + i};
		threads[i].own = mmap(NULL, DEATH_PAGE, PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (threads[i].own == MAP_FAILED)
			return death_fail("no memory for a thread");
		error = pthread_create(&ids[started], NULL, fuzz_thread, &threads[i]);
		started += !error;
	}
	if (!error && !fuzz.alone) {
		error = pthread_create(&ids[started], NULL, switch_thread, &seeds[0]);
		started += !error;
	}
	if (!error && !fuzz.alone) {
		error = pthread_create(&ids[started], NULL, change_thread, &seeds[1]);
		started += !error;
	}
	while (started)
		pthread_join(ids[--started], NULL);
	return error ? death_fail("a thread: %s", strerror(error)) : 0;
}

/* Nothing of all that is left: no child, no mapping, no descriptor. */
static int clean_up(void)
{
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
	for (unsigned i = 0; i < FUZZ_MAPS; i++)
		if (fuzz.maps[i])
			munmap(fuzz.maps[i], FUZZ_MAP_SIZE);
	for (unsigned slot = 0; slot < FUZZ_SLOTS; slot++)
		fuzz.slots[slot] = -1;
	fuzz_tidy(&fuzz);
	if (death_switch_off())
		return -1;
	return death_wait_nothing_left();
}

int main(int count, char **arguments)
{
	static struct fuzz_thread threads[THREADS_MAX];
	uint64_t seconds = count > 1 ? strtoull(arguments[1], NULL, 10) : 0;
	unsigned long number = count > 2 ? strtoul(arguments[2], NULL, 10) : 4;
	uint64_t seed = count > 3 ? strtoull(arguments[3], NULL, 0) : death_now();
	unsigned long calls = 0, passed = 0;

	if (count > 4 || !seconds || !number || number > THREADS_MAX) {
		fputs("usage: fuzz-ioctl SECONDS [THREADS [SEED]]\n", stderr);
		return 2;
	}
	printf("seed %llu, %lu threads, %zu-bit\n", (unsigned long long)seed, number,
	       sizeof(void *) * 8);
	fflush(stdout);
	fuzz.alone = number == 1;
	fuzz.end = death_now() + seconds * 1000;
	if (prepare() || run(threads, (unsigned)number, seed) || clean_up())
		return 1;
	for (unsigned i = 0; i < number; i++) {
		calls += threads[i].calls;
		passed += threads[i].passed;
	}
	printf("%lu calls, %lu of them passed, %u failures\n", calls, passed, *fuzz.failures);
	return *fuzz.failures || !passed ? 1 : 0;
}
