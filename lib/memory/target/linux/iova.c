/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Choosing I/O virtual addresses: first fit. What is taken is read off the attachments themselves, so
 * there is no record that could disagree with them; their number is small.
 * Memory layer, private to the VFIO target; see iova.h.
 */
#include <stddef.h>

#include "memory/target/linux/iova.h"

/* An attachment that overlaps first .. last, or NULL. */
static const struct amph_segment *taken_in(const struct amph_iova_space *space, uint64_t first,
					   uint64_t last)
{
	for (const struct amph_attachment *a = space->taken; a; a = a->target_next) {
		const struct amph_segment *segment = &a->segments[0];

		if (segment->address <= last && segment->address + (segment->length - 1) >= first)
			return segment;
	}
	return NULL;
}

/* Rounds up; false where that is past 2^64. */
static bool align(uint64_t *address, uint64_t alignment)
{
	uint64_t rest = *address & (alignment - 1);

	if (rest && *address > UINT64_MAX - (alignment - rest))
		return false;
	*address += rest ? alignment - rest : 0;
	return true;
}

static bool find_between(const struct amph_iova_space *space, uint64_t first, uint64_t last,
			 uint64_t length, uint64_t *iova)
{
	uint64_t candidate = first ? first : 1;

	while (align(&candidate, space->alignment) && candidate <= last &&
	       last - candidate >= length - 1) {
		const struct amph_segment *taken =
			taken_in(space, candidate, candidate + (length - 1));

		if (!taken) {
			*iova = candidate;
			return true;
		}
		candidate = taken->address + (taken->length - 1);
		if (candidate == UINT64_MAX)
			return false;
		candidate++;
	}
	return false;
}

bool amph_iova_find(const struct amph_iova_space *space, struct amph_iova_range within,
		    uint64_t length, uint64_t *iova)
{
	bool found = false;

	if (!length)
		return false;
	for (uint32_t i = 0; i < space->count; i++) {
		uint64_t first = space->usable[i].first, last = space->usable[i].last, at;

		if (first < within.first)
			first = within.first;
		if (last > within.last)
			last = within.last;
		if (first > last || !find_between(space, first, last, length, &at))
			continue;
		if (!found || at < *iova)
			*iova = at;
		found = true;
	}
	return found;
}

int amph_iova_check(const struct amph_iova_space *space, struct amph_iova_range within,
		    uint64_t iova, uint64_t length, struct amph_why *why)
{
	uint64_t last = iova + (length - 1);
	const struct amph_segment *taken;

	if (!length || last < iova)
		return amph_refuse(why, -ERANGE, "the buffer would wrap around there", iova,
				   length);
	if (iova & (space->alignment - 1))
		return amph_refuse(why, -EINVAL,
				   "the IOVA is not a multiple of the IOMMU's page, or of what the "
				   "device needs",
				   iova, space->alignment);
	if (iova < within.first || last > within.last)
		return amph_refuse(why, -ERANGE, "the device does not reach that IOVA", last,
				   within.last);
	taken = taken_in(space, iova, last);
	if (taken)
		return amph_refuse(why, -EADDRINUSE, "another buffer is at that IOVA",
				   taken->address, taken->length);
	for (uint32_t i = 0; i < space->count; i++)
		if (iova >= space->usable[i].first && last <= space->usable[i].last)
			return 0;
	return amph_refuse(why, -ERANGE, "the IOVA is reserved, or the IOMMU does not reach it",
			   iova, length);
}
