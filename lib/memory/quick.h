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
 * A buffer that is handed over piece by piece, in order: what `to` has starts it, what `from` has follows
 * to its end. While a stream is open its record stands still, and nobody else looks at it; the last piece
 * is left to ownership.c.
 */
struct amph_quick_stream {
	uint64_t next; /* where the next piece starts */
	uint64_t left; /* bytes from there to the end */
};

static inline bool amph_quick_stream_open(struct amph_quick_stream *stream,
					  const struct amph_shm *shm,
					  const struct amph_range *ranges, uint32_t from,
					  uint32_t to, bool written)
{
	if (shm->range_count != 2 || ranges[1].holders != from || ranges[0].holders != to ||
	    ranges[0].written != written)
		return false;
	stream->next = ranges[1].offset;
	stream->left = ranges[1].length;
	return true;
}

/* Takes the next piece, or refuses what is none. */
static inline bool amph_quick_stream_add(struct amph_quick_stream *stream, uint64_t offset,
					 uint64_t length)
{
	if (offset != stream->next || !length || length >= stream->left)
		return false;
	stream->next += length;
	stream->left -= length;
	return true;
}

/* Writes down what was taken. */
static inline void amph_quick_stream_close(const struct amph_quick_stream *stream,
					   struct amph_range *ranges)
{
	ranges[0].length = stream->next;
	ranges[1].offset = stream->next;
	ranges[1].length = stream->left;
}

#endif
