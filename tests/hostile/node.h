/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: processors of a small system in one process, for a peer that lies: each has a carve-out of
 * the shared memory, a pool in it, a memory context, and sessions with others over wires that can be
 * tampered with. All of shared memory, the messages too, is closed but to order.h; the clock is a counter.
 */
#ifndef TESTS_HOSTILE_NODE_H
#define TESTS_HOSTILE_NODE_H

#include <amphora/pool.h>
#include <amphora/queue.h>
#include <amphora/session.h>
#include <amphora/time.h>

#include "queue/ring.h"
#include "share/internal.h"
#include "support/closed_memory.h"
#include "support/fuzz_script.h"

#define CARVEOUT     16384u /* bytes of each processor's own memory */
#define NODES	     3
#define ARENA_DA     0x90000000u
#define NODE_BUFFERS 5
#define LINK_SHARES  4
#define SEGMENTS     6
#define RANGES	     12
#define WIRE_QUEUE   32

/* The shared memory of all, and a page for the message that each processor receives. */
#define ARENA_SIZE (NODES * CARVEOUT)
#define PAGES_SIZE (NODES * 4096u)

static char *arena, *pages;

struct node;
struct link;

/* One end of a channel: what waits for it, and what is done to a message before it gets there. */
struct wire {
	struct amph_channel channel;
	struct wire *other;
	struct link *link;
	struct {
		uint32_t length;
		uint8_t bytes[512] __attribute__((aligned(8)));
	} queue[WIRE_QUEUE]; /* for this end */
	uint32_t first, count;
	void (*tamper)(struct wire *to, struct wire_message *message, uint32_t length);
};

struct buffer {
	struct node *node;
	struct amph_shm shm;
	struct amph_range ranges[RANGES];
	struct amph_segment segments[1];
	struct {
		struct amph_attachment attachment;
		struct amph_segment segments[1];
	} to[2]; /* for each link */
	bool open, abandoned;
};

/* A session with another processor. */
struct link {
	struct node *node, *peer;
	uint32_t number; /* of the node's links */
	struct wire wire;
	struct amph_session session;
	struct amph_session_config config;
	struct amph_share shares[LINK_SHARES];
	struct amph_segment segments[LINK_SHARES * SEGMENTS];
	struct amph_range ranges[LINK_SHARES * RANGES];
	struct amph_target_map target;
	struct amph_windows_map windows;
	struct amph_io region; /* what it takes of the other */
	struct amph_queue queue;
	uint32_t request; /* the last that came, or 0 */
	uint32_t maps;
};

struct node {
	uint32_t number;
	char *memory; /* its carve-out */
	struct amph_memory context;
	struct amph_provider provider;
	struct amph_pool pool;
	struct amph_pool_block blocks[2 * NODE_BUFFERS + 1];
	struct buffer buffers[NODE_BUFFERS];
	struct link links[2];
	uint64_t nonce;
};

static struct node nodes[NODES];
static const struct amph_session_events *node_events[NODES];
static void (*node_opened)(struct node *node, uint64_t offset, uint64_t length);
static void (*node_closed)(struct node *node, uint64_t offset, uint64_t length);

/* --- the clock, and that nothing goes on for ever --- */

#define ACCESSES_MAX 3000000u /* of shared memory or the clock, in one call */

static uint64_t now;
static uint32_t accesses;
static struct node *running; /* whose call this is */

uint64_t __wrap_amph_time_now(void);

static void went_on(void)
{
	HOLDS(++accesses < ACCESSES_MAX);
}

uint64_t __wrap_amph_time_now(void)
{
	went_on();
	return now += 20000;
}

/* A call of that processor's: it ends, soon after its deadline. */
#define CALL(whose, deadline, call)                                                            \
	__extension__({                                                                        \
		struct node *before_ = running;                                                \
		uint64_t until_ = (deadline) > now ? (deadline) : now;                         \
		__typeof__(call) result_;                                                      \
		running = (whose);                                                             \
		accesses = 0;                                                                  \
		result_ = (call);                                                              \
		HOLDS(before_ || now - until_ < (AMPH_SESSION_ANSWER_MS + 300) * 1000000ull || \
		      now < until_);                                                           \
		running = before_;                                                             \
		result_;                                                                       \
	})

