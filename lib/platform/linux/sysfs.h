/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attributes of sysfs, and which remote processor a device lives on; for the plug-ins of Linux, not
 * public. Knows paths only.
 */
#ifndef AMPHORA_PLATFORM_LINUX_SYSFS_H
#define AMPHORA_PLATFORM_LINUX_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AMPH_SYSFS_PATH_MAX 512

/* An attribute without its newline, NUL-closed. Returns 0 or -errno; then the text is empty. */
int amph_sysfs_read(const char *path, char *text, size_t size);

/* Writes an attribute in one piece. Returns 0 or -errno: the kernel's answer. */
int amph_sysfs_write(const char *path, const char *text);

/* The number N of a name "prefixN", in decimal and 32 bits. Returns whether it is such a name. */
bool amph_sysfs_number(const char *name, const char *prefix, uint32_t *number);

/* Is this path (a link of a class or a bus) a device below that remote processor? */
bool amph_sysfs_is_below_remoteproc(const char *path, uint32_t index);

#endif
