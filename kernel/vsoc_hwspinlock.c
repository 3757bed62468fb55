// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hardware spinlock driver of the virtual SoC: see vsoc_hwspinlock.h. The words say who holds a lock, but
 * the coprocessor can write them: what Linux holds is known here.
 */
#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/hwspinlock.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#include "hwspinlock_internal.h"
#include "vsoc_hwspinlock.h"
#include "vsoc_hwspinlock_kernel.h"

struct vsoc_locks {
	spinlock_t lock; /* of `held`, together with the words */
	unsigned long held; /* by Linux: a bit for each */
	void *words;
	struct hwspinlock_device bank; /* last: the locks follow */
};

static DEFINE_MUTEX(locks_lock);
static struct vsoc_locks *locks; /* there is one such block; under locks_lock */

static struct vsoc_locks *locks_of(struct hwspinlock *lock)
{
	return container_of(lock->bank, struct vsoc_locks, bank);
}

static unsigned int number_of(struct hwspinlock *lock)
{
	return lock - lock->bank->lock;
}

static atomic_t *word_of(struct vsoc_locks *all, unsigned int number)
{
	return all->words + number * VSOC_LOCKS_STRIDE;
}

/* The barriers are the hwspinlock core's: mb() after the one, before the other. */
static int vsoc_trylock(struct hwspinlock *lock)
{
	struct vsoc_locks *all = locks_of(lock);
	unsigned int number = number_of(lock);
	unsigned long flags;
	bool taken;

	spin_lock_irqsave(&all->lock, flags);
	taken = !test_bit(number, &all->held) &&
		atomic_cmpxchg(word_of(all, number), VSOC_LOCK_FREE, VSOC_LOCK_LINUX) ==
			VSOC_LOCK_FREE;
	if (taken)
		__set_bit(number, &all->held);
	spin_unlock_irqrestore(&all->lock, flags);
	return taken;
}

static void vsoc_unlock(struct hwspinlock *lock)
{
	struct vsoc_locks *all = locks_of(lock);
	unsigned int number = number_of(lock);
	unsigned long flags;

	spin_lock_irqsave(&all->lock, flags);
	__clear_bit(number, &all->held);
	atomic_set(word_of(all, number), VSOC_LOCK_FREE);
	spin_unlock_irqrestore(&all->lock, flags);
}

static const struct hwspinlock_ops vsoc_ops = {
	.trylock = vsoc_trylock,
	.unlock = vsoc_unlock,
};

void vsoc_hwspinlock_reclaim(void)
{
	unsigned long flags;

	mutex_lock(&locks_lock);
	for (unsigned int i = 0; locks && i < VSOC_LOCKS; i++) {
		spin_lock_irqsave(&locks->lock, flags);
		if (!test_bit(i, &locks->held))
			atomic_set(word_of(locks, i), VSOC_LOCK_FREE);
		spin_unlock_irqrestore(&locks->lock, flags);
	}
	mutex_unlock(&locks_lock);
}
EXPORT_SYMBOL_GPL(vsoc_hwspinlock_reclaim);

static void forget(void *data)
{
	mutex_lock(&locks_lock);
	locks = NULL;
	mutex_unlock(&locks_lock);
}

static int vsoc_probe(struct platform_device *device)
{
	struct device *dev = &device->dev;
	struct resource *memory = platform_get_resource(device, IORESOURCE_MEM, 0);
	struct vsoc_locks *all;
	int ret;

	if (!memory || resource_size(memory) < VSOC_LOCKS * VSOC_LOCKS_STRIDE)
		return -EINVAL;
	all = devm_kzalloc(dev, struct_size(all, bank.lock, VSOC_LOCKS), GFP_KERNEL);
	if (!all)
		return -ENOMEM;
	/* cached, as the other machine's accesses and these see each other: atomics want that */
	all->words = devm_memremap(dev, memory->start, resource_size(memory), MEMREMAP_WB);
	if (IS_ERR(all->words))
		return PTR_ERR(all->words);
	spin_lock_init(&all->lock);
	for (unsigned int i = 0; i < VSOC_LOCKS; i++)
		all->bank.lock[i].priv = word_of(all, i);
	ret = devm_hwspin_lock_register(dev, &all->bank, &vsoc_ops, 0, VSOC_LOCKS);
	if (ret)
		return ret;
	mutex_lock(&locks_lock);
	locks = all;
	mutex_unlock(&locks_lock);
	return devm_add_action_or_reset(dev, forget, NULL);
}

static const struct of_device_id vsoc_match[] = {
	{.compatible = "amphora,vsoc-hwspinlock"},
	{},
};
MODULE_DEVICE_TABLE(of, vsoc_match);

static struct platform_driver vsoc_driver = {
	.probe = vsoc_probe,
	.driver =
		{
			.name = "vsoc_hwspinlock",
			.of_match_table = vsoc_match,
			/* who uses a lock is not asked before its device goes */
			.suppress_bind_attrs = true,
		},
};
module_platform_driver(vsoc_driver);

MODULE_DESCRIPTION("Hardware spinlocks of Amphora's virtual SoC");
MODULE_LICENSE("GPL");
