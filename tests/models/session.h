/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The model of a share session: what is kept, and what a message does that is taken. See session.pml.
 */
#include "steps.h"

#ifndef HOME
#define HOME 0
#endif
#define IMPORTER (1 - HOME)
#define MAIN	 0
#ifndef RANGES
#define RANGES 1
#endif
#ifndef CHANNEL
#define CHANNEL 2
#endif
#ifndef LIVES
#define LIVES 1
#endif
#define GENERATIONS 3

/* clang-format off: not C */
mtype = {
	AMPH_SESSION_IDLE, AMPH_SESSION_GREETING, AMPH_SESSION_OPEN, AMPH_SESSION_CLOSING,
	AMPH_SESSION_CLOSED, AMPH_SESSION_LOST,
	AMPH_SHARE_FREE, AMPH_SHARE_OFFERED, AMPH_SHARE_ACCEPTED, AMPH_SHARE_RELEASING,
	AMPH_TARGET_ALIVE, AMPH_TARGET_LOST, AMPH_TARGET_OFF,
	WIRE_HELLO, WIRE_WELCOME, WIRE_READY, WIRE_REJECT, WIRE_OFFER, WIRE_ACCEPT, WIRE_REFUSE,
	WIRE_GIVE, WIRE_RETURN, WIRE_RELEASE, WIRE_RELEASED, WIRE_GOODBYE,
	WIRE_OK, WIRE_STALE, WIRE_REPLAY, WIRE_NOT_FOUND, WIRE_STATE, WIRE_NOT_OWNER, WIRE_BUSY,
	WIRE_EXISTS, WIRE_NO_SPACE, WIRE_INVALID
};

/* type, from, to, sequence (0: none), generation, range or flag, and of a REJECT: what, reason */
chan wire[2] = [CHANNEL] of {mtype, byte, byte, byte, byte, byte, mtype, mtype};

mtype session[2] = AMPH_SESSION_IDLE;
byte epoch[2], peer_epoch[2], lives[2];
byte sent[2], received[2];
mtype share[2] = AMPH_SHARE_FREE;
byte generation[2]; /* of the share */
bit accepted; /* the home's share */
bit device[RANGES]; /* the home's record: the target holds the range, else the CPU */
bit cpu[RANGES]; /* the importer's: this side holds it, else the home */
mtype target = AMPH_TARGET_ALIVE;
bit attached = true, quarantined;

bit mapped; /* the truth: the importer may touch what the home calls the buffer's memory */
bit given[RANGES]; /* what a liar was given, and has not returned or refused */
bit reachable; /* a liar was offered the memory, and has not said since that it can't reach it */
bit off; /* the importer's processor */
byte next_generation;

PROPERTY(never_two_writers)
PROPERTY(no_lost_hand_off)
PROPERTY(no_reuse_before_release)
PROPERTY(no_old_epoch)
#ifdef PEACE
PROPERTY(no_lost_session)
#endif

#define IS_LIVE(side) (session[side] == AMPH_SESSION_OPEN || session[side] == AMPH_SESSION_CLOSING)
#if RANGES == 1
#define HELD(record) (record[0])
#else
#define HELD(record) (record[0] || record[1])
#endif
#define EACH(record, value) \
	for (each : 0 .. RANGES - 1) { record[each] = value }; each = 0
#define IS_QUIET (session[0] == AMPH_SESSION_OPEN && session[1] == AMPH_SESSION_OPEN && \
		  peer_epoch[0] == epoch[1] && peer_epoch[1] == epoch[0] && \
		  sent[0] == received[1] && sent[1] == received[0] && \
		  len(wire[0]) == 0 && len(wire[1]) == 0)

#ifdef LIAR
#define REACHED reachable
#else
#define REACHED mapped
#endif

/* What the other side says is all that the home can go by. */
inline heard_of_end()
{
#ifdef LIAR
	if
	:: me == HOME && (type == WIRE_GOODBYE || (about == generation[me] &&
	   (type == WIRE_REFUSE || type == WIRE_RELEASE || type == WIRE_RELEASED ||
	    (type == WIRE_REJECT && what == WIRE_OFFER)))) -> reachable = false
	:: me == HOME && about == generation[me] && range < RANGES &&
	   (type == WIRE_RETURN || (type == WIRE_REJECT && what == WIRE_GIVE)) -> given[range] = false
	:: else
	fi
#else
	skip
#endif
}

