/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The two rings of a queue in shared memory: their layout, and every access to them.
 * Queue layer, private; docs/protocol.md, "The queue", is the same in words.
 *
 *     line 0   consumed by the home           home writes, importer reads
 *     line 1   consumed by the importer       importer writes, home reads
 *     line 2   the home sleeps, rings         home writes, importer reads
 *     line 3   the importer sleeps, rings     importer writes, home reads
 *     then     slots to the importer          home writes, importer reads
 *     then     slots to the home              importer writes, home reads
 *
 * All counts are free-running 32-bit numbers: position p is in slot p modulo slots, and is there when
 * the slot's sequence is p + 1. A slot that holds an older lap, or zero, never matches, also when
 * the numbers wrap, because a lap is far shorter than 2^32.
 * A line has one writer for life; a reader only ever invalidates lines of the other side.
 */
#ifndef AMPHORA_QUEUE_RING_H
#define AMPHORA_QUEUE_RING_H

#include <amphora/order.h>
#include <amphora/queue.h>

struct queue_slot {
	uint32_t sequence; /* position + 1: written last */
	uint32_t kind;
	uint32_t handle, generation;
	uint64_t offset, length, cookie;
};

struct queue_line {
	uint32_t consumed; /* in lines 0 and 1 */
};

struct queue_sleeper {
	uint32_t waiting; /* 0: awake. Else what for, how to wake it, and which sleep it is */
	uint32_t ready; /* 0 until this side is set up, then QUEUE_READY and what it can do */
	uint32_t bell; /* counts how often this side rang: what the other one sleeps on */
	uint32_t said; /* counts its messages on the channel: who waits here looks there, too */
};

AMPH_STATIC_ASSERT(sizeof(struct queue_slot) == 40, "the queue's layout");
AMPH_STATIC_ASSERT(__builtin_offsetof(struct queue_slot, offset) == 16, "the queue's layout");

/* kind */
#define QUEUE_GIVE    1u
#define QUEUE_RETURN  2u
#define QUEUE_READING 0x100u /* with QUEUE_GIVE */

/* waiting */
#define QUEUE_FOR_SLOT	  0x1u /* for a descriptor */
#define QUEUE_FOR_ROOM	  0x2u /* for a descriptor to be consumed */
#define QUEUE_FOR_MESSAGE (QUEUE_FOR_SLOT | QUEUE_FOR_ROOM) /* whatever it sleeps for */
#define QUEUE_BY_CHANNEL  0x4u /* wake it by a message, else by the doorbell */
#define QUEUE_SLEEP	  0x8u /* the rest counts the sleeps */

/* ready */
#define QUEUE_READY  0x1u
#define QUEUE_SLEEPS 0x2u /* it may sleep: look at `waiting` */
#define QUEUE_RINGS  0x4u /* it has a doorbell */

static inline struct queue_slot *queue_slot_of(uint8_t *slots, uint32_t position, uint32_t mask,
					       uint32_t shift)
{
	return (struct queue_slot *)(void *)(slots + ((size_t)(position & mask) << shift));
}

static inline struct queue_slot *queue_slot(const struct amph_queue *queue, uint8_t *slots,
					    uint32_t position)
{
	return queue_slot_of(slots, position, queue->mask, queue->shift);
}

static inline uint32_t *queue_consumed(uint8_t *line)
{
	return &((struct queue_line *)(void *)line)->consumed;
}

/* A side's second line is two lines behind its first. */
static inline struct queue_sleeper *queue_sleeper(const struct amph_queue *queue, uint8_t *line)
{
	return (struct queue_sleeper *)(void *)(line + ((size_t)2 << queue->shift));
}

/* That the maintenance works was tried when the queue was set up. */
static inline void queue_clean(const struct amph_queue *queue, const void *va, size_t length)
{
	if (queue->cache)
		queue->cache->clean(va, length);
}

static inline void queue_invalidate(const struct amph_queue *queue, void *va, size_t length)
{
	if (queue->cache)
		queue->cache->invalidate(va, length);
}

/* A word of the other side's, as it is now; orders nothing. */
static inline uint32_t queue_peek(const struct amph_queue *queue, uint32_t *word)
{
	queue_invalidate(queue, word, sizeof(*word));
	return amph_load32(word);
}

/* The same, before everything that follows. */
static inline uint32_t queue_load(const struct amph_queue *queue, uint32_t *word)
{
	queue_invalidate(queue, word, sizeof(*word));
	return amph_load32_acquire(word);
}

/* A word of this side's, after everything before it. */
static inline void queue_store(const struct amph_queue *queue, uint32_t *word, uint32_t value)
{
	amph_store32_release(word, value);
	queue_clean(queue, word, sizeof(*word));
}

/* Is the descriptor that comes next there? Who takes it looks once more, with acquire. */
static inline bool queue_has_slot(const struct amph_queue *queue)
{
	struct queue_slot *slot = queue_slot(queue, queue->in, queue->consumed);

	return queue_peek(queue, &slot->sequence) == queue->consumed + 1;
}

