/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process's memory and its ends of sessions, over sockets or virtqueues.
 * Test code.
 */
#include "side.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "case.h"
#include "share/wire.h"

#define RINGS_SIZE 0x1000u
#define RING_ALIGN 64u
#define ADDRESS	   7u

struct side side;

/* --- doors: every message is a place --- */

static int door_send(struct amph_channel *channel, const void *message, uint32_t length,
		     intptr_t handle, uint64_t deadline)
{
	struct door *door = (struct door *)channel;

	stage_message(true, ((const struct wire_header *)message)->type);
	return amph_channel_send(door->under, message, length, handle, deadline);
}

static int door_poll(struct amph_channel *channel, uint64_t deadline)
{
	return amph_channel_poll(((struct door *)channel)->under, deadline);
}

static void door_receive(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	struct door *door = argument;

	stage_message(false, ((const struct wire_header *)message)->type);
	door->channel.receiver(door->channel.argument, message, length, handle);
}

static void door_init(struct door *door, struct amph_channel *under)
{
	static const struct amph_channel_ops ops = {door_send, door_poll};

	*door = (struct door){.channel = {.ops = &ops, .message_max = under->message_max},
			      .under = under};
	amph_channel_receive(under, door_receive, door);
}

/* --- RPMsg in the arena, rung by a byte in a socket --- */

static void kick(void *argument, uint32_t queue)
{
	const struct end *end = argument;
	uint8_t byte = (uint8_t)queue;

	/* full: the other side will look anyway. Gone: it never does, and `wait` says so */
	(void)!send(end->fd, &byte, 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int wait_for_kick(void *argument, uint64_t deadline)
{
	const struct end *end = argument;
	struct pollfd slot = {.fd = end->fd, .events = POLLIN};
	uint64_t now = amph_time_now();
	uint8_t byte;
	ssize_t got;
	bool rang = false;
	uint64_t left = deadline > now ? (deadline - now + 999999) / 1000000 : 0;

	if (!poll(&slot, 1, left > 1000 ? 1000 : (int)left))
		return left > 1000 ? 0 : -ETIMEDOUT;
	/* each is a message of its own, and what rang before the end counts first */
	while ((got = recv(end->fd, &byte, 1, MSG_DONTWAIT)) > 0)
		rang = true;
	return got || rang ? 0 : -EPIPE;
}

static void hear(void *argument, const char *name, uint32_t address, bool created)
{
	struct end *end = argument;

	if (created && !strcmp(name, AMPH_SESSION_SERVICE))
		end->endpoint.endpoint.destination = address;
}

static int rpmsg_init(struct end *end, bool main)
{
	struct amph_rpmsg_config config = {
		.role = main ? AMPH_RPMSG_MAIN : AMPH_RPMSG_PEER,
		.buffer_size = 512,
		.name_service = true,
		.event_index = true,
		.kick = kick,
		.wait = wait_for_kick,
		.service = hear,
		.argument = end,
		.buffers = {.va = arena + 2 * RINGS_SIZE,
			    .pa = 0x70000000,
			    .size = 2 * RING_COUNT * 512},
		.slots = {end->slots[0], end->slots[1]},
	};
	uint64_t deadline = amph_deadline(LIMIT_MS);
	int error = 0;

	for (uint32_t i = 0; i < 2 && !error; i++)
		error = amph_vring_init(&config.vrings[i], arena + i * RINGS_SIZE, RINGS_SIZE,
					RING_COUNT, RING_ALIGN);
	if (!error)
		error = amph_rpmsg_init(&end->device, &config);
	if (!error)
		error = amph_channel_rpmsg_init(&end->endpoint, &end->device,
						main ? NULL : AMPH_SESSION_SERVICE,
						main ? ADDRESS : AMPH_RPMSG_ANY,
						main ? AMPH_RPMSG_ANY : ADDRESS, !main, deadline);
	return error;
}

/* --- events --- */

static struct end *end_of(const struct amph_session *session)
{
	return session->config.user;
}

static void push(struct end *end, struct work work)
{
	CHECK(end->count < WORKS);
	if (work.share) {
		work.generation = work.share->generation;
		work.home = work.share->home;
	}
	end->works[(end->first + end->count++) % WORKS] = work;
}

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	if (share->home)
		jar_moved(jar_of(share), offset, length, HOLDER_CPU);
	push(end_of(session), (struct work){.kind = WORK_TAKEN,
					    .share = share,
					    .offset = offset,
					    .length = length,
					    .cookie = cookie,
					    .reading = reading});
}

static void passing(struct amph_session *session, struct amph_share *share, uint64_t offset,
		    uint64_t length, uint64_t cookie)
{
	push(end_of(session), (struct work){.kind = WORK_PASSING,
					    .share = share,
					    .offset = offset,
					    .length = length,
					    .cookie = cookie});
}

static void passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
		   uint64_t length, uint64_t cookie, int error)
{
	struct jar *jar = jar_of(share);

	(void)session;
	(void)cookie;
	jar_moved(jar, offset, length,
		  error			    ? HOLDER_CPU
		  : share == jar->shares[0] ? HOLDER_ENDS + 1
					    : HOLDER_ENDS);
}

