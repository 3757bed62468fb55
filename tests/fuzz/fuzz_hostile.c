/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a processor by a peer that speaks well and lies now and then: both are the real library, greeted,
 * with buffers offered, accepted and given, perhaps a queue; input = a script of what both applications
 * do, and of the lies (hostile/liar.h). Roles, and who is home, by the first bytes and the script.
 * Test code.
 *
 * After every step the library's records say what the honest side knows by itself, byte by byte
 * (hostile/subject.h); a second session, with an honest peer, goes on, its buffers as they should be;
 * memory that a lost liar could reach is never handed out; all waits end. After the end, and the proof
 * that the liar is off, nothing is left.
 */
#include "hostile/application.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum amph_session_role role; /* the honest side's, to the liar */

static void settle(void)
{
	struct link *links[] = {TO_LIAR, TO_FRIEND, LIAR_LINK, &FRIEND->links[0]};

	for (int rounds = 0; rounds < 12; rounds++) {
		int moved = 0;

		for (int i = 0; i < 4; i++)
			moved += CALL(links[i]->node, now,
				      amph_session_poll(&links[i]->session, 0)) > 0;
		if (!moved)
			return;
	}
}

static void start_liar(void)
{
	link_start(LIAR_LINK, role == AMPH_SESSION_MAIN ? AMPH_SESSION_PEER : AMPH_SESSION_MAIN);
	LIAR_LINK->queue = (struct amph_queue){0};
	if (queue_mode == HOME_QUEUE)
		amph_queue_expect(&LIAR_LINK->queue, &LIAR_LINK->session, &node_way);
	held.length = 0;
	liar_said = liar_heard = 0;
	CALL(LIAR, now, amph_session_open(&LIAR_LINK->session, 0));
}

static void start_subject(void)
{
	link_start(TO_LIAR, role);
	TO_LIAR->queue = (struct amph_queue){0};
	if (queue_mode == IMPORT_QUEUE)
		amph_queue_expect(&TO_LIAR->queue, &TO_LIAR->session, &node_way);
	liar_said = liar_heard = 0;
	CALL(SUBJECT, now, amph_session_open(&TO_LIAR->session, 0));
}

/* --- lives of the liar --- */

/* Its memory is its own again. */
static void stop_liar(void)
{
	CALL(LIAR, now, (amph_session_lose(&LIAR_LINK->session, -EIO, "off"), 0));
	amph_target_off(&LIAR_LINK->target.target);
	amph_target_up(&LIAR_LINK->target.target);
	for (uint32_t i = 0; i < NODE_BUFFERS; i++)
		if (LIAR->buffers[i].open && !amph_shm_put(&LIAR->buffers[i].shm))
			LIAR->buffers[i].open = false;
}

/* Proved off: what it had is the CPU's, and nobody reaches anything. */
static void prove_off(void)
{
	if (TO_LIAR->session.state == AMPH_SESSION_OPEN ||
	    TO_LIAR->session.state == AMPH_SESSION_CLOSING ||
	    TO_LIAR->session.state == AMPH_SESSION_GREETING)
		CALL(SUBJECT, now,
		     (amph_session_lose(&TO_LIAR->session, -EIO, "by the application"), 0));
	stop_liar();
	change_all(reach, 0, CARVEOUT, BY_LINK(0), 0, 0);
	for (uint64_t at = 0, to; at < CARVEOUT; at = to) {
		to = run_end(owner, at, CARVEOUT);
		if (owner[at])
			change_all(owner, at, to - at, BY_LINK(0), 0, CPU);
	}
	amph_target_off(&TO_LIAR->target.target);
	HOLDS(!amph_target_up(&TO_LIAR->target.target));
	HOLDS(!SUBJECT->context.quarantine_size);
	/* of what the liar wrote meanwhile the program knows nothing: it writes it anew */
	for (uint32_t i = 0; i < NODE_BUFFERS; i++) {
		struct buffer *buffer = &SUBJECT->buffers[i];
		uint64_t end;

		if (!buffer->open)
			continue;
		HOLDS(!buffer->abandoned && !buffer->to[0].attachment.shm);
		unsure[i] = false;
		end = base_of(&buffer->shm) + buffer->shm.size;
		for (uint64_t at = base_of(&buffer->shm), to; at < end; at = to) {
			to = run_end(owner, at, end);
			if (owner[at] == CPU)
				subject_writes(at, to - at);
		}
	}
}

