/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: see replay_queue_channel.h.
 */
#include "replay_queue_channel.h"

#include <errno.h>
#include <string.h>

#include "share/wire.h"

#define PIPE_MAX 8u

/* Where a side stands that sleeps for the replay. */
enum place { AWAKE, AT_DOORBELL, AT_CHANNEL, TAKING, SENDING };

struct pipe_end {
	uint32_t count;
	struct {
		uint32_t length;
		uint8_t bytes[256] __attribute__((aligned(8)));
	} messages[PIPE_MAX];
};

static const struct amph_channel *peer_end;
static struct pipe_end pipes[2]; /* to that side */
static enum place places[2];
static uint32_t seen_bell[2];

static void stay(enum place place)
{
	places[replay_self()] = place;
	replay_sleep();
}

static void doorbell_wait(void *argument, const uint32_t *bell, uint32_t seen, uint64_t deadline)
{
	(void)argument;
	(void)bell;
	(void)deadline;
	seen_bell[replay_self()] = seen;
	stay(AT_DOORBELL);
}

static void doorbell_ring(void *argument, const uint32_t *bell)
{
	(void)argument;
	(void)bell;
}

static bool is_heartbeat(const void *message)
{
	return ((const struct wire_header *)message)->type == WIRE_HEARTBEAT;
}

static uint32_t heartbeats(unsigned int side)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < pipes[side].count; i++)
		count += is_heartbeat(pipes[side].messages[i].bytes);
	return count;
}

static uint32_t talks(unsigned int side)
{
	return pipes[side].count - heartbeats(side);
}

static uint32_t room_for_heartbeats(void)
{
	return (uint32_t)model_flag("MESSAGES", 2);
}

static int channel_send(struct amph_channel *channel, const void *message, uint32_t length,
			intptr_t handle, uint64_t deadline)
{
	unsigned int side = channel == peer_end;
	struct pipe_end *to = &pipes[!side];

	(void)handle;
	(void)deadline;
	stay(SENDING);
	if (is_heartbeat(message) && heartbeats(!side) == room_for_heartbeats())
		return -ETIMEDOUT;
	if (to->count == PIPE_MAX || length > sizeof(to->messages[0].bytes))
		replay_differs("the code says too much on the channel");
	to->messages[to->count].length = length;
	memcpy(to->messages[to->count++].bytes, message, length);
	return 0;
}

static int channel_poll(struct amph_channel *channel, uint64_t deadline)
{
	unsigned int side = channel == peer_end;
	struct pipe_end taken;

	if (deadline > NOW)
		stay(AT_CHANNEL);
	stay(TAKING);
	taken = pipes[side];
	pipes[side].count = 0;
	for (uint32_t i = 0; i < taken.count; i++)
		channel->receiver(channel->argument, taken.messages[i].bytes,
				  taken.messages[i].length, -1);
	return taken.count ? (int)taken.count : -ETIMEDOUT;
}

const struct amph_channel_ops channel_ops = {channel_send, channel_poll};
const struct amph_queue_doorbell doorbell = {.wait = doorbell_wait, .ring = doorbell_ring};

void channel_prepare(const struct amph_channel *peer)
{
	peer_end = peer;
}

static void need_place(unsigned int side, enum place place)
{
	replay_need_sleep(side);
	replay_compare("what it sleeps for", place, places[side]);
	places[side] = AWAKE;
}

void channel_wake(unsigned int side, uint32_t bell)
{
	replay_need_sleep(side);
	if (places[side] == AT_CHANNEL) {
		need_place(side, AT_CHANNEL);
		replay_compare("is there a message", true, pipes[side].count > 0);
	} else {
		need_place(side, AT_DOORBELL);
		replay_compare("was rung for it", true, bell != seen_bell[side]);
	}
	replay_wake(side);
}

bool channel_step(const struct replay_line *line)
{
	unsigned int side = line->side;

	if (!strcmp(line->verb, "messages") && line->count == 2) {
		need_place(side, TAKING);
		replay_compare("heartbeats", line->numbers[0], heartbeats(side));
		replay_compare("messages", line->numbers[1], talks(side));
	} else if (!strcmp(line->verb, "say")) {
		need_place(side, SENDING);
	} else if (!strcmp(line->verb, "heartbeat") || !strcmp(line->verb, "full")) {
		need_place(side, SENDING);
		replay_compare("is the channel full", !strcmp(line->verb, "full"),
			       heartbeats(1 - side) == room_for_heartbeats());
	} else {
		return false;
	}
	replay_wake(side);
	return true;
}
