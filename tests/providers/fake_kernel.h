/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with heaps, udmabuf and a UIO device, played by wrapped system calls: memfds underneath, and
 * any call can fail.
 * Test code. Only calls of the library's and of the test's own objects come here.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define FAKE_FDS 64

enum fake_kind { FAKE_NONE, FAKE_HEAP, FAKE_UDMABUF, FAKE_DMABUF };

struct fake_kernel {
	enum fake_kind kinds[FAKE_FDS]; /* of the open fds */
	const char *heaps[4]; /* names in /dev/dma_heap */
	int open_error; /* of every device */
	bool no_udmabuf;
	const char *limit; /* the text of udmabuf.size_limit_mb, NULL: no such file */
	int allocate_error;
	uint64_t allocated; /* bytes asked for last */
	uint32_t allocated_flags;
	int sealed; /* seals of the memfd that udmabuf got last */
	int mmap_error; /* of dma-bufs */
	bool liar; /* memfds say that they are dma-bufs, and have no such ioctl */
	int sync_error; /* for the next `sync_errors` syncs */
	int sync_errors;
	uint64_t syncs[8]; /* flags */
	int sync_count;
	short poll_events; /* what poll answers; 0: not before its time is over */
	short polled; /* what it was asked */
	int poll_error, poll_errors;
	char folder[64]; /* stands for /sys and /dev */

	int fail_at; /* which call from now on fails: 1 is the next, 0 none */
	int fail_error;
	bool failed;

	uint64_t mapped; /* bytes */
};

extern struct fake_kernel kernel;

/* Everything there, and nothing fails. */
void fake_kernel_init(void);

/* Fails the n-th call from now on. */
void fake_kernel_fail(int n, int error);

/* A new dma-buf, by no provider. */
int fake_dmabuf(uint64_t size, int mode);

/* How many fds this process has open. */
int count_fds(void);

/* Makes a file, and the folders above it, in kernel.folder. */
void make_file(const char *path, const char *text);
void remove_folder(void);

#endif
