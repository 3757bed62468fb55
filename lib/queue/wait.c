/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting at a queue: look for a while, then sleep; and ringing for whoever sleeps.
 * Queue layer; freestanding; sleeps by the doorbell of the configuration or by the session's channel.
 *
 * A doorbell is rung only for a side that says it sleeps, and is never lost:
 *
 *     who sleeps                              who rings
 *     seen = the other side's bell            writes what the other waits for
 *     waiting = what for                      full barrier
 *     full barrier                            looks at waiting:
 *     looks once more for what it waits for,    counts its bell, rings
 *     and whether there are messages
 *     sleeps while the bell is `seen`
 *
 * One of the two looks comes after the other side's write. A bell that rings between the last look and
 * the sleep has another count then, which a futex compares, or is an interrupt that counts from before.
 */
#include <amphora/fork.h>
#include <amphora/time.h>

#include "queue/ring.h"
#include "share/internal.h"

void amph_queue_set(const struct amph_queue *queue, uint32_t *word, uint32_t value)
{
	amph_store32(word, value);
	queue_clean(queue, word, sizeof(*word));
}

bool amph_queue_there(struct amph_queue *queue, uint32_t what)
{
	if (what == QUEUE_FOR_SLOT)
		return queue_has_slot(queue);
	if (what == QUEUE_FOR_ROOM)
		return queue_has_room(queue);
	return queue_peek(queue, queue_consumed(queue->peer_line)) == queue->produced;
}

void amph_queue_knock(struct amph_queue *queue, uint32_t what)
{
	const struct amph_queue_doorbell *doorbell = &queue->config.doorbell;
	uint32_t *bell = &queue_sleeper(queue, queue->own_line)->bell;
	uint32_t waiting;

	if (!(queue->peer_ready & QUEUE_SLEEPS))
		return;
	/* full: pairs with the one in amph_queue_sleep() */
	amph_barrier_full();
	waiting = queue_peek(queue, &queue_sleeper(queue, queue->peer_line)->waiting);
	/* a message wakes who sleeps on the channel by itself */
	if (what == QUEUE_FOR_MESSAGE && waiting & QUEUE_BY_CHANNEL)
		return;
	/* once for each sleep: it does not hear better for hearing it twice */
	if (!(waiting & what) || waiting == queue->rung)
		return;
	if (waiting & QUEUE_BY_CHANNEL) {
		/* no room: what fills the channel may wake it, and else the next hand-off tries again */
		if (!amph_session_knock(queue->session))
			queue->rung = waiting;
	} else if (doorbell->ring) {
		queue->rung = waiting;
		amph_queue_set(queue, bell, ++queue->rings);
		doorbell->ring(doorbell->argument, bell);
	}
}

void amph_queue_tell(struct amph_queue *queue)
{
	if (queue->told == queue->consumed)
		return;
	queue->told = queue->consumed;
	/* release: pairs with the acquire in queue_has_room() */
	queue_store(queue, queue_consumed(queue->own_line), queue->told);
	amph_queue_knock(queue, QUEUE_FOR_ROOM);
}

bool amph_queue_sleep(struct amph_queue *queue, uint32_t what, uint32_t how)
{
	/* who waits for room would sleep too */
	amph_queue_tell(queue);
	queue->sleeps += QUEUE_SLEEP;
	amph_queue_set(queue, &queue_sleeper(queue, queue->own_line)->waiting,
		       queue->sleeps | (what & (QUEUE_FOR_SLOT | QUEUE_FOR_ROOM)) | how);
	/* full: pairs with the one in amph_queue_knock() */
	amph_barrier_full();
	return !amph_queue_there(queue, what);
}

void amph_queue_awake(struct amph_queue *queue)
{
	amph_queue_set(queue, &queue_sleeper(queue, queue->own_line)->waiting, 0);
}

/* Lets the session do its part without taking from the queue: messages, heartbeats, the end. */
static void poll_session(struct amph_queue *queue, uint32_t what, uint64_t until)
{
	uint32_t before = queue->waits_for;

	queue->waits_for = what;
	amph_session_poll(queue->session, until);
	queue->waits_for = before; /* of the wait whose callback this is in */
}