/* --- wires --- */

static void wire_put(struct wire *to, const void *message, uint32_t length)
{
	uint32_t i = (to->first + to->count) % WIRE_QUEUE;

	if (to->count == WIRE_QUEUE)
		return;
	to->count++;
	to->queue[i].length = length;
	memcpy(to->queue[i].bytes, message, length);
}

static int wire_send(struct amph_channel *channel, const void *message, uint32_t length,
		     intptr_t handle, uint64_t deadline)
{
	struct wire *end = (struct wire *)channel;
	struct wire *to = end->other;

	HOLDS(handle == -1 && length <= channel->message_max);
	if (to->count + 4 > WIRE_QUEUE) {
		now = deadline > now && deadline != UINT64_MAX ? deadline : now;
		return -ETIMEDOUT;
	}
	if (to->tamper) {
		struct wire_message copy = {0};

		memcpy(&copy, message, length);
		to->tamper(to, &copy, length);
	} else {
		wire_put(to, message, length);
	}
	return 0;
}

/* The message that lies in each page; nothing beside it may be read. */
static struct {
	const char *at;
	uint32_t length;
	struct link *from;
} showing[NODES];

static void (*wire_received)(struct link *link, const void *message, uint32_t length);

static int wire_poll(struct amph_channel *channel, uint64_t deadline)
{
	struct wire *end = (struct wire *)channel;
	uint32_t number = end->link->node->number;
	int count = 0;

	if (!end->count && deadline > now && deadline != UINT64_MAX)
		now = deadline;
	for (uint32_t n = end->count; n; n--, count++) {
		uint32_t i = end->first, length = end->queue[i].length;
		char *at = pages + (number + 1) * 4096 - (length + 7) / 8 * 8;

		memcpy(closed_view(at), end->queue[i].bytes, length);
		end->first = (end->first + 1) % WIRE_QUEUE;
		end->count--;
		showing[number].at = at;
		showing[number].length = length;
		showing[number].from = end->link;
		if (wire_received)
			wire_received(end->link, at, length);
		else
			channel->receiver(channel->argument, at, length, -1);
		showing[number].length = 0;
	}
	return count ? count : -ETIMEDOUT;
}

static const struct amph_channel_ops wire_ops = {.send = wire_send, .poll = wire_poll};

/* --- memory --- */

static int node_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	struct node *node = (struct node *)((char *)provider - offsetof(struct node, provider));
	uint64_t offset;
	uint32_t block;
	int error = amph_pool_allocate(&node->pool, shm->size, 0, &offset, &block);

	(void)name;
	if (error)
		return error;
	HOLDS(offset < CARVEOUT && shm->size <= CARVEOUT - offset);
	if (node_opened)
		node_opened(node, offset, shm->size);
	shm->va = node->memory + offset;
	memset(closed_view(shm->va), 0, shm->size);
	shm->storage.segments[0] = (struct amph_segment){(uintptr_t)shm->va, shm->size};
	shm->segment_count = 1;
	shm->private_data[0] = block;
	return 0;
}

static void node_close(struct amph_provider *provider, struct amph_shm *shm)
{
	struct node *node = (struct node *)((char *)provider - offsetof(struct node, provider));

	if (node_closed)
		node_closed(node, (uint64_t)((char *)shm->va - node->memory), shm->size);
	HOLDS(!amph_pool_free(&node->pool, (uint32_t)shm->private_data[0]));
}

static int link_map(void *argument, const struct amph_segment *segments, uint32_t count,
		    uint64_t size, uint32_t direction, intptr_t handle, void **va)
{
	struct link *link = argument;
	struct amph_session_windows windows;
	int error;

	amph_windows_map_init(&windows, &link->windows, &link->region, 1);
	error = windows.map(windows.argument, segments, count, size, direction, handle, va);
	link->maps += !error;
	/* nothing but the other's own memory, whatever it says */
	for (uint32_t i = 0; i < count && !error; i++)
		HOLDS(segments[i].address - link->region.da < CARVEOUT &&
		      segments[i].length <= CARVEOUT - (segments[i].address - link->region.da));
	if (!error && *va)
		HOLDS((char *)*va >= link->peer->memory &&
		      (char *)*va + size <= link->peer->memory + CARVEOUT);
	return error;
}

