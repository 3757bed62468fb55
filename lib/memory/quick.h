/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The quick way of a hand-off: a whole buffer, one owner before and after, no cache in between.
 * Memory layer, private: for ownership.c's own quick way, and for the queue, which does nothing else.
 * Every check of ownership.c holds here too; what is not as simple as that is left to it.
 */
#ifndef AMPH_MEMORY_QUICK_H
#define AMPH_MEMORY_QUICK_H

#include <amphora/attachment.h>
#include <amphora/shm.h>
#include <amphora/target.h>

/*
 * Is this hand-off of all bytes from the one holder `from` of that simple kind? The caller has an open
 * session with the attachment's buffer in it, in the process that opened it.
 */
static inline bool amph_quick_may(const struct amph_shm *shm,
				  const struct amph_attachment *attachment, uint64_t offset,
				  uint64_t length, uint32_t from)
{
	/* one holder: nobody reads with it, see amph_shm_check() */
	return shm->storage.ranges->holders == from && shm->range_count == 1 && !offset &&
	       length == shm->size && attachment->coherent && shm->references &&
	       attachment->target->state == AMPH_TARGET_ALIVE;
}

/* Does it. to: AMPH_HOLDER_CPU or the attachment's bit. */
static inline void amph_quick_hand_over(struct amph_shm *shm,
					const struct amph_attachment *attachment, uint32_t to)
{
	struct amph_range *range = shm->storage.ranges;

	range->holders = to;
	/* to the home, or to a target that writes: the CPU's cached copy is stale when it comes back */
	range->written = to != AMPH_HOLDER_CPU &&
			 (attachment == shm->home || attachment->direction & AMPH_DEVICE_WRITES);
}

#endif
