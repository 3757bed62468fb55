/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sysfs and a /dev of the test's own, in a temporary folder: paths that begin with one of a few
 * prefixes are looked up there. Test code; linked with --wrap=open, opendir, realpath, readlink and
 * access.
 */
#ifndef FAKE_SYSFS_H
#define FAKE_SYSFS_H

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tree[64]; /* the folder */

int __real_open(const char *path, int flags, ...);
DIR *__real_opendir(const char *path);
char *__real_realpath(const char *path, char *resolved);
ssize_t __real_readlink(const char *path, char *target, size_t size);
int __real_access(const char *path, int mode);
int __wrap_open(const char *path, int flags, ...);
DIR *__wrap_opendir(const char *path);
char *__wrap_realpath(const char *path, char *resolved);
ssize_t __wrap_readlink(const char *path, char *target, size_t size);
int __wrap_access(const char *path, int mode);

static const char *tree_path(const char *path, char *here)
{
	static const char *const prefixes[] = {"/sys/", "/dev/rpmsg", "/dev/remoteproc",
					       "/dev/amphora", "/lib/firmware"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(path, prefixes[i], strlen(prefixes[i]))) {
			snprintf(here, PATH_MAX, "%s%s", tree, path);
			return here;
		}
	return path;
}

int __wrap_open(const char *path, int flags, ...)
{
	char here[PATH_MAX];
	va_list values;
	int mode;

	va_start(values, flags);
	mode = flags & O_CREAT ? va_arg(values, int) : 0;
	va_end(values);
	return __real_open(tree_path(path, here), flags, mode);
}

DIR *__wrap_opendir(const char *path)
{
	char here[PATH_MAX];

	return __real_opendir(tree_path(path, here));
}

char *__wrap_realpath(const char *path, char *resolved)
{
	char here[PATH_MAX];

	return __real_realpath(tree_path(path, here), resolved);
}

ssize_t __wrap_readlink(const char *path, char *target, size_t size)
{
	char here[PATH_MAX];

	return __real_readlink(tree_path(path, here), target, size);
}

int __wrap_access(const char *path, int mode)
{
	char here[PATH_MAX];

	return __real_access(tree_path(path, here), mode);
}

static inline void tree_run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A shell command in the folder. */
static inline void tree_run(const char *format, ...)
{
	char command[2048], whole[2200];
	va_list values;

	va_start(values, format);
	vsnprintf(command, sizeof(command), format, values);
	va_end(values);
	snprintf(whole, sizeof(whole), "cd %s && { %s; }", tree, command);
	if (system(whole)) /* NOLINT(cert-env33-c): the test's own words */
		abort();
}

static inline void tree_write(const char *path, const char *text)
{
	tree_run("mkdir -p $(dirname .%s) && printf '%%s\\n' '%s' >.%s", path, text, path);
}

static inline void tree_make(void)
{
	strcpy(tree, "/tmp/amphora-sysfs-XXXXXX");
	if (!mkdtemp(tree))
		abort();
}

static inline void tree_remove(void)
{
	tree_run("rm -rf '%s'", tree);
}

#endif
