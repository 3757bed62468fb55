/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Doctor, files: bounded reads below one root, which links in it can't leave, and who may open what.
 */
#include "doctor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SCANNED_MAX 4096 /* entries of one folder, also of a hostile one */
#define GROUPS_MAX  65536 /* bytes of /etc/group */

char *doctor_clean(char *text)
{
	for (char *at = text; *at; at++)
		if (*at < 0x20 || *at > 0x7e)
			*at = '?';
	return text;
}

void doctor_append(char *text, size_t size, const char *format, ...)
{
	size_t used = strnlen(text, size);
	va_list values;

	va_start(values, format);
	vsnprintf(text + used, size - used, format, values);
	va_end(values);
}

int doctor_root_open(struct doctor *doctor, const char *path)
{
	doctor->root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return doctor->root < 0 ? -errno : 0;
}

/*
 * On this machine a path is a path. In a captured tree the root is the kernel's to hold: absolute links
 * and ".." end there.
 */
static int open_path(const struct doctor *doctor, const char *path, int flags)
{
	struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
	int fd;

	if (doctor->live)
		fd = openat(doctor->root, path, flags | O_CLOEXEC);
	else
		fd = (int)syscall(SYS_openat2, doctor->root, path, &how, sizeof(how));
	return fd < 0 ? -errno : fd;
}

static int format_path(char path[DOCTOR_PATH], const char *format, va_list values)
{
	int length = vsnprintf(path, DOCTOR_PATH, format, values);

	return length < 0 || length >= DOCTOR_PATH ? -ENAMETOOLONG : 0;
}

static int open_file(const struct doctor *doctor, const char *path)
{
	struct stat status;
	/* looked at before it is opened: to open a device can do something */
	int place = open_path(doctor, path, O_PATH);
	bool regular = place >= 0 && !fstat(place, &status) && S_ISREG(status.st_mode);

	if (place < 0)
		return place;
	close(place);
	return regular ? open_path(doctor, path, O_RDONLY | O_NONBLOCK | O_NOCTTY) : -EINVAL;
}

int doctor_open(const struct doctor *doctor, const char *format, ...)
{
	char path[DOCTOR_PATH];
	va_list values;

	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	return error ? error : open_file(doctor, path);
}

static ssize_t read_file(const struct doctor *doctor, void *bytes, size_t size, const char *path)
{
	size_t used = 0;
	char *at = bytes;

	*at = 0;
	int fd = open_file(doctor, path);
	if (fd < 0)
		return fd;
	while (used < size - 1) {
		ssize_t count = read(fd, at + used, size - 1 - used);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0) {
			int error = errno;

			close(fd);
			*at = 0;
			return -error;
		}
		if (!count)
			break;
		used += (size_t)count;
	}
	close(fd);
	at[used] = 0;
	return (ssize_t)used;
}

ssize_t doctor_read(const struct doctor *doctor, void *bytes, size_t size, const char *format, ...)
{
	char path[DOCTOR_PATH];
	va_list values;

	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	return error ? error : read_file(doctor, bytes, size, path);
}

bool doctor_line(const struct doctor *doctor, char *text, size_t size, const char *format, ...)
{
	char path[DOCTOR_PATH];
	va_list values;

	text[0] = 0;
	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	if (error || read_file(doctor, text, size, path) <= 0)
		return false;
	text[strcspn(text, "\n")] = 0;
	doctor_clean(text);
	return true;
}

bool doctor_number(const struct doctor *doctor, uint64_t *value, const char *format, ...)
{
	char path[DOCTOR_PATH], text[32], *end;
	va_list values;

	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	if (error || read_file(doctor, text, sizeof(text), path) <= 0)
		return false;
	errno = 0;
	*value = strtoull(text, &end, 0);
	return end != text && !errno;
}

bool doctor_link(const struct doctor *doctor, char *text, size_t size, const char *format, ...)
{
	char path[DOCTOR_PATH];
	va_list values;

	text[0] = 0;
	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	int place = error ? error : open_path(doctor, path, O_PATH | O_NOFOLLOW);
	if (place < 0)
		return false;
	ssize_t length = readlinkat(place, "", text, size - 1);
	close(place);
	text[length > 0 ? length : 0] = 0;
	return length > 0 && (size_t)length < size - 1;
}

