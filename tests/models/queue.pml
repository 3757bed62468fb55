/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue: two rings in shared memory, and who sleeps and is rung for. Model of lib/queue; what each
 * inline stands for has its name there (ring.h, queue.c, wait.c, path.c). One step is one access to a
 * shared word. Positions are modulo POSITIONS, here two laps. Three counts are only ever compared with an
 * earlier value of their own; for them is kept whether they are equal, as if they never wrapped: the bell
 * and `seen` (rang), `said` and `heard` (unheard), the number of a sleep and `rung` (rung).
 *
 * code: QUEUE_FOR_SLOT QUEUE_FOR_ROOM QUEUE_FOR_MESSAGE QUEUE_BY_CHANNEL
 * code: queue_put queue_has_room amph_queue_there amph_queue_knock amph_queue_tell amph_queue_sleep
 * code: amph_queue_awake amph_queue_wait amph_queue_send amph_queue_receive amph_queue_was_told rest
 * code: amph_session_knock amph_session_poll path_said path_sleep path_poll
 *
 * EXCHANGE: all of BUFFERS go to and fro, in batches that may be more than the ring holds.
 * POLLING: and who has something may look for more.
 * ONE_WAY: buffers without end go one way, and not the quick one: what was consumed is told after each.
 * TALK: one thing is under way at a time: a buffer, or a message on the channel, there or back.
 * CHANNEL_SLEEP: both sleep on the channel and are woken by heartbeats, else by the doorbell.
 * STORES: so many stores of a side wait in its store buffer until a full barrier, or whenever.
 *
 * check exchange: -DEXCHANGE -DBUFFERS=3
 * check exchange_polling: -DEXCHANGE -DBUFFERS=2 -DPOLLING
 * check exchange_by_channel: -DEXCHANGE -DBUFFERS=2 -DCHANNEL_SLEEP -DMESSAGES=1
 * check exchange_with_late_stores: -DEXCHANGE -DBUFFERS=1 -DSTORES=2
 * check one_way: -DONE_WAY -DSLOTS=4
 * check one_way_with_late_stores: -DONE_WAY -DSTORES=2
 * check one_way_by_channel: -DONE_WAY -DCHANNEL_SLEEP
 * check talk: -DTALK
 * check talk_with_late_stores: -DTALK -DSTORES=2
 * check every_wait_ends: -DEXCHANGE -DBUFFERS=2 progress
 * twin BROKEN_BELL: -DEXCHANGE finds=no_lost_wake_up
 * twin BROKEN_LAST_LOOK: -DEXCHANGE finds=no_lost_wake_up
 * twin BROKEN_WAITING_LATE: -DEXCHANGE finds=no_lost_wake_up
 * twin BROKEN_BARRIER_IN_SLEEP: -DEXCHANGE -DSTORES=2 finds=no_lost_wake_up
 * twin BROKEN_BARRIER_IN_KNOCK: -DEXCHANGE -DSTORES=2 finds=no_lost_wake_up
 * twin BROKEN_SLEEP_COUNT: -DEXCHANGE finds=no_lost_wake_up
 * twin BROKEN_KNOCK_BEFORE_WAIT: -DONE_WAY finds=no_lost_wake_up
 * twin BROKEN_KNOCK_FOR_ROOM: -DONE_WAY finds=no_lost_wake_up
 * twin BROKEN_TELL: -DONE_WAY -DSLOTS=4 finds=no_lost_wake_up
 * twin BROKEN_SAID: -DTALK finds=no_lost_wake_up
 * twin BROKEN_SEQUENCE_FIRST: -DONE_WAY finds=no_lost_hand_off
 * twin BROKEN_CONSUMED_FIRST: -DONE_WAY finds=never_more_than_slots
 * twin BROKEN_LAP: -DONE_WAY finds=no_lost_hand_off
 * twin BROKEN_ROOM: -DONE_WAY finds=never_more_than_slots
 */
#include "steps.inc"

#ifndef SLOTS
#define SLOTS 2
#endif
#ifndef BUFFERS
#define BUFFERS 1
#endif
#ifdef ONE_WAY
#define ENDLESS 1
#else
#define ENDLESS 0
#endif
#ifndef STORES
#define STORES 0
#endif
#ifndef POSITIONS
#define POSITIONS (2 * SLOTS) /* two laps */
#endif
#ifndef MESSAGES
#define MESSAGES 2 /* the channel's room for heartbeats */
#endif

