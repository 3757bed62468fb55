/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: the applications of fuzz_hostile.c, on the honest side and on the liar's alike: they share
 * buffers and hand ranges over as the script has it; and the friend's, which does what one should.
 */
#ifndef TESTS_HOSTILE_APPLICATION_H
#define TESTS_HOSTILE_APPLICATION_H

#include "hostile/liar.h"

static enum { NO_QUEUE, HOME_QUEUE, IMPORT_QUEUE } queue_mode;

static enum amph_sync_method method(void)
{
	return queue_mode ? AMPH_SYNC_QUEUE : AMPH_SYNC_MESSAGES;
}

static struct buffer *pick_buffer(struct node *node, uint8_t which)
{
	struct buffer *buffer = &node->buffers[which % NODE_BUFFERS];

	return buffer->open && !buffer->abandoned ? buffer : NULL;
}

static struct amph_share *pick_share(struct link *link, uint8_t which)
{
	return &link->shares[which % LINK_SHARES];
}

/* Mostly whole, or multiples of 64. */
static void pick_range(struct script *script, const struct amph_share *share, uint64_t *offset,
		       uint64_t *length)
{
	uint8_t what = script_byte(script);

	*offset = 0;
	*length = share->size;
	if (what & 0x80) {
		*offset = what % 8 * 64u;
		*length = (1 + what / 8 % 8) * 64u;
	} else if (what & 0x40) {
		*offset = edge(what);
		*length = edge(script_byte(script));
	}
}

static void open_buffer(uint8_t what)
{
	struct buffer *buffer = CALL(SUBJECT, now, buffer_open(SUBJECT, 512u << what % 3));

	if (!buffer)
		return;
	unsure[buffer - SUBJECT->buffers] = false;
	subject_writes(base_of(&buffer->shm), buffer->shm.size);
	if (what & 0x40)
		buffer_attach(buffer, TO_FRIEND, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES);
	if (!(what & 0x80))
		buffer_attach(buffer, TO_LIAR, what & 0x30 ? 3 : 1 + (what >> 3 & 1), method());
}

/* Returns the share, or NULL. */
static struct amph_share *offer(struct link *link, struct buffer *buffer, uint32_t request)
{
	struct amph_share *share = NULL;
	int error;

	if (!buffer)
		return NULL;
	error = CALL(link->node, now,
		     amph_session_offer(&link->session, &buffer->to[link->number].attachment,
					request, 0, &share));
	if (!error && link->node == SUBJECT)
		change_all(reach, base_of(&buffer->shm), buffer->shm.size, 0, BY_LINK(link->number),
			   0);
	return error ? NULL : share;
}

static void give(struct link *link, struct amph_share *share, uint64_t offset, uint64_t length,
		 bool reading)
{
	const struct amph_shm *shm = share->shm;
	uint32_t generation = share->generation;
	int error = CALL(link->node, now,
			 share->home ? amph_session_give(&link->session, share, offset, length,
							 reading, offset, 0)
				     : amph_session_return(&link->session, share, offset, length,
							   offset, 0));

	if (link->node != SUBJECT)
		return;
	if (!error)
		gave(link, share, offset, length, reading);
	else if (link->session.state == AMPH_SESSION_LOST && shm && share->generation == generation)
		forget(shm);
}

static void end_buffer(struct buffer *buffer, uint8_t what)
{
	if (!buffer)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		struct amph_attachment *attachment = &buffer->to[i].attachment;
		uint64_t base = base_of(&buffer->shm);

		if (!(what & 1u << i) || !attachment->shm || attachment->offered)
			continue;
		/* who can still reach it is detached only by its own word, or by the proof */
		if (!amph_shm_detach(attachment))
			HOLDS(all_have(reach, base, buffer->shm.size, BY_LINK(i), 0));
	}
	if (what & 4 && !buffer->to[1].attachment.shm) {
		if (!amph_shm_put(&buffer->shm)) {
			buffer->open = false;
		} else if (what & 8 && !buffer->to[0].attachment.offered) {
			int error = amph_shm_abandon(&buffer->shm, buffer_closed);

			buffer->abandoned = error == -EINPROGRESS;
		}
	}
}

static void queue_send(struct link *link, struct script *script)
{
	struct amph_queue_entry entries[2];
	uint8_t what = script_byte(script);
	uint32_t sent = 0;

	if (link->queue.state != AMPH_QUEUE_OPEN)
		return;
	for (uint32_t i = 0; i < 2; i++) {
		entries[i] = (struct amph_queue_entry){
			.share = pick_share(link, (uint8_t)(what >> 2 * i)),
			.reading = (what & 0x30) == 0x30};
		pick_range(script, entries[i].share, &entries[i].offset, &entries[i].length);
	}
	CALL(link->node, now,
	     amph_queue_send(&link->queue, entries, 1 + (what >> 7), what & 0x40 ? now + 200000 : 0,
			     &sent));
	for (uint32_t i = 0; i < sent && link->node == SUBJECT; i++)
		if (link->session.state == AMPH_SESSION_OPEN)
			gave(link, entries[i].share, entries[i].offset, entries[i].length,
			     entries[i].reading && entries[i].share->home);
}

