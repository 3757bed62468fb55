/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux's own remoteproc: found, asked, commanded, and followed.
 * Remoteproc layer, Linux only. Knows /sys/class/remoteproc, and the module amphora for what sysfs does
 * not tell: when something happens, and how many lives there were.
 */
#include "remoteproc/backend/linux/kernel.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/remoteproc_cdev.h>

#include <amphora/time.h>

#include "memory/target/linux/module.h"
#include "platform/linux/sysfs.h"
#include "platform/linux/wait.h"

#define PREFIX	      "remoteproc"
#define LOOK_EVERY_MS 5 /* where nobody tells */
#define ASK_EVERY_MS  100 /* a crash that is not recovered is told by nobody */

static const char *const states[] = {"offline", "suspended", "running",
				     "crashed", "attached",  "detached"};

static int attribute_of(uint32_t index, const char *attribute, char *text, size_t size)
{
	char path[AMPH_SYSFS_PATH_MAX];

	snprintf(path, sizeof(path), AMPH_REMOTEPROC_CLASS "/" PREFIX "%u/%s", index, attribute);
	return amph_sysfs_read(path, text, size);
}

int amph_remoteproc_list(uint32_t *indices, uint32_t max, uint32_t *count)
{
	DIR *class = opendir(AMPH_REMOTEPROC_CLASS);
	struct dirent *entry;
	uint32_t index, at, kept = 0;

	*count = 0;
	while (class && (entry = readdir(class))) {
		if (!amph_sysfs_number(entry->d_name, PREFIX, &index))
			continue;
		(*count)++;
		/* sorted in, the highest falls out */
		for (at = kept; at && indices[at - 1] > index; at--)
			if (at < max)
				indices[at] = indices[at - 1];
		if (at < max)
			indices[at] = index;
		kept += kept < max;
	}
	if (class)
		closedir(class);
	return 0;
}

int amph_remoteproc_find(const char *name, uint32_t *index, struct amph_why *why)
{
	char text[AMPH_REMOTEPROC_TEXT_MAX];
	DIR *class = opendir(AMPH_REMOTEPROC_CLASS);
	struct dirent *entry;
	bool found = false;
	uint32_t number;

	while (class && (entry = readdir(class))) {
		if (!amph_sysfs_number(entry->d_name, PREFIX, &number) ||
		    attribute_of(number, "name", text, sizeof(text)) || strcmp(text, name) != 0 ||
		    (found && number > *index))
			continue;
		*index = number;
		found = true;
	}
	if (class)
		closedir(class);
	if (found)
		return 0;
	if ((amph_sysfs_number(name, PREFIX, &number) || amph_sysfs_number(name, "", &number)) &&
	    !attribute_of(number, "state", text, sizeof(text))) {
		*index = number;
		return 0;
	}
	return amph_refuse(why, -ENOENT,
			   class ? "no remote processor of that name"
				 : "the kernel has no " AMPH_REMOTEPROC_CLASS,
			   0, 0);
}

static int read_state(struct amph_remoteproc *remoteproc, enum amph_remoteproc_state *state)
{
	char text[AMPH_REMOTEPROC_TEXT_MAX];
	int error = attribute_of(remoteproc->index, "state", text, sizeof(text));
	int number = 0;

	if (error)
		return amph_refuse(&remoteproc->why, -ENOENT, "there is no such remote processor",
				   remoteproc->index, (uint64_t)-error);
	while (number < AMPH_REMOTEPROC_UNKNOWN && strcmp(text, states[number]) != 0)
		number++;
	*state = (enum amph_remoteproc_state)number;
	return 0;
}

static bool runs(enum amph_remoteproc_state state)
{
	return state == AMPH_REMOTEPROC_RUNNING || state == AMPH_REMOTEPROC_ATTACHED;
}

/* Takes over what there is now. Returns 1 when it is something else than before, 0, or -errno. */
static int look(struct amph_remoteproc *remoteproc)
{
	enum amph_remoteproc_state before = remoteproc->state;
	uint64_t boots = remoteproc->boots;
	struct amphora_remote_info info = {0};
	int error = 0;

	/* first, as it also says that what has happened so far is known */
	if (remoteproc->exact)
		error = amph_module_call(remoteproc->fd, AMPHORA_IOC_REMOTE_INFO, &info);
	if (error)
		return amph_refuse(&remoteproc->why, error, "the kernel module does not answer",
				   (uint64_t)-error, 0);
	error = read_state(remoteproc, &remoteproc->state);
	if (error)
		return error;
	if (remoteproc->exact)
		remoteproc->boots = info.boots;
	else if (runs(remoteproc->state) && !runs(before))
		remoteproc->boots++;
	return remoteproc->state != before || remoteproc->boots != boots;
}

/*
 * An fd by which the kernel tells what happens, or -1. Not while closing the device would stop the
 * processor: that is another program's wish, and about its own descriptor.
 */
static int open_module(uint32_t index)
{
	char path[64];
	int proof, remote = -1;
	int32_t stops = 1;

	snprintf(path, sizeof(path), "/dev/" PREFIX "%u", index);
	if (access(AMPHORA_DEVICE, R_OK | W_OK))
		return -1;
	proof = open(path, O_RDWR | O_CLOEXEC);
	if (proof < 0)
		return -1;
	if (ioctl(proof, RPROC_GET_SHUTDOWN_ON_RELEASE, &stops) || stops ||
	    amph_module_remote(proof, &remote, NULL))
		remote = -1;
	close(proof);
	return remote;
}

