/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: the two futex calls that locks and events are made of, on words of this process only.
 * Private to the port. Glibc has no wrapper for them.
 */
#ifndef AMPHORA_PLATFORM_LINUX_FUTEX_H
#define AMPHORA_PLATFORM_LINUX_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/*
 * Sleeps while *word is `value`, until the deadline (absolute, CLOCK_MONOTONIC; NULL: none), a wake,
 * a signal, or for no reason: the caller looks again. FUTEX_WAIT_BITSET is the one that takes an
 * absolute deadline.
 */
static inline void futex_wait(uint32_t *word, uint32_t value, const struct timespec *deadline)
{
	syscall(SYS_futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, value, deadline, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

static inline void futex_wake(uint32_t *word, int count)
{
	syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, count, NULL, NULL, 0);
}

#endif
