/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * remote-crash: crashes the demo firmware again and again; Linux's remoteproc recovers it each time by
 * itself. The old endpoint reports its end, a new one works.
 * usage: remote-crash [TIMES]
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <edge/edge.h>

#include "remote.h"

#define WAIT_MS 10000

/* Tells it to, and waits until Linux has taken the old channel away. */
static int crash(const struct remote_endpoint *endpoint)
{
	struct edge_control command = {.command = EDGE_CRASH_NOW};
	struct pollfd state = {.fd = endpoint->fd};

	if (write(endpoint->fd, &command, sizeof(command)) != sizeof(command))
		return remote_fail("the command was not sent: %s", strerror(errno));
	if (poll(&state, 1, WAIT_MS) != 1 || !(state.revents & POLLERR))
		return remote_fail("the endpoint does not report the crash");
	if (write(endpoint->fd, &command, sizeof(command)) >= 0 || errno != EPIPE)
		return remote_fail("the endpoint of a dead remote can still be written");
	return 0;
}

static int crash_once(uint32_t number)
{
	struct remote_endpoint endpoint;
	int error;

	if (remote_open(&endpoint, EDGE_CONTROL_SERVICE))
		return -1;
	error = remote_ping(&endpoint, number);
	if (!error)
		error = crash(&endpoint);
	if (remote_close(&endpoint))
		error = -1;
	return error ? error : remote_wait("running");
}

int main(int count, char **arguments)
{
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 3;

	if (count > 2 || times < 1 || times > 1000) {
		fputs("usage: remote-crash [TIMES]\n", stderr);
		return 2;
	}
	if (remote_switch("start"))
		return 1;
	for (uint32_t i = 0; i < times; i++)
		if (crash_once(i))
			return 1;
	if (remote_switch("stop") || remote_expect("offline"))
		return 1;
	printf("%lu crashes, %lu recoveries\n", times, times);
	return 0;
}
