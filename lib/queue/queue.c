/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Handing over and taking back through a queue: every hand-off of the fast path runs through here.
 * Queue layer; freestanding; knows the ring's layout, the session's slots and the memory's ownership.
 *
 * What a descriptor says is copied once and checked against this side's own records. A correct other
 * side never sends one that is refused, because it made the same checks: so a refusal ends the session.
 */
#include <amphora/fork.h>
#include <amphora/time.h>

#include "memory/quick.h"
#include "queue/ring.h"
#include "share/internal.h"

#define COLD __attribute__((noinline, cold))

/* 0 while hand-offs are possible. An open queue's session is open. */
static int usable(const struct amph_queue *queue)
{
	if (queue->session->fork_generation != amph_fork_generation())
		return -EPERM;
	if (queue->state == AMPH_QUEUE_OPEN)
		return 0;
	return queue->session->state == AMPH_SESSION_LOST ? queue->session->error : -ENOTCONN;
}

COLD static int refuse_share(struct amph_queue *queue)
{
	return amph_refuse(&queue->session->why, -EPERM,
			   "the share is not accepted, or not for a queue", 0, 0);
}

COLD static int refuse_pass(struct amph_queue *queue, const struct amph_share *share)
{
	return amph_refuse(&queue->session->why, -EBUSY, "a pass still waits for its range",
			   share->pass.offset, share->pass.length);
}

void amph_queue_put(struct amph_queue *queue, const struct amph_share *share, uint64_t offset,
		    uint64_t length, uint64_t cookie, bool reading)
{
	queue_put(queue, share, offset, length, cookie, reading);
}

/* Is it a share whose ranges go by this queue? */
static bool is_queued(const struct amph_queue *queue, const struct amph_share *share)
{
	return share->method == AMPH_SYNC_QUEUE && share != queue->path.share;
}

static int hand_over(struct amph_queue *queue, const struct amph_queue_entry *entry)
{
	struct amph_share *share = entry->share;
	bool reading = entry->reading && share->home;
	int error;

	if (!amph_session_has(queue->session, share) || share->state != AMPH_SHARE_ACCEPTED ||
	    !is_queued(queue, share))
		return refuse_share(queue);
	if (share->pass.returned && amph_session_awaits(share, entry->offset, entry->length))
		return refuse_pass(queue, share);
	error = amph_shm_sync_for_device(share->attachment, entry->offset, entry->length, reading);
	if (error)
		amph_refuse_as(&queue->session->why, error, &share->shm->why);
	else
		amph_queue_put(queue, share, entry->offset, entry->length, entry->cookie, reading);
	return error;
}

/* Rings for what was written from position `first` on. */
COLD static void knock(struct amph_queue *queue, uint32_t first)
{
	if (first != queue->produced && queue->state == AMPH_QUEUE_OPEN)
		amph_queue_knock(queue, QUEUE_FOR_SLOT);
}

COLD static int send(struct amph_queue *queue, const struct amph_queue_entry *entries,
		     uint32_t count, uint64_t deadline, uint32_t *sent)
{
	int error = usable(queue);
	uint32_t first = queue->produced;

	for (; !error && *sent < count; *sent += !error) {
		if (!amph_queue_there(queue, QUEUE_FOR_ROOM)) {
			/* who makes room may sleep until it hears of what is there */
			knock(queue, first);
			first = queue->produced;
			error = amph_queue_wait(queue, QUEUE_FOR_ROOM, deadline);
		}
		if (!error)
			error = hand_over(queue, &entries[*sent]);
	}
	knock(queue, first);
	return error;
}

/* The other side broke a rule: it can't be a race, so there is no common ground. */
COLD static int lie(struct amph_queue *queue, const char *what, uint64_t value, uint64_t limit)
{
	amph_refuse(&queue->session->why, -EPROTO, what, value, limit);
	amph_session_fail(queue->session, -EPROTO, what);
	return -EPROTO;
}

/* The live share that a descriptor names and may hand over, or NULL. */
static struct amph_share *find(const struct amph_queue *queue, bool home, uint32_t handle,
			       uint32_t generation)
{
	struct amph_share *share = amph_session_find(queue->session, home, handle, generation);

	if (!share)
		return NULL;
	/* a give may cross the importer's release: it is answered by the home's refusal of that */
	if (share->state != AMPH_SHARE_ACCEPTED && (home || share->state != AMPH_SHARE_RELEASING))
		return NULL;
	return is_queued(queue, share) ? share : NULL;
}

