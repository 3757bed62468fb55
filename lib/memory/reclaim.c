/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reclaiming: what a target held is the CPU's again, without a hand-off.
 * Memory layer; freestanding. For a target that is proved off; who never says so does not link it.
 */
#include <amphora/log.h>

#include "memory/range.h"
#include "memory/sanitize.h"

void amph_shm_reclaim(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	const struct amph_hand_off hand_off = {.remove = attachment->bit};

	for (uint32_t i = 0; i < shm->range_count; i++) {
		struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & attachment->bit))
			continue;
		amph_sanitize(taking, attachment, range->offset, range->length);
		if (range->written && amph_attachment_has_cache(attachment) &&
		    amph_attachment_invalidate(attachment, range->offset, range->length))
			amph_log(AMPH_LOG_WARNING,
				 "the cache can't be invalidated: stale bytes from here on",
				 range->offset, range->length);
		amph_sanitize(taken, attachment, range->offset, range->length, range->written);
		amph_range_handed(range, &hand_off);
		if (!range->holders)
			range->holders = AMPH_HOLDER_CPU;
	}
	amph_range_merge(shm);
	amph_sanitize(changed, shm, 0, shm->size);
}
