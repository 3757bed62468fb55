/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measured image: RPMsg and a share session. Imports buffers inside one window, and returns whatever
 * it is given.
 */
#include <amphora/machine.h>
#include <amphora/session.h>
#include <amphora/time.h>

#include "size.h"

#define SHARES	   4u
#define SEGMENTS   4u /* of one buffer */
#define RANGES	   4u /* of one buffer */
#define HEARTBEAT  500
#define TIMEOUT_MS 1000

static struct amph_rpmsg rpmsg;
static struct amph_channel_rpmsg channel;
static struct amph_session session;
static struct amph_memory memory;
static struct amph_target home;
static struct amph_share shares[SHARES];
static struct amph_segment segments[SHARES * SEGMENTS];
static struct amph_range ranges[SHARES * RANGES];
static struct amph_windows_map map;

static const struct amph_io window = {
	.va = (void *)SIZE_WINDOW,
	.pa = SIZE_WINDOW,
	.da = SIZE_WINDOW,
	.size = SIZE_WINDOW_SIZE,
};

static void taken(struct amph_session *in, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	(void)reading;
	amph_session_return(in, share, offset, length, cookie, amph_deadline(TIMEOUT_MS));
}

static const struct amph_session_events events = {.taken = taken};

static struct amph_session_config config = {
	.role = AMPH_SESSION_PEER,
	.channel = &channel.channel,
	.memory = &memory,
	.target = &home,
	.nonce = 1,
	.shares = shares,
	.share_max = SHARES,
	.segments = segments,
	.segments_per_share = SEGMENTS,
	.ranges = ranges,
	.ranges_per_share = RANGES,
	.events = &events,
	.heartbeat_ms = HEARTBEAT,
};

static int start(void)
{
	int error = size_rpmsg(&rpmsg);

	if (!error)
		error = amph_channel_rpmsg_init(&channel, &rpmsg, AMPH_SESSION_SERVICE,
						AMPH_RPMSG_ANY, AMPH_RPMSG_ANY, true,
						amph_deadline(TIMEOUT_MS));
	amph_target_home_init(&home, "main");
	amph_windows_map_init(&config.windows, &map, &window, 1);
	return error ? error : amph_memory_init(&memory);
}

void image_main(void)
{
	amph_machine_start();
	if (start())
		return;
	/* a session after the other, until one can't begin */
	while (amph_session_init(&session, &config) == 0) {
		amph_session_open(&session, 0);
		while (session.state != AMPH_SESSION_CLOSED && session.state != AMPH_SESSION_LOST)
			amph_session_poll(&session, amph_deadline(TIMEOUT_MS));
	}
}