static int requested(struct amph_session *session, const struct amph_session_request *request)
{
	push(end_of(session),
	     (struct work){.kind = WORK_REQUESTED, .length = request->size, .cookie = request->id});
	return 0;
}

static void granted(struct amph_session *session, uint32_t request, struct amph_share *share,
		    int error)
{
	if (!error)
		push(end_of(session),
		     (struct work){.kind = WORK_GRANTED, .share = share, .cookie = request});
}

static void released(struct amph_session *session, struct amph_share *share)
{
	(void)share;
	end_of(session)->released++;
}

static void ended(struct amph_session *session)
{
	end_of(session)->ends++;
}

static const struct amph_session_events events = {
	.taken = taken,
	.passing = passing,
	.passed = passed,
	.requested = requested,
	.granted = granted,
	.released = released,
	.ended = ended,
};

/* --- ends --- */

void side_init(const char *name, uint32_t pool, uint64_t nonce)
{
	memset(&side, 0, sizeof(side));
	side.name = name;
	side.nonce = nonce;
	side.wait_ms = 3000;
	side.pool_va = arena + STAGE_ARENA - (pool + 1) * POOL_SIZE;
	CHECK_EQUAL(amph_memory_init(&side.memory), 0);
	amph_provider_memfd_init(&side.memfd);
	CHECK_EQUAL(amph_memory_add_provider(&side.memory, &side.memfd), 0);
	CHECK_EQUAL(amph_pool_init(&side.pool, POOL_SIZE, 64, side.blocks, POOL_BLOCKS), 0);
	CHECK_EQUAL(amph_provider_pool_init(&side.provider, "pool", &side.pool, side.pool_va,
					    (uintptr_t)side.pool_va),
		    0);
	CHECK_EQUAL(amph_memory_add_provider(&side.memory, &side.provider.provider), 0);
}

static void target_init(struct end *end)
{
	const struct amph_map map = {&end->window, 1};

	if (stage->lane == LANE_MEMFD) {
		amph_target_process_init(&end->process, "other");
		end->target = &end->process;
		return;
	}
	end->window =
		(struct amph_window){(uintptr_t)arena, (uintptr_t)arena + DA_OFFSET, STAGE_ARENA};
	CHECK_EQUAL(amph_target_map_init(&end->map, "other", &map, NULL), 0);
	end->target = &end->map.target;
}

