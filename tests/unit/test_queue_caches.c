/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The queue and its payload between two processors whose caches know nothing of each other, and whose
 * cache lines differ in size. Each side has a copy of the memory as its cache would hold it; lines are
 * written back and fetched at any moment, as caches do. What is not cleaned, not invalidated, or shares
 * a line with what the other side writes, comes out wrong.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/queue_pair.h"

static uint8_t dram[ARENA_SIZE], mirror[ARENA_SIZE] __attribute__((aligned(4096)));

struct cache {
	uint8_t *view; /* what the processor sees and writes */
	uint8_t shadow[ARENA_SIZE]; /* what its lines held when they came or went last */
	size_t line;
};

static struct cache main_cache = {.view = arena, .line = 64};
static struct cache peer_cache = {.view = mirror, .line = 128};
static uint32_t random_state;
static bool calm; /* nothing moves by itself */

static uint32_t dice(uint32_t sides)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (random_state >> 8) % sides;
}

static void write_back(struct cache *cache, size_t at)
{
	memcpy(dram + at, cache->view + at, cache->line);
	memcpy(cache->shadow + at, cache->view + at, cache->line);
}

static void fetch(struct cache *cache, size_t at)
{
	memcpy(cache->view + at, dram + at, cache->line);
	memcpy(cache->shadow + at, dram + at, cache->line);
}

/* A few lines of either cache go or come. */
static void stir(void)
{
	for (uint32_t i = calm ? 0 : 4 + dice(60); i; i--) {
		struct cache *cache = dice(2) ? &main_cache : &peer_cache;
		/* mostly where the queue and the data are */
		size_t at = (dice(2) ? dice(2048) : dice(ARENA_SIZE)) & ~(cache->line - 1);

		if (memcmp(cache->view + at, cache->shadow + at, cache->line))
			write_back(cache, at);
		else
			fetch(cache, at);
	}
}

static int each(struct cache *cache, const void *va, size_t length,
		void (*maintain)(struct cache *cache, size_t at))
{
	size_t start = (size_t)((const uint8_t *)va - cache->view) & ~(cache->line - 1);
	size_t end = (size_t)((const uint8_t *)va - cache->view) + length;

	stir();
	for (size_t at = start; at < end; at += cache->line)
		maintain(cache, at);
	stir();
	return 0;
}

static void clean(struct cache *cache, size_t at)
{
	if (memcmp(cache->view + at, cache->shadow + at, cache->line))
		write_back(cache, at);
}

static void flush(struct cache *cache, size_t at)
{
	clean(cache, at);
	fetch(cache, at);
}

static int main_clean(const void *va, size_t length)
{
	return each(&main_cache, va, length, clean);
}

static int main_invalidate(void *va, size_t length)
{
	return each(&main_cache, va, length, fetch);
}

static int main_flush(void *va, size_t length)
{
	return each(&main_cache, va, length, flush);
}

static int peer_clean(const void *va, size_t length)
{
	return each(&peer_cache, va, length, clean);
}

static int peer_invalidate(void *va, size_t length)
{
	return each(&peer_cache, va, length, fetch);
}

static int peer_flush(void *va, size_t length)
{
	return each(&peer_cache, va, length, flush);
}

static const struct amph_cache_ops main_ops = {main_clean, main_invalidate, main_flush};
static const struct amph_cache_ops peer_ops = {peer_clean, peer_invalidate, peer_flush};

static void open_incoherent(uint32_t slots)
{
	memset(&ring, 0, sizeof(ring));
	memset(&data, 0, sizeof(data));
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	memset(arena, 0xee, sizeof(arena));
	memset(mirror, 0xdd, sizeof(mirror));
	memset(dram, 0xcc, sizeof(dram));
	memcpy(main_cache.shadow, arena, sizeof(arena));
	memcpy(peer_cache.shadow, mirror, sizeof(mirror));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 0x11);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	mains.target.target.coherent = false;
	mains.target.target.cache = &main_ops;
	peers.config.cache = &peer_ops;
	peers.config.cache_line = (uint32_t)peer_cache.line;
	peers.region.va = mirror;
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init(&peers.session, &peers.config), 0);
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_stride(&mains.session), peer_cache.line > 64 ? 128 : 64);
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	offer_for_queue(&data, "arena:8000", DATA_SIZE, &data_share);
	open_queue(slots);
}

