/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Locks of a session: which buffer is bound to which, and what the home's set-up says.
 * Share layer; freestanding; linked only where amph_session_locks_init() is called.
 *
 *     home                                    importer
 *     OFFER of a buffer for a lock       ->
 *                                        <-   ACCEPT
 *     zeroes the lock's words, if it has any
 *     GIVE with the set-up flag          ->   binds it, or REJECT
 *     lock, unlock, ...                       lock, unlock, ...
 *
 * While it is unlocked, each side's record says that the other has the buffer: so nobody touches it.
 */
#include <amphora/order.h>

#include "memory/sanitize.h"
#include "share/locks.h"

#define STRIDE_MAX 4096u

uint32_t amph_session_locks_stride(const struct amph_session *session)
{
	return amph_session_stride(session, AMPH_PLAIN_LOCK_STRIDE);
}

/* Is there a share that is, or was, the memory? */
static bool lives(const struct amph_session_locks *locks)
{
	return locks->way.share &&
	       amph_session_still_has(locks->session, locks->way.share, locks->generation);
}

bool amph_locks_have_memory(const struct amph_session_locks *locks)
{
	const struct amph_share *share = locks->way.share;

	/* a home whose set-up was refused has it back */
	return lives(locks) && share->state == AMPH_SHARE_ACCEPTED &&
	       (!share->home || amph_session_holds(share->shm, share->attachment->bit));
}

/* Is the slot's buffer still the one that was bound? */
static bool is_bound(const struct amph_session_locks *locks, const struct amph_share_lock *slot)
{
	const struct amph_share *share = slot->share;

	return share && amph_session_still_has(locks->session, share, slot->generation) &&
	       (slot->lock->held ||
		amph_session_holds(share->shm,
				   share->home ? share->attachment->bit : ~AMPH_HOLDER_CPU));
}

static bool is_plain(const struct amph_share_lock *slot)
{
	return slot->lock == &slot->plain.lock;
}

static int shape(struct amph_session_locks *locks, struct amph_share *share, uint32_t stride)
{
	const struct amph_attachment *attachment = share->attachment;
	struct amph_why *why = &locks->session->why;
	const struct amph_cache_ops *cache = NULL;
	char *lines = share->va;

	if (lives(locks) &&
	    (locks->way.share->state != AMPH_SHARE_ACCEPTED || amph_locks_have_memory(locks)))
		return amph_refuse(why, -EBUSY, "the session has a memory for its locks", 0, 0);
	if (stride < amph_session_locks_stride(locks->session) || stride > STRIDE_MAX ||
	    stride & (stride - 1))
		return amph_refuse(why, -EINVAL, "the stride does not keep cache lines apart",
				   stride, amph_session_locks_stride(locks->session));
	if (share->size < 2 * stride)
		return amph_refuse(why, -EINVAL, "the buffer is too small for a lock", share->size,
				   (uint64_t)2 * stride);
	if (share->direction != AMPH_DEVICE_READS_WRITES || !lines ||
	    (uintptr_t)lines & (stride - 1))
		return amph_refuse(
			why, -EINVAL,
			"the locks' memory is in one piece, aligned, and written by both",
			(uintptr_t)lines, stride);
	if (!attachment->coherent && !(share->shm->flags & AMPH_SHM_NOT_CACHED))
		cache = attachment->target->cache;
	/* one try tells whether this processor, or this privilege level, can do it at all */
	if (cache && (!cache->invalidate || !cache->clean || cache->clean(lines, stride) ||
		      cache->invalidate(lines, stride)))
		return amph_refuse(why, -ENOTSUP,
				   "the locks' memory needs cache maintenance that this side can't "
				   "do: use uncached memory",
				   0, 0);
	locks->stride = stride;
	locks->plain_max =
		(uint32_t)(share->size > UINT32_MAX ? UINT32_MAX : share->size) / (2 * stride);
	locks->cache = cache;
	locks->closing = false;
	locks->generation = share->generation;
	locks->way.share = share;
	return 0;
}

int amph_locks_shape(struct amph_session_locks *locks, struct amph_share *share, uint32_t stride)
{
	int error;

	if (!amph_sanitizing())
		return shape(locks, share, stride);
	/* both sides keep touching the words: the memory itself, without protection */
	amph_sanitize(exempt, share->shm, true);
	share->va = share->shm->va;
	error = shape(locks, share, stride);
	if (error)
		amph_sanitize(exempt, share->shm, false);
	return error;
}

/* A slot for a buffer, when nothing else is bound to that lock, which is NULL for a plain one. */
static int find_slot(struct amph_session_locks *locks, const struct amph_share *share,
		     uint32_t number, const struct amph_shared_lock *lock,
		     struct amph_share_lock **free)
{
	struct amph_why *why = &locks->session->why;

	*free = NULL;
	for (uint32_t i = 0; i < locks->config.slot_max; i++) {
		struct amph_share_lock *slot = &locks->config.slots[i];
		bool bound = is_bound(locks, slot);

		if (bound && slot->share == share)
			return amph_refuse(why, -EEXIST, "the buffer is bound to a lock", number,
					   slot->number);
		if (bound && (lock ? slot->lock == lock : is_plain(slot) && slot->number == number))
			return amph_refuse(why, -EEXIST, "another buffer is bound to the lock",
					   number, number);
		/* what a hardware lock still holds, its application lets go */
		if (!bound && (!slot->share || is_plain(slot) || !slot->lock->held))
			*free = slot;
	}
	if (!*free)
		return amph_refuse(why, -ENOSPC, "every slot is bound to a buffer",
				   locks->config.slot_max, locks->config.slot_max);
	return 0;
}

