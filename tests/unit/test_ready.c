/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ready pool: what is prepared, taken, put back, and given up.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/pool.h>
#include <amphora/ready.h>

#include "share/raw.h"

#define COUNT 3u
#define SIZE  1024u

static struct amph_ready ready;
static struct amph_ready_buffer buffers[COUNT + 1];
static struct amph_range ranges[(COUNT + 1) * 4];
static struct amph_segment segments[(COUNT + 1) * 2];
static struct amph_pool pool;
static struct amph_pool_block blocks[16];
static struct amph_provider_pool provider;

static struct amph_ready_config configure(void)
{
	return (struct amph_ready_config){
		.session = &mains.session,
		.name = "pool:ready",
		.size = SIZE,
		.direction = AMPH_DEVICE_READS_WRITES,
		.buffers = buffers,
		.count = COUNT,
		.ranges = ranges,
		.ranges_per_buffer = 4,
		.segments = segments,
		.segments_per_buffer = 1,
	};
}

/* The other side runs in this thread: it answers whenever main has looked for nothing. */
static int answering_poll(struct amph_channel *channel, uint64_t deadline)
{
	(void)deadline;
	if (peers.end.count)
		amph_session_poll(&peers.session, 0);
	return loopback_poll(channel, 0);
}

static void begin(void)
{
	static const struct amph_channel_ops ops = {.send = loopback_send, .poll = answering_poll};

	open_pair();
	mains.end.channel.ops = &ops;
	assert_int_equal(amph_pool_init(&pool, ARENA_SIZE, 64, blocks, 16), 0);
	assert_int_equal(amph_provider_pool_init(&provider, "pool", &pool, arena, (uintptr_t)arena),
			 0);
	assert_int_equal(amph_memory_add_provider(&mains.memory, &provider.provider), 0);
}

static void end(void)
{
	assert_int_equal(amph_ready_close(&ready, amph_deadline(100)), 0);
	assert_int_equal(pool.used, 0);
	assert_null(mains.memory.buffers);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	for (uint32_t i = 0; i < SIDE_SHARES; i++)
		assert_int_equal(mains.shares[i].state, AMPH_SHARE_FREE);
}

static void buffers_are_taken_used_and_put_back(void **state)
{
	struct amph_ready_config config = configure();
	struct amph_share *shares[COUNT], *none;
	(void)state;

	begin();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_int_equal(amph_ready_take(&ready, &shares[i]), 0);
		assert_int_equal(shares[i]->state, AMPH_SHARE_ACCEPTED);
		assert_int_equal(shares[i]->size, SIZE);
		memset(shares[i]->va, (int)i, SIZE);
	}
	assert_int_equal(amph_ready_take(&ready, &none), -ENOMEM);
	assert_null(none);
	assert_int_equal(amph_ready_close(&ready, 0), -EBUSY);
	/* given away it can't be put back */
	assert_int_equal(amph_session_give(&mains.session, shares[1], 0, SIZE, false, 1, 0), 0);
	assert_int_equal(amph_ready_put(&ready, shares[1]), -EBUSY);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 0, SIZE, 0, 0), 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_ready_put(&ready, shares[1]), 0);
	assert_int_equal(amph_ready_put(&ready, shares[1]), -EINVAL);
	/* the last one is the first */
	assert_int_equal(amph_ready_put(&ready, shares[0]), 0);
	assert_int_equal(amph_ready_take(&ready, &none), 0);
	assert_ptr_equal(none, shares[0]);
	assert_int_equal(amph_ready_put(&ready, shares[0]), 0);
	assert_int_equal(amph_ready_put(&ready, shares[2]), 0);
	end();
}

static void a_reader_of_it_keeps_it_out(void **state)
{
	struct amph_ready_config config = configure();
	struct amph_share *share;
	(void)state;

	begin();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	assert_int_equal(amph_ready_take(&ready, &share), 0);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 64, true, 1, 0), 0);
	assert_int_equal(amph_ready_put(&ready, share), -EBUSY);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, 64, 0, 0), 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_ready_put(&ready, share), 0);
	end();
}

