/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: what the liar of fuzz_hostile.c does that an honest side never would. What it says is made by
 * the real library, and then spoiled on its way as the script has it; what lies in shared memory is
 * spoiled too, also between two reads of the honest side. Numbers and epochs are put right afterwards,
 * so that the conversation can go on.
 */
#ifndef TESTS_HOSTILE_LIAR_H
#define TESTS_HOSTILE_LIAR_H

#include "hostile/subject.h"
#include "support/scribbler.h"

#define LIAR_LINK (&LIAR->links[0])

/* What happens to the message after the next `after` ones. */
struct lie {
	bool armed;
	uint8_t after, kind, field, value;
};

static struct lie lies[4];
static uint32_t liar_said, liar_heard; /* numbers of messages, as the other side counts them */
static struct {
	uint32_t length;
	struct wire_message message;
} past[16]; /* what was said, also in earlier lives */
static uint32_t past_count;
static struct {
	uint32_t length;
	struct wire_message message;
} held; /* back, behind the next one */

static uint64_t edge(uint8_t which)
{
	static const uint64_t edges[] = {
		0,
		1,
		2,
		63,
		64,
		65,
		512,
		1023,
		1024,
		1025,
		CARVEOUT,
		CARVEOUT - 1,
		ARENA_DA,
		ARENA_DA + CARVEOUT,
		ARENA_DA + 2 * CARVEOUT - 64,
		ARENA_DA - 1,
		UINT32_MAX,
		UINT32_MAX - 63,
		1ull << 31,
		1ull << 32,
		1ull << 63,
		UINT64_MAX,
		UINT64_MAX - 63,
		UINT64_MAX - ARENA_DA,
	};

	return edges[which % (sizeof(edges) / sizeof(edges[0]))];
}

/* Numbered as the other side expects it: what was left out or added does not end the session. */
static void say(struct wire *to, struct wire_message *message, uint32_t length, bool number)
{
	if (message->header.type > WIRE_READY && number)
		message->header.sequence = ++liar_said;
	if (to->count < WIRE_QUEUE)
		wire_put(to, message, length);
}

/* More segments than there are, that overlap, or are so long that their sum wraps around. */
static uint32_t spoil_segments(struct wire_message *message, uint32_t length, uint8_t how)
{
	bool offer = message->header.type == WIRE_OFFER;
	struct wire_segment *segments = offer ? message->body.offer.segments
					      : message->body.segments.segments;
	uint32_t count = how % 9, most = offer ? 22 : 28;
	uint64_t each;

	if (!offer && message->header.type != WIRE_SEGMENTS)
		return length;
	if (offer) {
		message->body.offer.segment_count = how & 0x80 ? count + 1 : count;
		message->body.offer.count = count;
		each = count ? message->body.offer.size / count : 0;
	} else {
		message->body.segments.count = count;
		each = 64;
	}
	for (uint32_t i = 0; i < count && i < most; i++)
		segments[i] =
			(struct wire_segment){ARENA_DA + CARVEOUT + (how & 0x10 ? 0 : i * each),
					      how & 0x20 && i ? UINT64_MAX - each + 1 : each};
	return amph_wire_length(message->header.type, count);
}

static void spoil_field(struct wire_message *message, uint32_t length, const struct lie *lie)
{
	uint32_t *words = (uint32_t *)(void *)message;
	uint32_t word = lie->field % (length / 4 ? length / 4 : 1);
	uint64_t value = edge(lie->value);

	switch (lie->kind / 16 % 4) {
	case 0:
		words[word] = (uint32_t)value;
		break;
	case 1: /* nearly right */
		words[word] += lie->value & 1 ? (uint32_t) - (lie->value / 2 % 8) - 1
					      : lie->value / 2 % 8 + 1u;
		break;
	case 2:
		words[word & ~1u] = (uint32_t)value;
		words[word | 1u] = (uint32_t)(value >> 32);
		break;
	default:
		words[word] ^= 1u << lie->value % 32;
		break;
	}
}

/* What the liar's library says, on its way to the honest side. */
static void tamper(struct wire *to, struct wire_message *message, uint32_t length)
{
	struct lie lie = {.armed = false};
	struct wire_message *old;

	for (uint32_t i = 0; i < 4; i++)
		if (lies[i].armed && !lies[i].after--) {
			lie = lies[i];
			lies[i].armed = false;
		}
	past[past_count % 16].length = length;
	past[past_count++ % 16].message = *message;
	if (!lie.armed) {
		say(to, message, length, true);
	} else {
		switch (lie.kind % 12) {
		case 0: /* not said at all */
			break;
		case 1: /* twice, as it is: the number too */
			say(to, message, length, true);
			say(to, message, length, false);
			break;
		case 2: /* twice, and both count */
			say(to, message, length, true);
			say(to, message, length, true);
			break;
		case 3: /* after the next one */
			held.message = *message;
			held.length = length;
			return;
		case 4: /* in place of it what was said once, as it was, or as if it were new */
			old = &past[lie.field % 16].message;
			if (lie.value & 1)
				old->header.from = message->header.from;
			if (lie.value & 2)
				old->header.to = message->header.to;
			say(to, old, past[lie.field % 16].length, lie.value & 4);
			break;
		case 5: /* another type */
			message->header.type = (uint16_t)(lie.value % 20);
			if (lie.field & 1)
				length = amph_wire_length(message->header.type, 0);
			if (lie.field & 1)
				message->header.length = (uint16_t)length;
			say(to, message, length, true);
			break;
		case 6: /* longer or shorter than it says */
			length = lie.field & 1 ? lie.value * 2u : length + lie.value - 128u;
			say(to, message, length <= 496 ? length : 496, true);
			break;
		case 7:
			length = spoil_segments(message, length, lie.value);
			message->header.length = (uint16_t)length;
			say(to, message, length, true);
			break;
		case 8: /* the stamps: after they were put right */
			message->header.sequence = liar_said + 1 + lie.value % 5 - 2;
			spoil_field(message, 24, &lie);
			say(to, message, length, false);
			break;
		default: /* a field of the body */
			lie.field =
				(uint8_t)(6 + lie.field % (length > 24 ? (length - 24) / 4 : 1));
			spoil_field(message, length, &lie);
			say(to, message, length, true);
			break;
		}
	}
	if (held.length) {
		say(to, &held.message, held.length, true);
		held.length = 0;
	}
}