static void link_unmap(void *argument, void *va, uint64_t size)
{
	(void)va;
	(void)size;
	((struct link *)argument)->maps--;
}

/* --- a processor and its sessions --- */

static const struct amph_queue_config node_way = {.spins = 1};

/* A new session, of another epoch each time. */
static void link_start(struct link *link, enum amph_session_role role)
{
	struct node *node = link->node;

	link->config = (struct amph_session_config){
		.role = role,
		.channel = &link->wire.channel,
		.events = node_events[node->number],
		.shares = link->shares,
		.share_max = LINK_SHARES,
		.memory = &node->context,
		.target = &link->target.target,
		.segments = link->segments,
		.segments_per_share = SEGMENTS,
		.ranges = link->ranges,
		.ranges_per_share = RANGES,
		.windows = {.map = link_map, .unmap = link_unmap, .argument = link},
		.nonce = node->nonce++,
		.quota = 3072,
		/* time passes as the liar likes; its beats are listened to */
		.heartbeat_ms = link->number || node->number == NODES - 1 ? 0 : 50,
		.user = link,
	};
	link->request = 0;
	link->wire.count = 0;
	HOLDS(!amph_session_init(&link->session, &link->config));
}

static void link_init(struct node *node, uint32_t number, struct node *peer, struct link *other_end)
{
	static const struct amph_window window = {0, ARENA_DA, ARENA_SIZE};
	static struct amph_window windows[1];
	struct link *link = &node->links[number];
	const struct amph_map map = {windows, 1};

	windows[0] = window;
	windows[0].pa = (uintptr_t)arena;
	link->node = node;
	link->peer = peer;
	link->number = number;
	link->region = (struct amph_io){peer->memory, (uintptr_t)peer->memory,
					ARENA_DA + peer->number * CARVEOUT, CARVEOUT};
	HOLDS(!amph_target_map_init(&link->target, "other", &map, NULL));
	link->wire.channel = (struct amph_channel){.ops = &wire_ops, .message_max = 496};
	link->wire.link = link;
	link->wire.other = &other_end->wire;
}

static void node_init(uint32_t number)
{
	static const struct amph_provider_ops ops = {.open = node_open, .close = node_close};
	struct node *node = &nodes[number];

	memset(node, 0, sizeof(*node));
	node->number = number;
	node->memory = arena + number * CARVEOUT;
	node->nonce = 0x1000u * (number + 1);
	node->provider = (struct amph_provider){.name = "pool", .ops = &ops};
	HOLDS(!amph_memory_init(&node->context));
	HOLDS(!amph_memory_add_provider(&node->context, &node->provider));
	HOLDS(!amph_pool_init(&node->pool, CARVEOUT, 64, node->blocks, 2 * NODE_BUFFERS + 1));
}

static void buffer_closed(struct amph_shm *shm)
{
	struct buffer *buffer = (struct buffer *)((char *)shm - offsetof(struct buffer, shm));

	buffer->open = buffer->abandoned = false;
}

static struct buffer *buffer_of(const struct amph_shm *shm)
{
	return (struct buffer *)((uintptr_t)shm - offsetof(struct buffer, shm));
}

/* Opens a buffer in a free place. NULL: there is none, or no memory. */
static struct buffer *buffer_open(struct node *node, uint64_t size)
{
	for (uint32_t i = 0; i < NODE_BUFFERS; i++) {
		struct buffer *buffer = &node->buffers[i];
		const struct amph_shm_storage storage = {buffer->ranges, RANGES, buffer->segments,
							 1};
		char name[8] = "pool:0";

		if (buffer->open)
			continue;
		memset(buffer, 0, sizeof(*buffer));
		buffer->node = node;
		name[5] = (char)('0' + i);
		buffer->open =
			!amph_shm_open(&node->context, &buffer->shm, &storage, name, size, 0);
		return buffer->open ? buffer : NULL;
	}
	return NULL;
}

static int buffer_attach(struct buffer *buffer, struct link *link, uint32_t direction,
			 enum amph_sync_method method)
{
	return amph_shm_attach(&buffer->shm, &link->target.target, direction, method,
			       &buffer->to[link->number].attachment,
			       buffer->to[link->number].segments, 1);
}

#endif
