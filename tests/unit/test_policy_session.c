/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policies where two sides share: a peer's requests, what is offered, what is passed on.
 * Test code of the share layer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/policy.h>

#include "share/raw.h"

#define SIZE 4096u

static struct side second, others;
static struct amph_policy policy, peer_policy;
static struct amph_policy_use uses[4], peer_uses[4];
static struct buffer one, two;

static void set(struct side *side, struct amph_policy *to, struct amph_policy_use *use,
		const struct amph_policy_rule *rules, uint32_t count)
{
	assert_int_equal(amph_policy_init(to, rules, use, count, NULL), 0);
	assert_int_equal(amph_memory_set_policy(&side->memory, to), 0);
}

static void request(const char *name, uint64_t size, uint32_t direction)
{
	struct amph_session_request wanted = {.size = size, .direction = direction};
	uint32_t id;

	strcpy(wanted.name, name);
	mains.logged = peers.logged = 0;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &id), 0);
	settle(&mains, &peers);
}

/* The peer was told why, the application never asked, and nothing of a quota is used. */
static void assert_denied(int error)
{
	assert_int_equal(mains.logged, 0);
	assert_int_equal(peers.logged, 1);
	assert_int_equal(peers.log[0].what, 'G');
	assert_int_equal(peers.log[0].error, error);
	assert_int_equal(mains.session.granted_size, 0);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
}

static const struct amph_policy_rule reading_only[] = {
	{.target = "other",
	 .provider = "arena",
	 .direction = AMPH_DEVICE_READS,
	 .size_max = 2 * SIZE,
	 .count_max = 2},
};

static void a_peer_is_denied_what_the_policy_does_not_give_it(void **state)
{
	(void)state;
	open_pair();
	set(&mains, &policy, uses, reading_only, 1);
	request("arena:0", SIZE, AMPH_DEVICE_WRITES);
	assert_denied(-EACCES);
	request("elsewhere:0", SIZE, AMPH_DEVICE_READS);
	assert_denied(-EACCES);
	request("", SIZE, AMPH_DEVICE_READS_WRITES);
	assert_denied(-EACCES);
	request("arena:0", 2 * SIZE + 1, AMPH_DEVICE_READS);
	assert_denied(-EDQUOT);
	request("", 2 * SIZE + 1, AMPH_DEVICE_READS);
	assert_denied(-EDQUOT);
	/* the application decides about the rest */
	request("arena:0", SIZE, AMPH_DEVICE_READS);
	assert_int_equal(mains.logged, 1);
	assert_int_equal(mains.log[0].what, 'Q');
	assert_int_equal(peers.logged, 0);
}

static void a_peer_that_is_denied_again_and_again_uses_nothing_up(void **state)
{
	(void)state;
	open_pair();
	set(&mains, &policy, uses, reading_only, 1);
	for (int i = 0; i < 1000; i++) {
		request("arena:0", SIZE, AMPH_DEVICE_WRITES);
		assert_denied(-EACCES);
	}
	assert_int_equal(uses[0].refusals, 1000);
	assert_int_equal(uses[0].count, 0);
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++)
		assert_int_equal(mains.session.wanted[i].id, 0);
	request("arena:0", SIZE, AMPH_DEVICE_READS);
	assert_int_equal(mains.log[0].what, 'Q');
}

/* A peer that asks for memory, is granted it, and keeps it. */
static struct amph_share *grant(struct buffer *given, const char *name)
{
	struct amph_share *share;

