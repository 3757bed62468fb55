/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measured image: RPMsg, a share session and a queue. Takes what the queue brings, and sends it back.
 */
#include <amphora/queue.h>
#include <amphora/time.h>

#include "size.h"

#define BATCH 4u

static struct amph_session session;
static struct amph_queue queue;

static const struct amph_queue_config queue_config;

void image_main(void)
{
	if (size_start())
		return;
	/* a session after the other, until one can't begin */
	while (amph_session_init_peer(&session, &size_config) == 0 &&
	       amph_queue_expect(&queue, &session, &queue_config) == 0) {
		amph_session_open(&session, 0);
		while (session.state != AMPH_SESSION_CLOSED && session.state != AMPH_SESSION_LOST) {
			struct amph_queue_entry entries[BATCH];
			uint32_t received, sent;
			uint64_t deadline = amph_deadline(SIZE_TIMEOUT_MS);

			if (amph_queue_receive(&queue, entries, BATCH, deadline, &received) == 0)
				amph_queue_send(&queue, entries, received, deadline, &sent);
		}
	}
}
