/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ready pool: buffers of one size that are opened, attached, offered and accepted ahead of time, so that
 * a steady exchange allocates nothing, attaches nothing and makes no system call.
 * Share layer; freestanding. Before the hot part of the way of a buffer: take one, fill it, give it.
 *
 * One thread at a time for a pool and its session.
 */
#ifndef AMPHORA_READY_H
#define AMPHORA_READY_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/attachment.h>
#include <amphora/session.h>
#include <amphora/shm.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One buffer of a pool; the caller's storage, the pool's to use. */
struct amph_ready_buffer {
	struct amph_shm shm;
	struct amph_attachment attachment;
	struct amph_share *share;
	uint32_t next; /* free one after this */
	bool taken;
};

struct amph_ready_config {
	struct amph_session *session; /* open; needs a free slot for each buffer, on both sides */
	const char *name; /* "provider:name"; buffer i is "provider:name.i", at most 6 digits */
	uint64_t size; /* bytes of each buffer */
	uint32_t flags; /* AMPH_SHM_* */
	uint32_t direction; /* AMPH_DEVICE_*: what the other side does */
	enum amph_sync_method method; /* AMPH_SYNC_MESSAGES or AMPH_SYNC_QUEUE */
	/* the caller's storage, lent until the pool is closed, and for what is in quarantine until then */
	struct amph_ready_buffer *buffers;
	uint32_t count;
	struct amph_range *ranges; /* ranges_per_buffer for each; 1 where buffers go whole */
	uint32_t ranges_per_buffer;
	struct amph_segment *segments; /* 2 * segments_per_buffer for each: physical, then device */
	uint32_t segments_per_buffer;
};

struct amph_ready {
	struct amph_ready_config config;
	uint32_t free; /* first free buffer, or count */
	uint32_t taken; /* buffers that are out of the pool */
	uint32_t opened; /* buffers that exist */
};

/*
 * Opens, attaches and offers every buffer, and waits until the other side has accepted them all.
 * Returns 0; -EINVAL (count, storage, size), -ENAMETOOLONG, and the errors of amph_shm_open(),
 * amph_shm_attach(), amph_session_offer(), or what the other side refused one with: then none is left
 * open, but what the other side may still reach, as after amph_ready_close(). Reason in session->why.
 */
int amph_ready_open_checked(struct amph_ready *ready, const struct amph_ready_config *config,
			    uint64_t deadline, uint32_t abi, uint32_t size);
static inline int amph_ready_open(struct amph_ready *ready, const struct amph_ready_config *config,
				  uint64_t deadline)
{
	return amph_ready_open_checked(ready, config, deadline, AMPH_ABI, (uint32_t)sizeof(*ready));
}

/*
 * Takes the buffer that was put back last (its lines are the warmest): all of it the CPU's, contents as
 * they were left. Returns 0 and *share (share->va, share->size), -ENOMEM (all are out), -ENOTCONN or
 * the error of a session that is gone. A few instructions; nothing waits. What the other side has released
 * leaves the pool, and is closed with it.
 */
int amph_ready_take(struct amph_ready *ready, struct amph_share **share);

/*
 * Puts a buffer back, also one that the other side has released meanwhile. Returns 0; -EINVAL when it is none of this pool's that is out, -EBUSY when the CPU
 * does not own all of it: the other side still has some, wait for it.
 */
int amph_ready_put(struct amph_ready *ready, struct amph_share *share);

/*
 * Releases, detaches and closes every buffer. Returns 0; -EBUSY while any is out (nothing is closed),
 * -ETIMEDOUT (call again); and after the loss of the session -EINPROGRESS when memory is in quarantine:
 * the buffers' storage then stays lent until the target is off (amph_shm_abandon()).
 */
int amph_ready_close(struct amph_ready *ready, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
