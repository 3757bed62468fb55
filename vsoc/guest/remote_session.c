/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * remote-session: the library's share session with the demo firmware, on a channel over Linux's own
 * RPMsg bus. Opens it, keeps it alive, lets the firmware ask for memory and refuses, closes it; then
 * stops the coprocessor under a second one. Runs inside the virtual SoC.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/session.h>
#include <amphora/time.h>
#include <edge/edge.h>

#include "remote.h"

#define SHARES	     2
#define HEARTBEAT_MS 500
#define ALIVE_MS     4500 /* more than twice what a silent peer is given */
#define WAIT_MS	     10000

/* The addresses of vsoc/vsoc.dtsi. */
static const struct amph_window window = {.pa = 0x40000000, .da = 0x80000000, .length = 0x20000000};

static struct {
	struct remote_endpoint share;
	struct amph_memory memory;
	struct amph_target_map target;
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES];
	struct amph_range ranges[SHARES];
	struct amph_session session;
	unsigned requests;
} self;

static int take_request(struct amph_session *session, const struct amph_session_request *request)
{
	(void)session;
	(void)request;
	self.requests++;
	return -ENOMEM;
}

static int open_session(void)
{
	static const struct amph_session_events events = {.requested = take_request};
	struct amph_map map = {.windows = (struct amph_window *)(uintptr_t)&window, .count = 1};
	struct amph_why why = {0};
	uint64_t nonce = 0;

	if (remote_open(&self.share, AMPH_SESSION_SERVICE))
		return -1;
	if (getrandom(&nonce, sizeof(nonce), 0) != sizeof(nonce) || !nonce)
		nonce = amph_time_now() | 1;
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = &self.share.service.channel.channel,
		.memory = &self.memory,
		.target = &self.target.target,
		.nonce = nonce,
		.shares = self.shares,
		.share_max = SHARES,
		.segments = self.segments,
		.segments_per_share = 1,
		.ranges = self.ranges,
		.ranges_per_share = 1,
		.events = &events,
		.heartbeat_ms = HEARTBEAT_MS,
		.quota = 1 << 20,
	};
	int error = amph_memory_init(&self.memory);
	if (!error)
		error = amph_target_map_init(&self.target, "coprocessor", &map, &why);
	if (!error)
		error = amph_session_init(&self.session, &config);
	if (!error)
		error = amph_session_open(&self.session, amph_deadline(WAIT_MS));
	return error ? remote_fail("no session: %s", strerror(-error)) : 0;
}

static int keep_alive(uint32_t milliseconds)
{
	uint64_t end = amph_deadline(milliseconds);

	while (amph_time_now() < end) {
		int result = amph_session_poll(&self.session, end);

		if (result < 0 && result != -ETIMEDOUT)
			return remote_fail("the session: %s", strerror(-result));
	}
	return self.session.state == AMPH_SESSION_OPEN ? 0 : remote_fail("the session ended");
}

/* The control service makes the firmware ask for memory; its answer says that it got none. */
static int let_it_ask(const struct remote_endpoint *control)
{
	struct edge_control command = {.command = EDGE_GENERATE, .width = 64, .height = 64};

	if (write(control->fd, &command, sizeof(command)) != sizeof(command))
		return remote_fail("the command was not sent: %s", strerror(errno));
	if (keep_alive(ALIVE_MS))
		return -1;
	if (read(control->fd, &command, sizeof(command)) != sizeof(command))
		return remote_fail("no answer to the command: %s", strerror(errno));
	if (command.command != (EDGE_GENERATE | EDGE_ANSWER) || command.argument != EDGE_REFUSED ||
	    self.requests != 1)
		return remote_fail("%u requests, answer %#x, %u", self.requests, command.command,
				   command.argument);
	return 0;
}

static int talk(void)
{
	struct remote_endpoint control;

	if (remote_open(&control, EDGE_CONTROL_SERVICE))
		return -1;
	int error = open_session();
	if (!error)
		error = let_it_ask(&control);
	if (remote_close(&control))
		error = -1;
	if (error)
		return error;
	error = amph_session_close(&self.session, amph_deadline(WAIT_MS));
	if (remote_close(&self.share))
		return -1;
	return error ? remote_fail("close: %s", strerror(-error)) : 0;
}

/* A coprocessor that is switched off ends the channel, and with it the session. */
static int lose(void)
{
	int error;

	if (open_session() || remote_switch("stop"))
		return -1;
	do
		error = amph_session_poll(&self.session, amph_deadline(WAIT_MS));
	while (error > 0);
	if (error != -EPIPE || self.session.state != AMPH_SESSION_LOST)
		return remote_fail("the session with nobody: %s", strerror(-error));
	if (amph_channel_send(&self.share.service.channel.channel, "x", 1, -1, 0) != -EPIPE)
		return remote_fail("the channel to nobody can be written");
	return remote_close(&self.share);
}

static int refuse(const char *path, int flags)
{
	struct amph_channel_rpmsg_device channel;
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		return remote_fail("%s: %s", path, strerror(errno));
	int error = amph_channel_rpmsg_device_init(&channel, fd);
	close(fd);
	return error == -EINVAL ? 0 : remote_fail("%s makes a channel", path);
}

int main(void)
{
	if (remote_switch("start"))
		return 1;
	int error = talk();
	if (!error)
		error = refuse("/dev/rpmsg_ctrl0", O_RDWR);
	if (!error)
		error = refuse("/dev/null", O_RDWR);
	if (!error)
		error = lose();
	if (error) {
		remote_switch("stop");
		return 1;
	}
	printf("2 sessions over Linux's RPMsg bus, %u request refused\n", self.requests);
	return remote_expect("offline") ? 1 : 0;
}
