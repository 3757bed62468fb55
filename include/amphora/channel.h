/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Channel: a small-message pipe between two sides, and the plug-in table for one.
 * Transport layer; knows the platform only. Messages are whole, in order, and pushed to a receiver, who
 * then sees everything in shared memory that the sender did before: a give by message needs no more.
 */
#ifndef AMPHORA_CHANNEL_H
#define AMPHORA_CHANNEL_H

#include <stdint.h>

#include <amphora/error.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_channel;

/*
 * Takes one message. message: valid during the call, in memory that the peer may still write unless
 * the channel says otherwise; length in bytes. handle: an fd that came along (the receiver owns it
 * now), else -1. May send on the channel; must not poll it.
 */
typedef void (*amph_channel_receiver)(void *argument, const void *message, uint32_t length,
				      intptr_t handle);

struct amph_channel_ops {
	/*
	 * Sends one whole message or nothing. handle: an fd to send along (stays the caller's), or -1.
	 * Returns 0; -EMSGSIZE (longer than message_max), -ETIMEDOUT (no room by the deadline), -EPIPE
	 * or -ENOTCONN (the other side is gone), -ENOTSUP (a handle on a channel that carries none).
	 */
	int (*send)(struct amph_channel *channel, const void *message, uint32_t length,
		    intptr_t handle, uint64_t deadline);
	/*
	 * Waits until the deadline for input and pushes every message that is there to the receiver.
	 * A deadline in the past only looks. Returns how many (>= 1), -ETIMEDOUT, -EPIPE.
	 */
	int (*poll)(struct amph_channel *channel, uint64_t deadline);
};

struct amph_channel {
	const struct amph_channel_ops *ops;
	uint32_t message_max; /* bytes */
	amph_channel_receiver receiver;
	void *argument;
};

/* Sets who takes the messages; before the first poll. */
static inline void amph_channel_receive(struct amph_channel *channel,
					amph_channel_receiver receiver, void *argument)
{
	channel->argument = argument;
	channel->receiver = receiver;
}

static inline int amph_channel_send(struct amph_channel *channel, const void *message,
				    uint32_t length, intptr_t handle, uint64_t deadline)
{
	return channel->ops->send(channel, message, length, handle, deadline);
}

static inline int amph_channel_poll(struct amph_channel *channel, uint64_t deadline)
{
	return channel->ops->poll(channel, deadline);
}

/* --- seqpacket: a Unix socket (Linux); carries fds; messages arrive in private memory --- */

/* The longest message, in bytes. */
#define AMPH_CHANNEL_SOCKET_MAX 4096

struct amph_channel_socket {
	struct amph_channel channel;
	int fd; /* owned; -1 once closed */
	uint32_t fork_generation; /* a child's send and poll: -EPERM */
};

/*
 * fd: a connected SOCK_SEQPACKET Unix socket; owned by the channel from now on, close-on-exec.
 * Returns 0; -EINVAL when it is not one, -EPROTO (built with other limits): it stays the caller's.
 *
 * One fd at most comes with a message; surplus ones are closed. A message that is longer than
 * AMPH_CHANNEL_SOCKET_MAX, or lost fds on its way, is dropped whole: poll returns -EMSGSIZE once, and
 * the next poll goes on. Messages of 0 bytes do not exist here (send: -EMSGSIZE): the kernel can't
 * tell them from the end.
 */
int amph_channel_socket_init_checked(struct amph_channel_socket *channel, int fd, uint32_t abi,
				     uint32_t structure_size);
static inline int amph_channel_socket_init(struct amph_channel_socket *channel, int fd)
{
	return amph_channel_socket_init_checked(channel, fd, AMPH_ABI, (uint32_t)sizeof(*channel));
}
void amph_channel_socket_close(struct amph_channel_socket *channel);

/* --- RPMsg device: an endpoint of Linux's own RPMsg bus, /dev/rpmsgN; messages in private memory --- */

/* The longest message that Linux's bus carries, in bytes. */
#define AMPH_CHANNEL_RPMSG_DEVICE_MAX 496

struct amph_channel_rpmsg_device {
	struct amph_channel channel;
	int fd; /* owned; -1 once closed */
	uint32_t fork_generation; /* a forked child's calls are -EPERM */
};

/*
 * fd: an open /dev/rpmsgN, to read and to write; owned by the channel from now on, close-on-exec and
 * non-blocking. Who made the endpoint (/dev/rpmsg_ctrlN) has chosen the address it talks to.
 * Returns 0; -EINVAL when it is not one, -EPROTO (built with other limits): it stays the caller's.
 *
 * A remote that crashed or was stopped ends the channel: send and poll return -EPIPE for ever. After a
 * recovery its services are announced anew, and need a new endpoint. The bus does not say when there
 * is room again: a send that waits for room looks twice in a millisecond. Messages of 0 bytes are
 * not sent (-EMSGSIZE), but may arrive.
 */
int amph_channel_rpmsg_device_init_checked(struct amph_channel_rpmsg_device *channel, int fd,
					   uint32_t abi, uint32_t structure_size);
static inline int amph_channel_rpmsg_device_init(struct amph_channel_rpmsg_device *channel, int fd)
{
	return amph_channel_rpmsg_device_init_checked(channel, fd, AMPH_ABI,
						      (uint32_t)sizeof(*channel));
}
void amph_channel_rpmsg_device_close(struct amph_channel_rpmsg_device *channel);

#ifdef __cplusplus
}
#endif

#endif
