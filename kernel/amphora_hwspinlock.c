// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware spinlocks for programs: Linux gives them no way to these. Which ones, the remote processor's
 * device tree node says (`hwlocks`); the right to them is an open file of that processor, as for memory.
 *
 * A lock is held by a file descriptor, over returns to user space: so in hwspinlock's raw mode, which
 * keeps neither preemption nor interrupts off, and needs what is here: one holder within Linux.
 * Locks: files_lock, then amphora_lock.lock. Nothing copies from or to user space with one held.
 */
#include <linux/anon_inodes.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hwspinlock.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/of.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "amphora_internal.h"

#define SPINS	     50
#define SLEEP_US     50
#define SLEEP_MAX_US 1000

static_assert(sizeof(struct amphora_lock_open) == 16);
static_assert(sizeof(struct amphora_lock_take) == 16);

/* One hardware lock, while any file has it; and while it is in doubt, for who opens it next. */
struct amphora_lock {
	struct list_head node; /* under files_lock */
	unsigned int files; /* under files_lock */
	int id; /* hwspinlock's number */
	struct hwspinlock *hwlock; /* where there are files */
	struct mutex lock; /* of the rest */
	const struct file *holder; /* NULL: nobody in Linux */
	bool in_doubt; /* its last holder in Linux ended with it */
};

static DEFINE_MUTEX(files_lock);
static LIST_HEAD(locks);

/* Under files_lock, of one without files. */
static void forget_lock(struct amphora_lock *lock)
{
	list_del(&lock->node);
	kfree(lock);
}

static void put_lock(struct amphora_lock *lock)
{
	mutex_lock(&files_lock);
	if (!--lock->files) {
		hwspin_lock_free(lock->hwlock);
		lock->hwlock = NULL;
		if (!lock->in_doubt)
			forget_lock(lock);
	}
	mutex_unlock(&files_lock);
}

/* Known already, or new; under files_lock. NULL: no memory. */
static struct amphora_lock *find_lock(int id)
{
	struct amphora_lock *lock;

	list_for_each_entry (lock, &locks, node)
		if (lock->id == id)
			return lock;
	lock = kzalloc(sizeof(*lock), GFP_KERNEL);
	if (!lock)
		return NULL;
	lock->id = id;
	mutex_init(&lock->lock);
	list_add(&lock->node, &locks);
	return lock;
}

/* For its first file. -EBUSY: a driver has it. */
static int request_lock(struct amphora_lock *lock)
{
	struct hwspinlock *hwlock = hwspin_lock_request_specific(lock->id);

	if (IS_ERR_OR_NULL(hwlock)) {
		if (!lock->in_doubt)
			forget_lock(lock);
		return -EBUSY;
	}
	lock->hwlock = hwlock;
	return 0;
}

/* With a reference. -EBUSY, -ENOMEM. */
static struct amphora_lock *get_lock(int id)
{
	struct amphora_lock *lock;
	int ret = 0;

	mutex_lock(&files_lock);
	lock = find_lock(id);
	if (!lock)
		ret = -ENOMEM;
	else if (!lock->files)
		ret = request_lock(lock);
	if (!ret)
		lock->files++;
	mutex_unlock(&files_lock);
	return ret ? ERR_PTR(ret) : lock;
}

/* hwspinlock's number of a lock of the remote processor's. -ENOENT, -ENODEV. */
static int find_id(struct amphora_processor *remote, u32 index)
{
	int id = -ENODEV;

	if (index > INT_MAX)
		return -ENOENT;
	mutex_lock(&remote->lock);
	if (!remote->gone)
		id = of_hwspin_lock_get_id(remote->dev->of_node, index);
	mutex_unlock(&remote->lock);
	if (id == -EPROBE_DEFER)
		return -ENODEV; /* its driver is not there */
	return id < 0 && id != -ENODEV ? -ENOENT : id;
}

