/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The plain lock: two sides, a word with one writer each. Model of lib/memory/lock/plain.c; one step is one
 * access to a shared word. A side takes the lock without end, or until it never comes back, and may give up
 * waiting, or die, whenever it likes.
 *
 * code: WANTS TURN announce look acquire release
 *
 * STORES: so many stores of a side wait in its store buffer until a full barrier, or whenever.
 * GIVES_UP: a wait may end by its deadline. DIES: a side may do nothing more, from any step on.
 * STAYS: a side always comes back, for runs that the code follows.
 *
 * runs: -DSTAYS
 * check exclusion: -DGIVES_UP
 * check exclusion_with_late_stores: -DGIVES_UP -DSTORES=2
 * check exclusion_of_the_dead: -DGIVES_UP -DDIES
 * check who_waits_is_next: ltl=nobody_starves fair
 * check who_waits_is_next_with_late_stores: -DSTORES=2 ltl=nobody_starves fair
 * check overtaken_once: -DCOUNTED -DSTORES=2
 * twin BROKEN_BARRIER_A: -DSTORES=2 finds=never_two_owners
 * twin BROKEN_BARRIER_B: -DSTORES=2 finds=never_two_owners
 * twin BROKEN_NO_FIRST_WANTS: -DGIVES_UP finds=never_two_owners
 * twin BROKEN_SAME_TURN: finds=never_two_owners
 * twin BROKEN_OWN_TURN_KEPT: ltl=nobody_starves fair finds=nobody_starves
 * twin BROKEN_TURN_AT_BIND: followed finds=never_two_owners
 * twin BROKEN_GIVES_UP_WANTING: -DGIVES_UP ltl=nobody_starves fair finds=nobody_starves
 */
#include "steps.inc"

#ifndef STORES
#define STORES 0
#endif

#define WANTS 1
#define TURN  2

byte shared[2]; /* the words; side me writes shared[me] */
byte overtaken[2]; /* how often the other had the lock since this side has announced itself */
bit inside[2];
bit waits[2]; /* has announced itself, and neither has the lock nor gave up */

PROPERTY(never_two_owners)
PROPERTY(overtaken_at_most_once)

#if STORES
chan pending[2] = [STORES] of {byte};

/* A processor's store buffer: what is in there gets out at some time, in order. */
proctype memory(bit me)
{
	byte value;
end:	do
	:: atomic { pending[me]?value -> STEP3("%d flush %d\n", me, me); shared[me] = value; value = 0 }
	od
}
#define STORE(value)	    pending[me]!(value); STEP4("%d store %d %d\n", me, me, value)
#define amph_barrier_full() atomic { empty(pending[me]) -> STEP2("%d barrier\n", me) }
#else
#define STORE(value)	    shared[me] = (value); STEP4("%d store %d %d\n", me, me, value)
#define amph_barrier_full() STEP2("%d barrier\n", me)
#endif
#define LOAD word = shared[1 - me]; STEP4("%d load %d %d\n", me, 1 - me, word)

#ifdef DIES
#define MAY_DIE if :: goto dead :: true fi
#else
#define MAY_DIE skip
#endif

#define MINE(word) (!((word) & WANTS) || (((word) ^ own) & TURN) == (me == 0 -> TURN : 0))

#ifdef BROKEN_SAME_TURN
#define OWN_TURN(word) ((word) & TURN)
#else
#define OWN_TURN(word) (((word) & TURN) ^ (me == 0 -> 0 : TURN))
#endif

/* This side wants the lock, and lets the other go first if that wants it, too. */
inline announce()
{
#ifndef BROKEN_NO_FIRST_WANTS
	atomic { own = own | WANTS; STORE(own) };
#ifndef BROKEN_BARRIER_A
	amph_barrier_full();
#endif
#endif
	MAY_DIE;
	atomic { LOAD };
#ifndef BROKEN_OWN_TURN_KEPT
	atomic { own = WANTS | OWN_TURN(word); STORE(own); word = 0 };
#endif
#ifndef BROKEN_BARRIER_B
	amph_barrier_full();
#endif
	atomic { waits[me] = true; overtaken[me] = 0 };
	MAY_DIE
}

/* The other side's word, as it is now: has this side the lock? */
inline look()
{
	atomic { LOAD; mine = MINE(word); word = 0 }
}

inline release()
{
	atomic { own = own & TURN; STORE(own) }
}

inline acquire()
{
	STEP2("%d acquire\n", me);
	announce();
	do
	:: look();
	   if
	   :: mine -> break
	   :: !mine -> skip
#ifdef GIVES_UP
	   :: !mine -> atomic { STEP2("%d late\n", me); waits[me] = false; break }
#endif
	   fi
	od
}

proctype side(bit me)
{
	byte own = 0, word = 0;
	bit mine = false;

#ifdef BROKEN_TURN_AT_BIND
	/* words that were not made 0 when the lock was bound anew: this side thinks that its own is */
	own = 0;
#endif
end:	do
#ifndef STAYS
	:: break /* it never comes back */
#endif
	:: acquire();
	   if
	   :: mine ->
		atomic {
			STEP3("%d has %d\n", me, true);
			waits[me] = false;
			inside[me] = true;
			HOLD(never_two_owners, !inside[1 - me]);
#ifdef COUNTED
			if
			:: waits[1 - me] -> overtaken[1 - me]++
			:: else
			fi;
			HOLD(overtaken_at_most_once, overtaken[1 - me] <= 1)
#endif
		};
		MAY_DIE;
		inside[me] = false;
		STEP2("%d release\n", me);
		release()
	   :: else ->
#ifndef BROKEN_GIVES_UP_WANTING
		release();
#endif
		STEP3("%d has %d\n", me, false)
	   fi;
	   mine = false
	od;
dead:	skip
}

init
{
	atomic {
#ifdef BROKEN_TURN_AT_BIND
		shared[0] = TURN;
		shared[1] = TURN;
#endif
		run side(0);
		run side(1)
#if STORES
		;
		run memory(0);
		run memory(1)
#endif
	}
}

ltl nobody_starves { [] (waits[0] -> <> !waits[0]) && [] (waits[1] -> <> !waits[1]) }
