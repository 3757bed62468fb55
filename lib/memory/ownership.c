/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ownership: who may touch which bytes, and the hand-offs between them.
 * Memory layer; freestanding; cache maintenance only through the target's hooks. The middle of the
 * way of a buffer: given, worked on, taken back. The record itself is range.c's.
 *
 * Every hand-off first checks everything, then maintains the caches, then changes the record, so
 * that whatever refuses leaves all as it was.
 */
#include "memory/quick.h"
#include "memory/range.h"
#include "memory/sanitize.h"

/*
 * Can dirty lines of the CPU, or stale ones, be in the way of this target? A target with hooks of its
 * own knows the memory, and not only this side's mapping. Of what the CPU can't map it caches nothing.
 */
bool amph_attachment_has_cache(const struct amph_attachment *attachment)
{
	const struct amph_shm *shm = attachment->shm;

	if (attachment->coherent || shm->flags & AMPH_SHM_PROTECTED)
		return false;
	return attachment->target->ops->sync_for_cpu ||
	       (shm->va && !(shm->flags & AMPH_SHM_NOT_CACHED));
}

/* The CPU's next read of these bytes comes from memory. */
int amph_attachment_invalidate(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;

	if (attachment->target->ops->sync_for_cpu)
		return attachment->target->ops->sync_for_cpu(attachment, offset, length);
	if (!cache || !cache->invalidate)
		return 0;
	return cache->invalidate((char *)amph_sanitize_mapping(attachment->shm) + offset,
				 (size_t)length);
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

int amph_hand_off_check(const struct amph_attachment *attachment, uint64_t offset, uint64_t length)
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

static int check_records(struct amph_shm *shm, uint64_t offset, uint64_t length,
			 struct amph_hand_off *hand_off)
{
	for (uint32_t i = amph_range_find(shm, offset);
	     i < shm->range_count && shm->storage.ranges[i].offset < offset + length; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];
		bool held = range->holders & hand_off->with;

		if (!held || range->holders & hand_off->without)
			return amph_refuse(
				&shm->why, -EACCES, held ? hand_off->disturbed : hand_off->lacking,
				range->offset > offset ? range->offset : offset, range->holders);
		hand_off->was_written = hand_off->was_written || range->written;
	}
	return 0;
}

int amph_hand_off_check_records(struct amph_shm *shm, uint64_t offset, uint64_t length,
				struct amph_hand_off *hand_off)
{
	int error = check_records(shm, offset, length, hand_off);
	uint32_t count;

	if (error)
		return error;
	count = amph_range_hand_over(shm, offset, offset + length, hand_off, false);
	if (count > shm->storage.range_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for that many ranges", count,
				   shm->storage.range_max);
	return 0;
}

/*
 * For an import the target is the home, which fills the buffer as it likes: the direction says what
 * this side does.
 */
bool amph_attachment_written(const struct amph_attachment *attachment)
{
	return attachment == attachment->shm->home || attachment->direction & AMPH_DEVICE_WRITES;
}

/* Texts that wait for a refusal: none where reasons are left out. */
#define TEXT(text) (AMPH_REASONS ? (text) : NULL)

#define NOT_THE_CPUS TEXT("the CPU does not own the bytes from here on")

/* May the CPU give, and if so: what it does to the record. */
static int check_give(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading, struct amph_hand_off *hand_off)
{
	struct amph_shm *shm = attachment->shm;
	int error = amph_hand_off_check(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment == shm->home)
		return amph_refuse(&shm->why, -EINVAL, "bytes go back to their home for good", 0,
				   0);
	if (reading && !(attachment->direction & AMPH_DEVICE_READS))
		return amph_refuse(&shm->why, -EINVAL, "the target is not attached for reading",
				   attachment->direction, AMPH_DEVICE_READS);
	*hand_off = (struct amph_hand_off){
		.with = AMPH_HOLDER_CPU, .lacking = NOT_THE_CPUS, .add = attachment->bit};
	if (reading) {
		hand_off->without = attachment->bit;
		hand_off->disturbed = TEXT("the target reads the bytes from here on already");
		hand_off->share = true;
	} else {
		hand_off->without = ~AMPH_HOLDER_CPU;
		/* what it reads together with the home alone it can give back */
		if (attachment == shm->home)
			hand_off->without &= ~attachment->bit;
		hand_off->disturbed = TEXT("others still read the bytes from here on");
		hand_off->remove = AMPH_HOLDER_CPU;
		hand_off->written = amph_attachment_written(attachment);
	}
	return amph_hand_off_check_records(shm, offset, length, hand_off);
}

