/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remoteproc: a remote processor whose life Linux's remoteproc keeps, in /sys/class/remoteproc.
 * Remoteproc layer, Linux only. Chooses its firmware, starts and stops it, follows what happens to it.
 *
 * This is no back-end of rproc.h: there, this library loads the image, holds the resource table, the
 * rings and the doorbell, and a life begins with a call. Here the kernel has all of that, tells nobody of
 * a doorbell, and begins new lives by itself: after a crash, or because another program said so. What
 * is left is this small noun. The channels are rpmsg_service.h's, the memory remote.h's.
 *
 * One thread at a time for one remoteproc.
 */
#ifndef AMPHORA_REMOTEPROC_H
#define AMPHORA_REMOTEPROC_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_REMOTEPROC_TEXT_MAX 128 /* bytes of a name or an attribute, with the closing NUL */

enum amph_remoteproc_state {
	AMPH_REMOTEPROC_OFFLINE,
	AMPH_REMOTEPROC_SUSPENDED,
	AMPH_REMOTEPROC_RUNNING,
	AMPH_REMOTEPROC_CRASHED, /* and not recovered: it may still be on */
	AMPH_REMOTEPROC_ATTACHED, /* it runs; somebody else, a boot loader, has started it */
	AMPH_REMOTEPROC_DETACHED, /* it runs, and Linux has nothing to do with it */
	AMPH_REMOTEPROC_UNKNOWN
};

struct amph_remoteproc_command;

struct amph_remoteproc {
	uint32_t index; /* N of remoteprocN */
	char name[AMPH_REMOTEPROC_TEXT_MAX];
	enum amph_remoteproc_state state; /* as last looked at */
	/*
	 * How many lives there were: grows with each. Exact where the kernel module amphora is loaded;
	 * else counted by what was looked at, and a life that came and went in between is missed.
	 */
	uint64_t boots;
	bool exact;
	int fd; /* owned; where exact, poll() it for POLLPRI, then call amph_remoteproc_wait(); else -1 */
	struct amph_why why;
	struct amph_remoteproc_command *command; /* one that has not come back by its deadline */
};

/*
 * The numbers of all remote processors, ascending, at most `max`. Returns 0 and *count, how many there
 * are, also if that is more than max; 0 of them where the kernel has no remoteproc.
 */
int amph_remoteproc_list(uint32_t *indices, uint32_t max, uint32_t *count);

/*
 * A remote processor by what a user calls it: its name ("vsoc"), "remoteproc0", or "0". A name that
 * two have is the one with the lower number. Returns 0 and *index, or -ENOENT and *why (may be NULL).
 */
int amph_remoteproc_find(const char *name, uint32_t *index, struct amph_why *why);

/*
 * Opens remoteprocN. Needs no right but that to read /sys; with the one to open /dev/amphora and
 * /dev/remoteprocN, what happens is told by the kernel, else it is looked for every few milliseconds.
 * Nothing is changed; another program's RPROC_SET_SHUTDOWN_ON_RELEASE is respected: while it is
 * set /dev/remoteprocN is not opened, as closing it would stop the processor.
 * Returns 0; -ENOENT (no such remote processor), -EPROTO (built with other limits); *why.
 */
int amph_remoteproc_open_checked(struct amph_remoteproc *remoteproc, uint32_t index,
				 struct amph_why *why, uint32_t abi, uint32_t structure_size);
static inline int amph_remoteproc_open(struct amph_remoteproc *remoteproc, uint32_t index,
				       struct amph_why *why)
{
	return amph_remoteproc_open_checked(remoteproc, index, why, AMPH_ABI,
					    (uint32_t)sizeof(*remoteproc));
}

/* Closes; the processor goes on as it is. A command that has not come back goes on, too. */
void amph_remoteproc_close(struct amph_remoteproc *remoteproc);

/*
 * An attribute of it. Reading: "firmware", "recovery", "coredump", "name", "state". Writing: "firmware"
 * (the image's file name, relative to the kernel's firmware folders; only while it is off),
 * "recovery" (enabled, disabled: whether the kernel restarts it after a crash; recover: now) and
 * "coredump" (disabled, enabled, inline).
 * Return 0; -EINVAL (no such attribute, or a value that the kernel does not know), -EBUSY (firmware: it
 * is not off; or a former command has not come back), -EACCES, -ENOENT (it is gone), -ETIMEDOUT (the
 * kernel has not answered by the deadline, and goes on), the kernel's errors; remoteproc->why.
 * text: at most AMPH_REMOTEPROC_TEXT_MAX bytes with the NUL.
 */
int amph_remoteproc_get(struct amph_remoteproc *remoteproc, const char *attribute, char *text,
			uint32_t size);
int amph_remoteproc_set(struct amph_remoteproc *remoteproc, const char *attribute,
			const char *value, uint64_t deadline);

/*
 * Puts an image where the kernel looks for firmware, and chooses it: the file amphora-remoteprocN.elf in
 * the folder of /sys/module/firmware_class/parameters/path, else /lib/firmware, in place of a former
 * one in one step. It stays there: the kernel reads it for each start and each recovery.
 * Returns 0; -EBUSY (it is not off), -EACCES, -EROFS, -ENOSPC and other errors of the file system;
 * -EINVAL (size 0), as amph_remoteproc_set(); remoteproc->why.
 */
int amph_remoteproc_install(struct amph_remoteproc *remoteproc, const void *image, uint64_t size,
			    uint64_t deadline);

/*
 * Starts it with the firmware that is chosen; one that is detached is attached to. Returns 0 when it
 * was started (remoteproc->state: it may have crashed since); -EBUSY (it runs already, or has crashed:
 * stop it), -ETIMEDOUT (the kernel goes on with it), the kernel's errors (-ENOENT: no such firmware
 * file); remoteproc->why.
 */
int amph_remoteproc_start(struct amph_remoteproc *remoteproc, uint64_t deadline);

/*
 * Stops it. Returns 0 when it is off; -EBUSY (another user has started it as well, and it runs on),
 * -EINVAL (it is off, or detached: Linux can't stop it), -ETIMEDOUT, the kernel's errors; why.
 * What RPMsg devices it had are gone then.
 */
int amph_remoteproc_stop(struct amph_remoteproc *remoteproc, uint64_t deadline);

/*
 * Lets it run on without Linux: what its driver can do only if it was attached to. Nothing that it
 * reaches is proved to be unused. Errors as amph_remoteproc_stop().
 */
int amph_remoteproc_detach(struct amph_remoteproc *remoteproc, uint64_t deadline);

/*
 * Waits until its state or life is another than remoteproc->state and boots say, or until the
 * deadline; one in the past only looks. Returns 0 with the new ones; -ETIMEDOUT; -ENOENT (it is
 * gone).
 */
int amph_remoteproc_wait(struct amph_remoteproc *remoteproc, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
