/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel to a service on Linux's RPMsg bus: found in sysfs, made through /dev/rpmsg_ctrlN.
 * Transport layer, Linux only. Where a session with a real coprocessor begins.
 *
 * All that is looked at may go away meanwhile, with the processor's life: whatever is missing is looked
 * for again until the deadline.
 */
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <linux/rpmsg.h>

#include <amphora/fork.h>
#include <amphora/rpmsg_service.h>
#include <amphora/time.h>

#include "platform/linux/sysfs.h"

#define DEVICES		"/sys/bus/rpmsg/devices"
#define CLASS		"/sys/class/rpmsg"
#define CONTROL		"rpmsg_ctrl"
#define ENDPOINT	"rpmsg"
#define ANY		0xffffffffu
#define TRY_EVERY_US	2000
#define NAME_MAX_LENGTH (sizeof(((struct rpmsg_endpoint_info *)NULL)->name) - 1)

/* What is looked for, and what is missing. */
struct search {
	uint32_t remoteproc;
	const char *name;
	uint64_t deadline;
	struct amph_why *why;
};

static int missing(const struct search *search, int error, const char *what, uint64_t value)
{
	return amph_refuse(search->why, error, what, value, 0);
}

/* The address of the service, from the RPMsg device that was announced with its name. */
static int find_service(const struct search *search, uint32_t *address)
{
	char path[AMPH_SYSFS_PATH_MAX], text[64];
	DIR *devices = opendir(DEVICES);
	struct dirent *entry;
	bool found = false;

	while (devices && !found && (entry = readdir(devices))) {
		snprintf(path, sizeof(path), DEVICES "/%s/name", entry->d_name);
		if (amph_sysfs_read(path, text, sizeof(text)) || strcmp(text, search->name) != 0)
			continue;
		snprintf(path, sizeof(path), DEVICES "/%s", entry->d_name);
		if (!amph_sysfs_is_below_remoteproc(path, search->remoteproc))
			continue;
		snprintf(path, sizeof(path), DEVICES "/%s/dst", entry->d_name);
		found = !amph_sysfs_read(path, text, sizeof(text));
		*address = (uint32_t)strtoul(text, NULL, 0);
	}
	if (devices)
		closedir(devices);
	return found ? 0
		     : missing(search, -ENOENT, "the remote processor announces no such service",
			       search->remoteproc);
}

/*
 * The device of the class with that prefix, below the remote processor, and of that name where there
 * is one.
 */
static int find_device(const struct search *search, const char *prefix, const char *name,
		       uint32_t *number)
{
	char path[AMPH_SYSFS_PATH_MAX], text[64];
	DIR *devices = opendir(CLASS);
	struct dirent *entry;
	bool found = false;

	while (devices && !found && (entry = readdir(devices))) {
		if (!amph_sysfs_number(entry->d_name, prefix, number))
			continue;
		snprintf(path, sizeof(path), CLASS "/%s/name", entry->d_name);
		if (name && (amph_sysfs_read(path, text, sizeof(text)) || strcmp(text, name) != 0))
			continue;
		snprintf(path, sizeof(path), CLASS "/%s", entry->d_name);
		found = amph_sysfs_is_below_remoteproc(path, search->remoteproc);
	}
	if (devices)
		closedir(devices);
	return found ? 0 : -ENOENT;
}

/* Opens a device that is there, or soon will be: its node, and the right to open it, may come later. */
static int open_device(const struct search *search, const char *prefix, uint32_t number)
{
	char path[32];

	snprintf(path, sizeof(path), "/dev/%s%u", prefix, number);
	for (;;) {
		int fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0)
			return fd;
		if (errno != ENOENT && errno != EACCES)
			return missing(search, -errno, "the RPMsg device can't be opened", number);
		if (amph_time_now() >= search->deadline)
			return missing(search, -errno,
				       errno == EACCES ? "this user has no right to open the "
							 "RPMsg device"
						       : "the RPMsg device has no node in /dev",
				       number);
		usleep(TRY_EVERY_US);
	}
}

