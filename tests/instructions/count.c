/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The hot paths, each in a function count_...() of its own, for check.py to count their instructions.
 * Test code; runs under callgrind, which dumps its counts after each call of such a function.
 * Nothing in it may depend on time, addresses or chance.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/pool.h>
#include <amphora/queue.h>
#include <amphora/target.h>

#include "share/loopback.h"
#include "support/rpmsg_pair.h"

#define TIMES	  100 /* a count is of so many operations; check.py divides */
#define CALLS	  3 /* the first warms up, the others must be the same */
#define PIECES	  25
#define PIECE	  4096
#define SIZE	  (PIECES * PIECE)
#define POOL_SIZE (UINT64_C(1) << 30)
#define BLOCKS	  4096
#define PAIRS	  500

/* Ends the program: nothing here can fail but by a bug. */
static void must(int error)
{
	if (error) {
		fprintf(stderr, "count: unexpected error %d\n", error);
		exit(1);
	}
}

/* --- the pool --- */

static struct amph_pool pool;
static struct amph_pool_block blocks[BLOCKS];
static uint32_t kept[BLOCKS];

static void open_pool(void)
{
	must(amph_pool_init(&pool, POOL_SIZE, 64, blocks, BLOCKS));
}

static void pool_once(uint64_t size, uint64_t alignment)
{
	uint64_t offset;
	uint32_t handle;

	must(amph_pool_allocate(&pool, size, alignment, &offset, &handle));
	must(amph_pool_free(&pool, handle));
}

/* As in a steady exchange: the same sizes come and go, and their neighbours are taken. */
__attribute__((noinline)) void count_pool_steady(void);
void count_pool_steady(void)
{
	for (int i = 0; i < TIMES; i++)
		pool_once(PIECE, 0);
}

/* The same in a pool that is one free block: it is cut and joined each time. */
__attribute__((noinline)) void count_pool_split(void);
void count_pool_split(void)
{
	for (int i = 0; i < TIMES; i++)
		pool_once(PIECE, 0);
}

__attribute__((noinline)) void count_one_pool_random(uint64_t size, uint32_t *handle);
void count_one_pool_random(uint64_t size, uint32_t *handle)
{
	uint64_t offset;

	must(amph_pool_free(&pool, *handle));
	must(amph_pool_allocate(&pool, size, 0, &offset, handle));
}

/* Many sizes, taken and freed in any order. */
static void pool_random(void)
{
	uint64_t seed = 88172645463325252, offset;

	open_pool();
	for (int i = 0; i < 256; i++)
		must(amph_pool_allocate(&pool, 4096, 0, &offset, &kept[i]));
	for (int i = 0; i < PAIRS; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		count_one_pool_random(1 + (seed >> 20) % (1 << 20), &kept[seed % 256]);
	}
}

__attribute__((noinline)) void count_one_pool_adversary(uint64_t size, uint64_t alignment);
void count_one_pool_adversary(uint64_t size, uint64_t alignment)
{
	pool_once(size, alignment);
}

/*
 * The lists are filled with blocks that are nearly what is asked for: each look is in vain until the
 * last, a block that is cut on both sides, and joined with both afterwards.
 */
static void pool_adversary(void)
{
	uint64_t offset;
	uint32_t count = 0;

	open_pool();
	for (uint32_t i = 0; i < 1024; i++) {
		/* 65 to 71 granules are one list: those of 65 are too small for 71 */
		must(amph_pool_allocate(&pool, i % 2 ? 64 : 65 * 64, 0, &offset, &kept[count]));
		count++;
	}
	for (uint32_t i = 0; i < count; i += 2)
		must(amph_pool_free(&pool, kept[i]));
	for (uint64_t i = 0; i < PAIRS; i++)
		count_one_pool_adversary((66 + i % 6) * 64, UINT64_C(64) << i % 12);
}

static void pools(void)
{
	uint64_t offset;

	open_pool();
	for (int i = 0; i < CALLS; i++)
		count_pool_split();
	/* a hole of just that size */
	for (int i = 0; i < 3; i++)
		must(amph_pool_allocate(&pool, PIECE, 0, &offset, &kept[i]));
	must(amph_pool_free(&pool, kept[1]));
	for (int i = 0; i < CALLS; i++)
		count_pool_steady();
	pool_random();
	pool_adversary();
}

