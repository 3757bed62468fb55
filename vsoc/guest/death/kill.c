/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death-kill: applications are killed while the coprocessor owns their buffers; it writes on, whatever it
 * has said. No page that it can write is anybody else's before its power is off; then all come back.
 * Runs inside the virtual SoC with the probe firmware.
 * usage: death-kill [--early] [LIVES [SEED]]
 * --early: the coprocessor was started before Linux; it is also detached, and attached again.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../module.h"
#include "../probe/client.h"
#include "../probe/memory.h"
#include "application.h"
#include "death.h"
#include "fill.h"

#define MODULE	     "/lib/modules/amphora.ko"
#define APPLICATIONS 11u /* in each life: one for each step, the others at a random moment */
#define OWN_LIST     15u
#define OWN_SEED     1000000u
#define OWN_PAGES    64u
#define DELAY_US     400000
#define POLL_US	     500

struct test {
	struct application *applications; /* shared memory */
	struct probe probe;
	struct memory_window window;
	struct fill fill;
	uint64_t random;
	int device, remote;
	int pair[2]; /* where applications send attachments to */
	int received[APPLICATIONS][APPLICATION_ATTACHMENTS]; /* -1 */
	uint64_t kept; /* bytes that are in quarantine, at least */
	unsigned long watched; /* pages that the coprocessor can write, over all lives */
	unsigned long filled; /* MiB */
};

static struct test test;

/* --- one application --- */

static int wait_for_step(struct application *application, uint32_t step)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS * 4;

	while (application->step < step) {
		if (application->failed)
			return death_fail("application %u failed at step %u", application->list,
					  application->step);
		if (death_now() > deadline)
			return death_fail("application %u stays at step %u", application->list,
					  application->step);
		usleep(POLL_US);
	}
	return 0;
}

/* The attachments that an application has sent; they are alive still. */
static int receive(int number)
{
	char byte, control[CMSG_SPACE(sizeof(test.received[0]))];
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};

	if (recvmsg(test.pair[0], &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return 0; /* it was killed before */
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_len != CMSG_LEN(sizeof(test.received[0])))
		return death_fail("no attachments were sent");
	memcpy(test.received[number], CMSG_DATA(header), sizeof(test.received[0]));
	return 0;
}

static uint64_t quarantine(void)
{
	struct amphora_remote_info info = {0};

	death_remote_info(test.remote, &info);
	return info.quarantine_bytes;
}

/* The second holder keeps it alive; its end is the end. */
static int end_second_holder(int number, pid_t pid)
{
	struct application *application = &test.applications[number];
	uint64_t before = quarantine();
	struct amphora_attachment_info info;

	if (application->kind == APPLICATION_FORKS && application->child > 0 &&
	    quarantine() != before)
		return death_fail("a child's attachments are in quarantine");
	application_end(pid);
	for (int i = 0; i < APPLICATION_ATTACHMENTS; i++) {
		if (test.received[number][i] < 0)
			continue;
		if (death_attachment_info(test.received[number][i], &info) ||
		    info.flags & AMPHORA_ATTACHMENT_REVOKED)
			return death_fail("another process's attachment is revoked");
		close(test.received[number][i]);
		test.received[number][i] = -1;
	}
	return 0;
}

static int kill_one(int number, uint32_t step)
{
	struct application *application = &test.applications[number];

	*application = (struct application){
		.list = (uint32_t)number,
		.seed = (uint32_t)number + 1,
		.kind = (enum application_kind)(death_random(&test.random) % APPLICATION_KINDS),
		.socket = test.pair[1]};
	pid_t pid = application_start(application);
	if (pid < 0)
		return -1;
	if (step < STEPS) {
		if (wait_for_step(application, step))
			return -1;
	} else {
		usleep((useconds_t)(death_random(&test.random) % DELAY_US));
	}
	kill(pid, SIGKILL);
	if (waitpid(pid, NULL, 0) != pid)
		return death_fail("waitpid: %s", strerror(errno));
	if (application->failed)
		return death_fail("application %d failed at step %u", number, application->step);
	if (receive(number) || end_second_holder(number, pid))
		return -1;
	/* nobody holds it any more: it is in quarantine, all of it that was not released */
	test.kept += application->kept;
	return death_wait_quarantine(test.remote, test.kept);
}

