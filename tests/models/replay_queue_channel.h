/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: where a side sleeps and is woken in a run of queue.pml: its doorbell, and a channel whose
 * messages are taken all at once, as in the model.
 */
#ifndef TESTS_MODELS_REPLAY_QUEUE_CHANNEL_H
#define TESTS_MODELS_REPLAY_QUEUE_CHANNEL_H

#include <amphora/channel.h>
#include <amphora/queue.h>

#include "replay.h"

/* Time stands still, so that no deadline passes: this is what it is, and a deadline. */
#define NOW 1000000u
#define FAR UINT64_MAX

/* The channel's operations; which of the two ends is the peer's. */
extern const struct amph_channel_ops channel_ops;
void channel_prepare(const struct amph_channel *peer);

/* A doorbell that sleeps until the run says that it wakes. */
extern const struct amph_queue_doorbell doorbell;

/* The other side's bell is `bell` by now: may the side wake, from where it sleeps? Then it does. */
void channel_wake(unsigned int side, uint32_t bell);

/* Lines of the run about the channel: messages, say, heartbeat, full. False: none of them. */
bool channel_step(const struct replay_line *line);

#endif
