/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What binding a buffer to a lock, and locking it, have in common.
 * Share layer, private.
 */
#ifndef SHARE_LOCKS_H
#define SHARE_LOCKS_H

#include "share/internal.h"

/* What the home's set-up says in its cookie: the high half the kind, the low half what else there is. */
#define LOCK_MEMORY 1u /* the stride; others: enum amph_lock_kind, and the number */

static inline uint64_t lock_cookie(uint32_t kind, uint32_t value)
{
	return (uint64_t)kind << 32 | value;
}

/* Checks the memory of a share, and makes it the plain locks'. 0, or -errno and session->why. */
int amph_locks_shape(struct amph_session_locks *locks, struct amph_share *share, uint32_t stride);

/*
 * Finds a slot, and binds the share to that lock in it. Home: both words are made 0.
 * 0 and *slot, or -errno and session->why.
 */
int amph_locks_bind(struct amph_session_locks *locks, struct amph_share *share, uint32_t kind,
		    uint32_t number, struct amph_share_lock **slot);

/* Does the memory of the plain locks still live? */
bool amph_locks_have_memory(const struct amph_session_locks *locks);

#endif
