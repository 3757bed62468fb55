/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A share session: the handshake and its epochs, one slot for a buffer of the home's, its ranges, their
 * hand-offs, release, loss, quarantine, and the end. Model of lib/share and of what lib/memory lets be done
 * to the buffer; what each inline stands for has its name there. One step is one call of the application,
 * or one message taken (amph_session_poll), with all that it makes this side say.
 *
 * code: amph_session_greet greet_again receive_from_main receive_welcome receive_open
 * code: receive_stale amph_session_started_anew amph_session_reject amph_session_lose
 * code: amph_session_offer amph_session_give amph_session_return amph_session_release amph_session_close
 * code: receive_answer receive_give receive_return receive_release receive_released receive_rejected
 * code: receive_goodbye amph_target_lost amph_target_off amph_target_up amph_shm_detach amph_shm_attach
 *
 * HOME: 0, the main; 1, the peer. RANGES of the buffer. CHANNEL: messages that a direction holds.
 * LIVES: epochs of each side. LOSS: a side may give the other up at any time. RESTART: it may start anew
 * at any time, and what it has sent stays in the channel. GAPS: messages may get lost one by one.
 * POWER: the home may put the importer's processor off. CLOSE: sides may say goodbye. REUSE: the home may
 * use the memory for something else. PEACE: none of that, and no answer lacks room: no session is lost. REFUSALS: the importer may refuse. LIAR: the importer says anything.
 *
 * check hand_offs: -DRANGES=2 -DREFUSALS -DPEACE
 * check hand_offs_of_a_peer: -DHOME=1 -DREFUSALS -DCLOSE
 * check ends: -DCLOSE -DREUSE -DLOSS -DPOWER -DLIVES=2
 * check epochs: -DRESTART -DREUSE -DLIVES=2
 * check epochs_of_a_peer: -DHOME=1 -DRESTART -DLIVES=2
 * check gaps: -DGAPS -DREUSE
 * check liar: -DLIAR -DCHANNEL=1
 * check every_wait_ends: -DDRIVEN -DCHANNEL=2 ltl=every_wait_ends fair
 * twin BROKEN_OWNER: finds=never_two_writers
 * twin BROKEN_GIVE: finds=never_two_writers
 * twin BROKEN_UNDO: -DREFUSALS finds=no_lost_hand_off
 * twin BROKEN_RELEASE_ACK: -DREUSE finds=no_reuse_before_release
 * twin BROKEN_UNMAP: -DREUSE finds=no_reuse_before_release
 * twin BROKEN_DETACH: -DREUSE finds=no_reuse_before_release
 * twin BROKEN_QUARANTINE: -DREUSE -DLOSS finds=no_reuse_before_release
 * twin BROKEN_OFF: -DREUSE -DLOSS -DPOWER followed finds=no_reuse_before_release
 * twin BROKEN_EPOCH: -DLIAR -DCHANNEL=1 finds=no_old_epoch
 * twin BROKEN_ECHO: -DRESTART -DLIVES=2 finds=no_old_epoch
 * twin BROKEN_SEQUENCE: -DGAPS finds=no_lost_hand_off
 * twin BROKEN_BUSY: -DPEACE finds=no_lost_session
 * twin BROKEN_CROSSING: -DPEACE finds=no_lost_session
 * twin BROKEN_SILENCE: -DDRIVEN -DCHANNEL=2 ltl=every_wait_ends fair followed finds=every_wait_ends
 * twin BROKEN_TRUST: -DLIAR -DRANGES=2 -DCHANNEL=1 finds=never_two_writers
 */
#include "session.inc"

#ifdef BROKEN_DETACH
#define IS_OFFERED_NO_MORE true
#else
#define IS_OFFERED_NO_MORE (share[me] == AMPH_SHARE_FREE)
#endif

#define ROOM nfull(wire[1 - me])