/* May the CPU take, and if so: what it does to the record. */
static int check_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading, struct amph_hand_off *hand_off)
{
	struct amph_shm *shm = attachment->shm;
	int error = amph_hand_off_check(attachment, offset, length);

	if (error)
		return error;
	if (reading && attachment != shm->home)
		return amph_refuse(&shm->why, -EINVAL, "only a home shares with this side", 0, 0);
	*hand_off = (struct amph_hand_off){
		.with = attachment->bit,
		.lacking = TEXT("the target does not hold the bytes from here on"),
		.without = attachment == shm->home ? ~attachment->bit : 0,
		.disturbed = TEXT("this side reads the bytes from here on already"),
		.add = AMPH_HOLDER_CPU,
		/* what its home shares for reading stays the home's too */
		.remove = reading ? 0 : attachment->bit,
		.share = reading,
	};
	return amph_hand_off_check_records(shm, offset, length, hand_off);
}

int amph_shm_may_give(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading)
{
	struct amph_hand_off hand_off;

	return check_give(attachment, offset, length, reading, &hand_off);
}

int amph_shm_may_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	struct amph_hand_off hand_off;

	return check_take(attachment, offset, length, false, &hand_off);
}

/* Called twice where sanitizers are built in, and to be as quick as if it was once. */
#if AMPH_SANITIZE
#define SYNC __attribute__((always_inline)) static inline
#else
#define SYNC static
#endif

/*
 * Before a target reads, what the CPU wrote must be in memory. Before it writes, no dirty line may
 * be left that is evicted over its data later; what the CPU caches on the way is invalidated when
 * it takes the range back.
 */
SYNC int sync_away(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	const struct amph_cache_ops *cache = attachment->target->cache;
	struct amph_shm *shm = attachment->shm;
	int error = 0;

	if (!amph_attachment_has_cache(attachment))
		return 0;
	if (attachment->target->ops->sync_for_device)
		error = attachment->target->ops->sync_for_device(attachment, offset, length);
	else if (shm->cpu_reads_only || !cache)
		return 0; /* who never writes has no dirty line */
	else if (amph_attachment_written(attachment) && cache->flush)
		error = cache->flush((char *)amph_sanitize_mapping(shm) + offset, (size_t)length);
	else if (cache->clean)
		error = cache->clean((char *)amph_sanitize_mapping(shm) + offset, (size_t)length);
	if (error)
		return amph_refuse(&shm->why, error, "the cache can't be cleaned", offset, length);
	return 0;
}

/* After a target wrote, the CPU's next read must come from memory. */
SYNC int sync_back(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		   const struct amph_hand_off *hand_off)
{
	int error = 0;

	if (hand_off->was_written && amph_attachment_has_cache(attachment))
		error = amph_attachment_invalidate(attachment, offset, length);
	if (error)
		return amph_refuse(&attachment->shm->why, error, "the cache can't be invalidated",
				   offset, length);
	return 0;
}

#if AMPH_QUEUE_QUICK

/* For sure, and without a call. */
static inline bool in_same_process(const struct amph_shm *shm)
{
	const struct amph_memory *memory = shm->memory;

	return memory->fork_word && *memory->fork_word == memory->fork_generation;
}

/*
 * A piece of a stream: the front of the record that follows goes to the holder of the one before. The
 * number of records stays.
 */
static bool hand_over_piece(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			    uint32_t from, uint32_t to)
{
	struct amph_shm *shm = attachment->shm;
	struct amph_range *range, *before;
	bool written;

	if (!shm || (offset | length) & (attachment->granule - 1) || !attachment->coherent ||
	    !shm->references || attachment->target->state != AMPH_TARGET_ALIVE || !offset ||
	    !length || !in_same_process(shm))
		return false;
	written = to != AMPH_HOLDER_CPU && amph_attachment_written(attachment);
	range = &shm->storage.ranges[amph_range_find(shm, offset)];
	if (range->offset != offset || length >= range->length || range->holders != from)
		return false;
	before = range - 1; /* there is one: the offset is not 0 */
	if (before->holders != to || before->written != written)
		return false;
	before->length += length;
	range->offset += length;
	range->length -= length;
	return true;
}

/*
 * The quick way, exclusive and between coherent sides only: the same checks in the order that a
 * processor gets through them soonest, and no call. What is not as simple as that is left untouched.
 */
static inline bool hand_over_quickly(struct amph_attachment *attachment, uint64_t offset,
				     uint64_t length, uint32_t from, uint32_t to)
{
	struct amph_shm *shm = attachment->shm;

	return shm && !(length & (attachment->granule - 1)) && in_same_process(shm) &&
	       amph_quick_is_usable(shm, attachment) &&
	       amph_quick_whole(shm, shm->storage.ranges, offset, length, from, to,
				amph_quick_written(shm, attachment, to));
}

#endif

#if AMPH_SANITIZE

/* What is checked, with the sanitizers told before and after: out of the way of all others. */
__attribute__((noinline, cold)) static int give_told(struct amph_attachment *attachment,
						     uint64_t offset, uint64_t length,
						     const struct amph_hand_off *hand_off)
{
	int error;

	amph_sanitize(giving, attachment, offset, length, hand_off->share);
	error = sync_away(attachment, offset, length);
	if (!error)
		amph_range_hand_over(attachment->shm, offset, offset + length, hand_off, true);
	amph_sanitize(changed, attachment->shm, offset, length);
	return error;
}

