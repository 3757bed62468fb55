/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ownership: who may touch which bytes, and the hand-offs between them.
 * Memory layer; freestanding; cache maintenance only through the target's hooks. The middle of the
 * way of a buffer: given, worked on, taken back.
 *
 * Every hand-off first checks everything, then maintains the caches, then changes the record, so
 * that whatever refuses leaves all as it was.
 */
#include <amphora/cache.h>
#include <amphora/log.h>

#include "memory/internal.h"

/* What a hand-off does to each record in its range. */
struct hand_off {
	uint32_t add, remove; /* holders */
	bool share; /* they read together afterwards */
	bool written; /* the new holder writes what the CPU may have cached */
	bool pass; /* the CPU has no part in it: what was written before stays so */
};

static bool alone(uint32_t holders)
{
	return !(holders & (holders - 1));
}

static struct amph_range handed(struct amph_range range, const struct hand_off *hand_off)
{
	range.holders = (range.holders & ~hand_off->remove) | hand_off->add;
	range.reading = (range.reading || hand_off->share) && !alone(range.holders);
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

/* The record that holds this byte of the buffer. */
static uint32_t find(const struct amph_shm *shm, uint64_t offset)
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

/* How many records there would be after it. */
static uint32_t count_after(const struct amph_shm *shm, uint64_t offset, uint64_t end,
			    const struct hand_off *hand_off)
{
	const struct amph_range *ranges = shm->storage.ranges;
	uint32_t i = find(shm, offset);
	uint32_t count = i;
	struct amph_range last = i ? ranges[i - 1] : (struct amph_range){0};

	for (; i < shm->range_count && ranges[i].offset < end; i++) {
		struct amph_range next = handed(ranges[i], hand_off);

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

static void merge(struct amph_shm *shm)
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
			   const struct hand_off *hand_off)
{
	uint32_t i = find(shm, from);
	struct amph_range *range = &shm->storage.ranges[i];
	struct amph_range old = *range;
	struct amph_range part = handed(old, hand_off);

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
static void hand_over(struct amph_shm *shm, uint64_t offset, uint64_t length,
		      const struct hand_off *hand_off)
{
	struct amph_range *ranges = shm->storage.ranges;
	uint64_t end = offset + length;
	uint32_t first = find(shm, offset), last = find(shm, end - 1);
	bool left = ranges[first].offset<offset, right = end_of(&ranges[last])> end;
	uint64_t left_end = end_of(&ranges[first]) < end ? end_of(&ranges[first]) : end;
	uint64_t right_from = ranges[last].offset;

	for (uint32_t i = first + left; i + right <= last; i++)
		ranges[i] = handed(ranges[i], hand_off);
	merge(shm);
	if (left)
		hand_over_part(shm, offset, left_end, hand_off);
	if (right && !(left && first == last))
		hand_over_part(shm, right_from, end, hand_off);
}

/* Can dirty lines of the CPU, or stale ones, be in the way of this target? */
static bool has_cache(const struct amph_attachment *attachment)
{
	const struct amph_shm *shm = attachment->shm;

	return !attachment->target->coherent && shm->va && !(shm->flags & AMPH_SHM_NOT_CACHED);
}

void amph_shm_reclaim(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	const struct amph_cache_ops *cache = attachment->target->cache;
	const struct hand_off hand_off = {.remove = attachment->bit};

	for (uint32_t i = 0; i < shm->range_count; i++) {
		struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & attachment->bit))
			continue;
		if (range->written && has_cache(attachment) && cache && cache->invalidate &&
		    cache->invalidate((char *)shm->va + range->offset, (size_t)range->length))
			amph_log(AMPH_LOG_WARNING,
				 "the cache can't be invalidated: stale bytes from here on",
				 range->offset, range->length);
		*range = handed(*range, &hand_off);
		if (!range->holders)
			range->holders = AMPH_HOLDER_CPU;
	}
	merge(shm);
}

int amph_attachment_granule(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	const struct amph_target *target = attachment->target;
	uint32_t granule = target->cache_line > 1 ? target->cache_line : 1;

	attachment->granule = 1;
	if (target->coherent)
		return 0;
	if (!alone(granule))
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

static int check_range(struct amph_shm *shm, uint64_t offset, uint64_t length, uint32_t granule)
{
	if (!length)
		return amph_refuse(&shm->why, -EINVAL, "the range is empty", offset, length);
	if (offset >= shm->size)
		return amph_refuse(&shm->why, -EINVAL, "the range starts outside the buffer",
				   offset, shm->size);
	if (length > shm->size - offset)
		return amph_refuse(&shm->why, -EINVAL, "the range ends outside the buffer", length,
				   shm->size - offset);
	if (offset & (granule - 1))
		return amph_refuse(&shm->why, -EINVAL,
				   "the offset is not a multiple of the granule", offset, granule);
	if (length & (granule - 1))
		return amph_refuse(&shm->why, -EINVAL,
				   "the length is not a multiple of the granule", length, granule);
	return 0;
}

/* What give, take and pass have in common. */
static int check_hand_off(const struct amph_attachment *attachment, uint64_t offset,
			  uint64_t length)
{
	struct amph_shm *shm = attachment->shm;
	int error;

	if (!shm)
		return -ESTALE;
	error = amph_shm_usable(shm);
	if (error)
		return error;
	if (attachment->target->state != AMPH_TARGET_ALIVE)
		return amph_refuse(&shm->why, -ENODEV,
				   "the target is lost: what it holds stays with it until it is "
				   "proved off",
				   attachment->target->state, AMPH_TARGET_ALIVE);
	return check_range(shm, offset, length, attachment->granule);
}

static int check_room(struct amph_shm *shm, uint64_t offset, uint64_t length,
		      const struct hand_off *hand_off)
{
	uint32_t count = count_after(shm, offset, offset + length, hand_off);

	if (count > shm->storage.range_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for that many ranges", count,
				   shm->storage.range_max);
	return 0;
}

/* The first byte at or after offset of this record. */
static uint64_t start_in(const struct amph_range *range, uint64_t offset)
{
	return range->offset > offset ? range->offset : offset;
}

/*
 * Who writes while the target has it? For an import the target is the home, which fills the buffer
 * as it likes: the direction says what this side does.
 */
static bool target_writes(const struct amph_attachment *attachment)
{
	return attachment == attachment->shm->home || attachment->direction & AMPH_DEVICE_WRITES;
}

static struct hand_off giving(const struct amph_attachment *attachment, bool reading)
{
	if (reading)
		return (struct hand_off){.add = attachment->bit, .share = true};
	return (struct hand_off){.add = attachment->bit,
				 .remove = AMPH_HOLDER_CPU,
				 .written = target_writes(attachment)};
}

/* A range that its home shares for reading stays the home's too. */
static struct hand_off taking(const struct amph_attachment *attachment, bool reading)
{
	return (struct hand_off){
		.add = AMPH_HOLDER_CPU, .remove = reading ? 0 : attachment->bit, .share = reading};
}

/* Can the CPU give this record? What it reads together with the home alone it can give back. */
static int check_given(const struct amph_attachment *attachment, const struct amph_range *range,
		       uint64_t offset, bool reading)
{
	struct amph_why *why = &attachment->shm->why;
	uint32_t others = range->holders & ~AMPH_HOLDER_CPU;

	if (!(range->holders & AMPH_HOLDER_CPU))
		return amph_refuse(why, -EACCES, "the CPU does not own the bytes from here on",
				   start_in(range, offset), range->holders);
	if (reading && others & attachment->bit)
		return amph_refuse(why, -EACCES, "the target reads the bytes from here on already",
				   start_in(range, offset), range->holders);
	if (!reading && others &&
	    (attachment != attachment->shm->home || others != attachment->bit))
		return amph_refuse(why, -EACCES, "others still read the bytes from here on",
				   start_in(range, offset), range->holders);
	return 0;
}

int amph_shm_may_give(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading)
{
	struct amph_shm *shm = attachment->shm;
	struct hand_off hand_off;
	int error = check_hand_off(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment == shm->home)
		return amph_refuse(&shm->why, -EINVAL, "bytes go back to their home for good", 0,
				   0);
	if (reading && !(attachment->direction & AMPH_DEVICE_READS))
		return amph_refuse(&shm->why, -EINVAL, "the target is not attached for reading",
				   attachment->direction, AMPH_DEVICE_READS);
	for (uint32_t i = find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++) {
		error = check_given(attachment, &shm->storage.ranges[i], offset, reading);
		if (error)
			return error;
	}
	hand_off = giving(attachment, reading);
	return check_room(shm, offset, length, &hand_off);
}

/*
 * Before a target reads, what the CPU wrote must be in memory. Before it writes, no dirty line may
 * be left that is evicted over its data later; what the CPU caches on the way is invalidated when
 * it takes the range back.
 */
static int sync_away(const struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;
	struct amph_shm *shm = attachment->shm;
	char *va = (char *)shm->va + offset;
	int error = 0;

	/* who never writes has no dirty line */
	if (!has_cache(attachment) || shm->cpu_reads_only || !cache)
		return 0;
	if (target_writes(attachment) && cache->flush)
		error = cache->flush(va, (size_t)length);
	else if (cache->clean)
		error = cache->clean(va, (size_t)length);
	if (error)
		return amph_refuse(&shm->why, error, "the cache can't be cleaned", offset, length);
	return 0;
}

/* After a target wrote, the CPU's next read must come from memory. */
static int sync_back(const struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;
	struct amph_shm *shm = attachment->shm;
	bool written = false;
	int error;

	if (!has_cache(attachment) || !cache || !cache->invalidate)
		return 0;
	for (uint32_t i = find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++)
		written = written || shm->storage.ranges[i].written;
	if (!written)
		return 0;
	error = cache->invalidate((char *)shm->va + offset, (size_t)length);
	if (error)
		return amph_refuse(&shm->why, error, "the cache can't be invalidated", offset,
				   length);
	return 0;
}

int amph_shm_sync_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			     bool reading)
{
	struct hand_off hand_off;
	int error = amph_shm_may_give(attachment, offset, length, reading);

	if (!error)
		error = sync_away(attachment, offset, length);
	if (error)
		return error;
	hand_off = giving(attachment, reading);
	hand_over(attachment->shm, offset, length, &hand_off);
	return 0;
}

static int check_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading)
{
	struct amph_shm *shm = attachment->shm;
	struct hand_off hand_off;
	int error = check_hand_off(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment != shm->home)
		return amph_refuse(&shm->why, -EINVAL, "only a home shares with this side", 0, 0);
	for (uint32_t i = find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & attachment->bit))
			return amph_refuse(&shm->why, -EACCES,
					   "the target does not hold the bytes from here on",
					   start_in(range, offset), range->holders);
		if (attachment == shm->home && !alone(range->holders))
			return amph_refuse(&shm->why, -EACCES,
					   "this side reads the bytes from here on already",
					   start_in(range, offset), range->holders);
	}
	hand_off = taking(attachment, reading);
	return check_room(shm, offset, length, &hand_off);
}

