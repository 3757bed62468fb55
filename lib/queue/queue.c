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
#define HOT  __attribute__((always_inline))

/* 0 while hand-offs are possible. An open queue's session is open. */
static int usable(const struct amph_queue *queue)
{
	if (queue->session->fork_generation != amph_fork_generation())
		return -EPERM;
	if (queue->state == AMPH_QUEUE_OPEN)
		return 0;
	return queue->session->state == AMPH_SESSION_LOST ? queue->session->error : -ENOTCONN;
}

/*
 * The quick way: whole buffers, and pieces in order, that go to and fro between two coherent sides, which
 * is what a steady exchange does. The same checks in the order that a processor gets through them
 * soonest, and no call. Whatever is not as simple as that is left, untouched, to the functions below.
 */

static inline bool is_quick(const struct amph_queue *queue)
{
	/* where it is left out, so is all that follows from it */
	return AMPH_QUEUE_QUICK && queue->state == AMPH_QUEUE_OPEN && queue->fork_word &&
	       *queue->fork_word == queue->fork_generation && !queue->cache;
}

/*
 * A share that passed the checks that do not depend on the range. They hold for all entries of one call:
 * nobody else runs in between.
 */
struct lane {
	struct amph_share *share; /* NULL: none yet */
	struct amph_shm *shm;
	struct amph_range *ranges;
	uint32_t from, to; /* holders */
	uint64_t fraction; /* bits of an offset or a length that are within the granule */
	bool written; /* what a range of `to` says */
};

/* An accepted share that goes by this queue, coherent, alive, and no pass waits for it. */
HOT static inline bool lane_of(struct lane *lane, const struct amph_queue *queue,
			       struct amph_share *share, bool sending)
{
	const struct amph_attachment *attachment = share->attachment;
	struct amph_shm *shm = share->shm;

	if (share->state != AMPH_SHARE_ACCEPTED || share->method != AMPH_SYNC_QUEUE ||
	    share == queue->path.share || share->pass.returned ||
	    !amph_quick_is_usable(shm, attachment))
		return false;
	lane->share = share;
	lane->shm = shm;
	lane->ranges = shm->storage.ranges;
	lane->from = sending ? AMPH_HOLDER_CPU : attachment->bit;
	lane->to = sending ? attachment->bit : AMPH_HOLDER_CPU;
	lane->fraction = attachment->granule - 1;
	lane->written = amph_quick_written(shm, attachment, lane->to);
	return true;
}

HOT static inline bool hand_over_whole(const struct lane *lane, uint64_t offset, uint64_t length)
{
	return !(length & lane->fraction) &&
	       amph_quick_whole(lane->shm, lane->ranges, offset, length, lane->from, lane->to,
				lane->written);
}

HOT static inline bool open_stream(const struct lane *lane, struct amph_quick_stream *stream)
{
	return amph_quick_stream_open(stream, lane->shm, lane->ranges, lane->from, lane->to,
				      lane->written);
}

/*
 * Sends pieces of the lane's share that follow each other. Returns how many. A function of its own, for
 * all of its loop to be in registers.
 */
__attribute__((noinline)) static uint32_t send_stream(struct amph_queue *queue,
						      const struct lane *lane,
						      const struct amph_queue_entry *entries,
						      uint32_t count)
{
	const struct amph_queue_entry *entry = entries, *end = entries + count;
	const struct amph_share *const share = lane->share;
	const uint32_t kind = share->home ? QUEUE_GIVE : QUEUE_RETURN;
	const uint32_t handle = share->handle, generation = share->generation;
	const uint64_t fraction = lane->fraction;
	uint8_t *const out = queue->out;
	const uint32_t mask = queue->mask, shift = queue->shift;
	uint32_t position = queue->produced;
	struct amph_quick_stream stream;

	if (!open_stream(lane, &stream))
		return 0;
	for (; entry != end && entry->share == share && !entry->reading; entry++) {
		const uint64_t offset = entry->offset, length = entry->length;
		struct queue_slot *slot = queue_slot_of(out, position, mask, shift);

		if (length & fraction || !amph_quick_stream_add(&stream, offset, length))
			break;
		queue_fill(slot, kind, handle, generation, offset, length, entry->cookie);
		/* release: as in queue_put() */
		amph_store32_release(&slot->sequence, ++position);
	}
	amph_quick_stream_close(&stream, lane->ranges);
	queue->produced = position;
	return (uint32_t)(entry - entries);
}

