/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a share session by a hostile other side that speaks well and lies: input = a script of
 * what it says (well stamped, most of it) and of what the honest side's application does.
 * Test code. After every step the ownership model must hold, no callback may ever name bytes outside
 * a buffer or that this side does not own, and at the end nothing is left behind.
 *
 * The honest side is home of buffers and importer at once, main or peer by the first byte, and may have
 * a queue and locks, to which the other side lies as well.
 */
#include <stdlib.h>
#include <string.h>

#include <amphora/session_lock.h>

#include "fuzz/session_liar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

#define BUFFERS 3
#define PIECES	32 /* segments of the last of them */

static struct side second, third; /* third: an honest importer, for passes */
static struct buffer buffers[BUFFERS];
static struct amph_session_locks locks;
static struct amph_share_lock lock_slots[2];
static int depth;
static struct amph_provider pieces;
static struct amph_segment piece_segments[3][PIECES]; /* its own, and as two targets see them */

/* What the application does out of the next callback, before all else. */
static enum { NOTHING, GIVE_UP, WAIT } surprise;

/* --- what the honest application checks --- */

static void surprised(struct amph_session *session)
{
	struct amph_share *share;

	if (surprise == GIVE_UP) {
		surprise = NOTHING;
		amph_session_lose(session, -EIO, "by the script, out of a callback");
	} else if (surprise == WAIT) {
		surprise = NOTHING;
		REQUIRE(amph_session_poll(session, 0) == -EBUSY);
		REQUIRE(amph_session_close(session, 0) == -EBUSY);
		amph_session_offer(session, &buffers[1].attachment, 0, 0, &share);
	}
}

static void check_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
			uint64_t length, bool reading, uint64_t cookie)
{
	(void)cookie;
	REQUIRE(session->state == AMPH_SESSION_OPEN);
	REQUIRE(length && offset < share->shm->size && length <= share->shm->size - offset);
	REQUIRE(!amph_shm_check_access(share->shm, offset, length, false));
	if (reading || !(share->direction & AMPH_DEVICE_WRITES)) {
		if (!share->home)
			REQUIRE(amph_shm_check_access(share->shm, offset, length, true));
	}
	/* really reachable: a sanitizer sees it when it is not */
	if (share->va)
		((volatile uint8_t *)share->va)[offset + length - 1];
	/* some are returned at once, out of the callback */
	if (!share->home && offset == 0 && depth++ == 0)
		amph_session_return(session, share, offset, length, 1, 0);
	depth = 0;
	surprised(session);
}

static int check_offered(struct amph_session *session, struct amph_share *share)
{
	REQUIRE(share->state == AMPH_SHARE_OFFERED && !share->home && share->shm);
	REQUIRE(share->segments_received == share->segments_expected);
	REQUIRE(share->size <= ARENA_SIZE * (uint64_t)SIDE_SEGMENTS);
	for (uint32_t i = 0; i < share->segments_received; i++) {
		REQUIRE(share->segments[i].address >= ARENA_DA);
		REQUIRE(share->segments[i].address - ARENA_DA <=
			ARENA_SIZE - share->segments[i].length);
	}
	if (share->va)
		REQUIRE((uint8_t *)share->va >= arena &&
			(uint8_t *)share->va + share->size <= arena + ARENA_SIZE);
	if (share->flags & AMPH_SHM_NOT_CACHED) {
		surprised(session);
		return 0;
	}
	return share->flags & AMPH_SHM_HUGE ? share->flags & AMPH_SHM_READ_ONLY ? 1 : -ENOMEM : 0;
}

static void check_answered(struct amph_session *session, struct amph_share *share)
{
	REQUIRE(share->home);
	REQUIRE(share->state == AMPH_SHARE_ACCEPTED || share->state == AMPH_SHARE_REFUSED);
	REQUIRE((share->state == AMPH_SHARE_REFUSED) == (share->error != 0));
	surprised(session);
}

static void check_released(struct amph_session *session, struct amph_share *share)
{
	/* whoever is told that it is over: the other side holds nothing that is ours */
	REQUIRE(!amph_shm_check(share->shm));
	if (share->home)
		REQUIRE(!amph_shm_check_access(share->shm, 0, 64, false) ||
			share->shm->attachment_bits != (AMPH_HOLDER_CPU | share->attachment->bit));
	surprised(session);
}

