/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lock: mutual exclusion inside one processor, between threads or between a loop and its interrupts.
 * Platform layer: each port defines these functions. Not for memory that another processor reaches.
 */
#ifndef AMPHORA_LOCK_H
#define AMPHORA_LOCK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_lock {
	uint32_t word;
	uint32_t saved; /* what release restores; the holder's */
};

/* Before first use. */
void amph_lock_init(struct amph_lock *lock);

/*
 * Takes the lock; not recursive. Linux: threads, sleeps until free, for a critical section that
 * does not itself wait. It has no deadline, as the holder is a thread of this process a few
 * instructions from its release: nothing outside the process can keep it. Bare metal: masks
 * interrupts, never waits.
 */
void amph_lock_acquire(struct amph_lock *lock);

/* Gives it back, by whoever took it. */
void amph_lock_release(struct amph_lock *lock);

#ifdef __cplusplus
}
#endif

#endif
