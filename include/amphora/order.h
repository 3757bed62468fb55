/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory order: the only place that touches words which another processor reads or writes.
 * Knows the instruction set, nothing else. Rings, status words and shared copies all go through it.
 *
 * Shared words are 16 or 32 bits, naturally aligned, little-endian, and have one writer. No
 * read-modify-write: processors that share memory often share no atomics. Every acquire in the
 * library names, in a comment, the release it pairs with.
 *
 * The peer may stand outside the inner-shareable domain, so Arm gets outer-shareable barriers and
 * not those of a C11 fence; RISC-V orders I/O as well as memory.
 *
 * A test build puts a checker behind these functions: define AMPH_ORDER_CHECKER as the name of a
 * header that defines all of them, barriers too.
 */
#ifndef AMPHORA_ORDER_H
#define AMPHORA_ORDER_H

#include <stddef.h>
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "rings are little-endian: a big-endian port needs byte swaps in order.h"
#endif

#if defined(__SANITIZE_THREAD__)
#define AMPH_SANITIZE_THREAD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define AMPH_SANITIZE_THREAD 1
#endif
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifdef AMPH_ORDER_CHECKER
#include AMPH_ORDER_CHECKER
#else

/* Orders earlier loads before everything later. */
static inline void amph_barrier_acquire(void)
{
#if defined(AMPH_SANITIZE_THREAD)
	/* the loads below are acquire loads: ThreadSanitizer sees no fences */
#elif defined(__aarch64__)
	__asm__ volatile("dmb oshld" ::: "memory");
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
	__asm__ volatile("dmb sy" ::: "memory");
#elif defined(__arm__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__riscv)
	__asm__ volatile("fence ir, iorw" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* Orders everything earlier before later stores. */
static inline void amph_barrier_release(void)
{
#if defined(AMPH_SANITIZE_THREAD)
	/* the stores below are release stores: ThreadSanitizer sees no fences */
#elif defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
	__asm__ volatile("dmb sy" ::: "memory");
#elif defined(__arm__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__riscv)
	__asm__ volatile("fence iorw, ow" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_RELEASE);
#endif
}

/* Orders everything earlier before everything later: the only one that orders a store before a load. */
static inline void amph_barrier_full(void)
{
#if defined(__aarch64__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
	__asm__ volatile("dmb sy" ::: "memory");
#elif defined(__arm__)
	__asm__ volatile("dmb osh" ::: "memory");
#elif defined(__riscv)
	__asm__ volatile("fence iorw, iorw" ::: "memory");
#elif defined(AMPH_SANITIZE_THREAD) && (defined(__x86_64__) || defined(__i386__))
	__asm__ volatile("mfence" ::: "memory");
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/*
 * This processor will soon write to the line: it may ask for it now, and get on with other things while
 * the line comes. Changes nothing; nothing where there is no such instruction.
 */
static inline void amph_prepare_store(const void *line)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const char *)line));
#elif defined(__aarch64__)
	__asm__ volatile("prfm pstl1keep, %0" : : "Q"(*(const char *)line));
#else
	(void)line;
#endif
}

#ifdef AMPH_SANITIZE_THREAD
#define AMPH_ORDER_LOAD	 __ATOMIC_ACQUIRE
#define AMPH_ORDER_STORE __ATOMIC_RELEASE
#else
#define AMPH_ORDER_LOAD	 __ATOMIC_RELAXED
#define AMPH_ORDER_STORE __ATOMIC_RELAXED
#endif

/* A Cortex-M has no caches that others keep coherent: a look would only cost. */
#if defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
#define AMPH_ORDER_ALWAYS 1
#else
#define AMPH_ORDER_ALWAYS 0
#endif

/* One single store. GCC's own for RISC-V is a read-modify-write, which not every memory there can do. */
#if defined(__riscv)
#define AMPH_ORDER_PUT(word, value, order) (*(volatile __typeof__(*(word)) *)(word) = (value))
#else
#define AMPH_ORDER_PUT(word, value, order) __atomic_store_n(word, value, order)
#endif

