/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share sessions: the way of a buffer between two sides, over a channel in one process.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/loopback.h"

static struct side mains, peers;
static struct buffer buffer;

static void open_pair(void)
{
	assert_int_equal(sides_open(&mains, &peers), 0);
}

/* A buffer of 4096 bytes that the peer has accepted. */
static struct amph_share *share_buffer(uint32_t direction)
{
	struct amph_share *share;

	assert_int_equal(buffer_open(&buffer, &mains, "arena:1000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&buffer, &mains, direction), 0);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	return share;
}

static void consistent(void)
{
	assert_int_equal(amph_shm_check(&buffer.shm), 0);
	for (uint32_t i = 0; i < SIDE_SHARES; i++) {
		if (peers.shares[i].shm)
			assert_int_equal(amph_shm_check(peers.shares[i].shm), 0);
	}
}

static void close_buffer(void)
{
	assert_int_equal(amph_shm_detach(&buffer.attachment), 0);
	assert_int_equal(amph_shm_put(&buffer.shm), 0);
}

static void a_buffer_goes_there_and_back(void **state)
{
	struct amph_share *share, *import = &peers.shares[0];
	(void)state;

	open_pair();
	share = share_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(import->state, AMPH_SHARE_ACCEPTED);
	assert_ptr_equal(import->va, buffer.shm.va);
	assert_string_equal(import->shm->name, "arena:1000");
	assert_int_equal(import->shm->size, 4096);
	assert_int_equal(import->segments[0].address, ARENA_DA + 0x1000);

	memset(buffer.shm.va, 0x11, 4096);
	assert_int_equal(amph_session_give(&mains.session, share, 0, 4096, false, 99, 0), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 1, false), -EACCES);
	assert_int_equal(amph_shm_check_access(import->shm, 0, 1, false), -EACCES);
	settle(&mains, &peers);
	assert_int_equal(peers.log[1].what, 'T');
	assert_int_equal(peers.log[1].cookie, 99);
	assert_int_equal(peers.log[1].length, 4096);
	assert_int_equal(amph_shm_check_access(import->shm, 0, 4096, true), 0);
	consistent();

	memset(import->va, 0x22, 4096);
	assert_int_equal(amph_session_return(&peers.session, import, 0, 4096, 100, 0), 0);
	assert_int_equal(amph_shm_check_access(import->shm, 0, 1, false), -EACCES);
	assert_int_equal(amph_session_wait_range(&mains.session, share, 0, 4096, true, 0), 0);
	assert_int_equal(mains.log[1].what, 'T');
	assert_int_equal(mains.log[1].cookie, 100);
	assert_int_equal(((uint8_t *)buffer.shm.va)[4095], 0x22);

	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	assert_int_equal(import->state, AMPH_SHARE_FREE);
	assert_int_equal(peers.maps, 1);
	assert_int_equal(peers.unmaps, 1);
	assert_null(peers.memory.buffers);
	close_buffer();
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
}

static void a_session_of_init_peer_is_the_peer_and_grants_nothing(void **state)
{
	const struct amph_session_request wanted = {.size = 64, .direction = AMPH_DEVICE_READS};
	uint32_t request;
	(void)state;

	memset(&buffer, 0, sizeof(buffer));
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 5);
	side_init(&peers, AMPH_SESSION_MAIN, 7);
	assert_int_equal(amph_session_init(&mains.session, &mains.config), 0);
	assert_int_equal(amph_session_init_peer_checked(&peers.session, &peers.config, AMPH_ABI, 1),
			 -EPROTO);
	assert_int_equal(amph_session_init_peer(&peers.session, &peers.config), 0);
	assert_int_equal(amph_session_open(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.end.sent, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);

	assert_int_equal(amph_session_request(&mains.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.logged, 0);
	assert_int_equal(mains.log[0].what, 'G');
	assert_int_equal(mains.log[0].cookie, request);
	assert_int_equal(mains.log[0].error, -ENOTSUP);
	/* it may ask itself, and all else is as ever */
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.log[1].what, 'Q');
	assert_int_equal(share_buffer(AMPH_DEVICE_READS)->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_session_deny(&mains.session, request, -ENOMEM, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.log[peers.logged - 1].what, 'G');
	assert_int_equal(peers.log[peers.logged - 1].error, -ENOMEM);
	assert_int_equal(peers.session.count.rejected + mains.session.count.rejected, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_goes_there_and_back),
		cmocka_unit_test(a_session_of_init_peer_is_the_peer_and_grants_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
