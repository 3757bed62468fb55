/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * remote-ping: starts the coprocessor by Linux's remoteproc, sends messages to the demo firmware's
 * control service by Linux's RPMsg bus, compares the answers, and stops it; some times over.
 * To one that ran before Linux it attaches, and detaches from it.
 * usage: remote-ping [MESSAGES [BOOTS]]
 */
#include <stdio.h>
#include <stdlib.h>

#include <amphora/time.h>
#include <edge/edge.h>

#include "remote.h"

static int ping_all(unsigned boot, uint32_t messages)
{
	struct remote_endpoint endpoint;
	int error = 0;

	if (remote_open(&endpoint, EDGE_CONTROL_SERVICE))
		return -1;
	uint64_t before = amph_time_now();
	for (uint32_t i = 0; i < messages && !error; i++)
		error = remote_ping(&endpoint, i);
	if (!error)
		printf("boot %u: %u messages to " EDGE_CONTROL_SERVICE
		       " at %u and back, %llu us each\n",
		       boot, messages, endpoint.address,
		       (unsigned long long)((amph_time_now() - before) / 1000 / messages));
	return remote_close(&endpoint) ? -1 : error;
}

static int run_once(unsigned boot, uint32_t messages)
{
	bool detached = remote_is("detached");
	const char *before = detached ? "detached" : "offline";

	if (remote_expect(before) || remote_switch("start"))
		return -1;
	int error = remote_expect(detached ? "attached" : "running");
	if (!error)
		error = ping_all(boot, messages);
	if (remote_switch(detached ? "detach" : "stop") || remote_expect(before))
		return -1;
	return error;
}

int main(int count, char **arguments)
{
	unsigned long messages = count > 1 ? strtoul(arguments[1], NULL, 10) : 300;
	unsigned long boots = count > 2 ? strtoul(arguments[2], NULL, 10) : 1;

	if (count > 3 || messages < 1 || messages > 1000000 || boots < 1 || boots > 1000) {
		fputs("usage: remote-ping [MESSAGES [BOOTS]]\n", stderr);
		return 2;
	}
	for (unsigned boot = 1; boot <= boots; boot++)
		if (run_once(boot, (uint32_t)messages))
			return 1;
	return 0;
}
