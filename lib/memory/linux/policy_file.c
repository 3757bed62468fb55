/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The file of a policy: whose it must be, and its bytes.
 * Memory layer, Linux. What others could have written decides nothing.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/policy_file.h>

#include "memory/internal.h"

static int refuse(struct amph_policy_error *error, int number, const char *path, const char *reason)
{
	error->line = 0;
	snprintf(error->text, sizeof(error->text), "%s: %s", path, reason);
	return number;
}

static int check_owner(int fd, const char *path, struct amph_policy_error *error)
{
	struct stat status;

	if (fstat(fd, &status))
		return refuse(error, -errno, path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return refuse(error, -EINVAL, path, "it is no regular file");
	if (status.st_uid && status.st_uid != geteuid())
		return refuse(error, -EACCES, path, "it is neither root's nor this user's");
	if (status.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(error, -EACCES, path,
			      "others than its owner can write it: chmod go-w");
	return 0;
}

/* Returns how many bytes, or -errno. */
static int64_t read_all(int fd, char *text, uint32_t room)
{
	uint32_t length = 0;

	for (;;) {
		ssize_t count = read(fd, text + length, room - length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		if (!count)
			return length;
		length += (uint32_t)count;
		if (length == room)
			return -EFBIG;
	}
}

int amph_policy_read_checked(struct amph_policy *policy, const struct amph_policy_storage *storage,
			     const char *path, struct amph_policy_error *error, uint32_t abi,
			     uint32_t size)
{
	int failed = amph_abi_check(abi, size, (uint32_t)sizeof(*policy)), fd;
	int64_t length;

	*error = (struct amph_policy_error){0};
	if (failed)
		return failed;
	if (!path)
		path = AMPH_POLICY_PATH;
	/* without waiting for who would write into a pipe */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return refuse(error, -errno, path, strerror(errno));
	failed = check_owner(fd, path, error);
	if (failed) {
		close(fd);
		return failed;
	}
	length = read_all(fd, storage->text, storage->text_size);
	close(fd);
	if (length == -EFBIG)
		return refuse(error, -EFBIG, path,
			      "it is larger than the application has room for");
	if (length < 0)
		return refuse(error, (int)length, path, strerror((int)-length));
	return amph_policy_parse_checked(policy, storage, (uint32_t)length, path, error, abi, size);
}
