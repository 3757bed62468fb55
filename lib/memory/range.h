/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a buffer's ranges: who holds which bytes, in as few entries as can be.
 * Memory layer, private. ownership.c and pass.c decide what may be done, range.c does it.
 */
#ifndef AMPH_MEMORY_RANGE_H
#define AMPH_MEMORY_RANGE_H

#include "memory/internal.h"

/* What a hand-off asks of each record in its range, and does to it. */
struct amph_hand_off {
	uint32_t with; /* holder that must be there, */
	uint32_t without; /* and those that must not, */
	const char *lacking, *disturbed; /* and what is said when it is otherwise */
	uint32_t add, remove; /* holders: one of the two changes every record it may be done to */
	bool share; /* they read together afterwards */
	bool written; /* the new holder writes what the CPU may have cached */
	bool pass; /* the CPU has no part in it: what was written before stays so */
	bool was_written; /* found out by the check: a device wrote some of it */
};

static inline bool amph_range_alone(uint32_t holders)
{
	return !(holders & (holders - 1));
}

/* The record that holds this byte of the buffer. */
uint32_t amph_range_find(const struct amph_shm *shm, uint64_t offset);

/* What a record is after a hand-off. */
void amph_range_handed(struct amph_range *range, const struct amph_hand_off *hand_off);

/*
 * Hands over offset .. end - 1, not empty and inside the buffer. Returns how many records there are
 * afterwards; write = false: how many there would be, nothing is written. The caller asks that first,
 * and has checked every record in the range.
 */
uint32_t amph_range_hand_over(struct amph_shm *shm, uint64_t offset, uint64_t end,
			      const struct amph_hand_off *hand_off, bool write);

/* Joins neighbours that say the same. */
void amph_range_merge(struct amph_shm *shm);

/* --- ownership.c, for what else hands over --- */

/* Can dirty lines of the CPU, or stale ones, be in the way of this target? */
bool amph_attachment_has_cache(const struct amph_attachment *attachment);

/* Does somebody write while the target has it? */
bool amph_attachment_written(const struct amph_attachment *attachment);

/* The CPU's next read of these bytes comes from memory. */
int amph_attachment_invalidate(struct amph_attachment *attachment, uint64_t offset,
			       uint64_t length);

/* What every hand-off needs: an open buffer, a target that is alive, a range of whole granules. */
int amph_hand_off_check(const struct amph_attachment *attachment, uint64_t offset, uint64_t length);

/* Each record in the range, and room for the records afterwards. */
int amph_hand_off_check_records(struct amph_shm *shm, uint64_t offset, uint64_t length,
				struct amph_hand_off *hand_off);

#endif
