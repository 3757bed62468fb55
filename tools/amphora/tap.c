/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tap: counts the share protocol's messages on their way through a channel.
 * Tool code; knows channels, and how a message of the share protocol begins.
 */
#include "tap.h"

#include <string.h>

#define SHARE_TYPE_FIRST 1 /* docs/protocol.md, "Messages" */
#define SHARE_TYPE_LAST	 17

/* A message of the share protocol names itself: its type, then its own length. */
static void tap_count(struct tap *tap, const void *message, uint32_t length)
{
	uint16_t head[2] = {0};

	if (length >= sizeof(head))
		memcpy(head, message, sizeof(head));
	if (head[0] >= SHARE_TYPE_FIRST && head[0] <= SHARE_TYPE_LAST && head[1] == length) {
		tap->messages++;
		tap->bytes += length;
	} else {
		tap->other_bytes += length;
	}
}

static int tap_send(struct amph_channel *channel, const void *message, uint32_t length,
		    intptr_t handle, uint64_t deadline)
{
	struct tap *tap = (struct tap *)channel;
	int status = amph_channel_send(tap->inner, message, length, handle, deadline);

	if (!status)
		tap_count(tap, message, length);
	return status;
}

static int tap_poll(struct amph_channel *channel, uint64_t deadline)
{
	return amph_channel_poll(((struct tap *)channel)->inner, deadline);
}

static void tap_receive(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	struct tap *tap = argument;

	tap_count(tap, message, length);
	tap->channel.receiver(tap->channel.argument, message, length, handle);
}

static const struct amph_channel_ops tap_ops = {.send = tap_send, .poll = tap_poll};

void tap_init(struct tap *tap, struct amph_channel *inner)
{
	*tap = (struct tap){.channel = {.ops = &tap_ops, .message_max = inner->message_max},
			    .inner = inner};
	amph_channel_receive(inner, tap_receive, tap);
}