static void queue_receive(struct link *link, uint8_t what)
{
	struct amph_queue_entry entries[3];
	uint32_t received = 0;
	uint64_t until = what & 4 ? now + 200000 : 0;

	if (link->queue.state != AMPH_QUEUE_OPEN)
		return;
	CALL(link->node, until,
	     amph_queue_receive(&link->queue, entries, 1 + what % 3, until, &received));
	for (uint32_t i = 0; i < received && link->node == SUBJECT; i++)
		subject_taken(&link->session, entries[i].share, entries[i].offset,
			      entries[i].length, entries[i].reading, entries[i].cookie);
}

/* The home of the queue makes its first accepted buffer of the largest size the ring. */
static void queue_open(struct link *link, uint8_t which)
{
	struct amph_share *share = pick_share(link, which);

	if (link->session.state != AMPH_SESSION_OPEN)
		return;
	if (link->node == SUBJECT && share->shm && share->home)
		forget(share->shm);
	CALL(link->node, now,
	     amph_queue_open(&link->queue, &link->session, share, 2u << which / 4 % 2, &node_way,
			     0));
}

static void act_request(struct link *link, uint8_t what)
{
	struct amph_session_request request = {
		.size = (1 + what % 16) * 64u, .direction = 1 + what / 16 % 3, .name = "pool:0"};
	uint32_t id;

	if (!(what & 0x80))
		CALL(link->node, now, amph_session_request(&link->session, &request, 0, &id));
	else if (what & 0x40)
		CALL(link->node, now, amph_session_deny(&link->session, link->request, -EPERM, 0));
	else
		offer(link, pick_buffer(link->node, what), link->request);
}

static void act_pass(struct script *script)
{
	uint8_t what = script_byte(script);
	struct link *from = what & 0x80 ? TO_FRIEND : TO_LIAR;
	struct link *to = what & 0x80 ? TO_LIAR : TO_FRIEND;
	struct amph_share *share = pick_share(from, what);
	struct amph_share *to_share = NULL;
	uint64_t offset, length;
	bool waited;
	int error;

	pick_range(script, share, &offset, &length);
	for (uint32_t i = 0; i < LINK_SHARES; i++)
		if (to->shares[i].shm == share->shm && to->shares[i].state == AMPH_SHARE_ACCEPTED)
			to_share = &to->shares[i];
	if (!share->shm || !to_share)
		return;
	waited = share->pass.returned;
	error = CALL(SUBJECT, now,
		     amph_session_pass(&from->session, share, &to->session, to_share, offset,
				       length, offset, 0));
	/* returned already: that was a give like any other; of two passes none waits beside the other */
	if (!error && (waited || !share->pass.returned))
		gave(to, to_share, offset, length, false);
}

/* What both applications do, on a link of theirs. */
static void act(struct link *link, uint8_t what, struct script *script)
{
	struct amph_share *share = pick_share(link, script_byte(script));
	uint64_t offset, length;

	switch (what % 8) {
	case 0:
		offer(link, pick_buffer(link->node, script_byte(script)), 0);
		break;
	case 1:
	case 2:
		pick_range(script, share, &offset, &length);
		give(link, share, offset, length, (what & 0x38) == 0x38);
		break;
	case 3:
		CALL(link->node, now, amph_session_release(&link->session, share, 0));
		break;
	case 4:
		act_request(link, script_byte(script));
		break;
	case 5:
		queue_send(link, script);
		break;
	case 6:
		queue_receive(link, script_byte(script));
		break;
	default:
		if (link->node == (queue_mode == HOME_QUEUE ? SUBJECT : LIAR) && queue_mode)
			queue_open(link, script_byte(script));
		break;
	}
}

/* --- the friend, who is honest --- */

/* It finds what was sent, and sends back something else. */
static void send_back(struct link *link, struct amph_share *share, uint64_t offset, uint64_t length,
		      bool reading, bool writes)
{
	uint64_t at = (uint64_t)((char *)share->va - SUBJECT->memory) + offset;

	HOLDS(all_have(owner, at, length, reading ? BY_LINK(1) : 0xff, BY_LINK(1)));
	HOLDS(!memcmp(view_of(SUBJECT->memory + at), content + at, length));
	if (writes && !reading)
		subject_writes(at, length);
	HOLDS(!CALL(FRIEND, now,
		    amph_session_return(&link->session, share, offset, length, offset, 0)));
}

static void friend_acts(bool writes)
{
	struct link *link = &FRIEND->links[0];

	for (uint32_t i = 0; i < LINK_SHARES; i++) {
		struct amph_share *share = &link->shares[i];
		struct amph_range ranges[RANGES];
		uint32_t count;

		if (share->state != AMPH_SHARE_ACCEPTED)
			continue;
		count = share->shm->range_count;
		memcpy(ranges, share->shm->storage.ranges, count * sizeof(*ranges));
		for (uint32_t j = 0; j < count; j++)
			if (ranges[j].holders & AMPH_HOLDER_CPU)
				send_back(link, share, ranges[j].offset, ranges[j].length,
					  ranges[j].reading, writes);
	}
}

#endif