static int check_requested(struct amph_session *session, const struct amph_session_request *request)
{
	struct amph_share *share;

	REQUIRE(request->id && request->size && request->direction >= 1 && request->direction <= 3);
	REQUIRE(memchr(request->name, 0, AMPH_NAME_MAX));
	REQUIRE(session->granted_size <= session->config.quota);
	if (request->flags & AMPH_SHM_READ_ONLY)
		return -EROFS;
	if (request->flags & AMPH_SHM_HUGE) /* offered at once */
		amph_session_offer(session, &buffers[0].attachment, request->id, 0, &share);
	surprised(session);
	if (request->flags & AMPH_SHM_NOT_CACHED) /* refused by hand, and then once more */
		return amph_session_deny(session, request->id, -EPERM, 0) ? 0 : -EPERM;
	return 0;
}

static void check_granted(struct amph_session *session, uint32_t request, struct amph_share *share,
			  int error)
{
	REQUIRE(request);
	REQUIRE(error ? !share : share && share->state == AMPH_SHARE_ACCEPTED && !share->home);
	surprised(session);
}

static void check_undone(struct amph_session *session, struct amph_share *share, uint64_t offset,
			 uint64_t length, int error)
{
	(void)session;
	REQUIRE(error < 0);
	if (share->home || error == -ENOSPC || error == -EBUSY)
		REQUIRE(!amph_shm_check_access(share->shm, offset, length, false));
}

static void check_passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
			 uint64_t length, uint64_t cookie, int error)
{
	(void)cookie;
	if (error != -ERANGE)
		REQUIRE(!error == !!amph_shm_check_access(share->shm, offset, length, false));
	surprised(session);
}

static void check_all(void)
{
	uint64_t granted = 0;
	uint32_t imports = 0;

	for (struct amph_shm *shm = honest.memory.buffers; shm; shm = shm->next)
		REQUIRE(!amph_shm_check(shm));
	for (uint32_t i = 0; i < SIDE_SHARES; i++) {
		const struct amph_share *share = &honest.shares[i];

		if (share->state == AMPH_SHARE_FREE) {
			REQUIRE(!share->shm && share->fd == -1);
			continue;
		}
		REQUIRE(honest.session.state == AMPH_SESSION_OPEN ||
			honest.session.state == AMPH_SESSION_CLOSING);
		if (share->home)
			granted += share->granted_size;
		else
			imports += !!share->shm;
		REQUIRE(share->segments_received <= SIDE_SEGMENTS);
	}
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++)
		granted += honest.session.wanted[i].size;
	REQUIRE(honest.session.granted_size == granted && granted <= honest.config.quota);
	REQUIRE(honest.maps - honest.unmaps == imports);
}

/* --- what the honest application does --- */

static void act(struct script *script)
{
	uint8_t what = next(script);
	struct amph_share *share = &honest.shares[next(script) % SIDE_SHARES];
	uint64_t offset = next_number(script), length = next_number(script);
	struct amph_session_request request = {.size = 64, .direction = 3};
	struct amph_share *made;
	uint32_t id;

	honest.end.fail = what & 0x80 ? -ETIMEDOUT : 0;
	honest.end.fail_after = what >> 6 & 1;
	switch (what % 10) {
	case 0:
	case 1:
		/* now and then one that is another session's */
		amph_session_offer(&honest.session,
				   what & 0x20 ? &buffers[offset / 64 % BUFFERS].second
					       : &buffers[offset / 64 % BUFFERS].attachment,
				   (uint32_t)(length / 64 % 4), 0, &made);
		break;
	case 2:
		amph_session_give(&honest.session, share, offset, length, what & 0x20, 3, 0);
		break;
	case 3:
		amph_session_return(&honest.session, share, offset, length, 4, 0);
		break;
	case 4:
		amph_session_release(&honest.session, share, 0);
		break;
	case 5:
		amph_session_request(&honest.session, &request, 0, &id);
		break;
	case 6:
		amph_session_deny(&honest.session, (uint32_t)(offset / 64 % 8), -EPERM, 0);
		break;
	case 7:
		amph_session_close(&honest.session, 0);
		break;
	case 8:
		if (what & 0x20)
			amph_session_lose(&second.session, -EIO, "by the script");
		second.end.fail = what & 0x40 ? -ETIMEDOUT : 0;
		for (uint32_t i = 0; i < SIDE_SHARES; i++) {
			struct amph_share *to = &second.shares[i];

			if (to->state == AMPH_SHARE_ACCEPTED && to->shm == share->shm)
				amph_session_pass(&honest.session, share, &second.session, to,
						  offset, length, 5, 0);
		}
		break;
	default:
		amph_session_wait_range(&honest.session, share, offset, length, what & 1, 0);
		amph_session_wait_share(&honest.session, share, AMPH_SHARE_RELEASING, 0);
		break;
	}
	honest.end.fail = 0;
	honest.end.fail_after = 0;
}