inline new_life()
{
	lives[me]++;
	epoch[me] = lives[me] + me * LIVES;
	peer_epoch[me] = 0;
	session[me] = AMPH_SESSION_GREETING;
	next_generation = (me == HOME -> 0 : next_generation)
}

/* The end of a program, or of its processor: nothing is said. */
inline die()
{
	session[me] = AMPH_SESSION_IDLE;
	epoch[me] = 0;
	share[me] = AMPH_SHARE_FREE;
	peer_epoch[me] = 0;
	mapped = false; /* not any more, or it is another memory that the home has */
	if
	:: me == HOME ->
		EACH(device, false);
		EACH(given, false);
		target = AMPH_TARGET_ALIVE;
		attached = true;
		quarantined = false
	:: else -> generation[me] = 0; EACH(cpu, false)
	fi
}

proctype application(bit me)
{
	byte range, each;

end:	do
	:: atomic { session[me] == AMPH_SESSION_IDLE && lives[me] < LIVES && !off ->
		STEP2("%d open\n", me); new_life(); check_all() }
	:: atomic { (session[me] == AMPH_SESSION_LOST || session[me] == AMPH_SESSION_CLOSED) &&
		    lives[me] < LIVES -> STEP2("%d open\n", me); new_life(); check_all() }
#ifdef RESTART
	:: atomic { session[me] != AMPH_SESSION_IDLE && lives[me] < LIVES ->
		STEP2("%d restart\n", me); die(); new_life(); check_all() }
#endif
#ifdef DRIVEN
	:: atomic { me == IMPORTER && session[me] != AMPH_SESSION_IDLE -> STEP2("%d dies\n", me); die(); check_all() }
#endif
#ifdef LOSS
	:: atomic { IS_LIVE(me) -> STEP2("%d lose\n", me); amph_session_lose(); check_all() }
#endif
#ifdef CLOSE
	:: atomic { session[me] == AMPH_SESSION_OPEN && share[me] == AMPH_SHARE_FREE && ROOM ->
		/* amph_session_close */
		STEP2("%d close\n", me);
		send(WIRE_GOODBYE, 0, 0);
		session[me] = AMPH_SESSION_CLOSING;
		check_all() }
#endif
	:: atomic { session[me] == AMPH_SESSION_OPEN && ROOM &&
		    (share[me] == AMPH_SHARE_ACCEPTED || (me == HOME && share[me] == AMPH_SHARE_OFFERED)) &&
		    !((me == HOME && HELD(device)) || (me == IMPORTER && HELD(cpu))) ->
		/* amph_session_release */
		STEP2("%d release\n", me);
		send(WIRE_RELEASE, generation[me], me == HOME);
		accepted = (me == HOME -> share[me] == AMPH_SHARE_ACCEPTED : accepted);
#ifdef BROKEN_RELEASE_ACK
		if
		:: me == HOME -> amph_session_free_share()
		:: else -> share[me] = AMPH_SHARE_RELEASING
		fi;
#else
		share[me] = AMPH_SHARE_RELEASING;
#endif
		if /* it touches nothing from now on */
		:: me == IMPORTER -> mapped = false
		:: else
		fi;
		check_all() }
	:: atomic { me == IMPORTER && session[me] == AMPH_SESSION_OPEN && ROOM &&
		    share[me] == AMPH_SHARE_ACCEPTED && HELD(cpu) ->
		/* amph_session_return */
		range = 0;
		do
		:: cpu[range] -> break
		:: !cpu[range] && range < RANGES - 1 -> range++
		od;
		STEP3("%d return %d\n", me, range);
#ifndef BROKEN_OWNER
		cpu[range] = false;
#endif
		send(WIRE_RETURN, generation[me], range);
		range = 0;
		check_all() }
	:: atomic { me == HOME && session[me] == AMPH_SESSION_OPEN && ROOM &&
		    share[me] == AMPH_SHARE_FREE && attached && target == AMPH_TARGET_ALIVE ->
		/* amph_session_offer */
		STEP2("%d offer\n", me);
		next_generation = next_generation % GENERATIONS + 1;
		generation[me] = next_generation;
		accepted = false;
		share[me] = AMPH_SHARE_OFFERED;
		reachable = true;
		send(WIRE_OFFER, generation[me], 0);
		check_all() }
	:: atomic { me == HOME && session[me] == AMPH_SESSION_OPEN && ROOM &&
		    share[me] == AMPH_SHARE_ACCEPTED ->
		/* amph_session_give */
		range = 0;
		do
		:: !device[range] -> break
		:: device[range] && range < RANGES - 1 -> range++
		:: range == RANGES - 1 && device[range] -> break
		od;
		if
		:: device[range]
		:: else ->
			STEP3("%d give %d\n", me, range);
			given[range] = true;
#ifndef BROKEN_GIVE
			device[range] = true;
#endif
			send(WIRE_GIVE, generation[me], range);
			check_all()
		fi;
		range = 0 }
#ifdef POWER
	:: atomic { me == HOME && !IS_LIVE(me) && target == AMPH_TARGET_LOST ->
		/* the importer's processor goes off, which proves what amph_target_off says */
		STEP2("%d off\n", me);
#ifndef BROKEN_OFF
		off = true;
		reachable = false;
		session[IMPORTER] = AMPH_SESSION_IDLE;
		share[IMPORTER] = AMPH_SHARE_FREE;
		generation[IMPORTER] = 0;
		peer_epoch[IMPORTER] = 0;
		mapped = false;
		EACH(cpu, false);
#endif
		EACH(device, false);
		EACH(given, false);
		target = AMPH_TARGET_OFF;
		attached = false;
		quarantined = false;
		HOLD(no_reuse_before_release, !REACHED);
		check_all() }
	:: atomic { me == HOME && target == AMPH_TARGET_OFF ->
		STEP2("%d up\n", me); /* amph_target_up */ target = AMPH_TARGET_ALIVE; off = false; check_all() }
#endif
#ifdef REUSE
	:: atomic { me == HOME && attached && !quarantined && !HELD(device) && IS_OFFERED_NO_MORE ->
		STEP2("%d detach\n", me); /* amph_shm_detach, and the memory is something else's */
		attached = false;
		HOLD(no_reuse_before_release, !REACHED);
		check_all() }
	:: atomic { me == HOME && !attached && target == AMPH_TARGET_ALIVE ->
		STEP2("%d attach\n", me); /* amph_shm_attach of another buffer */
		attached = true;
		check_all() }
#endif
	od
}

