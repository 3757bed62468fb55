/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The doorbell between Linux processes: a futex on the count of rings in shared memory.
 * Queue layer, Linux only. The kernel compares the word again, so that nothing is lost in between;
 * it finds the sleeper by the memory, not by the address, so each may map it elsewhere.
 */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <amphora/queue.h>

static void wait(void *argument, const uint32_t *bell, uint32_t seen, uint64_t deadline)
{
	/* FUTEX_WAIT_BITSET is the one that takes an absolute deadline, of CLOCK_MONOTONIC */
	const struct timespec until = {
		.tv_sec = (time_t)(deadline / 1000000000u),
		.tv_nsec = (long)(deadline % 1000000000u),
	};

	(void)argument;
	syscall(SYS_futex, bell, FUTEX_WAIT_BITSET, seen, &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

static void ring(void *argument, const uint32_t *bell)
{
	(void)argument;
	syscall(SYS_futex, bell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void amph_queue_doorbell_futex(struct amph_queue_doorbell *doorbell)
{
	*doorbell = (struct amph_queue_doorbell){.wait = wait, .ring = ring};
}
