/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The record of a buffer's ranges: found, counted, split and merged, in the caller's storage.
 * Memory layer; freestanding; knows nothing of targets and caches. See range.h.
 */
#include "memory/range.h"

struct amph_range amph_range_handed(struct amph_range range, const struct amph_hand_off *hand_off)
{
	range.holders = (range.holders & ~hand_off->remove) | hand_off->add;
	range.reading = (range.reading || hand_off->share) && !amph_range_alone(range.holders);
	range.written = hand_off->written || (hand_off->pass && range.written);
	return range;
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

uint32_t amph_range_count_after(const struct amph_shm *shm, uint64_t offset, uint64_t end,
				const struct amph_hand_off *hand_off)
{
	const struct amph_range *ranges = shm->storage.ranges;
	uint32_t i = amph_range_find(shm, offset);
	uint32_t count = i;
	struct amph_range last = i ? ranges[i - 1] : (struct amph_range){0};

	for (; i < shm->range_count && ranges[i].offset < end; i++) {
		struct amph_range next = amph_range_handed(ranges[i], hand_off);

		if (ranges[i].offset < offset) {
			count++;
			last = ranges[i];
		}
		count += !same(&last, &next);
		last = next;
		if (end_of(&ranges[i]) > end) {
			count++;
			last = ranges[i];
		}
	}
	count += shm->range_count - i;
	return i < shm->range_count && same(&last, &ranges[i]) ? count - 1 : count;
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

/* Makes room for `more` records after record i. */
static void make_room(struct amph_shm *shm, uint32_t i, uint32_t more)
{
	struct amph_range *ranges = shm->storage.ranges;

	for (uint32_t k = shm->range_count; k-- > i + 1;)
		ranges[k + more] = ranges[k];
	shm->range_count += more;
}

/* Hands over a true part, from..end, of one record. */
static void hand_over_part(struct amph_shm *shm, uint64_t from, uint64_t end,
			   const struct amph_hand_off *hand_off)
{
	uint32_t i = amph_range_find(shm, from);
	struct amph_range *range = &shm->storage.ranges[i];
	struct amph_range old = *range;
	struct amph_range part = amph_range_handed(old, hand_off);

	part.offset = from;
	part.length = end - from;
	if (from > old.offset && end < end_of(&old)) {
		make_room(shm, i, 2);
		range[2] = old;
		range[2].offset = end;
		range[2].length = end_of(&old) - end;
		range[1] = part;
		range[0].length = from - old.offset;
	} else if (from > old.offset) {
		range[0].length -= part.length;
		if (i + 1 < shm->range_count && same(&range[1], &part)) {
			range[1].offset = from;
			range[1].length += part.length;
		} else {
			make_room(shm, i, 1);
			range[1] = part;
		}
	} else {
		range[0].offset = end;
		range[0].length -= part.length;
		if (i && same(&range[-1], &part)) {
			range[-1].length += part.length;
		} else {
			struct amph_range rest = range[0];

			make_room(shm, i, 1);
			range[1] = rest;
			range[0] = part;
		}
	}
}

/*
 * Changes the record; count_after() said that it fits. Whole records first, which only makes them
 * fewer, then the parts at both ends: so there are never more than at the end.
 */
void amph_range_hand_over(struct amph_shm *shm, uint64_t offset, uint64_t length,
			  const struct amph_hand_off *hand_off)
{
	struct amph_range *ranges = shm->storage.ranges;
	uint64_t end = offset + length;
	uint32_t first = amph_range_find(shm, offset), last = amph_range_find(shm, end - 1);
	bool left = ranges[first].offset<offset, right = end_of(&ranges[last])> end;
	uint64_t left_end = end_of(&ranges[first]) < end ? end_of(&ranges[first]) : end;
	uint64_t right_from = ranges[last].offset;

	for (uint32_t i = first + left; i + right <= last; i++)
		ranges[i] = amph_range_handed(ranges[i], hand_off);
	amph_range_merge(shm);
	if (left)
		hand_over_part(shm, offset, left_end, hand_off);
	if (right && !(left && first == last))
		hand_over_part(shm, right_from, end, hand_off);
}
