/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: what the functions of order_hooks.h do on a machine, for a test that adds something before or
 * after. Stronger than order.h (sequentially consistent): such tests look for other faults than order's.
 */
#ifndef TESTS_SUPPORT_ORDER_PLAIN_H
#define TESTS_SUPPORT_ORDER_PLAIN_H

#include "order_hooks.h"

static inline uint64_t order_plain_load(const void *word, size_t size)
{
	if (size == 2)
		return __atomic_load_n((const uint16_t *)word, __ATOMIC_SEQ_CST);
	if (size == 4)
		return __atomic_load_n((const uint32_t *)word, __ATOMIC_SEQ_CST);
	return __atomic_load_n((const uint64_t *)word, __ATOMIC_SEQ_CST);
}

static inline void order_plain_store(void *word, size_t size, uint64_t value)
{
	if (size == 2)
		__atomic_store_n((uint16_t *)word, (uint16_t)value, __ATOMIC_SEQ_CST);
	else if (size == 4)
		__atomic_store_n((uint32_t *)word, (uint32_t)value, __ATOMIC_SEQ_CST);
	else
		__atomic_store_n((uint64_t *)word, value, __ATOMIC_SEQ_CST);
}

static inline void order_plain_copy(void *to, const void *from, size_t length)
{
	__builtin_memcpy(to, from, length);
	__asm__ volatile("" : : "r"(to) : "memory");
}

/* ThreadSanitizer knows no fences; the accesses above order by themselves. */
static inline void order_plain_barrier(void)
{
#ifndef __SANITIZE_THREAD__
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

#endif