/* One single load of a shared word; orders nothing. */
static inline uint16_t amph_load16(const uint16_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static inline uint32_t amph_load32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/*
 * A 64-bit field that a shared word guards: load that with acquire first, store it with release after.
 * Each byte is read, or written, once, but not all at once: a Cortex-M has no such access.
 */
static inline uint64_t amph_load64(const uint64_t *field)
{
#if UINTPTR_MAX > UINT32_MAX
	return __atomic_load_n(field, __ATOMIC_RELAXED);
#else
	const uint32_t *words = (const uint32_t *)(const void *)field;

	return amph_load32(&words[0]) | (uint64_t)amph_load32(&words[1]) << 32;
#endif
}

/* One single load of a shared word, before everything that follows in program order. */
static inline uint16_t amph_load16_acquire(const uint16_t *word)
{
	uint16_t value = __atomic_load_n(word, AMPH_ORDER_LOAD);

	amph_barrier_acquire();
	return value;
}

static inline uint32_t amph_load32_acquire(const uint32_t *word)
{
	uint32_t value = __atomic_load_n(word, AMPH_ORDER_LOAD);

	amph_barrier_acquire();
	return value;
}

/* One single store of a shared word; orders nothing. */
static inline void amph_store16(uint16_t *word, uint16_t value)
{
	AMPH_ORDER_PUT(word, value, __ATOMIC_RELAXED);
}

static inline void amph_store32(uint32_t *word, uint32_t value)
{
	AMPH_ORDER_PUT(word, value, __ATOMIC_RELAXED);
}

static inline void amph_store64(uint64_t *field, uint64_t value)
{
#if UINTPTR_MAX > UINT32_MAX
	AMPH_ORDER_PUT(field, value, __ATOMIC_RELAXED);
#else
	uint32_t *words = (uint32_t *)(void *)field;

	amph_store32(&words[0], (uint32_t)value);
	amph_store32(&words[1], (uint32_t)(value >> 32));
#endif
}

/*
 * Makes a shared word that only this side writes hold a value; orders nothing. Where caches are kept
 * coherent, what holds it already is not written: the line stays with those who read it.
 */
static inline void amph_keep16(uint16_t *word, uint16_t value)
{
	if (AMPH_ORDER_ALWAYS || amph_load16(word) != value)
		amph_store16(word, value);
}

static inline void amph_keep32(uint32_t *word, uint32_t value)
{
	if (AMPH_ORDER_ALWAYS || amph_load32(word) != value)
		amph_store32(word, value);
}

/* Brings a cache line that will soon be read, and orders nothing; any address, also a wrong one. */
static inline void amph_prefetch(const void *address)
{
#if AMPH_ORDER_ALWAYS
	(void)address;
#else
	__builtin_prefetch(address);
#endif
}

/* One single store of a shared word, after everything before it in program order. */
static inline void amph_store16_release(uint16_t *word, uint16_t value)
{
	amph_barrier_release();
	AMPH_ORDER_PUT(word, value, AMPH_ORDER_STORE);
}

static inline void amph_store32_release(uint32_t *word, uint32_t value)
{
	amph_barrier_release();
	AMPH_ORDER_PUT(word, value, AMPH_ORDER_STORE);
}

/*
 * Copies bytes out of shared memory, once: what was checked in the copy cannot change afterwards.
 * Orders nothing: load the word that guards the bytes with acquire first.
 */
static inline void amph_copy_from_shared(void *local, const void *shared, size_t length)
{
	__builtin_memcpy(local, shared, length);
	__asm__ volatile("" : : "r"(local) : "memory");
}

/* Copies bytes into shared memory. Orders nothing: store the guarding word with release after. */
static inline void amph_copy_to_shared(void *shared, const void *local, size_t length)
{
	__builtin_memcpy(shared, local, length);
	__asm__ volatile("" : : "r"(shared) : "memory");
}

#endif /* AMPH_ORDER_CHECKER */

#ifdef __cplusplus
}
#endif

#endif
