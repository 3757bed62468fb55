/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadow: the copies of one buffer that the coherency sanitizer keeps.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_MEMORY_SANITIZE_SHADOW_H
#define AMPH_MEMORY_SANITIZE_SHADOW_H

#include "memory/sanitize/linux/internal.h"

/* Marks of a byte, a plane each. */
enum shadow_mark {
	SHADOW_GIVEN, /* to anybody, since the buffer was attached */
	SHADOW_EARLY, /* written before other bytes were given */
	SHADOW_POISON, /* written, and given to who only writes */
	SHADOW_MARKS
};

#define SHADOW_RUN 8u /* bytes of poison in a row that are no chance */

struct sanitize_shadow {
	char *real; /* the memory, as the provider mapped it */
	char *view; /* what the program sees, its pages perhaps protected */
	char *inside; /* the same bytes, never protected */
	char *twin; /* the view as it was when the CPU last gave or took each byte */
	char *marks[SHADOW_MARKS];
	bool marked[SHADOW_MARKS]; /* any byte of it */
	size_t size, mapped;
};

/* Some bytes of a buffer. */
struct sanitize_bytes {
	uint64_t count, first, last;
};

/* NULL: the system has no memory or mappings left for it. */
struct sanitize_shadow *amph_shadow_new(void *real, size_t size);
void amph_shadow_free(struct sanitize_shadow *shadow);

/* Adds where a and b differ, from offset up to end. */
void amph_shadow_differ(const char *a, const char *b, uint64_t offset, uint64_t end,
			struct sanitize_bytes *bytes);

void amph_shadow_mark(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
		      enum shadow_mark mark);
void amph_shadow_unmark(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			enum shadow_mark mark);
/* Marks what the program has written. */
void amph_shadow_mark_written(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			      enum shadow_mark mark);
/* Adds the bytes that have the one mark and not the other. */
void amph_shadow_find(const struct sanitize_shadow *shadow, enum shadow_mark with,
		      enum shadow_mark without, struct sanitize_bytes *bytes);

/* The program sees nothing that anybody ever wrote. */
void amph_shadow_poison(struct sanitize_shadow *shadow);
/* What the program has written does not get to the memory: something else does. */
void amph_shadow_poison_written(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end);
/* Adds the runs of it that nobody has overwritten, and forgets them. */
void amph_shadow_find_poison(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			     struct sanitize_bytes *bytes);

#endif