#ifdef BROKEN_UNMAP
#define UNMAP skip
#else
#define UNMAP mapped = false
#endif

/* After each step; and what the replay compares. */
inline check_all()
{
#ifndef LIAR
	for (each : 0 .. RANGES - 1) {
		HOLD(never_two_writers, !(mapped && cpu[each] && !device[each]));
		HOLD(no_lost_hand_off, !IS_QUIET || share[HOME] != AMPH_SHARE_ACCEPTED ||
				       device[each] == cpu[each])
	};
	HOLD(no_lost_hand_off, !IS_QUIET || (share[0] == share[1]));
#ifdef PEACE
	HOLD(no_lost_session, session[0] != AMPH_SESSION_LOST && session[1] != AMPH_SESSION_LOST);
#endif
#else
	for (each : 0 .. RANGES - 1) {
		HOLD(never_two_writers, !given[each] || device[each] || target != AMPH_TARGET_ALIVE)
	};
#endif
	each = 0;
	STEP7("= %e %e %e %e %e %d\n", session[0], session[1], share[0], share[1], target, quarantined);
	STEP5("+ %d %d %d %d\n", device[0], cpu[0], len(wire[0]), len(wire[1]))
}

#ifdef GAPS
#define NEXT(number) ((number) % 3 + 1)
#else
#define NEXT(number) 1
#endif

inline send_as(kind, whom, numbered, concerning, part, refused, because)
{
	if
	:: numbered ->
		sent[me] = NEXT(sent[me]);
		wire[1 - me]!kind, epoch[me], whom, sent[me], concerning, part, refused, because
	:: else -> wire[1 - me]!kind, epoch[me], whom, 0, concerning, part, refused, because
	fi
}

/* amph_session_send. Whoever calls has seen that there is room. */
inline send(kind, concerning, part)
{
	send_as(kind, peer_epoch[me], IS_LIVE(me), concerning, part, WIRE_OK, WIRE_OK)
}

inline amph_session_free_share()
{
	if
	:: me == IMPORTER && share[me] != AMPH_SHARE_FREE -> UNMAP; EACH(cpu, false)
	:: else
	fi;
	share[me] = AMPH_SHARE_FREE;
	generation[me] = (me == HOME -> generation[me] : 0)
}

inline amph_target_lost()
{
	if
	:: target == AMPH_TARGET_ALIVE -> target = AMPH_TARGET_LOST; quarantined = attached
	:: else
	fi
}

inline amph_session_lose()
{
	if
#ifndef BROKEN_QUARANTINE
	:: me == HOME && IS_LIVE(me) -> amph_target_lost()
#endif
	:: else
	fi;
	session[me] = AMPH_SESSION_LOST;
	amph_session_free_share()
}

inline amph_session_reject(why)
{
	if
	:: type == WIRE_REJECT
	:: type != WIRE_REJECT && (session[me] != AMPH_SESSION_OPEN || from != peer_epoch[me]) ->
		send_as(WIRE_REJECT, from, false, about, range, type, why)
	:: else -> send_as(WIRE_REJECT, peer_epoch[me], true, about, range, type, why)
	fi
}

inline amph_session_opened()
{
	session[me] = AMPH_SESSION_OPEN;
	sent[me] = 0;
	received[me] = 0
}

/* The handshake: what the main says to the peer, and the other way. */
inline amph_session_greet()
{
	if
	:: session[me] != AMPH_SESSION_GREETING ->
		if /* greet_again */
		:: from == peer_epoch[me]
		:: from != peer_epoch[me] && to != (type == WIRE_HELLO -> 0 : epoch[me]) ->
			amph_session_reject(WIRE_STALE)
		:: else -> amph_session_lose() /* amph_session_started_anew */
		fi
#ifndef BROKEN_ECHO
	:: session[me] == AMPH_SESSION_GREETING && to != epoch[me] &&
	   (type != WIRE_HELLO || me == MAIN) -> amph_session_reject(WIRE_STALE)
#endif
	:: else ->
		if
		:: me == MAIN && type == WIRE_WELCOME -> /* receive_welcome */
			HOLD(no_old_epoch, to == epoch[me]);
			peer_epoch[me] = from;
			send(WIRE_READY, 0, 0);
			amph_session_opened()
		:: me == MAIN && type == WIRE_REJECT -> amph_session_lose()
		:: me != MAIN && type == WIRE_HELLO -> /* receive_from_main */
			peer_epoch[me] = from;
			send(WIRE_WELCOME, 0, 0)
		:: me != MAIN && type == WIRE_READY && from == peer_epoch[me] ->
			HOLD(no_old_epoch, to == epoch[me]);
			amph_session_opened()
		:: else -> amph_session_reject(WIRE_STATE)
		fi
	fi
}