/* --- what the coprocessor can write --- */

static uint64_t to_pa(uint64_t address)
{
	return address - test.window.da + test.window.pa;
}

/* None of the pages of those that were killed is free. */
static int expect_held(const char *when)
{
	return application_expect_held(test.applications, APPLICATIONS, &test.window, &test.watched,
				       when);
}

/* The mark of a page, as the memory has it; all of it or another one's. */
static uint32_t read_count(uint64_t address, uint32_t seed)
{
	const volatile struct probe_mark *mark = memory_physical(to_pa(address), DEATH_PAGE);
	uint32_t count = 0;

	if (!mark)
		return 0;
	if (mark->magic == PROBE_MARK && mark->seed == seed && mark->address == (uint32_t)address)
		count = mark->count;
	munmap((void *)(uintptr_t)mark, DEATH_PAGE);
	return count;
}

/* The coprocessor goes on writing into what it was told of. */
static int expect_marks(const char *when)
{
	unsigned alive = 0;

	for (unsigned i = 0; i < APPLICATIONS; i++) {
		const struct application *application = &test.applications[i];
		uint64_t deadline = death_now() + DEATH_WAIT_MS;
		const struct probe_segment *last;

		if (application->step < STEP_SCRIBBLED)
			continue;
		last = &application->segments[application->count - 1];
		uint32_t before = read_count(last->address, application->seed);
		while (read_count(last->address, application->seed) == before) {
			if (death_now() > deadline)
				return death_fail("it writes no more %s", when);
			usleep(POLL_US);
		}
		alive++;
	}
	return alive ? 0 : death_fail("nothing is written to");
}

/* Takes all memory twice as long as it takes the coprocessor to write to each page once. */
static int expect_no_marks(const char *when)
{
	unsigned long changed, marks;

	if (expect_marks(when) || expect_marks(when))
		return -1;
	changed = fill_search(&test.fill, &marks);
	return changed ? death_fail("%lu pages were reused %s, %lu have marks", changed, when,
				    marks)
		       : 0;
}

/* The search does find marks: the coprocessor is told of pages of this process. */
static int expect_marks_where_they_are_told(void)
{
	struct probe_segment segments[OWN_PAGES];
	uint64_t pages[OWN_PAGES], deadline = death_now() + DEATH_WAIT_MS;
	struct fill_block *block = &test.fill.blocks[test.fill.count - 1];
	unsigned long changed = 0, marks = 0;

	if (memory_pages(block->va, OWN_PAGES * DEATH_PAGE, pages))
		return -1;
	for (unsigned i = 0; i < OWN_PAGES; i++)
		segments[i] = (struct probe_segment){.address = pages[i] - test.window.pa +
								test.window.da,
						     .length = DEATH_PAGE};
	if (probe_list(&test.probe, OWN_LIST, segments, OWN_PAGES) ||
	    probe_scribble(&test.probe, OWN_LIST, OWN_SEED))
		return -1;
	while (changed < OWN_PAGES && death_now() < deadline) {
		usleep(POLL_US);
		changed = fill_search(&test.fill, &marks);
	}
	if (probe_stop_scribble(&test.probe, OWN_LIST))
		return -1;
	fill_search(&test.fill, &marks);
	return changed == OWN_PAGES
		       ? 0
		       : death_fail("the search finds %lu pages of %u", changed, OWN_PAGES);
}

static int expect_module_to_stay(void)
{
	if (!syscall(SYS_delete_module, "amphora", O_NONBLOCK))
		return death_fail("the module went with a quarantine");
	return errno == EWOULDBLOCK || errno == EBUSY ? 0
						      : death_fail("rmmod: %s", strerror(errno));
}

/* --- a life of the coprocessor --- */

