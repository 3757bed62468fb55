/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a buffer's ranges: who holds which bytes, in as few entries as can be.
 * Memory layer, private. ownership.c decides what may be done, this does it.
 */
#ifndef AMPH_MEMORY_RANGE_H
#define AMPH_MEMORY_RANGE_H

#include "memory/internal.h"

/* What a hand-off does to each record in its range. */
struct amph_hand_off {
	uint32_t add, remove; /* holders */
	bool share; /* they read together afterwards */
	bool written; /* the new holder writes what the CPU may have cached */
	bool pass; /* the CPU has no part in it: what was written before stays so */
};

static inline bool amph_range_alone(uint32_t holders)
{
	return !(holders & (holders - 1));
}

/* What a record is after a hand-off. */
struct amph_range amph_range_handed(struct amph_range range, const struct amph_hand_off *hand_off);

/* The record that holds this byte of the buffer. */
uint32_t amph_range_find(const struct amph_shm *shm, uint64_t offset);

/* How many records there would be after a hand-off of offset .. end - 1. */
uint32_t amph_range_count_after(const struct amph_shm *shm, uint64_t offset, uint64_t end,
				const struct amph_hand_off *hand_off);

/*
 * Changes the record. The caller has asked count_after(), and every record in the range is of the
 * kind that the hand-off starts from, so that none looks like one that has been handed over.
 */
void amph_range_hand_over(struct amph_shm *shm, uint64_t offset, uint64_t length,
			  const struct amph_hand_off *hand_off);

/* Joins neighbours that say the same. */
void amph_range_merge(struct amph_shm *shm);

#endif