/* The home hears of its buffer. */
inline receive_answer()
{
	if
	:: share[me] == AMPH_SHARE_RELEASING && !accepted ->
		if
		:: type == WIRE_ACCEPT -> accepted = true
		:: else -> amph_session_free_share()
		fi
	:: share[me] == AMPH_SHARE_OFFERED && type == WIRE_REFUSE -> amph_session_free_share()
	:: share[me] == AMPH_SHARE_OFFERED && type == WIRE_ACCEPT ->
		share[me] = AMPH_SHARE_ACCEPTED;
		accepted = true
	:: else -> amph_session_reject(WIRE_STATE)
	fi
}

inline receive_return()
{
	if
	:: share[me] != AMPH_SHARE_ACCEPTED -> amph_session_reject(WIRE_STATE)
	:: share[me] == AMPH_SHARE_ACCEPTED && range >= RANGES -> amph_session_reject(WIRE_INVALID)
	:: share[me] == AMPH_SHARE_ACCEPTED && range < RANGES && !device[range] ->
		amph_session_reject(WIRE_NOT_OWNER)
	:: else -> device[range] = false
	fi
}

/* RELEASE, at either side. */
inline receive_release()
{
	if
	:: me == HOME && (share[me] == AMPH_SHARE_OFFERED ||
			  (share[me] == AMPH_SHARE_RELEASING && !accepted)) ->
		amph_session_reject(WIRE_STATE)
#ifndef BROKEN_BUSY
	:: (me == HOME && HELD(device) && share[me] != AMPH_SHARE_OFFERED &&
	    !(share[me] == AMPH_SHARE_RELEASING && !accepted)) ||
	   (me == IMPORTER && HELD(cpu)) -> amph_session_reject(WIRE_BUSY)
#endif
	:: else ->
		send(WIRE_RELEASED, generation[me], me == HOME);
		if
#ifndef BROKEN_CROSSING
		:: share[me] == AMPH_SHARE_RELEASING
#endif
		:: share[me] == AMPH_SHARE_ACCEPTED -> amph_session_free_share()
#ifdef BROKEN_CROSSING
		:: share[me] == AMPH_SHARE_RELEASING -> amph_session_free_share()
#endif
		fi
	fi
}

inline receive_released()
{
	if
	:: share[me] != AMPH_SHARE_RELEASING -> amph_session_reject(WIRE_STATE)
	:: share[me] == AMPH_SHARE_RELEASING && me == IMPORTER && HELD(cpu) -> amph_session_lose()
	:: else -> amph_session_free_share()
	fi
}

inline take_back()
{
#ifdef BROKEN_TRUST
	EACH(device, false)
#else
	device[range] = false
#endif
}

inline receive_rejected()
{
	if
	:: reason == WIRE_STALE || reason == WIRE_REPLAY
	:: reason != WIRE_STALE && reason != WIRE_REPLAY &&
	   (what == WIRE_ACCEPT || what == WIRE_RELEASED) -> amph_session_lose()
	:: else ->
		if
		:: about != generation[me] || share[me] == AMPH_SHARE_FREE
		:: else ->
			if
			:: what == WIRE_OFFER && me == HOME ->
				if
				:: share[me] == AMPH_SHARE_OFFERED ||
				   (share[me] == AMPH_SHARE_RELEASING && !accepted) ->
					amph_session_free_share()
				:: else
				fi
			:: what == WIRE_RELEASE && range == (me == HOME) &&
			   share[me] == AMPH_SHARE_RELEASING ->
				share[me] = (me == IMPORTER || accepted -> AMPH_SHARE_ACCEPTED :
					     AMPH_SHARE_OFFERED);
				mapped = mapped || (me == IMPORTER && from == epoch[HOME])
#ifndef BROKEN_UNDO
			:: what == WIRE_GIVE && me == HOME && share[me] == AMPH_SHARE_ACCEPTED &&
			   range < RANGES && device[range] -> take_back()
#endif
			:: else
			fi
		fi
	fi
}

