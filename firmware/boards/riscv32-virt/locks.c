/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Board: the hardware locks of the virtual SoC, words that both processors swap; see vsoc_hwspinlock.h.
 */
#include "../../common/locks.h"
#include "../../../vsoc/vsoc_hwspinlock.h"

static uint32_t *word_of(uint32_t id)
{
	return (uint32_t *)(VSOC_LOCKS_DA + id * VSOC_LOCKS_STRIDE);
}

bool board_has_lock(uint32_t id)
{
	return id < VSOC_LOCKS;
}

/* A swap and not an exchange only: a failed try must not write over who holds it. */
static bool try_lock(void *argument, uint32_t id)
{
	uint32_t free = VSOC_LOCK_FREE;

	(void)argument;
	return __atomic_compare_exchange_n(word_of(id), &free, VSOC_LOCK_FIRMWARE, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

static void unlock(void *argument, uint32_t id)
{
	(void)argument;
	__atomic_store_n(word_of(id), VSOC_LOCK_FREE, __ATOMIC_RELEASE);
}

const struct amph_hardware_lock_ops board_locks = {.try_lock = try_lock, .unlock = unlock};
