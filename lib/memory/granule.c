/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The granule of an attachment: no two owners ever share a cache line.
 * Memory layer; freestanding; knows the port's line and the target's. Asked by attach and import.
 */
#include <amphora/cache.h>

#include "memory/range.h"

int amph_attachment_granule(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	const struct amph_target *target = attachment->target;
	uint32_t granule = target->cache_line > 1 ? target->cache_line : 1;

	attachment->granule = 1;
	if (target->coherent)
		return 0;
	if (!amph_range_alone(granule))
		return amph_refuse(&shm->why, -EINVAL,
				   "the target's cache line is not a power of two", granule, 0);
	if (amph_cache_line() > granule)
		granule = amph_cache_line();
	/* the bytes behind an odd end, or before an odd start, are somebody else's */
	if (shm->size & (granule - 1))
		return amph_refuse(&shm->why, -EINVAL,
				   "the buffer's size is not a multiple of the cache line",
				   shm->size, granule);
	if ((uintptr_t)shm->va & (granule - 1))
		return amph_refuse(&shm->why, -EINVAL, "the buffer does not start on a cache line",
				   (uintptr_t)shm->va, granule);
	for (uint32_t i = 0; i < shm->segment_count; i++)
		if ((shm->storage.segments[i].address | shm->storage.segments[i].length) &
		    (granule - 1))
			return amph_refuse(&shm->why, -EINVAL,
					   "a segment does not start and end on a cache line",
					   shm->storage.segments[i].address, granule);
	attachment->granule = granule;
	return 0;
}
