/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared lock: mutual exclusion between two processors, by plain memory or by the platform's hardware.
 * Memory layer; freestanding; knows nothing of buffers: a share session syncs them by one (session_lock.h).
 *
 * A lock's struct is one side's view of it, in private memory: one thread at a time. Other threads of a
 * side are kept out by a lock of their own (lock.h). Every wait has a deadline: the other side may keep
 * a lock for ever, and a side that does not play by the rules is not kept out by any lock.
 */
#ifndef AMPHORA_SHARED_LOCK_H
#define AMPHORA_SHARED_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>
#include <amphora/target.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_shared_lock;

/* Plug-in: one kind of lock. Called only in this order: acquire, release, acquire, ... */
struct amph_shared_lock_ops {
	/*
	 * Tries until the deadline, at least once. 0; -EOWNERDEAD: it is this side's, and who held it last
	 * died with it; -ETIMEDOUT; other errors: it is not this side's and nothing waits for it.
	 */
	int (*acquire)(struct amph_shared_lock *lock, uint64_t deadline);
	/* 0, or -errno: it is not this side's any more either way. */
	int (*release)(struct amph_shared_lock *lock);
};

struct amph_shared_lock {
	const struct amph_shared_lock_ops *ops;
	bool held; /* by this side */
};

/*
 * Takes the lock, at the deadline (a time of amph_time_now()) at the latest; a deadline that has passed
 * tries once. What the other side wrote before it released the lock is there afterwards, but for
 * caches that nobody keeps coherent: sync those. May sleep on Linux, spins elsewhere; not in an interrupt.
 * Returns 0; -EOWNERDEAD: taken, but what it protects is in doubt, because whoever held it died;
 * -ETIMEDOUT; -EDEADLK: this side holds it already; -EPROTO: the other side writes nonsense; and what the
 * kind of lock says.
 */
int amph_shared_lock_acquire(struct amph_shared_lock *lock, uint64_t deadline);

/* The same without waiting: -EBUSY instead of -ETIMEDOUT. */
static inline int amph_shared_lock_try(struct amph_shared_lock *lock)
{
	int error = amph_shared_lock_acquire(lock, 0);

	return error == -ETIMEDOUT ? -EBUSY : error;
}

/*
 * Gives it back, everything before it included. Returns 0, -EPERM: this side does not hold it, or what
 * the kind of lock says: then too it is not held any more.
 */
int amph_shared_lock_release(struct amph_shared_lock *lock);

/* --- plain memory: nothing but loads and stores of 32-bit words is common --- */

/*
 * Bytes from line to line: a power of two up to 4096, at least this, and not less than the largest
 * cache line of either side. A lock is two lines, each with one writer for life.
 */
#define AMPH_PLAIN_LOCK_STRIDE 64u

struct amph_plain_lock {
	struct amph_shared_lock lock;
	uint32_t *own, *peer; /* the two lines: one that this side writes, one that it reads */
	const struct amph_cache_ops *cache;
	uint32_t word; /* what is in the own line: it is never read back */
	bool second;
};

/*
 * One side of a lock in 2 * stride bytes at `memory`, which are zero before either side takes it and
 * aligned to the stride. second: whether this is side 1, the other then is side 0; they differ in nothing
 * but this. cache: how this side's caches are maintained for the other, its clean and invalidate work;
 * NULL: coherent, or not cached. Writes nothing to the memory.
 * Returns 0, or -EINVAL: stride, or alignment. The memory stays the caller's and outlives the lock.
 * Fair: a side that waits gets the lock after the other one had it once.
 */
int amph_plain_lock_init(struct amph_plain_lock *plain, void *memory, uint32_t stride, bool second,
			 const struct amph_cache_ops *cache);

/* --- hardware: a semaphore that the board brings, whatever it is --- */

/* The board's hook. id: of the lock among the hardware's. */
struct amph_hardware_lock_ops {
	bool (*try_lock)(void *argument, uint32_t id); /* never waits */
	void (*unlock)(void *argument, uint32_t id);
	void (*relax)(void *argument, uint32_t id); /* between two tries; NULL: nothing */
};

struct amph_hardware_lock {
	struct amph_shared_lock lock;
	const struct amph_hardware_lock_ops *ops;
	void *argument;
	uint32_t id;
};

/*
 * A lock of the board's. The hardware decides who has it. What comes before `unlock` is ordered before
 * its stores, and what follows `try_lock` after its loads, to devices' registers too.
 */
void amph_hardware_lock_init(struct amph_hardware_lock *hardware,
			     const struct amph_hardware_lock_ops *ops, void *argument, uint32_t id);

#ifdef __cplusplus
}
#endif

#endif
