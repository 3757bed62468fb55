/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queue: the fast path of a share session: hand-offs as descriptors in shared memory, not as messages.
 * Queue layer; freestanding; joins a session with two rings, one for each direction.
 *
 * Same states, same checks, same ownership as a give or a return by message, for buffers that were
 * attached with AMPH_SYNC_QUEUE. A hand-off is one cache line written by one side and read by the
 * other, whatever the buffer's size: only loads, stores and barriers, no shared read-modify-write.
 * docs/protocol.md, "The queue", is the layout.
 *
 * One thread at a time for a queue and its session: a queue belongs to its session's thread.
 */
#ifndef AMPHORA_QUEUE_H
#define AMPHORA_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/session.h>
#include <amphora/target.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_QUEUE_SLOTS_MAX 32768u /* of one direction */
#define AMPH_QUEUE_STRIDE    64u /* bytes from slot to slot, at least */
#define AMPH_QUEUE_LINES     4u /* beside the slots: who has read how far, who sleeps */

/*
 * amph_queue_config.spins: never sleeps, and the other side never rings. So amph_session_poll() of such a
 * side is not woken by what comes through the queue: call it with a deadline that has passed.
 */
#define AMPH_QUEUE_SPIN UINT32_MAX

/*
 * How this side sleeps and wakes the other without a message: a futex, an interrupt. Both sides must
 * have the same kind, or neither; without one a sleeper is woken by a message on the session's channel.
 */
struct amph_queue_doorbell {
	/*
	 * Sleeps while *bell (shared, the other side's count of rings) is `seen`, until the deadline, until
	 * the other side rings, or for no reason. A ring since the last wait returned must count. On
	 * memory that is not coherent *bell may be stale: only the ring itself counts there.
	 */
	void (*wait)(void *argument, const uint32_t *bell, uint32_t seen, uint64_t deadline);
	/* Wakes the other side, which sleeps on *bell; it was counted up before. Must not block. */
	void (*ring)(void *argument, const uint32_t *bell);
	void *argument;
};

struct amph_queue_config {
	/*
	 * Looks before this side sleeps: 0 sleeps at once, AMPH_QUEUE_SPIN never. A side that never sleeps
	 * spares the other a barrier for each send.
	 */
	uint32_t spins;
	/*
	 * amph_session_poll() leaves what came to amph_queue_receive(), and returns 1 for it. Else it takes
	 * it and tells the session's event `taken`, as for a message; 1 when there is no room to note what is
	 * next (session->why): it stays in the queue, hand something over first.
	 */
	bool by_receive;
	struct amph_queue_doorbell doorbell; /* all NULL: the session's channel */
};

/* One hand-off. Sent: a give where the share is this side's own (home), else a return. */
struct amph_queue_entry {
	struct amph_share *share;
	uint64_t offset, length; /* bytes, multiples of the granule */
	uint64_t cookie; /* the sender's, comes out at the other side */
	bool reading; /* gives only: shared for reading; see amph_shm_sync_for_device() */
};

enum amph_queue_state {
	AMPH_QUEUE_CLOSED,
	AMPH_QUEUE_EXPECTED, /* importer: the home has not set it up yet */
	AMPH_QUEUE_OPENING, /* home: the importer has not said yet that it has it */
	AMPH_QUEUE_OPEN,
	AMPH_QUEUE_CLOSING /* its share is being released */
};

struct amph_queue {
	struct amph_session_path path; /* first: the session's hooks */
	struct amph_session *session;
	enum amph_queue_state state;
	uint32_t mask; /* slots - 1 */
	uint32_t shift; /* bytes from slot to slot: 1 << shift */
	/* of the session, close at hand */
	struct amph_share *shares;
	uint32_t share_max;
	uint32_t fork_generation;
	uintptr_t share_bytes;
	const uint32_t *fork_word; /* the generation of this process, or NULL: ask */
	/* sending */
	uint8_t *out; /* slots that this side writes */
	uint32_t produced; /* descriptors written so far; free-running */
	uint32_t taken; /* of them taken by the other side, as far as this side has looked */
	uint32_t answered; /* produced, when something was taken last */
	/* receiving */
	uint8_t *in; /* slots that the other side writes */
	uint32_t consumed; /* descriptors taken so far; free-running */
	uint32_t told; /* of them, as this side's own line says */
	bool passing; /* what comes next is just passed on */
	/* waiting */
	uint32_t sleeps; /* counts this side's, in steps: no two look the same to the other side */
	uint32_t rung; /* the sleep of the other side that was rung for */
	uint32_t rings; /* counts how often it was, by the doorbell */
	uint32_t said, heard; /* messages on the channel: sent by this side, looked at by it */
	uint32_t peer_ready; /* what the other side said of itself when it was set up */
	uint32_t
		waits_for; /* what a wait of the queue's own is for: the session's poll takes nothing */
	uint32_t look_ns; /* how often a wait looks at the channel: does the other side live? */
	uint32_t moved; /* all counts when the session asked last */
	uint8_t *own_line, *peer_line; /* consumed, in the first of a side's two lines */
	const struct amph_cache_ops *cache; /* NULL: the memory is coherent, or not cached here */
	struct amph_queue_config config;
};

/* Bytes of memory that a queue needs: slots in each direction, stride bytes apart. */
static inline uint64_t amph_queue_size(uint32_t slots, uint32_t stride)
{
	return ((uint64_t)slots * 2 + AMPH_QUEUE_LINES) * stride;
}