	request(name, SIZE, AMPH_DEVICE_READS);
	assert_int_equal(mains.log[0].what, 'Q');
	assert_int_equal(buffer_open(given, &mains, name, SIZE, 0), 0);
	assert_int_equal(buffer_attach(given, &mains, AMPH_DEVICE_READS), 0);
	assert_int_equal(
		amph_session_offer(&mains.session, &given->attachment, mains.request.id, 0, &share),
		0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	return share;
}

static void a_peer_that_keeps_what_it_has_is_denied_more_until_it_is_detached(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	set(&mains, &policy, uses, reading_only, 1);
	share = grant(&one, "arena:0");
	grant(&two, "arena:1000");
	assert_int_equal(uses[0].size, 2 * SIZE);
	request("arena:2000", 1, AMPH_DEVICE_READS);
	assert_int_equal(peers.log[0].error, -EDQUOT);
	assert_int_equal(mains.logged, 0);

	/* released, but not detached: it can be reached still */
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	request("arena:2000", 1, AMPH_DEVICE_READS);
	assert_int_equal(peers.log[0].error, -EDQUOT);
	assert_int_equal(amph_shm_detach(&one.attachment), 0);
	request("arena:2000", SIZE, AMPH_DEVICE_READS);
	assert_int_equal(mains.log[0].what, 'Q');
}

static void what_a_lost_peer_had_counts_until_it_is_proved_off(void **state)
{
	(void)state;
	open_pair();
	set(&mains, &policy, uses, reading_only, 1);
	grant(&one, "arena:0");
	amph_session_lose(&mains.session, -EPIPE, "by the test");
	assert_int_equal(uses[0].count, 1);
	assert_int_equal(amph_shm_abandon(&one.shm, NULL), -EINPROGRESS);
	assert_int_equal(uses[0].size, SIZE);
	amph_target_off(&mains.target.target);
	assert_int_equal(uses[0].size, 0);
	assert_int_equal(uses[0].count, 0);
}

static void an_offer_that_the_importers_policy_does_not_allow_is_refused(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "other",
		 .provider = AMPH_POLICY_OFFERED,
		 .direction = AMPH_DEVICE_READS,
		 .count_max = 1},
	};
	struct amph_share *share, *next;
	(void)state;

	open_pair();
	set(&peers, &peer_policy, peer_uses, rules, 1);
	assert_int_equal(buffer_open(&one, &mains, "arena:0", SIZE, 0), 0);
	assert_int_equal(buffer_attach(&one, &mains, AMPH_DEVICE_READS_WRITES), 0);
	peers.maps = peers.unmaps = 0;
	assert_int_equal(amph_session_offer(&mains.session, &one.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_FREE);
	assert_int_equal(mains.log[mains.logged - 1].state, AMPH_SHARE_REFUSED);
	assert_int_equal(mains.log[mains.logged - 1].error, -EACCES);
	/* nothing stays mapped, and the slot is free */
	assert_int_equal(peers.maps, peers.unmaps);
	assert_null(peers.memory.buffers);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_FREE);
	assert_int_equal(peer_uses[0].count, 0);

	assert_int_equal(amph_shm_detach(&one.attachment), 0);
	assert_int_equal(buffer_attach(&one, &mains, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_session_offer(&mains.session, &one.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(peer_uses[0].count, 1);

	assert_int_equal(buffer_open(&two, &mains, "arena:1000", SIZE, 0), 0);
	assert_int_equal(buffer_attach(&two, &mains, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_session_offer(&mains.session, &two.attachment, 0, 0, &next), 0);
	settle(&mains, &peers);
	assert_int_equal(mains.log[mains.logged - 1].error, -EDQUOT);

	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(peer_uses[0].count, 0);
	assert_int_equal(amph_session_offer(&mains.session, &two.attachment, 0, 0, &next), 0);
	settle(&mains, &peers);
	assert_int_equal(next->state, AMPH_SHARE_ACCEPTED);
}

static void the_end_of_a_session_gives_the_importers_count_back(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "*",
		 .provider = AMPH_POLICY_OFFERED,
		 .direction = AMPH_DEVICE_READS_WRITES,
		 .count_max = 1},
	};
	struct amph_share *share;
	(void)state;

	open_pair();
	set(&peers, &peer_policy, peer_uses, rules, 1);
	assert_int_equal(buffer_open(&one, &mains, "arena:0", SIZE, 0), 0);
	assert_int_equal(buffer_attach(&one, &mains, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&mains.session, &one.attachment, 0, 0, &share), 0);
	settle(&mains, &peers);
	assert_int_equal(peer_uses[0].count, 1);
	amph_session_lose(&peers.session, -EPIPE, "by the test");
	assert_int_equal(peer_uses[0].count, 0);
	assert_int_equal(peer_uses[0].size, 0);
}

static void a_pass_that_the_policy_does_not_allow_changes_nothing(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "second",
		 .provider = "*",
		 .direction = AMPH_DEVICE_READS,
		 .flags = AMPH_POLICY_NO_PASS},
		{.target = "*", .provider = "*", .direction = AMPH_DEVICE_READS_WRITES},
	};
	struct amph_share *first_share, *second_share;
	(void)state;

	open_pair();
	assert_int_equal(sides_open(&second, &others), 0);
	second.target.target.name = "second";
	set(&mains, &policy, uses, rules, 2);
	assert_int_equal(buffer_open(&one, &mains, "arena:0", SIZE, 0), 0);
	assert_int_equal(buffer_attach(&one, &mains, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(amph_shm_attach(&one.shm, &second.target.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &one.second, one.second_segments, 1),
			 0);
	assert_int_equal(amph_session_offer(&mains.session, &one.attachment, 0, 0, &first_share),
			 0);
	assert_int_equal(amph_session_offer(&second.session, &one.second, 0, 0, &second_share), 0);
	settle(&mains, &peers);
	settle(&second, &others);
	assert_int_equal(amph_session_give(&mains.session, first_share, 0, SIZE, false, 1, 0), 0);
	settle(&mains, &peers);
	mains.end.sent = 0;
	assert_int_equal(amph_session_pass(&mains.session, first_share, &second.session,
					   second_share, 0, SIZE, 2, 0),
			 -EACCES);
	assert_non_null(mains.session.why.what);
	assert_int_equal(mains.end.sent, 0);
	assert_null(first_share->pass.returned);
	/* the first returns it to the CPU, which may give it */
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 0, SIZE, 3, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(amph_session_pass(&mains.session, first_share, &second.session,
					   second_share, 0, SIZE, 4, 0),
			 0);
	settle(&second, &others);
	assert_int_equal(others.log[others.logged - 1].cookie, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_is_denied_what_the_policy_does_not_give_it),
		cmocka_unit_test(a_peer_that_is_denied_again_and_again_uses_nothing_up),
		cmocka_unit_test(a_peer_that_keeps_what_it_has_is_denied_more_until_it_is_detached),
		cmocka_unit_test(what_a_lost_peer_had_counts_until_it_is_proved_off),
		cmocka_unit_test(an_offer_that_the_importers_policy_does_not_allow_is_refused),
		cmocka_unit_test(the_end_of_a_session_gives_the_importers_count_back),
		cmocka_unit_test(a_pass_that_the_policy_does_not_allow_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