/* A pass between any two shares of any two sessions. */
static void act_pass(struct script *script)
{
	uint8_t what = next(script), which = next(script);
	struct amph_session *to = what & 1 ? &honest.session : &second.session;
	struct amph_share *shares = what & 2 ? honest.shares : second.shares;
	uint64_t offset = next_number(script), length = next_number(script);

	honest.end.fail = what & 4 ? -ETIMEDOUT : 0;
	if (what & 8)
		amph_session_lose(&second.session, what & 0x10 ? 0 : -EIO, "by the script");
	amph_session_pass(&honest.session, &honest.shares[which % SIDE_SHARES], to,
			  &shares[which / SIDE_SHARES % SIDE_SHARES], offset, length, 6, 0);
	honest.end.fail = 0;
	second.end.fail = what & 16 ? -ETIMEDOUT : 0;
}

/* What happens between the second session and its honest peer meanwhile. */
static void act_second(struct script *script)
{
	uint8_t what = next(script);
	struct amph_share *share = &second.shares[what / 4 % SIDE_SHARES];
	struct amph_share *import = &third.shares[what / 4 % SIDE_SHARES];
	uint64_t offset = next_number(script), length = next_number(script);
	struct amph_share *made;

	switch (what % 4) {
	case 0:
		amph_session_give(&second.session, share, offset, length, what & 0x20, 7, 0);
		break;
	case 1:
		amph_session_return(&third.session, import, offset, length, 8, 0);
		break;
	case 2:
		amph_session_release(&second.session, share, 0);
		break;
	default:
		amph_session_offer(&second.session, &buffers[offset / 64 % BUFFERS].second, 0, 0,
				   &made);
		break;
	}
}

/* Requests that an application should not make, and some that it may. */
static void act_request(struct script *script)
{
	uint8_t what = next(script);
	struct amph_session_request request = {
		.size = next_number(script),
		.direction = next(script) % 8,
		.flags = what & 7u,
	};
	uint32_t id;

	memset(request.name, 'n', what & 8 ? sizeof(request.name) : what % sizeof(request.name));
	if (what & 16)
		honest.session.next_request = UINT32_MAX;
	if (what & 32)
		honest.session.next_generation = UINT32_MAX;
	honest.end.fail = what & 64 ? -ETIMEDOUT : 0;
	if (!amph_session_request(&honest.session, &request, 0, &id))
		REQUIRE(id && request.size && request.direction && request.direction <= 3 &&
			!(what & 8));
	honest.end.fail = 0;
}

/* An attachment that is not fit for a session is refused and changes nothing. */
static void act_bad_offer(struct script *script)
{
	struct amph_attachment attachment = buffers[1].attachment;
	struct amph_share *made;
	int error;

	switch (next(script) % 3) {
	case 0:
		attachment.shm = NULL;
		break;
	case 1:
		/* the first that this version does not know */
		attachment.method = (enum amph_sync_method)honest.session.version;
		break;
	default:
		attachment.target = NULL;
		break;
	}
	error = amph_session_offer(&honest.session, &attachment, 0, 0, &made);
	REQUIRE(error && !made);
}

/* The queue is opened, expected, asked or written to. */
static void act_queue(struct script *script)
{
	const struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN};
	uint8_t what = next(script);

	if (what & 1)
		lie_queue(script);
	else if (honest.session.state != AMPH_SESSION_OPEN)
		return;
	else if (what & 2)
		amph_queue_expect(&queue, &honest.session, &way);
	else
		amph_queue_open(&queue, &honest.session, &honest.shares[what / 4 % SIDE_SHARES],
				1u << what / 16 % 4, &way, 0);
}