/* --- ownership --- */

static struct amph_shm shm;
static struct amph_attachment attachment;

static int attach(struct amph_target *target, struct amph_attachment *to)
{
	(void)target;
	to->segments[0] = (struct amph_segment){.length = to->shm->size};
	to->segment_count = 1;
	return 0;
}

static void detach(struct amph_target *target, struct amph_attachment *from)
{
	(void)target;
	(void)from;
}

static void exchange(uint64_t offset, uint64_t length)
{
	must(amph_shm_sync_for_device(&attachment, offset, length, false));
	must(amph_shm_sync_for_cpu(&attachment, offset, length));
}

/* Given and taken back. */
__attribute__((noinline)) void count_sync_whole(void);
void count_sync_whole(void)
{
	for (int i = 0; i < TIMES; i++)
		exchange(0, SIZE);
}

/* A piece at a time, one after the other. */
__attribute__((noinline)) void count_sync_pieces_one_by_one(void);
void count_sync_pieces_one_by_one(void)
{
	for (int i = 0; i < TIMES; i++)
		exchange((uint64_t)(i % PIECES) * PIECE, PIECE);
}

/* All pieces given in order, and then all taken back in order. */
__attribute__((noinline)) void count_sync_pieces_stream(void);
void count_sync_pieces_stream(void)
{
	for (int round = 0; round < TIMES / PIECES; round++) {
		for (uint64_t i = 0; i < PIECES; i++)
			must(amph_shm_sync_for_device(&attachment, i * PIECE, PIECE, false));
		for (uint64_t i = 0; i < PIECES; i++)
			must(amph_shm_sync_for_cpu(&attachment, i * PIECE, PIECE));
	}
}

/* Shared for reading and taken back: never the quick way. */
__attribute__((noinline)) void count_sync_reading(void);
void count_sync_reading(void)
{
	for (int i = 0; i < TIMES; i++) {
		must(amph_shm_sync_for_device(&attachment, 0, SIZE, true));
		must(amph_shm_sync_for_cpu(&attachment, 0, SIZE));
	}
}

__attribute__((noinline)) void count_check_access(void);
void count_check_access(void)
{
	for (int i = 0; i < TIMES; i++)
		must(amph_shm_check_access(&shm, PIECE, PIECE, true));
}

static void ownership(void)
{
	static const struct amph_target_ops ops = {.attach = attach, .detach = detach};
	static struct amph_target target = {.name = "other", .ops = &ops, .coherent = true};
	static struct amph_memory memory;
	static struct amph_provider_pool provider;
	static struct amph_range ranges[8];
	static struct amph_segment segments[2];
	const struct amph_shm_storage storage = {
		.ranges = ranges, .range_max = 8, .segments = segments, .segment_max = 1};

	open_pool();
	must(amph_memory_init(&memory));
	must(amph_provider_pool_init(&provider, "pool", &pool, NULL, 0));
	must(amph_memory_add_provider(&memory, &provider.provider));
	must(amph_shm_open(&memory, &shm, &storage, "pool:counted", SIZE, 0));
	must(amph_shm_attach(&shm, &target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			     &attachment, &segments[1], 1));
	for (int i = 0; i < CALLS; i++) {
		count_sync_whole();
		count_sync_pieces_one_by_one();
		count_sync_pieces_stream();
		count_sync_reading();
		count_check_access();
	}
}

/* --- many buffers --- */

#define MANY 100000

static struct amph_memory crowd;
static struct amph_target crowd_target;
static struct amph_shm *crowd_buffers;
static struct amph_attachment *crowd_attachments;
static struct amph_range *crowd_ranges;
static struct amph_segment *crowd_segments;

static int crowd_open(struct amph_provider *provider, struct amph_shm *opened, const char *name)
{
	(void)provider;
	(void)name;
	opened->va = NULL;
	return 0;
}

