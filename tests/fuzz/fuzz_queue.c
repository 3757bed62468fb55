/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a queue whose other side hands over honestly and lies, as it likes: input = a script of what it
 * writes into the shared memory and says by message, and of what the honest side's application does.
 * Test code. After every step the records are consistent, the application's own idea of what it owns is
 * the record's, and two others in the same process go on undisturbed.
 *
 * The honest side is home or importer, and the queue is open or still to be set up, by the first byte.
 */
#include "support/scribbler.h"

#define SHARED_VIEW(address) closed_view(address)

#define assert_int_equal(a, b)	  HOLDS((a) == (b))
#define assert_null(a)		  HOLDS(!(a))
#define assert_in_range(a, b, c)  HOLDS((a) >= (b) && (a) <= (c))
#define assert_string_equal(a, b) HOLDS(!strcmp(a, b))

#include "share/queue_liar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define UNITS (DATA_SIZE / 64)

static struct amph_share *passed_on; /* the data, as another session knows it */
static bool owned[UNITS]; /* of the data, as the honest application knows it */
static bool modelled; /* nobody shares for reading, or parts of a unit */
static enum {
	NOTHING,
	LOSE,
	ANSWER,
	TAKE
} surprise; /* what the application does in its next callback */

static uint64_t number(struct script *script)
{
	static const uint64_t edges[] = {1,
					 63,
					 65,
					 DATA_SIZE - 1,
					 DATA_SIZE + 1,
					 UINT64_MAX,
					 UINT64_MAX - 63,
					 1ull << 63,
					 1ull << 32,
					 RING_SIZE,
					 RING_SIZE + 64,
					 ARENA_SIZE};
	uint8_t byte = script_byte(script);

	if (byte < 240)
		return (uint64_t)(byte % (UNITS + 1)) * 64;
	return edges[byte % (sizeof(edges) / sizeof(edges[0]))];
}

/* The processor can't maintain lines of closed memory, and need not. */
static int no_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	return 0;
}

static int no_invalidate(void *va, size_t length)
{
	return no_clean(va, length);
}

static const struct amph_cache_ops no_cache = {.clean = no_clean, .invalidate = no_invalidate};

/* Of what the liar can write: lines, and the sequences of descriptors, are polled. */
static void spoil(const void *address, void *view, size_t length, bool before,
		  const struct order_site *site)
{
	size_t offset = (size_t)((const uint8_t *)address - arena);

	if (scribbler_on && closed_reads(site) && offset < RING_SIZE)
		scribbler_read(view, length, before,
			       offset < AMPH_QUEUE_LINES * 64 || offset % 64 == 0);
}

static void before_access(const void *address, void *view, size_t length, struct order_site *site)
{
	spoil(address, view, length, true, site);
}

static void after_access(const void *address, void *view, size_t length, struct order_site *site)
{
	spoil(address, view, length, false, site);
}

/* 0, past, or soon */
static uint64_t deadline(uint8_t what)
{
	return what % 3 == 0 ? 0 : what % 3 == 1 ? 1 : amph_time_now() + 20000;
}

static void got(struct amph_share *share, uint64_t offset, uint64_t length, bool reading)
{
	HOLDS(length && offset < share->size && length <= share->size - offset);
	HOLDS(!amph_shm_check_access(share->shm, offset, length, false));
	modelled = modelled && !reading && !((offset | length) % 64);
	if (share == honest_data && modelled)
		for (uint64_t i = offset / 64; i < (offset + length) / 64; i++) {
			HOLDS(!owned[i]);
			owned[i] = true;
		}
}

static void went(const struct amph_share *share, uint64_t offset, uint64_t length, bool reading)
{
	modelled = modelled && !(reading && share->home) && !((offset | length) % 64);
	if (share == honest_data && modelled)
		for (uint64_t i = offset / 64; i < (offset + length) / 64; i++) {
			HOLDS(owned[i]);
			owned[i] = false;
		}
}

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	struct amph_queue_entry entry = {.share = share, .offset = offset, .length = length};
	uint32_t count;

	(void)cookie;
	got(share, offset, length, reading);
	if (surprise == LOSE)
		amph_session_lose(session, -EIO, "by the script");
	else if (surprise == ANSWER && !amph_queue_send(honest_queue, &entry, 1, 0, &count))
		went(share, offset, length, false);
	else if (surprise == TAKE && !amph_queue_receive(honest_queue, &entry, 1, 0, &count))
		got(entry.share, entry.offset, entry.length, entry.reading);
	surprise = NOTHING;
}

