/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes of sysfs, and which remote processor a device lives on. Platform layer, Linux only.
 */
#include "platform/linux/sysfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int amph_sysfs_read(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, size - 1);
	int error = length < 0 ? -errno : 0;

	if (file >= 0)
		close(file);
	text[length < 0 ? 0 : length] = 0;
	text[strcspn(text, "\n")] = 0;
	return error;
}

int amph_sysfs_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written = file < 0 ? -1 : write(file, text, strlen(text));
	int error = written < 0 ? -errno : 0;

	if (file >= 0)
		close(file);
	return error;
}

bool amph_sysfs_number(const char *name, const char *prefix, uint32_t *number)
{
	size_t length = strlen(prefix);
	unsigned long value;
	char *end;

	if (strncmp(name, prefix, length) != 0 || name[length] < '0' || name[length] > '9')
		return false;
	value = strtoul(name + length, &end, 10);
	*number = (uint32_t)value;
	return !*end && value == *number;
}

bool amph_sysfs_is_below_remoteproc(const char *path, uint32_t index)
{
	char real[PATH_MAX], part[32];

	snprintf(part, sizeof(part), "/remoteproc%u/", index);
	return realpath(path, real) && strstr(real, part);
}
