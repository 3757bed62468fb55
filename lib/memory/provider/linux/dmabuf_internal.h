/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the providers of dma-bufs share among themselves, and with their tests.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_DMABUF_INTERNAL_H
#define AMPH_DMABUF_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <amphora/shm.h>

/*
 * amph_dmabuf_map() of what is known to be a dma-buf, large enough, and open for that.
 */
int amph_dmabuf_map_known(int fd, uint64_t offset, uint64_t length, int writable, void **va,
			  struct amph_why *why);

/*
 * amph_heap_find_cma() with its three folders: the heaps' devices, the device tree's reserved memory,
 * the CMA regions. One that is not there is one that is empty.
 */
int amph_heap_choose_cma(const char *heaps, const char *reserved_memory, const char *regions,
			 char *heap, size_t size, struct amph_why *why);

/* amph_heap_find_protected() with the folder of the heaps' devices. */
int amph_heap_choose_protected(const char *heaps, char *heap, size_t size, struct amph_why *why);

#endif