static void passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
		   uint64_t length, uint64_t cookie, int error)
{
	struct amph_queue_entry entry;
	uint32_t count;

	(void)share;
	(void)offset;
	(void)length;
	(void)cookie;
	(void)error;
	if (surprise == LOSE)
		amph_session_lose(session, -EIO, "by the script");
	else if (surprise == TAKE && honest_queue->state == AMPH_QUEUE_OPEN)
		HOLDS(amph_queue_receive(honest_queue, &entry, 1, 0, &count) == -EBUSY);
	surprise = NOTHING;
}

static void check(void)
{
	consistent(&mains);
	consistent(&peers);
	if (honest->session.state == AMPH_SESSION_CLOSING)
		return;
	if (honest->session.state != AMPH_SESSION_OPEN) {
		HOLDS(honest_queue->state == AMPH_QUEUE_CLOSED);
		HOLDS(honest->session.error || honest->session.state == AMPH_SESSION_CLOSED);
		return;
	}
	HOLDS(honest_queue->state != AMPH_QUEUE_OPEN ||
	      honest_queue->produced - honest_queue->taken <= honest_queue->mask + 1);
	/* the data's memory may become the queue: then it is nobody's data any more */
	if (honest_queue->path.share == honest_data)
		modelled = false;
	if (modelled && honest_data->state == AMPH_SHARE_ACCEPTED)
		for (uint32_t i = 0; i < UNITS; i++)
			HOLDS(owned[i] ==
			      !amph_shm_check_access(honest_data->shm, i * 64, 64, false));
}

/* --- the honest application --- */

static void act_send(struct script *script)
{
	struct amph_queue_entry entries[3];
	uint8_t what = script_byte(script);
	uint32_t sent, count = 1 + what % 3;

	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct amph_queue_entry){
			.share = &honest->shares[what & 0x40 ? script_byte(script) % SIDE_SHARES
							     : 1],
			.offset = number(script),
			.length = number(script),
			.reading = (what & 0xb0) == 0xb0};
	amph_queue_send(honest_queue, entries, count, deadline(what >> 2), &sent);
	HOLDS(sent <= count);
	for (uint32_t i = 0; i < sent && honest->session.state == AMPH_SESSION_OPEN; i++)
		went(entries[i].share, entries[i].offset, entries[i].length, entries[i].reading);
}

static void act_receive(struct script *script)
{
	struct amph_queue_entry entries[4];
	uint8_t what = script_byte(script);
	uint32_t received, max = what % 5;
	int error = amph_queue_receive(honest_queue, entries, max, deadline(what >> 3), &received);

	HOLDS(received <= max && (!error || !received));
	for (uint32_t i = 0; i < received; i++)
		got(entries[i].share, entries[i].offset, entries[i].length, entries[i].reading);
}

static void act_session(struct script *script)
{
	uint8_t what = script_byte(script);
	struct amph_share *share = &honest->shares[what / 8 % SIDE_SHARES];
	uint64_t offset = number(script), length = number(script), until = deadline(what >> 5);
	int error = -1;

	honest->end.fail = what >= 0xf0 ? -ETIMEDOUT : 0;
	honest_queue->look_ns = what & 0x10 ? 1 : honest_queue->look_ns;
	switch (what % 8) {
	case 0:
		error = amph_session_give(&honest->session, share, offset, length, false, 1, until);
		break;
	case 1:
		error = amph_session_return(&honest->session, share, offset, length, 1, until);
		break;
	case 2:
		amph_session_release(&honest->session, share, until);
		break;
	case 3:
		amph_session_close(&honest->session, 0);
		break;
	case 4:
		if (!amph_queue_arm(honest_queue))
			amph_queue_disarm(honest_queue);
		break;
	case 5:
		surprise = offset / 64 % 4;
		break;
	case 6:
		honest->session.heard = 0;
		honest->session.peer_heartbeat_ms = offset & 64 ? 1 : 0;
		break;
	default:
		honest->end.poll_fail = offset == 64 ? -EPIPE : 0;
		amph_session_poll(&honest->session, until);
		honest->end.poll_fail = 0;
		break;
	}
	honest->end.fail = 0;
	if (!error && honest->session.state == AMPH_SESSION_OPEN)
		went(share, offset, length, false);
}

