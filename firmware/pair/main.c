/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The main role of the pair: opens memory from a pool in the DRAM, sets up a queue in it, hands over parts
 * of a buffer through that, one and several at a time, and looks at every byte that comes back. Then both
 * count in one buffer, by a lock in plain memory.
 * Ends with exit code 0 when all were right, the other side has let go of everything and said goodbye.
 */
#include <amphora/pool.h>
#include <amphora/queue.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/main.h"
#include "../common/trace.h"
#include "pair.h"

#define HANDOFFS 3000u
#define PART	 1024u
#define PARTS	 64u
#define SLOTS	 8u
#define BLOCKS	 8u

struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[PAIR_RANGES];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
};

static struct pair pair;
static struct amph_pool pool;
static struct amph_pool_block blocks[BLOCKS];
static struct amph_provider_pool provider;
static struct amph_target_map peer;
static struct amph_queue queue;
static struct buffer ring, data, words, counter;
static uint32_t done;

static uint64_t soon(void)
{
	return amph_deadline(PAIR_STEP_MS);
}

static void open_session(struct amph_session_config *config)
{
	const struct amph_map same = {0}; /* it sees the DRAM where this one sees it */

	pair_expect(&pair, "no target", amph_target_map_init(&peer, "peer", &same, NULL));
	peer.target.coherent = !config->cache;
	peer.target.cache = config->cache;
	config->target = &peer.target;
	/* `cache` is for imports */
	pair_expect(&pair, "no session", amph_session_init(&pair.session, config));
	pair_lock(&pair);
	pair_expect(&pair, "nobody answers", amph_session_open(&pair.session, soon()));
}

static void open_pool(void)
{
	pair_expect(&pair, "no pool", amph_pool_init(&pool, PAIR_POOL_SIZE, 4096, blocks, BLOCKS));
	pair_expect(
		&pair, "no provider",
		amph_provider_pool_init(&provider, "pool", &pool, (void *)PAIR_POOL, PAIR_POOL));
	pair_expect(&pair, "no provider",
		    amph_memory_add_provider(&pair.memory, &provider.provider));
}

static void share(struct buffer *buffer, const char *name, uint64_t size,
		  enum amph_sync_method method)
{
	struct amph_shm_storage storage = {buffer->ranges, PAIR_RANGES, buffer->segments, 1};

	pair_expect(&pair, "no buffer",
		    amph_shm_open(&pair.memory, &buffer->shm, &storage, name, size, 0));
	pair_expect(&pair, "not attached",
		    amph_shm_attach(&buffer->shm, &peer.target, AMPH_DEVICE_READS_WRITES, method,
				    &buffer->attachment, buffer->device_segments, 1));
	pair_expect(
		&pair, "not offered",
		amph_session_offer(&pair.session, &buffer->attachment, 0, soon(), &buffer->share));
	pair_expect(
		&pair, "not accepted",
		amph_session_wait_share(&pair.session, buffer->share, AMPH_SHARE_ACCEPTED, soon()));
}

static uint8_t byte_of(uint32_t seed, uint32_t at)
{
	return (uint8_t)(seed * 31 + at * 7 + (at >> 8));
}

/* Parts first .. first + count - 1 of the buffer, each a range of its own, or all of them one. */
static uint32_t fill(struct amph_queue_entry *entries, uint32_t first, uint32_t count, bool one)
{
	uint8_t *bytes = (uint8_t *)data.shm.va + first * PART;

	for (uint32_t i = 0; i < count * PART; i++)
		bytes[i] = byte_of(done, i);
	for (uint32_t i = 0; i < count; i++)
		entries[i] = (struct amph_queue_entry){.share = data.share,
						       .offset = (first + i) * PART,
						       .length = PART,
						       .cookie = done};
	if (one)
		entries[0].length = (uint64_t)count * PART;
	return one ? 1 : count;
}