/* amph_session_poll, of one message; and what a wait in it does by itself. */
proctype poll(bit me)
{
	mtype type, what, reason;
	byte from, to, sequence, about, range, each;

end:	do
	:: atomic { (session[me] == AMPH_SESSION_GREETING || IS_LIVE(me)) && nempty(wire[me]) && ROOM ->
		wire[me]?type, from, to, sequence, about, range, what, reason;
		STEP3("%d poll %e\n", me, type);
		heard_of_end();
		receive();
		from = 0; to = 0; sequence = 0; about = 0; range = 0;
		type = 0; what = 0; reason = 0;
		check_all() }
	:: atomic { me == MAIN && session[me] == AMPH_SESSION_GREETING && empty(wire[1]) && empty(wire[0]) ->
		STEP2("%d hello\n", me);
		send(WIRE_HELLO, 0, 0);
		check_all() }
#ifndef PEACE
	:: atomic { full(wire[0]) && full(wire[1]) && (session[me] == AMPH_SESSION_GREETING || IS_LIVE(me)) ->
		/* an answer could not be sent */
		STEP2("%d stuck\n", me); amph_session_lose(); check_all() }
#endif
#ifdef GAPS
	:: atomic { nempty(wire[me]) ->
		wire[me]?type, from, to, sequence, about, range, what, reason;
		STEP3("%d lost %e\n", me, type);
		from = 0; to = 0; sequence = 0; about = 0; range = 0;
		type = 0; what = 0; reason = 0;
		trace_all() }
#endif
#if defined(DRIVEN) && !defined(BROKEN_SILENCE)
	:: atomic { IS_LIVE(me) && !IS_LIVE(1 - me) && empty(wire[me]) ->
		STEP2("%d silence\n", me); amph_session_lose(); check_all() }
#endif
	od
}

