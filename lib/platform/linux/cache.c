/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux user space: what cache maintenance it is allowed, and nothing that only looks like it.
 * Knows the instruction set. Called by a target's sync.
 *
 * AArch64: clean and flush (dc cvac, dc civac; Linux lets EL0 use them). x86: clflush for both, which
 * writes back and drops the line; its caches are coherent with devices anyway, but a target that is
 * declared not coherent gets what it asks for. Invalidate alone is nobody's in user space: dropping
 * a dirty line unwritten would show what lay in memory before, so both refuse it, and flush instead
 * would overwrite what the other side wrote. Elsewhere: -ENOTSUP.
 */
#include <unistd.h>

#include <amphora/cache.h>
#include <amphora/error.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#if defined(__aarch64__)

static uint64_t cache_type(void)
{
	uint64_t value;

	__asm__("mrs %0, ctr_el0" : "=r"(value));
	return value;
}

/* The smallest line: the stride that misses none. CTR_EL0.DminLine is log2 of words. */
static uintptr_t stride(void)
{
	return (uintptr_t)4 << (cache_type() >> 16 & 15);
}

/* The cache writeback granule: the largest stretch that one eviction can write. 0: not told. */
static uint32_t largest_line(void)
{
	uint32_t granule = (uint32_t)(cache_type() >> 24 & 15);

	return granule ? 4u << granule : 128u;
}

static void clean_line(uintptr_t line)
{
	__asm__ volatile("dc cvac, %0" : : "r"(line) : "memory");
}

static void flush_line(uintptr_t line)
{
	__asm__ volatile("dc civac, %0" : : "r"(line) : "memory");
}

/* Complete for observers outside the inner-shareable domain. */
static void complete(void)
{
	__asm__ volatile("dsb sy" ::: "memory");
}

#elif defined(__x86_64__)

static uint32_t largest_line(void)
{
	static uint32_t line; /* cpuid leaves a virtual machine: once is enough */
	uint32_t value = __atomic_load_n(&line, __ATOMIC_RELAXED);
	uint32_t a, b, c, d;

	if (!value) {
		value = __get_cpuid(1, &a, &b, &c, &d) ? (b >> 8 & 0xff) * 8 : 0;
		value = value ? value : 64;
		__atomic_store_n(&line, value, __ATOMIC_RELAXED);
	}
	return value;
}

static uintptr_t stride(void)
{
	return largest_line();
}

static void flush_line(uintptr_t line)
{
	__asm__ volatile("clflush %0" : "+m"(*(volatile char *)line));
}

static void clean_line(uintptr_t line)
{
	flush_line(line);
}

static void complete(void)
{
	__asm__ volatile("mfence" ::: "memory");
}

#else

static uint32_t largest_line(void)
{
	long line = 0;

#ifdef _SC_LEVEL1_DCACHE_LINESIZE
	line = sysconf(_SC_LEVEL1_DCACHE_LINESIZE);
#endif
	return line > 0 ? (uint32_t)line : 64;
}

#endif

uint32_t amph_cache_line(void)
{
	return largest_line();
}

int amph_cache_invalidate(void *va, size_t length)
{
	(void)va;
	(void)length;
	return -ENOTSUP;
}

#if defined(__aarch64__) || defined(__x86_64__)

static int each_line(const void *va, size_t length, void (*maintain)(uintptr_t line))
{
	uintptr_t step = stride();
	uintptr_t line = (uintptr_t)va & ~(step - 1);
	uintptr_t last;

	if (!length)
		return 0;
	/* A range that ends with the address space has a last byte, but no end. */
	last = ((uintptr_t)va + (length - 1)) & ~(step - 1);
	for (;; line += step) {
		maintain(line);
		if (line == last)
			break;
	}
	complete();
	return 0;
}

int amph_cache_clean(const void *va, size_t length)
{
	return each_line(va, length, clean_line);
}

int amph_cache_flush(void *va, size_t length)
{
	return each_line(va, length, flush_line);
}

#else

int amph_cache_clean(const void *va, size_t length)
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
