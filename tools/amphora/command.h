/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Command: a shell command of the user's beside the demo, which never outlives it.
 * Tool code. A keeper process stands between: it kills the command and all that it started when the
 * demo ends in whatever way.
 */
#ifndef TOOLS_COMMAND_H
#define TOOLS_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

struct command {
	pid_t keeper; /* 0: none */
};

/* Starts it with this process's environment. Returns 0, or -errno. */
int command_start(struct command *command, const char *text);

/* Whether it has ended; *status: its exit status, or 128 and the signal's number. */
bool command_ended(const struct command *command, int *status);

/* Kills what still runs of it. */
void command_stop(struct command *command);

#endif
