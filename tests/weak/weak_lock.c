/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: shared locks under a weak memory. Two sides count in memory that nothing but the lock orders; they
 * come back at once, give up, and try again. And the same by a board's semaphore that orders nothing itself.
 */
#include <amphora/order.h>
#include <amphora/shared_lock.h>

#include "weak.h"

#define ROUNDS 2u

static struct {
	_Alignas(64) uint8_t lines[2 * AMPH_PLAIN_LOCK_STRIDE];
} memory;
static struct amph_plain_lock plain[2];
static uint32_t counted;

static void count(struct amph_shared_lock *lock)
{
	for (uint32_t i = 0; i < ROUNDS; i++) {
		/* some looks, then it gives up */
		while (amph_shared_lock_acquire(lock, 0))
			weak_yield();
		weak_write(&counted, weak_read(&counted) + 1);
		weak_check(!amph_shared_lock_release(lock), "the release");
	}
}

static void after(void)
{
	weak_check(weak_read(&counted) == 2 * ROUNDS, "a count is lost");
}

static void plain_before(void)
{
	uint32_t *words[2];

	for (uint32_t i = 0; i < 2; i++) {
		weak_check(!amph_plain_lock_init(&plain[i], memory.lines, AMPH_PLAIN_LOCK_STRIDE, i,
						 NULL),
			   "the lock");
		words[i] = plain[i].own;
		/* as whoever had it before may have left it */
		*words[i] = 0;
	}
	counted = 0;
	weak_words(words[0], 1, 4, "lock of side 0");
	weak_words(words[1], 1, 4, "lock of side 1");
	weak_guarded(&counted, 1, 4, "counted");
}

static void plain_thread(uint32_t self)
{
	count(&plain[self].lock);
}

WEAK_SCENARIO(lock_plain, .threads = 2, .executions = 100000, .before = plain_before,
	      .thread = plain_thread, .after = after);

/* --- a semaphore: who has it, the hardware knows; that it is free again is seen by a load --- */

static struct amph_hardware_lock hardware[2];
static uint32_t freed; /* how often, as the processors see it */
static struct {
	bool taken;
	uint32_t freed;
} semaphore;

static bool semaphore_try(void *argument, uint32_t id)
{
	(void)argument;
	(void)id;
	if (semaphore.taken || amph_load32(&freed) != semaphore.freed)
		return false;
	/* another thread ran at the load */
	if (semaphore.taken)
		return false;
	semaphore.taken = true;
	return true;
}

static void semaphore_unlock(void *argument, uint32_t id)
{
	(void)argument;
	(void)id;
	amph_store32(&freed, ++semaphore.freed);
	semaphore.taken = false;
}

static void hardware_before(void)
{
	static const struct amph_hardware_lock_ops ops = {.try_lock = semaphore_try,
							  .unlock = semaphore_unlock};

	for (uint32_t i = 0; i < 2; i++)
		amph_hardware_lock_init(&hardware[i], &ops, NULL, 0);
	semaphore.taken = false;
	semaphore.freed = 0;
	freed = counted = 0;
	weak_words(&freed, 1, 4, "semaphore");
	weak_guarded(&counted, 1, 4, "counted");
}

static void hardware_thread(uint32_t self)
{
	count(&hardware[self].lock);
}

WEAK_SCENARIO(lock_hardware, .threads = 2, .executions = 20000, .before = hardware_before,
	      .thread = hardware_thread, .after = after);