/* Locks are placed, bound, taken and released, and the other side writes into their words. */
static void act_locks(struct script *script)
{
	uint8_t what = next(script);
	struct amph_share *share = &honest.shares[next(script) % SIDE_SHARES];
	bool held = false;
	int error;

	for (uint32_t i = 0; i < 2; i++)
		held = held || (lock_slots[i].share == share && lock_slots[i].lock->held);
	honest.end.fail = what & 0x80 ? -ETIMEDOUT : 0;
	switch (what % 8) {
	case 0:
		amph_session_locks_place(&honest.session, share, 0);
		break;
	case 1:
	case 2:
		amph_session_locks_bind(&honest.session, share, AMPH_LOCK_PLAIN + (what >> 6 & 1),
					what >> 3 & 7, 0);
		break;
	case 3:
	case 4:
		error = amph_session_lock(&honest.session, share, 0);
		/* nobody takes it twice, and who has it has all of the buffer */
		if (!error)
			REQUIRE(!held && !amph_shm_check_access(share->shm, 0, share->size, true));
		break;
	case 5:
		error = amph_session_unlock(&honest.session, share);
		if (!error)
			REQUIRE(amph_shm_check_access(share->shm, 0, 1, false) == -EACCES);
		break;
	default:
		share = locks.way.share;
		if (share && amph_locks_have_memory(&locks) && (what >> 3) * 64u < share->size)
			((uint32_t *)share->va)[(what >> 3) * 16u] = what & 0x80 ? what : what & 3;
		break;
	}
	honest.end.fail = 0;
}

/* Configurations that must be refused, and one that must not. */
static void act_init(struct script *script)
{
	static struct loopback end, other;
	static struct amph_share shares[2];
	static struct amph_session session;
	struct amph_session_config config = honest.config;
	uint8_t what = next(script);
	int error;

	loopback_init(&end, &other);
	config.channel = what & 1 ? NULL : &end.channel;
	config.memory = what & 2 ? NULL : &honest.memory;
	config.target = what & 4 ? NULL : &honest.target.target;
	config.nonce = !(what & 8);
	config.shares = what & 16 ? NULL : shares;
	config.share_max = what & 32 ? 0 : 2;
	config.segments = NULL;
	config.ranges = NULL;
	config.cache_line = !(what & 64) ? 64u : what & 128 ? 8192u : 48u;
	end.channel.message_max = what & 128 ? 151 : 152;
	error = amph_session_init_checked(&session, &config, AMPH_ABI,
					  (uint32_t)sizeof(session) + (what == 0xfe));
	REQUIRE(!error == !what);
}

/* The channel fails, time passes, and the application opens or gives up at odd moments. */
static void control(struct script *script)
{
	static const int errors[] = {0, -ETIMEDOUT, -ENOTCONN, -EPIPE, -EBUSY, 0, -EMSGSIZE, -EIO};
	uint8_t what = next(script);
	int error = errors[what >> 3 & 7];

	switch (what % 8) {
	case 0:
		honest.end.poll_fail = error;
		break;
	case 1:
		honest.end.fail = error;
		honest.end.fail_after = what >> 6;
		break;
	case 2:
		if (what & 0x40) /* an answer is there before the question */
			lie(script,
			    honest.config.role == AMPH_SESSION_MAIN ? WIRE_WELCOME : WIRE_HELLO);
		honest.end.fail = error;
		amph_session_open(&honest.session, what & 0x40 ? amph_deadline(5) : 0);
		honest.end.fail = 0;
		break;
	case 3:
		honest.end.poll_fail = error;
		amph_session_open(&honest.session, what & 0x40 ? amph_deadline(1) : 0);
		honest.end.poll_fail = 0;
		break;
	case 4: /* nothing was heard since the machine started */
		honest.session.heard = 0;
		break;
	case 5: /* nothing was said since then */
		honest.session.beat = 0;
		honest.end.fail = error;
		break;
	case 6:
		surprise = what & 8 ? GIVE_UP : WAIT;
		break;
	default:
		amph_session_lose(&second.session, what & 8 ? 0 : -EIO, "by the script");
		break;
	}
}