/* What the honest side says is numbered as the liar's library expects it, whatever it missed. */
static void listen(struct wire *to, struct wire_message *message, uint32_t length)
{
	if (message->header.type > WIRE_READY)
		message->header.sequence = ++liar_heard;
	wire_put(to, message, length);
}

/* --- shared memory --- */

static struct amph_share *ring_share(void)
{
	struct amph_session_path *path = TO_LIAR->session.path;

	return path ? path->share : NULL;
}

static bool liar_writes(const void *address)
{
	const struct amph_share *ring = ring_share();

	if ((const char *)address >= pages && (const char *)address < pages + 4096)
		return showing[0].from == TO_LIAR;
	return ring && ring->va && (const char *)address >= (const char *)ring->va &&
	       (const char *)address < (const char *)ring->va + ring->size;
}

/* Lines, and the sequences of descriptors, which are looked at until they change. */
static bool is_polled(const void *address)
{
	const struct amph_share *ring = ring_share();
	size_t offset;

	if (!ring || (const char *)address < (const char *)ring->va)
		return false;
	offset = (size_t)((const char *)address - (const char *)ring->va);
	return offset < ring->size && (offset < AMPH_QUEUE_LINES * 64 || offset % 64 == 0);
}

static void scribble(const void *address, void *view, size_t length, bool before,
		     const struct order_site *site)
{
	if (running == SUBJECT && closed_reads(site) && liar_writes(address))
		scribbler_read(view, length, before, is_polled(address));
}

static void check_place(const void *address, size_t length, const struct order_site *site)
{
	const char *at = address;
	const struct amph_share *ring = ring_share();

	if (at >= pages && at < pages + PAGES_SIZE) {
		uint32_t page = (uint32_t)((at - pages) / 4096);

		HOLDS(closed_reads(site) && at >= showing[page].at &&
		      at + length <= showing[page].at + showing[page].length);
	} else if (running == SUBJECT) {
		/* of all the memory of buffers the library touches the queue's */
		HOLDS(ring && ring->va && at >= (const char *)ring->va &&
		      at + length <= (const char *)ring->va + ring->size);
	}
}

static void before_access(const void *address, void *view, size_t length, struct order_site *site)
{
	went_on();
	check_place(address, length, site);
	scribble(address, view, length, true, site);
}

static void after_access(const void *address, void *view, size_t length, struct order_site *site)
{
	scribble(address, view, length, false, site);
}

/* What is of another life does not count, whatever it says, unless it became another while it was read. */
static void received(struct link *link, const void *message, uint32_t length)
{
	const struct amph_session *session = &link->session;
	const struct wire_header header = *(const struct wire_header *)closed_view(message);
	uint32_t counted = session->received;
	uint64_t spoiled = scribbled;
	bool stale = session->state == AMPH_SESSION_OPEN &&
		     (header.from != session->peer_epoch || header.to != session->epoch);

	link->wire.channel.receiver(link->wire.channel.argument, message, length, -1);
	if (stale && scribbled == spoiled)
		HOLDS(session->received == counted);
}

/* What the liar wrote into the queue last, or writes next, spoiled. */
static void spoil_slot(struct script *script)
{
	struct amph_queue *queue = &LIAR_LINK->queue;
	uint8_t what = script_byte(script), value = script_byte(script);
	struct queue_slot *slot;
	uint32_t *words;

	if (queue->state != AMPH_QUEUE_OPEN || !queue->out)
		return;
	slot = closed_view(queue_slot(queue, queue->out, queue->produced - !(what & 0x80)));
	words = (uint32_t *)(void *)slot;
	if (what & 0x40)
		words[what % 10] = (uint32_t)edge(value);
	else
		words[what % 10] += value & 1 ? (uint32_t) - (value / 2) : value / 2u;
	if (what & 0x20)
		slot->sequence = queue->produced + !!(what & 0x80);
	if (what & 0x80 && what & 0x10)
		queue->produced++;
}

static void spoil_ring(struct script *script)
{
	struct amph_share *ring = ring_share();

	if (ring && ring->va)
		script_scribble(script, closed_view(ring->va), ring->size);
	else
		script_long(script);
}

/* It writes where it may, and where it was never told that it may not any more. */
static void write_memory(uint8_t value)
{
	bool lost = TO_LIAR->session.state != AMPH_SESSION_OPEN;

	for (uint32_t i = 0; i < CARVEOUT; i++)
		if (owner[i] == BY_LINK(0) || (lost && !owner[i] && reach[i] & BY_LINK(0)))
			view_of(SUBJECT->memory)[i] = value;
}

#endif
