/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The coprocessor as Linux shows it. Test code that runs inside the virtual SoC; see remote.h.
 */
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/rpmsg.h>

#include <amphora/time.h>
#include <edge/edge.h>

#define STATE	     "/sys/class/remoteproc/remoteproc0/state"
#define CHANNELS     "/sys/bus/rpmsg/devices/"
#define ENDPOINTS    "/sys/class/rpmsg/rpmsg[0-9]*/name"
#define ANY	     0xffffffff
#define WAIT_MS	     10000
#define TRY_EVERY_US 1000
#define PATH_SIZE    512

int remote_fail(const char *format, ...)
{
	va_list values;

	fputs("remote: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
	return -1;
}

/* An attribute without its newline; empty when it can't be read. */
static void read_text(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : read(file, text, size - 1);

	if (file >= 0)
		close(file);
	text[length < 0 ? 0 : length] = 0;
	text[strcspn(text, "\n")] = 0;
}

bool remote_is(const char *state)
{
	char text[32];

	read_text(STATE, text, sizeof(text));
	return !strcmp(text, state);
}

int remote_expect(const char *state)
{
	char text[32];

	read_text(STATE, text, sizeof(text));
	return strcmp(text, state) ? remote_fail("it is %s, not %s", text, state) : 0;
}

int remote_wait(const char *state)
{
	uint64_t deadline = amph_deadline(WAIT_MS);
	char text[32];

	for (;;) {
		read_text(STATE, text, sizeof(text));
		if (!strcmp(text, state))
			return 0;
		if (amph_time_now() > deadline)
			return remote_fail("it stays %s, and is not %s", text, state);
		usleep(TRY_EVERY_US);
	}
}

int remote_switch(const char *command)
{
	int file = open(STATE, O_WRONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : write(file, command, strlen(command));
	int error = errno;

	if (file >= 0)
		close(file);
	return length < 0 ? remote_fail("%s: %s", command, strerror(error)) : 0;
}

/* Waits for a file of that form in which `content` is written (NULL: whatever). */
static int wait_for(const char *pattern, const char *content, char *path)
{
	uint64_t deadline = amph_deadline(WAIT_MS);
	char text[64];
	glob_t found;

	for (;;) {
		bool there = false;

		if (!glob(pattern, 0, NULL, &found)) {
			for (size_t i = 0; i < found.gl_pathc && !there; i++) {
				read_text(found.gl_pathv[i], text, sizeof(text));
				there = !content || !strcmp(text, content);
				if (there)
					snprintf(path, PATH_SIZE, "%s", found.gl_pathv[i]);
			}
			globfree(&found);
		}
		if (there)
			return 0;
		if (amph_time_now() > deadline)
			return remote_fail("no %s", pattern);
		usleep(TRY_EVERY_US);
	}
}

static int create(const struct rpmsg_endpoint_info *info)
{
	char path[PATH_SIZE], device[PATH_SIZE];

	if (wait_for(CHANNELS "*rpmsg_ctrl*/rpmsg/rpmsg_ctrl*", NULL, path))
		return -1;
	snprintf(device, sizeof(device), "/dev/%s", strrchr(path, '/') + 1);
	int control = open(device, O_RDWR | O_CLOEXEC);
	if (control < 0)
		return remote_fail("%s: %s", device, strerror(errno));
	int made = ioctl(control, RPMSG_CREATE_EPT_IOCTL, info);
	int error = errno;
	close(control);
	return made ? remote_fail("an endpoint for %u: %s", info->dst, strerror(error)) : 0;
}

int remote_open(struct remote_endpoint *endpoint, const char *service)
{
	static unsigned made;
	struct rpmsg_endpoint_info info = {.src = ANY};
	char pattern[PATH_SIZE], path[PATH_SIZE], text[32];

	snprintf(pattern, sizeof(pattern), CHANNELS "*.%s.*/dst", service);
	if (wait_for(pattern, NULL, path))
		return -1;
	read_text(path, text, sizeof(text));
	endpoint->address = info.dst = (uint32_t)strtoul(text, NULL, 0);
	/* its device is the one with this name: there may be others, of a former boot too */
	snprintf(info.name, sizeof(info.name), "test-%d-%u", getpid(), made++);
	if (create(&info) || wait_for(ENDPOINTS, info.name, path))
		return -1;
	*strrchr(path, '/') = 0;
	snprintf(pattern, sizeof(pattern), "/dev/%s", strrchr(path, '/') + 1);
	endpoint->fd = open(pattern, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	return endpoint->fd < 0 ? remote_fail("%s: %s", pattern, strerror(errno)) : 0;
}

int remote_close(struct remote_endpoint *endpoint)
{
	struct pollfd state = {.fd = endpoint->fd};
	int error = 0;

	if (poll(&state, 1, 0) >= 0 && !(state.revents & POLLERR) &&
	    ioctl(endpoint->fd, RPMSG_DESTROY_EPT_IOCTL))
		error = remote_fail("the endpoint does not go away: %s", strerror(errno));
	close(endpoint->fd);
	endpoint->fd = -1;
	return error;
}

int remote_ping(const struct remote_endpoint *endpoint, uint32_t number)
{
	struct edge_control sent = {EDGE_PING, number, ~number, number * 0x9e3779b9u}, got;
	struct pollfd ready = {.fd = endpoint->fd, .events = POLLIN};

	if (write(endpoint->fd, &sent, sizeof(sent)) != sizeof(sent))
		return remote_fail("message %u was not sent: %s", number, strerror(errno));
	if (poll(&ready, 1, WAIT_MS) != 1)
		return remote_fail("no answer to message %u", number);
	if (read(endpoint->fd, &got, sizeof(got)) != sizeof(got))
		return remote_fail("the answer to message %u: %s", number, strerror(errno));
	if (memcmp(&sent, &got, sizeof(got)) != 0)
		return remote_fail("message %u came back another", number);
	return 0;
}
