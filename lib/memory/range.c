/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a buffer's ranges: found, counted, split and merged, in the caller's storage.
 * Memory layer; freestanding; knows nothing of targets and caches. See range.h.
 */
#include "memory/range.h"

void amph_range_handed(struct amph_range *range, const struct amph_hand_off *hand_off)
{
	range->holders = (range->holders & ~hand_off->remove) | hand_off->add;
	range->reading = (range->reading || hand_off->share) && !amph_range_alone(range->holders);
	range->written = hand_off->written || (hand_off->pass && range->written);
}

static bool same(const struct amph_range *a, const struct amph_range *b)
{
	return a->holders == b->holders && a->reading == b->reading && a->written == b->written;
}

static uint64_t end_of(const struct amph_range *range)
{
	return range->offset + range->length;
}

uint32_t amph_range_find(const struct amph_shm *shm, uint64_t offset)
{
	uint32_t low = 0, high = shm->range_count;

	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		if (shm->storage.ranges[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void amph_range_merge(struct amph_shm *shm)
{
	struct amph_range *ranges = shm->storage.ranges;
	uint32_t count = 1;

	for (uint32_t i = 1; i < shm->range_count; i++) {
		if (same(&ranges[count - 1], &ranges[i]))
			ranges[count - 1].length += ranges[i].length;
		else
			ranges[count++] = ranges[i];
	}
	shm->range_count = count;
}

/* Moves the records from i on, so that they start at `to`: the last one first when they move up. */
static void move_tail(const struct amph_shm *shm, uint32_t i, uint32_t to)
{
	struct amph_range *ranges = shm->storage.ranges;
	uint32_t count = shm->range_count - i;

	for (uint32_t k = 0; k < count; k++) {
		uint32_t at = to > i ? count - 1 - k : k;

		ranges[to + at] = ranges[i + at];
	}
}

/* The record that a hand-off of ranges[i] from `offset` on may lengthen or follow, and where it goes. */
static struct amph_range before(const struct amph_shm *shm, uint32_t i, uint64_t offset,
				const struct amph_hand_off *hand_off, uint32_t *out)
{
	struct amph_range last = shm->storage.ranges[i];

	*out = i;
	if (last.offset < offset) {
		last.length = offset - last.offset;
	} else if (i) {
		last = shm->storage.ranges[i - 1];
		*out = i - 1;
	} else {
		/* nothing lies before: an empty one, which the first part lengthens */
		amph_range_handed(&last, hand_off);
		last.length = 0;
	}
	return last;
}

/*
 * Goes over the records once. A record is written only when the next one is another, so that writing
 * never overtakes reading: each record read makes at most one, and the last of all is kept back. Only
 * where the range ends inside a record there is one more; then what follows is moved first.
 */
uint32_t amph_range_hand_over(struct amph_shm *shm, uint64_t offset, uint64_t end,
			      const struct amph_hand_off *hand_off, bool write)
{
	struct amph_range *ranges = shm->storage.ranges;
	uint32_t i = amph_range_find(shm, offset), out, behind;
	struct amph_range last = before(shm, i, offset, hand_off, &out), part, rest;
	uint64_t last_end;

	do {
		part = ranges[i++];
		last_end = end_of(&part);
		rest = part;
		amph_range_handed(&part, hand_off);
		if (part.offset < offset)
			part.offset = offset;
		if (!same(&last, &part)) {
			if (write)
				ranges[out] = last;
			out++;
			last = part;
		}
		last.length = (last_end < end ? last_end : end) - last.offset;
	} while (i < shm->range_count && ranges[i].offset < end);

	rest.length = last_end - end;
	rest.offset = end;
	if (last_end <= end) {
		rest.length = 0;
		if (i < shm->range_count && same(&last, &ranges[i]))
			last.length += ranges[i++].length;
	}
	behind = out + (rest.length ? 2 : 1);
	if (write) {
		move_tail(shm, i, behind);
		ranges[out] = last;
		if (rest.length)
			ranges[out + 1] = rest;
		shm->range_count += behind - i;
		return shm->range_count;
	}
	return shm->range_count + behind - i;
}
