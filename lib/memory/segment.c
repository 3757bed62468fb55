/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Segment lists: built up with neighbours merged, and checked against a buffer's size.
 * Memory layer; freestanding; knows nothing but the list.
 * Providers and targets build them, open, import and attach check them.
 */
#include "memory/internal.h"

int amph_segments_append(struct amph_segment *segments, uint32_t *count, uint32_t max,
			 uint64_t address, uint64_t length)
{
	if (*count) {
		struct amph_segment *last = &segments[*count - 1];

		/* unsigned: an end of exactly 2^64 wraps to 0, which is no continuation */
		if (address && last->address + last->length == address) {
			last->length += length;
			return 0;
		}
	}
	if (*count >= max)
		return -ENOSPC;
	segments[*count] = (struct amph_segment){.address = address, .length = length};
	(*count)++;
	return 0;
}

int amph_segments_check(const struct amph_segment *segments, uint32_t count, uint64_t size,
			struct amph_why *why)
{
	uint64_t left = size;

	for (uint32_t i = 0; i < count; i++) {
		if (!segments[i].length)
			return amph_refuse(why, -EINVAL, "a segment is empty", i, count);
		if (segments[i].length - 1 > UINT64_MAX - segments[i].address)
			return amph_refuse(why, -EINVAL, "a segment goes past the last address",
					   segments[i].address, segments[i].length);
		if (segments[i].length > left)
			return amph_refuse(why, -EINVAL, "the segments are longer than the buffer",
					   segments[i].length, left);
		left -= segments[i].length;
	}
	if (left)
		return amph_refuse(why, -EINVAL, "the segments are shorter than the buffer",
				   size - left, size);
	return 0;
}