static void rest(struct amph_queue *queue, uint32_t what, uint64_t until)
{
	const struct amph_queue_doorbell *doorbell = &queue->config.doorbell;
	struct queue_sleeper *peer;
	uint32_t seen;

	if (queue->state != AMPH_QUEUE_OPEN || !doorbell->wait ||
	    !(queue->peer_ready & QUEUE_RINGS)) {
		poll_session(queue, what, until);
		return;
	}
	peer = queue_sleeper(queue, queue->peer_line);
	/* a count that is too new already is no harm: what it was rung for is seen after the full barrier */
	seen = queue_peek(queue, &peer->bell);
	/* the full barrier pairs with the one after path_said(), which rings only for who sleeps already */
	if (amph_queue_sleep(queue, what, 0) && queue_peek(queue, &peer->said) == queue->heard)
		doorbell->wait(doorbell->argument, &peer->bell, seen, until);
	amph_queue_awake(queue);
}

/* Nothing else is done here, so that what comes is seen at once. As queue_has_slot(). */
static bool look_for_slot(const struct amph_queue *queue, uint32_t looks)
{
	const uint32_t *word = &queue_slot(queue, queue->in, queue->consumed)->sequence;
	uint32_t expected = queue->consumed + 1;

	do {
		if (amph_load32(word) == expected)
			return true;
	} while (--looks);
	return false;
}

bool amph_queue_was_told(struct amph_queue *queue)
{
	/* before the channel is looked at there is the full barrier in amph_queue_sleep() */
	uint32_t said = queue_peek(queue, &queue_sleeper(queue, queue->peer_line)->said);
	bool told = said != queue->heard;

	queue->heard = said;
	return told;
}

static bool look(struct amph_queue *queue, uint32_t what, uint32_t looks)
{
	if (AMPH_QUEUE_QUICK && what == QUEUE_FOR_SLOT && !queue->cache)
		return look_for_slot(queue, looks);
	do {
		if (amph_queue_there(queue, what))
			return true;
	} while (--looks);
	return false;
}

static int ended(const struct amph_queue *queue)
{
	if (queue->state == AMPH_QUEUE_OPEN || queue->state == AMPH_QUEUE_EXPECTED)
		return 0;
	return queue->session->state == AMPH_SESSION_LOST ? queue->session->error : -ENOTCONN;
}

int amph_queue_wait(struct amph_queue *queue, uint32_t what, uint64_t deadline)
{
	uint32_t spins = queue->config.spins;
	uint64_t look_at = 0;
	int error = 0;

	if (queue->state == AMPH_QUEUE_OPEN)
		amph_queue_tell(queue);
	while (deadline && !error) {
		uint32_t looks = spins < QUEUE_LOOKS ? spins : QUEUE_LOOKS;
		uint64_t now;

		if (queue->state == AMPH_QUEUE_OPEN && look(queue, what, looks ? looks : 1))
			return 0;
		if (spins != AMPH_QUEUE_SPIN)
			spins -= looks;
		now = amph_time_now();
		if (now >= deadline)
			break;
		/* a wait that takes long asks the channel whether the other side is still there */
		if (!look_at)
			look_at = now + queue->look_ns;
		if (now >= look_at ||
		    (queue->state == AMPH_QUEUE_OPEN && amph_queue_was_told(queue))) {
			poll_session(queue, what, now);
			look_at = now + queue->look_ns;
		} else if (!spins) {
			rest(queue, what, look_at < deadline ? look_at : deadline);
		}
		error = ended(queue);
	}
	return error ? error : -ETIMEDOUT;
}

int amph_queue_arm(struct amph_queue *queue)
{
	if (queue->fork_generation != amph_fork_generation())
		return -EPERM;
	if (queue->state != AMPH_QUEUE_OPEN)
		return -ENOTCONN;
	if (queue->config.spins == AMPH_QUEUE_SPIN)
		return amph_refuse(&queue->session->why, -ENOTSUP,
				   "a side that never sleeps is not woken", 0, 0);
	if (amph_queue_sleep(queue, QUEUE_FOR_SLOT, QUEUE_BY_CHANNEL))
		return 0;
	amph_queue_awake(queue);
	return -EAGAIN;
}

void amph_queue_disarm(struct amph_queue *queue)
{
	if (queue->state == AMPH_QUEUE_OPEN && queue->fork_generation == amph_fork_generation())
		amph_queue_awake(queue);
}
