/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An application that shares buffers with a hostile coprocessor and is killed: what it does, step by
 * step, and what it says to who kills it. Test code that runs inside the virtual SoC.
 */
#ifndef VSOC_GUEST_DEATH_APPLICATION_H
#define VSOC_GUEST_DEATH_APPLICATION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <probe/probe.h>

#include "../probe/memory.h"

#define APPLICATION_ATTACHMENTS 5 /* the last is the one that the coprocessor is not told of */
#define APPLICATION_SEGMENTS	2048 /* of all buffers that the coprocessor writes to */

enum application_step {
	STEP_BEGUN,
	STEP_REMOTE, /* it has the remote */
	STEP_BUFFERS, /* and memory */
	STEP_ATTACHED, /* all of it is attached; the coprocessor does not know yet */
	STEP_TOLD, /* the coprocessor has the addresses */
	STEP_SCRIBBLED, /* says that it is done, and writes on for ever */
	STEP_RELEASED, /* the buffer that it was not told of is released */
	STEP_SHARED, /* a child or another process has the attachments as well */
	STEPS
};

enum application_kind {
	APPLICATION_ALONE,
	APPLICATION_FORKS, /* a child inherits the attachments */
	APPLICATION_SENDS, /* another process receives them */
	APPLICATION_KINDS
};

/* Shared memory: written by the application (and its child), read by its killer. */
struct application {
	uint32_t list; /* of the probe firmware */
	uint32_t seed; /* of the marks */
	enum application_kind kind;
	bool traced; /* stops at its beginning, for a tracer */
	int socket; /* where a sending application sends its attachments to */

	_Atomic uint32_t step;
	_Atomic int child; /* pid of the one that inherited */
	_Atomic uint32_t failed;
	_Atomic uint64_t kept; /* bytes attached and not released */
	_Atomic uint32_t count; /* of the segments that count so far */
	struct probe_segment segments[APPLICATION_SEGMENTS];
};

/*
 * Starts one, in a process group of its own; the caller must be a subreaper
 * (PR_SET_CHILD_SUBREAPER). Returns its process id, -1 after a line.
 */
pid_t application_start(struct application *application);

/*
 * After the application itself was killed: the child that may have inherited from it is killed as
 * well, also one that it had no time to tell of. Nobody of it is left afterwards.
 */
void application_end(pid_t pid);

/*
 * Whether none of the pages that the coprocessor was given by them is free; adds their number to
 * `watched`. Returns 0, or -1 after a line that says when.
 */
int application_expect_held(const struct application *applications, unsigned count,
			    const struct memory_window *window, unsigned long *watched,
			    const char *when);

#endif
