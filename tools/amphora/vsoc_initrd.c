/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first file system of the virtual SoC's Linux. Tool code; see vsoc_initrd.h.
 * Linux unpacks one archive after the other, a later file over an earlier one of the same name.
 */
#include "vsoc_initrd.h"
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void append(struct vsoc_initrd *initrd, const void *bytes, uint64_t size)
{
	const uint8_t *from = bytes;

	while (size && !initrd->error) {
		ssize_t count = write(initrd->fd, from, size);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0) {
			initrd->error = count ? -errno : -EIO;
			return;
		}
		from += count;
		size -= (uint64_t)count;
	}
}

/* Everything in an archive starts at a multiple of 4. */
static void align(struct vsoc_initrd *initrd)
{
	static const uint8_t zeros[4];
	off_t at = initrd->error ? 0 : lseek(initrd->fd, 0, SEEK_CUR);

	if (at < 0)
		initrd->error = -errno;
	else
		append(initrd, zeros, (uint64_t)(-at & 3));
}

static void append_entry(struct vsoc_initrd *initrd, const char *name, const void *bytes,
			 uint64_t size, uint32_t mode)
{
	char header[111];
	unsigned length = (unsigned)strlen(name) + 1;

	/* inode, mode, uid, gid, links, time, size, 2 of the device, 2 of its own, name, sum */
	snprintf(header, sizeof(header),
		 "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", ++initrd->files,
		 mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u, length, 0u);
	align(initrd);
	append(initrd, header, sizeof(header) - 1);
	append(initrd, name, length);
	align(initrd);
	append(initrd, bytes, size);
	align(initrd);
}

void vsoc_initrd_open(struct vsoc_initrd *initrd, const char *path)
{
	uint64_t size;

	*initrd = (struct vsoc_initrd){.fd = memfd_create("vsoc-initrd", MFD_CLOEXEC)};
	if (initrd->fd < 0) {
		initrd->error = -errno;
		return;
	}
	uint8_t *bytes = tool_read_file(path, &size, &initrd->error);
	if (!initrd->error)
		append(initrd, bytes, size);
	free(bytes);
}

void vsoc_initrd_add(struct vsoc_initrd *initrd, const char *name, const void *bytes, uint64_t size,
		     uint32_t mode)
{
	if (size > TOOL_FILE_MAX && !initrd->error)
		initrd->error = -EFBIG;
	append_entry(initrd, name, bytes, size, S_IFREG | mode);
}

void vsoc_initrd_add_file(struct vsoc_initrd *initrd, const char *name, const char *path,
			  uint32_t mode)
{
	uint64_t size;

	if (initrd->error)
		return;
	uint8_t *bytes = tool_read_file(path, &size, &initrd->error);
	if (!initrd->error)
		vsoc_initrd_add(initrd, name, bytes, size, mode);
	free(bytes);
}

int vsoc_initrd_finish(struct vsoc_initrd *initrd)
{
	append_entry(initrd, "TRAILER!!!", NULL, 0, 0);
	if (initrd->error)
		vsoc_initrd_close(initrd);
	return initrd->error;
}

void vsoc_initrd_close(struct vsoc_initrd *initrd)
{
	if (initrd->fd >= 0)
		close(initrd->fd);
	initrd->fd = -1;
}