static void take_back(const struct amph_queue_entry *entries, uint32_t count)
{
	struct amph_queue_entry got[PARTS];
	uint32_t received;

	for (uint32_t i = 0; i < count; i += received) {
		pair_expect(&pair, "nothing came back",
			    amph_queue_receive(&queue, got, count - i, soon(), &received));
		for (uint32_t k = 0; k < received; k++)
			if (got[k].offset != entries[i + k].offset ||
			    got[k].length != entries[i + k].length ||
			    got[k].cookie != ~entries[i + k].cookie)
				pair_expect(&pair, "another range came back", -EBADMSG);
	}
}

static void hand_over_once(void)
{
	struct amph_queue_entry entries[PARTS];
	uint32_t count = 1 + done % SLOTS, first = done * 5 % (PARTS - count), sent;
	bool one = done % 3 == 0;
	uint32_t ranges = fill(entries, first, count, one);
	const uint8_t *bytes = (const uint8_t *)data.shm.va + first * PART;

	pair_expect(&pair, "not sent", amph_queue_send(&queue, entries, ranges, soon(), &sent));
	if (amph_shm_check_access(&data.shm, entries[0].offset, 1, false) != -EACCES)
		pair_expect(&pair, "what was sent is still this side's", -EACCES);
	take_back(entries, ranges);
	for (uint32_t i = 0; i < count * PART; i++)
		if (bytes[i] != 255 - byte_of(done, i)) {
			trace("a wrong byte: at, value", i, bytes[i]);
			pair_expect(&pair, "the bytes are others", -EIO);
		}
	done += ranges;
}

/* Ends with the lock held: so that the buffer can be released. */
static void count_together(void)
{
	uint64_t deadline = soon();
	uint32_t left, sum;

	share(&words, "pool:words", 2 * amph_session_locks_stride(&pair.session), AMPH_SYNC_LOCK);
	share(&counter, PAIR_COUNTER, 4096, AMPH_SYNC_LOCK);
	pair_expect(&pair, "no plain locks",
		    amph_session_locks_place(&pair.session, words.share, soon()));
	pair_expect(
		&pair, "not bound",
		amph_session_locks_bind(&pair.session, counter.share, AMPH_LOCK_PLAIN, 0, soon()));
	pair_expect(&pair, "not counted",
		    pair_count(&pair, counter.share, PAIR_COUNTS, &left, PAIR_STEP_MS));
	for (;;) {
		pair_expect(&pair, "not locked",
			    amph_session_lock(&pair.session, counter.share, soon()));
		sum = *(const uint32_t *)counter.shm.va;
		if (sum == 2 * PAIR_COUNTS)
			break;
		if (sum > 2 * PAIR_COUNTS || amph_time_now() >= deadline)
			pair_expect(&pair, "counts are lost", -EIO);
		pair_expect(&pair, "not unlocked",
			    amph_session_unlock(&pair.session, counter.share));
		amph_session_poll(&pair.session, amph_deadline(1));
	}
	trace("counted together, by a lock", sum, 0);
}

static void drop(struct buffer *buffer)
{
	pair_expect(&pair, "not detached", amph_shm_detach(&buffer->attachment));
	pair_expect(&pair, "not closed", amph_shm_put(&buffer->shm));
}

void firmware_main(void)
{
	static const struct amph_queue_config polling = {.spins = AMPH_QUEUE_SPIN,
							 .by_receive = true};
	struct amph_session_config config;

	pair_start(&pair, AMPH_SESSION_MAIN, &config);
	open_pool();
	open_session(&config);
	share(&ring, "pool:queue", amph_queue_size(SLOTS, amph_queue_stride(&pair.session)),
	      AMPH_SYNC_QUEUE);
	share(&data, "pool:data", PARTS * PART, AMPH_SYNC_QUEUE);
	pair_expect(&pair, "no queue",
		    amph_queue_open(&queue, &pair.session, ring.share, SLOTS, &polling, soon()));
	while (done < HANDOFFS)
		hand_over_once();
	count_together();
	pair_expect(&pair, "not closed", amph_session_close(&pair.session, soon()));
	drop(&data);
	drop(&ring);
	drop(&words);
	drop(&counter);
	if (pool.used)
		pair_expect(&pair, "memory is left", -EBUSY);
	trace("hand-offs there and back, every byte right", done, 0);
	board_exit(0);
}