/* --- from the beginning to the end --- */

/* A provider whose buffers are pieces in the wrong order: they need more than one message. */
static int pieces_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	int error = arena_open(provider, shm, name);

	if (error)
		return error;
	for (uint32_t i = 0; i < PIECES; i++)
		shm->storage.segments[i] = (struct amph_segment){
			(uintptr_t)shm->va + (PIECES - 1 - i) * shm->size / PIECES,
			shm->size / PIECES};
	shm->segment_count = PIECES;
	return 0;
}

static void open_pieces(struct buffer *buffer)
{
	static const struct amph_provider_ops ops = {pieces_open, arena_close};
	const struct amph_shm_storage storage = {buffer->ranges, 16, piece_segments[0], PIECES};

	pieces = (struct amph_provider){.name = "pieces", .ops = &ops};
	REQUIRE(!amph_memory_add_provider(&honest.memory, &pieces));
	REQUIRE(!amph_shm_open(&honest.memory, &buffer->shm, &storage, "pieces:3000", 4096, 0));
	REQUIRE(!amph_shm_attach(&buffer->shm, &honest.target.target, AMPH_DEVICE_READS_WRITES,
				 AMPH_SYNC_MESSAGES, &buffer->attachment, piece_segments[1],
				 PIECES));
	REQUIRE(!amph_shm_attach(&buffer->shm, &second.target.target, AMPH_DEVICE_READS_WRITES,
				 AMPH_SYNC_MESSAGES, &buffer->second, piece_segments[2], PIECES));
}

static void open_whole(struct buffer *buffer, const char *name)
{
	REQUIRE(!buffer_open(buffer, &honest, name, 4096, 0));
	REQUIRE(!amph_shm_attach(&buffer->shm, &honest.target.target, AMPH_DEVICE_READS_WRITES,
				 locked	  ? AMPH_SYNC_LOCK
				 : queued ? AMPH_SYNC_QUEUE
					  : AMPH_SYNC_MESSAGES,
				 &buffer->attachment, buffer->device_segments, 1));
	REQUIRE(!amph_shm_attach(&buffer->shm, &second.target.target, AMPH_DEVICE_READS_WRITES,
				 AMPH_SYNC_MESSAGES, &buffer->second, buffer->second_segments, 1));
}

/* What an integrator may have configured otherwise. */
static void configure(uint8_t what)
{
	struct amph_session_config *config = &honest.config;

	if (what & 1)
		config->events = NULL;
	if (what & 2)
		honest.events = (struct amph_session_events){.offered = check_offered};
	if (what & 4) {
		config->cache = &amph_cache_port;
		config->cache_line = 64;
	}
	if (what & 8) {
		config->windows.map = NULL;
		config->windows.unmap = NULL;
	}
	if (what & 16)
		config->ranges_per_share = 2;
	if (what & 32)
		config->segments = NULL;
	if (what & 64)
		honest.end.channel.message_max = 152;
	if (what & 128) {
		config->heartbeat_ms = 1;
		honest.target.target.cache_line = 128;
	}
	if ((what & 5) == 5) /* a channel without fds */
		config->handles = true;
}

