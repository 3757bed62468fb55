/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checks inside the virtual SoC: each by its name, in a process of its own, and nothing left open.
 * Test code; static programs, so no test library.
 */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amphora/provider.h>
#include <amphora/shm.h>

struct check {
	const char *name; /* the behaviour it holds */
	void (*run)(void);
};

#define CHECK(function)                            \
	{                                          \
		.name = #function, .run = function \
	}

/* Runs them all, or the one named in argv[1]. Returns the program's exit status. */
int check_main(const struct check *checks, size_t count, int argc, char **argv);

/* Ends the check as failed, with what was expected, where. */
#define EXPECT(condition) check_expect(condition, #condition, __FILE__, __LINE__)
#define EXPECT_EQUAL(actual, expected) \
	check_equal((int64_t)(actual), (int64_t)(expected), #actual, __FILE__, __LINE__)
void check_expect(bool condition, const char *text, const char *file, int line);
void check_equal(int64_t actual, int64_t expected, const char *text, const char *file, int line);

/* Ends the check as not to be done here. */
void check_skip(const char *why) __attribute__((noreturn));

/* How many descriptors this process has open. */
int check_descriptors(void);

/* A memory context with one buffer. */
struct place {
	struct amph_memory memory;
	struct amph_shm shm;
	struct amph_range ranges[4];
	struct amph_segment segments[4];
	struct amph_shm_storage storage;
};

void place_init(struct place *place, struct amph_provider *provider);
int place_open(struct place *place, const char *name, uint64_t size, uint32_t flags);

/* The open was refused with this error, with a reason that has these words. */
#define EXPECT_REFUSED(call, error, why, words) \
	check_refused(call, error, why, words, #call, __FILE__, __LINE__)
void check_refused(int result, int error, const struct amph_why *why, const char *words,
		   const char *text, const char *file, int line);

/* A child of fork() does not have these bytes mapped, and can't use the buffer. */
void check_not_in_child(struct amph_shm *shm);

/* Opening at each number of free descriptors, from none, fails cleanly until it works. */
void check_few_descriptors(struct place *place, const char *name, uint64_t size, uint32_t flags);

/* A file's number, such as of /proc/sys; and writing one. */
uint64_t check_read_number(const char *path);
void check_write_number(const char *path, uint64_t value);

/* Every byte of a buffer zero, then written with a pattern and read back. */
void check_zero_write_read(struct amph_shm *shm);
void check_fill(void *va, uint64_t size, uint32_t seed);
void check_filled(const void *va, uint64_t size, uint32_t seed);

#endif