static int try_lock(struct amphora_lock *lock, const struct file *file, u32 *state)
{
	int ret = -EBUSY;

	mutex_lock(&lock->lock);
	if (lock->holder == file) {
		ret = -EDEADLK;
	} else if (!lock->holder && !hwspin_trylock_raw(lock->hwlock)) {
		lock->holder = file;
		*state = lock->in_doubt ? AMPHORA_LOCK_IN_DOUBT : 0;
		lock->in_doubt = false;
		ret = 0;
	}
	mutex_unlock(&lock->lock);
	return ret;
}

static int release_lock(struct amphora_lock *lock, const struct file *file, bool in_doubt)
{
	int ret = -EPERM;

	mutex_lock(&lock->lock);
	if (lock->holder == file) {
		lock->holder = NULL;
		lock->in_doubt = in_doubt;
		hwspin_unlock_raw(lock->hwlock);
		ret = 0;
	}
	mutex_unlock(&lock->lock);
	return ret;
}

/* Nobody says when the other side releases it: so it is tried again and again, ever more slowly. */
static int take_lock(struct amphora_lock *lock, const struct file *file, u64 timeout_ns, u32 *state)
{
	ktime_t end = ktime_add_safe(ktime_get(), min_t(u64, timeout_ns, KTIME_MAX));
	unsigned int sleep = SLEEP_US;

	for (unsigned int tries = 0;; tries++) {
		bool late = ktime_compare(ktime_get(), end) >= 0; /* the last try is past it */
		int ret = try_lock(lock, file, state);

		if (ret != -EBUSY)
			return ret;
		if (late)
			return -ETIMEDOUT;
		if (signal_pending(current))
			return -EINTR;
		if (tries < SPINS) {
			cond_resched();
			continue;
		}
		usleep_range_state(sleep, 2 * sleep, TASK_INTERRUPTIBLE);
		sleep = min(2 * sleep, SLEEP_MAX_US);
	}
}

static long take(struct amphora_lock *lock, const struct file *file, void __user *argument)
{
	struct amphora_lock_take request;
	long ret;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.flags)
		return -EINVAL;
	ret = take_lock(lock, file, request.timeout_ns, &request.state);
	if (!ret && copy_to_user(argument, &request, sizeof(request))) {
		release_lock(lock, file, request.state & AMPHORA_LOCK_IN_DOUBT);
		return -EFAULT;
	}
	return ret;
}

static long lock_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	switch (command) {
	case AMPHORA_IOC_LOCK_TAKE:
		return take(file->private_data, file, (void __user *)argument);
	case AMPHORA_IOC_LOCK_RELEASE:
		return release_lock(file->private_data, file, false);
	default:
		return -ENOTTY;
	}
}

static int close_lock(struct inode *inode, struct file *file)
{
	struct amphora_lock *lock = file->private_data;

	release_lock(lock, file, true);
	put_lock(lock);
	return 0;
}

static const struct file_operations lock_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = lock_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.release = close_lock,
};

/* AMPHORA_IOC_LOCK_OPEN of a remote. */
long amphora_lock_open(struct amphora_processor *remote, void __user *argument)
{
	struct amphora_lock_open request;
	struct amphora_lock *lock;
	struct file *file;
	long ret;
	int id;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.flags || request.reserved)
		return -EINVAL;
	id = find_id(remote, request.index);
	if (id < 0)
		return id;
	lock = get_lock(id);
	if (IS_ERR(lock))
		return PTR_ERR(lock);
	file = anon_inode_getfile("[amphora-lock]", &lock_operations, lock, O_RDWR);
	if (IS_ERR(file)) {
		put_lock(lock);
		return PTR_ERR(file);
	}
	request.fd = get_unused_fd_flags(O_CLOEXEC);
	ret = request.fd < 0 ? request.fd : 0;
	if (!ret && copy_to_user(argument, &request, sizeof(request))) {
		put_unused_fd(request.fd);
		ret = -EFAULT;
	}
	if (ret)
		fput(file);
	else
		fd_install(request.fd, file);
	return ret;
}

/* When the module goes: no lock has a file any more. */
void amphora_locks_close(void)
{
	struct amphora_lock *lock, *next;

	mutex_lock(&files_lock);
	list_for_each_entry_safe (lock, next, &locks, node)
		forget_lock(lock);
	mutex_unlock(&files_lock);
}