/* The importer hears of the home's buffer. */
inline receive_offer()
{
	if
	:: share[me] != AMPH_SHARE_FREE -> amph_session_reject(WIRE_EXISTS)
#ifdef REFUSALS
	:: share[me] == AMPH_SHARE_FREE -> send(WIRE_REFUSE, about, 0)
#endif
	:: share[me] == AMPH_SHARE_FREE ->
		share[me] = AMPH_SHARE_ACCEPTED;
		generation[me] = about;
		mapped = from == epoch[HOME]; /* else it is of an earlier life of the home, and its memory */
		send(WIRE_ACCEPT, about, 0)
	fi
}

inline receive_give()
{
	if
	:: share[me] != AMPH_SHARE_ACCEPTED && share[me] != AMPH_SHARE_RELEASING ->
		amph_session_reject(WIRE_STATE)
	:: share[me] != AMPH_SHARE_FREE && cpu[range] -> amph_session_reject(WIRE_NOT_OWNER)
#ifdef REFUSALS
	:: share[me] != AMPH_SHARE_FREE && !cpu[range] -> amph_session_reject(WIRE_NO_SPACE)
#endif
	:: else -> cpu[range] = true
	fi
}

inline receive_goodbye()
{
	if
	:: session[me] == AMPH_SESSION_CLOSING ->
		session[me] = AMPH_SESSION_CLOSED;
		amph_session_free_share()
	:: session[me] != AMPH_SESSION_CLOSING && share[me] != AMPH_SHARE_FREE &&
	   share[me] != AMPH_SHARE_OFFERED -> amph_session_lose()
	:: else ->
		send(WIRE_GOODBYE, 0, 0);
		session[me] = AMPH_SESSION_CLOSED;
		amph_session_free_share()
	fi
}

inline dispatch()
{
	HOLD(no_old_epoch, from == peer_epoch[me] && to == epoch[me]);
	if
	:: type == WIRE_REJECT -> receive_rejected()
	:: type == WIRE_GOODBYE -> receive_goodbye()
	:: type == WIRE_OFFER -> receive_offer()
	:: type != WIRE_REJECT && type != WIRE_GOODBYE && type != WIRE_OFFER &&
	   (share[me] == AMPH_SHARE_FREE || generation[me] != about ||
	    (me == HOME) == (type == WIRE_GIVE || ((type == WIRE_RELEASE || type == WIRE_RELEASED) && range))) ->
		amph_session_reject(WIRE_NOT_FOUND)
	:: else ->
		if
		:: type == WIRE_ACCEPT || type == WIRE_REFUSE -> receive_answer()
		:: type == WIRE_GIVE -> receive_give()
		:: type == WIRE_RETURN -> receive_return()
		:: type == WIRE_RELEASE -> receive_release()
		:: type == WIRE_RELEASED -> receive_released()
		fi
	fi
}

inline receive_open()
{
	if
	:: sequence == 0 -> amph_session_reject(WIRE_REPLAY)
#ifndef BROKEN_SEQUENCE
	:: sequence != 0 && sequence != NEXT(received[me]) -> amph_session_lose() /* a gap */
#endif
	:: else ->
		received[me] = sequence;
		if
		:: session[me] == AMPH_SESSION_CLOSING && type != WIRE_GOODBYE
		:: else -> dispatch()
		fi
	fi
}

/* amph_session_receive */
inline receive()
{
	if
	:: session[me] != AMPH_SESSION_GREETING && !IS_LIVE(me) /* dropped */
	:: session[me] == AMPH_SESSION_GREETING ||
	   (IS_LIVE(me) && (type == WIRE_HELLO || type == WIRE_WELCOME || type == WIRE_READY)) ->
		amph_session_greet()
#ifndef BROKEN_EPOCH
	:: IS_LIVE(me) && type != WIRE_HELLO && type != WIRE_WELCOME && type != WIRE_READY &&
	   (from != peer_epoch[me] || to != epoch[me]) ->
		if /* receive_stale */
		:: type == WIRE_REJECT && to == epoch[me] && session[me] == AMPH_SESSION_OPEN ->
			amph_session_lose() /* amph_session_started_anew */
		:: else -> amph_session_reject(WIRE_STALE)
		fi
#endif
	:: else -> receive_open()
	fi
}