static void what_is_not_of_the_pool_is_refused(void **state)
{
	struct amph_ready_config config = configure();
	struct amph_share *share, stranger = {.state = AMPH_SHARE_ACCEPTED, .home = true};
	(void)state;

	begin();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	memset(&buffer, 0, sizeof(buffer));
	assert_int_equal(buffer_open(&buffer, &mains, "arena:8000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&buffer, &mains, AMPH_DEVICE_READS_WRITES), 0);
	share = offer_buffer();
	assert_int_equal(amph_session_wait_share(&mains.session, share, AMPH_SHARE_ACCEPTED,
						 amph_deadline(100)),
			 0);
	assert_int_equal(amph_ready_put(&ready, share), -EINVAL);
	assert_int_equal(amph_ready_put(&ready, &stranger), -EINVAL);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
	end();
}

/* The other side releases a buffer and offers another, that is smaller, into its slot. */
static void what_the_other_side_releases_leaves_the_pool(void **state)
{
	struct amph_ready_config config = configure();
	struct amph_share *own, *taken, *other;
	(void)state;

	begin();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	assert_int_equal(amph_ready_take(&ready, &taken), 0);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[1], 0), 0);
	settle(&mains, &peers);
	memset(&buffer, 0, sizeof(buffer));
	assert_int_equal(buffer_open(&buffer, &peers, "arena:8000", 64, 0), 0);
	assert_int_equal(buffer_attach(&buffer, &peers, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&peers.session, &buffer.attachment, 0, 0, &own), 0);
	settle(&mains, &peers);
	assert_int_equal(own->state, AMPH_SHARE_ACCEPTED);
	/* the one that was out, and the slot of which has another buffer now */
	assert_int_equal(taken->size, 64);
	assert_int_equal(amph_ready_put(&ready, taken), 0);
	assert_int_equal(amph_ready_put(&ready, taken), -EINVAL);
	/* one is left of three */
	assert_int_equal(amph_ready_take(&ready, &taken), 0);
	assert_int_equal(taken->size, SIZE);
	assert_int_equal(amph_ready_take(&ready, &other), -ENOMEM);
	assert_int_equal(amph_ready_put(&ready, taken), 0);
	assert_int_equal(amph_session_release(&peers.session, own, 0), 0);
	settle(&mains, &peers);
	end();
}

static int open_in_two(struct amph_provider *from, struct amph_shm *shm, const char *name)
{
	(void)from;
	(void)name;
	shm->va = arena;
	shm->segment_count = 2;
	shm->storage.segments[0] = (struct amph_segment){(uintptr_t)arena, SIZE / 2};
	shm->storage.segments[1] = (struct amph_segment){(uintptr_t)arena + SIZE, SIZE / 2};
	return 0;
}

/* The session is lost with it: what the other side has heard of, it may reach. */
static void what_was_offered_by_half_is_in_quarantine(void **state)
{
	static const struct amph_provider_ops ops = {open_in_two, arena_close};
	static struct amph_provider pieces = {.name = "pieces", .ops = &ops};
	struct amph_ready_config config = configure();
	(void)state;

	begin();
	pieces.next = NULL;
	assert_int_equal(amph_memory_add_provider(&mains.memory, &pieces), 0);
	config.name = "pieces:ready";
	config.count = 1;
	config.segments_per_buffer = 2;
	mains.session.message_max = 152;
	mains.end.fail = -EPIPE;
	mains.end.fail_after = 1;
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	assert_int_equal(mains.memory.quarantine_size, SIZE);
	amph_target_off(&mains.target.target);
	assert_int_equal(mains.memory.quarantine_size, 0);
	assert_null(mains.memory.buffers);
}

static void a_pool_that_can_t_be_leaves_nothing_open(void **state)
{
	struct amph_ready_config config = configure();
	(void)state;

	begin();
	config.count = 0;
	assert_int_equal(amph_ready_open(&ready, &config, 0), -EINVAL);
	config = configure();
	config.name = "pool:a name that with its number is too long for it";
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -ENAMETOOLONG);
	config = configure();
	config.name = "pond:ready";
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -ENOENT);
	/* more than the pool has; the ones before are released again */
	config = configure();
	config.size = ARENA_SIZE / 2;
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -ENOMEM);
	end();
	/* attached by nobody */
	config = configure();
	config.direction = 0;
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -EINVAL);
	end();
	/* the other side refuses */
	peers.offered_error = -ENOSPC;
	config = configure();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), -ENOSPC);
	end();
	peers.offered_error = 0;
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	end();
}

static void a_lost_session_leaves_the_buffers_in_quarantine(void **state)
{
	struct amph_ready_config config = configure();
	struct amph_share *share;
	(void)state;

	begin();
	assert_int_equal(amph_ready_open(&ready, &config, amph_deadline(100)), 0);
	assert_int_equal(amph_ready_take(&ready, &share), 0);
	assert_int_equal(amph_session_give(&mains.session, share, 0, SIZE, false, 1, 0), 0);
	amph_session_lose(&mains.session, -EPIPE, "gone");
	assert_int_equal(amph_ready_take(&ready, &share), -EPIPE);
	assert_int_equal(amph_ready_close(&ready, amph_deadline(100)), -EINPROGRESS);
	assert_int_equal(mains.memory.quarantine_size, COUNT * SIZE);
	assert_int_equal(pool.used, COUNT * SIZE);
	amph_target_off(&mains.target.target);
	assert_int_equal(pool.used, 0);
	assert_int_equal(mains.memory.quarantine_size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_are_taken_used_and_put_back),
		cmocka_unit_test(a_reader_of_it_keeps_it_out),
		cmocka_unit_test(what_is_not_of_the_pool_is_refused),
		cmocka_unit_test(what_the_other_side_releases_leaves_the_pool),
		cmocka_unit_test(what_was_offered_by_half_is_in_quarantine),
		cmocka_unit_test(a_pool_that_can_t_be_leaves_nothing_open),
		cmocka_unit_test(a_lost_session_leaves_the_buffers_in_quarantine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
