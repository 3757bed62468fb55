/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All free memory, taken by this process in every way it can be had, so that a page that was given back
 * too early is in it; and the search for what the coprocessor wrote there. Test code that runs inside
 * the virtual SoC, as root.
 */
#ifndef VSOC_GUEST_DEATH_FILL_H
#define VSOC_GUEST_DEATH_FILL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILL_BLOCKS_MAX 1024

struct fill {
	struct fill_block {
		uint8_t *va;
		size_t size;
	} blocks[FILL_BLOCKS_MAX];
	unsigned count;
	uint64_t bytes;
};

/* Takes what there is but for a few MiB: as heap buffers, page cache and anonymous memory. 0 or -1. */
int fill_take(struct fill *fill);

/*
 * How many pages are no longer as they were filled, and the marks among them; the first is described
 * on standard output. The pages are then filled anew.
 */
unsigned long fill_search(struct fill *fill, unsigned long *marks);

/* Gives it all back. */
void fill_give_back(struct fill *fill);

/*
 * Whether a physical page is in the kernel's lists of free memory; -1 after a line when it can't be
 * told.
 */
int fill_is_free(uint64_t pa);

#endif