static int bind_plain(struct amph_session_locks *locks, struct amph_share *share,
		      struct amph_share_lock *slot, uint32_t number)
{
	const struct amph_share *memory = locks->way.share;
	char *lines = (char *)memory->va + (size_t)number * 2 * locks->stride;
	int error = amph_plain_lock_init(&slot->plain, lines, locks->stride, !memory->home,
					 locks->cache);

	if (error || !share->home)
		return error;
	/* nobody takes it yet: the one time that a side writes both lines */
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t *word = (uint32_t *)(void *)(lines + (size_t)i * locks->stride);

		amph_store32(word, 0);
		if (locks->cache)
			locks->cache->clean(word, sizeof(*word));
	}
	return 0;
}

int amph_locks_bind(struct amph_session_locks *locks, struct amph_share *share, uint32_t kind,
		    uint32_t number, struct amph_share_lock **slot)
{
	struct amph_why *why = &locks->session->why;
	struct amph_shared_lock *lock = NULL;
	int error;

	if (kind == AMPH_LOCK_HARDWARE) {
		if (!locks->config.hardware)
			return amph_refuse(why, -ENOTSUP, "this side has no hardware locks", number,
					   0);
		lock = locks->config.hardware(locks->config.argument, number);
		if (!lock)
			return amph_refuse(why, -ENOENT, "no such hardware lock", number, 0);
		if (lock->held)
			return amph_refuse(why, -EEXIST, "the lock is held for something else",
					   number, 0);
	} else if (kind != AMPH_LOCK_PLAIN) {
		return amph_refuse(why, -EINVAL, "no such kind of lock", kind, AMPH_LOCK_HARDWARE);
	} else if (!amph_locks_have_memory(locks)) {
		return amph_refuse(why, -ENOTCONN, "no memory for plain locks is placed", number,
				   0);
	} else if (number >= locks->plain_max) {
		return amph_refuse(why, -EINVAL, "no such plain lock", number, locks->plain_max);
	}
	error = find_slot(locks, share, number, lock, slot);
	if (error)
		return error;
	**slot = (struct amph_share_lock){.number = number, .lock = lock};
	if (!lock) {
		error = bind_plain(locks, share, *slot, number);
		(*slot)->lock = &(*slot)->plain.lock;
	}
	if (error)
		return amph_refuse(why, error, "the lock's memory does not fit", number,
				   locks->stride);
	(*slot)->generation = share->generation;
	(*slot)->share = share;
	return 0;
}

/* --- what the session asks --- */

static struct amph_session_locks *of_way(struct amph_session_path *way)
{
	return (struct amph_session_locks *)way; /* its first member */
}

/* Importer: what the home says of its buffer. */
static int set_up(struct amph_session_path *way, struct amph_share *share, uint64_t offset,
		  uint64_t length, uint64_t cookie)
{
	struct amph_session_locks *locks = of_way(way);
	uint32_t kind = (uint32_t)(cookie >> 32), value = (uint32_t)cookie;
	struct amph_share_lock *slot;

	if (offset || length != share->size)
		return -EINVAL;
	if (share == way->share && share->generation == of_way(way)->generation)
		return -EEXIST;
	return kind == LOCK_MEMORY ? amph_locks_shape(locks, share, value)
				   : amph_locks_bind(locks, share, kind, value, &slot);
}

static int send(struct amph_session_path *way, const struct amph_share *share, uint64_t offset,
		uint64_t length, uint64_t cookie, bool reading, uint64_t deadline)
{
	(void)share;
	(void)cookie;
	(void)reading;
	(void)deadline;
	return amph_refuse(&of_way(way)->session->why, -EPERM,
			   "the buffer changes hands by its lock", offset, length);
}

/* The memory of the plain locks in the record of its home: the other side's while it is in use. */
static int record(const struct amph_share *share, bool in_use)
{
	return in_use ? amph_shm_sync_for_device(share->attachment, 0, share->size, false)
		      : amph_shm_sync_for_cpu(share->attachment, 0, share->size);
}

/* Its memory is to be released: not while that would leave a buffer in nobody's hands for ever. */
static int close(struct amph_session_path *way, bool closing)
{
	struct amph_session_locks *locks = of_way(way);
	bool ending = locks->session->closing; /* then all buffers are released as well */
	int error = 0;

	for (uint32_t i = 0; closing && !ending && i < locks->config.slot_max; i++) {
		const struct amph_share_lock *slot = &locks->config.slots[i];

		if (is_bound(locks, slot) && is_plain(slot))
			return -EBUSY;
	}
	/* a home whose set-up was refused has it already */
	if (way->share->home && closing ? amph_locks_have_memory(locks) : locks->closing) {
		error = record(way->share, !closing);
		locks->closing = closing && !error;
		amph_sanitize(exempt, way->share->shm, !locks->closing);
	}
	return error;
}

int amph_session_locks_init_checked(struct amph_session_locks *locks, struct amph_session *session,
				    const struct amph_session_locks_config *config, uint32_t abi,
				    uint32_t size)
{
	static const struct amph_session_path_ops ops = {.send = send, .close = close};
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*locks));

	if (!error && amph_session_forked(session))
		error = -EPERM;
	if (error)
		return error;
	*locks = (struct amph_session_locks){
		.way = {.ops = &ops, .set_up = set_up},
		.session = session,
		.config = *config,
	};
	for (uint32_t i = 0; i < config->slot_max; i++)
		config->slots[i] = (struct amph_share_lock){0};
	session->locks = &locks->way;
	return 0;
}