/* The queue is opened, or expected, in whatever state it is. */
static void act_open(struct script *script)
{
	uint8_t what = script_byte(script);
	struct amph_queue_config way = {.spins = what & 1 ? AMPH_QUEUE_SPIN : what >> 5,
					.by_receive = what & 2};

	if (honest->session.state != AMPH_SESSION_OPEN)
		return;
	if (what & 4)
		amph_queue_doorbell_futex(&way.doorbell);
	if (honest == &mains)
		amph_queue_open(&main_queue, &mains.session, &mains.shares[what & 0x18 ? 0 : 1],
				1u << (what >> 5), &way, 0);
	else
		amph_queue_expect(&peer_queue, &peers.session, &way);
}

/* --- the liar --- */

static void lie_slot(struct script *script)
{
	uint8_t what = script_byte(script);
	struct queue_slot slot = truth();

	if (!liar_queue->out || !honest_data->shm)
		return;
	slot.offset = number(script);
	slot.length = number(script);
	if (what & 1)
		slot.kind = what & 2 ? 0x101 : script_byte(script) % 4;
	if ((what & 0xc) == 0xc)
		slot.handle = script_byte(script) % 5;
	if ((what & 0x30) == 0x30)
		slot.generation = script_byte(script) % 5;
	if (what >= 0xf0)
		slot.sequence += script_byte(script);
	write_slot(&slot);
}

static void lie_message(struct script *script)
{
	static const uint8_t types[] = {WIRE_GIVE,	WIRE_RETURN,  WIRE_PASS,     WIRE_RELEASE,
					WIRE_RELEASED,	WIRE_ACCEPT,  WIRE_REFUSE,   WIRE_REJECT,
					WIRE_HEARTBEAT, WIRE_GOODBYE, WIRE_SEGMENTS, WIRE_GIVE};
	uint8_t what = script_byte(script);
	uint32_t type = types[what % sizeof(types)];
	const struct amph_share *share = &honest->shares[what / 16 % 3];
	uint8_t more = script_byte(script);
	uint64_t cookie;

	memset(&raw, 0, sizeof(raw));
	if (type == WIRE_REJECT) {
		raw.body.reject = (struct wire_reject){
			.type = (uint16_t)types[more % 8],
			.reason = (uint16_t)(1 + more / 8 % 24),
			.handle = share->handle,
			.generation = share->generation,
			.flags = script_byte(script) & 1,
		};
		raw.body.reject.offset = number(script);
		raw.body.reject.length = number(script);
	} else if (type == WIRE_GIVE || type == WIRE_RETURN || type == WIRE_PASS) {
		uint64_t offset = number(script), length = number(script);

		cookie = (uint64_t)(more & 2 ? script_long(script) : 64) << 32 |
			 (more & 4 ? script_long(script) : 4);
		if (!(more & 8)) {
			offset = 0;
			length = share->size;
		}
		amph_session_fill_handoff(&raw, share, offset, length, cookie, false);
		if (type == WIRE_GIVE)
			raw.body.handoff.flags = more & 1 ? WIRE_HANDOFF_SET_UP : more >> 6;
	} else {
		raw.body.answer = (struct wire_answer){share->handle, share->generation,
						       type == WIRE_REFUSE ? 7 : 0, 0};
		if (type == WIRE_RELEASE || type == WIRE_RELEASED)
			raw.body.answer.flags = share->home ? 0 : WIRE_SHARE_HOME;
	}
	raw.header.type = (uint16_t)type;
	amph_session_send(&liar->session, &raw.header, 0);
}

/* Another buffer, good for a queue or not. */
static void lie_offer(struct script *script)
{
	uint8_t what = script_byte(script);
	uint32_t segments = what & 1 ? 1 : 1 + what / 2 % 2;

	raw.body.offer = (struct wire_offer){
		.handle = 3,
		.generation = 1 + what / 4 % 2,
		.size = 4096,
		.direction = what & 0x30 ? 3 : 1 + what / 64 % 2,
		.granule = 1u << script_byte(script) % 9,
		.method = !!(what & 8),
		.segment_count = segments,
		.name = "raw:x",
		.count = segments,
		.segments = {{ARENA_DA + 0x9000 + script_byte(script) % 8 / 7 * 32,
			      4096 / segments},
			     {ARENA_DA + 0xc000, 2048}},
	};
	raw.header.type = WIRE_OFFER;
	amph_session_send_segments(&liar->session, &raw.header, 0, segments, -1);
}