/* Sends as many as can be. Returns how many. */
HOT static inline uint32_t send_quickly(struct amph_queue *queue,
					const struct amph_queue_entry *entries, uint32_t count)
{
	uint32_t room = queue->mask + 1 - (queue->produced - queue->taken);
	uint32_t i = 0, sent = 1;
	struct lane lane = {.share = NULL};

	count = count < room ? count : room;
	for (; i < count && sent; i += sent) {
		const struct amph_queue_entry *entry = &entries[i];
		struct amph_share *share = entry->share;

		if (!share || (share != lane.share &&
			       ((uintptr_t)share - (uintptr_t)queue->shares >= queue->share_bytes ||
				!lane_of(&lane, queue, share, true))))
			break;
		if (!entry->reading && hand_over_whole(&lane, entry->offset, entry->length)) {
			queue_put(queue, share, entry->offset, entry->length, entry->cookie, false);
			sent = 1;
		} else {
			sent = send_stream(queue, &lane, entry, count - i);
		}
	}
	return i;
}

/* The share that a descriptor names, in the slot of its handle: see amph_session_find(). */
HOT static inline struct amph_share *named_quickly(const struct amph_queue *queue,
						   const struct queue_slot *slot)
{
	uint32_t handle = amph_load32(&slot->handle);
	struct amph_share *share;

	if (handle - 1 >= queue->share_max)
		return NULL;
	share = &queue->shares[handle - 1];
	if (share->handle != handle || share->generation != amph_load32(&slot->generation) ||
	    amph_load32(&slot->kind) != (share->home ? QUEUE_RETURN : QUEUE_GIVE))
		return NULL;
	return share;
}

/* Is the descriptor of that position there? */
HOT static inline struct queue_slot *slot_at(const struct amph_queue *queue, uint32_t position)
{
	struct queue_slot *slot = queue_slot(queue, queue->in, position);

	/* acquire: pairs with the releases in queue_put() and send_stream() */
	return amph_load32_acquire(&slot->sequence) == position + 1 ? slot : NULL;
}

/* Copies what a descriptor says of its range; each field of it is read once. */
HOT static inline void read_range(struct amph_queue_entry *entry, const struct queue_slot *slot,
				  struct amph_share *share)
{
	entry->share = share;
	entry->offset = amph_load64(&slot->offset);
	entry->length = amph_load64(&slot->length);
	entry->cookie = amph_load64(&slot->cookie);
	entry->reading = false;
}

/*
 * Takes pieces of the lane's share that follow each other; the first is read. Returns how many. A function
 * of its own, as send_stream().
 */
__attribute__((noinline)) static uint32_t take_stream(struct amph_queue *queue,
						      const struct lane *lane,
						      struct amph_queue_entry *entries,
						      uint32_t max)
{
	struct amph_queue_entry *entry = entries, *last = entries + max - 1;
	struct amph_share *const share = lane->share;
	const uint32_t kind = share->home ? QUEUE_RETURN : QUEUE_GIVE;
	const uint32_t handle = share->handle, generation = share->generation;
	const uint64_t fraction = lane->fraction;
	uint8_t *const in = queue->in;
	const uint32_t mask = queue->mask, shift = queue->shift;
	uint32_t position = queue->consumed;
	struct amph_quick_stream stream;

	if (!open_stream(lane, &stream))
		return 0;
	while (!(entry->length & fraction) &&
	       amph_quick_stream_add(&stream, entry->offset, entry->length)) {
		struct queue_slot *slot = queue_slot_of(in, ++position, mask, shift);

		/* acquire: pairs with the releases in queue_put() and send_stream() */
		if (entry++ == last || amph_load32_acquire(&slot->sequence) != position + 1 ||
		    amph_load32(&slot->kind) != kind || amph_load32(&slot->handle) != handle ||
		    amph_load32(&slot->generation) != generation)
			break;
		read_range(entry, slot, share);
	}
	amph_quick_stream_close(&stream, lane->ranges);
	queue->consumed = position;
	return (uint32_t)(entry - entries);
}

