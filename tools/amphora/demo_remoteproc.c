/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo's machine on Linux's own remoteproc: a remote processor that runs the demo's firmware,
 * started here unless it runs already, reached through the RPMsg bus; buffers of a dma-heap, attached
 * to it through /dev/amphora.
 */
#include "demo.h"
#include "tool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <amphora/dmabuf.h>
#include <amphora/remote.h>
#include <amphora/remoteproc.h>
#include <amphora/rpmsg_service.h>
#include <amphora/time.h>

#define SHARES	     8
#define HEARTBEAT_MS 500

static struct linux_machine {
	struct demo_machine machine;
	struct amph_remoteproc remoteproc;
	struct amph_memory memory;
	struct amph_provider_heap heap;
	struct amph_rpmsg_service service;
	struct amph_remote remote;
	struct tap tap;
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES];
	struct amph_range ranges[SHARES];
	struct amph_session session;
	char firmware[AMPH_REMOTEPROC_TEXT_MAX], how[64];
	bool started, connected, reached, opened; /* how far it has come up */
} own;

static int fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int fail(int error, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(own.machine.error, sizeof(own.machine.error), format, values);
	va_end(values);
	return error;
}

static int fail_why(const char *doing, const struct amph_why *why, int error)
{
	char text[256];

	return fail(error, "%s: %s", doing, tool_why(why, error, text, sizeof(text)));
}

/* Which one: the one that was asked for, or the only one. */
static int find_remote(const char *name, uint32_t *index)
{
	struct amph_why why = {0};
	uint32_t count;
	int status;

	if (name) {
		status = amph_remoteproc_find(name, index, &why);
		return status ? fail_why(name, &why, status) : 0;
	}
	status = amph_remoteproc_list(index, 1, &count);
	if (status)
		return fail(status, "/sys/class/remoteproc: %s", strerror(-status));
	if (!count)
		return fail(-ENODEV,
			    "this Linux has no remote processor; amphora doctor says more");
	if (count > 1)
		return fail(-EINVAL,
			    "this Linux has %" PRIu32
			    " remote processors: choose one with --remote",
			    count);
	return 0;
}

static int open_heap(const char *name)
{
	struct amph_why why = {0};
	char found[AMPH_HEAP_NAME_MAX];
	int status = 0;

	if (!name) {
		status = amph_heap_find_cma(found, sizeof(found), &why);
		if (status)
			return fail_why("a heap of contiguous memory", &why, status);
		name = found;
	}
	status = amph_provider_heap_init(&own.heap, "heap", name, &why);
	if (status) {
		char doing[AMPH_HEAP_NAME_MAX + 32];

		snprintf(doing, sizeof(doing), "dma-heap %s", name);
		return fail_why(doing, &why, status);
	}
	status = amph_memory_init(&own.memory);
	if (!status)
		status = amph_memory_add_provider(&own.memory, &own.heap.provider);
	return status ? fail(status, "the memory context: %s", strerror(-status)) : 0;
}

static int linux_open(struct demo_machine *machine)
{
	struct amph_why why = {0};
	uint32_t index;
	int status = find_remote(machine->options->remote, &index);

	if (!status)
		status = open_heap(machine->options->heap);
	if (status)
		return status;
	status = amph_remoteproc_open(&own.remoteproc, index, &why);
	if (status)
		return fail_why("the remote processor", &why, status);
	machine->memory = &own.memory;
	return 0;
}

static void linux_close(struct demo_machine *machine)
{
	(void)machine;
	if (own.reached) /* what is in quarantine goes with this process, and is the kernel's then */
		amph_remote_close(&own.remote);
	amph_remoteproc_close(&own.remoteproc);
}

static int linux_start(struct demo_machine *machine, uint64_t deadline)
{
	struct amph_remoteproc *remoteproc = &own.remoteproc;

	(void)machine;
	if (amph_remoteproc_get(remoteproc, "firmware", own.firmware, sizeof(own.firmware)))
		snprintf(own.firmware, sizeof(own.firmware), "unknown firmware");
	if (remoteproc->state == AMPH_REMOTEPROC_RUNNING ||
	    remoteproc->state == AMPH_REMOTEPROC_ATTACHED) {
		snprintf(own.how, sizeof(own.how), "remoteproc%" PRIu32 ", running already",
			 remoteproc->index);
		return 0;
	}
	snprintf(own.how, sizeof(own.how), "remoteproc%" PRIu32, remoteproc->index);
	int status = amph_remoteproc_start(remoteproc, deadline);
	if (status)
		return fail_why("starting the remote processor", &remoteproc->why, status);
	own.started = true;
	return 0;
}