/* The home passes a range of the data to one of the others. */
static void act_pass(struct script *script)
{
	uint64_t offset = number(script), length = number(script);

	if (honest != &mains || !passed_on)
		return;
	modelled = false;
	amph_session_pass(&mains.session, &mains.shares[1], &others[0].session, passed_on, offset,
			  length, 1, 0);
	settle(&others[0], &others[1]);
	while (others[1].shares[1].state == AMPH_SHARE_ACCEPTED && length &&
	       !amph_session_return(&others[1].session, &others[1].shares[1], offset, length, 1, 0))
		;
	settle(&others[0], &others[1]);
}

/* What an honest side would do; the liar is one as often as not. */
static void act_liar(struct script *script)
{
	struct amph_queue_entry entries[4];
	uint8_t what = script_byte(script);
	uint32_t count;

	switch (what % 4) {
	case 0:
		entries[0] = (struct amph_queue_entry){.share = &liar->shares[1],
						       .offset = number(script),
						       .length = number(script),
						       .reading = what >= 0xe0};
		amph_queue_send(liar_queue, entries, 1, 0, &count);
		break;
	case 1:
		amph_queue_receive(liar_queue, entries, 4, what & 0x80, &count);
		break;
	case 2:
		amph_session_release(&liar->session, &liar->shares[what / 4 % 2], 0);
		break;
	default:
		amph_session_poll(&liar->session, 0);
		break;
	}
}

static void step(struct script *script)
{
	uint8_t what = script_byte(script);

	scribbler_on = what % 12 < 5;
	switch (what % 12) {
	case 10:
		lie_offer(script);
		break;
	case 11:
		act_pass(script);
		break;
	case 0:
	case 1:
		act_send(script);
		break;
	case 2:
		act_receive(script);
		break;
	case 3:
		act_session(script);
		break;
	case 4:
		act_open(script);
		break;
	case 5:
		lie_slot(script);
		break;
	case 6:
		lie_message(script);
		break;
	case 7:
		scribbler_step(script, ring.shm.va, what & 0x80 ? 1024 : 12 * 64);
		break;
	default:
		act_liar(script);
		break;
	}
	scribbler_on = true;
	if (what < 0xc0)
		amph_session_poll(&honest->session, 0);
	scribbler_on = false;
}

static void begin(uint8_t how)
{
	main_way = peer_way = (struct amph_queue_config){.spins = how & 4 ? 1 : AMPH_QUEUE_SPIN,
							 .by_receive = how & 8};
	if (how & 16) {
		amph_queue_doorbell_futex(&main_way.doorbell);
		amph_queue_doorbell_futex(&peer_way.doorbell);
	}
	main_queue = peer_queue = (struct amph_queue){0};
	open_shares();
	main_queue.session = &mains.session; /* closed, as after an end */
	main_queue.fork_generation = mains.session.fork_generation;
	open_others();
	choose_liar(how & 1);
	if (!(how & 2))
		open_queue(4);
	if (how & 32 && !(how & 2))
		honest_queue->cache = &no_cache;
	if (how & 64) /* soon around the end of the numbers */
		main_queue.produced = main_queue.taken = main_queue.consumed = main_queue.told =
			peer_queue.produced = peer_queue.taken = peer_queue.consumed =
				peer_queue.told = 0xfffffffa;
	passed_on = NULL;
	if (!amph_shm_attach(&data.shm, &others[0].target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_MESSAGES, &data.second, data.second_segments, 1) &&
	    !amph_session_offer(&others[0].session, &data.second, 0, 0, &passed_on))
		settle(&others[0], &others[1]);
	honest->events.taken = taken;
	honest->events.passed = passed;
	honest->shares[1].import_shm.storage.range_max = how & 128 ? 3 : SIDE_RANGES;
	liar->events = (struct amph_session_events){0};
	surprise = NOTHING;
	modelled = true;
	for (uint32_t i = 0; i < UNITS; i++)
		owned[i] = honest == &mains;
}

int LLVMFuzzerTestOneInput(const uint8_t *data_bytes, size_t size)
{
	struct script script = {data_bytes, size};

	if (!arena) {
		arena = closed_new(ARENA_SIZE);
		closed_watch.before = before_access;
		closed_watch.after = after_access;
	}
	scribbler.left = 0;
	scribbler_on = false;
	begin(script_byte(&script));
	for (int steps = 0; script.size && steps < 200; steps++) {
		step(&script);
		check();
	}
	end_lies();
	amph_target_off(&mains.target.target);
	return 0;
}
