/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lock for two sides in plain memory: no read-modify-write, and each word has one writer.
 * Memory layer; freestanding; every access through order.h. After J. L. W. Kessels, "Arbitration without
 * common modifiable variables", Acta Informatica 17 (1982): Peterson's lock, whose common word that says
 * whose turn it is becomes two words with a writer each, compared.
 *
 *     side 0                                     side 1
 *     own = WANTS                                own = WANTS
 *     full barrier (a)                           full barrier (a)
 *     own = WANTS and the peer's turn            own = WANTS and the opposite of the peer's turn
 *     full barrier (b)                           full barrier (b)
 *     while the peer WANTS, and                  while the peer WANTS, and
 *       the turns are the same: look again         the turns differ: look again
 *     acquire                                    acquire
 *     ...                                        ...
 *     release, own = the turn alone              release, own = the turn alone
 *
 * Who writes its turn last is the one that waits. (a): who did not see the other's WANTS when it read the
 * turn is seen by it later, and so on its turn is based. (b): of two sides that want, the one that looks
 * last sees both words as they are. A side that gives up does what one does that leaves.
 */
#include <amphora/event.h>
#include <amphora/order.h>
#include <amphora/shared_lock.h>
#include <amphora/time.h>

#define WANTS 0x1u
#define TURN  0x2u

#define LOOKS	 16u /* between two looks at the clock */
#define SPINS	 256u /* of so many looks before it lets others run */
#define REST_NS	 50000u
#define LINE_MAX 4096u

/* What the other side sees of this one from now on; the caller says what it is ordered with. */
static void say(struct amph_plain_lock *plain, uint32_t word)
{
	plain->word = word;
	amph_store32(plain->own, word);
	if (plain->cache)
		plain->cache->clean(plain->own, sizeof(*plain->own));
}

/* The other side's word, as it is now. -EPROTO: nonsense. */
static int check(uint32_t word)
{
	return word & ~(WANTS | TURN) ? -EPROTO : 0;
}

static void forget(const struct amph_plain_lock *plain)
{
	if (plain->cache)
		plain->cache->invalidate(plain->peer, sizeof(*plain->peer));
}

/* 1: it is this side's, 0: not yet. */
static int look(const struct amph_plain_lock *plain)
{
	uint32_t word;
	bool same;

	forget(plain);
	/* acquire: pairs with the release in release(), and with the full barriers of announce() */
	word = amph_load32_acquire(plain->peer);
	same = !((word ^ plain->word) & TURN);
	if (check(word))
		return -EPROTO;
	return !(word & WANTS) || same == plain->second;
}

/* This side wants the lock, and lets the other go first if that wants it, too. */
static int announce(struct amph_plain_lock *plain)
{
	uint32_t word;

	say(plain, WANTS | plain->word);
	/* full: (a) above; pairs with the other side's (b) */
	amph_barrier_full();
	forget(plain);
	word = amph_load32(plain->peer);
	if (check(word))
		return -EPROTO;
	say(plain, WANTS | ((word & TURN) ^ (plain->second ? TURN : 0)));
	/* full: (b) above; pairs with the other side's (a) and (b) */
	amph_barrier_full();
	return 0;
}

/* Lets others of this processor run for a moment. */
static void rest(uint64_t deadline)
{
	uint64_t until = amph_time_now() + REST_NS;
	struct amph_event never;

	amph_event_init(&never);
	amph_event_wait(&never, amph_event_count(&never), until < deadline ? until : deadline);
}

static int wait(struct amph_plain_lock *plain, uint64_t deadline)
{
	for (uint32_t spins = 0;; spins++) {
		/* the clock first: so the last look is past it */
		bool late = amph_time_now() >= deadline;

		for (uint32_t i = 0; i < LOOKS; i++) {
			int result = look(plain);

			if (result)
				return result < 0 ? result : 0;
		}
		if (late)
			return -ETIMEDOUT;
		if (spins >= SPINS)
			rest(deadline);
	}
}

static int acquire(struct amph_shared_lock *lock, uint64_t deadline)
{
	struct amph_plain_lock *plain = (struct amph_plain_lock *)lock;
	int error = announce(plain);

	if (!error)
		error = wait(plain, deadline);
	if (error)
		say(plain, plain->word & TURN);
	return error;
}

static int release(struct amph_shared_lock *lock)
{
	struct amph_plain_lock *plain = (struct amph_plain_lock *)lock;

	/* release: pairs with the acquire in look() */
	amph_barrier_release();
	say(plain, plain->word & TURN);
	return 0;
}

int amph_plain_lock_init(struct amph_plain_lock *plain, void *memory, uint32_t stride, bool second,
			 const struct amph_cache_ops *cache)
{
	static const struct amph_shared_lock_ops ops = {.acquire = acquire, .release = release};
	char *lines = memory;

	if (stride < AMPH_PLAIN_LOCK_STRIDE || stride > LINE_MAX || stride & (stride - 1) ||
	    (uintptr_t)memory & (stride - 1))
		return -EINVAL;
	*plain = (struct amph_plain_lock){
		.lock.ops = &ops,
		.own = (uint32_t *)(void *)(lines + (second ? stride : 0)),
		.peer = (uint32_t *)(void *)(lines + (second ? 0 : stride)),
		.cache = cache,
		.second = second,
	};
	return 0;
}
