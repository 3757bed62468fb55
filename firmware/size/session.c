/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The share session of the measured images: what every application with one must say to the library.
 * Knows the memory of size.h. Imports buffers inside one window; the events are the image's.
 */
#include <amphora/machine.h>
#include <amphora/time.h>

#include "size.h"

#define SHARES	  4u
#define SEGMENTS  4u /* of one buffer */
#define RANGES	  4u /* of one buffer */
#define HEARTBEAT 500

static struct amph_rpmsg rpmsg;
static struct amph_channel_rpmsg channel;
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

struct amph_session_config size_config = {
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
	.heartbeat_ms = HEARTBEAT,
};

int size_start(void)
{
	int error;

	amph_machine_start();
	error = size_rpmsg(&rpmsg);
	if (!error)
		error = amph_channel_rpmsg_init(&channel, &rpmsg, AMPH_SESSION_SERVICE,
						AMPH_RPMSG_ANY, AMPH_RPMSG_ANY, true,
						amph_deadline(SIZE_TIMEOUT_MS));
	amph_target_home_init(&home, "main");
	amph_windows_map_init(&size_config.windows, &map, &window, 1);
	return error ? error : amph_memory_init(&memory);
}
