/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wait and wake: a counter in private memory, between whoever waits and a thread or an interrupt.
 * Platform layer: each port defines these functions (a futex on Linux, wfi on bare metal).
 * Nothing here is in memory that another processor reaches.
 */
#ifndef AMPHORA_EVENT_H
#define AMPHORA_EVENT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_event {
	uint32_t count;
};

/* Before first use. */
void amph_event_init(struct amph_event *event);

/* The count now; pass it to amph_event_wait(), and look at the condition between the two. */
uint32_t amph_event_count(const struct amph_event *event);

/* Counts one up and wakes all who wait. Any thread; any interrupt on bare metal. */
void amph_event_signal(struct amph_event *event);

/*
 * Waits until the count is no longer `seen`, or the deadline.
 * Returns 0, or -ETIMEDOUT. Threads only; on bare metal the main loop only.
 */
int amph_event_wait(struct amph_event *event, uint32_t seen, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
