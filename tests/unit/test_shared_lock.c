/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared locks: two sides in plain memory, as threads and as processes, with caches and without; a side
 * that dies, holds on for ever, or writes nonsense; a board's hardware.
 * Test code.
 */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/order.h>
#include <amphora/shared_lock.h>
#include <amphora/time.h>

#define ROUNDS 100000u
#define STRIDE 64u
#define WAIT   60000 /* ms: never waited for on a machine that is not stuck */

#define WANTS 0x1u
#define TURN  0x2u

struct place {
	_Alignas(4096) uint8_t words[2 * STRIDE];
	/* what the lock protects; never accessed atomically */
	uint64_t count, spoiled;
	volatile bool inside;
};

static struct place place;
static struct amph_plain_lock sides[2];

static uint32_t *word_of(unsigned int side)
{
	return (uint32_t *)(void *)&place.words[side * STRIDE];
}

static void open_sides(void)
{
	memset(&place, 0, sizeof(place));
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(amph_plain_lock_init(&sides[i], place.words, STRIDE, i, NULL), 0);
}

/* Counts in the protected memory, in a way that a second one at the same time would spoil. */
static int count_up(struct amph_plain_lock *plain, struct place *there, uint32_t rounds)
{
	for (uint32_t i = 0; i < rounds; i++) {
		int error = amph_shared_lock_acquire(&plain->lock, amph_deadline(WAIT));

		if (error)
			return error;
		there->spoiled += there->inside;
		there->inside = true;
		there->count++;
		there->inside = false;
		error = amph_shared_lock_release(&plain->lock);
		if (error)
			return error;
	}
	return 0;
}

static void *count_in_a_thread(void *side)
{
	return (void *)(intptr_t)count_up(side, &place, ROUNDS);
}

static void two_threads_count_and_nothing_is_lost(void **state)
{
	pthread_t thread;
	void *result;

	(void)state;
#ifdef __SANITIZE_THREAD__
	skip(); /* it sees no fences, and the lock's order is fences: tests/weak has them */
#endif
	open_sides();
	assert_int_equal(pthread_create(&thread, NULL, count_in_a_thread, &sides[1]), 0);
	assert_int_equal(count_up(&sides[0], &place, ROUNDS), 0);
	pthread_join(thread, &result);
	assert_null(result);
	assert_int_equal(place.count, 2 * ROUNDS);
	assert_int_equal(place.spoiled, 0);
}