int amph_shm_may_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	return check_take(attachment, offset, length, false);
}

static int take(struct amph_attachment *attachment, uint64_t offset, uint64_t length, bool reading)
{
	struct hand_off hand_off;
	int error = check_take(attachment, offset, length, reading);

	if (!error)
		error = sync_back(attachment, offset, length);
	if (error)
		return error;
	hand_off = taking(attachment, reading);
	hand_over(attachment->shm, offset, length, &hand_off);
	return 0;
}

int amph_shm_sync_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	return take(attachment, offset, length, false);
}

int amph_shm_sync_for_cpu_reading(struct amph_attachment *attachment, uint64_t offset,
				  uint64_t length)
{
	return take(attachment, offset, length, true);
}

int amph_shm_check_access(struct amph_shm *shm, uint64_t offset, uint64_t length, bool write)
{
	int error = amph_shm_usable(shm);

	if (!error)
		error = check_range(shm, offset, length, 1);
	if (error)
		return error;
	if (write && shm->cpu_reads_only)
		return amph_refuse(&shm->why, -EACCES, "this side may only read the buffer", offset,
				   shm->size);
	for (uint32_t i = find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & AMPH_HOLDER_CPU))
			return amph_refuse(&shm->why, -EACCES,
					   "the CPU does not own the bytes from here on",
					   start_in(range, offset), range->holders);
		if (write && range->reading)
			return amph_refuse(&shm->why, -EACCES,
					   "the bytes from here on are shared for reading",
					   start_in(range, offset), range->holders);
	}
	return 0;
}

