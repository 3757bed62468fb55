/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share sessions with more than two sides: passing on, reading together; and requests for memory.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share/raw.h"

/* The home has a session with each of two peers: main's second session lives in `second`. */
static struct side second, others;
static struct amph_share *first_share, *second_share;
static uint32_t cleaned, invalidated;

static int count_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	cleaned++;
	return 0;
}

static int count_invalidate(void *va, size_t length)
{
	(void)va;
	(void)length;
	invalidated++;
	return 0;
}

static int count_flush(void *va, size_t length)
{
	(void)va;
	(void)length;
	cleaned++;
	return 0;
}

static const struct amph_cache_ops counting = {count_clean, count_invalidate, count_flush};

static void settle_all(void)
{
	while (mains.end.count || peers.end.count || second.end.count || others.end.count) {
		settle(&mains, &peers);
		settle(&second, &others);
	}
}

/* A buffer that both peers have accepted. */
static void share_with_both(uint32_t direction)
{
	open_pair();
	assert_int_equal(sides_open(&second, &others), 0);
	mains.target.target.coherent = second.target.target.coherent = false;
	mains.target.target.cache = second.target.target.cache = &counting;
	mains.target.target.cache_line = second.target.target.cache_line = 64;
	first_share = share_buffer(direction);
	assert_int_equal(amph_shm_attach(&buffer.shm, &second.target.target, direction,
					 AMPH_SYNC_MESSAGES, &buffer.second, buffer.second_segments,
					 1),
			 0);
	assert_int_equal(amph_session_offer(&second.session, &buffer.second, 0, 0, &second_share),
			 0);
	settle_all();
	assert_int_equal(second_share->state, AMPH_SHARE_ACCEPTED);
	cleaned = invalidated = 0;
}

static int pass(uint64_t offset, uint64_t length)
{
	return amph_session_pass(&mains.session, first_share, &second.session, second_share, offset,
				 length, 42, 0);
}

static int give_first(uint64_t offset, uint64_t length)
{
	int error = amph_session_give(&mains.session, first_share, offset, length, false, 1, 0);

	settle_all();
	return error;
}

static int return_first(uint64_t offset, uint64_t length)
{
	int error = amph_session_return(&peers.session, &peers.shares[0], offset, length, 0, 0);

	settle_all();
	assert_int_equal(amph_shm_check(&buffer.shm), 0);
	return error;
}

static void a_range_goes_from_first_to_second_without_the_cpu(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 4096), 0);
	cleaned = invalidated = 0;
	assert_int_equal(pass(0, 4096), 0);
	settle_all();
	assert_int_equal(last_event(&peers)->what, 'N');
	assert_int_equal(last_event(&peers)->cookie, 42);
	assert_int_equal(pass(0, 64), -EBUSY);
	assert_int_equal(amph_session_release(&mains.session, first_share, 0), -EBUSY);
	assert_int_equal(amph_session_close(&mains.session, 0), -EBUSY);
	/* in two pieces */
	assert_int_equal(return_first(0, 1024), 0);
	assert_int_equal(return_first(1024, 3072), 0);
	assert_int_equal(cleaned + invalidated, 0);
	assert_int_equal(last_event(&mains)->what, 'P');
	assert_int_equal(last_event(&mains)->error, 0);
	assert_int_equal(last_event(&mains)->cookie, 42);
	assert_int_equal(last_event(&others)->what, 'T');
	assert_int_equal(last_event(&others)->cookie, 42);
	assert_null(first_share->pass.returned);
	assert_int_equal(amph_shm_check_access(others.shares[0].shm, 0, 4096, true), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 64, false), -EACCES);
	assert_int_equal(amph_session_return(&others.session, &others.shares[0], 0, 4096, 0, 0), 0);
	settle_all();
	assert_int_equal(last_event(&second)->what, 'T');
	assert_int_equal(invalidated, 1);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
	assert_int_equal(mains.session.count.rejected + second.session.count.rejected, 0);
	assert_int_equal(peers.session.count.rejected + others.session.count.rejected, 0);
}

