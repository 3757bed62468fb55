/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: a lock masks interrupts, which leaves nobody to compete with on one core.
 * Knows how to mask, by port.h. Locks of different names nest, in stack order.
 */
#include <amphora/lock.h>

#include "port.h"

void amph_lock_init(struct amph_lock *lock)
{
	lock->word = 0;
	lock->saved = 0;
}

void amph_lock_acquire(struct amph_lock *lock)
{
	uint32_t saved = amph_port_mask();

	lock->saved = saved;
	lock->word = 1;
}

void amph_lock_release(struct amph_lock *lock)
{
	uint32_t saved = lock->saved;

	lock->word = 0;
	amph_port_restore(saved);
}
