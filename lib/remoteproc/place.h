/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Placing a loaded table's resources in memory; shared by the files of remoteproc, not public.
 * Knows the map, the regions and the carve-out of a remote processor, no back-end.
 */
#ifndef AMPHORA_REMOTEPROC_PLACE_H
#define AMPHORA_REMOTEPROC_PLACE_H

#include <amphora/elf.h>
#include <amphora/rproc.h>

/* A range of device addresses as this side reaches it. Returns 0, or -ERANGE. */
int amph_rproc_reach(const struct amph_rproc *rproc, uint64_t da, uint64_t length, void **va,
		     uint64_t *pa);

/* Whether two ranges of at least one byte share a byte; neither wraps around. */
bool amph_rproc_overlap(uint64_t start, uint64_t length, uint64_t other, uint64_t other_length);

/* Whether a range of physical addresses touches the carve-out. */
bool amph_rproc_in_carveout(const struct amph_rproc *rproc, uint64_t pa, uint64_t length);

/* Takes a zeroed block of the carve-out; remembered until amph_rproc_give_back(). */
int amph_rproc_take(struct amph_rproc *rproc, uint64_t length, uint64_t alignment,
		    struct amph_io *block);

/* Gives every block back and forgets the table. */
void amph_rproc_give_back(struct amph_rproc *rproc);

/* Gives the beginning of a trace line that was never finished to the hook. */
void amph_rproc_trace_flush(struct amph_rproc *rproc);

/*
 * Places and checks everything in rproc->table; fills in addresses, features and notify ids there.
 * elf: the image whose segments lie in memory, NULL where none does.
 */
int amph_rproc_place(struct amph_rproc *rproc, const struct amph_elf *elf);

#endif
