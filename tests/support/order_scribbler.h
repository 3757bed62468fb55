/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: an order.h checker (AMPH_ORDER_CHECKER). The peer's worst timing, made certain: as soon
 * as a piece of shared memory has been read, the other side changes it. Code that reads anything
 * twice, or re-reads what it has checked, gets the second value.
 *
 * Only flags, indices and event words are left alone: those are read again and again, by design. Other
 * words of 32 bits have a hook of their own, for the tests that have one.
 */
#ifndef TESTS_SUPPORT_ORDER_SCRIBBLER_H
#define TESTS_SUPPORT_ORDER_SCRIBBLER_H

/* Called after each read of shared memory; may write there. */
extern void (*order_was_read)(void *shared, size_t length);

/* Called before each copy out of shared memory; may write there what only this read shall see. */
extern void (*order_will_be_copied)(void *shared, size_t length);

/* Called after each read of a word of 32 bits, where a test defines it. */
extern void (*order_word_was_read)(void *word) __attribute__((weak));

static inline void amph_barrier_acquire(void)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void amph_barrier_release(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void amph_barrier_full(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void amph_prepare_store(const void *line)
{
	(void)line;
}

static inline uint32_t order_read32(const uint32_t *word, int order)
{
	uint32_t value = order ? __atomic_load_n(word, __ATOMIC_ACQUIRE)
			       : __atomic_load_n(word, __ATOMIC_RELAXED);

	if (&order_word_was_read && order_word_was_read)
		order_word_was_read((void *)(uintptr_t)word);
	return value;
}

static inline uint16_t order_read16(const uint16_t *word, int order)
{
	uint16_t value = order ? __atomic_load_n(word, __ATOMIC_ACQUIRE)
			       : __atomic_load_n(word, __ATOMIC_RELAXED);

	if (order_was_read)
		order_was_read((void *)(uintptr_t)word, sizeof(*word));
	return value;
}

static inline uint16_t amph_load16(const uint16_t *word)
{
	return order_read16(word, 0);
}

static inline uint16_t amph_load16_acquire(const uint16_t *word)
{
	return order_read16(word, 1);
}

static inline uint32_t amph_load32(const uint32_t *word)
{
	return order_read32(word, 0);
}

static inline uint32_t amph_load32_acquire(const uint32_t *word)
{
	return order_read32(word, 1);
}

static inline uint64_t amph_load64(const uint64_t *field)
{
	uint64_t value = __atomic_load_n(field, __ATOMIC_RELAXED);

	if (order_was_read)
		order_was_read((void *)(uintptr_t)field, sizeof(*field));
	return value;
}

static inline void amph_store64(uint64_t *field, uint64_t value)
{
	__atomic_store_n(field, value, __ATOMIC_RELAXED);
}

static inline void amph_store16(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void amph_store32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELAXED);
}

static inline void amph_keep16(uint16_t *word, uint16_t value)
{
	amph_store16(word, value);
}

static inline void amph_keep32(uint32_t *word, uint32_t value)
{
	amph_store32(word, value);
}

static inline void amph_prefetch(const void *address)
{
	(void)address;
}

static inline void amph_store16_release(uint16_t *word, uint16_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void amph_store32_release(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline void amph_copy_from_shared(void *local, const void *shared, size_t length)
{
	if (order_will_be_copied)
		order_will_be_copied((void *)(uintptr_t)shared, length);
	__builtin_memcpy(local, shared, length);
	__asm__ volatile("" : : "r"(local) : "memory");
	if (order_was_read)
		order_was_read((void *)(uintptr_t)shared, length);
}

static inline void amph_copy_to_shared(void *shared, const void *local, size_t length)
{
	__builtin_memcpy(shared, local, length);
	__asm__ volatile("" : : "r"(shared) : "memory");
}

#endif