#define QUEUE_FOR_SLOT	  1
#define QUEUE_FOR_ROOM	  2
#define QUEUE_FOR_MESSAGE 3
#define QUEUE_BY_CHANNEL  4

/* The shared words. A side's ring is the one that it writes. */
#define SEQUENCE(side, position) ((side) * SLOTS + (position) % SLOTS)
#define HANDLE(side, position)	 ((2 + (side)) * SLOTS + (position) % SLOTS)
#define CONSUMED(side)		 (4 * SLOTS + (side))
#define WAITING(side)		 (4 * SLOTS + 2 + (side))
#define BELL(side)		 (4 * SLOTS + 4 + (side))
#define SAID(side)		 (4 * SLOTS + 6 + (side))
byte shared[4 * SLOTS + 4];

PROPERTY(no_lost_hand_off)
PROPERTY(never_more_than_slots)
PROPERTY(no_lost_message)

bit rung[2]; /* this side rang for the other's present sleep */
bit knocking[2]; /* its knock has the present sleep's `waiting` in hand */
bit rang[2]; /* the other side rang since this one loaded the bell */
bit unheard[2]; /* the other side said something since this one loaded that */
byte messages[2]; /* heartbeats on the channel, to that side */
bit talk[2]; /* and a message that the application waits for */
byte holds[2]; /* how many buffers: which is which makes no difference here */

#ifdef BROKEN_SLEEP_COUNT
#define NEW_SLEEP
#else
#define NEW_SLEEP               \
	rung[1 - me] = false;   \
	knocking[1 - me] = false;
#endif

/* A store, as the other side sees it. A new sleep has a number of its own: nobody has rung for it yet. */
#define PERFORM(word, value)                                               \
	if                                                                 \
	:: (word) == BELL(me) -> rang[1 - me] = true                       \
	:: (word) == SAID(me) -> unheard[1 - me] = true                    \
	:: (word) == WAITING(me) && (value) -> NEW_SLEEP shared[word] = value \
	:: else -> shared[word] = (value)                                  \
	fi

#if STORES
chan pending[2] = [STORES] of {byte, byte};

/* A processor's store buffer: what is in there gets out at some time, in order. */
proctype memory(bit me)
{
	byte word, value;
end:	do
	:: atomic { pending[me]?word, value ->
		STEP3("%d flush %d\n", me, word);
		PERFORM(word, value);
		word = 0;
		value = 0 }
	od
}
#define STORE(word, value)  pending[me]!(word), (value); STEP4("%d store %d %d\n", me, word, value)
#define amph_barrier_full() atomic { empty(pending[me]) -> STEP2("%d barrier\n", me) }
#else
#define STORE(word, value)  PERFORM(word, value); STEP4("%d store %d %d\n", me, word, value)
#define amph_barrier_full() STEP2("%d barrier\n", me)
#endif
#define LOAD_SAID STEP3("%d load %d\n", me, SAID(1 - me))
#define LOAD(variable, word) variable = shared[word]; STEP4("%d load %d %d\n", me, word, variable)

inline queue_has_slot()
{
	atomic {
		LOAD(word, SEQUENCE(1 - me, consumed));
#ifdef BROKEN_LAP
		found = word != 0;
#else
		found = word == (consumed + 1) % POSITIONS;
#endif
		word = 0
	}
}

#ifdef BROKEN_ROOM
#define IS_ROOM ((produced + POSITIONS - taken) % POSITIONS <= SLOTS)
#else
#define IS_ROOM ((produced + POSITIONS - taken) % POSITIONS < SLOTS)
#endif

inline queue_has_room()
{
	if
	:: IS_ROOM -> found = true
	:: else -> atomic { LOAD(taken, CONSUMED(1 - me)); found = IS_ROOM }
	fi
}

inline amph_queue_there(what)
{
	if
	:: what == QUEUE_FOR_SLOT -> queue_has_slot()
	:: else -> queue_has_room()
	fi
}

/* A slot whose descriptor was read has handle 0 here. */
inline queue_put()
{
#ifdef BROKEN_SEQUENCE_FIRST
	atomic { STORE(SEQUENCE(me, produced), (produced + 1) % POSITIONS) };
#endif
	atomic {
#ifndef ONE_WAY
		holds[me]--;
#endif
		word = shared[HANDLE(me, produced)];
		STORE(HANDLE(me, produced), 1);
		HOLD(never_more_than_slots, word == 0);
		word = 0;
		produced = (produced + 1) % POSITIONS
	};
#ifndef BROKEN_SEQUENCE_FIRST
	atomic { STORE(SEQUENCE(me, produced + POSITIONS - 1), produced) }
#endif
}

