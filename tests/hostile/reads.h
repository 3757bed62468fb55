/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: as soon as a piece of shared memory was read it becomes something else, so that whoever reads
 * it twice, or trusts what was checked before, gets garbage. Words that are polled by design are left:
 * indices, flags, sequences, the queue's lines; what a second look at those does has tests of its own.
 *
 * And the account: every place of the library that reads shared memory was met here.
 */
#ifndef TESTS_HOSTILE_READS_H
#define TESTS_HOSTILE_READS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/closed_memory.h"

#define SHARED_VIEW(address) closed_view(address)
#define GARBAGE		     0x5au

static uint64_t changes;

/* Is the word looked at again and again, by design? */
static bool (*reads_is_polled)(const void *address);

/* What else happens after a read; may write through the view. */
static void (*reads_then)(const void *address, void *view, size_t length);

static inline void reads_change(const void *address, void *view, size_t length,
				struct order_site *site)
{
	uint8_t *bytes = view;

	if (!closed_reads(site))
		return;
	site->count++;
	if (reads_then) {
		reads_then(address, view, length);
		return;
	}
	if (reads_is_polled && reads_is_polled(address))
		return;
	changes++;
	for (size_t i = 0; i < length; i++)
		bytes[i] ^= GARBAGE;
}

static inline void reads_begin(void)
{
	closed_watch.after = reads_change;
}

static inline bool reads_same_place(const struct order_site *a, const struct order_site *b)
{
	return a->line == b->line && !strcmp(a->file, b->file);
}

/* Is it in that folder of the library? What is inline in its headers is. */
static inline bool reads_is_in(const struct order_site *site, const char *folder)
{
	return strstr(site->file, folder) != NULL;
}

/*
 * Every place below these folders (ended by NULL) that reads shared memory was met: in one unit at least,
 * where it is inline in a header.
 */
static inline void reads_met_all_of(const char *const *folders)
{
	uint32_t places = 0, missed = 0;

	for (; *folders; folders++)
		for (const struct order_site *site = order_sites_first(); site < order_sites_end();
		     site++) {
			bool first = true;
			uint64_t met = 0;

			if (!closed_reads(site) || !reads_is_in(site, *folders))
				continue;
			for (const struct order_site *other = order_sites_first();
			     other < order_sites_end(); other++) {
				if (!closed_reads(other) || !reads_same_place(site, other))
					continue;
				first = first && other >= site;
				met += other->count;
			}
			places += first;
			if (first && !met) {
				missed++;
				print_error("%s:%u was not met\n", site->file, site->line);
			}
		}
	assert_int_equal(missed, 0);
	assert_true(places > 0 && changes > 0);
	printf("figure: places that read shared memory, each met with it closed %u\n", places);
	printf("figure: reads after which the word became another %llu\n",
	       (unsigned long long)changes);
}

#endif
