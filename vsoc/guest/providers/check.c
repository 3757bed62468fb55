/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Running checks: a fork for each, so that one that crashes is one that failed.
 * Test code, inside the virtual SoC.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define SKIPPED 77
#define LIMIT_S 600 /* for one check, on a loaded machine: nothing here may wait for ever */

int check_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	EXPECT(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

void check_expect(bool condition, const char *text, const char *file, int line)
{
	if (condition)
		return;
	printf("%s:%d: not so: %s\n", file, line, text);
	exit(1);
}

void check_equal(int64_t actual, int64_t expected, const char *text, const char *file, int line)
{
	if (actual == expected)
		return;
	printf("%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", file, line, text, actual, expected);
	exit(1);
}

void check_refused(int result, int error, const struct amph_why *why, const char *words,
		   const char *text, const char *file, int line)
{
	check_equal(result, error, text, file, line);
	if (why->what && strstr(why->what, words))
		return;
	printf("%s:%d: %s says \"%s\", not \"%s\"\n", file, line, text,
	       why->what ? why->what : "nothing", words);
	exit(1);
}

void check_skip(const char *why)
{
	printf("%s\n", why);
	exit(SKIPPED);
}

static void run_here(const struct check *check)
{
	int before = check_descriptors();

	alarm(LIMIT_S);
	check->run();
	EXPECT_EQUAL(check_descriptors(), before);
	exit(0);
}

/* Returns 0 passed, 1 failed, SKIPPED. */
static int run(const struct check *check)
{
	int status = 0, result = 1;

	fflush(stdout);
	pid_t child = fork();
	if (!child)
		run_here(check);
	if (child < 0 || waitpid(child, &status, 0) != child)
		printf("%s: no process for it\n", check->name);
	else if (WIFSIGNALED(status))
		printf("%s: ended by signal %d\n", check->name, WTERMSIG(status));
	else
		result = WEXITSTATUS(status);
	printf("%s %s\n", !result ? "ok" : result == SKIPPED ? "skipped" : "FAILED", check->name);
	return result;
}

int check_main(const struct check *checks, size_t count, int argc, char **argv)
{
	size_t ran = 0, failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		if (argc > 1 && strcmp(argv[1], checks[i].name))
			continue;
		int result = run(&checks[i]);

		ran++;
		failed += result && result != SKIPPED;
	}
	printf("%zu checks, %zu failed\n", ran, failed);
	return failed || !ran;
}

void place_init(struct place *place, struct amph_provider *provider)
{
	memset(place, 0, sizeof(*place));
	EXPECT_EQUAL(amph_memory_init(&place->memory), 0);
	if (provider)
		EXPECT_EQUAL(amph_memory_add_provider(&place->memory, provider), 0);
	place->storage = (struct amph_shm_storage){.ranges = place->ranges,
						   .range_max = 4,
						   .segments = place->segments,
						   .segment_max = 4};
}

int place_open(struct place *place, const char *name, uint64_t size, uint32_t flags)
{
	return amph_shm_open(&place->memory, &place->shm, &place->storage, name, size, flags);
}

void check_not_in_child(struct amph_shm *shm)
{
	int status;
	pid_t child = fork();

	EXPECT(child >= 0);
	if (!child) {
		unsigned char resident;

		_exit(mincore(shm->va, 1, &resident) != -1 || errno != ENOMEM ? 1
		      : amph_shm_put(shm) != -EPERM			      ? 2
									      : 0);
	}
	EXPECT_EQUAL(waitpid(child, &status, 0), child);
	EXPECT_EQUAL(status, 0);
}

void check_few_descriptors(struct place *place, const char *name, uint64_t size, uint32_t flags)
{
	int open_now = check_descriptors() - 3; /* ".", ".." and the listing itself */
	struct rlimit limit, few;
	int refused = 0;

	EXPECT_EQUAL(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	for (rlim_t more = 0;; more++) {
		few.rlim_cur = (rlim_t)open_now + more;
		EXPECT_EQUAL(setrlimit(RLIMIT_NOFILE, &few), 0);
		int error = place_open(place, name, size, flags);
		EXPECT_EQUAL(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (!error)
			break;
		EXPECT_EQUAL(error, -EMFILE);
		EXPECT_EQUAL(check_descriptors() - 3, open_now);
		EXPECT(++refused < 8);
	}
	EXPECT(refused);
	EXPECT_EQUAL(amph_shm_put(&place->shm), 0);
}

uint64_t check_read_number(const char *path)
{
	unsigned long long value = 0;
	FILE *file = fopen(path, "re");

	EXPECT(file);
	EXPECT_EQUAL(fscanf(file, "%llu", &value), 1);
	fclose(file);
	return value;
}

void check_write_number(const char *path, uint64_t value)
{
	FILE *file = fopen(path, "we");

	EXPECT(file);
	fprintf(file, "%" PRIu64 "\n", value);
	EXPECT_EQUAL(fclose(file), 0);
}

/* 32-bit words, so that it is allowed on device memory too. */
void check_fill(void *va, uint64_t size, uint32_t seed)
{
	volatile uint32_t *words = va;

	for (uint64_t i = 0; i < size / 4; i++)
		words[i] = seed + (uint32_t)i * 2654435761u;
}

void check_filled(const void *va, uint64_t size, uint32_t seed)
{
	const volatile uint32_t *words = va;

	for (uint64_t i = 0; i < size / 4; i++)
		if (words[i] != seed + (uint32_t)i * 2654435761u)
			EXPECT_EQUAL(i, -1); /* the first word that differs */
}

void check_zero_write_read(struct amph_shm *shm)
{
	const volatile uint32_t *words = shm->va;

	EXPECT(words);
	for (uint64_t i = 0; i < shm->size / 4; i++)
		if (words[i])
			EXPECT_EQUAL(i, -1); /* the first word that is not 0 */
	check_fill(shm->va, shm->size, 7);
	check_filled(shm->va, shm->size, 7);
}
