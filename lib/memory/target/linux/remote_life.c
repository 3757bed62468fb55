/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The life of a remote processor, as the target that it is: alive, lost, off, alive again.
 * Memory layer, Linux. The end of a buffer's way when the processor ends first.
 */
#include <poll.h>

#include <amphora/fork.h>
#include <amphora/time.h>

#include "memory/target/linux/remote_internal.h"
#include "platform/linux/wait.h"

/* The kernel tells nobody of a crash from which it does not recover by itself: so it is asked. */
#define ASK_EVERY_MS 100

/*
 * Of a life that has ended: by its stop, or with a detach, which leaves the processor running; only
 * the kernel knows which, of each attachment. The state alone says too little: it can be that of the
 * next life, and it changes before the kernel has unmapped what was attached.
 */
static bool proved_off(const struct amph_remote *remote, const struct amphora_remote_info *info)
{
	if (info->boots == remote->boots && info->state != AMPHORA_OFF &&
	    info->state != AMPHORA_GONE)
		return false;
	for (const struct amph_attachment *a = remote->target.attachments; a; a = a->target_next)
		if (!amph_remote_reaches_no_more(a))
			return false;
	return true;
}

/* One step towards what the processor is. Returns whether there was one. */
static bool step(struct amph_remote *remote, const struct amphora_remote_info *info)
{
	struct amph_target *target = &remote->target;
	bool runs = info->state == AMPHORA_RUNNING;

	switch (target->state) {
	case AMPH_TARGET_ALIVE:
		if (runs && info->boots == remote->boots)
			return false;
		amph_target_lost(target);
		return true;
	case AMPH_TARGET_LOST:
		if (!proved_off(remote, info))
			return false;
		amph_target_off(target);
		return true;
	case AMPH_TARGET_OFF:
		if (!runs)
			return false;
		amph_remote_learn(remote, info);
		amph_target_up(target);
		return true;
	}
	return false;
}

static int ask(struct amph_remote *remote, struct amphora_remote_info *info)
{
	int error = remote->fd < 0 ? -EBADF
				   : amph_module_call(remote->fd, AMPHORA_IOC_REMOTE_INFO, info);

	if (error)
		amph_refuse(&remote->why, error, "the kernel does not say what the remote is",
			    (uint64_t)-error, 0);
	return error;
}

int amph_remote_poll(struct amph_remote *remote, uint64_t deadline)
{
	struct amphora_remote_info info;
	int error;

	if (remote->fork_generation != amph_fork_generation())
		return amph_refuse(&remote->why, -EPERM,
				   "the remote belongs to the process that forked this one",
				   remote->fork_generation, amph_fork_generation());
	for (;;) {
		uint64_t next = amph_deadline(ASK_EVERY_MS);

		error = ask(remote, &info);
		if (error)
			return error;
		if (step(remote, &info))
			return 0;
		if (info.state == AMPHORA_GONE)
			return amph_refuse(&remote->why, -ENODEV,
					   "the remote processor's driver is gone", info.index, 0);
		error = amph_wait_fd(remote->fd, POLLPRI, next < deadline ? next : deadline);
		if (error && error != -ETIMEDOUT)
			return error;
		if (error && next >= deadline)
			return error;
	}
}
