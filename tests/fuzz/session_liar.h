/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A script, and what the hostile other side of a share session says by it: most of it well stamped, and
 * about what the honest side has.
 * Test code.
 */
#ifndef TESTS_FUZZ_SESSION_LIAR_H
#define TESTS_FUZZ_SESSION_LIAR_H

#include "queue/ring.h"
#include "share/internal.h"
#include "share/locks.h"
#include "share/loopback.h"

static struct side honest;
static struct loopback liar; /* its end of the channel */
static uint32_t liar_sent;
static uint64_t liar_epoch;
static bool queued; /* both sides know queues, and the honest one uses them */
static struct amph_queue queue;
static bool locked; /* the same of locks */

struct script {
	const uint8_t *data;
	size_t size;
};

static uint8_t next(struct script *script)
{
	if (!script->size)
		return 0;
	script->size--;
	return *script->data++;
}

/* Mostly small multiples of the granule, now and then anything. */
static uint64_t next_number(struct script *script)
{
	static const uint64_t edges[] = {0,	     1,		 63,	     65,
					 4095,	     4097,	 UINT64_MAX, UINT64_MAX - 63,
					 1ull << 63, 1ull << 32, ARENA_SIZE, ARENA_SIZE + 64};
	uint8_t byte = next(script);

	if (byte < 128)
		return (uint64_t)(byte % 65) * 64;
	return edges[byte % (sizeof(edges) / sizeof(edges[0]))];
}

/* --- what the liar says --- */

static void fill_header(struct script *script, struct wire_message *message, uint32_t type,
			uint32_t count)
{
	uint8_t stamp = next(script);

	message->header = (struct wire_header){
		.type = (uint16_t)type,
		.length = (uint16_t)amph_wire_length(type, count),
		.sequence = liar_sent + 1,
		.from = liar_epoch,
		.to = honest.session.epoch,
	};
	if (type <= WIRE_READY)
		message->header.sequence = 0;
	if (type == WIRE_HELLO)
		message->header.to = 0;
	switch (stamp) {
	case 255:
		message->header.from++;
		break;
	case 254:
		message->header.to++;
		break;
	case 253:
		message->header.sequence--;
		break;
	case 252:
		message->header.sequence++;
		break;
	case 251:
		message->header.length = (uint16_t)(message->header.length - 8);
		break;
	case 250:
		message->header.type = (uint16_t)(type + 17);
		break;
	case 249:
		message->header.from = 0;
		break;
	default:
		break;
	}
	/* a number counts when the rest of the stamp is right */
	if ((stamp < 249 || stamp == 251 || stamp == 250) && type > WIRE_READY &&
	    honest.session.state != AMPH_SESSION_GREETING)
		liar_sent++;
}

static void name_share(struct script *script, uint32_t *handle, uint32_t *generation)
{
	uint8_t byte = next(script);
	const struct amph_share *share = &honest.shares[byte % SIDE_SHARES];

	*handle = share->handle + (byte >= 240);
	*generation = share->generation + (byte >= 224 && byte < 240);
}

static void fill_segments(struct script *script, struct wire_segment *segments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		segments[i].length = (uint64_t)(next(script) % 16 + 1) * 256;
		segments[i].address = ARENA_DA + (uint64_t)next(script) * 256;
		if (segments[i].address == ARENA_DA + 255 * 256)
			segments[i].address = next_number(script);
		if (segments[i].length == 16 * 256)
			segments[i].length = next_number(script);
	}
}

/* The whole of some share as a queue, or for locks, mostly; else as it is. */
static void fill_set_up(struct script *script, struct wire_handoff *handoff)
{
	uint8_t what = next(script);
	const struct amph_share *share = &honest.shares[what % SIDE_SHARES];

	handoff->cookie = (uint64_t)(what & 0x40 ? next(script) : 64) << 32 | 1u << what / 8 % 4;
	if (locked && what & 0x20)
		handoff->cookie = lock_cookie(what / 8 % 4, what & 0x40 ? 64 : next(script) % 40);
	if (what & 0x80)
		return;
	handoff->handle = share->handle;
	handoff->generation = share->generation;
	handoff->offset = 0;
	handoff->length = share->size;
	handoff->direction = share->direction;
}

/* What the other side writes into the memory of the queue, or into what may become it. */
static void lie_queue(struct script *script)
{
	uint8_t what = next(script), value = next(script);
	const struct amph_share *share = &honest.shares[value % SIDE_SHARES];
	struct queue_slot *slot;

	if (queue.state != AMPH_QUEUE_OPEN || !honest.session.path) {
		/* it is ready, in either's line */
		for (uint32_t line = 2; share->va && share->size >= 512 && line < 4; line++)
			((uint32_t *)share->va)[line * 16 + 1] = what / 4 % 8;
		return;
	}
	switch (what % 4) {
	case 0:
		*queue_consumed(queue.peer_line) = queue.produced - value % 4;
		break;
	case 1:
		queue_sleeper(&queue, queue.peer_line)->waiting = value;
		break;
	default:
		slot = queue_slot(&queue, queue.in, queue.consumed);
		*slot = (struct queue_slot){
			.kind = share->home ? QUEUE_RETURN : QUEUE_GIVE,
			.handle = share->handle,
			.generation = share->generation,
			.offset = next_number(script),
			.length = next_number(script),
		};
		if (what >= 0xe0)
			slot->kind = value;
		slot->sequence = queue.consumed + 1 + (what / 4 % 8 == 7);
		break;
	}
}

