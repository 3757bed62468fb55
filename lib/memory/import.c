/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Importing a buffer: memory that another side opened and offered.
 * Memory layer; freestanding. The other side is the home: all of it starts there.
 */
#include <amphora/policy.h>

#include "memory/internal.h"

static int check_import(struct amph_shm *shm, const struct amph_target *home, uint32_t direction)
{
	if (!direction || direction & ~AMPH_DEVICE_READS_WRITES)
		return amph_refuse(&shm->why, -EINVAL, "the direction is neither read nor write",
				   direction, AMPH_DEVICE_READS_WRITES);
	if (shm->flags & AMPH_SHM_READ_ONLY && direction & AMPH_DEVICE_WRITES)
		return amph_refuse(&shm->why, -EROFS, "writing to a read-only buffer", direction,
				   AMPH_DEVICE_READS);
	if (shm->flags & AMPH_SHM_PROTECTED && shm->va)
		return amph_refuse(&shm->why, -EINVAL, "a protected buffer has no mapping",
				   shm->flags, 0);
	if (amph_target_forked(home))
		return amph_refuse(&shm->why, -EPERM,
				   "the home belongs to the process that forked this one",
				   home->owner - 1, 0);
	if (home->state != AMPH_TARGET_ALIVE)
		return amph_refuse(&shm->why, -ENODEV, "the home is gone", home->state,
				   AMPH_TARGET_ALIVE);
	if (shm->segment_count > shm->storage.segment_max)
		return amph_refuse(&shm->why, -EINVAL, "more segments than their storage holds",
				   shm->segment_count, shm->storage.segment_max);
	if (shm->segment_count)
		return amph_segments_check(shm->storage.segments, shm->segment_count, shm->size,
					   &shm->why);
	return 0;
}

int amph_shm_import(struct amph_memory *memory, struct amph_shm *shm,
		    const struct amph_shm_storage *storage, const char *name, uint64_t size,
		    uint32_t flags, void *va, uint32_t segment_count, struct amph_target *home,
		    uint32_t direction, struct amph_attachment *attachment)
{
	const char *own_name;
	int error = amph_shm_prepare(memory, shm, storage, name, size, flags, &own_name);

	if (!error) {
		shm->va = va;
		shm->segment_count = segment_count;
		error = check_import(shm, home, direction);
	}
	if (error)
		return amph_shm_fail(memory, shm, error);

	*attachment = (struct amph_attachment){.shm = shm,
					       .target = home,
					       .direction = direction,
					       .granule = 1,
					       .coherent = home->coherent};
	shm->memory = memory;
	error = amph_attachment_granule(attachment);
	if (!error && memory->policy)
		error = memory->policy->ops->import(attachment);
	if (error) {
		attachment->shm = NULL;
		return amph_shm_fail(memory, shm, error);
	}
	shm->imported = true;
	shm->cpu_reads_only = !(direction & AMPH_DEVICE_WRITES);
	amph_attachment_link(attachment);
	shm->home = attachment;
	amph_shm_publish(shm, attachment->bit);
	return 0;
}
