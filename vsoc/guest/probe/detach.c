/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-detach: Linux attaches to a coprocessor that ran before it (amphora vsoc --early), and leaves
 * it alone again; meanwhile the probe firmware keeps writing marks into pages of this program.
 * usage: probe-detach [TIMES]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "memory.h"

#define PAGES	 16u
#define SIZE	 (PAGES * PROBE_PAGE)
#define LIST	 2u
#define SEED	 77u
#define WAIT_US	 10000
#define WAIT_MAX 1000
#define CRASH_MS 300
#define DRIVER	 "/sys/bus/platform/drivers/vsoc_rproc/"
#define DEVICE	 "coprocessor-bus:coprocessor"
#define STATE	 "/sys/class/remoteproc/remoteproc0/state"

struct test {
	struct probe probe;
	uint8_t *va;
	uint64_t marks; /* at the last look */
};

static int write_text(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : write(file, text, strlen(text));
	int error = length < 0 ? errno : 0;

	if (file >= 0)
		close(file);
	return error;
}

static uint32_t count_marks(const struct test *test)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < PAGES; i++) {
		volatile struct probe_mark *mark =
			(volatile struct probe_mark *)(void *)(test->va + i * PROBE_PAGE);

		count += mark->magic == PROBE_MARK && mark->seed == SEED;
		mark->magic = 0;
	}
	return count;
}

/* New ones in every page. */
static int expect_marks(const struct test *test, const char *when)
{
	count_marks(test);
	for (int i = 0; i < WAIT_MAX; i++) {
		usleep(WAIT_US);
		if (count_marks(test) == PAGES)
			return 0;
	}
	return remote_fail("no marks %s", when);
}

static int expect_no_marks(const struct test *test, const char *when)
{
	count_marks(test);
	usleep(20 * WAIT_US);
	return count_marks(test) ? remote_fail("marks %s", when) : 0;
}

static int wait_for_the_end_of_marks(const struct test *test)
{
	for (int i = 0; i < WAIT_MAX; i++) {
		count_marks(test);
		usleep(30 * WAIT_US);
		if (!count_marks(test))
			return 0;
	}
	return remote_fail("it does not crash");
}

static int begin_scribbling(struct test *test)
{
	struct probe_segment segments[PAGES];
	struct memory_window window;

	if (memory_window_read(&window))
		return -1;
	test->va = memory_inside(&window, SIZE, segments);
	if (!test->va)
		return -1;
	return probe_list(&test->probe, LIST, segments, PAGES) ||
			       probe_scribble(&test->probe, LIST, SEED)
		       ? -1
		       : expect_marks(test, "at first");
}

/* The same life goes on: it counts on. */
static int attach(struct test *test)
{
	uint64_t before = test->marks;

	if (remote_expect("detached") || remote_switch("start") || remote_expect("attached") ||
	    probe_open(&test->probe) || probe_marks(&test->probe, &test->marks))
		return -1;
	return test->marks < before ? remote_fail("it has started anew") : 0;
}

static int detach(struct test *test)
{
	struct pollfd old = {.fd = test->probe.endpoint.fd};

	if (remote_switch("detach") || remote_expect("detached"))
		return -1;
	if (poll(&old, 1, 0) != 1 || !(old.revents & POLLERR))
		return remote_fail("the endpoint of before is not told");
	return probe_close(&test->probe) || expect_marks(test, "after a detach") ? -1 : 0;
}

static int driver_that_goes_leaves_it_running(struct test *test)
{
	int error = write_text(DRIVER "unbind", DEVICE);

	if (error)
		return remote_fail("unbind: %s", strerror(error));
	if (expect_marks(test, "without a driver"))
		return -1;
	error = write_text(DRIVER "bind", DEVICE);
	if (error)
		return remote_fail("bind: %s", strerror(error));
	return expect_marks(test, "with a new driver");
}

/* A crash that nobody was there for is found by the next one that attaches. */
static int crash_while_detached_is_recovered_after(struct test *test)
{
	if (probe_end(&test->probe, PROBE_CRASH, CRASH_MS) || detach(test))
		return -1;
	if (wait_for_the_end_of_marks(test) || expect_no_marks(test, "after a crash") ||
	    remote_expect("detached"))
		return -1;
	int error = write_text(STATE, "start");
	if (error)
		return remote_fail("attach to one that has crashed: %s", strerror(error));
	if (remote_wait("running"))
		return -1;
	test->marks = 0;
	if (probe_open(&test->probe) || probe_marks(&test->probe, &test->marks))
		return -1;
	if (test->marks)
		return remote_fail("it was not started anew");
	return probe_close(&test->probe);
}

static int detach_from_what_linux_has_started_is_refused(void)
{
	int error = write_text(STATE, "detach");

	if (error != EINVAL)
		return remote_fail("detach while it is running: %s", strerror(error));
	return remote_expect("running");
}

int main(int count, char **arguments)
{
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 3;
	static struct test test;

	if (attach(&test) || begin_scribbling(&test))
		return 1;
	for (unsigned long i = 0; i < times; i++)
		if (detach(&test) || attach(&test))
			return 1;
	printf("%lu detaches, each attached to again\n", times);
	if (detach(&test) || driver_that_goes_leaves_it_running(&test) || attach(&test))
		return 1;
	puts("the driver went and came back, and the coprocessor never stopped");
	if (crash_while_detached_is_recovered_after(&test) ||
	    detach_from_what_linux_has_started_is_refused())
		return 1;
	puts("it crashed while it was detached, and was recovered");
	return remote_switch("stop") || remote_expect("offline") ? 1 : 0;
}
