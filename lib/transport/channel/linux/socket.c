/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel over a Unix SOCK_SEQPACKET socket, with one file descriptor per message at most.
 * Transport layer, Linux only. Messages are copied into private memory by the kernel.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/fork.h>

#include "platform/linux/wait.h"

/* Messages pushed in one poll, so that a peer that never stops sending can't keep the caller. */
#define BATCH 64
/* The kernel lets 253 descriptors through in a message: take whatever comes, to close the surplus. */
#define HANDLES_MAX 253

union control {
	char bytes[CMSG_SPACE(HANDLES_MAX * sizeof(int))];
	struct cmsghdr align;
};

static int send_error(int error)
{
	return error == ECONNRESET || error == ESHUTDOWN ? -EPIPE : -error;
}

static int send_message(struct amph_channel *channel, const void *message, uint32_t length,
			intptr_t handle, uint64_t deadline)
{
	struct amph_channel_socket *self = (struct amph_channel_socket *)channel;
	struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = length};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;

	if (self->fork_generation != amph_fork_generation())
		return -EPERM;
	if (self->fd < 0)
		return -ENOTCONN;
	/* a message of no bytes would look like the end of the connection */
	if (!length || length > channel->message_max)
		return -EMSGSIZE;
	if (handle >= 0) {
		int fd = (int)handle;
		struct cmsghdr *first;

		if (handle > INT_MAX)
			return -EBADF;
		memset(&control, 0, sizeof(control));
		header.msg_control = control.bytes;
		header.msg_controllen = sizeof(control.bytes);
		first = CMSG_FIRSTHDR(&header);
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(first), &fd, sizeof(fd));
	}
	for (;;) {
		int error;

		if (sendmsg(self->fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return send_error(errno);
		error = amph_wait_fd(self->fd, POLLOUT, deadline);
		if (error)
			return error;
	}
}

/* Takes the first descriptor, closes all others: the one that is left, or -1. */
static int take_handle(struct msghdr *header)
{
	int kept = -1;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part; part = CMSG_NXTHDR(header, part)) {
		size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(fd));
			if (kept < 0)
				kept = fd;
			else
				close(fd);
		}
	}
	return kept;
}

/* Takes one message if there is one: 1, 0 for none, -EPIPE, -EMSGSIZE, -errno. */
static int receive_one(struct amph_channel_socket *self)
{
	char message[AMPH_CHANNEL_SOCKET_MAX];
	union control control;
	struct iovec part = {.iov_base = message, .iov_len = sizeof(message)};
	struct msghdr header = {.msg_iov = &part,
				.msg_iovlen = 1,
				.msg_control = control.bytes,
				.msg_controllen = sizeof(control.bytes)};
	ssize_t length;
	int handle;

	do
		length = recvmsg(self->fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == EAGAIN ? 0 : send_error(errno);
	handle = take_handle(&header);
	if (!length || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) || !self->channel.receiver) {
		if (handle >= 0)
			close(handle);
		if (!length)
			return -EPIPE;
		/* without a receiver nobody can take it: dropped, like on any channel */
		return header.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EMSGSIZE : 1;
	}
	self->channel.receiver(self->channel.argument, message, (uint32_t)length, handle);
	return 1;
}

static int poll_messages(struct amph_channel *channel, uint64_t deadline)
{
	struct amph_channel_socket *self = (struct amph_channel_socket *)channel;
	int count = 0;

	/* a message is taken once: it is the parent's */
	if (self->fork_generation != amph_fork_generation())
		return -EPERM;
	while (count < BATCH) {
		int got = self->fd < 0 ? -ENOTCONN : receive_one(self);

		if (got > 0) {
			count++;
			continue;
		}
		/* what was delivered counts first; the error comes again, or is for that message */
		if (count)
			break;
		if (!got)
			got = amph_wait_fd(self->fd, POLLIN, deadline);
		if (got)
			return got;
	}
	return count;
}

int amph_channel_socket_init_checked(struct amph_channel_socket *channel, int fd, uint32_t abi,
				     uint32_t structure_size)
{
	static const struct amph_channel_ops ops = {.send = send_message, .poll = poll_messages};
	struct sockaddr_un peer;
	socklen_t size = sizeof(peer);
	int domain = 0, type = 0;
	socklen_t length = sizeof(int);
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*channel));

	if (error)
		return error;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) || domain != AF_UNIX ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) || type != SOCK_SEQPACKET ||
	    getpeername(fd, (struct sockaddr *)&peer, &size) || fcntl(fd, F_SETFD, FD_CLOEXEC))
		return -EINVAL;
	*channel = (struct amph_channel_socket){
		.channel = {.ops = &ops, .message_max = AMPH_CHANNEL_SOCKET_MAX},
		.fd = fd,
		.fork_generation = amph_fork_generation()};
	return 0;
}

void amph_channel_socket_close(struct amph_channel_socket *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}