/* The stride of a queue in this (open) session: the larger cache line of both sides, at least 64. */
uint32_t amph_queue_stride(const struct amph_session *session);

/*
 * Home: makes a buffer of this side the session's queue, and waits until the other side has it.
 * share: an accepted offer of this side, attached with AMPH_SYNC_QUEUE in both directions, in one
 * piece for both sides, of at least amph_queue_size(slots, amph_queue_stride(session)) bytes, which
 * is zeroed. slots: a power of two, 2 to AMPH_QUEUE_SLOTS_MAX. queue: the caller's, in private
 * memory, until the share is released. From here on the whole buffer counts as given; nobody touches
 * it but the two queues. One queue for a session.
 *
 * Returns 0; -EINVAL (share, slots, size, alignment), -EBUSY (the session has a queue; inside a callback),
 * -EACCES (another has some of the memory), -ENOTSUP (the other side has no queue; memory that needs
 * cache maintenance this side can't do: use uncached memory), -EPERM (in a child), -ETIMEDOUT (call
 * again to go on waiting), and the errors of the session; reason in session->why.
 */
int amph_queue_open_checked(struct amph_queue *queue, struct amph_session *session,
			    struct amph_share *share, uint32_t slots,
			    const struct amph_queue_config *config, uint64_t deadline, uint32_t abi,
			    uint32_t size);
static inline int amph_queue_open(struct amph_queue *queue, struct amph_session *session,
				  struct amph_share *share, uint32_t slots,
				  const struct amph_queue_config *config, uint64_t deadline)
{
	return amph_queue_open_checked(queue, session, share, slots, config, deadline, AMPH_ABI,
				       (uint32_t)sizeof(*queue));
}

/*
 * Importer: lends the session a queue that the home may set up. After amph_session_init(), before the
 * home opens it; again after a queue was closed, from inside `released` of its share at the earliest (and
 * best: the home may offer the next one at once). Returns 0, -EBUSY (the session has a queue), -EPROTO.
 */
int amph_queue_expect_checked(struct amph_queue *queue, struct amph_session *session,
			      const struct amph_queue_config *config, uint32_t abi, uint32_t size);
static inline int amph_queue_expect(struct amph_queue *queue, struct amph_session *session,
				    const struct amph_queue_config *config)
{
	return amph_queue_expect_checked(queue, session, config, AMPH_ABI,
					 (uint32_t)sizeof(*queue));
}

/*
 * Hands over `count` ranges in order: each is checked, its caches are cleaned, the record says that the
 * other side owns it, then the descriptor goes out. While the queue is full it waits for room until
 * the deadline (0: not at all). The other side's doorbell is rung at most once, and only if it sleeps.
 *
 * Returns 0 when all went; else the first error, and *sent of them went, the rest are still this
 * side's: -ETIMEDOUT (no room), -ENOTCONN (no queue, or closed), -EPERM (not accepted, not offered for
 * a queue, in a child), -EBUSY (a pass waits for some of the bytes), -ESTALE (a share ended during the
 * wait for room: look whose the rest of the entries are), those of amph_shm_sync_for_device(), and the
 * error of a lost session. The reason: session->why. From a callback wait for short times only: nobody
 * polls the session meanwhile.
 */
int amph_queue_send(struct amph_queue *queue, const struct amph_queue_entry *entries,
		    uint32_t count, uint64_t deadline, uint32_t *sent);

/*
 * Takes what the other side handed over, at most `max`, in order; while there is nothing it waits until
 * the deadline (0: not at all, and without looking at the session's channel: poll that now and then).
 * Every entry is this side's again, or for now: gives of the other side, and returns (the memory is
 * yours again). Heartbeats go on during a wait; events of the session are told from inside it.
 *
 * Returns 0 and *received >= 1; -ETIMEDOUT, -ENOTCONN, -EPERM; -ENOSPC when there is no room to note
 * the next range: it stays in the queue, hand something over first; -EBUSY inside the event `passed`,
 * -EPROTO when the other side broke a rule, which ends the session (*received 0), and the error of a
 * lost session.
 */
int amph_queue_receive(struct amph_queue *queue, struct amph_queue_entry *entries, uint32_t max,
		       uint64_t deadline, uint32_t *received);

/*
 * For event loops: asks the other side for a message on the session's channel when it hands something
 * over, so that the channel's fd becomes readable (epoll, libuv, GLib). Returns 0, and the loop may
 * sleep; -EAGAIN when there is something to take already; -ENOTCONN, -EPERM; -ENOTSUP for a side that
 * never sleeps (AMPH_QUEUE_SPIN): the other one would not wake it. After the sleep, call
 * amph_queue_disarm(), and amph_session_poll() with a deadline that has passed, which takes the message.
 * Firmware whose main loop sleeps by itself does the same.
 */
int amph_queue_arm(struct amph_queue *queue);
void amph_queue_disarm(struct amph_queue *queue);

/*
 * The queue ends when its share is released, by either side: amph_session_release(), or
 * amph_session_close(): -EBUSY while anything is out. When the session is lost it is closed.
 */

/* The doorbell between Linux processes that map the same memory: a futex on the shared word. */
void amph_queue_doorbell_futex(struct amph_queue_doorbell *doorbell);

#ifdef __cplusplus
}
#endif

#endif
