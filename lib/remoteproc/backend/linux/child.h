/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A child process with a doorbell socket, that lives no longer than this process; not public.
 * Knows processes and descriptors, nothing of firmware or QEMU.
 *
 * A thread of its own forks the child and waits for it: PR_SET_PDEATHSIG follows the thread that
 * forked, and an application's threads come and go.
 */
#ifndef AMPHORA_REMOTEPROC_CHILD_H
#define AMPHORA_REMOTEPROC_CHILD_H

#include <sys/types.h>

#include <amphora/rproc_linux.h>

#define AMPH_CHILD_INHERIT_MAX 4

struct amph_child_plan {
	const char *program; /* path */
	char *const *arguments;
	char *const *environment;
	int inherit[AMPH_CHILD_INHERIT_MAX]; /* fds above 2 that the program gets, same numbers */
	uint32_t inherit_count;
	uint64_t deadline; /* for the program to be executed; then it is killed */
};

/* A stream socket pair: ours does not block; both close-on-exec and above 2. 0 or -errno. */
int amph_child_socket(int *ours, int *theirs);

/* A close-on-exec copy of an fd, above 2. Returns it, or -errno. */
int amph_child_keep(int fd);

/* Closes an fd that is set, and unsets it (-1). */
void amph_child_close(int *fd);

/*
 * Starts the program; the mailbox (this side's socket) belongs to the child from now on, in case of
 * an error as well. Returns 0, or -errno of what failed, the exec too.
 */
int amph_child_start(struct amph_child *child, const struct amph_child_plan *plan, int mailbox);

/*
 * Kills, reaps, closes. Returns 0 when it is gone; -ETIMEDOUT when it is not yet (then call again);
 * -ESTALE in a forked copy of the process that started it.
 */
int amph_child_stop(struct amph_child *child, uint64_t deadline);

/* What a recv() that gave nothing says: -EPIPE when the other end is gone, else its error. */
int amph_child_gone(ssize_t count);

/* Rings: one byte, dropped when there is no room or nobody. */
void amph_child_kick(struct amph_child *child, uint32_t notify_id);

/* Waits for bytes. 0 and *rung, -ETIMEDOUT, -EPIPE when it closed its end, -ESTALE, the system's error. */
int amph_child_wait(struct amph_child *child, uint64_t deadline, uint32_t *rung);

/*
 * Writes how it ended to rproc->message and why, with the first line it wrote to stderr. Waits until
 * the deadline for the end itself. Returns -EPIPE.
 */
int amph_child_describe(struct amph_child *child, struct amph_rproc *rproc, uint64_t deadline);

/* Waits for an fd to become readable. 0, -ETIMEDOUT, -errno. */
int amph_child_poll(int fd, uint64_t deadline);

#endif