/* Returns 0; 1 when it went on to another processor; or -errno. */
static int sync_back(struct amph_queue *queue, const struct amph_queue_entry *entry)
{
	struct amph_share *share = entry->share;
	int error;

	if (share->pass.returned && share->home) {
		error = share->pass.returned(queue->session, share, entry->offset, entry->length);
		if (error != -EALREADY)
			return error ? error : 1;
	}
	if (entry->reading && !(share->direction & AMPH_DEVICE_READS))
		return lie(queue, "a descriptor shares for reading what is only written",
			   share->direction, AMPH_DEVICE_READS);
	if (entry->reading)
		error = amph_shm_sync_for_cpu_reading(share->attachment, entry->offset,
						      entry->length);
	else
		error = amph_shm_sync_for_cpu(share->attachment, entry->offset, entry->length);
	if (error == -EACCES || error == -EINVAL)
		return lie(queue, share->shm->why.what, share->shm->why.value,
			   share->shm->why.limit);
	if (error)
		amph_refuse_as(&queue->session->why, error, &share->shm->why);
	return error;
}

int amph_queue_take(struct amph_queue *queue, struct amph_queue_entry *entry)
{
	struct queue_slot *slot = queue_slot(queue, queue->in, queue->consumed);
	struct amph_share *share;
	uint32_t kind, handle;
	int result;

	/* acquire: pairs with the release in queue_put() */
	if (queue_load(queue, &slot->sequence) != queue->consumed + 1)
		return 0;
	/* the rest may have been fetched before the sequence was there */
	queue_invalidate(queue, slot, sizeof(*slot));
	/* each field is read once */
	kind = amph_load32(&slot->kind);
	handle = amph_load32(&slot->handle);
	if (kind - QUEUE_GIVE > QUEUE_RETURN - QUEUE_GIVE && kind != (QUEUE_GIVE | QUEUE_READING))
		return lie(queue, "a descriptor of an unknown kind", kind, QUEUE_RETURN);
	share = find(queue, kind == QUEUE_RETURN, handle, amph_load32(&slot->generation));
	if (!share)
		return lie(queue, "a descriptor names no accepted buffer", handle, 0);
	entry->offset = amph_load64(&slot->offset);
	entry->length = amph_load64(&slot->length);
	entry->cookie = amph_load64(&slot->cookie);
	entry->share = share;
	entry->reading = kind & QUEUE_READING;
	result = sync_back(queue, entry);
	if (result < 0)
		return result;
	queue->consumed++;
	return result ? 2 : 1;
}

/* Why no more can be taken; what was taken before counts, unless the session took it along. */
COLD static int stop(struct amph_queue *queue, uint32_t *received, int error)
{
	if (queue->session->state == AMPH_SESSION_LOST)
		*received = 0;
	return *received ? 0 : error;
}

COLD static int receive(struct amph_queue *queue, struct amph_queue_entry *entries, uint32_t max,
			uint64_t deadline, uint32_t *received)
{
	/* an importer's queue opens while it is waited for */
	int error = queue->state == AMPH_QUEUE_EXPECTED ? 0 : usable(queue);

	while (!error && *received < max) {
		int result = queue->state == AMPH_QUEUE_OPEN
				     ? amph_queue_take(queue, &entries[*received])
				     : 0;

		*received += result == 1;
		/* half a ring is worth a word even while more comes */
		if (result > 0 && queue->consumed - queue->told > queue->mask / 2)
			amph_queue_tell(queue);
		/* who passed it on may have ended the session */
		if (result < 0 || result == 2)
			error = result < 0 ? result : usable(queue);
		if (!result && *received)
			break;
		if (!result)
			error = amph_queue_wait(queue, QUEUE_FOR_SLOT, deadline);
	}
	return error ? stop(queue, received, error) : 0;
}

#if AMPH_QUEUE_QUICK

/*
 * The quick way: whole buffers that go to and fro between two coherent sides, which is what a steady
 * exchange does. The same checks in the order that a processor gets through them soonest, and no call.
 * Whatever is not as simple as that is left, untouched, to the functions above.
 */

static inline bool is_quick(const struct amph_queue *queue)
{
	return queue->state == AMPH_QUEUE_OPEN && queue->fork_word &&
	       *queue->fork_word == queue->fork_generation && !queue->cache;
}