static void a_pass_between_shares_that_do_not_belong_together_is_refused(void **state)
{
	static struct buffer more;
	struct amph_share *other, *offered;

	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 4096), 0);
	memset(&more, 0, sizeof(more));
	assert_int_equal(buffer_open(&more, &mains, "arena:2000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&more, &second, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_shm_attach(&more.shm, &mains.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_MESSAGES, &more.second, more.second_segments, 1),
			 0);
	assert_int_equal(amph_session_offer(&second.session, &more.attachment, 0, 0, &other), 0);
	settle_all();
	assert_int_equal(other->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &second.session, other, 0,
					   4096, 1, 0),
			 -EINVAL);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &mains.session, first_share,
					   0, 4096, 1, 0),
			 -EINVAL);
	/* what the first has not accepted yet, and what is not shared at all */
	assert_int_equal(amph_session_offer(&mains.session, &more.second, 0, 0, &offered), 0);
	assert_int_equal(
		amph_session_pass(&mains.session, offered, &second.session, other, 0, 64, 1, 0),
		-EPERM);
	assert_int_equal(
		amph_session_pass(&second.session, other, &mains.session, offered, 0, 64, 1, 0),
		-EINVAL);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &second.session,
					   &second.shares[3], 0, 64, 1, 0),
			 -EPERM);
	settle_all();
	assert_null(first_share->pass.returned);
	assert_null(other->pass.returned);
	assert_int_equal(amph_shm_check(&more.shm), 0);
	assert_int_equal(amph_shm_check_access(&more.shm, 0, 4096, true), 0);
	/* an import is nobody's to pass on */
	assert_int_equal(amph_session_pass(&peers.session, &peers.shares[0], &second.session, other,
					   0, 64, 1, 0),
			 -EPERM);
	/* and nothing goes to who has left */
	amph_session_lose(&second.session, -EIO, "left");
	assert_int_equal(pass(0, 4096), -EIO);
	assert_int_equal(return_first(0, 4096), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 4096, true), 0);
}

static void what_was_returned_already_is_given(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(pass(0, 64), 0);
	settle_all();
	assert_int_equal(last_event(&others)->what, 'T');
	assert_int_equal(last_event(&others)->length, 64);
	assert_int_equal(pass(0, 64), -EACCES);
	assert_null(first_share->pass.returned);
}

static void a_pass_that_cannot_be_is_refused(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 128), 0);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &mains.session, first_share,
					   0, 64, 0, 0),
			 -EINVAL);
	assert_int_equal(amph_session_pass(&mains.session, second_share, &second.session,
					   second_share, 0, 64, 0, 0),
			 -EPERM);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &second.session,
					   first_share, 0, 64, 0, 0),
			 -EPERM);
	assert_int_equal(pass(1, 64), -EINVAL);
	second_share->attachment->coherent = true;
	assert_int_equal(pass(0, 64), -EINVAL);
	second_share->attachment->coherent = false;
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(pass(0, 64), -ETIMEDOUT);
	assert_null(first_share->pass.returned);
	mains.end.fail = 0;
	amph_session_lose(&second.session, -EIO, "gone");
	assert_int_equal(pass(0, 64), -EIO);
	amph_session_lose(&mains.session, -EPIPE, "gone");
	assert_int_equal(pass(0, 64), -EPIPE);
}

static void the_range_is_the_cpus_when_the_second_is_gone(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 128), 0);
	assert_int_equal(pass(0, 128), 0);
	amph_session_lose(&second.session, -EIO, "gone");
	assert_int_equal(return_first(0, 128), 0);
	assert_int_equal(last_event(&mains)->what, 'P');
	assert_int_equal(last_event(&mains)->error, -ENOTCONN);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);

	/* released meanwhile, and the slot is another's */
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 128), 0);
	assert_int_equal(pass(0, 128), 0);
	assert_int_equal(amph_session_release(&others.session, &others.shares[0], 0), 0);
	settle_all();
	assert_int_equal(amph_session_offer(&second.session, &buffer.second, 0, 0, &second_share),
			 0);
	settle_all();
	assert_int_equal(return_first(0, 128), 0);
	assert_int_equal(last_event(&mains)->error, -ENOTCONN);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);

	/* the give to the second can't be sent */
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 128), 0);
	assert_int_equal(pass(0, 128), 0);
	second.end.fail = -ETIMEDOUT;
	assert_int_equal(return_first(0, 128), 0);
	assert_int_equal(last_event(&mains)->error, -ETIMEDOUT);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);

	/* the second refuses it */
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 128), 0);
	assert_int_equal(pass(0, 128), 0);
	assert_int_equal(return_first(0, 128), 0);
	say_reject(&others, &second, WIRE_GIVE, WIRE_NO_SPACE, second_share, 0, 128);
	assert_int_equal(last_event(&second)->what, 'U');
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);
}

