/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ownership: who may touch which bytes, and the hand-offs between them.
 * Memory layer; freestanding; cache maintenance only through the target's hooks. The middle of the
 * way of a buffer: given, worked on, taken back. The record itself is range.c's.
 *
 * Every hand-off first checks everything, then maintains the caches, then changes the record, so
 * that whatever refuses leaves all as it was.
 */
#include <amphora/cache.h>
#include <amphora/log.h>

#include "memory/range.h"

/*
 * Can dirty lines of the CPU, or stale ones, be in the way of this target? A target with hooks of its
 * own knows the memory, and not only this side's mapping.
 */
static bool has_cache(const struct amph_attachment *attachment)
{
	const struct amph_shm *shm = attachment->shm;

	if (attachment->coherent)
		return false;
	return attachment->target->ops->sync_for_cpu ||
	       (shm->va && !(shm->flags & AMPH_SHM_NOT_CACHED));
}

/* The CPU's next read of these bytes comes from memory. */
static int invalidate(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;

	if (attachment->target->ops->sync_for_cpu)
		return attachment->target->ops->sync_for_cpu(attachment, offset, length);
	if (!cache || !cache->invalidate)
		return 0;
	return cache->invalidate((char *)attachment->shm->va + offset, (size_t)length);
}

void amph_shm_reclaim(struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	const struct amph_hand_off hand_off = {.remove = attachment->bit};

	for (uint32_t i = 0; i < shm->range_count; i++) {
		struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & attachment->bit))
			continue;
		if (range->written && has_cache(attachment) &&
		    invalidate(attachment, range->offset, range->length))
			amph_log(AMPH_LOG_WARNING,
				 "the cache can't be invalidated: stale bytes from here on",
				 range->offset, range->length);
		*range = amph_range_handed(*range, &hand_off);
		if (!range->holders)
			range->holders = AMPH_HOLDER_CPU;
	}
	amph_range_merge(shm);
}

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
		      const struct amph_hand_off *hand_off)
{
	uint32_t count = amph_range_count_after(shm, offset, offset + length, hand_off);

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

static struct amph_hand_off giving(const struct amph_attachment *attachment, bool reading)
{
	if (reading)
		return (struct amph_hand_off){.add = attachment->bit, .share = true};
	return (struct amph_hand_off){.add = attachment->bit,
				      .remove = AMPH_HOLDER_CPU,
				      .written = target_writes(attachment)};
}

/* A range that its home shares for reading stays the home's too. */
static struct amph_hand_off taking(const struct amph_attachment *attachment, bool reading)
{
	return (struct amph_hand_off){
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
	struct amph_hand_off hand_off;
	int error = check_hand_off(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment == shm->home)
		return amph_refuse(&shm->why, -EINVAL, "bytes go back to their home for good", 0,
				   0);
	if (reading && !(attachment->direction & AMPH_DEVICE_READS))
		return amph_refuse(&shm->why, -EINVAL, "the target is not attached for reading",
				   attachment->direction, AMPH_DEVICE_READS);
	for (uint32_t i = amph_range_find(shm, offset);
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
static int sync_away(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;
	struct amph_shm *shm = attachment->shm;
	int error = 0;

	if (!has_cache(attachment))
		return 0;
	if (attachment->target->ops->sync_for_device)
		error = attachment->target->ops->sync_for_device(attachment, offset, length);
	else if (shm->cpu_reads_only || !cache)
		return 0; /* who never writes has no dirty line */
	else if (target_writes(attachment) && cache->flush)
		error = cache->flush((char *)shm->va + offset, (size_t)length);
	else if (cache->clean)
		error = cache->clean((char *)shm->va + offset, (size_t)length);
	if (error)
		return amph_refuse(&shm->why, error, "the cache can't be cleaned", offset, length);
	return 0;
}

/* After a target wrote, the CPU's next read must come from memory. */
static int sync_back(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	struct amph_shm *shm = attachment->shm;
	bool written = false;
	int error;

	if (!has_cache(attachment))
		return 0;
	for (uint32_t i = amph_range_find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++)
		written = written || shm->storage.ranges[i].written;
	if (!written)
		return 0;
	error = invalidate(attachment, offset, length);
	if (error)
		return amph_refuse(&shm->why, error, "the cache can't be invalidated", offset,
				   length);
	return 0;
}

int amph_shm_sync_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			     bool reading)
{
	struct amph_hand_off hand_off;
	int error = amph_shm_may_give(attachment, offset, length, reading);

	if (!error)
		error = sync_away(attachment, offset, length);
	if (error)
		return error;
	hand_off = giving(attachment, reading);
	amph_range_hand_over(attachment->shm, offset, length, &hand_off);
	return 0;
}

static int check_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading)
{
	struct amph_shm *shm = attachment->shm;
	struct amph_hand_off hand_off;
	int error = check_hand_off(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment != shm->home)
		return amph_refuse(&shm->why, -EINVAL, "only a home shares with this side", 0, 0);
	for (uint32_t i = amph_range_find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];

		if (!(range->holders & attachment->bit))
			return amph_refuse(&shm->why, -EACCES,
					   "the target does not hold the bytes from here on",
					   start_in(range, offset), range->holders);
		if (attachment == shm->home && !amph_range_alone(range->holders))
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
	struct amph_hand_off hand_off;
	int error = check_take(attachment, offset, length, reading);

	if (!error)
		error = sync_back(attachment, offset, length);
	if (error)
		return error;
	hand_off = taking(attachment, reading);
	amph_range_hand_over(attachment->shm, offset, length, &hand_off);
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
	for (uint32_t i = amph_range_find(shm, offset);
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
	struct amph_hand_off hand_off;
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
	for (uint32_t i = amph_range_find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++)
		if (shm->storage.ranges[i].holders != from->bit)
			return amph_refuse(&shm->why, -EACCES,
					   "the first target does not own the bytes from here on",
					   start_in(&shm->storage.ranges[i], offset),
					   shm->storage.ranges[i].holders);
	hand_off = (struct amph_hand_off){
		.add = to->bit, .remove = from->bit, .written = target_writes(to), .pass = true};
	return check_room(shm, offset, length, &hand_off);
}

int amph_shm_pass(struct amph_attachment *from, struct amph_attachment *to, uint64_t offset,
		  uint64_t length)
{
	struct amph_hand_off hand_off;
	int error = amph_shm_may_pass(from, to, offset, length);

	if (error)
		return error;
	hand_off = (struct amph_hand_off){
		.add = to->bit, .remove = from->bit, .written = target_writes(to), .pass = true};
	amph_range_hand_over(from->shm, offset, length, &hand_off);
	return 0;
}
