/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Protected memory: buffers that the CPU can't map go the way of any other, and nothing touches them.
 * Test code of the memory and share layers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/pool.h>
#include <amphora/queue.h>

#include "share/raw.h"

#define SIZE 4096u

/* A carve-out that only the target may reach: the arena, without the CPU's address. */
static struct {
	struct amph_pool pool;
	struct amph_pool_block blocks[16];
	struct amph_provider_pool provider;
} secure;

/* Whoever calls these would have touched it. */
static int never_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	fail_msg("the cache of a protected buffer was maintained");
	return 0;
}

static int never_invalidate(void *va, size_t length)
{
	return never_clean(va, length);
}

static const struct amph_cache_ops never = {never_clean, never_invalidate, never_invalidate};

static void open_secure(void)
{
	open_pair();
	memset(&secure, 0, sizeof(secure));
	assert_int_equal(amph_pool_init(&secure.pool, ARENA_SIZE, 4096, secure.blocks, 16), 0);
	assert_int_equal(amph_provider_pool_init(&secure.provider, "secure", &secure.pool, NULL,
						 (uintptr_t)arena),
			 0);
	secure.provider.is_protected = true;
	assert_int_equal(amph_memory_add_provider(&mains.memory, &secure.provider.provider), 0);
}

static void open_protected(uint32_t direction)
{
	assert_int_equal(buffer_open(&buffer, &mains, "secure:a", SIZE, AMPH_SHM_PROTECTED), 0);
	assert_int_equal(buffer_attach(&buffer, &mains, direction), 0);
}

static void a_protected_buffer_has_no_address_and_says_so(void **state)
{
	(void)state;
	open_secure();
	assert_int_equal(buffer_open(&buffer, &mains, "secure:a", SIZE, 0), 0);
	assert_int_equal(buffer.shm.flags, AMPH_SHM_PROTECTED);
	assert_null(buffer.shm.va);
	assert_int_equal(amph_shm_check(&buffer.shm), 0);
	buffer.shm.why = (struct amph_why){0};
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, false), -ENOTSUP);
	assert_non_null(strstr(buffer.shm.why.what, "protected"));
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, true), -ENOTSUP);
	assert_int_equal(amph_shm_check_access(&buffer.shm, SIZE, 1, false), -EINVAL);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

static void protection_that_a_provider_does_not_give_is_refused(void **state)
{
	(void)state;
	open_secure();
	assert_int_equal(buffer_open(&buffer, &mains, "arena:0", SIZE, AMPH_SHM_PROTECTED),
			 -ENOTSUP);
	assert_non_null(strstr(mains.memory.why.what, "not protected"));
	assert_null(mains.memory.buffers);
	secure.provider.is_protected = false;
	assert_int_equal(buffer_open(&buffer, &mains, "secure:a", SIZE, AMPH_SHM_PROTECTED),
			 -ENOTSUP);
	assert_int_equal(secure.pool.used, 0);
	/* one that says it is, and has mapped it all the same */
	secure.provider.is_protected = true;
	secure.provider.va = arena;
	assert_int_equal(buffer_open(&buffer, &mains, "secure:a", SIZE, 0), -EFAULT);
	assert_int_equal(secure.pool.used, 0);
}

static void an_import_is_protected_only_without_a_mapping(void **state)
{
	struct amph_shm shm;
	struct amph_range range;
	struct amph_attachment attachment;
	const struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	struct amph_target home;
	(void)state;

	open_secure();
	amph_target_home_init(&home, "home");
	assert_int_equal(amph_shm_import(&peers.memory, &shm, &storage, "a:b", SIZE,
					 AMPH_SHM_PROTECTED, arena, 0, &home, AMPH_DEVICE_READS,
					 &attachment),
			 -EINVAL);
	assert_int_equal(amph_shm_import(&peers.memory, &shm, &storage, "a:b", SIZE,
					 AMPH_SHM_PROTECTED, NULL, 0, &home, AMPH_DEVICE_READS,
					 &attachment),
			 0);
	assert_int_equal(amph_shm_sync_for_cpu(&attachment, 0, SIZE), 0);
	assert_int_equal(amph_shm_check_access(&shm, 0, 1, false), -ENOTSUP);
	assert_int_equal(amph_shm_sync_for_device(&attachment, 0, SIZE, false), 0);
	assert_int_equal(amph_shm_put(&shm), 0);
}

