/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Syncing buffers of a share session by a lock that both sides take, instead of by messages.
 * Share layer; freestanding; joins a session with the memory layer's shared locks. docs/locks.md.
 *
 * A buffer that was attached with AMPH_SYNC_LOCK and accepted is bound to a lock by its home. From then
 * on it is nobody's while it is unlocked, and the holder's while it is locked: touching it, giving it on,
 * releasing it by its home are refused without the lock, as for any buffer that is not owned.
 * Threads: as the session.
 */
#ifndef AMPHORA_SESSION_LOCK_H
#define AMPHORA_SESSION_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/session.h>
#include <amphora/shared_lock.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a buffer's lock is; both sides call it by the same number. */
enum amph_lock_kind {
	AMPH_LOCK_PLAIN = 2, /* in the memory that was placed for locks: counted from 0 */
	AMPH_LOCK_HARDWARE = 3 /* of the platform: an id that both sides know of */
};

/* One buffer that is bound to a lock. The caller's storage, the library's to write. */
struct amph_share_lock {
	struct amph_share *share; /* NULL: never used */
	uint32_t generation; /* of the share */
	uint32_t number; /* of a plain lock */
	struct amph_shared_lock *lock; /* &plain.lock, or what the hook gave */
	struct amph_plain_lock plain;
};

struct amph_session_locks_config {
	struct amph_share_lock *slots; /* one for each buffer that is bound at a time */
	uint32_t slot_max;
	/*
	 * This side's view of the hardware lock of that id, or NULL: no such lock, refused with -ENOENT.
	 * It stays the application's, and nobody else takes it meanwhile. NULL: no hardware, -ENOTSUP.
	 */
	struct amph_shared_lock *(*hardware)(void *argument, uint32_t id);
	void *argument;
};

struct amph_session_locks {
	struct amph_session_path way; /* its share: the memory of the plain locks */
	struct amph_session *session;
	uint32_t generation; /* of the memory's share, whose end nobody tells */
	struct amph_session_locks_config config;
	uint32_t stride;
	uint32_t plain_max; /* locks in the memory */
	const struct amph_cache_ops *cache; /* of the memory */
	bool closing; /* its home releases the memory */
};

/*
 * From now on this side of the session can sync by locks, its own buffers and the other side's. After
 * amph_session_init(), before the first offer; again for each session. The storage is lent until the
 * session has ended. Returns 0, -EPROTO (built with other limits), -EPERM in a child.
 */
int amph_session_locks_init_checked(struct amph_session_locks *locks, struct amph_session *session,
				    const struct amph_session_locks_config *config, uint32_t abi,
				    uint32_t size);
static inline int amph_session_locks_init(struct amph_session_locks *locks,
					  struct amph_session *session,
					  const struct amph_session_locks_config *config)
{
	return amph_session_locks_init_checked(locks, session, config, AMPH_ABI,
					       (uint32_t)sizeof(*locks));
}

/* Bytes from line to line of plain locks between these two sides; each lock takes two lines. */
uint32_t amph_session_locks_stride(const struct amph_session *session);

/*
 * Home of the buffer: turns an accepted one, attached with AMPH_SYNC_LOCK for reading and writing, into
 * the session's plain locks, as many as fit. Neither side's application touches it from then on. Its
 * release ends them: -EBUSY while a buffer is bound to one.
 * Returns 0 (a refusal comes by `undone`), -ENOTSUP (the other side, or this side's caches, or no
 * amph_session_locks_init()), -EINVAL (not such a share, too small, not in one piece), -EBUSY (there is
 * one), and as amph_session_give().
 */
int amph_session_locks_place(struct amph_session *session, struct amph_share *share,
			     uint64_t deadline);

/*
 * Home of the buffer: binds an accepted one, attached with AMPH_SYNC_LOCK, to a lock that no other buffer
 * of the session has. All of it is the CPU's before, and nobody's afterwards: lock it to touch it.
 * Returns 0 (a refusal comes by `undone`: it is the CPU's again), -EINVAL (not such a share, no such
 * plain lock), -ENOTCONN (no memory for plain locks is placed), -ENOENT, -ENOTSUP (hardware), -EEXIST (the
 * lock is in use), -ENOSPC (slots), and as amph_session_give().
 */
int amph_session_locks_bind(struct amph_session *session, struct amph_share *share,
			    enum amph_lock_kind kind, uint32_t number, uint64_t deadline);

/*
 * Either side: takes the buffer's lock, and with it the whole buffer, caches included. Waits, polling
 * the session meanwhile (its callbacks run), until the deadline; one that has passed tries once. A lock
 * that is free is taken without a look at the channel: amph_session_poll() is still the application's. An
 * importer waits for its home to bind it, too.
 * Returns 0; -EOWNERDEAD: taken, but the bytes are in doubt, because whoever held it died; -ETIMEDOUT;
 * -EBUSY: it would have to wait, inside a callback; -EDEADLK: this side holds it; -EPERM: the share is
 * not accepted, not for a lock, or (home) not bound; -ENODEV, and the cache's errors: as
 * amph_shm_sync_for_cpu(), the lock is free again; or the error that ended the session: a holder that
 * died with it, or writes nonsense into its lock, costs the session and no more.
 */
int amph_session_lock(struct amph_session *session, struct amph_share *share, uint64_t deadline);

/*
 * Either side: hands the whole buffer over to whoever takes the lock next, caches included. Never waits.
 * Returns 0; -EPERM: this side does not hold it, or is releasing the share; -EACCES: some of it was given
 * to another target, the lock is still held. Call it also when the session or the share has ended
 * meanwhile: it lets a hardware lock go, and returns the session's error or -ENOENT.
 */
int amph_session_unlock(struct amph_session *session, struct amph_share *share);

#ifdef __cplusplus
}
#endif

#endif
