/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel over a character device of Linux's RPMsg bus, /dev/rpmsgN: the kernel has the rings.
 * Transport layer, Linux only. Messages are copied into private memory by the kernel.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/fork.h>
#include <amphora/time.h>

#include "platform/linux/wait.h"

/* Messages pushed in one poll, so that a peer that never stops sending can't keep the caller. */
#define BATCH 64
/* The bus never says that there is room again: so it is asked, every now and then. */
#define ASK_EVERY_US 500

static int remote_error(int error)
{
	return error == ECONNRESET || error == ESHUTDOWN || error == ENODEV || error == ENXIO
		       ? -EPIPE
		       : -error;
}

static int send_message(struct amph_channel *channel, const void *message, uint32_t length,
			intptr_t handle, uint64_t deadline)
{
	struct amph_channel_rpmsg_device *self = (struct amph_channel_rpmsg_device *)channel;

	if (self->fork_generation != amph_fork_generation())
		return -EPERM;
	if (self->fd < 0)
		return -ENOTCONN;
	if (handle >= 0)
		return -ENOTSUP;
	if (!length || length > channel->message_max)
		return -EMSGSIZE;
	for (;;) {
		ssize_t sent = write(self->fd, message, length);

		if (sent == (ssize_t)length)
			return 0;
		if (sent >= 0)
			return -EIO;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != ENOMEM)
			return remote_error(errno);
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		usleep(ASK_EVERY_US);
	}
}

/* Takes one message if there is one: 1, 0 for none, -EPIPE, -errno. */
static int receive_one(struct amph_channel_rpmsg_device *self)
{
	char message[AMPH_CHANNEL_RPMSG_DEVICE_MAX];
	ssize_t length;

	do
		length = read(self->fd, message, sizeof(message));
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : remote_error(errno);
	/* without a receiver nobody can take it: dropped, like on any channel */
	if (self->channel.receiver)
		self->channel.receiver(self->channel.argument, message, (uint32_t)length, -1);
	return 1;
}

static int poll_messages(struct amph_channel *channel, uint64_t deadline)
{
	struct amph_channel_rpmsg_device *self = (struct amph_channel_rpmsg_device *)channel;
	int count = 0;

	if (self->fork_generation != amph_fork_generation())
		return -EPERM;
	while (count < BATCH) {
		int got = self->fd < 0 ? -ENOTCONN : receive_one(self);

		if (got > 0) {
			count++;
			continue;
		}
		/* what was delivered counts first; an error comes again */
		if (count)
			break;
		if (!got)
			got = amph_wait_fd(self->fd, POLLIN, deadline);
		if (got)
			return got;
	}
	return count;
}

/* Whether it is a device of the RPMsg bus's class, and not its control device. */
static int check_device(int fd)
{
	char path[96], target[512];
	struct stat status;
	ssize_t length;

	if (fstat(fd, &status) || !S_ISCHR(status.st_mode))
		return -EINVAL;
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/subsystem", major(status.st_rdev),
		 minor(status.st_rdev));
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return -EINVAL;
	target[length] = 0;
	const char *subsystem = strrchr(target, '/');
	if (!subsystem || strcmp(subsystem, "/rpmsg") != 0)
		return -EINVAL;
	/* an endpoint has an address, the device that makes endpoints has none */
	snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/src", major(status.st_rdev),
		 minor(status.st_rdev));
	return access(path, F_OK) ? -EINVAL : 0;
}

int amph_channel_rpmsg_device_init_checked(struct amph_channel_rpmsg_device *channel, int fd,
					   uint32_t abi, uint32_t structure_size)
{
	static const struct amph_channel_ops ops = {.send = send_message, .poll = poll_messages};
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*channel)), flags;

	if (error)
		return error;
	if (check_device(fd))
		return -EINVAL;
	flags = fcntl(fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) != O_RDWR || fcntl(fd, F_SETFL, flags | O_NONBLOCK) ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -EINVAL;
	*channel = (struct amph_channel_rpmsg_device){
		.channel = {.ops = &ops, .message_max = AMPH_CHANNEL_RPMSG_DEVICE_MAX},
		.fd = fd,
		.fork_generation = amph_fork_generation()};
	return 0;
}

void amph_channel_rpmsg_device_close(struct amph_channel_rpmsg_device *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}
