/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtqueue: a driver gives buffers through avail, a device gives them back through used, and each rings
 * only for who wished it. Model of lib/transport/virtqueue*.c and virtqueue_internal.h; what each inline
 * stands for has its name there. One step is one access to a shared word. Indices are modulo INDICES: twice
 * the ring, as the largest ring has it with 16 bits.
 *
 * code: amph_virtqueue_look amph_virtqueue_publish amph_virtqueue_rings amph_virtqueue_hush
 * code: amph_virtqueue_driver_take amph_virtqueue_driver_give HALF_INDEX HALF_ENTRIES
 * code: produced consumed seen kicked wished event_index
 *
 * EVENT_INDEX: the wish is an index; else it is a flag, which a side that waits no more sets (HUSH).
 * POLLING: a side that has buffers may look for more before it gives them.
 * STORES: so many stores of a side wait in its store buffer until a full barrier, or whenever.
 * INDICES: another number of them, for runs that the code follows, which has 65536.
 *
 * replay: -DINDICES=65536
 * check event_index: -DEVENT_INDEX -DPOLLING
 * check event_index_of_four: -DEVENT_INDEX -DCOUNT=4 -DBUFFERS=2
 * check event_index_with_late_stores: -DEVENT_INDEX -DSTORES=2
 * check flags: -DPOLLING
 * check flags_hushed: -DHUSH -DPOLLING
 * check flags_hushed_with_late_stores: -DHUSH -DSTORES=2
 * check every_wait_ends: -DEVENT_INDEX progress
 * check every_wait_ends_hushed: -DHUSH progress
 * twin BROKEN_SECOND_LOOK: -DEVENT_INDEX finds=no_lost_wake_up
 * twin BROKEN_WISH_FIRST: -DEVENT_INDEX finds=no_lost_wake_up
 * twin BROKEN_BARRIER_IN_LOOK: -DEVENT_INDEX -DSTORES=2 finds=no_lost_wake_up
 * twin BROKEN_BARRIER_IN_RINGS: -DHUSH -DSTORES=2 finds=no_lost_wake_up
 * twin BROKEN_WISHED: -DEVENT_INDEX finds=no_lost_wake_up
 * twin BROKEN_FRESH: -DEVENT_INDEX finds=no_lost_wake_up
 * twin BROKEN_EVENT: -DEVENT_INDEX finds=no_lost_wake_up
 * twin BROKEN_HUSH: -DHUSH followed finds=no_lost_wake_up
 * twin BROKEN_INDEX_FIRST: -DEVENT_INDEX finds=no_lost_or_doubled_buffer
 * twin BROKEN_YIELD: -DEVENT_INDEX finds=no_lost_or_doubled_buffer
 * twin BROKEN_SEEN: -DEVENT_INDEX finds=no_lost_or_doubled_buffer
 * twin BROKEN_ENTRY: -DEVENT_INDEX finds=no_lost_or_doubled_buffer
 */
#include "steps.inc"

#ifndef COUNT
#define COUNT 2
#endif
#ifndef BUFFERS
#define BUFFERS COUNT
#endif
#ifndef STORES
#define STORES 0
#endif
#ifndef INDICES
#define INDICES (2 * COUNT)
#define INDEX	byte
#else
#define INDEX int
#endif

/* The shared words. A side's half is the one that it writes; entries hold the buffer's number. */
#define HALF_INDEX(side)	  (side)
#define MY_WISH(side)		  (2 + (side))
#ifdef BROKEN_ENTRY
#define HALF_ENTRIES(side, index) (4 + (side) * COUNT)
#else
#define HALF_ENTRIES(side, index) (4 + (side) * COUNT + (index) % COUNT)
#endif
INDEX shared[4 + 2 * COUNT];

PROPERTY(no_lost_or_doubled_buffer)

bit has[2 * BUFFERS]; /* AMPH_VIRTQUEUE_TAKEN, in the slots of a side; else AMPH_VIRTQUEUE_THEIRS */
#define HAS(side, id) has[(side) * BUFFERS + (id)]
bit bell[2]; /* rang for that side, which has not heard it yet */

#if STORES
chan pending[2] = [STORES] of {byte, INDEX};

proctype memory(bit me)
{
	byte word;
	INDEX value;
end:	do
	:: atomic { pending[me]?word, value ->
		STEP3("%d flush %d\n", me, word);
		shared[word] = value;
		word = 0;
		value = 0 }
	od
}
#define STORE(word, value)  pending[me]!(word), (value); STEP4("%d store %d %d\n", me, word, value)
#define amph_barrier_full() atomic { empty(pending[me]) -> STEP2("%d barrier\n", me) }
#else
#define STORE(word, value)  shared[word] = (value); STEP4("%d store %d %d\n", me, word, shared[word])
#define amph_barrier_full() STEP2("%d barrier\n", me)
#endif
#define LOAD(variable, word) variable = shared[word]; STEP4("%d load %d %d\n", me, word, variable)

#define MODULO(index) (((index) + 2 * INDICES) % INDICES)

#ifdef EVENT_INDEX
#define WISH consumed
#else
#define WISH 0
#endif