static void session_init(struct end *end, bool main)
{
	struct amph_session_config config = {
		.role = main ? AMPH_SESSION_MAIN : AMPH_SESSION_PEER,
		.channel = &end->door.channel,
		.memory = &side.memory,
		.target = end->target,
		.nonce = side.nonce,
		.events = &events,
		.shares = end->shares,
		.share_max = SHARES,
		.segments = end->segments,
		.segments_per_share = 1,
		.ranges = end->ranges,
		.ranges_per_share = RANGES,
		.handles = stage->lane == LANE_MEMFD,
		.heartbeat_ms = side.heartbeat_ms,
		.quota = 2 * JAR_SIZE,
		.user = end,
	};

	if (stage->lane == LANE_MEMFD) {
		amph_windows_process_init(&config.windows);
	} else {
		end->region = (struct amph_io){arena, (uintptr_t)arena,
					       (uintptr_t)arena + DA_OFFSET, STAGE_ARENA};
		amph_windows_map_init(&config.windows, &end->windows, &end->region, 1);
	}
	CHECK_EQUAL(amph_session_init(&end->session, &config), 0);
}

/* How an importer lends its queue, and a home opens one: with futexes where memory is all there is. */
static void queue_init(struct end *end)
{
	struct amph_queue_config config = {.spins = 0};

	if (stage->lane != LANE_MEMFD)
		amph_queue_doorbell_futex(&config.doorbell);
	CHECK_EQUAL(amph_queue_expect(&end->queue, &end->session, &config), 0);
}

void end_init(struct end *end, int fd, bool rpmsg, bool main)
{
	struct amph_target *target = end->target;

	/* a second life of the other side: the target is the same */
	if (!target)
		target_init(end);
	end->fd = fd;
	end->rpmsg = rpmsg;
	end->side = &side;
	end->first = end->count = end->ends = end->released = 0;
	end->kept = (struct work){0};
	if (rpmsg) {
		CHECK_EQUAL(rpmsg_init(end, main), 0);
		door_init(&end->door, &end->endpoint.channel);
	} else {
		CHECK_EQUAL(amph_channel_socket_init(&end->socket, fd), 0);
		door_init(&end->door, &end->socket.channel);
	}
	session_init(end, main);
	if (!main)
		queue_init(end);
}

int end_open(struct end *end)
{
	uint64_t deadline = soon();

	/* the first message of an RPMsg main side needs the peer's address */
	while (end->rpmsg && end->session.config.role == AMPH_SESSION_MAIN &&
	       end->endpoint.endpoint.destination == AMPH_RPMSG_ANY) {
		int result = amph_channel_poll(&end->door.channel, deadline);

		if (result < 0)
			return result;
	}
	return IN_TIME(amph_session_open(&end->session, deadline));
}

void end_say_stale(struct end *end)
{
	struct wire_message message = {.header = {.type = WIRE_HEARTBEAT,
						  .length = (uint16_t)sizeof(message.header),
						  .sequence = end->session.sent + 1,
						  .from = VICTIM_NONCE,
						  .to = SURVIVOR_NONCE}};

	CHECK_EQUAL(
		amph_channel_send(end->door.under, &message, sizeof(message.header), -1, soon()),
		0);
}

bool end_is_over(const struct end *end)
{
	return end->session.state == AMPH_SESSION_CLOSED || end->session.state == AMPH_SESSION_LOST;
}

bool end_next(struct end *end, struct work *work)
{
	if (!end->count)
		return false;
	*work = end->works[end->first];
	end->first = (end->first + 1) % WORKS;
	end->count--;
	return true;
}

void end_rest(struct end **ends, uint32_t count)
{
	struct pollfd slots[2];
	bool armed = true;

	for (uint32_t i = 0; i < count; i++) {
		slots[i] = (struct pollfd){.fd = end_is_over(ends[i]) ? -1 : ends[i]->fd,
					   .events = POLLIN};
		if (ends[i]->queue.state == AMPH_QUEUE_OPEN)
			armed = !amph_queue_arm(&ends[i]->queue) && armed;
	}
	if (armed)
		poll(slots, count, 1);
	for (uint32_t i = 0; i < count; i++)
		if (ends[i]->queue.state == AMPH_QUEUE_OPEN)
			amph_queue_disarm(&ends[i]->queue);
}
