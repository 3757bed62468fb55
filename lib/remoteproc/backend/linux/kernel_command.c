/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands to the kernel's remoteproc: a write to sysfs that ends when the processor has been started
 * or stopped, in a thread of its own, so that the caller's deadline holds.
 * Remoteproc layer, Linux only.
 */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <amphora/time.h>

#include "platform/linux/sysfs.h"
#include "platform/linux/wait.h"
#include "remoteproc/backend/linux/kernel.h"

/* Its thread's and the caller's; the second that lets go frees it. */
struct amph_remoteproc_command {
	atomic_int users;
	pthread_t thread;
	int done; /* eventfd */
	int result; /* read after the thread was joined */
	char path[AMPH_SYSFS_PATH_MAX];
	char value[AMPH_REMOTEPROC_TEXT_MAX];
};

static void end(struct amph_remoteproc_command *command)
{
	close(command->done);
	free(command);
}

static void let_go(struct amph_remoteproc_command *command)
{
	if (atomic_fetch_sub(&command->users, 1) == 1)
		end(command);
}

static void *carry_out(void *argument)
{
	struct amph_remoteproc_command *command = argument;

	command->result = amph_sysfs_write(command->path, command->value);
	eventfd_write(command->done, 1);
	let_go(command);
	return NULL;
}

/* Starts the thread with all signals blocked: they are the application's. */
static int start_thread(struct amph_remoteproc_command *command)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&command->thread, NULL, carry_out, command);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static struct amph_remoteproc_command *make(const struct amph_remoteproc *remoteproc,
					    const char *attribute, const char *value)
{
	struct amph_remoteproc_command *command = calloc(1, sizeof(*command));

	if (!command)
		return NULL;
	command->done = eventfd(0, EFD_CLOEXEC);
	if (command->done < 0) {
		free(command);
		return NULL;
	}
	atomic_init(&command->users, 2);
	snprintf(command->path, sizeof(command->path), AMPH_REMOTEPROC_CLASS "/remoteproc%u/%s",
		 remoteproc->index, attribute);
	snprintf(command->value, sizeof(command->value), "%s", value);
	return command;
}

/* One that has come back leaves nothing behind; one that has not ends with its thread. */
void amph_remoteproc_forget(struct amph_remoteproc *remoteproc)
{
	struct amph_remoteproc_command *command = remoteproc->command;

	if (!command)
		return;
	if (amph_wait_fd(command->done, POLLIN, 0))
		pthread_detach(command->thread);
	else
		pthread_join(command->thread, NULL);
	let_go(command);
	remoteproc->command = NULL;
}

static int refuse(struct amph_remoteproc *remoteproc, int error)
{
	const char *what = "the kernel refuses it";

	if (error == -ETIMEDOUT)
		what = "the kernel has not answered by the deadline";
	else if (error == -EACCES)
		what = "this user has no right to change the remote processor";
	else if (error == -ENOENT)
		what = "there is no such remote processor, or no such firmware file";
	else if (error == -EBUSY)
		what = "not now: the remote processor is not off";
	return amph_refuse(&remoteproc->why, error, what, (uint64_t)-error, 0);
}

int amph_remoteproc_write(struct amph_remoteproc *remoteproc, const char *attribute,
			  const char *value, uint64_t deadline)
{
	struct amph_remoteproc_command *command = remoteproc->command;
	int error;

	if (command && amph_wait_fd(command->done, POLLIN, 0))
		return amph_refuse(&remoteproc->why, -EBUSY,
				   "a former command has not come back yet", 0, 0);
	amph_remoteproc_forget(remoteproc);
	if (amph_time_now() >= deadline)
		return refuse(remoteproc, -ETIMEDOUT);
	command = make(remoteproc, attribute, value);
	if (!command)
		return refuse(remoteproc, -ENOMEM);
	error = start_thread(command);
	if (error) {
		end(command);
		return refuse(remoteproc, error);
	}
	remoteproc->command = command;
	error = amph_wait_fd(command->done, POLLIN, deadline);
	if (error)
		return refuse(remoteproc, error);
	pthread_join(command->thread, NULL);
	remoteproc->command = NULL;
	error = command->result;
	let_go(command);
	return error ? refuse(remoteproc, error) : 0;
}