static void crowd_close(struct amph_provider *provider, struct amph_shm *closed)
{
	(void)provider;
	(void)closed;
}

static void number_name(char *name, uint32_t i)
{
	memcpy(name, "crowd:00000", 12);
	for (int digit = 10; digit > 5; digit--, i /= 10)
		name[digit] = (char)('0' + i % 10);
}

static void open_in_crowd(uint32_t i)
{
	const struct amph_shm_storage storage = {.ranges = &crowd_ranges[i], .range_max = 1};
	char name[12];

	number_name(name, i);
	must(amph_shm_open(&crowd, &crowd_buffers[i], &storage, name, SIZE, 0));
	must(amph_shm_attach(&crowd_buffers[i], &crowd_target, AMPH_DEVICE_READS,
			     AMPH_SYNC_MESSAGES, &crowd_attachments[i], &crowd_segments[i], 1));
}

static void close_in_crowd(uint32_t i)
{
	must(amph_shm_detach(&crowd_attachments[i]));
	must(amph_shm_put(&crowd_buffers[i]));
}

/* A whole life: opened, attached, found by name, detached, closed. */
static void lives(uint32_t count)
{
	struct amph_shm *found;
	char name[12];

	for (uint32_t i = 0; i < TIMES; i++) {
		uint32_t which = i * 7919 % count;

		close_in_crowd(which);
		open_in_crowd(which);
		number_name(name, which);
		must(amph_shm_find(&crowd, name, &found));
		must(amph_shm_put(found));
	}
}

__attribute__((noinline)) void count_life_among_100(void);
void count_life_among_100(void)
{
	lives(100);
}

__attribute__((noinline)) void count_life_among_100000(void);
void count_life_among_100000(void)
{
	lives(MANY);
}

static void many(void)
{
	static const struct amph_target_ops ops = {.attach = attach, .detach = detach};
	static const struct amph_provider_ops opens = {.open = crowd_open, .close = crowd_close};
	static struct amph_provider provider = {.name = "crowd", .ops = &opens};

	crowd_buffers = calloc(MANY, sizeof(*crowd_buffers));
	crowd_attachments = calloc(MANY, sizeof(*crowd_attachments));
	crowd_ranges = calloc(MANY, sizeof(*crowd_ranges));
	crowd_segments = calloc(MANY, sizeof(*crowd_segments));
	if (!crowd_buffers || !crowd_attachments || !crowd_ranges || !crowd_segments)
		must(-ENOMEM);
	crowd_target = (struct amph_target){.name = "crowd", .ops = &ops, .coherent = true};
	must(amph_memory_init(&crowd));
	must(amph_memory_add_provider(&crowd, &provider));
	for (uint32_t i = 0; i < 100; i++)
		open_in_crowd(i);
	for (int i = 0; i < CALLS; i++)
		count_life_among_100();
	for (uint32_t i = 100; i < MANY; i++)
		open_in_crowd(i);
	for (int i = 0; i < CALLS; i++)
		count_life_among_100000();
	for (uint32_t i = 0; i < MANY; i++)
		close_in_crowd(i);
	free(crowd_buffers);
	free(crowd_attachments);
	free(crowd_ranges);
	free(crowd_segments);
}

/* --- RPMsg --- */

static struct pair pair;
static struct amph_rpmsg_endpoint ping, pong;

static void answer(struct amph_rpmsg_endpoint *at, const void *data, uint32_t length,
		   uint32_t source, void *argument)
{
	(void)argument;
	must(amph_rpmsg_send_to(at, source, data, length, 0));
}

static void answered(struct amph_rpmsg_endpoint *at, const void *data, uint32_t length,
		     uint32_t source, void *argument)
{
	(void)at;
	(void)data;
	(void)source;
	(void)argument;
	must(length != 16);
}

/* 16 bytes there and back: four ends in one process. */
__attribute__((noinline)) void count_rpmsg_round_trip(void);
void count_rpmsg_round_trip(void)
{
	static const char data[16];

	for (int i = 0; i < TIMES; i++) {
		must(amph_rpmsg_send(&ping, data, sizeof(data), 0));
		must(amph_rpmsg_poll(&pair.peer.rpmsg) != 1);
		must(amph_rpmsg_poll(&pair.main.rpmsg) != 1);
	}
}