#ifdef LIAR
inline select_type()
{
	if
	:: type = WIRE_WELCOME
	:: type = WIRE_ACCEPT
	:: type = WIRE_REFUSE
	:: type = WIRE_RETURN
	:: type = WIRE_RELEASE
	:: type = WIRE_RELEASED
	:: type = WIRE_OFFER
	:: type = WIRE_REJECT
	:: type = WIRE_GOODBYE
	fi
}

/* It knows the stamps, and says anything at any time; it never listens. */
proctype liar()
{
	mtype type, what, reason;
	byte from, sequence, about, range;

end:	do
	:: atomic { nempty(wire[IMPORTER]) ->
		STEP2("%d hears\n", IMPORTER); wire[IMPORTER]?_, _, _, _, _, _, _, _; trace_all() }
	:: atomic { nfull(wire[HOME]) ->
		select_type(); /* and what it is about */
		if
		:: type != WIRE_OFFER || generation[HOME] -> about = generation[HOME]
		:: about = generation[HOME] % GENERATIONS + 1
		fi;
		if
		:: range = 0
		:: range = 1
		fi;
		if
		:: type != WIRE_REJECT -> what = WIRE_OK; reason = WIRE_OK
		:: type == WIRE_REJECT -> what = WIRE_OFFER; reason = WIRE_NOT_FOUND
		:: type == WIRE_REJECT -> what = WIRE_GIVE; reason = WIRE_NOT_OWNER
		:: type == WIRE_REJECT -> what = WIRE_RELEASE; reason = WIRE_BUSY
		:: type == WIRE_REJECT -> what = WIRE_ACCEPT; reason = WIRE_STATE
		:: type == WIRE_REJECT -> what = WIRE_GIVE; reason = WIRE_STALE
		fi;
		sequence = (type == WIRE_WELCOME -> 0 : 1);
		if
		:: from = 1 + LIVES
		:: from = 2 + LIVES
		fi;
		STEP2("%d lies\n", IMPORTER);
		STEP6("%d sends %e %d %d %d\n", IMPORTER, type, from, epoch[HOME], sequence);
		STEP6("%d about %d %d %e %e\n", IMPORTER, about, range, what, reason);
		wire[HOME]!type, from, epoch[HOME], sequence, about, range, what, reason;
		type = 0; what = 0; reason = 0; from = 0; sequence = 0; about = 0; range = 0;
		trace_all() }
	od
}
#endif

#ifdef DRIVEN
/* Time goes on: nothing ends just because nobody does anything. */
proctype time()
{
	bit tick;

	do
	:: tick = 1 - tick
	od
}
#endif

init
{
	atomic {
#ifdef LIAR
		run liar();
#else
		run application(IMPORTER);
		run poll(IMPORTER);
#endif
#ifdef DRIVEN
		run time();
#endif
		run application(HOME);
		run poll(HOME)
	}
}

#ifdef DRIVEN
/* A side that can go on polls. Whatever is begun is answered, or the other side is found to be gone. */
#define ENDS(state, side) [] (share[side] == state -> <> (share[side] != state))
ltl every_wait_ends { ENDS(AMPH_SHARE_OFFERED, HOME) && ENDS(AMPH_SHARE_RELEASING, HOME) &&
		      ENDS(AMPH_SHARE_RELEASING, IMPORTER) }
#endif
