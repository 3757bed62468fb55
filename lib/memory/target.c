/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Targets: lost, proved off, up again; what their quarantine holds.
 * Memory layer; freestanding. The end of a buffer's way when it is not an orderly one.
 */
#include <amphora/fork.h>

#include "memory/internal.h"
#include "memory/sanitize.h"

/*
 * A child has a copy of the lists, but the buffers' mappings were kept out of it: what lies at their
 * addresses is its own by now, and the pool behind others is its parent's.
 */
bool amph_target_forked(const struct amph_target *target)
{
	return target->owner && target->owner - 1 != amph_fork_generation();
}

void amph_target_lost(struct amph_target *target)
{
	if (amph_target_forked(target) || target->state != AMPH_TARGET_ALIVE)
		return;
	target->state = AMPH_TARGET_LOST;
	for (struct amph_attachment *a = target->attachments; a; a = a->target_next)
		amph_attachment_quarantine(a);
}

static void end_attachment(struct amph_target *target, struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;

	amph_shm_reclaim(attachment);
	amph_sanitize(detaching, attachment);
	target->ops->detach(target, attachment);
	amph_attachment_acquit(attachment);
	if (attachment == shm->home)
		shm->home = NULL;
	amph_attachment_unlink(attachment);
	amph_shm_finish(shm);
}

void amph_target_off(struct amph_target *target)
{
	if (amph_target_forked(target))
		return;
	target->state = AMPH_TARGET_OFF;
	while (target->attachments)
		end_attachment(target, target->attachments);
}

int amph_target_up(struct amph_target *target)
{
	if (amph_target_forked(target))
		return -EPERM;
	if (target->state != AMPH_TARGET_OFF)
		return -EBUSY;
	target->state = AMPH_TARGET_ALIVE;
	return 0;
}