/* Is there room for one more? Looks at the other side's line only when it seems full. */
static inline bool queue_has_room(struct amph_queue *queue)
{
	uint32_t taken;

	if (queue->produced - queue->taken <= queue->mask)
		return true;
	/* acquire: pairs with the release in amph_queue_tell(): what was in the slot has been read */
	taken = queue_load(queue, queue_consumed(queue->peer_line));
	/* more than was written, or less than it said before, is a lie: never room */
	if (taken - queue->taken > queue->produced - queue->taken)
		return false;
	queue->taken = taken;
	return queue->produced - taken <= queue->mask;
}

/* All of a descriptor but the sequence. */
static inline void queue_fill(struct queue_slot *slot, uint32_t kind, uint32_t handle,
			      uint32_t generation, uint64_t offset, uint64_t length,
			      uint64_t cookie)
{
	amph_store32(&slot->kind, kind);
	amph_store32(&slot->handle, handle);
	amph_store32(&slot->generation, generation);
	amph_store64(&slot->offset, offset);
	amph_store64(&slot->length, length);
	amph_store64(&slot->cookie, cookie);
}

/*
 * Writes a descriptor; there is room. The bytes it speaks of have been cleaned before. For the quick way;
 * others call amph_queue_put(), which is the same.
 */
static inline void queue_put(struct amph_queue *queue, const struct amph_share *share,
			     uint64_t offset, uint64_t length, uint64_t cookie, bool reading)
{
	struct queue_slot *slot = queue_slot(queue, queue->out, queue->produced);
	uint32_t give = reading ? QUEUE_GIVE | QUEUE_READING : QUEUE_GIVE;

	queue_fill(slot, share->home ? give : QUEUE_RETURN, share->handle, share->generation,
		   offset, length, cookie);
	queue_clean(queue, slot, sizeof(*slot));
	queue->produced++;
	/* release: pairs with the acquires in amph_queue_take(), slot_at() and take_stream() */
	queue_store(queue, &slot->sequence, queue->produced);
}

void amph_queue_put(struct amph_queue *queue, const struct amph_share *share, uint64_t offset,
		    uint64_t length, uint64_t cookie, bool reading);

/* Stores a word of this side's; orders nothing. A function, because where it is used is not quick. */
void amph_queue_set(const struct amph_queue *queue, uint32_t *word, uint32_t value);

#define QUEUE_LOOKS 1024u /* of a wait, between two looks at the clock */

/* What amph_queue_wait() waits for, beside QUEUE_FOR_SLOT and QUEUE_FOR_ROOM: that all is taken. */
#define QUEUE_FOR_EMPTY (QUEUE_FOR_ROOM | 0x80000000u)

/* Waits until the deadline (0: not at all). Returns 0, -ETIMEDOUT, or why the queue is no more. */
int amph_queue_wait(struct amph_queue *queue, uint32_t what, uint64_t deadline);

/* Says how much was consumed, if the other side can't know yet, and wakes who waits for room. */
void amph_queue_tell(struct amph_queue *queue);

/* Wakes the other side if it sleeps and waits for `what`. */
void amph_queue_knock(struct amph_queue *queue, uint32_t what);

/*
 * Says that this side sleeps until there is `what`; how: QUEUE_BY_CHANNEL or 0. False: it is there
 * already, do not sleep. Either way amph_queue_awake() ends it.
 */
bool amph_queue_sleep(struct amph_queue *queue, uint32_t what, uint32_t how);
void amph_queue_awake(struct amph_queue *queue);

/* Has the other side said something on the channel since this was asked last? */
bool amph_queue_was_told(struct amph_queue *queue);

/* Is there what a wait would wait for? */
bool amph_queue_there(struct amph_queue *queue, uint32_t what);

/* Takes one. Returns 1; 0 when there is none; 2 when it was passed on; -errno. */
int amph_queue_take(struct amph_queue *queue, struct amph_queue_entry *entry);

/* What both sides' setting up has in common: the queue's own members. */
int amph_queue_init(struct amph_queue *queue, struct amph_session *session,
		    const struct amph_queue_config *config, uint32_t abi, uint32_t size);

/* Checks and lays out the share's memory, and hooks the queue into its session. */
int amph_queue_shape(struct amph_queue *queue, struct amph_share *share, uint32_t slots,
		     uint32_t stride);

/*
 * The queue's own memory in the ownership record. In use: the home's says that the other side has it
 * all, the importer's that this side has. Both write their own lines of it meanwhile.
 */
int amph_queue_record(const struct amph_queue *queue, bool in_use);

/* Says that this side is set up; opens the queue if the other one is. */
void amph_queue_ready(struct amph_queue *queue);
bool amph_queue_meet(struct amph_queue *queue);

#endif
