/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: an order.h checker (AMPH_ORDER_CHECKER) that hands every access to shared memory, and every
 * barrier, to functions of the test: to count it, to kill a process at it, to change the word behind it,
 * or to perform it in a weak memory of one's own. The library of the target amphora_hooked is compiled so.
 *
 * Each place in the source that accesses shared memory is an order_site, and all of them can be walked
 * through: for (site = order_sites_first(); site < order_sites_end(); site++). A function that is inline in
 * a header has one site for each place that it was compiled into.
 */
#ifndef TESTS_SUPPORT_ORDER_HOOKS_H
#define TESTS_SUPPORT_ORDER_HOOKS_H

#include <stddef.h>
#include <stdint.h>

enum order_kind {
	ORDER_LOAD,
	ORDER_LOAD_ACQUIRE,
	ORDER_STORE,
	ORDER_STORE_RELEASE,
	ORDER_BARRIER_ACQUIRE,
	ORDER_BARRIER_RELEASE,
	ORDER_BARRIER_FULL,
	ORDER_COPY_FROM_SHARED,
	ORDER_COPY_TO_SHARED,
};

/* Aligned like an array's element wherever it lies: sections of several objects are joined. */
struct order_site {
	const char *file; /* as the compiler was given it */
	const char
		*unit; /* the .c file that was compiled; another one for what stands in a header */
	const char *function; /* that holds it */
	uint32_t line;
	enum order_kind kind;
	uint64_t count; /* the test's own: how often it was met, or whatever it wants */
	uint64_t mark; /* the test's own */
} __attribute__((aligned(64)));

extern struct order_site __start_order_sites[], __stop_order_sites[];

static inline struct order_site *order_sites_first(void)
{
	return __start_order_sites;
}

static inline struct order_site *order_sites_end(void)
{
	return __stop_order_sites;
}

/*
 * The test defines these four. They perform the access; order_plain.h has what they do on a machine.
 * size: 2, 4 or 8 bytes for words.
 */
uint64_t order_load(const void *word, size_t size, struct order_site *site);
void order_store(void *word, size_t size, uint64_t value, struct order_site *site);
void order_barrier(struct order_site *site);
void order_copy(void *to, const void *from, size_t length, struct order_site *site);

#define ORDER_SITE(site_kind)                                                                   \
	__extension__({                                                                         \
		static struct order_site order_site_                                            \
			__attribute__((section("order_sites"), used)) = {.file = __FILE__,      \
									 .unit = __BASE_FILE__, \
									 .line = __LINE__,      \
									 .kind = (site_kind)};  \
		order_site_.function = __func__;                                                \
		&order_site_;                                                                   \
	})

#define amph_load16(word) \
	((uint16_t)order_load((const uint16_t *)(word), 2, ORDER_SITE(ORDER_LOAD)))
#define amph_load32(word) \
	((uint32_t)order_load((const uint32_t *)(word), 4, ORDER_SITE(ORDER_LOAD)))
#define amph_load64(word) order_load((const uint64_t *)(word), 8, ORDER_SITE(ORDER_LOAD))
#define amph_load16_acquire(word) \
	((uint16_t)order_load((const uint16_t *)(word), 2, ORDER_SITE(ORDER_LOAD_ACQUIRE)))
#define amph_load32_acquire(word) \
	((uint32_t)order_load((const uint32_t *)(word), 4, ORDER_SITE(ORDER_LOAD_ACQUIRE)))
#define amph_store16(word, value) \
	order_store((uint16_t *)(word), 2, (uint16_t)(value), ORDER_SITE(ORDER_STORE))
#define amph_store32(word, value) \
	order_store((uint32_t *)(word), 4, (uint32_t)(value), ORDER_SITE(ORDER_STORE))
#define amph_store64(word, value) \
	order_store((uint64_t *)(word), 8, (uint64_t)(value), ORDER_SITE(ORDER_STORE))
#define amph_keep16(word, value) amph_store16(word, value)
#define amph_keep32(word, value) amph_store32(word, value)
#define amph_store16_release(word, value) \
	order_store((uint16_t *)(word), 2, (uint16_t)(value), ORDER_SITE(ORDER_STORE_RELEASE))
#define amph_store32_release(word, value) \
	order_store((uint32_t *)(word), 4, (uint32_t)(value), ORDER_SITE(ORDER_STORE_RELEASE))
#define amph_barrier_acquire()	 order_barrier(ORDER_SITE(ORDER_BARRIER_ACQUIRE))
#define amph_barrier_release()	 order_barrier(ORDER_SITE(ORDER_BARRIER_RELEASE))
#define amph_barrier_full()	 order_barrier(ORDER_SITE(ORDER_BARRIER_FULL))
#define amph_prefetch(address)	 ((void)(address))
#define amph_prepare_store(line) ((void)(line))
#define amph_copy_from_shared(local, shared, length) \
	order_copy(local, shared, length, ORDER_SITE(ORDER_COPY_FROM_SHARED))
#define amph_copy_to_shared(shared, local, length) \
	order_copy(shared, local, length, ORDER_SITE(ORDER_COPY_TO_SHARED))

#endif
