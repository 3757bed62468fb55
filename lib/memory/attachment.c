/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attachments: the lists they are in, their end, and their addresses.
 * Memory layer; freestanding. Between attach and detach a target can reach the buffer.
 */
#include <amphora/policy.h>

#include "memory/internal.h"
#include "memory/sanitize.h"

void amph_attachment_link(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	struct amph_target *target = attachment->target;

	/* the lowest free bit: the caller has checked that there is one */
	attachment->bit = ~shm->attachment_bits & (shm->attachment_bits + 1);
	shm->attachment_bits |= attachment->bit;
	attachment->next = shm->attachments;
	shm->attachments = attachment;
	attachment->target_next = target->attachments;
	attachment->target_link = &target->attachments;
	if (attachment->target_next)
		attachment->target_next->target_link = &attachment->target_next;
	target->attachments = attachment;
	target->owner = shm->memory->fork_generation + 1;
}

void amph_attachment_unlink(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	struct amph_attachment **link = &shm->attachments; /* a buffer has few */

	if (attachment->rule)
		shm->memory->policy->ops->ended(attachment);
	while (*link != attachment)
		link = &(*link)->next;
	*link = attachment->next;
	/* a target may have many */
	*attachment->target_link = attachment->target_next;
	if (attachment->target_next)
		attachment->target_next->target_link = attachment->target_link;
	shm->attachment_bits &= ~attachment->bit;
	/* whoever uses it from now on is refused */
	attachment->shm = NULL;
	attachment->bit = 0;
}

void amph_attachment_quarantine(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;

	/* an import is its home's memory: not this side's to reuse, so nothing to guard */
	if (attachment->quarantined || attachment == shm->home)
		return;
	attachment->quarantined = true;
	attachment->target->quarantine_size += shm->size;
	/* the context counts memory, not attachments */
	if (!shm->quarantined++)
		shm->memory->quarantine_size += shm->size;
}

void amph_attachment_acquit(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;

	if (!attachment->quarantined)
		return;
	attachment->quarantined = false;
	attachment->target->quarantine_size -= shm->size;
	if (!--shm->quarantined)
		shm->memory->quarantine_size -= shm->size;
}

int amph_shm_detach(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	struct amph_target *target = attachment->target;
	int error;

	if (!shm)
		return -ESTALE;
	if (amph_memory_forked(shm->memory))
		return amph_memory_refuse_child(shm->memory, &shm->why);
	if (attachment->quarantined)
		return amph_refuse(&shm->why, -EBUSY, "the target is lost and not yet proved off",
				   target->state, AMPH_TARGET_OFF);
	error = amph_shm_usable(shm);
	if (error)
		return error;
	if (attachment == shm->home)
		return amph_refuse(&shm->why, -EBUSY, "the home stays attached until the last put",
				   shm->references, 1);
	if (attachment->offered)
		return amph_refuse(&shm->why, -EBUSY,
				   "the other side may have it mapped: release it first",
				   shm->references, 1);
	for (uint32_t i = 0; i < shm->range_count; i++)
		if (shm->storage.ranges[i].holders & attachment->bit)
			return amph_refuse(&shm->why, -EBUSY, "the target holds bytes from here on",
					   shm->storage.ranges[i].offset,
					   shm->storage.ranges[i].length);
	amph_sanitize(detaching, attachment);
	target->ops->detach(target, attachment);
	amph_attachment_unlink(attachment);
	return 0;
}

int amph_attachment_da(const struct amph_attachment *attachment, uint64_t offset, uint64_t *da)
{
	for (uint32_t i = 0; i < attachment->segment_count; i++) {
		if (offset < attachment->segments[i].length) {
			*da = attachment->segments[i].address + offset;
			return 0;
		}
		offset -= attachment->segments[i].length;
	}
	return -ERANGE;
}