static struct place *shared_place(void)
{
	struct place *there = mmap(NULL, sizeof(*there), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(there, MAP_FAILED);
	return there;
}

static void two_processes_count_and_nothing_is_lost(void **state)
{
	struct place *there = shared_place();
	int status;
	pid_t child;

	(void)state;
	child = fork();
	assert_int_equal(amph_plain_lock_init(&sides[!child], there->words, STRIDE, !child, NULL),
			 0);
	if (!child)
		_exit(count_up(&sides[1], there, ROUNDS) != 0);
	assert_int_equal(count_up(&sides[0], there, ROUNDS), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(there->count, 2 * ROUNDS);
	assert_int_equal(there->spoiled, 0);
	munmap(there, sizeof(*there));
}

static void a_dead_holder_costs_a_deadline_and_no_more(void **state)
{
	struct place *there = shared_place();
	uint64_t before;
	int status;
	pid_t child = fork();

	(void)state;
	if (!child) {
		amph_plain_lock_init(&sides[1], there->words, STRIDE, true, NULL);
		amph_shared_lock_acquire(&sides[1].lock, amph_deadline(WAIT));
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(amph_plain_lock_init(&sides[0], there->words, STRIDE, false, NULL), 0);
	before = amph_time_now();
	assert_int_equal(amph_shared_lock_acquire(&sides[0].lock, amph_deadline(20)), -ETIMEDOUT);
	assert_true(amph_time_now() - before >= 20000000u);
	assert_int_equal(amph_shared_lock_try(&sides[0].lock), -EBUSY);
	munmap(there, sizeof(*there));
}

static void only_one_side_has_it(void **state)
{
	(void)state;
	open_sides();
	for (unsigned int i = 0; i < 8; i++) {
		struct amph_shared_lock *one = &sides[i & 1].lock, *other = &sides[!(i & 1)].lock;

		assert_int_equal(amph_shared_lock_try(one), 0);
		assert_int_equal(amph_shared_lock_try(other), -EBUSY);
		assert_int_equal(amph_shared_lock_acquire(other, amph_deadline(1)), -ETIMEDOUT);
		/* who gave up leaves nothing behind */
		assert_int_equal(*word_of(!(i & 1)) & WANTS, 0);
		assert_int_equal(amph_shared_lock_release(one), 0);
		assert_int_equal(amph_shared_lock_try(other), 0);
		assert_int_equal(amph_shared_lock_try(one), -EBUSY);
		assert_int_equal(amph_shared_lock_release(other), 0);
	}
}

static void taking_twice_and_releasing_what_is_not_held_are_refused(void **state)
{
	(void)state;
	open_sides();
	assert_int_equal(amph_shared_lock_release(&sides[0].lock), -EPERM);
	assert_int_equal(amph_shared_lock_try(&sides[0].lock), 0);
	assert_int_equal(amph_shared_lock_try(&sides[0].lock), -EDEADLK);
	assert_int_equal(amph_shared_lock_acquire(&sides[0].lock, amph_deadline(WAIT)), -EDEADLK);
	assert_int_equal(amph_shared_lock_release(&sides[1].lock), -EPERM);
	assert_int_equal(amph_shared_lock_try(&sides[1].lock), -EBUSY);
	assert_int_equal(amph_shared_lock_release(&sides[0].lock), 0);
	assert_int_equal(amph_shared_lock_release(&sides[0].lock), -EPERM);
}

static void *take_in_a_thread(void *side)
{
	struct amph_plain_lock *plain = side;

	return (void *)(intptr_t)amph_shared_lock_acquire(&plain->lock, amph_deadline(WAIT));
}

/* Nobody starves: who comes back at once lets the one that waits go first. */
static void who_waits_is_next(void **state)
{
	(void)state;
	open_sides();
	for (unsigned int i = 0; i < 6; i++) {
		struct amph_plain_lock *holder = &sides[i & 1], *waiter = &sides[!(i & 1)];
		pthread_t thread;
		void *result;

		assert_int_equal(amph_shared_lock_try(&holder->lock), 0);
		assert_int_equal(pthread_create(&thread, NULL, take_in_a_thread, waiter), 0);
		/* it has announced itself when its turn is based on the holder's */
		while (!(amph_load32(word_of(!(i & 1))) & WANTS))
			;
		usleep(20000);
		assert_int_equal(amph_shared_lock_release(&holder->lock), 0);
		assert_int_equal(amph_shared_lock_try(&holder->lock), -EBUSY);
		pthread_join(thread, &result);
		assert_null(result);
		assert_int_equal(amph_shared_lock_release(&waiter->lock), 0);
	}
}

static void nonsense_in_the_other_s_word_is_an_error_and_not_a_wait(void **state)
{
	static const uint32_t nonsense[] = {4, 5, 7, 0x100, 0x80000000u, UINT32_MAX};

	(void)state;
	for (unsigned int side = 0; side < 2; side++) {
		for (unsigned int i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
			open_sides();
			amph_store32(word_of(!side), nonsense[i]);
			assert_int_equal(
				amph_shared_lock_acquire(&sides[side].lock, amph_deadline(WAIT)),
				-EPROTO);
			/* it wants nothing any more, and holds nothing */
			assert_int_equal(*word_of(side) & WANTS, 0);
			assert_int_equal(amph_shared_lock_release(&sides[side].lock), -EPERM);
			/* whatever the other side writes, the own word is never read back */
			amph_store32(word_of(side), UINT32_MAX);
			amph_store32(word_of(!side), 0);
			assert_int_equal(amph_shared_lock_try(&sides[side].lock), 0);
			assert_int_equal(*word_of(side) & ~TURN, WANTS);
			assert_int_equal(amph_shared_lock_release(&sides[side].lock), 0);
		}
	}
}

static void *lie_in_a_thread(void *word)
{
	usleep(5000);
	amph_store32(word, 0xdeadbeef);
	return NULL;
}

static void nonsense_that_comes_during_a_wait_ends_it(void **state)
{
	pthread_t thread;

	(void)state;
	open_sides();
	assert_int_equal(amph_shared_lock_try(&sides[1].lock), 0);
	assert_int_equal(pthread_create(&thread, NULL, lie_in_a_thread, word_of(1)), 0);
	assert_int_equal(amph_shared_lock_acquire(&sides[0].lock, amph_deadline(WAIT)), -EPROTO);
	pthread_join(thread, NULL);
}

static void a_stride_or_a_place_that_shares_lines_is_refused(void **state)
{
	struct amph_plain_lock plain;
	static const uint32_t strides[] = {0, 4, 32, 63, 65, 96, 8192, 0x80000000u};

	(void)state;
	for (unsigned int i = 0; i < sizeof(strides) / sizeof(strides[0]); i++)
		assert_int_equal(amph_plain_lock_init(&plain, place.words, strides[i], false, NULL),
				 -EINVAL);
	assert_int_equal(amph_plain_lock_init(&plain, place.words + 4, 64, false, NULL), -EINVAL);
	assert_int_equal(amph_plain_lock_init(&plain, place.words + 64, 128, false, NULL), -EINVAL);
	assert_int_equal(amph_plain_lock_init(&plain, place.words + 64, 64, false, NULL), 0);
}

/* --- caches: each side sees the memory through lines of its own --- */

static uint8_t cached[2][2 * STRIDE] __attribute__((aligned(4096)));

static void find_line(const void *va, unsigned int *side, unsigned int *line)
{
	size_t offset = (size_t)((const uint8_t *)va - cached[0]);

	*side = (unsigned int)(offset / sizeof(cached[0]));
	*line = (unsigned int)(offset % sizeof(cached[0]) / STRIDE);
}

static int clean(const void *va, size_t length)
{
	unsigned int side, line;

	(void)length;
	find_line(va, &side, &line);
	assert_int_equal(side, line); /* a line has one writer */
	memcpy(&place.words[line * STRIDE], &cached[side][line * STRIDE], STRIDE);
	return 0;
}

static int invalidate(void *va, size_t length)
{
	unsigned int side, line;

	(void)length;
	find_line(va, &side, &line);
	assert_int_not_equal(side, line); /* and only others' lines are thrown away */
	memcpy(&cached[side][line * STRIDE], &place.words[line * STRIDE], STRIDE);
	return 0;
}

static void two_sides_with_caches_of_their_own_exclude_each_other(void **state)
{
	static const struct amph_cache_ops ops = {.clean = clean, .invalidate = invalidate};

	(void)state;
	memset(&place, 0, sizeof(place));
	memset(cached, 0, sizeof(cached));
	for (unsigned int i = 0; i < 2; i++)
		assert_int_equal(amph_plain_lock_init(&sides[i], cached[i], STRIDE, i, &ops), 0);
	for (unsigned int i = 0; i < 100; i++) {
		struct amph_shared_lock *one = &sides[i % 3 & 1].lock;
		struct amph_shared_lock *other = &sides[!(i % 3 & 1)].lock;

		assert_int_equal(amph_shared_lock_try(one), 0);
		assert_int_equal(amph_shared_lock_try(other), -EBUSY);
		assert_int_equal(amph_shared_lock_release(one), 0);
	}
}

/* --- a board's hardware --- */

static struct {
	bool taken;
	uint32_t tries, relaxed, free_after;
	uint32_t id;
} semaphore;

static bool semaphore_try(void *argument, uint32_t id)
{
	assert_ptr_equal(argument, &semaphore);
	semaphore.id = id;
	semaphore.tries++;
	if (semaphore.taken && (!semaphore.free_after || semaphore.tries < semaphore.free_after))
		return false;
	semaphore.taken = true;
	return true;
}

static void semaphore_unlock(void *argument, uint32_t id)
{
	assert_ptr_equal(argument, &semaphore);
	assert_int_equal(id, semaphore.id);
	semaphore.taken = false;
}

static void semaphore_relax(void *argument, uint32_t id)
{
	(void)argument;
	(void)id;
	semaphore.relaxed++;
}

static void a_board_s_semaphore_is_a_lock_with_a_deadline(void **state)
{
	static const struct amph_hardware_lock_ops ops = {semaphore_try, semaphore_unlock,
							  semaphore_relax};
	struct amph_hardware_lock hardware;

	(void)state;
	memset(&semaphore, 0, sizeof(semaphore));
	amph_hardware_lock_init(&hardware, &ops, &semaphore, 5);
	assert_int_equal(amph_shared_lock_release(&hardware.lock), -EPERM);
	assert_int_equal(amph_shared_lock_try(&hardware.lock), 0);
	assert_int_equal(semaphore.tries, 1);
	assert_int_equal(semaphore.id, 5);
	assert_int_equal(amph_shared_lock_try(&hardware.lock), -EDEADLK);
	assert_int_equal(semaphore.tries, 1);
	assert_int_equal(amph_shared_lock_release(&hardware.lock), 0);
	assert_false(semaphore.taken);
	/* the other side has it */
	semaphore.taken = true;
	assert_int_equal(amph_shared_lock_try(&hardware.lock), -EBUSY);
	assert_int_equal(amph_shared_lock_acquire(&hardware.lock, amph_deadline(2)), -ETIMEDOUT);
	assert_true(semaphore.relaxed > 0);
	semaphore.free_after = semaphore.tries + 10;
	assert_int_equal(amph_shared_lock_acquire(&hardware.lock, amph_deadline(WAIT)), 0);
	assert_int_equal(semaphore.tries, semaphore.free_after);
	assert_int_equal(amph_shared_lock_release(&hardware.lock), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_count_and_nothing_is_lost),
		cmocka_unit_test(two_processes_count_and_nothing_is_lost),
		cmocka_unit_test(a_dead_holder_costs_a_deadline_and_no_more),
		cmocka_unit_test(only_one_side_has_it),
		cmocka_unit_test(taking_twice_and_releasing_what_is_not_held_are_refused),
		cmocka_unit_test(who_waits_is_next),
		cmocka_unit_test(nonsense_in_the_other_s_word_is_an_error_and_not_a_wait),
		cmocka_unit_test(nonsense_that_comes_during_a_wait_ends_it),
		cmocka_unit_test(a_stride_or_a_place_that_shares_lines_is_refused),
		cmocka_unit_test(two_sides_with_caches_of_their_own_exclude_each_other),
		cmocka_unit_test(a_board_s_semaphore_is_a_lock_with_a_deadline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
