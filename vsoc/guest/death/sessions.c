/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death-sessions: share sessions with the demo firmware, life after life. Each crash ends the session;
 * in the next life a message of the one before, sent again as it was, is refused and changes nothing.
 * Runs inside the virtual SoC.
 * usage: death-sessions [LIVES]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/session.h>
#include <amphora/time.h>
#include <edge/edge.h>

#include "../remote.h"
#include "death.h"

#define HEARTBEAT_MS 2000 /* a busy machine's coprocessor may be silent for long */
#define STEP_MS	     10
#define WAIT_MS	     30000
#define LINGER_MS    50
#define MESSAGE_MAX  512u

/* docs/protocol.md: offsets and values in a message */
#define TYPE	      0
#define FROM	      8
#define TO	      16
#define REASON	      26
#define TYPE_REJECT   4
#define REASON_STALE  3
#define TYPE_LIFELESS 2 /* HELLO and WELCOME: not stamped by both */

struct record {
	uint8_t bytes[MESSAGE_MAX];
	uint32_t length; /* 0: none */
};

static struct {
	struct remote_endpoint share;
	struct amph_memory memory;
	struct amph_target_map target;
	struct amph_share shares[1];
	struct amph_segment segments[1];
	struct amph_range ranges[1];
	struct amph_session session;
	/* between the session and its channel */
	const struct amph_channel_ops *ops;
	struct amph_channel_ops spy;
	amph_channel_receiver receiver;
	void *argument;
	struct record now, before; /* the newest message of this life, and of the last */
	unsigned refused; /* answers to `before` */
} self;

static uint16_t get16(const uint8_t *message, unsigned offset)
{
	return (uint16_t)(message[offset] | message[offset + 1] << 8);
}

/* Keeps what was sent, to send it again when nobody wants it any more. */
static int spy_send(struct amph_channel *channel, const void *message, uint32_t length,
		    intptr_t handle, uint64_t deadline)
{
	if (length <= MESSAGE_MAX && get16(message, TYPE) > TYPE_LIFELESS) {
		memcpy(self.now.bytes, message, length);
		self.now.length = length;
	}
	return self.ops->send(channel, message, length, handle, deadline);
}

static void spy_receive(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	const uint8_t *bytes = message;

	(void)argument;
	/* who sent the old message is named in the answer */
	if (length > REASON + 1 && get16(bytes, TYPE) == TYPE_REJECT &&
	    get16(bytes, REASON) == REASON_STALE &&
	    !memcmp(bytes + TO, self.before.bytes + FROM, sizeof(uint64_t)))
		self.refused++;
	self.receiver(self.argument, message, length, handle);
}

static int init_session(struct amph_channel *channel)
{
	static struct amph_window window = {
		.pa = 0x40000000, .da = 0x80000000, .length = 0x20000000};
	struct amph_map map = {.windows = &window, .count = 1};
	struct amph_why why = {0};
	uint64_t nonce = 0;

	while (!nonce)
		if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce))
			return -EIO;
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = channel,
		.memory = &self.memory,
		.target = &self.target.target,
		.nonce = nonce,
		.shares = self.shares,
		.share_max = 1,
		.segments = self.segments,
		.segments_per_share = 1,
		.ranges = self.ranges,
		.ranges_per_share = 1,
		.heartbeat_ms = HEARTBEAT_MS,
	};
	int error = amph_memory_init(&self.memory);
	if (!error)
		error = amph_target_map_init(&self.target, "coprocessor", &map, &why);
	return error ? error : amph_session_init(&self.session, &config);
}

static int open_session(void)
{
	struct amph_channel *channel = &self.share.service.channel.channel;

	if (remote_open(&self.share, AMPH_SESSION_SERVICE))
		return -1;
	int error = init_session(channel);
	if (error)
		return death_fail("no session: %s", strerror(-error));
	self.ops = channel->ops;
	self.spy = *channel->ops;
	self.spy.send = spy_send;
	channel->ops = &self.spy;
	self.receiver = channel->receiver;
	self.argument = channel->argument;
	amph_channel_receive(channel, spy_receive, NULL);
	error = amph_session_open(&self.session, amph_deadline(WAIT_MS));
	return error ? death_fail("the session does not open: %s", strerror(-error)) : 0;
}

/* Runs the session until then. 0, or -1 after a line. */
static int run(uint64_t end)
{
	while (amph_time_now() < end) {
		int result = amph_session_poll(&self.session, amph_deadline(STEP_MS));

		if (result < 0 && result != -ETIMEDOUT)
			return death_fail("the session: %s", strerror(-result));
	}
	return self.session.state == AMPH_SESSION_OPEN ? 0 : death_fail("the session has ended");
}

/* The message of the last life: refused as stale, and this life's session goes on. */
static int replay(void)
{
	uint64_t end = amph_deadline(WAIT_MS);
	unsigned before = self.refused;

	int error = self.ops->send(&self.share.service.channel.channel, self.before.bytes,
				   self.before.length, -1, end);
	if (error)
		return death_fail("the old message is not sent: %s", strerror(-error));
	while (self.refused == before) {
		if (amph_time_now() > end)
			return death_fail("a message of a former life is not refused");
		if (run(amph_deadline(STEP_MS)))
			return -1;
	}
	return run(amph_deadline(LINGER_MS));
}

static int crash(const struct remote_endpoint *control)
{
	struct edge_control command = {.command = EDGE_CRASH_NOW};
	int error;

	if (write(control->fd, &command, sizeof(command)) != sizeof(command))
		return death_fail("the command was not sent: %s", strerror(errno));
	do
		error = amph_session_poll(&self.session, amph_deadline(WAIT_MS));
	while (error > 0);
	if (error != -EPIPE || self.session.state != AMPH_SESSION_LOST)
		return death_fail("the session outlives the crash: %s", strerror(-error));
	return 0;
}

static int live(void)
{
	struct remote_endpoint control;

	self.now.length = 0;
	if (open_session() || remote_open(&control, EDGE_CONTROL_SERVICE))
		return -1;
	if (self.before.length && replay())
		return -1;
	while (!self.now.length)
		if (run(amph_deadline(STEP_MS)))
			return -1;
	if (crash(&control))
		return -1;
	self.before = self.now;
	remote_close(&control);
	remote_close(&self.share);
	return remote_wait("running");
}

int main(int count, char **arguments)
{
	unsigned long lives = count > 1 ? strtoul(arguments[1], NULL, 10) : 10;

	if (count > 2 || lives < 2 || lives > 10000) {
		fputs("usage: death-sessions [LIVES]\n", stderr);
		return 2;
	}
	if (remote_switch("start"))
		return 1;
	for (unsigned long i = 0; i < lives; i++) {
		if (live()) {
			death_fail("in life %lu", i);
			return 1;
		}
	}
	if (death_switch_off())
		return 1;
	printf("%lu sessions ended with their coprocessor, %u old messages refused\n", lives,
	       self.refused);
	return self.refused == lives - 1 ? 0 : 1;
}