/* Takes as many as are there and can be. Returns how many. */
HOT static inline uint32_t take_quickly(struct amph_queue *queue, struct amph_queue_entry *entries,
					uint32_t max)
{
	uint32_t i = 0, taken = 1;
	struct lane lane = {.share = NULL};

	for (; i < max && taken; i += taken) {
		struct queue_slot *slot = slot_at(queue, queue->consumed);
		struct amph_share *share = slot ? named_quickly(queue, slot) : NULL;

		if (!share || (share != lane.share && !lane_of(&lane, queue, share, false)))
			break;
		read_range(&entries[i], slot, share);
		if (hand_over_whole(&lane, entries[i].offset, entries[i].length)) {
			queue->consumed++;
			taken = 1;
		} else {
			taken = take_stream(queue, &lane, &entries[i], max - i);
		}
	}
	return i;
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

	/* relaxed: take_quickly() looks once more, with acquire */
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
	return true;
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
	const uint32_t freed = queue->session->freed;

	while (!error && *sent < count) {
		if (is_quick(queue))
			*sent += send_quickly(queue, &entries[*sent], count - *sent);
		if (*sent == count)
			break;
		if (!amph_queue_there(queue, QUEUE_FOR_ROOM)) {
			/* who makes room may sleep until it hears of what is there */
			knock(queue, first);
			first = queue->produced;
			error = amph_queue_wait(queue, QUEUE_FOR_ROOM, deadline);
			/* the rest of the entries may name slots that hold other buffers by now */
			if (!error && freed != queue->session->freed)
				error = amph_refuse(&queue->session->why, -ESTALE,
						    "a share ended while this waited for room",
						    *sent, count);
		}
		if (!error)
			error = hand_over(queue, &entries[*sent]);
		*sent += !error;
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

/*
 * As share->pass.returned(). The descriptor is still in the queue meanwhile: callbacks neither take it nor
 * wait for anything, and do not go the quick way, which does not look whether they may.
 */
COLD static int pass_on(struct amph_queue *queue, const struct amph_queue_entry *entry)
{
	struct amph_session *session = queue->session;
	bool polling = session->polling;
	int error;

	queue->fork_word = NULL;
	queue->passing = true;
	session->polling = true;
	error = entry->share->pass.returned(session, entry->share, entry->offset, entry->length);
	session->polling = polling;
	queue->passing = false;
	queue->fork_word = amph_fork_word();
	return error;
}

/* Returns 0; 1 when it went on to another processor; or -errno. */
static int sync_back(struct amph_queue *queue, const struct amph_queue_entry *entry)
{
	struct amph_share *share = entry->share;
	int error;

	if (share->pass.returned && share->home) {
		error = pass_on(queue, entry);
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

	if (queue->passing)
		return amph_refuse(&queue->session->why, -EBUSY,
				   "a callback of a pass takes nothing", 0, 0);
	/* acquire: pairs with the releases in queue_put() and send_stream() */
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
	int error = usable(queue);

	/* an importer's queue opens while it is waited for */
	if (error == -ENOTCONN && queue->state == AMPH_QUEUE_EXPECTED)
		error = 0;
	while (!error && *received < max) {
		int result = 0;

		if (is_quick(queue))
			*received += take_quickly(queue, &entries[*received], max - *received);
		if (queue->state == AMPH_QUEUE_OPEN && *received < max)
			result = amph_queue_take(queue, &entries[*received]);
		*received += result == 1;
		/* half a ring is worth a word even while more comes; a lie has taken the memory away */
		if (queue->state == AMPH_QUEUE_OPEN &&
		    queue->consumed - queue->told > queue->mask / 2)
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

int amph_queue_send(struct amph_queue *queue, const struct amph_queue_entry *entries,
		    uint32_t count, uint64_t deadline, uint32_t *sent)
{
	*sent = 0;
	/* who sleeps is woken at the end of the batch, on the other way */
	if (is_quick(queue) && !(queue->peer_ready & QUEUE_SLEEPS)) {
		*sent = send_quickly(queue, entries, count);
		if (*sent == count)
			return 0;
	}
	return send(queue, entries, count, deadline, sent);
}

int amph_queue_receive(struct amph_queue *queue, struct amph_queue_entry *entries, uint32_t max,
		       uint64_t deadline, uint32_t *received)
{
	*received = 0;
	if (is_quick(queue) && max && deadline && look_quickly(queue)) {
		*received = take_quickly(queue, entries, max);
		/* half a ring is worth a word even while more comes */
		if (queue->consumed - queue->told > queue->mask / 2)
			amph_queue_tell(queue);
		if (*received)
			return 0;
	}
	return receive(queue, entries, max, deadline, received);
}