static uint32_t fill_body(struct script *script, struct wire_message *message, uint32_t type)
{
	uint32_t count = 0;

	switch (type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
		message->body.hello = (struct wire_hello){1, 1, 0, 1, 0, 496, 0};
		if (queued)
			message->body.hello.version_min = message->body.hello.version_max = 2;
		if (locked)
			message->body.hello.version_min = message->body.hello.version_max = 3;
		switch (next(script)) {
		case 255:
			message->body.hello.version_min = message->body.hello.version_max =
				next(script);
			break;
		case 254:
			message->body.hello.version_min = next(script) % 4;
			message->body.hello.version_max = next(script) % 4;
			break;
		case 253:
			message->body.hello.heartbeat_ms = 60000;
			break;
		case 252:
			message->body.hello.message_max = 152;
			break;
		case 251:
			message->body.hello.cache_line = next(script) * 64u;
			break;
		default:
			break;
		}
		break;
	case WIRE_REJECT:
		message->body.reject.type = next(script) % 20;
		message->body.reject.reason = next(script) % 26;
		name_share(script, &message->body.reject.handle, &message->body.reject.generation);
		message->body.reject.offset = next_number(script);
		message->body.reject.length = next_number(script);
		message->body.reject.flags = next(script) & 1;
		if (message->body.reject.type == WIRE_REQUEST)
			message->body.reject.handle = next(script) % 8;
		break;
	case WIRE_OFFER: {
		struct wire_offer *offer = &message->body.offer;
		uint8_t more;

		count = next(script) % 23;
		offer->handle = next(script) % 8;
		offer->generation = 1 + next(script) % 2;
		offer->flags = next(script) & 0xf;
		offer->direction = next(script) % 8 ? 3 : next(script) % 5;
		offer->granule = 1u << next(script) % 8;
		offer->method = next(script) % (queued ? 2 : 16) == (queued ? 1 : 15);
		if (locked && offer->direction == 3)
			offer->method = next(script) % 4 ? AMPH_SYNC_LOCK : next(script) % 4;
		more = next(script);
		offer->segment_count = count + (more >= 248 ? SIDE_SEGMENTS : more % 8);
		offer->request = next(script) % 16;
		memcpy(offer->name, "liar:a", 6);
		offer->name[5] = (char)('a' + next(script) % 16);
		if (offer->name[5] == 'p')
			memset(offer->name + 6, 'x', 50);
		offer->count = count;
		fill_segments(script, offer->segments, count);
		offer->size = 0;
		for (uint32_t i = 0; i < count; i++)
			offer->size += offer->segments[i].length;
		if (next(script) & 1)
			offer->size += next_number(script);
		break;
	}
	case WIRE_SEGMENTS:
		count = next(script) % 29;
		name_share(script, &message->body.segments.handle,
			   &message->body.segments.generation);
		message->body.segments.first = next(script) % 48;
		message->body.segments.count = count;
		fill_segments(script, message->body.segments.segments, count);
		break;
	case WIRE_GIVE:
	case WIRE_RETURN:
	case WIRE_PASS: {
		struct wire_handoff *handoff = &message->body.handoff;

		name_share(script, &handoff->handle, &handoff->generation);
		handoff->offset = next_number(script);
		handoff->length = next_number(script);
		handoff->direction = next(script) % 8 ? 3 : next(script) % 5;
		if (type == WIRE_GIVE)
			handoff->flags = next(script) & (queued || locked ? 3 : 1);
		if (handoff->flags & WIRE_HANDOFF_SET_UP)
			fill_set_up(script, handoff);
		break;
	}
	case WIRE_REQUEST:
		message->body.request.request = next(script) % 8;
		message->body.request.size = next_number(script);
		message->body.request.direction = next(script) % 5;
		message->body.request.flags = next(script) & 7;
		memset(message->body.request.name, 'r', next(script) % 65);
		break;
	case WIRE_DENY:
		message->body.deny.request = next(script) % 8;
		message->body.deny.reason = next(script);
		break;
	case WIRE_ACCEPT:
	case WIRE_REFUSE:
	case WIRE_RELEASE:
	case WIRE_RELEASED:
		name_share(script, &message->body.answer.handle, &message->body.answer.generation);
		message->body.answer.flags = type >= WIRE_RELEASE ? next(script) & 1 : 0;
		message->body.answer.reason = type == WIRE_REFUSE ? 1 + next(script) % 24 : 0;
		break;
	default:
		break;
	}
	return count;
}

static void lie(struct script *script, uint32_t type)
{
	struct wire_message message = {0};
	uint32_t count = fill_body(script, &message, type);

	fill_header(script, &message, type, count);
	loopback_send(&liar.channel, &message, amph_wire_length(type, count), -1, 0);
}

static void raw_bytes(struct script *script)
{
	uint8_t bytes[64] = {0};
	uint32_t length = next(script) % sizeof(bytes);

	for (uint32_t i = 0; i < length; i++)
		bytes[i] = next(script);
	loopback_send(&liar.channel, bytes, length, -1, 0);
}

#endif
