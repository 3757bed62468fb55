/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Checking a buffer: every invariant of its records, for tests and for whoever suspects a bug.
 * Memory layer; freestanding; reads only.
 */
#include "memory/range.h"

static int check_record(const struct amph_shm *shm, const struct amph_range *range)
{
	if (!range->length || !range->holders || range->holders & ~shm->attachment_bits)
		return -EFAULT;
	/* shared means: this side's CPU and somebody else */
	if (range->reading &&
	    (amph_range_alone(range->holders) || !(range->holders & AMPH_HOLDER_CPU)))
		return -EFAULT;
	if (!range->reading && !amph_range_alone(range->holders))
		return -EFAULT;
	if (range->written && range->holders & AMPH_HOLDER_CPU)
		return -EFAULT;
	return 0;
}

static int check_ranges(const struct amph_shm *shm)
{
	const struct amph_range *ranges = shm->storage.ranges;
	uint64_t end = 0;

	if (shm->range_count > shm->storage.range_max)
		return -EFAULT;
	for (uint32_t i = 0; i < shm->range_count; i++) {
		if (ranges[i].offset != end || ranges[i].length > shm->size - end ||
		    check_record(shm, &ranges[i]))
			return -EFAULT;
		/* neighbours that say the same are one record */
		if (i && ranges[i - 1].holders == ranges[i].holders &&
		    ranges[i - 1].reading == ranges[i].reading &&
		    ranges[i - 1].written == ranges[i].written)
			return -EFAULT;
		end += ranges[i].length;
	}
	return end == shm->size ? 0 : -EFAULT;
}

static int check_attachments(const struct amph_shm *shm)
{
	uint32_t bits = AMPH_HOLDER_CPU, quarantined = 0;
	bool home = !shm->home;

	for (const struct amph_attachment *a = shm->attachments; a; a = a->next) {
		if (a->shm != shm || !a->bit || !amph_range_alone(a->bit) || bits & a->bit ||
		    !a->granule)
			return -EFAULT;
		if (a->segment_count &&
		    amph_segments_check(a->segments, a->segment_count, shm->size, NULL))
			return -EFAULT;
		bits |= a->bit;
		quarantined += a->quarantined;
		home = home || a == shm->home;
	}
	return bits == shm->attachment_bits && quarantined == shm->quarantined && home ? 0
										       : -EFAULT;
}

int amph_shm_check(const struct amph_shm *shm)
{
	if (!shm->memory || !shm->references == !shm->abandoned)
		return -EFAULT;
	if (shm->flags & AMPH_SHM_PROTECTED && shm->va)
		return -EFAULT;
	if (shm->link && *shm->link != shm)
		return -EFAULT;
	if (shm->name_link && (*shm->name_link != shm || shm->imported || !shm->link))
		return -EFAULT;
	if (shm->segment_count > shm->storage.segment_max ||
	    (shm->segment_count &&
	     amph_segments_check(shm->storage.segments, shm->segment_count, shm->size, NULL)))
		return -EFAULT;
	return check_ranges(shm) || check_attachments(shm) ? -EFAULT : 0;
}