static void nothing_touches_it_on_its_whole_way(void **state)
{
	struct amph_share *share;
	(void)state;

	open_secure();
	/* as a side that is not coherent; both the port's ops and hooks are never called */
	mains.target.target.coherent = false;
	mains.target.target.cache = &never;
	mains.target.target.cache_line = 64;
	open_protected(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(buffer.attachment.granule >= 64, 1);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_null(share->va);
	/* the peer is the secure side: its window hook maps it */
	assert_ptr_equal(peers.shares[0].va, arena);

	assert_int_equal(amph_session_give(&mains.session, share, 0, SIZE, false, 1, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, false), -EACCES);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, SIZE, true, 0),
			 -ETIMEDOUT);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, SIZE, true), 0);
	memset(peers.shares[0].va, 0x5a, SIZE);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, SIZE, 2, 0), 0);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, SIZE, true, 0), 0);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, SIZE, false, 0), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, true), -ENOTSUP);
	/* pieces, and reading together */
	assert_int_equal(amph_session_give(&mains.session, share, 0, SIZE / 2, true, 3, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_check(&buffer.shm), 0);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, SIZE / 2, 4, 0),
			 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
	assert_int_equal(secure.pool.used, 0);
	memset(arena, 0, SIZE);
}

static int hook_calls;

static int hook(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	(void)attachment;
	(void)offset;
	(void)length;
	return ++hook_calls;
}

static void a_target_with_hooks_of_its_own_is_not_asked_to_sync_it(void **state)
{
	struct amph_target_ops ops;
	(void)state;

	open_secure();
	ops = *mains.target.target.ops;
	ops.sync_for_device = hook;
	ops.sync_for_cpu = hook;
	mains.target.target.ops = &ops;
	mains.target.target.coherent = false;
	open_protected(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_shm_sync_for_device(&buffer.attachment, 0, SIZE, false), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&buffer.attachment, 0, SIZE), 0);
	assert_int_equal(amph_shm_sync_for_device(&buffer.attachment, 0, SIZE, false), 0);
	amph_target_off(&mains.target.target);
	assert_int_equal(hook_calls, 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

static void it_is_passed_from_a_coherent_side_to_one_that_is_not(void **state)
{
	static struct side second, others;
	(void)state;

	open_secure();
	assert_int_equal(sides_open(&second, &others), 0);
	second.target.target.coherent = false;
	second.target.target.cache = &never;
	second.target.target.cache_line = 64;
	open_protected(AMPH_DEVICE_WRITES);
	assert_int_equal(amph_shm_attach(&buffer.shm, &second.target.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &buffer.second, buffer.second_segments,
					 1),
			 0);
	assert_int_equal(amph_shm_sync_for_device(&buffer.attachment, 0, SIZE, false), 0);
	assert_int_equal(amph_shm_pass(&buffer.attachment, &buffer.second, 0, SIZE), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&buffer.second, 0, SIZE), 0);
}

static void it_stays_in_quarantine_until_its_target_is_proved_off(void **state)
{
	struct amph_share *share;
	(void)state;

	open_secure();
	open_protected(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_give(&mains.session, share, 0, SIZE, false, 1, 0), 0);
	amph_session_lose(&mains.session, -EPIPE, "by the test");
	assert_int_equal(amph_shm_abandon(&buffer.shm, NULL), -EINPROGRESS);
	assert_int_equal(secure.pool.used, SIZE);
	amph_target_off(&mains.target.target);
	assert_int_equal(secure.pool.used, 0);
}

static void a_queue_does_not_live_in_it(void **state)
{
	static struct amph_queue queue;
	const struct amph_queue_config config = {0};
	struct amph_share *share;
	(void)state;

	open_secure();
	assert_int_equal(buffer_open(&buffer, &mains, "secure:q", SIZE, 0), 0);
	assert_int_equal(amph_shm_attach(&buffer.shm, &mains.target.target,
					 AMPH_DEVICE_READS_WRITES, AMPH_SYNC_QUEUE,
					 &buffer.attachment, buffer.device_segments, 1),
			 0);
	assert_int_equal(amph_queue_expect(&queue, &peers.session, &config), 0);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_queue_open(&queue, &mains.session, share, 4, &config, 0), -ENOTSUP);
	assert_non_null(strstr(mains.session.why.what, "protected"));
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_protected_buffer_has_no_address_and_says_so),
		cmocka_unit_test(protection_that_a_provider_does_not_give_is_refused),
		cmocka_unit_test(an_import_is_protected_only_without_a_mapping),
		cmocka_unit_test(nothing_touches_it_on_its_whole_way),
		cmocka_unit_test(a_target_with_hooks_of_its_own_is_not_asked_to_sync_it),
		cmocka_unit_test(it_is_passed_from_a_coherent_side_to_one_that_is_not),
		cmocka_unit_test(it_stays_in_quarantine_until_its_target_is_proved_off),
		cmocka_unit_test(a_queue_does_not_live_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
