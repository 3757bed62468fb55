/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cortex-M: data cache maintenance by address, on processors that have one (Cortex-M7, M55, M85).
 * Knows the System Control Block (Armv7-M Architecture Reference Manual, B2.2.7 and B4.8). On a
 * processor that has none there is nothing to do, and that is success.
 */
#include <amphora/cache.h>
#include <amphora/error.h>

#if defined(__ARM_ARCH_7EM__) || defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_MAIN__)

#define CLIDR	 ((volatile uint32_t *)0xe000ed78)
#define CTR	 ((volatile uint32_t *)0xe000ed7c)
#define DCIMVAC	 ((volatile uint32_t *)0xe000ef5c)
#define DCCMVAC	 ((volatile uint32_t *)0xe000ef68)
#define DCCIMVAC ((volatile uint32_t *)0xe000ef70)

/* Level 1 is a data cache, both, or unified: 2, 3, 4. */
static uint32_t data_cache_line(void)
{
	uint32_t type = *CLIDR & 7;

	return type >= 2 && type <= 4 ? 4u << (*CTR >> 16 & 15) : 0;
}

static void maintain(const void *va, size_t length, volatile uint32_t *operation)
{
	uintptr_t step = data_cache_line();
	uintptr_t line, last;

	/* What was written before is in the cache, or past it. */
	__asm__ volatile("dsb" ::: "memory");
	if (!step || !length)
		return;
	line = (uintptr_t)va & ~(step - 1);
	/* A range that ends with the address space has a last byte, but no end. */
	last = ((uintptr_t)va + (length - 1)) & ~(step - 1);
	for (;; line += step) {
		*operation = line;
		if (line == last)
			break;
	}
	__asm__ volatile("dsb\n\tisb" ::: "memory");
}

uint32_t amph_cache_line(void)
{
	uint32_t line = data_cache_line();

	return line ? line : 1;
}

int amph_cache_clean(const void *va, size_t length)
{
	maintain(va, length, DCCMVAC);
	return 0;
}

int amph_cache_invalidate(void *va, size_t length)
{
	maintain(va, length, DCIMVAC);
	return 0;
}

int amph_cache_flush(void *va, size_t length)
{
	maintain(va, length, DCCIMVAC);
	return 0;
}

#else /* Armv6-M and the Armv8-M baseline have no cache registers, and no data cache */

uint32_t amph_cache_line(void)
{
	return 1;
}

int amph_cache_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	__asm__ volatile("dsb" ::: "memory");
	return 0;
}

int amph_cache_invalidate(void *va, size_t length)
{
	return amph_cache_clean(va, length);
}

int amph_cache_flush(void *va, size_t length)
{
	return amph_cache_clean(va, length);
}

#endif
