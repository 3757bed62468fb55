/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application that shares buffers with a hostile coprocessor, and waits to be killed. Test code that
 * runs inside the virtual SoC; see application.h.
 */
#include "application.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../probe/client.h"
#include "death.h"
#include "fill.h"

#define ATTACHMENTS APPLICATION_ATTACHMENTS

struct state {
	struct application *application;
	struct probe probe;
	int remote;
	int attachments[ATTACHMENTS];
};

static const struct {
	const char *heap; /* NULL: coherent memory */
	size_t size;
} buffers[ATTACHMENTS] = {{DEATH_HEAP, 3u << 20},
			  {DEATH_CMA, 512u << 10},
			  {DEATH_UDMABUF, 256u << 10},
			  {NULL, 128u << 10},
			  {DEATH_HEAP, 256u << 10}};

static int add_segments(struct state *state, int attachment)
{
	struct application *application = state->application;
	struct amphora_attachment_info info;
	struct amphora_segment segments[APPLICATION_SEGMENTS];
	uint32_t count = application->count;

	int error = death_attachment_info(attachment, &info);
	if (error || info.segments > APPLICATION_SEGMENTS - count)
		return death_fail("%u segments: %s", info.segments, strerror(-error));
	struct amphora_segments list = {.count = info.segments, .list = (uintptr_t)segments};
	if (ioctl(attachment, AMPHORA_IOC_SEGMENTS, &list))
		return death_fail("segments: %s", strerror(errno));
	for (uint32_t i = 0; i < info.segments; i++)
		application->segments[count++] = (struct probe_segment){
			.address = segments[i].address, .length = segments[i].length};
	application->count = count; /* after the segments: the killer looks at any moment */
	return 0;
}

static int attach(struct state *state, int number, int buffer)
{
	int fd = buffers[number].heap ? death_attach(state->remote, buffer,
						     AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
				      : death_coherent(state->remote, buffers[number].size);

	if (fd < 0)
		return death_fail("buffer %d is not attached: %s", number, strerror(-fd));
	state->attachments[number] = fd;
	state->application->kept += buffers[number].size;
	return number < ATTACHMENTS - 1 ? add_segments(state, fd) : 0;
}

static int attach_all(struct state *state)
{
	int dmabufs[ATTACHMENTS], device = death_open_device();

	state->remote = device < 0 ? device : death_open_remote(device);
	if (state->remote < 0)
		return death_fail("no remote: %s", strerror(-state->remote));
	state->application->step = STEP_REMOTE;
	for (int i = 0; i < ATTACHMENTS; i++) {
		dmabufs[i] = buffers[i].heap ? death_heap_alloc(buffers[i].heap, buffers[i].size)
					     : 0;
		if (dmabufs[i] < 0)
			return death_fail("buffer %d: %s", i, strerror(-dmabufs[i]));
	}
	state->application->step = STEP_BUFFERS;
	for (int i = 0; i < ATTACHMENTS; i++)
		if (attach(state, i, dmabufs[i]))
			return -1;
	state->application->step = STEP_ATTACHED;
	return 0;
}

static int tell(struct state *state)
{
	struct application *application = state->application;

	if (probe_open(&state->probe) ||
	    probe_list(&state->probe, application->list, application->segments, application->count))
		return -1;
	application->step = STEP_TOLD;
	/* its answer is the return of the buffers; what it says is not what it does */
	if (probe_scribble(&state->probe, application->list, application->seed))
		return -1;
	application->step = STEP_SCRIBBLED;
	return 0;
}

static int send_attachments(const struct state *state)
{
	char byte = 0, control[CMSG_SPACE(sizeof(state->attachments))] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(state->attachments));
	memcpy(CMSG_DATA(header), state->attachments, sizeof(state->attachments));
	return sendmsg(state->application->socket, &message, 0) < 0
		       ? death_fail("sendmsg: %s", strerror(errno))
		       : 0;
}

static int share(struct state *state)
{
	struct application *application = state->application;
	pid_t child;

	if (application->kind == APPLICATION_SENDS && send_attachments(state))
		return -1;
	if (application->kind == APPLICATION_FORKS) {
		child = fork();
		if (!child) {
			for (;;)
				pause();
		}
		application->child = child;
		if (child < 0)
			return -1;
	}
	application->step = STEP_SHARED;
	return 0;
}

static int run(struct application *application)
{
	struct state state = {.application = application};

	application->step = STEP_BEGUN;
	if (attach_all(&state) || tell(&state))
		return -1;
	/* first: who is killed in the release may have released it, and what counts is a lower bound */
	application->kept -= buffers[ATTACHMENTS - 1].size;
	int error = death_release(state.attachments[ATTACHMENTS - 1]);
	if (error)
		return death_fail("release: %s", strerror(-error));
	application->step = STEP_RELEASED;
	return share(&state);
}

pid_t application_start(struct application *application)
{
	pid_t pid = fork();

	if (pid < 0)
		return death_fail("fork: %s", strerror(errno));
	setpgid(pid, pid); /* by both: whoever comes first */
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (application->traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP)))
		_exit(1);
	if (run(application))
		application->failed = 1;
	for (;;)
		pause();
}

void application_end(pid_t pid)
{
	kill(-pid, SIGKILL);
	while (waitpid(-pid, NULL, 0) > 0 || errno == EINTR)
		;
}

static int expect_held(const struct probe_segment *segment, const struct memory_window *window,
		       const char *when)
{
	for (uint64_t at = 0; at < segment->length; at += DEATH_PAGE) {
		uint64_t pa = segment->address + at - window->da + window->pa;
		int is_free = fill_is_free(pa);

		if (is_free < 0)
			return -1;
		if (is_free)
			return death_fail("page %#llx is free %s", (unsigned long long)pa, when);
	}
	return 0;
}

int application_expect_held(const struct application *applications, unsigned count,
			    const struct memory_window *window, unsigned long *watched,
			    const char *when)
{
	for (unsigned i = 0; i < count; i++) {
		for (uint32_t s = 0; s < applications[i].count; s++) {
			const struct probe_segment *segment = &applications[i].segments[s];

			if (expect_held(segment, window, when))
				return -1;
			*watched += segment->length / DEATH_PAGE;
		}
	}
	return 0;
}
