/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attaching a buffer to a target: what the plug-in answers is checked against what the target can.
 * Memory layer; freestanding; knows the target's table. After it the target's addresses are known.
 */
#include <amphora/policy.h>

#include "memory/internal.h"
#include "memory/sanitize.h"

static int check_quarantine(struct amph_shm *shm, const struct amph_target *target)
{
	const struct amph_memory *memory = shm->memory;
	uint64_t max = target->quarantine_max ? target->quarantine_max : AMPH_QUARANTINE_TARGET;

	if (target->quarantine_size >= max)
		return amph_refuse(&shm->why, -EDQUOT, "the target's quarantine is full",
				   target->quarantine_size, max);
	max = memory->quarantine_max ? memory->quarantine_max : AMPH_QUARANTINE_MEMORY;
	if (memory->quarantine_size >= max)
		return amph_refuse(&shm->why, -EDQUOT, "the memory context's quarantine is full",
				   memory->quarantine_size, max);
	return 0;
}

static int check_target(struct amph_shm *shm, const struct amph_target *target, uint32_t direction)
{
	const struct amph_attachment *attachment;

	if (!direction || direction & ~AMPH_DEVICE_READS_WRITES)
		return amph_refuse(&shm->why, -EINVAL, "the direction is neither read nor write",
				   direction, AMPH_DEVICE_READS_WRITES);
	if (amph_target_forked(target))
		return amph_refuse(&shm->why, -EPERM,
				   "the target belongs to the process that forked this one",
				   target->owner - 1, shm->memory->fork_generation);
	if (direction & AMPH_DEVICE_WRITES &&
	    (shm->flags & AMPH_SHM_READ_ONLY || shm->cpu_reads_only))
		return amph_refuse(&shm->why, -EROFS, "writing to a read-only buffer", direction,
				   AMPH_DEVICE_READS);
	if (target->state != AMPH_TARGET_ALIVE)
		return amph_refuse(&shm->why, -ENODEV, "the target is gone", target->state,
				   AMPH_TARGET_ALIVE);
	for (attachment = shm->attachments; attachment; attachment = attachment->next)
		if (attachment->target == target)
			return amph_refuse(&shm->why, -EBUSY,
					   "the buffer is attached to this target already",
					   attachment->bit, 0);
	if (shm->attachment_bits == UINT32_MAX >> (31 - AMPH_ATTACHMENTS_MAX))
		return amph_refuse(&shm->why, -ENOSPC, "the buffer has too many attachments",
				   AMPH_ATTACHMENTS_MAX, AMPH_ATTACHMENTS_MAX);
	return check_quarantine(shm, target);
}

/* Segments that continue each other in the target's addresses are one to it. */
static void merge(struct amph_attachment *attachment)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < attachment->segment_count; i++) {
		struct amph_segment segment = attachment->segments[i];

		/* never refused: it writes at or before what it reads */
		amph_segments_append(attachment->segments, &count, attachment->segment_count,
				     segment.address, segment.length);
	}
	attachment->segment_count = count;
}

static int check_segments(struct amph_attachment *attachment)
{
	const struct amph_target *target = attachment->target;
	struct amph_why *why = &attachment->shm->why;
	uint64_t top = UINT64_MAX;
	int error;

	if (!attachment->segment_count)
		return amph_refuse(why, -ERANGE, "the target has no address for the buffer", 0, 1);
	if (attachment->segment_count > attachment->segment_max)
		return amph_refuse(why, -ENOSPC, "no storage for the target's segments",
				   attachment->segment_count, attachment->segment_max);
	error = amph_segments_check(attachment->segments, attachment->segment_count,
				    attachment->shm->size, why);
	if (error)
		return error;
	merge(attachment);
	if (target->segment_max && attachment->segment_count > target->segment_max)
		return amph_refuse(why, -EFBIG, "more segments than the target takes",
				   attachment->segment_count, target->segment_max);
	if (target->address_bits && target->address_bits < 64)
		top = (UINT64_C(1) << target->address_bits) - 1;
	for (uint32_t i = 0; i < attachment->segment_count; i++) {
		const struct amph_segment *segment = &attachment->segments[i];
		uint64_t last = segment->address + (segment->length - 1);
		bool middle = i + 1 < attachment->segment_count;

		if (last > top)
			return amph_refuse(why, -ERANGE, "the address is too wide for the target",
					   last, top);
		if (target->alignment > 1 && segment->address % target->alignment)
			return amph_refuse(why, -EINVAL, "a segment's address is misaligned",
					   segment->address, target->alignment);
		if (target->alignment > 1 && middle && segment->length % target->alignment)
			return amph_refuse(why, -EINVAL, "a segment's length is misaligned",
					   segment->length, target->alignment);
	}
	return 0;
}

int amph_shm_attach(struct amph_shm *shm, struct amph_target *target, uint32_t direction,
		    enum amph_sync_method method, struct amph_attachment *attachment,
		    struct amph_segment *segments, uint32_t segment_max)
{
	const struct amph_policy *policy;
	int error = amph_shm_usable(shm);

	if (!error)
		error = check_target(shm, target, direction);
	if (error)
		return error;

	policy = shm->memory->policy;
	*attachment = (struct amph_attachment){
		.shm = shm,
		.target = target,
		.segments = segments,
		.segment_max = segments ? segment_max : 0,
		.direction = direction,
		.method = method,
		.granule = 1,
		.coherent = target->coherent,
	};
	error = amph_attachment_granule(attachment);
	if (!error && policy)
		error = policy->ops->attach(attachment);
	if (!error)
		error = target->ops->attach(target, attachment);
	if (!error) {
		error = check_segments(attachment);
		if (!error && policy)
			error = policy->ops->attached(attachment);
		if (error)
			target->ops->detach(target, attachment);
	}
	if (error) {
		attachment->shm = NULL;
		return error;
	}
	amph_attachment_link(attachment);
	amph_sanitize(attached, attachment);
	return 0;
}
