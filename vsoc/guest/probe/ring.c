/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-ring: the coprocessor rings Linux's doorbells without a pause, while Linux takes away and gives
 * back the virtqueues that these are for: by starts and stops, and where it ran before Linux (amphora
 * vsoc --early) by attaches and detaches.
 * usage: probe-ring [TIMES]
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"

#define STORM_US 5000

static int ring_through_an_end(const char *state)
{
	bool detached = remote_is("detached");
	struct probe probe;

	if (remote_expect(state) || remote_switch("start") || probe_open(&probe) ||
	    probe_ring(&probe, 1))
		return -1;
	usleep(STORM_US);
	if (remote_switch(detached ? "detach" : "stop") || remote_expect(state))
		return -1;
	usleep(STORM_US);
	return probe_close(&probe);
}

int main(int count, char **arguments)
{
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 10;
	const char *state = remote_is("detached") ? "detached" : "offline";

	for (unsigned long i = 0; i < times; i++)
		if (ring_through_an_end(state))
			return 1;
	printf("%lu ends while it rang\n", times);
	return 0;
}
