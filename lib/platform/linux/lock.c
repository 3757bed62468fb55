/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: a mutex of one word over a private futex.
 * Knows futexes only. The word is 0 free, 1 held, 2 held and somebody may sleep.
 */
#include <amphora/lock.h>

#include "futex.h"

enum { LOCK_FREE, LOCK_HELD, LOCK_CONTENDED };

void amph_lock_init(struct amph_lock *lock)
{
	__atomic_store_n(&lock->word, LOCK_FREE, __ATOMIC_RELAXED);
	lock->saved = 0;
}

void amph_lock_acquire(struct amph_lock *lock)
{
	uint32_t expected = LOCK_FREE;

	/* acquire: pairs with the release in amph_lock_release() */
	if (__atomic_compare_exchange_n(&lock->word, &expected, LOCK_HELD, 0, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return;
	/* Whoever had to wait leaves CONTENDED behind: there may be more who sleep. */
	while (__atomic_exchange_n(&lock->word, LOCK_CONTENDED, __ATOMIC_ACQUIRE) != LOCK_FREE)
		futex_wait(&lock->word, LOCK_CONTENDED, NULL);
}

void amph_lock_release(struct amph_lock *lock)
{
	/* release: pairs with the acquires in amph_lock_acquire() */
	if (__atomic_exchange_n(&lock->word, LOCK_FREE, __ATOMIC_RELEASE) == LOCK_CONTENDED)
		futex_wake(&lock->word, 1);
}