static void what_is_not_passed_is_returned_as_ever(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(give_first(0, 512), 0);
	assert_int_equal(pass(128, 128), 0);
	assert_int_equal(return_first(0, 128), 0);
	assert_int_equal(last_event(&mains)->what, 'T');
	assert_int_equal(return_first(256, 64), 0);
	assert_int_equal(last_event(&mains)->what, 'T');
	assert_non_null(first_share->pass.returned);
	/* across the edge of the pass */
	assert_int_equal(return_first(128, 256), -EACCES);
	assert_int_equal(return_first(64, 128), -EACCES);
	say_handoff(&peers, &mains, WIRE_RETURN, first_share, 64, 128);
	said_reject(&mains, WIRE_RETURN, WIRE_NOT_OWNER);
	assert_int_equal(return_first(128, 64), 0);
	assert_int_equal(last_event(&others)->what, 'T');
	assert_int_equal(give_first(256, 64), 0);
	assert_int_equal(return_first(192, 128), 0);
	assert_int_equal(mains.log[mains.logged - 2].what, 'P');
	assert_int_equal(mains.log[mains.logged - 2].error, -ERANGE);
	assert_int_equal(last_event(&mains)->what, 'T');
	assert_int_equal(amph_shm_check_access(&buffer.shm, 192, 128, true), 0);
	assert_null(first_share->pass.returned);
}

static void several_read_together_and_nobody_writes(void **state)
{
	(void)state;
	share_with_both(AMPH_DEVICE_READS);
	assert_int_equal(amph_session_give(&mains.session, first_share, 0, 128, true, 0, 0), 0);
	assert_int_equal(amph_session_give(&second.session, second_share, 0, 128, true, 0, 0), 0);
	settle_all();
	assert_true(last_event(&peers)->reading);
	assert_true(last_event(&others)->reading);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, false), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), -EACCES);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, 128, false), 0);
	assert_int_equal(amph_shm_check_access(peers.shares[0].shm, 0, 128, true), -EACCES);
	assert_int_equal(pass(0, 64), -EACCES);
	assert_int_equal(return_first(0, 128), 0);
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), -EACCES);
	assert_int_equal(amph_session_return(&others.session, &others.shares[0], 0, 128, 0, 0), 0);
	settle_all();
	assert_int_equal(amph_shm_check_access(&buffer.shm, 0, 128, true), 0);
	assert_int_equal(buffer.shm.range_count, 1);
}

/* --- requests --- */

static uint32_t ask(uint64_t size)
{
	struct amph_session_request request = {.size = size, .direction = 3, .name = "arena:1000"};
	uint32_t id = 0;

	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), 0);
	settle(&mains, &peers);
	return id;
}

static void a_request_is_granted_by_an_offer(void **state)
{
	struct amph_share *share;
	uint32_t id;
	(void)state;

	open_pair();
	id = ask(4096);
	assert_int_equal(last_event(&mains)->what, 'Q');
	assert_int_equal(mains.request.id, id);
	assert_int_equal(mains.request.size, 4096);
	assert_int_equal(mains.request.direction, 3);
	assert_string_equal(mains.request.name, "arena:1000");
	assert_int_equal(mains.session.granted_size, 4096);
	open_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id + 1, 0, &share),
			 -ENOENT);
	mains.end.fail = -ETIMEDOUT;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id, 0, &share),
			 -ETIMEDOUT);
	mains.end.fail = 0;
	assert_int_equal(mains.session.granted_size, 4096);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->cookie, id);
	assert_int_equal(last_event(&peers)->error, 0);
	assert_ptr_equal(last_event(&peers)->share, &peers.shares[0]);
	assert_int_equal(mains.session.granted_size, 4096);
	/* the same request can't be answered twice */
	say_reject(&mains, &peers, WIRE_REQUEST, WIRE_QUOTA, share, 0, 0);
	assert_int_equal(last_event(&peers)->error, 0);
	assert_int_equal(amph_session_deny(&mains.session, id, -EPERM, 0), -ENOENT);
	/* what was granted is the quota's again when it is released */
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.session.granted_size, 0);
	close_buffer();
}