static void begin(enum amph_session_role role, bool greet, uint8_t configuration, uint8_t greeting)
{
	struct script none = {NULL, 0}, hello = {&greeting, 1};

	memset(buffers, 0, sizeof(buffers));
	queue = (struct amph_queue){0};
	if (queued || locked)
		memset(arena, 0, sizeof(arena));
	/* an honest second session over the same memory, to pass to */
	REQUIRE(!sides_open(&second, &third));
	memset(&honest, 0, sizeof(honest));
	loopback_init(&honest.end, &liar);
	side_init(&honest, role, 0x5151515151515151u);
	honest.events.offered = check_offered;
	honest.events.answered = check_answered;
	honest.events.taken = check_taken;
	honest.events.released = check_released;
	honest.events.requested = check_requested;
	honest.events.granted = check_granted;
	honest.events.undone = check_undone;
	honest.events.passed = check_passed;
	configure(configuration);
	REQUIRE(!amph_session_init(&honest.session, &honest.config));
	if (locked)
		REQUIRE(!amph_session_locks_init(
			&locks, &honest.session,
			&(struct amph_session_locks_config){.slots = lock_slots, .slot_max = 2}));
	liar_epoch = 9;
	liar_sent = 0;
	for (uint32_t i = 0; i < BUFFERS; i++) {
		struct amph_share *share;

		if (i == 2)
			open_pieces(&buffers[i]);
		else
			open_whole(&buffers[i], i ? "arena:2000" : "arena:1000");
		if (i < 2) {
			REQUIRE(!amph_session_offer(&second.session, &buffers[i].second, 0, 0,
						    &share));
			settle(&second, &third);
		}
	}
	amph_session_open(&honest.session, 0);
	if (!greet)
		return;
	lie(&hello, role == AMPH_SESSION_MAIN ? WIRE_WELCOME : WIRE_HELLO);
	if (role == AMPH_SESSION_PEER)
		lie(&none, WIRE_READY);
	REQUIRE(amph_session_poll(&honest.session, 0) > 0);
	REQUIRE(honest.session.state == AMPH_SESSION_OPEN);
}

static void end(void)
{
	amph_session_lose(&honest.session, -EIO, "the end");
	check_all();
	REQUIRE(honest.session.state == AMPH_SESSION_LOST ||
		honest.session.state == AMPH_SESSION_CLOSED);
	/* what the liar could still reach is in quarantine, and everything else is the CPU's */
	for (uint32_t i = 0; i < BUFFERS; i++) {
		if (honest.session.state == AMPH_SESSION_LOST &&
		    honest.target.target.state == AMPH_TARGET_LOST)
			REQUIRE(buffers[i].attachment.quarantined);
		else
			REQUIRE(!amph_shm_detach(&buffers[i].attachment));
	}
	settle(&second, &third);
	amph_session_lose(&second.session, -EIO, "the end");
	amph_session_lose(&third.session, -EIO, "the end");
	if (honest.target.target.state == AMPH_TARGET_LOST)
		amph_target_off(&honest.target.target);
	amph_target_off(&second.target.target);
	for (uint32_t i = 0; i < BUFFERS; i++) {
		REQUIRE(!amph_shm_check_access(&buffers[i].shm, 0, 4096, true));
		REQUIRE(!amph_shm_put(&buffers[i].shm));
	}
	REQUIRE(!honest.memory.buffers);
	REQUIRE(honest.maps == honest.unmaps);
}

static void step(struct script *script)
{
	uint8_t what = next(script);
	uint8_t kind = what % 32;

	if (kind >= WIRE_HELLO && kind <= WIRE_GOODBYE)
		lie(script, kind);
	else if (kind == 18)
		raw_bytes(script);
	else if (kind == 24 && queued)
		act_queue(script);
	else if (kind == 23 && locked)
		act_locks(script);
	else if (kind == 25)
		act_bad_offer(script);
	else if (kind == 26)
		act_request(script);
	else if (kind == 27)
		act_init(script);
	else if (kind == 28)
		act_second(script);
	else if (kind == 29)
		act_pass(script);
	else if (kind >= 30)
		control(script);
	else
		act(script);
	if (kind < 30)
		honest.end.fail = what >= 0xe0 ? -ETIMEDOUT : 0;
	amph_session_poll(&honest.session, 0);
	honest.end.fail = 0;
	honest.end.fail_after = 0;
	honest.end.poll_fail = 0;
	liar.count = 0;
	settle(&second, &third);
	if (kind != 29) /* what follows a pass may fail */
		second.end.fail = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct script script = {data, size};
	uint8_t first = next(&script);
	uint8_t configuration = first & 4 ? next(&script) : 0;
	uint8_t greeting = first & 8 ? next(&script) : 0;

	surprise = NOTHING;
	queued = first & 16;
	locked = first & 64;
	/* the greeting is as it should be, or asks for less, or for heartbeats */
	begin(first & 1 ? AMPH_SESSION_MAIN : AMPH_SESSION_PEER, !(first & 2), configuration,
	      greeting < 252 || greeting > 253 ? 0 : greeting);
	for (int steps = 0; script.size && steps < 200; steps++) {
		step(&script);
		check_all();
	}
	end();
	return 0;
}