int amph_remoteproc_open_checked(struct amph_remoteproc *remoteproc, uint32_t index,
				 struct amph_why *why, uint32_t abi, uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*remoteproc));

	if (error)
		return error;
	*remoteproc = (struct amph_remoteproc){
		.index = index, .state = AMPH_REMOTEPROC_UNKNOWN, .fd = -1};
	error = attribute_of(index, "name", remoteproc->name, sizeof(remoteproc->name));
	if (error)
		return amph_refuse(why, -ENOENT, "there is no such remote processor", index,
				   (uint64_t)-error);
	remoteproc->fd = open_module(index);
	remoteproc->exact = remoteproc->fd >= 0;
	error = look(remoteproc);
	if (error >= 0)
		return 0;
	if (why)
		*why = remoteproc->why;
	amph_remoteproc_close(remoteproc);
	return error;
}

void amph_remoteproc_close(struct amph_remoteproc *remoteproc)
{
	amph_remoteproc_forget(remoteproc);
	if (remoteproc->fd >= 0)
		close(remoteproc->fd);
	remoteproc->fd = -1;
	remoteproc->exact = false;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

int amph_remoteproc_get(struct amph_remoteproc *remoteproc, const char *attribute, char *text,
			uint32_t size)
{
	static const char *const known[] = {"firmware", "recovery", "coredump", "name", "state"};
	int error;

	if (!size || !is_one_of(attribute, known, sizeof(known) / sizeof(known[0])))
		return amph_refuse(&remoteproc->why, -EINVAL,
				   "a remote processor has no such attribute", 0, 0);
	error = attribute_of(remoteproc->index, attribute, text, size);
	return error ? amph_refuse(&remoteproc->why, error, "the attribute can't be read",
				   (uint64_t)-error, 0)
		     : 0;
}

int amph_remoteproc_set(struct amph_remoteproc *remoteproc, const char *attribute,
			const char *value, uint64_t deadline)
{
	static const char *const known[] = {"firmware", "recovery", "coredump"};

	if (!is_one_of(attribute, known, sizeof(known) / sizeof(known[0])))
		return amph_refuse(&remoteproc->why, -EINVAL,
				   "a remote processor has no such attribute to set", 0, 0);
	if (strlen(value) >= AMPH_REMOTEPROC_TEXT_MAX)
		return amph_refuse(&remoteproc->why, -EINVAL, "the value is too long",
				   strlen(value), AMPH_REMOTEPROC_TEXT_MAX - 1);
	return amph_remoteproc_write(remoteproc, attribute, value, deadline);
}

/* Writes the command; what the processor is afterwards counts. */
static int command(struct amph_remoteproc *remoteproc, const char *verb, uint64_t deadline)
{
	int error = amph_remoteproc_write(remoteproc, "state", verb, deadline);
	int looked = look(remoteproc);

	return error ? error : looked < 0 ? looked : 0;
}

int amph_remoteproc_start(struct amph_remoteproc *remoteproc, uint64_t deadline)
{
	int error = look(remoteproc);

	if (error < 0)
		return error;
	/* the kernel would count one user more, and a stop would then stop nothing */
	if (runs(remoteproc->state) || remoteproc->state == AMPH_REMOTEPROC_CRASHED)
		return amph_refuse(&remoteproc->why, -EBUSY,
				   "it runs already, or has crashed and was not stopped",
				   remoteproc->state, AMPH_REMOTEPROC_OFFLINE);
	return command(remoteproc, "start", deadline);
}

int amph_remoteproc_stop(struct amph_remoteproc *remoteproc, uint64_t deadline)
{
	int error = command(remoteproc, "stop", deadline);

	if (!error && remoteproc->state != AMPH_REMOTEPROC_OFFLINE)
		error = amph_refuse(&remoteproc->why, -EBUSY,
				    "another user has started it as well: it runs on",
				    remoteproc->state, AMPH_REMOTEPROC_OFFLINE);
	return error;
}

int amph_remoteproc_detach(struct amph_remoteproc *remoteproc, uint64_t deadline)
{
	int error = command(remoteproc, "detach", deadline);

	if (!error && remoteproc->state != AMPH_REMOTEPROC_DETACHED)
		error = amph_refuse(&remoteproc->why, -EBUSY,
				    "another user has started it as well: it stays attached",
				    remoteproc->state, AMPH_REMOTEPROC_DETACHED);
	return error;
}

int amph_remoteproc_wait(struct amph_remoteproc *remoteproc, uint64_t deadline)
{
	for (;;) {
		uint64_t next = amph_deadline(remoteproc->exact ? ASK_EVERY_MS : LOOK_EVERY_MS);
		int changed = look(remoteproc);

		if (changed)
			return changed < 0 ? changed : 0;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		if (next > deadline)
			next = deadline;
		if (remoteproc->exact) {
			int error = amph_wait_fd(remoteproc->fd, POLLPRI, next);

			if (error && error != -ETIMEDOUT)
				return error;
		} else {
			poll(NULL, 0, LOOK_EVERY_MS);
		}
	}
}
