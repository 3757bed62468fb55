/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hardware spinlock of Linux: a shared lock (shared_lock.h) that a remote processor takes too, reached
 * through /dev/amphora, as hwspinlock has no interface for programs of its own.
 * Memory layer, Linux only. One thread at a time for one struct.
 */
#ifndef AMPHORA_HWSPINLOCK_H
#define AMPHORA_HWSPINLOCK_H

#include <stdint.h>

#include <amphora/error.h>
#include <amphora/remote.h>
#include <amphora/shared_lock.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_hwspinlock {
	struct amph_shared_lock lock; /* first */
	int fd; /* owned; -1 once closed */
	uint32_t fork_generation;
};

/*
 * Opens one of the locks that the processor's device tree node lists in `hwlocks`, by its place there.
 * The remote may be closed afterwards, stopped and started: the lock is of the platform, not of a life.
 * While it waits for the lock the kernel sleeps between tries. When this process dies with the lock
 * held, or closes it, the kernel releases it, and the next one in Linux that takes it gets -EOWNERDEAD,
 * once; what the processor held when it was stopped, its locks' driver releases.
 * amph_shared_lock_acquire() and ..._release() also return -EPERM in a child of the process that opened it.
 * Returns 0; -ENOENT (no such entry), -ENODEV (the processor or the locks' driver is gone), -EBUSY (a
 * driver of Linux uses it), -ENOTSUP (the module knows no locks), -EPROTO (built with other limits),
 * -EMFILE, -ENOMEM; *why (may be NULL).
 */
int amph_hwspinlock_open_checked(struct amph_hwspinlock *hwspinlock,
				 const struct amph_remote *remote, uint32_t index,
				 struct amph_why *why, uint32_t abi, uint32_t size);
static inline int amph_hwspinlock_open(struct amph_hwspinlock *hwspinlock,
				       const struct amph_remote *remote, uint32_t index,
				       struct amph_why *why)
{
	return amph_hwspinlock_open_checked(hwspinlock, remote, index, why, AMPH_ABI,
					    (uint32_t)sizeof(*hwspinlock));
}

/* Closes it. Returns 0, or -EBUSY while it is held. In a child: closes the child's fd only. */
int amph_hwspinlock_close(struct amph_hwspinlock *hwspinlock);

#ifdef __cplusplus
}
#endif

#endif
