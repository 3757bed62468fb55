/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared locks: what all kinds have in common. Who holds is asked of this side's own record only.
 * Memory layer; freestanding.
 */
#include <amphora/shared_lock.h>

int amph_shared_lock_acquire(struct amph_shared_lock *lock, uint64_t deadline)
{
	int error;

	if (lock->held)
		return -EDEADLK;
	error = lock->ops->acquire(lock, deadline);
	lock->held = !error || error == -EOWNERDEAD;
	return error;
}

int amph_shared_lock_release(struct amph_shared_lock *lock)
{
	if (!lock->held)
		return -EPERM;
	lock->held = false;
	return lock->ops->release(lock);
}
