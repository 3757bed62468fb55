/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory as tests look at it: patterns in it, its physical pages, and where the device tree says that
 * the coprocessor sees those. Test code that runs inside the virtual SoC, as root.
 */
#ifndef VSOC_GUEST_PROBE_MEMORY_H
#define VSOC_GUEST_PROBE_MEMORY_H

#include <stdint.h>

#include <probe/probe.h>

/* What of the DRAM the coprocessor sees, and where: dma-ranges of its bus. */
struct memory_window {
	uint64_t pa, da, length;
};

/* All functions that return int return 0, or -1 after a line on standard error. */

int memory_window_read(struct memory_window *window);

/* The pattern of a seed (probe.h) over `size` bytes that start at `offset` of it. */
void memory_fill(void *va, uint64_t size, uint32_t seed, uint64_t offset);
int memory_verify(const void *va, uint64_t size, uint32_t seed, uint64_t offset);

/* The physical address of each page, from /proc/self/pagemap; they are touched before. */
int memory_pages(const void *va, uint64_t size, uint64_t *pages);

/*
 * Locked memory of this program, all of whose pages lie in the window: where the coprocessor sees each.
 * Returns it, or NULL after a line. Memory elsewhere that comes first is kept.
 */
uint8_t *memory_inside(const struct memory_window *window, uint64_t size,
		       struct probe_segment *segments);

/* All of the physical memory from `pa` on, mapped by /dev/mem; munmap() ends it. */
const volatile void *memory_physical(uint64_t pa, uint64_t size);

#endif
