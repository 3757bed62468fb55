/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Hand-off: the firmware's end of the session's queue, where its main processor sets one up.
 * Takes what comes in batches, and keeps what goes back while the queue is full.
 */
#ifndef FIRMWARE_HANDOFF_H
#define FIRMWARE_HANDOFF_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/queue.h>
#include <amphora/session.h>

/* Lends the session a queue: after amph_session_init(), and after a queue was closed. Its errors. */
int handoff_expect(struct amph_session *session);

/* Whether a queue of the session was closed, and the next may be expected. */
bool handoff_closed(void);

/*
 * Returns what waits for room, then takes a batch and calls `taken` for each. Never waits.
 * Returns true when something was taken.
 */
bool handoff_run(void (*taken)(const struct amph_queue_entry *entry));

/* From inside `taken`: this range goes back with the batch, with this cookie. */
void handoff_return(const struct amph_queue_entry *entry, uint64_t cookie);

/* Whether something waits for room: nothing is taken meanwhile. */
bool handoff_waits(void);

/* Sleeps until the other side hands something over or makes room, the doorbell, or the deadline. */
void handoff_sleep(uint64_t deadline);

#endif
