/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A firmware image given as bytes, put where the kernel looks for it.
 * Remoteproc layer, Linux only. Knows the kernel's firmware folders.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/linux/sysfs.h"
#include "remoteproc/backend/linux/kernel.h"

#define CUSTOM_FOLDER "/sys/module/firmware_class/parameters/path"
#define FOLDER	      "/lib/firmware"

static int write_all(int file, const char *image, uint64_t size)
{
	while (size) {
		ssize_t written = write(file, image, (size_t)size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return written ? -errno : -EIO;
		image += written;
		size -= (uint64_t)written;
	}
	/* a board that loses its power now has the old image or the new one */
	return fsync(file) ? -errno : 0;
}

static int put(int folder, const char *name, const void *image, uint64_t size)
{
	char new_name[80];
	int file, error;

	snprintf(new_name, sizeof(new_name), "%s.%d", name, getpid());
	file = openat(folder, new_name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		      0644);
	if (file < 0)
		return -errno;
	error = write_all(file, image, size);
	if (close(file) && !error)
		error = -errno;
	if (!error && renameat(folder, new_name, folder, name))
		error = -errno;
	if (error)
		unlinkat(folder, new_name, 0);
	return error;
}

int amph_remoteproc_install(struct amph_remoteproc *remoteproc, const void *image, uint64_t size,
			    uint64_t deadline)
{
	char path[AMPH_SYSFS_PATH_MAX], name[64];
	int folder, error;

	if (!size || (size_t)size != size)
		return amph_refuse(&remoteproc->why, -EINVAL, "an image of this size is none", size,
				   SIZE_MAX);
	snprintf(name, sizeof(name), "amphora-remoteproc%u.elf", remoteproc->index);
	if (amph_sysfs_read(CUSTOM_FOLDER, path, sizeof(path)) || !*path)
		snprintf(path, sizeof(path), FOLDER);
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	error = folder < 0 ? -errno : put(folder, name, image, size);
	if (folder >= 0)
		close(folder);
	if (error)
		return amph_refuse(&remoteproc->why, error,
				   "the image can't be put into the kernel's firmware folder",
				   (uint64_t)-error, 0);
	return amph_remoteproc_set(remoteproc, "firmware", name, deadline);
}
