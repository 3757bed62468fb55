/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The quick way of a hand-off: a whole buffer, or the next piece of one that is handed over in order; one
 * owner before and after, no cache in between.
 * Memory layer, private: for ownership.c's own quick way, and for the queue, which does nothing else.
 * Every check of ownership.c holds here too; what is not as simple as that is left to it.
 */
#ifndef AMPH_MEMORY_QUICK_H
#define AMPH_MEMORY_QUICK_H

#include <amphora/attachment.h>
#include <amphora/shm.h>
#include <amphora/target.h>

/*
 * Can hand-offs of this attachment be quick at all? The caller has its buffer in an open session, or
 * holds it otherwise, in the process that opened it. Its granule is the caller's to check.
 */
static inline bool amph_quick_is_usable(const struct amph_shm *shm,
					const struct amph_attachment *attachment)
{
	return attachment->coherent && shm->references &&
	       attachment->target->state == AMPH_TARGET_ALIVE;
}

/* What a range's `written` is while `to` holds it: then the CPU's cached copy is stale when it is back. */
static inline bool amph_quick_written(const struct amph_shm *shm,
				      const struct amph_attachment *attachment, uint32_t to)
{
	return to != AMPH_HOLDER_CPU &&
	       (attachment == shm->home || attachment->direction & AMPH_DEVICE_WRITES);
}

/*
 * Hands all bytes over from the one holder `from` to `to` (AMPH_HOLDER_CPU, or an attachment's bit).
 * ranges: the buffer's. Returns whether it was that simple; else nothing has changed.
 */
static inline bool amph_quick_whole(const struct amph_shm *shm, struct amph_range *ranges,
				    uint64_t offset, uint64_t length, uint32_t from, uint32_t to,
				    bool written)
{
	/* one holder: nobody reads with it, see amph_shm_check() */
	if (ranges->holders != from || shm->range_count != 1 || offset || length != shm->size)
		return false;
	ranges->holders = to;
	ranges->written = written;
	return true;
}

/*
 * The same for a piece of a stream: what `to` has starts the buffer, what `from` has follows to its end,
 * and the piece is the next of it, but not the last. The record stays as long as it is.
 */
static inline bool amph_quick_piece(const struct amph_shm *shm, struct amph_range *ranges,
				    uint64_t offset, uint64_t length, uint32_t from, uint32_t to,
				    bool written)
{
	if (shm->range_count != 2 || ranges[1].holders != from || ranges[0].holders != to ||
	    ranges[0].written != written || offset != ranges[1].offset || !length ||
	    length >= ranges[1].length)
		return false;
	ranges[0].length += length;
	ranges[1].offset += length;
	ranges[1].length -= length;
	return true;
}

#endif