bool doctor_exists(const struct doctor *doctor, const char *format, ...)
{
	char path[DOCTOR_PATH];
	va_list values;

	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	int place = error ? error : open_path(doctor, path, O_PATH);
	if (place < 0)
		return false;
	close(place);
	return true;
}

static int compare_names(const void *left, const void *right)
{
	return strverscmp(left, right);
}

void doctor_list(const struct doctor *doctor, struct doctor_names *names, const char *prefix,
		 const char *format, ...)
{
	char path[DOCTOR_PATH];
	struct dirent *entry;
	va_list values;

	names->count = 0;
	names->more = false;
	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	int folder = error ? error : open_path(doctor, path, O_RDONLY | O_DIRECTORY);
	DIR *entries = folder < 0 ? NULL : fdopendir(folder);
	if (!entries) {
		if (folder >= 0)
			close(folder);
		return;
	}
	for (int i = 0; (entry = readdir(entries)); i++) {
		names->more = i >= SCANNED_MAX;
		if (names->more)
			break;
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    strncmp(entry->d_name, prefix, strlen(prefix)) != 0)
			continue;
		if (strlen(entry->d_name) >= DOCTOR_NAME)
			continue;
		names->more = names->count == DOCTOR_NAMES;
		if (names->more)
			break;
		snprintf(names->names[names->count++], DOCTOR_NAME, "%.*s", DOCTOR_NAME - 1,
			 entry->d_name);
	}
	closedir(entries);
	qsort(names->names, names->count, sizeof(names->names[0]), compare_names);
}

/* The name of a number in the root's /etc/group or /etc/passwd, else the number. */
static void name_of(const struct doctor *doctor, const char *file, unsigned number, char *name)
{
	char *text = malloc(GROUPS_MAX), *save = NULL;

	snprintf(name, DOCTOR_NAME, "%u", number);
	if (text && doctor_read(doctor, text, GROUPS_MAX, "%s", file) > 0) {
		for (char *line = strtok_r(text, "\n", &save); line;
		     line = strtok_r(NULL, "\n", &save)) {
			char *end, *first = strchr(line, ':');
			char *second = first ? strchr(first + 1, ':') : NULL;

			if (!second || strtoul(second + 1, &end, 10) != number || *end != ':')
				continue;
			*first = 0;
			snprintf(name, DOCTOR_NAME, "%s", line);
			doctor_clean(name);
			break;
		}
	}
	free(text);
}

enum doctor_access doctor_may_open(const struct doctor *doctor, const char *path,
				   const char *subsystem, char why[DOCTOR_TEXT],
				   char remedy[DOCTOR_TEXT])
{
	char owner[DOCTOR_NAME], group[DOCTOR_NAME], self[32];
	const char *name = strrchr(path, '/');
	struct stat status;

	why[0] = remedy[0] = 0;
	int place = open_path(doctor, path, O_PATH);
	if (place < 0)
		return place == -EACCES ? DOCTOR_REFUSED : DOCTOR_ABSENT;
	int error = fstat(place, &status) ? errno : 0;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	if (!error && faccessat(AT_FDCWD, self, R_OK | W_OK, AT_EACCESS))
		error = errno;
	close(place);
	if (!error)
		return DOCTOR_GRANTED;
	name_of(doctor, "etc/passwd", status.st_uid, owner);
	name_of(doctor, "etc/group", status.st_gid, group);
	snprintf(why, DOCTOR_TEXT, "/%s is %s:%s %04o: %s", path, owner, group,
		 (unsigned)status.st_mode & 07777, strerror(error));
	if (status.st_gid && (status.st_mode & 0060) == 0060)
		snprintf(remedy, DOCTOR_TEXT,
			 "be in its group: usermod -aG %s USER, and log in again", group);
	else
		snprintf(remedy, DOCTOR_TEXT,
			 "a udev rule: SUBSYSTEM==\"%s\", KERNEL==\"%s\", GROUP=\"GROUP\", "
			 "MODE=\"0660\"",
			 subsystem, name ? name + 1 : path);
	return DOCTOR_REFUSED;
}

bool doctor_may_write(const struct doctor *doctor, const char *format, ...)
{
	char path[DOCTOR_PATH], self[32];
	va_list values;

	va_start(values, format);
	int error = format_path(path, format, values);
	va_end(values);
	int place = error ? error : open_path(doctor, path, O_PATH);
	if (place < 0)
		return false;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", place);
	error = faccessat(AT_FDCWD, self, W_OK, AT_EACCESS);
	close(place);
	return !error;
}