static void rpmsg(void)
{
	pair_open(&pair, 256, 512);
	pair.main.config.name_service = pair.peer.config.name_service = false;
	must(pair_start(&pair));
	must(amph_rpmsg_endpoint_create(&pair.main.rpmsg, &ping, "ping", 100, 200, answered, NULL,
					false, 0));
	must(amph_rpmsg_endpoint_create(&pair.peer.rpmsg, &pong, "pong", 200, AMPH_RPMSG_ANY,
					answer, NULL, false, 0));
	/* once around the rings, so that every word has been written */
	for (int i = 0; i < CALLS + 3; i++)
		count_rpmsg_round_trip();
	pair_close(&pair);
}

/* --- the queue: both sides in this process --- */

static struct side mains, peers;
static struct amph_queue give, back;
static struct buffer ring_buffer, data_buffer;
static struct amph_share *data_share;

static struct amph_share *offer(struct buffer *buffer, const char *name, uint64_t size)
{
	struct amph_share *share;

	must(buffer_open(buffer, &mains, name, size, 0));
	must(amph_shm_attach(&buffer->shm, &mains.target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_QUEUE, &buffer->attachment, buffer->device_segments, 1));
	must(amph_session_offer(&mains.session, &buffer->attachment, 0, 0, &share));
	settle(&mains, &peers);
	must(share->state != AMPH_SHARE_ACCEPTED);
	return share;
}

static void open_queue(void)
{
	const struct amph_queue_config way = {.spins = AMPH_QUEUE_SPIN, .by_receive = true};
	struct amph_share *ring;

	must(sides_open(&mains, &peers));
	must(amph_queue_expect(&back, &peers.session, &way));
	ring = offer(&ring_buffer, "arena:0", 32768);
	data_share = offer(&data_buffer, "arena:8000", PIECES * 64);
	must(amph_queue_open(&give, &mains.session, ring, 64, &way, 0) != -ETIMEDOUT);
	settle(&mains, &peers);
	must(amph_queue_open(&give, &mains.session, ring, 64, &way, 0));
}

/* Gives a whole buffer, takes it at the other side, returns it, takes it back. */
__attribute__((noinline)) void count_queue_round_trip(void);
void count_queue_round_trip(void)
{
	struct amph_queue_entry entry = {.share = data_share, .length = PIECES * 64};
	uint32_t count;

	for (int i = 0; i < TIMES; i++) {
		must(amph_queue_send(&give, &entry, 1, UINT64_MAX, &count));
		must(amph_queue_receive(&back, &entry, 1, UINT64_MAX, &count));
		must(amph_queue_send(&back, &entry, 1, UINT64_MAX, &count));
		must(amph_queue_receive(&give, &entry, 1, UINT64_MAX, &count));
	}
}

/* Four batches of pieces of one buffer, which comes back whole: of one piece given and taken. */
__attribute__((noinline)) void count_queue_stream(void);
void count_queue_stream(void)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t count;

	for (int i = 0; i < TIMES / PIECES; i++) {
		for (uint32_t k = 0; k < PIECES; k++)
			entries[k] = (struct amph_queue_entry){
				.share = data_share, .offset = k * 64, .length = 64};
		must(amph_queue_send(&give, entries, PIECES, UINT64_MAX, &count));
		must(amph_queue_receive(&back, entries, PIECES, UINT64_MAX, &count));
		entries[0].offset = 0;
		entries[0].length = PIECES * 64;
		must(amph_queue_send(&back, entries, 1, UINT64_MAX, &count));
		must(amph_queue_receive(&give, entries, 1, UINT64_MAX, &count));
	}
}

static void queue(void)
{
	open_queue();
	for (int i = 0; i < CALLS; i++) {
		count_queue_round_trip();
		count_queue_stream();
	}
}

int main(void)
{
	pools();
	ownership();
	many();
	rpmsg();
	queue();
	return 0;
}