static void live_again(uint8_t what)
{
	if (what & 1) {
		prove_off();
		start_subject();
	}
	if (what & 2) {
		stop_liar();
		start_liar();
	}
	if (what & 3)
		settle();
}

static void arm(struct script *script)
{
	uint8_t which = script_byte(script);
	struct lie *lie = &lies[which % 4];

	*lie = (struct lie){true, which / 4 % 4, script_byte(script), script_byte(script),
			    script_byte(script)};
}

static uint32_t edge_word(uint8_t which)
{
	return (uint32_t)edge(which);
}

static void open_liars_buffer(uint8_t what)
{
	struct buffer *buffer = CALL(LIAR, now, buffer_open(LIAR, 512u << what % 3));

	if (buffer)
		buffer_attach(buffer, LIAR_LINK, what & 0x30 ? 3 : 1 + (what >> 3 & 1), method());
}

static void step(struct script *script)
{
	uint8_t what = script_byte(script);

	switch (what % 20) {
	case 0:
	case 1:
		act(TO_LIAR, what / 20, script);
		break;
	case 2:
		open_buffer(script_byte(script));
		break;
	case 3:
		act(TO_FRIEND, what / 20 % 4, script);
		break;
	case 4:
		act_pass(script);
		break;
	case 5:
		end_buffer(pick_buffer(SUBJECT, script_byte(script)), script_byte(script));
		break;
	case 6:
		friend_acts(script_byte(script) & 1);
		break;
	case 7:
	case 8:
	case 9:
		act(LIAR_LINK, what / 20, script);
		break;
	case 10:
		open_liars_buffer(script_byte(script));
		break;
	case 11:
	case 12:
		arm(script);
		break;
	case 13:
		scribbler_arm(script, edge_word);
		break;
	case 14:
		spoil_slot(script);
		break;
	case 15:
		spoil_ring(script);
		break;
	case 16:
		write_memory(script_byte(script));
		break;
	case 17:
		live_again(script_byte(script));
		break;
	case 18: /* time passes; or one side goes */
		if (what / 20 == 0)
			CALL(SUBJECT, now, amph_session_close(&TO_LIAR->session, 0));
		else if (what / 20 == 1)
			CALL(LIAR, now, amph_session_close(&LIAR_LINK->session, 0));
		else
			now += 10000000ull << what / 20 % 8;
		break;
	default:
		LIAR_LINK->wire.count -= LIAR_LINK->wire.count ? 1 : 0; /* what it did not hear */
		break;
	}
	if (!(what & 0x80))
		settle();
}

/* --- from the beginning to the end --- */

static void begin(uint8_t first)
{
	role = first & 1 ? AMPH_SESSION_MAIN : AMPH_SESSION_PEER;
	queue_mode = first / 2 % 4 < 3 ? first / 2 % 4 : HOME_QUEUE;
	memset(closed_view(arena), 0, ARENA_SIZE);
	memset(owner, 0, sizeof(owner));
	memset(reach, 0, sizeof(reach));
	memset(lies, 0, sizeof(lies));
	memset(past, 0, sizeof(past));
	memset(unsure, 0, sizeof(unsure));
	past_count = held.length = stamp = 0;
	scribbler.left = 0;
	now = 1000000000;
	node_opened = subject_opened;
	node_closed = subject_closed;
	wire_received = received;
	node_events[0] = &subject_events;
	for (uint32_t i = 0; i < NODES; i++)
		node_init(i);
	link_init(SUBJECT, 0, LIAR, LIAR_LINK);
	link_init(SUBJECT, 1, FRIEND, &FRIEND->links[0]);
	link_init(LIAR, 0, SUBJECT, TO_LIAR);
	link_init(FRIEND, 0, SUBJECT, TO_FRIEND);
	TO_LIAR->wire.tamper = tamper;
	LIAR_LINK->wire.tamper = listen;
	link_start(TO_FRIEND, AMPH_SESSION_MAIN);
	link_start(&FRIEND->links[0], AMPH_SESSION_PEER);
	CALL(FRIEND, now, amph_session_open(&FRIEND->links[0].session, 0));
	CALL(SUBJECT, now, amph_session_open(&TO_FRIEND->session, 0));
	if (role == AMPH_SESSION_MAIN)
		start_liar();
	start_subject();
	if (role != AMPH_SESSION_MAIN)
		start_liar();
	settle();
	HOLDS(TO_LIAR->session.state == AMPH_SESSION_OPEN);
	HOLDS(TO_FRIEND->session.state == AMPH_SESSION_OPEN);
}

