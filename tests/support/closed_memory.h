/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: shared memory that only order.h opens. The library gets addresses that nobody can read or
 * write; the functions of order_hooks.h reach the same bytes by a second mapping elsewhere. So a read or a
 * write of shared memory that does not go through order.h faults where it stands.
 *
 * Include once in a program that is linked with amphora_hooked: it defines those four functions. A test
 * may look at each access (closed_watch), and change the memory right before it or right after it.
 */
#ifndef TESTS_SUPPORT_CLOSED_MEMORY_H
#define TESTS_SUPPORT_CLOSED_MEMORY_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/order_plain.h"

#define CLOSED_AREAS 8

struct closed_area {
	char *closed; /* what the library is told */
	char *view; /* the same bytes, for the tests and for order.h */
	size_t size;
};

static struct closed_area closed_areas[CLOSED_AREAS];
static uint32_t closed_count;

/*
 * What a test hangs in. before, after: an access of `length` bytes; address: as the library has it, view:
 * the same bytes where they can be touched. Only accesses of closed memory are told of.
 */
struct closed_watch {
	void (*before)(const void *address, void *view, size_t length, struct order_site *site);
	void (*after)(const void *address, void *view, size_t length, struct order_site *site);
};

static struct closed_watch closed_watch;

static inline bool closed_reads(const struct order_site *site)
{
	return site->kind == ORDER_LOAD || site->kind == ORDER_LOAD_ACQUIRE ||
	       site->kind == ORDER_COPY_FROM_SHARED;
}

static inline const struct closed_area *closed_area_of(const void *address)
{
	for (uint32_t i = 0; i < closed_count; i++)
		if ((uintptr_t)address - (uintptr_t)closed_areas[i].closed < closed_areas[i].size)
			return &closed_areas[i];
	return NULL;
}

/* Where the bytes can be touched; what is not closed is there itself. NULL stays NULL. */
static inline void *closed_view(const void *address)
{
	const struct closed_area *area = closed_area_of(address);

	return area ? area->view + ((const char *)address - area->closed)
		    : (void *)(uintptr_t)address;
}

static inline void *closed_reach(const void *address, size_t length)
{
	const struct closed_area *area = closed_area_of(address);

	if (area && length > area->size - (size_t)((const char *)address - area->closed)) {
		fprintf(stderr, "an access of %zu bytes reaches past shared memory\n", length);
		abort();
	}
	return closed_view(address);
}

/*
 * Closed memory, whole pages of zeros, until the program ends. No static array: a leak checker reads
 * those.
 */
static inline void *closed_new(size_t size)
{
	struct closed_area *area = &closed_areas[closed_count++];
	int fd = memfd_create("closed", MFD_CLOEXEC);

	if (closed_count > CLOSED_AREAS || size % 4096 || fd < 0 || ftruncate(fd, (off_t)size))
		abort();
	*area = (struct closed_area){
		.closed = mmap(NULL, size, PROT_NONE, MAP_SHARED, fd, 0),
		.view = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0),
		.size = size,
	};
	if (area->closed == MAP_FAILED || area->view == MAP_FAILED)
		abort();
	close(fd);
	return area->closed;
}

static void closed_touched(int number, siginfo_t *information, void *context)
{
	static const char direct[] = "shared memory was touched, and not through order.h\n";
	static const char other[] = "a fault outside shared memory\n";
	bool ours = closed_area_of(information->si_addr);

	(void)number;
	(void)context;
	if (write(STDERR_FILENO, ours ? direct : other,
		  ours ? sizeof(direct) - 1 : sizeof(other) - 1) < 0)
		_exit(2);
	abort();
}

/* A fault in closed memory says what it is. Sanitizers have handlers of their own, which say where. */
static inline void closed_report_faults(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO, .sa_sigaction = closed_touched};

	sigaction(SIGSEGV, &action, NULL);
}

static inline void closed_before(const void *address, size_t length, struct order_site *site)
{
	if (closed_watch.before && closed_area_of(address))
		closed_watch.before(address, closed_reach(address, length), length, site);
}

static inline void closed_after(const void *address, size_t length, struct order_site *site)
{
	if (closed_watch.after && closed_area_of(address))
		closed_watch.after(address, closed_reach(address, length), length, site);
}

uint64_t order_load(const void *word, size_t size, struct order_site *site)
{
	uint64_t value;

	closed_before(word, size, site);
	value = order_plain_load(closed_reach(word, size), size);
	closed_after(word, size, site);
	return value;
}

void order_store(void *word, size_t size, uint64_t value, struct order_site *site)
{
	closed_before(word, size, site);
	order_plain_store(closed_reach(word, size), size, value);
	closed_after(word, size, site);
}

void order_barrier(struct order_site *site)
{
	(void)site;
	order_plain_barrier();
}

void order_copy(void *to, const void *from, size_t length, struct order_site *site)
{
	const void *shared = closed_reads(site) ? from : to;

	if (!length)
		return;
	closed_before(shared, length, site);
	order_plain_copy(closed_reach(to, length), closed_reach(from, length), length);
	closed_after(shared, length, site);
}

#endif