inline ring()
{
	atomic { STORE(BELL(me), 0) }
}

/* Something was said on the channel: who waits at the queue looks there, too. */
inline path_said()
{
	atomic { STORE(SAID(me), 0) };
	amph_barrier_full();
	atomic {
		LOAD(word, WAITING(1 - me));
		due = !(word & QUEUE_BY_CHANNEL) && word & QUEUE_FOR_MESSAGE && !rung[me];
		if
		:: due -> rung[me] = true
		:: else
		fi;
		word = 0
	};
	if
	:: due -> ring()
	:: else
	fi
}

inline amph_queue_knock(what)
{
#ifndef BROKEN_BARRIER_IN_KNOCK
	amph_barrier_full();
#endif
	atomic {
		LOAD(word, WAITING(1 - me));
		due = word & what && !rung[me];
		by_channel = due && word & QUEUE_BY_CHANNEL;
		if
		:: by_channel -> knocking[me] = true
		:: due && !by_channel -> rung[me] = true
		:: else
		fi;
		word = 0
	};
	if
	:: by_channel ->
		/* amph_session_knock: a heartbeat, if there is room */
		if
		:: atomic { messages[1 - me] < MESSAGES ->
			   STEP2("%d heartbeat\n", me); messages[1 - me]++ };
			path_said();
			atomic { rung[me] = rung[me] || knocking[me]; knocking[me] = false }
		:: atomic { messages[1 - me] == MESSAGES -> STEP2("%d full\n", me); knocking[me] = false }
		fi
	:: due && !by_channel -> ring()
	:: else
	fi;
	due = false;
	by_channel = false
}

inline amph_queue_tell()
{
	if
#ifdef BROKEN_TELL
	:: true
#endif
	:: told == consumed
	:: told != consumed ->
		atomic { told = consumed; STORE(CONSUMED(me), told) };
#ifndef BROKEN_KNOCK_FOR_ROOM
		amph_queue_knock(QUEUE_FOR_ROOM)
#endif
	fi
}

inline amph_queue_sleep(what, how)
{
	amph_queue_tell();
#ifdef BROKEN_WAITING_LATE
	amph_queue_there(what);
	atomic { STORE(WAITING(me), what + how) }
#else
	atomic { STORE(WAITING(me), what + how) };
#ifndef BROKEN_BARRIER_IN_SLEEP
	amph_barrier_full();
#endif
#ifdef BROKEN_LAST_LOOK
	found = false
#else
	amph_queue_there(what)
#endif
#endif
}

inline amph_queue_awake()
{
	atomic { STORE(WAITING(me), 0) }
}

inline say()
{
	atomic { STEP2("%d say\n", me); talk[1 - me] = true };
	path_said()
}

/* All that is on the channel; what was asked there is answered. */
inline receive_messages()
{
	atomic {
		STEP4("%d messages %d %d\n", me, messages[me], talk[me]);
		came = messages[me] || talk[me];
		answered = talk[me];
		messages[me] = 0;
		talk[me] = false
	};
#ifdef TALK
	if
	:: me == 1 && answered -> say(); answered = false
	:: else
	fi
#endif
}

/* amph_session_poll, below a wait at the queue: it sleeps on the channel, and takes no descriptor. */
inline amph_session_poll(what, wait)
{
	do
	:: atomic { LOAD_SAID; unheard[me] = false }; /* path_sleep: amph_queue_was_told */
		amph_queue_sleep(what, QUEUE_BY_CHANNEL);
		if
		:: wait && !found -> atomic { messages[me] || talk[me] -> STEP2("%d wakes\n", me) }
		:: else
		fi;
		receive_messages();
		amph_queue_awake();
		amph_queue_there(what); /* path_poll */
		if
		:: found || came || !wait -> break
		:: else
		fi
	od;
	came = false
}

inline rest(what)
{
#ifdef CHANNEL_SLEEP
	amph_session_poll(what, true)
#else
	atomic { rang[me] = false; STEP3("%d load %d\n", me, BELL(1 - me)) };
	amph_queue_sleep(what, 0);
	if
	:: found
	:: else ->
#ifndef BROKEN_SAID
		atomic { LOAD_SAID; found = unheard[me] };
#endif
#ifdef BROKEN_BELL
		atomic { rang[me] = false; STEP3("%d load %d\n", me, BELL(1 - me)) };
#endif
		if
		:: found
		:: else -> atomic { rang[me] -> STEP2("%d wakes\n", me) }
		fi
	fi;
	amph_queue_awake();
	amph_queue_there(what)
#endif
}