/* there: is there an entry to take? If not, a doorbell was wished for. */
inline amph_virtqueue_look()
{
#ifdef BROKEN_WISH_FIRST
	atomic { LOAD(seen, HALF_INDEX(1 - me)) };
	if
	:: seen == consumed && wished != WISH -> atomic { wished = WISH; STORE(MY_WISH(me), wished) }
	:: else
	fi;
#else
	do
	:: seen != consumed -> break
	:: else ->
		atomic { LOAD(seen, HALF_INDEX(1 - me)) };
		if
#ifdef BROKEN_WISHED
		:: true -> break
#endif
		:: seen != consumed || wished == WISH -> break
		:: else ->
			atomic { wished = WISH; STORE(MY_WISH(me), wished) };
#ifndef BROKEN_BARRIER_IN_LOOK
			amph_barrier_full()
#endif
#ifdef BROKEN_SECOND_LOOK
			break
#endif
		fi
	od;
#endif
	there = seen != consumed
}

inline amph_virtqueue_hush()
{
#ifdef HUSH
	STEP2("%d hush\n", me);
	atomic { wished = 1; STORE(MY_WISH(me), wished) }
#else
	skip
#endif
}

inline amph_virtqueue_publish()
{
	atomic { produced = MODULO(produced + 1); STORE(HALF_INDEX(me), produced) }
}

#ifdef BROKEN_YIELD
#define YIELDED skip
#else
#define YIELDED HAS(me, id) = false
#endif
#define TELL_HAS STEP4("%d has %d %d\n", me, id, HAS(me, id))

/* amph_virtqueue_driver_give and amph_virtqueue_device_give: the buffer `id`, which this side has. */
inline give()
{
	STEP3("%d give %d\n", me, id);
#ifdef BROKEN_INDEX_FIRST
	amph_virtqueue_publish();
	atomic { YIELDED; STORE(HALF_ENTRIES(me, produced + INDICES - 1), id); TELL_HAS };
#else
	atomic { YIELDED; STORE(HALF_ENTRIES(me, produced), id); TELL_HAS };
	amph_virtqueue_publish();
#endif
	id = 0
}

/* amph_virtqueue_driver_take and amph_virtqueue_device_take */
inline take()
{
	STEP2("%d take\n", me);
	amph_virtqueue_look();
	if
	:: !there
	:: else ->
		atomic {
			LOAD(id, HALF_ENTRIES(1 - me, consumed));
			HOLD(no_lost_or_doubled_buffer, !HAS(me, id) && !HAS(1 - me, id));
			HAS(me, id) = true;
			consumed = MODULO(consumed + 1);
			id = 0
		};
progress:	skip
	fi;
#ifdef BROKEN_SEEN
	seen = 0;
#endif
	STEP5("%d end %d %d %d\n", me, produced, consumed, there)
}

#ifdef BROKEN_FRESH
#define FRESH 1
#else
#define FRESH fresh
#endif

#ifdef EVENT_INDEX
#ifdef BROKEN_EVENT
#define WISHED_FOR (MODULO(produced - wish) < FRESH)
#else
#define WISHED_FOR (MODULO(produced - wish - 1) < FRESH)
#endif
#else
#define WISHED_FOR (wish == 0)
#endif

inline amph_virtqueue_rings()
{
	STEP2("%d kick\n", me);
	fresh = MODULO(produced - kicked);
	kicked = produced;
	if
	:: fresh == 0
	:: else ->
#ifndef BROKEN_BARRIER_IN_RINGS
		amph_barrier_full();
#endif
		atomic {
			LOAD(wish, MY_WISH(1 - me));
			if
			:: WISHED_FOR -> bell[1 - me] = true; STEP3("%d rings %d\n", me, 1)
			:: else -> STEP3("%d rings %d\n", me, 0)
			fi;
			wish = 0
		}
	fi;
	fresh = 0
}

proctype side(bit me)
{
	INDEX produced, consumed, seen, kicked, wished, fresh, wish;
	byte id;
	bool there;

	do
	:: atomic {
		id = 0;
		do
		:: id == BUFFERS || HAS(me, id) -> break
		:: else -> id++
		od
		};
		if
		:: id < BUFFERS -> give(); amph_virtqueue_rings()
		:: id < BUFFERS -> /* and more at once */
			give();
			atomic {
				id = 0;
				do
				:: id == BUFFERS || HAS(me, id) -> break
				:: else -> id++
				od
			};
			if
			:: id < BUFFERS -> give()
			:: else -> id = 0
			fi;
			amph_virtqueue_rings()
#ifdef POLLING
		:: id < BUFFERS -> id = 0; take()
#endif
		:: id == BUFFERS ->
			id = 0;
			take();
			if
			:: there
			:: else ->
#ifdef BROKEN_HUSH
				amph_virtqueue_hush();
#endif
				atomic { bell[me] -> bell[me] = false; STEP2("%d wakes\n", me) };
				amph_virtqueue_hush();
				take()
			fi
		fi;
		there = false
	od
}

init
{
	atomic {
		byte id;

		for (id : 0 .. BUFFERS - 1) {
			HAS(0, id) = true
		}
		id = 0;
		run side(0);
		run side(1);
#if STORES
		run memory(0);
		run memory(1)
#endif
	}
}