static void fill(uint8_t *bytes, uint64_t length, uint64_t seed)
{
	for (uint64_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(seed + i * 7);
}

static void check(const uint8_t *bytes, uint64_t length, uint64_t seed)
{
	for (uint64_t i = 0; i < length; i++)
		assert_int_equal(bytes[i], (uint8_t)(seed + i * 7));
}

/* Both write what they have, hand it over and check what they get. */
static void hand_over(uint32_t rounds)
{
	uint8_t *main_bytes = data.shm.va, *peer_bytes = peers.shares[1].va;
	uint32_t count;

	for (uint32_t round = 0; round < rounds; round++) {
		struct amph_queue_entry entries[4];
		uint32_t parts = 1 + dice(4), got = 0;

		for (uint32_t i = 0; i < parts; i++) {
			entries[i] = (struct amph_queue_entry){.share = data_share,
							       .offset = i * 1024 + dice(4) * 128,
							       .length = 128 * (1 + dice(4)),
							       .cookie = dice(1u << 24)};
			fill(main_bytes + entries[i].offset, entries[i].length, entries[i].cookie);
			stir();
		}
		assert_int_equal(amph_queue_send(&main_queue, entries, parts, 0, &count), 0);
		for (uint32_t tries = 0; got < parts && tries < 100; tries++) {
			if (amph_queue_receive(&peer_queue, entries, 4, 0, &count))
				continue;
			for (uint32_t i = 0; i < count; i++) {
				uint8_t *bytes = peer_bytes + entries[i].offset;

				check(bytes, entries[i].length, entries[i].cookie);
				fill(bytes, entries[i].length, entries[i].cookie + 1);
				entries[i].cookie++;
				stir();
			}
			got += count;
			assert_int_equal(amph_queue_send(&peer_queue, entries, count, 0, &count),
					 0);
		}
		assert_int_equal(got, parts);
		/* who finds nothing says how much it has taken */
		assert_int_equal(amph_queue_receive(&peer_queue, entries, 4, 0, &count),
				 -ETIMEDOUT);
		for (got = 0; got < parts; got += count) {
			assert_int_equal(amph_queue_receive(&main_queue, entries, 4, 0, &count), 0);
			for (uint32_t i = 0; i < count; i++)
				check(main_bytes + entries[i].offset, entries[i].length,
				      entries[i].cookie);
		}
		assert_int_equal(amph_queue_receive(&main_queue, entries, 4, 0, &count),
				 -ETIMEDOUT);
	}
}

static void nothing_is_stale_and_nothing_is_lost(void **state)
{
	(void)state;
	for (uint32_t seed = 0; seed < 20; seed++) {
		random_state = seed;
		/* a line may also be shorter than a slot */
		main_cache.line = seed % 3 ? 64 : 16;
		peer_cache.line = seed % 4 ? seed % 5 ? 128 : 32 : 16;
		open_incoherent(seed % 2 ? 4 : 32);
		hand_over(100);
		close_queues();
	}
}

/* Only what the two sides maintain moves: a cache may keep everything for as long as it likes. */
static void nothing_is_owed_to_luck(void **state)
{
	(void)state;
	calm = true;
	random_state = 1;
	open_incoherent(8);
	hand_over(200);
	close_queues();
	calm = false;
}

static int no_invalidate(void *va, size_t length)
{
	(void)va;
	(void)length;
	return -ENOTSUP;
}

/* Linux user space can't invalidate: a queue there needs uncached memory. */
static void who_can_t_invalidate_gets_no_queue_in_cached_memory(void **state)
{
	static const struct amph_cache_ops ops = {.clean = main_clean, .invalidate = no_invalidate};
	(void)state;

	open_incoherent(8);
	close_queues();
	memset(&ring, 0, sizeof(ring));
	assert_int_equal(amph_queue_expect(&peer_queue, &peers.session, &peer_way), 0);
	offer_for_queue(&ring, "arena:0", RING_SIZE, &ring_share);
	mains.target.target.cache = &ops;
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 8, &main_way, 0),
			 -ENOTSUP);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_null(mains.session.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_stale_and_nothing_is_lost),
		cmocka_unit_test(nothing_is_owed_to_luck),
		cmocka_unit_test(who_can_t_invalidate_gets_no_queue_in_cached_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
