/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RISC-V: cache maintenance with the cache-block instructions of Zicbom, where compiled for it.
 * Knows the block size by the machine. Without Zicbom there is no instruction for it: -ENOTSUP, and
 * shared memory must be coherent or uncached.
 */
#include <amphora/cache.h>
#include <amphora/error.h>
#include <amphora/machine.h>

#if defined(__riscv_zicbom)

uint32_t amph_cache_line(void)
{
	return amph_machine.cache_block ? amph_machine.cache_block : 1;
}

enum operation { CLEAN, INVALIDATE, FLUSH };

static inline __attribute__((always_inline)) void maintain(const void *va, size_t length,
							   enum operation operation)
{
	uintptr_t step = amph_machine.cache_block;
	uintptr_t line, last;

	if (!step || !length)
		return;
	line = (uintptr_t)va & ~(step - 1);
	/* A range that ends with the address space has a last byte, but no end. */
	last = ((uintptr_t)va + (length - 1)) & ~(step - 1);
	for (;; line += step) {
		if (operation == CLEAN)
			__asm__ volatile("cbo.clean 0(%0)" : : "r"(line) : "memory");
		else if (operation == INVALIDATE)
			__asm__ volatile("cbo.inval 0(%0)" : : "r"(line) : "memory");
		else
			__asm__ volatile("cbo.flush 0(%0)" : : "r"(line) : "memory");
		if (line == last)
			break;
	}
	/* Complete before a doorbell, which is I/O, and before what is read next. */
	__asm__ volatile("fence iorw, iorw" ::: "memory");
}

int amph_cache_clean(const void *va, size_t length)
{
	maintain(va, length, CLEAN);
	return 0;
}

int amph_cache_invalidate(void *va, size_t length)
{
	maintain(va, length, INVALIDATE);
	return 0;
}

int amph_cache_flush(void *va, size_t length)
{
	maintain(va, length, FLUSH);
	return 0;
}

#else

uint32_t amph_cache_line(void)
{
	return 1;
}

int amph_cache_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	return -ENOTSUP;
}

int amph_cache_invalidate(void *va, size_t length)
{
	(void)va;
	(void)length;
	return -ENOTSUP;
}

int amph_cache_flush(void *va, size_t length)
{
	(void)va;
	(void)length;
	return -ENOTSUP;
}

#endif
