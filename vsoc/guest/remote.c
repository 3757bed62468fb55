/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual SoC's coprocessor. Test code that runs inside the virtual SoC; see remote.h.
 */
#include "remote.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <amphora/remoteproc.h>
#include <amphora/time.h>
#include <edge/edge.h>

#define WAIT_MS 30000 /* the host may be busy */

int remote_fail(const char *format, ...)
{
	va_list values;

	fputs("remote: ", stderr);
	va_start(values, format);
	vfprintf(stderr, format, values);
	va_end(values);
	fputc('\n', stderr);
	return -1;
}

static int open_remoteproc(struct amph_remoteproc *remoteproc)
{
	struct amph_why why = {0};

	return amph_remoteproc_open(remoteproc, REMOTE_INDEX, &why) ? remote_fail("%s", why.what)
								    : 0;
}

static int read_state(struct amph_remoteproc *remoteproc, char *text)
{
	return amph_remoteproc_get(remoteproc, "state", text, AMPH_REMOTEPROC_TEXT_MAX)
		       ? remote_fail("%s", remoteproc->why.what)
		       : 0;
}

bool remote_is(const char *state)
{
	char text[AMPH_REMOTEPROC_TEXT_MAX] = "";
	struct amph_remoteproc remoteproc;

	if (open_remoteproc(&remoteproc))
		return false;
	int error = read_state(&remoteproc, text);
	amph_remoteproc_close(&remoteproc);
	return !error && !strcmp(text, state);
}

int remote_expect(const char *state)
{
	return remote_is(state) ? 0 : remote_fail("it is not %s", state);
}

int remote_wait(const char *state)
{
	char text[AMPH_REMOTEPROC_TEXT_MAX] = "";
	uint64_t deadline = amph_deadline(WAIT_MS);
	struct amph_remoteproc remoteproc;
	int error;

	if (open_remoteproc(&remoteproc))
		return -1;
	while (!(error = read_state(&remoteproc, text)) && strcmp(text, state) != 0) {
		if (amph_remoteproc_wait(&remoteproc, deadline)) {
			error = remote_fail("it stays %s, and is not %s", text, state);
			break;
		}
	}
	amph_remoteproc_close(&remoteproc);
	return error;
}

int remote_switch(const char *command)
{
	struct amph_remoteproc remoteproc;
	int error;

	if (open_remoteproc(&remoteproc))
		return -1;
	if (!strcmp(command, "start"))
		error = amph_remoteproc_start(&remoteproc, amph_deadline(WAIT_MS));
	else if (!strcmp(command, "stop"))
		error = amph_remoteproc_stop(&remoteproc, amph_deadline(WAIT_MS));
	else
		error = amph_remoteproc_detach(&remoteproc, amph_deadline(WAIT_MS));
	if (error)
		error = remote_fail("%s: %s: %s", command, remoteproc.why.what, strerror(-error));
	amph_remoteproc_close(&remoteproc);
	return error;
}

int remote_open(struct remote_endpoint *endpoint, const char *service)
{
	struct amph_why why = {0};

	if (amph_rpmsg_service_open(&endpoint->service, REMOTE_INDEX, service,
				    amph_deadline(WAIT_MS), &why))
		return remote_fail("%s: %s", service, why.what);
	endpoint->fd = endpoint->service.channel.fd;
	endpoint->address = endpoint->service.destination;
	return 0;
}

int remote_close(struct remote_endpoint *endpoint)
{
	amph_rpmsg_service_close(&endpoint->service);
	endpoint->fd = -1;
	return 0;
}

int remote_ping(const struct remote_endpoint *endpoint, uint32_t number)
{
	struct edge_control sent = {EDGE_PING, number, ~number, number * 0x9e3779b9u}, got;
	struct pollfd ready = {.fd = endpoint->fd, .events = POLLIN};

	if (write(endpoint->fd, &sent, sizeof(sent)) != sizeof(sent))
		return remote_fail("message %u was not sent: %s", number, strerror(errno));
	if (poll(&ready, 1, WAIT_MS) != 1)
		return remote_fail("no answer to message %u", number);
	if (read(endpoint->fd, &got, sizeof(got)) != sizeof(got))
		return remote_fail("the answer to message %u: %s", number, strerror(errno));
	if (memcmp(&sent, &got, sizeof(got)) != 0)
		return remote_fail("message %u came back another", number);
	return 0;
}