/* A queue between them, if there is to be one, and a buffer of each to share. */
static void introduce(uint8_t first)
{
	struct link *home = queue_mode == IMPORT_QUEUE ? LIAR_LINK : TO_LIAR;

	if (queue_mode) {
		if (queue_mode == HOME_QUEUE)
			open_buffer(0x31);
		else
			open_liars_buffer(0x31);
		offer(home, &home->node->buffers[0], 0);
		settle();
		queue_open(home, 0);
		settle();
		/* once more, to see that the other side has it */
		queue_open(home, 0);
		HOLDS(TO_LIAR->queue.state == AMPH_QUEUE_OPEN &&
		      LIAR_LINK->queue.state == AMPH_QUEUE_OPEN);
	}
	open_buffer(0x71);
	open_liars_buffer(0x31);
	for (uint32_t i = 0; i < NODE_BUFFERS; i++) {
		if (SUBJECT->buffers[i].open && SUBJECT->buffers[i].to[1].attachment.shm) {
			HOLDS(offer(TO_LIAR, &SUBJECT->buffers[i], 0));
			HOLDS(offer(TO_FRIEND, &SUBJECT->buffers[i], 0));
		}
		if (LIAR->buffers[i].open && !LIAR->buffers[i].to[0].attachment.offered)
			HOLDS(offer(LIAR_LINK, &LIAR->buffers[i], 0));
	}
	settle();
	HOLDS(pick_share(TO_FRIEND, 0)->state == AMPH_SHARE_ACCEPTED);
	for (uint8_t i = 0; i < LINK_SHARES && first & 32; i++)
		if (pick_share(TO_LIAR, i)->shm && pick_share(TO_LIAR, i)->home)
			give(TO_LIAR, pick_share(TO_LIAR, i), 0, 512, false);
	settle();
}

static void end(void)
{
	scribbler.left = 0;
	friend_acts(true);
	settle();
	check_subject();
	prove_off();
	settle();
	/* the honest session goes on to its orderly end */
	for (int i = 0; i < 4; i++) {
		friend_acts(true);
		settle();
		CALL(SUBJECT, now, amph_session_close(&TO_FRIEND->session, 0));
		settle();
	}
	HOLDS(TO_FRIEND->session.state == AMPH_SESSION_CLOSED);
	for (uint32_t i = 0; i < NODE_BUFFERS; i++) {
		struct buffer *buffer = &SUBJECT->buffers[i];

		if (!buffer->open)
			continue;
		if (buffer->to[1].attachment.shm)
			HOLDS(!amph_shm_detach(&buffer->to[1].attachment));
		HOLDS(!buffer->to[0].attachment.shm && !amph_shm_put(&buffer->shm));
	}
	HOLDS(!SUBJECT->context.buffers && !SUBJECT->pool.used && SUBJECT->pool.block_count == 1);
	HOLDS(!TO_LIAR->target.target.attachments && !TO_FRIEND->target.target.attachments);
	HOLDS(!TO_LIAR->maps && !TO_FRIEND->maps);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {data, size};
	uint8_t first = script_byte(&script);

	if (!closed_count) {
		arena = closed_new(ARENA_SIZE);
		pages = closed_new(PAGES_SIZE);
		closed_watch.before = before_access;
		closed_watch.after = after_access;
	}
	begin(first);
	if (!(first & 64))
		introduce(first);
	check_subject();
	for (int steps = 0; script.size && steps < 200; steps++) {
		step(&script);
		check_subject();
	}
	end();
	return 0;
}
