/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock that the board brings: its hook tries and unlocks, here are the deadline and the order.
 * Memory layer; freestanding.
 */
#include <amphora/order.h>
#include <amphora/shared_lock.h>
#include <amphora/time.h>

static int acquire(struct amph_shared_lock *lock, uint64_t deadline)
{
	const struct amph_hardware_lock *hardware = (const struct amph_hardware_lock *)lock;

	for (;;) {
		/* the clock first: so the last try is past it */
		bool late = amph_time_now() >= deadline;

		if (hardware->ops->try_lock(hardware->argument, hardware->id)) {
			/* acquire, of devices' words too: pairs with the release in release() */
			amph_barrier_acquire();
			return 0;
		}
		if (late)
			return -ETIMEDOUT;
		if (hardware->ops->relax)
			hardware->ops->relax(hardware->argument, hardware->id);
	}
}

static int release(struct amph_shared_lock *lock)
{
	const struct amph_hardware_lock *hardware = (const struct amph_hardware_lock *)lock;

	/* release, for a device's word too: pairs with the acquire in acquire() */
	amph_barrier_release();
	hardware->ops->unlock(hardware->argument, hardware->id);
	return 0;
}

void amph_hardware_lock_init(struct amph_hardware_lock *hardware,
			     const struct amph_hardware_lock_ops *ops, void *argument, uint32_t id)
{
	static const struct amph_shared_lock_ops lock_ops = {.acquire = acquire,
							     .release = release};

	*hardware = (struct amph_hardware_lock){
		.lock.ops = &lock_ops, .ops = ops, .argument = argument, .id = id};
}
