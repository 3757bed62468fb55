/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time: one monotonic clock, and the deadlines of every wait.
 * Platform layer: each port defines amph_time_now().
 */
#ifndef AMPHORA_TIME_H
#define AMPHORA_TIME_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Nanoseconds of a monotonic clock with an arbitrary start. Any thread, any interrupt. */
uint64_t amph_time_now(void);

/* The deadline (a time of amph_time_now()) so many milliseconds from now. Any context. */
static inline uint64_t amph_deadline(uint32_t milliseconds)
{
	return amph_time_now() + (uint64_t)milliseconds * 1000000u;
}

#ifdef __cplusplus
}
#endif

#endif
