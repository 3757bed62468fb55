/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Child processes: fork, watch, kill, reap.
 * Remoteproc layer; Linux only; knows nothing of firmware or QEMU.
 * It waits for its own child only, so that an application's waits and signals stay its own.
 */
#include "remoteproc/backend/linux/child.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/time.h>

#define KILL_AGAIN_MS 10
#define POLL_AGAIN_US 1000

/* What the keeper needs until the program runs; on the starter's stack. */
struct launch {
	struct amph_child *child;
	const struct amph_child_plan *plan;
	int null, error_text;
	int report; /* pipe: the errno of a failed exec, or closed by a successful one */
};

int amph_child_keep(int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	return copy < 0 ? -errno : copy;
}

void amph_child_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Moves an fd above those of stdio, which the child replaces. Closes it on an error. */
static int above_stdio(int *fd)
{
	if (*fd > 2)
		return 0;
	int copy = amph_child_keep(*fd);

	close(*fd);
	*fd = copy < 0 ? -1 : copy;
	return copy < 0 ? copy : 0;
}

int amph_child_socket(int *ours, int *theirs)
{
	int pair[2];

	*ours = *theirs = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	int error = above_stdio(&pair[0]);
	int other = above_stdio(&pair[1]);
	if (!error)
		error = other;
	if (!error && fcntl(pair[0], F_SETFL, O_NONBLOCK))
		error = -errno;
	if (error) {
		amph_child_close(&pair[0]);
		amph_child_close(&pair[1]);
		return error;
	}
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

int amph_child_poll(int fd, uint64_t deadline)
{
	for (;;) {
		uint64_t now = amph_time_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
					   .tv_nsec = (long)(left % 1000000000u)};
		struct pollfd entry = {.fd = fd, .events = POLLIN};
		int ready = ppoll(&entry, 1, &timeout, NULL);

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (!ready && amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
}

/* In the forked child: only calls that are safe there; never returns. */
static void become(const struct launch *launch, int parent)
{
	const struct amph_child_plan *plan = launch->plan;
	sigset_t none;
	int error;

	/* the parent may have died before the request was made */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
		_exit(127);
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* a terminal's Ctrl-C is for the application, which stops us in order */
	setpgid(0, 0);
	if (dup2(launch->null, 0) < 0 || dup2(launch->null, 1) < 0 ||
	    dup2(launch->error_text, 2) < 0)
		_exit(127);
	/* what the application opened without close-on-exec is not for the program either */
	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	for (uint32_t i = 0; i < plan->inherit_count; i++)
		fcntl(plan->inherit[i], F_SETFD, 0);
	execve(plan->program, plan->arguments, plan->environment);
	error = errno;
	if (write(launch->report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

static void *keep(void *argument)
{
	struct launch *launch = argument;
	struct amph_child *child = launch->child;
	int report = launch->report;
	int error_text = launch->error_text;
	int ended = child->ended;
	siginfo_t info = {0};
	int parent = getpid();
	int pid = fork();

	if (!pid)
		become(launch, parent);
	if (pid < 0) {
		int error = errno;

		if (write(report, &error, sizeof(error)) < 0)
			error = 0; /* the starter finds the pipe closed and the child absent */
	}
	amph_lock_acquire(&child->lock);
	child->pid = pid > 0 ? pid : 0;
	amph_lock_release(&child->lock);
	close(error_text);
	close(report); /* the starter may return now: launch is gone */
	/* seen first, reaped under the lock: nobody kills a number that is free again */
	while (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) && errno == EINTR)
		;
	amph_lock_acquire(&child->lock);
	while (pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED) && errno == EINTR)
		;
	child->reaped = true;
	child->status_code = info.si_code;
	child->status_value = info.si_status;
	amph_lock_release(&child->lock);
	eventfd_write(ended, 1);
	return NULL;
}

static int open_all(struct amph_child *child, struct launch *launch, int *reported)
{
	int text[2], report[2];

	child->ended = eventfd(0, EFD_CLOEXEC);
	launch->null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (child->ended < 0 || launch->null < 0)
		return -errno;
	/* neither end blocks: a program that writes too much loses its text, not its life */
	if (pipe2(text, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	child->error_text = text[0];
	launch->error_text = text[1];
	if (pipe2(report, O_CLOEXEC))
		return -errno;
	*reported = report[0];
	launch->report = report[1];
	int error = above_stdio(&launch->null);
	if (!error)
		error = above_stdio(&launch->error_text);
	return error ? error : above_stdio(&launch->report);
}

/* Starts the keeper with all signals blocked: they are the application's. */
static int start_keeper(struct amph_child *child, struct launch *launch)
{
	sigset_t all, before;
	pthread_t keeper;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&keeper, NULL, keep, launch);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!error)
		child->keeper = (uintptr_t)keeper;
	return -error;
}

static void close_all(struct amph_child *child)
{
	amph_child_close(&child->mailbox);
	amph_child_close(&child->error_text);
	amph_child_close(&child->ended);
	child->owner = 0;
	child->pid = 0;
}

static void kill_child(struct amph_child *child)
{
	amph_lock_acquire(&child->lock);
	if (child->pid && !child->reaped)
		kill(child->pid, SIGKILL);
	amph_lock_release(&child->lock);
}

/*
 * The program runs, or never will, when the keeper's and the child's ends are closed. A file system
 * that does not answer holds the child in its exec: it is killed at the deadline, and its end is
 * closed then. Returns 0, or the error as a positive errno.
 */
static int wait_for_program(struct amph_child *child, int reported, uint64_t deadline)
{
	bool late = false;
	int failed = 0;

	/* only when there is something to read: a read has no deadline */
	while (amph_child_poll(reported, deadline)) {
		if (amph_time_now() < deadline) {
			usleep(POLL_AGAIN_US); /* the kernel lacks memory */
			continue;
		}
		late = true;
		kill_child(child); /* again and again: it may not be there yet */
		deadline = amph_deadline(KILL_AGAIN_MS);
	}
	while (read(reported, &failed, sizeof(failed)) < 0 && errno == EINTR)
		;
	return late ? ETIMEDOUT : failed;
}

int amph_child_start(struct amph_child *child, const struct amph_child_plan *plan, int mailbox)
{
	struct launch launch = {
		.child = child, .plan = plan, .null = -1, .error_text = -1, .report = -1};
	int reported = -1, failed = 0;

	*child = (struct amph_child){.mailbox = mailbox, .error_text = -1, .ended = -1};
	int error = amph_time_now() >= plan->deadline ? -ETIMEDOUT
						      : open_all(child, &launch, &reported);
	if (!error) {
		amph_lock_init(&child->lock);
		error = start_keeper(child, &launch);
	}
	if (error) {
		amph_child_close(&launch.error_text);
		amph_child_close(&launch.report);
	} else {
		failed = wait_for_program(child, reported, plan->deadline);
		child->owner = getpid();
		/* from here on the keeper leaves the pid alone, and this thread may read it */
		amph_lock_acquire(&child->lock);
		amph_lock_release(&child->lock);
	}
	amph_child_close(&launch.null);
	amph_child_close(&reported);
	if (error) {
		close_all(child);
		return error;
	}
	if (failed)
		amph_child_stop(child, amph_deadline(1000));
	return -failed;
}

int amph_child_stop(struct amph_child *child, uint64_t deadline)
{
	if (!child->owner)
		return 0;
	if (child->owner != getpid())
		return -ESTALE;
	kill_child(child);
	int error = amph_child_poll(child->ended, deadline);
	if (error)
		return error;
	pthread_join((pthread_t)child->keeper, NULL);
	close_all(child);
	return 0;
}

int amph_child_gone(ssize_t count)
{
	/* a reset: it left with our bytes unread. Any other failure says nothing of the other side */
	return !count || errno == ECONNRESET ? -EPIPE : -errno;
}

void amph_child_kick(struct amph_child *child, uint32_t notify_id)
{
	uint8_t byte = (uint8_t)notify_id;

	/* no room: one is pending anyway; nobody: the next wait says so */
	if (child->owner)
		(void)!send(child->mailbox, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int amph_child_wait(struct amph_child *child, uint64_t deadline, uint32_t *rung)
{
	uint8_t bytes[256];
	ssize_t count;

	*rung = 0;
	if (child->owner != getpid())
		return -ESTALE;
	do {
		int error = amph_child_poll(child->mailbox, deadline);

		if (error)
			return error;
		count = recv(child->mailbox, bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (count < 0 && errno == EAGAIN);
	if (count <= 0)
		return amph_child_gone(count);
	for (ssize_t i = 0; i < count; i++)
		if (bytes[i] < 32)
			*rung |= 1u << bytes[i];
	return 0;
}

/* Appends text, cut where the message is full. */
static void append(char *message, size_t size, const char *text)
{
	size_t used = strlen(message);

	snprintf(message + used, size - used, "%s", text);
}

/* The first line that the child wrote to stderr, fit for a terminal. */
static void append_error_text(struct amph_child *child, char *message, size_t size)
{
	char text[160];
	ssize_t length = read(child->error_text, text, sizeof(text) - 1);

	if (length <= 0)
		return;
	text[length] = 0;
	text[strcspn(text, "\n")] = 0;
	for (char *byte = text; *byte; byte++)
		if (*byte < ' ' || *byte > '~')
			*byte = '?';
	append(message, size, ": ");
	append(message, size, text);
}

int amph_child_describe(struct amph_child *child, struct amph_rproc *rproc, uint64_t deadline)
{
	char *message = rproc->message;
	size_t size = sizeof(rproc->message);

	if (amph_child_poll(child->ended, deadline)) {
		snprintf(message, size, "closed its doorbell");
		return amph_refuse(&rproc->why, -EPIPE, "the coprocessor closed its doorbell", 0,
				   0);
	}
	amph_lock_acquire(&child->lock);
	int code = child->status_code, value = child->status_value;
	amph_lock_release(&child->lock);
	if (code == CLD_EXITED) {
		snprintf(message, size, "exited with code %d", value);
		amph_refuse(&rproc->why, 0, "the coprocessor exited", (uint64_t)value, 0);
	} else if (code == CLD_KILLED || code == CLD_DUMPED) {
		const char *name = sigdescr_np(value);

		snprintf(message, size, "killed by signal %d (%s)", value, name ? name : "?");
		amph_refuse(&rproc->why, 0, "the coprocessor was killed", (uint64_t)value, 0);
	} else {
		/* the application's own wait took the status, or it ignores SIGCHLD */
		snprintf(message, size, "ended, and its status was lost");
		amph_refuse(&rproc->why, 0, "the coprocessor ended", 0, 0);
	}
	append_error_text(child, message, size);
	return -EPIPE;
}