/* A name that no other endpoint has: it is how ours is found. */
static void make_name(const struct search *search, char *name, size_t size)
{
	uint64_t number;

	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		number = amph_time_now() ^ (uint64_t)getpid() << 40;
	snprintf(name, size, "%.14s-%016llx", search->name, (unsigned long long)number);
}

/* Makes an endpoint: *device is the N of its /dev/rpmsgN. */
static int make_endpoint(const struct search *search, uint32_t address, uint32_t *device)
{
	struct rpmsg_endpoint_info info = {.src = ANY, .dst = address};
	uint32_t control = 0;
	int fd, error;

	if (find_device(search, CONTROL, NULL, &control))
		return missing(search, -ENOENT,
			       "the remote processor has no /dev/rpmsg_ctrlN: rpmsg_ctrl is not "
			       "loaded, or it does not run",
			       search->remoteproc);
	fd = open_device(search, CONTROL, control);
	if (fd < 0)
		return fd;
	make_name(search, info.name, sizeof(info.name));
	error = ioctl(fd, RPMSG_CREATE_EPT_IOCTL, &info) ? -errno : 0;
	close(fd);
	if (error)
		return missing(search, error, "the kernel makes no endpoint", address);
	if (find_device(search, ENDPOINT, info.name, device))
		return missing(search, -ENOENT, "the endpoint is gone again", address);
	return 0;
}

/* Its remote is gone: then the endpoint is, too. */
static bool is_dead(int fd)
{
	struct pollfd entry = {.fd = fd};

	return poll(&entry, 1, 0) < 0 || entry.revents & (POLLERR | POLLHUP | POLLNVAL);
}

static void destroy(int fd)
{
	/* nothing is left to do about one that does not go: it ends with the processor's life */
	if (!is_dead(fd))
		ioctl(fd, RPMSG_DESTROY_EPT_IOCTL);
}

static int try_once(const struct search *search, struct amph_rpmsg_service *service)
{
	struct amph_rpmsg_service made = {.remoteproc = search->remoteproc};
	int error = find_service(search, &made.destination), fd;

	if (!error)
		error = make_endpoint(search, made.destination, &made.device);
	if (error)
		return error;
	fd = open_device(search, ENDPOINT, made.device);
	if (fd < 0)
		return fd;
	error = is_dead(fd) ? -EPIPE : amph_channel_rpmsg_device_init(&made.channel, fd);
	if (error) {
		destroy(fd);
		close(fd);
		return missing(search, error, "the endpoint's remote is gone again", made.device);
	}
	*service = made;
	return 0;
}

int amph_rpmsg_service_open_checked(struct amph_rpmsg_service *service, uint32_t remoteproc,
				    const char *name, uint64_t deadline, struct amph_why *why,
				    uint32_t abi, uint32_t structure_size)
{
	struct search search = {
		.remoteproc = remoteproc, .name = name, .deadline = deadline, .why = why};
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*service));

	if (error)
		return error;
	service->channel = (struct amph_channel_rpmsg_device){.fd = -1};
	if (!*name || strlen(name) > NAME_MAX_LENGTH)
		return amph_refuse(why, -EINVAL, "no RPMsg service has a name of this length",
				   strlen(name), NAME_MAX_LENGTH);
	for (;;) {
		error = try_once(&search, service);
		if (!error)
			return 0;
		if (amph_time_now() >= deadline)
			return error == -EACCES ? error : -ETIMEDOUT;
		usleep(TRY_EVERY_US);
	}
}

void amph_rpmsg_service_close(struct amph_rpmsg_service *service)
{
	struct amph_channel_rpmsg_device *channel = &service->channel;

	if (channel->fd >= 0 && channel->fork_generation == amph_fork_generation())
		destroy(channel->fd);
	amph_channel_rpmsg_device_close(channel);
}
