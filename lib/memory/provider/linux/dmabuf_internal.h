/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the providers of dma-bufs share among themselves.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_DMABUF_INTERNAL_H
#define AMPH_DMABUF_INTERNAL_H

#include <stdint.h>

#include <amphora/shm.h>

/* Bytes of a page, and a size rounded up to whole ones: -ENOMEM when that is more than can be mapped. */
uint64_t amph_page_size(void);
int amph_whole_pages(uint64_t size, uint64_t page, uint64_t *length, struct amph_why *why);

/*
 * Maps `length` bytes of a dma-buf shared and keeps them out of children. An exporter may have no
 * mapping to give, which is no error: *va is NULL.
 */
int amph_dmabuf_map(int fd, uint64_t offset, uint64_t length, int writable, void **va,
		    struct amph_why *why);

#endif
