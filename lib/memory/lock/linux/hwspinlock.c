/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's hardware spinlocks as shared locks, through the module amphora.
 * Memory layer, Linux. Knows kernel/include/uapi/linux/amphora.h.
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <amphora/fork.h>
#include <amphora/hwspinlock.h>
#include <amphora/time.h>

#include "memory/target/linux/module.h"

static int acquire(struct amph_shared_lock *lock, uint64_t deadline)
{
	const struct amph_hwspinlock *hwspinlock = (const struct amph_hwspinlock *)lock;

	if (amph_fork_happened(hwspinlock->fork_generation))
		return -EPERM;
	for (;;) {
		uint64_t now = amph_time_now();
		struct amphora_lock_take take = {.timeout_ns = deadline > now ? deadline - now : 0};

		if (!ioctl(hwspinlock->fd, AMPHORA_IOC_LOCK_TAKE, &take))
			return take.state & AMPHORA_LOCK_IN_DOUBT ? -EOWNERDEAD : 0;
		if (errno != EINTR)
			return -errno;
	}
}

static int release(struct amph_shared_lock *lock)
{
	const struct amph_hwspinlock *hwspinlock = (const struct amph_hwspinlock *)lock;

	/* the child's copy of the fd would release what the parent holds */
	if (amph_fork_happened(hwspinlock->fork_generation))
		return -EPERM;
	return ioctl(hwspinlock->fd, AMPHORA_IOC_LOCK_RELEASE) ? -errno : 0;
}

int amph_hwspinlock_open_checked(struct amph_hwspinlock *hwspinlock,
				 const struct amph_remote *remote, uint32_t index,
				 struct amph_why *why, uint32_t abi, uint32_t size)
{
	static const struct amph_shared_lock_ops ops = {.acquire = acquire, .release = release};
	struct amphora_lock_open made = {.index = index, .fd = -1};
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*hwspinlock));

	if (error)
		return error;
	*hwspinlock = (struct amph_hwspinlock){
		.lock.ops = &ops, .fd = -1, .fork_generation = amph_fork_generation()};
	error = amph_module_call(remote->fd, AMPHORA_IOC_LOCK_OPEN, &made);
	if (error == -ENOTTY)
		return amph_refuse(why, -ENOTSUP, "the module amphora knows no locks", index, 0);
	if (error == -ENOENT)
		return amph_refuse(why, error,
				   "the processor's device tree node lists no such hardware lock "
				   "(hwlocks)",
				   index, 0);
	if (error)
		return amph_refuse(why, error, "the hardware lock can't be opened", index, 0);
	hwspinlock->fd = made.fd;
	return 0;
}

int amph_hwspinlock_close(struct amph_hwspinlock *hwspinlock)
{
	if (hwspinlock->lock.held && !amph_fork_happened(hwspinlock->fork_generation))
		return -EBUSY;
	if (hwspinlock->fd >= 0)
		close(hwspinlock->fd);
	hwspinlock->fd = -1;
	return 0;
}
