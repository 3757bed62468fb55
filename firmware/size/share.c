/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measured image: RPMsg and a share session. Imports buffers, and returns whatever it is given.
 */
#include <amphora/time.h>

#include "size.h"

static struct amph_session session;

static void taken(struct amph_session *in, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	(void)reading;
	amph_session_return(in, share, offset, length, cookie, amph_deadline(SIZE_TIMEOUT_MS));
}

static const struct amph_session_events events = {.taken = taken};

void image_main(void)
{
	if (size_start())
		return;
	size_config.events = &events;
	/* a session after the other, until one can't begin */
	while (amph_session_init_peer(&session, &size_config) == 0) {
		amph_session_open(&session, 0);
		while (session.state != AMPH_SESSION_CLOSED && session.state != AMPH_SESSION_LOST)
			amph_session_poll(&session, amph_deadline(SIZE_TIMEOUT_MS));
	}
}
