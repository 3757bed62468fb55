/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death-sampled: applications die at places drawn by lot, before or after any of their calls to the
 * kernel, or in one; at last the coprocessor ends at such a place of one. Another application crosses
 * a buffer all the while. Runs inside the virtual SoC with the probe firmware.
 * usage: death-sampled [LIVES [SEED]]
 * LIVES: of the coprocessor. Some of its ends are left to whoever reads the line "kill it".
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../probe/memory.h"
#include "application.h"
#include "bystander.h"
#include "death.h"

#define APPLICATIONS 12u /* in each life; the last sees the coprocessor's end */
#define COUNTED	     APPLICATIONS /* one more: only counts the places */
#define IN_CALL_US   3000 /* how long it is let into a call at most */
#define GO_ON_MS     300 /* without a coprocessor */
#define TRY_US	     500

enum end { END_CRASH, END_STOP, END_OUTSIDE, ENDS };

static struct {
	struct application *applications; /* shared memory */
	struct bystander *bystander; /* shared memory */
	struct memory_window window;
	uint64_t random;
	int device, remote;
	uint32_t places; /* that an application goes through */
	uint64_t kept; /* bytes that are in quarantine, at least */
	unsigned long watched, died, in_calls;
} test;

static uint32_t draw(uint32_t below)
{
	return (uint32_t)(death_random(&test.random) % below);
}

/* --- one application --- */

/* Starts it; it stands at its first place. */
static pid_t start(unsigned number)
{
	struct application *application = &test.applications[number];
	int status;

	*application = (struct application){
		.list = number,
		.seed = number + 1,
		.traced = true,
		.kind = draw(2) ? APPLICATION_FORKS : APPLICATION_ALONE,
	};
	pid_t pid = application_start(application);
	if (pid < 0)
		return -1;
	if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD))
		return death_fail("no application can be traced: %s", strerror(errno));
	return pid;
}

/* Lets it run to that place, or to its last. Returns how many it went through, -1 after a line. */
static int run_to(const struct application *application, pid_t pid, uint32_t place)
{
	uint32_t at;
	int status;

	for (at = 0; at < place && application->step < STEP_SHARED; at++) {
		if (application->failed)
			return death_fail("application %u failed at step %u", application->list,
					  application->step);
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status))
			return death_fail("application %u is not at place %u", application->list,
					  at);
	}
	return (int)at;
}

/* What it was stopped for in between is reported before its end. */
static int end_application(struct application *application, pid_t pid)
{
	int status = 0;

	kill(pid, SIGKILL);
	while (!WIFSIGNALED(status))
		if (waitpid(pid, &status, 0) != pid)
			return death_fail("waitpid: %s", strerror(errno));
	application_end(pid);
	test.kept += application->kept;
	test.died++;
	return 0;
}

static int expect_kept(void)
{
	if (death_wait_quarantine(test.remote, test.kept) ||
	    application_expect_held(test.applications, APPLICATIONS + 1, &test.window,
				    &test.watched, "after a kill"))
		return -1;
	return bystander_goes_on(test.bystander);
}

static int count_places(void)
{
	struct application *application = &test.applications[COUNTED];
	pid_t pid = start(COUNTED);
	int places = pid < 0 ? -1 : run_to(application, pid, UINT32_MAX);

	if (places <= 0 || end_application(application, pid))
		return -1;
	test.places = (uint32_t)places;
	printf("%u places\n", test.places);
	return expect_kept();
}

static int kill_one(unsigned number)
{
	uint32_t place = draw(test.places) + 1;
	uint32_t in_call = draw(3) ? 0 : draw(IN_CALL_US) + 1;
	struct application *application = &test.applications[number];
	pid_t pid = start(number);

	if (pid < 0 || run_to(application, pid, place) < 0)
		return -1;
	if (in_call) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		usleep(in_call);
		test.in_calls++;
	}
	if (end_application(application, pid) || expect_kept())
		return death_fail("application %u, %u us after place %u, step %u", number, in_call,
				  place, application->step);
	return 0;
}

/* --- the coprocessor's end --- */