__attribute__((noinline, cold)) static int take_told(struct amph_attachment *attachment,
						     uint64_t offset, uint64_t length,
						     const struct amph_hand_off *hand_off)
{
	int error;

	amph_sanitize(taking, attachment, offset, length);
	error = sync_back(attachment, offset, length, hand_off);
	if (!error) {
		amph_sanitize(taken, attachment, offset, length, hand_off->was_written);
		amph_range_hand_over(attachment->shm, offset, offset + length, hand_off, true);
	}
	amph_sanitize(changed, attachment->shm, offset, length);
	return error;
}

#endif

/* Out of line: the quick way needs no stack of its own then. */
__attribute__((noinline)) static int give(struct amph_attachment *attachment, uint64_t offset,
					  uint64_t length, bool reading)
{
	struct amph_hand_off hand_off;
	int error;

#if AMPH_QUEUE_QUICK
	if (!reading &&
	    hand_over_piece(attachment, offset, length, AMPH_HOLDER_CPU, attachment->bit))
		return 0;
#endif
	error = check_give(attachment, offset, length, reading, &hand_off);
#if AMPH_SANITIZE
	if (!error && __builtin_expect(amph_sanitizing(), 0))
		return give_told(attachment, offset, length, &hand_off);
#endif
	if (!error)
		error = sync_away(attachment, offset, length);
	if (!error)
		amph_range_hand_over(attachment->shm, offset, offset + length, &hand_off, true);
	return error;
}

__attribute__((noinline)) static int take(struct amph_attachment *attachment, uint64_t offset,
					  uint64_t length, bool reading)
{
	struct amph_hand_off hand_off;
	int error;

#if AMPH_QUEUE_QUICK
	if (!reading &&
	    hand_over_piece(attachment, offset, length, attachment->bit, AMPH_HOLDER_CPU))
		return 0;
#endif
	error = check_take(attachment, offset, length, reading, &hand_off);
#if AMPH_SANITIZE
	if (!error && __builtin_expect(amph_sanitizing(), 0))
		return take_told(attachment, offset, length, &hand_off);
#endif
	if (!error)
		error = sync_back(attachment, offset, length, &hand_off);
	if (!error)
		amph_range_hand_over(attachment->shm, offset, offset + length, &hand_off, true);
	return error;
}

int amph_shm_sync_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			     bool reading)
{
#if AMPH_QUEUE_QUICK
	if (!reading &&
	    hand_over_quickly(attachment, offset, length, AMPH_HOLDER_CPU, attachment->bit))
		return 0;
#endif
	return give(attachment, offset, length, reading);
}

int amph_shm_sync_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
#if AMPH_QUEUE_QUICK
	if (hand_over_quickly(attachment, offset, length, attachment->bit, AMPH_HOLDER_CPU))
		return 0;
#endif
	return take(attachment, offset, length, false);
}

int amph_shm_sync_for_cpu_reading(struct amph_attachment *attachment, uint64_t offset,
				  uint64_t length)
{
	return take(attachment, offset, length, true);
}

__attribute__((noinline)) static int check_access(struct amph_shm *shm, uint64_t offset,
						  uint64_t length, bool write)
{
	struct amph_hand_off access = {.with = AMPH_HOLDER_CPU, .lacking = NOT_THE_CPUS};
	int error = amph_shm_usable(shm);

	if (!error)
		error = check_range(shm, offset, length, 1);
	if (error)
		return error;
	if (write && shm->cpu_reads_only)
		return amph_refuse(&shm->why, -EACCES, "this side may only read the buffer", offset,
				   shm->size);
	if (write) {
		/* who reads together with others does not write */
		access.without = ~AMPH_HOLDER_CPU;
		access.disturbed = TEXT("the bytes from here on are shared for reading");
	}
	error = check_records(shm, offset, length, &access);
	if (!error && shm->flags & AMPH_SHM_PROTECTED)
		error = amph_refuse(&shm->why, -ENOTSUP,
				    "the buffer is protected: the CPU has no mapping of it",
				    shm->flags, 0);
	return error;
}

int amph_shm_check_access(struct amph_shm *shm, uint64_t offset, uint64_t length, bool write)
{
#if AMPH_QUEUE_QUICK
	/* one record, all of it the CPU's alone: again the same checks */
	if (shm->references && in_same_process(shm) && shm->range_count == 1 &&
	    shm->storage.ranges->holders == AMPH_HOLDER_CPU && length && offset < shm->size &&
	    length <= shm->size - offset && !(write && shm->cpu_reads_only) &&
	    !(shm->flags & AMPH_SHM_PROTECTED))
		return 0;
#endif
	return check_access(shm, offset, length, write);
}
