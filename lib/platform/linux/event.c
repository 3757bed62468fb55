/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: events as a private futex on the counter itself.
 * Knows futexes and the clock. Transports and tests wait here.
 */
#include <amphora/error.h>
#include <amphora/event.h>
#include <amphora/time.h>

#include "futex.h"

void amph_event_init(struct amph_event *event)
{
	__atomic_store_n(&event->count, 0, __ATOMIC_RELAXED);
}

uint32_t amph_event_count(const struct amph_event *event)
{
	/* acquire: pairs with the release in amph_event_signal() */
	return __atomic_load_n(&event->count, __ATOMIC_ACQUIRE);
}

void amph_event_signal(struct amph_event *event)
{
	/* release: pairs with the acquire in amph_event_count() */
	__atomic_fetch_add(&event->count, 1, __ATOMIC_RELEASE);
	futex_wake(&event->count, INT_MAX);
}

int amph_event_wait(struct amph_event *event, uint32_t seen, uint64_t deadline)
{
	const struct timespec until = {
		.tv_sec = (time_t)(deadline / 1000000000u),
		.tv_nsec = (long)(deadline % 1000000000u),
	};

	for (;;) {
		if (amph_event_count(event) != seen)
			return 0;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		/* The kernel compares again under its own lock: a signal between cannot be lost. */
		futex_wait(&event->count, seen, &until);
	}
}
