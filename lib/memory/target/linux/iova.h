/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choosing I/O virtual addresses: pure arithmetic over what is usable and what is taken.
 * Memory layer, private to the VFIO target; knows nothing of the kernel's calls.
 */
#ifndef AMPH_MEMORY_IOVA_H
#define AMPH_MEMORY_IOVA_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/attachment.h>

/* Both ends are inside, so that the last page of 64 bits can be said. */
struct amph_iova_range {
	uint64_t first;
	uint64_t last;
};

struct amph_iova_space {
	const struct amph_iova_range *usable; /* in any order; not overlapping */
	uint32_t count;
	uint64_t alignment; /* a power of two, at least 1 */
	/* of one target, by target_next; each has one segment */
	const struct amph_attachment *taken;
};

/*
 * The lowest aligned address of `length` bytes within `within` that is usable and free. Never 0, which
 * a device's driver may take for none. Returns whether there is one.
 */
bool amph_iova_find(const struct amph_iova_space *space, struct amph_iova_range within,
		    uint64_t length, uint64_t *iova);

/* May it be exactly this address? Returns 0, or -EINVAL, -ERANGE, -EADDRINUSE and the reason. */
int amph_iova_check(const struct amph_iova_space *space, struct amph_iova_range within,
		    uint64_t iova, uint64_t length, struct amph_why *why);

#endif