/* looked: there was no look in between, and it was not there. */
inline amph_queue_wait(what, looked)
{
	if
	:: looked
	:: else ->
		amph_queue_tell();
		amph_queue_there(what)
	fi;
	do
	:: found -> break
	:: else ->
		atomic { LOAD_SAID; due = unheard[me]; unheard[me] = false };
		if
		:: due -> due = false; amph_session_poll(what, false)
		:: else -> rest(what)
		fi
	od
}

#define END_OF_CALL STEP6("%d end %d %d %d %d\n", me, produced, consumed, taken, told)

/* Sends `count` of the buffers that this side holds, however long that takes. */
inline amph_queue_send()
{
	STEP3("%d send %d\n", me, count);
	first = produced;
	do
	:: count == 0 -> break
	:: else ->
		queue_has_room();
		if
		:: found
		:: !found && first == produced -> amph_queue_wait(QUEUE_FOR_ROOM, told == consumed)
		:: !found && first != produced ->
#ifndef BROKEN_KNOCK_BEFORE_WAIT
			amph_queue_knock(QUEUE_FOR_SLOT);
#endif
			first = produced;
			amph_queue_wait(QUEUE_FOR_ROOM, false)
		fi;
		queue_put();
		count--
	od;
	if
	:: first != produced -> amph_queue_knock(QUEUE_FOR_SLOT)
	:: else
	fi;
	first = 0;
	found = false;
	END_OF_CALL
}

/* Half a ring is worth a word. */
inline tell_in_time()
{
	if
	:: (consumed + POSITIONS - told) % POSITIONS > (SLOTS - 1) / 2 -> amph_queue_tell()
	:: else
	fi
}

/* Takes what is there; waits for the first if there is none. */
inline amph_queue_receive(wait)
{
	STEP3("%d receive %d\n", me, wait);
	queue_has_slot();
	if
	:: !found && wait -> amph_queue_wait(QUEUE_FOR_SLOT, told == consumed)
	:: else
	fi;
	do
	:: !found -> break
	:: else ->
#ifdef BROKEN_CONSUMED_FIRST
		atomic { STORE(CONSUMED(me), (consumed + 1) % POSITIONS) };
#endif
		atomic {
			LOAD(word, HANDLE(1 - me, consumed));
			HOLD(no_lost_hand_off, word == 1 && holds[0] + holds[1] < BUFFERS);
#ifndef ONE_WAY
			holds[me]++;
#endif
			shared[HANDLE(1 - me, consumed)] = 0;
			consumed = (consumed + 1) % POSITIONS;
			word = 0
		};
#ifdef ONE_WAY
		tell_in_time();
#endif
progress:	queue_has_slot()
	od;
	tell_in_time();
	END_OF_CALL
}

proctype side(bit me)
{
	byte produced, taken, consumed, told;
	byte word, first, count;
	bool found, came, talking, answered, due, by_channel;

#ifdef EXCHANGE
	do
	:: count = holds[me];
		if
		:: count == 0 -> amph_queue_receive(true)
		:: count > 0 -> amph_queue_send()
		:: count > 1 -> count = 1; amph_queue_send()
#ifdef POLLING
		:: count > 0 -> count = 0; amph_queue_receive(false)
#endif
		fi
	od
#endif
#ifdef TALK
	do
	:: me == 0 ->
		if
		:: count = 1; amph_queue_send()
		:: STEP2("%d talk\n", me); say(); talking = true; END_OF_CALL
		fi;
		answered = false;
		do
		:: talking && answered -> talking = false; break
		:: !talking && holds[0] -> break
		:: else ->
			STEP2("%d poll\n", me);
			amph_session_poll(QUEUE_FOR_SLOT, true);
			END_OF_CALL;
			if
			:: found -> amph_queue_receive(false)
			:: else
			fi
		od;
		HOLD(no_lost_message, holds[0])
	:: me == 1 -> amph_queue_receive(true); count = 1; amph_queue_send()
	od
#endif
#ifdef ONE_WAY
	do
	:: me == 0 ->
		if
		:: count = 1
		:: count = SLOTS - 1
		:: count = SLOTS + 1
		fi;
		amph_queue_send()
	:: me == 1 -> amph_queue_receive(true)
	od
#endif
}

init
{
	atomic {
		holds[0] = BUFFERS - ENDLESS;
		run side(0);
		run side(1);
#if STORES
		run memory(0);
		run memory(1)
#endif
	}
}