/* A detach leaves it running, and so keeps all; so does the attach after it. */
static int detach_and_attach(void)
{
	if (probe_close(&test.probe) || death_switch("detach") || death_wait_state("detached") ||
	    expect_marks("after a detach") || expect_held("after a detach"))
		return -1;
	if (quarantine() < test.kept)
		return death_fail("a detach gave memory back");
	if (fill_take(&test.fill))
		return -1;
	int error = expect_no_marks("while it is detached");
	fill_give_back(&test.fill);
	if (error || death_switch("start") || death_wait_state("attached"))
		return -1;
	if (quarantine() < test.kept)
		return death_fail("an attach gave memory back");
	return probe_open(&test.probe) || expect_held("after an attach") ? -1 : 0;
}

static int kill_all(void)
{
	for (unsigned i = 0; i < APPLICATIONS; i++)
		if (kill_one((int)i, i < STEPS ? i : STEPS))
			return -1;
	return expect_held("after the kills") || expect_module_to_stay() ? -1 : 0;
}

static int look_for_reuse(void)
{
	if (fill_take(&test.fill))
		return -1;
	test.filled += (unsigned long)(test.fill.bytes >> 20);
	int error = expect_held("with all memory taken");
	if (!error)
		error = expect_no_marks("in quarantine");
	if (!error)
		error = expect_marks_where_they_are_told();
	fill_give_back(&test.fill);
	return error;
}

static int live(bool early)
{
	test.kept = 0;
	memset(test.applications, 0, sizeof(*test.applications) * APPLICATIONS);
	test.device = death_open_device();
	test.remote = test.device < 0 ? test.device : death_open_remote(test.device);
	if (test.remote < 0)
		return death_fail("no remote: %s", strerror(-test.remote));
	if (death_switch("start") || death_wait_state(early ? "attached" : "running") ||
	    probe_open(&test.probe) || kill_all())
		return -1;
	if (early && detach_and_attach())
		return -1;
	if (look_for_reuse())
		return -1;
	uint64_t kept = quarantine();
	probe_close(&test.probe);
	close(test.remote);
	close(test.device);
	if (death_switch_off() || death_wait_nothing_left() || death_wait_no_buffers())
		return -1;
	printf("%llu KiB were in quarantine, and came back\n", (unsigned long long)kept >> 10);
	fflush(stdout);
	return 0;
}

/* Nothing is in the way of it, and it comes back. */
static int reload_module(void)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;

	while (syscall(SYS_delete_module, "amphora", O_NONBLOCK)) {
		if (death_now() > deadline)
			return death_fail("rmmod: %s", strerror(errno));
		usleep(POLL_US);
	}
	int error = module_load(MODULE, "");
	return error ? death_fail("insmod: %s", strerror(-error)) : 0;
}

static int prepare(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	test.applications = mmap(NULL, sizeof(*test.applications) * APPLICATIONS,
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (test.applications == MAP_FAILED ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, test.pair))
		return death_fail("no memory or no socket");
	memset(test.received, -1, sizeof(test.received));
	return memory_window_read(&test.window);
}

int main(int count, char **arguments)
{
	bool early = count > 1 && !strcmp(arguments[1], "--early");

	count -= early;
	arguments += early;
	unsigned long lives = count > 1 ? strtoul(arguments[1], NULL, 10) : 2;
	test.random = count > 2 ? strtoull(arguments[2], NULL, 0) : death_now();
	if (count > 3 || !lives || lives > 1000) {
		fputs("usage: death-kill [--early] [LIVES [SEED]]\n", stderr);
		return 2;
	}
	printf("seed %llu\n", (unsigned long long)test.random);
	if (prepare())
		return 1;
	uint64_t before = 0;
	for (unsigned long i = 0; i < lives; i++) {
		/* what it runs as the second time, it started by Linux */
		if (live(early && !i) || reload_module())
			return 1;
		if (!i)
			before = death_free_memory();
	}
	if (death_wait_memory(before))
		return 1;
	printf("%lu applications killed, %lu MiB filled, no page was reused\n",
	       lives * APPLICATIONS, test.filled);
	return 0;
}