/* The service's channel, and what it proves: the processor that it lives on. */
static int reach(uint64_t deadline)
{
	struct amph_why why = {0};
	int status = amph_rpmsg_service_open(&own.service, own.remoteproc.index,
					     AMPH_SESSION_SERVICE, deadline, &why);

	if (status)
		return fail_why("the service " AMPH_SESSION_SERVICE
				", which the demo's firmware announces",
				&why, status);
	own.connected = true;
	status = amph_remote_open(&own.remote, own.service.channel.fd, &why);
	if (status)
		return fail_why("attaching memory to the remote processor", &why, status);
	own.reached = true;
	return 0;
}

static int linux_share(struct demo_machine *machine, const struct amph_session_events *events,
		       void *user, uint64_t deadline)
{
	int status = reach(deadline);

	if (status)
		return status;
	tap_init(&own.tap, &own.service.channel.channel);
	struct amph_session_config config = {
		.role = AMPH_SESSION_MAIN,
		.channel = &own.tap.channel,
		.memory = &own.memory,
		.target = &own.remote.target,
		.nonce = tool_nonce(),
		.shares = own.shares,
		.share_max = SHARES,
		.segments = own.segments,
		.segments_per_share = 1,
		.ranges = own.ranges,
		.ranges_per_share = 1,
		.events = events,
		.heartbeat_ms = HEARTBEAT_MS,
		.user = user,
	};
	machine->session = &own.session;
	machine->target = &own.remote.target;
	machine->tap = &own.tap;
	machine->handle = own.service.channel.fd;
	status = amph_session_init(&own.session, &config);
	own.opened = !status;
	if (!status)
		status = amph_session_open(&own.session, deadline);
	if (status)
		machine->ops->explain(machine, "opening a share session", status);
	return status;
}

static void linux_explain(struct demo_machine *machine, const char *doing, int error)
{
	char why[256];

	(void)machine;
	amph_remoteproc_wait(&own.remoteproc, 0);
	fail(error, "%s: remote processor %s%s: %s", doing, own.remoteproc.name,
	     own.remoteproc.state == AMPH_REMOTEPROC_CRASHED ? " (crashed)" : "",
	     tool_why(own.opened ? &own.session.why : NULL, error, why, sizeof(why)));
}

/* Until the kernel has said that it is off, and so that its memory is the CPU's. */
static int wait_off(uint64_t deadline)
{
	while (own.remote.target.state != AMPH_TARGET_OFF) {
		int status = amph_remote_poll(&own.remote, deadline);

		if (status)
			return fail(status, "the remote processor is not known to be off: %s",
				    strerror(-status));
	}
	return 0;
}

static int linux_stop(struct demo_machine *machine, uint64_t deadline)
{
	int status = 0;

	if (own.opened && own.session.state == AMPH_SESSION_OPEN) {
		status = amph_session_close(&own.session, deadline);
		if (status)
			machine->ops->explain(machine, "closing the session", status);
	}
	if (own.opened && own.session.state != AMPH_SESSION_CLOSED)
		amph_session_lose(&own.session, -ECANCELED, "the end of the demo");
	if (own.connected)
		amph_rpmsg_service_close(&own.service);
	if (own.started) {
		int stopped = amph_remoteproc_stop(&own.remoteproc, deadline);

		if (!stopped && own.reached)
			stopped = wait_off(deadline);
		else if (stopped)
			fail_why("stopping the remote processor", &own.remoteproc.why, stopped);
		if (!status)
			status = stopped;
	}
	own.opened = own.connected = own.started = false;
	return status;
}

static void linux_describe(const struct demo_machine *machine, struct report *report)
{
	(void)machine;
	report->coprocessor = own.remoteproc.name;
	report->chosen = own.how;
	report->firmware = own.firmware;
}

static const struct demo_machine_ops linux_ops = {
	.open = linux_open,
	.start = linux_start,
	.share = linux_share,
	.stop = linux_stop,
	.close = linux_close,
	.explain = linux_explain,
	.describe = linux_describe,
};

struct demo_machine *demo_machine_remoteproc(const struct demo_options *options)
{
	own.machine = (struct demo_machine){
		.ops = &linux_ops, .options = options, .provider = "heap", .handle = -1};
	return &own.machine;
}
