/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma-bufs, and attachments of them by the module's own interface (linux/amphora.h). Test code that
 * runs inside the virtual SoC; no library in between, so that what is tested is the kernel.
 */
#ifndef VSOC_GUEST_PROBE_BUFFER_H
#define VSOC_GUEST_PROBE_BUFFER_H

#include <stdint.h>

#include <linux/amphora.h>

#include <probe/probe.h>

#define BUFFER_UDMABUF "udmabuf"

struct buffer {
	int fd; /* dma-buf */
	uint8_t *va;
	uint64_t size;
};

struct attachment {
	int fd;
	struct amphora_attachment_info info;
	struct probe_segment *segments; /* info.segments of them */
};

/* All functions return 0, or -1 after a line on standard error, where nothing else is said. */

/* A mapped buffer from the heap of that name, or BUFFER_UDMABUF: of pages of a memfd. */
int buffer_open(struct buffer *buffer, const char *source, uint64_t size);

/* A mapped buffer of pages of a memfd, in that order: numbers of pages. */
int buffer_of_pages(struct buffer *buffer, int memfd, const uint32_t *pages, uint32_t count);

/* A memfd as a buffer's memory: sealed and mapped. Returns it, or -1. */
int buffer_memfd(uint64_t size, uint8_t **va);

void buffer_close(struct buffer *buffer);

/* The coprocessor as the module knows it: an fd. */
int attachment_remote(int *remote);

/*
 * Attaches for both directions. Returns 0; the module's -errno, and says nothing; or -1 after a line
 * when what the module tells of it is wrong.
 */
int attachment_open(struct attachment *attachment, int remote, const struct buffer *buffer);

/* AMPHORA_SYNC_FOR_DEVICE or AMPHORA_SYNC_FOR_CPU. */
int attachment_sync(const struct attachment *attachment, uint32_t flags, uint64_t offset,
		    uint64_t length);

/* Released and closed. */
int attachment_close(struct attachment *attachment);

#endif