/* An accepted share that goes by this queue, and no pass waits for it. */
static inline bool share_is_quick(const struct amph_queue *queue, const struct amph_share *share)
{
	return share->state == AMPH_SHARE_ACCEPTED && share->method == AMPH_SYNC_QUEUE &&
	       share != queue->path.share && !share->pass.returned;
}

static inline bool put_quickly(struct amph_queue *queue, const struct amph_queue_entry *entry)
{
	struct amph_share *share = entry->share;

	if (entry->reading || queue->produced - queue->taken > queue->mask ||
	    (uintptr_t)share - (uintptr_t)queue->shares >= queue->share_bytes ||
	    !share_is_quick(queue, share) ||
	    !amph_quick_may(share->shm, share->attachment, entry->offset, entry->length,
			    AMPH_HOLDER_CPU))
		return false;
	queue_put(queue, share, entry->offset, entry->length, entry->cookie, false);
	amph_quick_hand_over(share->shm, share->attachment, share->attachment->bit);
	return true;
}

/* The descriptor is there; each of its fields is read once. */
static inline bool take_quickly(struct amph_queue *queue, struct amph_queue_entry *entry)
{
	struct queue_slot *slot = queue_slot(queue, queue->in, queue->consumed);
	uint32_t handle = amph_load32(&slot->handle);
	struct amph_share *share = &queue->shares[handle - 1];
	uint64_t offset, length, cookie;

	if (handle - 1 >= queue->share_max || share->handle != handle ||
	    share->generation != amph_load32(&slot->generation) ||
	    amph_load32(&slot->kind) != (share->home ? QUEUE_RETURN : QUEUE_GIVE) ||
	    !share_is_quick(queue, share))
		return false;
	offset = amph_load64(&slot->offset);
	length = amph_load64(&slot->length);
	cookie = amph_load64(&slot->cookie);
	if (!amph_quick_may(share->shm, share->attachment, offset, length, share->attachment->bit))
		return false;
	amph_quick_hand_over(share->shm, share->attachment, AMPH_HOLDER_CPU);
	queue->consumed++;
	entry->share = share;
	entry->offset = offset;
	entry->length = length;
	entry->cookie = cookie;
	entry->reading = false;
	return true;
}

/*
 * Looks for the next descriptor for a while, as amph_queue_wait() would, but does not tell what was
 * consumed yet: that store would have to be done before the ones of the next hand-off.
 */
static inline bool look_quickly(struct amph_queue *queue)
{
	const uint32_t *word = &queue_slot(queue, queue->in, queue->consumed)->sequence;
	uint32_t expected = queue->consumed + 1;
	uint32_t looks = QUEUE_LOOKS;

	/* relaxed, then acquire: pairs with the release in queue_put() */
	if (amph_load32(word) != expected) {
		if (queue->config.spins < looks)
			return false;
		while (amph_load32(word) != expected)
			if (!--looks)
				return false;
	}
	/* who answered what came last will answer this: its line comes while this is checked */
	if (queue->produced != queue->answered) {
		queue->answered = queue->produced;
		amph_prepare_store(queue_slot(queue, queue->out, queue->produced));
	}
	amph_barrier_acquire();
	return true;
}

#endif

int amph_queue_send(struct amph_queue *queue, const struct amph_queue_entry *entries,
		    uint32_t count, uint64_t deadline, uint32_t *sent)
{
	*sent = 0;
#if AMPH_QUEUE_QUICK
	/* who sleeps is woken at the end of the batch, on the other way */
	if (is_quick(queue) && !(queue->peer_ready & QUEUE_SLEEPS)) {
		uint32_t i = 0;

		while (i < count && put_quickly(queue, &entries[i]))
			i++;
		*sent = i;
		if (i == count)
			return 0;
	}
#endif
	return send(queue, entries, count, deadline, sent);
}

int amph_queue_receive(struct amph_queue *queue, struct amph_queue_entry *entries, uint32_t max,
		       uint64_t deadline, uint32_t *received)
{
	*received = 0;
#if AMPH_QUEUE_QUICK
	if (is_quick(queue) && max && deadline && look_quickly(queue)) {
		uint32_t i = 0;

		do {
			if (!take_quickly(queue, &entries[i]))
				break;
			i++;
		} while (i < max && queue_has_slot(queue));
		*received = i;
		if (queue->consumed - queue->told > queue->mask / 2)
			amph_queue_tell(queue);
		if (i)
			return 0;
	}
#endif
	return receive(queue, entries, max, deadline, received);
}
