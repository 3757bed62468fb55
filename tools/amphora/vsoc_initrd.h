/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first file system of the virtual SoC's Linux: the one that was built, with files added.
 * Tool code; knows the cpio format (newc), nothing of what is in the files.
 */
#ifndef TOOLS_VSOC_INITRD_H
#define TOOLS_VSOC_INITRD_H

#include <stdint.h>

struct vsoc_initrd {
	int fd; /* memfd */
	uint32_t files;
	int error; /* the first that happened; the calls after it do nothing */
};

/* Starts with the archive at `path`. */
void vsoc_initrd_open(struct vsoc_initrd *initrd, const char *path);

/* Adds a file, in a folder that is there already; it replaces one of the same name. */
void vsoc_initrd_add(struct vsoc_initrd *initrd, const char *name, const void *bytes, uint64_t size,
		     uint32_t mode);

/* Adds the file at `path` under a name. */
void vsoc_initrd_add_file(struct vsoc_initrd *initrd, const char *name, const char *path,
			  uint32_t mode);

/* Writes the end. Returns 0, or the first error of all calls; then nothing is left open. */
int vsoc_initrd_finish(struct vsoc_initrd *initrd);

void vsoc_initrd_close(struct vsoc_initrd *initrd);

#endif
