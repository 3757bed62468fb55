/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: what a scenario of the weak-memory explorer is made of. A scenario is one C file beside this
 * one: real code of the library (or of a firmware) in two or three threads, over memory that it declares
 * as shared. The explorer (explorer.cc, over Relacy) runs it through many executions, each with another
 * interleaving and with other stale values from the loads that no acquire, release or barrier forbids.
 *
 * An execution is: before() once, thread(0), thread(1), ... at once, after() once. Private state of the
 * code is plain memory: a thread is only interrupted at accesses to shared memory. It must be the same for
 * each execution, so before() sets all of it up anew, and nothing may depend on time or addresses.
 *
 * Two kinds of shared memory:
 *   words     are read and written by both sides at any time: a load may return an old value;
 *   guarded   fields are read and written only by whom a word has told to: an access that is not ordered
 *             after the other side's last one is a data race, whatever the values are.
 * In threads order.h may touch nothing else, but for copies of private memory.
 */
#ifndef TESTS_WEAK_WEAK_H
#define TESTS_WEAK_WEAK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define WEAK_THREADS_MAX 3

struct weak_scenario {
	const char *name;
	uint32_t threads; /* 2 or 3 */
	uint32_t executions; /* to explore; a removed ordering must be noticed in far fewer */
	void (*before)(void);
	void (*thread)(uint32_t self);
	void (*after)(void); /* or NULL */
};

/* Adds a scenario: WEAK_SCENARIO(ring, .threads = 2, ...); its name is that of the first argument. */
#define WEAK_SCENARIO(name_, ...)                                                         \
	const struct weak_scenario weak_scenario_##name_ = {.name = #name_, __VA_ARGS__}; \
	const struct weak_scenario *const weak_pointer_##name_                            \
		__attribute__((section("weak_scenarios"), used)) = &weak_scenario_##name_

/*
 * In before(), after the plain memory holds its first values: declares `count` words of `size` bytes
 * (1, 2 or 4) each, one after the other. name: a literal, the same for fields that play the same part; an
 * ordering is known by its place in the source and the name of the word that it orders.
 */
void weak_words(const void *first, size_t count, size_t size, const char *name);
void weak_guarded(const void *first, size_t count, size_t size, const char *name);

/* The scenario's own accesses to guarded fields of 4 bytes: the payload. */
uint32_t weak_read(const uint32_t *field);
void weak_write(uint32_t *field, uint32_t value);

/* Fails this execution, and does not return, unless it holds. */
void weak_check(bool holds, const char *what);

/*
 * Doorbells, by number. Ring: wakes who sleeps at it, or keeps the next one from its sleep; it orders no
 * more than a store to a device's register: what was written before is there for the woken one if a
 * barrier stands in between. Sleep: until somebody rings; nobody does: a deadlock, which fails the
 * execution. One thread sleeps at a bell.
 */
#define WEAK_BELLS 8

void weak_ring(uint32_t bell);
void weak_sleep(uint32_t bell);

/*
 * A futex on a declared word: sleeps if the word's newest value is `value`, until somebody wakes it. As
 * in the kernel the two are in order for each other; they order nothing else.
 */
void weak_futex_wait(const uint32_t *word, uint32_t value);
void weak_futex_wake(const uint32_t *word);

/*
 * A load that is done late, after a store that follows it, is the one thing that Relacy does not do by
 * itself. For a word whose value the code only hands on: declares, in before(), that what is loaded from it
 * is not used until weak_used(), which returns what the load may as well have returned if no acquire and
 * no barrier has bound it so far.
 */
void weak_used_later(const uint32_t *word);
uint32_t weak_used(const uint32_t *word, uint32_t value);

/*
 * A pipe that counts, as a channel has one in the kernel or in a ring of its own: who sees that a message
 * has arrived sees all that was done before it was posted. Posting rings a bell, and who is rung sees the
 * message; a look without that may be too early. By number, as bells are.
 */
void weak_post(uint32_t pipe, uint32_t bell);
uint32_t weak_posted(uint32_t pipe);

/* Lets the others run, for loops that poll. A loop that goes on too long fails the execution. */
void weak_yield(void);

/* A choice of the explorer's: 0 to limit - 1. In before() too. */
uint32_t weak_random(uint32_t limit);

/* Which thread this is. */
uint32_t weak_self(void);

#ifdef __cplusplus
}
#endif

#endif
