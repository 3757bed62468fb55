/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux: the monotonic clock, the one that futexes and ppoll() deadlines are in too.
 * Knows POSIX time only.
 */
#include <time.h>

#include <amphora/time.h>

uint64_t amph_time_now(void)
{
	struct timespec now;

	/* Cannot fail for this clock and a valid pointer. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
