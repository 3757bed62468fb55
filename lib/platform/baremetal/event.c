/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bare metal: events between interrupts and the main loop.
 * Knows how to mask and to sleep, by port.h. The count is one word, written with interrupts masked.
 */
#include <amphora/error.h>
#include <amphora/event.h>
#include <amphora/time.h>

#include "port.h"

static uint32_t count_of(const struct amph_event *event)
{
	/* The other side is an interrupt of this processor: the compiler's order is all there is. */
	return __atomic_load_n(&event->count, __ATOMIC_RELAXED);
}

void amph_event_init(struct amph_event *event)
{
	event->count = 0;
}

uint32_t amph_event_count(const struct amph_event *event)
{
	uint32_t count = count_of(event);

	__atomic_signal_fence(__ATOMIC_ACQUIRE);
	return count;
}

void amph_event_signal(struct amph_event *event)
{
	uint32_t saved = amph_port_mask();

	event->count++;
	amph_port_restore(saved);
}

int amph_event_wait(struct amph_event *event, uint32_t seen, uint64_t deadline)
{
	for (;;) {
		uint32_t saved = amph_port_mask();
		bool changed = count_of(event) != seen;
		bool late = !changed && amph_time_now() >= deadline;

		if (!changed && !late)
			amph_port_idle(deadline);
		amph_port_restore(saved); /* a pending interrupt's handler runs here */
		if (changed)
			return 0;
		if (late)
			return -ETIMEDOUT;
	}
}