static int end_coprocessor(enum end end)
{
	struct pollfd event = {.fd = test.remote, .events = POLLPRI};
	struct amphora_remote_info info;
	uint64_t boots, deadline = death_now() + DEATH_WAIT_MS;
	int error = death_remote_info(test.remote, &info);

	if (error)
		return death_fail("no information: %d", error);
	boots = info.boots;
	test.bystander->over = true;
	if (end == END_OUTSIDE) {
		puts("kill it");
		fflush(stdout);
	} else if (end == END_CRASH) {
		error = death_write(DEATH_CRASH, "1");
	} else {
		error = death_switch("stop");
	}
	if (error)
		return death_fail("the coprocessor does not end: %d", error);
	if (poll(&event, 1, DEATH_WAIT_MS) != 1 || !(event.revents & POLLPRI))
		return death_fail("the remote does not tell of the end");
	while (death_remote_info(test.remote, &info) ||
	       (info.state != AMPHORA_OFF && info.boots == boots)) {
		if (death_now() > deadline)
			return death_fail("the coprocessor does not end: state %u", info.state);
		usleep(TRY_US);
	}
	test.bystander->off = true;
	return 0;
}

/*
 * One that is somewhere in its calls sees the end. It goes on where no next life of the coprocessor
 * comes by itself, to which it would tell addresses of this one.
 */
static int end_with_one(unsigned number, pid_t bystander, enum end end)
{
	uint32_t place = draw(test.places) + 1;
	struct application *application = &test.applications[number];
	pid_t pid = start(number);

	if (pid < 0 || run_to(application, pid, place) < 0)
		return -1;
	int error = end_coprocessor(end) || bystander_was_told(test.bystander, bystander);
	if (!error && end == END_STOP) {
		uint64_t deadline = death_now() + GO_ON_MS;

		ptrace(PTRACE_DETACH, pid, NULL, NULL);
		while (!application->failed && death_now() < deadline)
			usleep(TRY_US);
	}
	if (end_application(application, pid) || error || death_wait_nothing_left())
		return death_fail("end %u at place %u of the application, step %u", end, place,
				  application->step);
	return 0;
}

static int live(enum end end)
{
	if (death_switch("start") || death_wait_state("running"))
		return -1;
	test.kept = 0;
	test.device = death_open_device();
	test.remote = test.device < 0 ? test.device : death_open_remote(test.device);
	if (test.remote < 0)
		return death_fail("no remote: %s", strerror(-test.remote));
	memset(test.applications, 0, sizeof(*test.applications) * (APPLICATIONS + 1));
	pid_t bystander = bystander_start(test.bystander);
	if (bystander < 0 || bystander_goes_on(test.bystander) || count_places())
		return -1;
	for (unsigned i = 0; i + 1 < APPLICATIONS; i++)
		if (kill_one(i))
			return -1;
	if (end_with_one(APPLICATIONS - 1, bystander, end))
		return -1;
	close(test.remote);
	close(test.device);
	/* a recovery passes through "offline", and would start it again after a switch */
	if (end != END_STOP && death_wait_state("running"))
		return -1;
	return death_switch_off() || death_wait_no_buffers() ? -1 : 0;
}

static int prepare(void)
{
	test.applications = mmap(NULL, sizeof(*test.applications) * (APPLICATIONS + 1),
				 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test.bystander = mmap(NULL, sizeof(*test.bystander), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (test.applications == MAP_FAILED || test.bystander == MAP_FAILED ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1))
		return death_fail("no memory: %s", strerror(errno));
	return memory_window_read(&test.window);
}

int main(int count, char **arguments)
{
	unsigned long lives = count > 1 ? strtoul(arguments[1], NULL, 10) : 6;
	uint64_t before = 0;

	test.random = count > 2 ? strtoull(arguments[2], NULL, 0) : death_now();
	if (count > 3 || !lives || lives > 1000) {
		fputs("usage: death-sampled [LIVES [SEED]]\n", stderr);
		return 2;
	}
	printf("seed %llu\n", (unsigned long long)test.random);
	if (prepare())
		return 1;
	for (unsigned long i = 0; i < lives; i++) {
		if (live((enum end)(i % ENDS))) {
			death_fail("in life %lu", i);
			return 1;
		}
		if (!i) /* what is allocated once is there */
			before = death_free_memory();
	}
	if (death_wait_memory(before))
		return 1;
	printf("%lu applications died, %lu of them in a call, and %lu coprocessors; "
	       "nothing is lost\n",
	       test.died, test.in_calls, lives);
	printf("figure: steps killed %lu\n", test.died + lives);
	return 0;
}