int amph_shm_may_pass(const struct amph_attachment *from, const struct amph_attachment *to,
		      uint64_t offset, uint64_t length)
{
	struct amph_shm *shm = from->shm;
	struct hand_off hand_off;
	int error = check_hand_off(from, offset, length);

	if (!error && to->shm != shm)
		error = amph_refuse(&shm->why, -EINVAL, "the two attachments are of two buffers", 0,
				    0);
	if (!error && to == from)
		error = amph_refuse(&shm->why, -EINVAL, "the target has the bytes already", 0, 0);
	if (!error)
		error = check_hand_off(to, offset, length);
	if (error)
		return error;
	if (has_cache(from) != has_cache(to))
		return amph_refuse(&shm->why, -EINVAL,
				   "only one of the two is coherent, which needs the CPU's caches: "
				   "take the bytes back and give them",
				   from->target->coherent, to->target->coherent);
	for (uint32_t i = find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++)
		if (shm->storage.ranges[i].holders != from->bit)
			return amph_refuse(&shm->why, -EACCES,
					   "the first target does not own the bytes from here on",
					   start_in(&shm->storage.ranges[i], offset),
					   shm->storage.ranges[i].holders);
	hand_off = (struct hand_off){
		.add = to->bit, .remove = from->bit, .written = target_writes(to), .pass = true};
	return check_room(shm, offset, length, &hand_off);
}

int amph_shm_pass(struct amph_attachment *from, struct amph_attachment *to, uint64_t offset,
		  uint64_t length)
{
	struct hand_off hand_off;
	int error = amph_shm_may_pass(from, to, offset, length);

	if (error)
		return error;
	hand_off = (struct hand_off){
		.add = to->bit, .remove = from->bit, .written = target_writes(to), .pass = true};
	hand_over(from->shm, offset, length, &hand_off);
	return 0;
}