static void the_quota_and_the_policy_decide(void **state)
{
	struct amph_share *share;
	uint32_t id;
	(void)state;

	open_pair();
	ask(65537);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->error, -EDQUOT);
	assert_int_equal(mains.logged, 0);
	ask(UINT64_MAX);
	assert_int_equal(last_event(&peers)->error, -EDQUOT);
	mains.requested_error = -ENOMEM;
	ask(64);
	assert_int_equal(last_event(&peers)->error, -ENOMEM);
	assert_int_equal(mains.session.granted_size, 0);
	mains.requested_error = 0;
	ask(65536 - 4096);
	ask(4097);
	assert_int_equal(last_event(&peers)->error, -EDQUOT);
	id = ask(4000);
	assert_int_equal(mains.session.granted_size, 65536 - 96);
	/* larger than asked for, within the quota, counts as what it is */
	open_buffer(AMPH_DEVICE_READS_WRITES);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id, 0, &share), 0);
	assert_int_equal(mains.session.granted_size, 65536);
	peers.offered_error = -ENOSPC;
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->error, -ENOSPC);
	assert_int_equal(mains.session.granted_size, 65536 - 4096);
	close_buffer();
	id = ask(64);
	open_buffer(AMPH_DEVICE_READS_WRITES);
	mains.session.config.quota = 65536 - 1;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, id, 0, &share),
			 -EDQUOT);
	assert_int_equal(amph_session_deny(&mains.session, id, 0, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(last_event(&peers)->error, -EPERM);
	assert_int_equal(mains.session.granted_size, 65536 - 4096);
	close_buffer();
}

static void requests_are_few_and_their_answers_real(void **state)
{
	struct amph_session_request request = {.size = 64, .direction = 1};
	uint32_t id;
	(void)state;

	open_pair();
	for (int i = 0; i < AMPH_SESSION_REQUESTS; i++)
		ask(64);
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), -ENOSPC);
	request.size = 0;
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), -EINVAL);
	request.size = 64;
	request.direction = 4;
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), -EINVAL);
	request.direction = 1;
	memset(request.name, 'n', sizeof(request.name));
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), -EINVAL);
	/* by hand: more than may wait, the same number, a long name, an answer to nothing */
	raw.body.request = (struct wire_request){.request = 1, .size = 64, .direction = 1};
	say(&peers, &mains, WIRE_REQUEST, 0);
	said_reject(&mains, WIRE_REQUEST, WIRE_EXISTS);
	raw.body.request = (struct wire_request){.request = 99, .size = 64, .direction = 1};
	send_raw(&peers, WIRE_REQUEST, 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(mains.end.last.header.type, WIRE_DENY);
	assert_int_equal(mains.end.last.body.deny.reason, WIRE_NO_SPACE);
	open_pair();
	raw.body.request = (struct wire_request){.request = 9, .size = 64, .direction = 1};
	memset(raw.body.request.name, 'n', AMPH_NAME_MAX);
	send_raw(&peers, WIRE_REQUEST, 0);
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(mains.end.last.body.deny.reason, WIRE_NAME_TOO_LONG);
	settle(&mains, &peers);
	said_reject(&peers, WIRE_DENY, WIRE_NOT_FOUND);
	raw.body.deny = (struct wire_deny){0};
	say(&mains, &peers, WIRE_DENY, 0);
	said_reject(&peers, WIRE_DENY, WIRE_NOT_FOUND);
	mains.events.requested = NULL;
	id = ask(64);
	assert_int_equal(last_event(&peers)->error, -ENOTSUP);
	peers.end.fail = -ETIMEDOUT;
	request = (struct amph_session_request){.size = 64, .direction = 1};
	assert_int_equal(amph_session_request(&peers.session, &request, 0, &id), -ETIMEDOUT);
	assert_int_equal(peers.session.asked[0].id, 0);
	peers.end.fail = 0;
	amph_session_request(&peers.session, &request, 0, &id);
	mains.end.fail = -EPIPE;
	assert_int_equal(amph_session_poll(&mains.session, 0), -EPIPE);
}

static void a_request_refused_outright_is_answered(void **state)
{
	uint32_t id;
	(void)state;

	open_pair();
	id = ask(64);
	raw.body.reject = (struct wire_reject){
		.type = WIRE_REQUEST, .reason = WIRE_UNSUPPORTED, .handle = id};
	say(&mains, &peers, WIRE_REJECT, 0);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->error, -ENOTSUP);
	/* an offer in answer to it, that fails at once */
	id = ask(64);
	raw_offer(3)->request = id;
	raw.body.offer.method = 1;
	say(&mains, &peers, WIRE_OFFER, 1);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->error, -ENOTSUP);
}

static void a_request_that_wraps_the_sum_is_past_the_quota(void **state)
{
	(void)state;
	open_pair();
	ask(4096);
	assert_int_equal(mains.session.granted_size, 4096);
	ask(UINT64_MAX - 4095);
	assert_int_equal(last_event(&peers)->what, 'G');
	assert_int_equal(last_event(&peers)->error, -EDQUOT);
	assert_int_equal(mains.session.granted_size, 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_range_goes_from_first_to_second_without_the_cpu),
		cmocka_unit_test(a_pass_between_shares_that_do_not_belong_together_is_refused),
		cmocka_unit_test(what_was_returned_already_is_given),
		cmocka_unit_test(a_pass_that_cannot_be_is_refused),
		cmocka_unit_test(the_range_is_the_cpus_when_the_second_is_gone),
		cmocka_unit_test(what_is_not_passed_is_returned_as_ever),
		cmocka_unit_test(several_read_together_and_nobody_writes),
		cmocka_unit_test(a_request_is_granted_by_an_offer),
		cmocka_unit_test(the_quota_and_the_policy_decide),
		cmocka_unit_test(requests_are_few_and_their_answers_real),
		cmocka_unit_test(a_request_refused_outright_is_answered),
		cmocka_unit_test(a_request_that_wraps_the_sum_is_past_the_quota),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
