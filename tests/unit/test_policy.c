/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Policies by a table: every kind of rule, every refusal with nothing left half done, and the count of
 * what is attached.
 * Test code of the memory layer.
 */
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/log.h>
#include <amphora/policy.h>

#include "memory_fixture.h"

#define RULES_MAX 8
#define SIZE	  4096

static struct fixture f;
static struct amph_policy policy;
static struct amph_policy_use uses[RULES_MAX];
static uint8_t bytes[SIZE] __attribute__((aligned(4096)));

static struct {
	uint32_t count;
	char last[512];
	enum amph_log_level level;
} logged;

static void log_hook(void *argument, enum amph_log_level level, const char *what, uint64_t value,
		     uint64_t limit)
{
	(void)argument;
	(void)value;
	(void)limit;
	logged.count++;
	logged.level = level;
	snprintf(logged.last, sizeof(logged.last), "%s", what);
}

static int set_up(void **state)
{
	(void)state;
	fixture_init(&f, 8);
	f.provider.va = bytes;
	memset(&logged, 0, sizeof(logged));
	amph_log_set(log_hook, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	amph_log_set(NULL, NULL);
	fixture_free(&f);
	return 0;
}

static void set_policy(const struct amph_policy_rule *rules, uint32_t count)
{
	struct amph_why why = {0};

	assert_true(count <= RULES_MAX);
	assert_int_equal(amph_policy_init(&policy, rules, uses, count, &why), 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, &policy), 0);
}

/* Nothing of a refused attachment is left: not in the lists, not in the count, not at the target. */
static void assert_nothing_attached(const struct fake_target *target)
{
	assert_null(f.shm.attachments);
	assert_null(target->target.attachments);
	assert_int_equal(f.shm.attachment_bits, AMPH_HOLDER_CPU);
	assert_int_equal(target->attached, target->detached);
	for (uint32_t i = 0; i < policy.rule_count; i++) {
		assert_int_equal(uses[i].size, 0);
		assert_int_equal(uses[i].count, 0);
	}
	assert_int_equal(amph_shm_check(&f.shm), 0);
	assert_int_equal(amph_shm_check_access(&f.shm, 0, SIZE, true), 0);
}

static void assert_explained(const char *text)
{
	char line[AMPH_POLICY_TEXT];

	amph_policy_explain(&policy.refusal, line, sizeof(line));
	assert_string_equal(line, text);
}

/* --- what is allowed --- */

static void without_a_policy_everybody_may_have_everything(void **state)
{
	(void)state;
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(f.to_a.rule, 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(amph_shm_put(&f.shm), 0);
}

static void a_policy_without_rules_lets_nobody_have_anything(void **state)
{
	(void)state;
	set_policy(NULL, 0);
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_nothing_attached(&f.a);
	assert_int_equal(f.a.attached, 0);
	assert_int_equal(policy.refusal.reason, AMPH_POLICY_HAS_NO_RULE);
	assert_explained("policy: target \"A\", provider \"test\": no rule names both");
	assert_int_equal(policy.refusals, 1);
}

static void the_named_target_may_have_the_named_providers_memory(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "test", .direction = AMPH_DEVICE_READS_WRITES},
		{.target = "B", .provider = "other", .direction = AMPH_DEVICE_READS_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(f.to_a.rule, 1);
	assert_int_equal(uses[0].size, SIZE);
	assert_int_equal(uses[0].count, 1);
	assert_refused(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_int_equal(f.b.attached, 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_nothing_attached(&f.a);
}

static void the_direction_of_a_rule_is_all_that_is_allowed(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "test", .direction = AMPH_DEVICE_READS},
		{.target = "B", .provider = "test", .direction = AMPH_DEVICE_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS_WRITES), -EACCES, &f.shm);
	assert_nothing_attached(&f.a);
	assert_explained("policy: target \"A\", provider \"test\": rule 1 allows reading, not "
			 "reading and writing");
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), -EACCES, &f.shm);
	assert_refused(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_nothing_attached(&f.b);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_WRITES), 0);
}

static void the_first_rule_that_names_both_decides(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "secret*", .direction = 0},
		{.target = "A", .provider = "te*", .direction = AMPH_DEVICE_READS},
		{.target = "*", .provider = "test", .direction = AMPH_DEVICE_READS_WRITES},
	};
	(void)state;

	set_policy(rules, 3);
	fixture_open(&f, SIZE, 0);
	/* the third would allow it */
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), -EACCES, &f.shm);
	assert_int_equal(policy.refusal.rule, 2);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(f.to_b.rule, 3);
}

static void a_denial_is_told_with_the_line_of_its_rule(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "te*", .line = 12},
		{.target = "*", .provider = "*", .direction = AMPH_DEVICE_READS_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_nothing_attached(&f.a);
	assert_explained("policy: target \"A\", provider \"test\": rule 1 (line 12) denies "
			 "everything");
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
}

static void a_star_stands_for_any_rest_of_a_name(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool covers;
	} cases[] = {
		{"*", "", true},	{"*", "dsp", true},
		{"dsp*", "dsp", true},	{"dsp*", "dsp0", true},
		{"dsp*", "ds", false},	{"dsp", "dsp0", false},
		{"dsp0", "dsp", false}, {"dsp", "dsp", true},
		{"d*", "edsp", false},	{"remote.*", "remote", false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct amph_policy_rule rule = {.target = cases[i].pattern,
						      .provider = "*",
						      .direction = AMPH_DEVICE_READS};

		set_policy(&rule, 1);
		f.a.target.name = cases[i].name;
		fixture_open(&f, SIZE, 0);
		assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS),
				 cases[i].covers ? 0 : -EACCES);
		if (cases[i].covers)
			assert_int_equal(amph_shm_detach(&f.to_a), 0);
		assert_int_equal(amph_shm_put(&f.shm), 0);
	}
}

static void a_target_without_a_name_is_only_everybody(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "*", .direction = AMPH_DEVICE_READS},
		{.target = "*", .provider = "*", .direction = AMPH_DEVICE_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	f.a.target.name = NULL;
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
}

/* --- limits --- */

static void bytes_past_a_rules_limit_are_refused_until_others_are_detached(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "*",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .size_max = 2 * SIZE - 1},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_refused(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	assert_int_equal(f.shm.why.value, 2 * SIZE);
	assert_int_equal(f.shm.why.limit, 2 * SIZE - 1);
	assert_int_equal(f.b.attached, 0);
	assert_int_equal(uses[0].size, SIZE);
	assert_explained("policy: target \"B\", provider \"test\": rule 1 lets 8191 bytes be "
			 "attached at once, this would make 8192");
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(uses[0].size, SIZE);
}

static void a_limit_may_be_used_up_to_the_last_byte(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "*",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .size_max = 2 * SIZE},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_refused(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
}

static void a_size_that_would_wrap_the_count_is_refused(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "*",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .size_max = UINT64_MAX - 1},
	};
	struct amph_shm huge;
	struct amph_range range;
	struct amph_attachment attachment;
	struct amph_segment segment;
	const struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	f.provider.va = NULL;
	assert_int_equal(amph_shm_open(&f.memory, &huge, &storage, "test:huge", UINT64_MAX, 0), 0);
	assert_refused(amph_shm_attach(&huge, &f.a.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &attachment, &segment, 1),
		       -EDQUOT, &huge);
	assert_explained("policy: target \"A\", provider \"test\": rule 1 lets "
			 "18446744073709551614 bytes be attached at once, this would make "
			 "18446744073709551615");
}

static void buffers_past_a_rules_limit_are_refused_until_others_are_detached(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "*", .provider = "test", .direction = AMPH_DEVICE_READS, .count_max = 2},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_refused(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), -EDQUOT, &f.shm);
	assert_explained("policy: target \"C\", provider \"test\": rule 1 lets 2 buffers be "
			 "attached at once, this would make 3");
	assert_int_equal(f.c.attached, 0);
	assert_int_equal(amph_shm_detach(&f.to_b), 0);
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0);
}

static void a_rule_that_wants_enforced_limits_refuses_what_is_only_agreed(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .flags = AMPH_POLICY_ENFORCED},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EACCES, &f.shm);
	/* the target had to be asked, and was told that it is not */
	assert_int_equal(f.a.attached, 1);
	assert_nothing_attached(&f.a);
	assert_explained("policy: target \"A\", provider \"test\": rule 1 wants limits that "
			 "hardware enforces, and nothing does");
	f.a.enforced = true;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(uses[0].count, 1);
}

static void what_the_target_refuses_counts_for_nothing(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "test", .direction = AMPH_DEVICE_READS},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	f.a.error = -ERANGE;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ERANGE, &f.shm);
	assert_nothing_attached(&f.a);
	f.a.error = 0;
	f.a.nowhere = true;
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -ERANGE, &f.shm);
	assert_nothing_attached(&f.a);
	f.a.nowhere = false;
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(uses[0].count, 1);
}

/* --- the end --- */

static const struct amph_policy_rule one_buffer[] = {
	{.target = "A",
	 .provider = "*",
	 .direction = AMPH_DEVICE_READS_WRITES,
	 .size_max = SIZE,
	 .count_max = 1},
	{.target = "*", .provider = "*", .direction = AMPH_DEVICE_READS_WRITES},
};

static void what_is_in_quarantine_counts_until_the_target_is_proved_off(void **state)
{
	struct amph_shm other;
	struct amph_range ranges[4];
	struct amph_attachment attachment;
	struct amph_segment segment;
	const struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct fake_target again;
	(void)state;

	set_policy(one_buffer, 2);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, SIZE, false), 0);
	amph_target_lost(&f.a.target);
	assert_int_equal(uses[0].size, SIZE);
	assert_int_equal(amph_shm_detach(&f.to_a), -EBUSY);
	assert_int_equal(uses[0].count, 1);
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), -EINPROGRESS);
	assert_int_equal(uses[0].size, SIZE);

	/* the next session with it, under the same name: a peer gains nothing by dying */
	fake_target_init(&again, "A");
	assert_int_equal(amph_shm_open(&f.memory, &other, &storage, "test:other", SIZE, 0), 0);
	assert_refused(amph_shm_attach(&other, &again.target, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &attachment, &segment, 1),
		       -EDQUOT, &other);

	amph_target_off(&f.a.target);
	assert_int_equal(uses[0].size, 0);
	assert_int_equal(uses[0].count, 0);
	assert_int_equal(amph_shm_attach(&other, &again.target, AMPH_DEVICE_READS,
					 AMPH_SYNC_MESSAGES, &attachment, &segment, 1),
			 0);
	assert_int_equal(uses[0].size, SIZE);
}

static void a_live_buffer_whose_target_is_proved_off_counts_no_more(void **state)
{
	(void)state;
	set_policy(one_buffer, 2);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	amph_target_off(&f.a.target);
	assert_nothing_attached(&f.a);
	assert_int_equal(amph_target_up(&f.a.target), 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(uses[0].count, 1);
}

/* --- passing on --- */

static void bytes_pass_only_to_who_may_have_them_without_the_cpu(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "B",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .flags = AMPH_POLICY_NO_PASS},
		{.target = "*", .provider = "test", .direction = AMPH_DEVICE_READS_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	assert_int_equal(fixture_attach(&f, &f.b, AMPH_DEVICE_READS), 0);
	assert_int_equal(fixture_attach(&f, &f.c, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_sync_for_device(&f.to_a, 0, SIZE, false), 0);
	assert_refused(amph_shm_may_pass(&f.to_a, &f.to_b, 0, SIZE), -EACCES, &f.shm);
	assert_refused(amph_shm_pass(&f.to_a, &f.to_b, 0, SIZE), -EACCES, &f.shm);
	assert_explained("policy: target \"B\", provider \"test\": rule 1 wants bytes to come from "
			 "the CPU, not from another target");
	/* it is still the first's, and goes where it may */
	assert_int_equal(amph_shm_check(&f.shm), 0);
	assert_int_equal(amph_shm_pass(&f.to_a, &f.to_c, 0, SIZE), 0);
	assert_int_equal(amph_shm_sync_for_cpu(&f.to_c, 0, SIZE), 0);
	/* the CPU has seen it: it may give it */
	assert_int_equal(amph_shm_sync_for_device(&f.to_b, 0, SIZE, false), 0);
}

/* --- imports --- */

static int import(struct amph_shm *shm, struct amph_target *home, uint32_t direction,
		  struct amph_attachment *attachment)
{
	return amph_shm_import(&f.memory, shm, &f.storage, "test:not-what-it-says", SIZE, 0, bytes,
			       0, home, direction, attachment);
}

static void a_buffer_that_is_offered_counts_as_offered_whatever_its_name(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A",
		 .provider = AMPH_POLICY_OFFERED,
		 .direction = AMPH_DEVICE_READS,
		 .size_max = SIZE},
		{.target = "*", .provider = "test", .direction = AMPH_DEVICE_READS_WRITES},
	};
	struct amph_target home;
	struct amph_shm shm, second;
	struct amph_attachment attachment, second_attachment;
	struct amph_range range;
	(void)state;

	set_policy(rules, 2);
	amph_target_home_init(&home, "A");
	assert_int_equal(import(&shm, &home, AMPH_DEVICE_READS_WRITES, &attachment), -EACCES);
	assert_non_null(f.memory.why.what);
	assert_null(f.memory.buffers);
	assert_null(home.attachments);
	assert_explained("policy: target \"A\", provider \"offered\": rule 1 allows reading, not "
			 "reading and writing");

	assert_int_equal(import(&shm, &home, AMPH_DEVICE_READS, &attachment), 0);
	assert_int_equal(uses[0].size, SIZE);
	f.storage.ranges = &range;
	f.storage.range_max = 1;
	assert_int_equal(import(&second, &home, AMPH_DEVICE_READS, &second_attachment), -EDQUOT);
	assert_int_equal(uses[0].count, 1);
	assert_int_equal(amph_shm_put(&shm), 0);
	assert_int_equal(uses[0].size, 0);
	assert_int_equal(import(&second, &home, AMPH_DEVICE_READS, &second_attachment), 0);

	amph_target_home_init(&home, "B");
	assert_int_equal(import(&shm, &home, AMPH_DEVICE_READS, &attachment), -EACCES);
}

/* --- requests --- */

static int ask(const char *name, uint64_t size, uint32_t direction)
{
	return f.memory.policy->ops->request(&f.memory, &f.a.target, name, size, direction);
}

static void a_request_is_judged_by_the_provider_that_it_names(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .size_max = SIZE},
		{.target = "A", .provider = "long-*", .direction = AMPH_DEVICE_READS_WRITES},
	};
	(void)state;

	set_policy(rules, 2);
	assert_int_equal(ask("test:x", SIZE, AMPH_DEVICE_READS), 0);
	assert_int_equal(ask("test:x", SIZE + 1, AMPH_DEVICE_READS), -EDQUOT);
	assert_non_null(f.memory.why.what);
	assert_int_equal(ask("test:x", 1, AMPH_DEVICE_WRITES), -EACCES);
	assert_int_equal(ask("tes:x", 1, AMPH_DEVICE_READS), -EACCES);
	assert_int_equal(ask("long-name:x", 1, AMPH_DEVICE_WRITES), 0);
	/* asking reserves nothing */
	assert_int_equal(uses[0].size, 0);
	assert_int_equal(uses[0].count, 0);
}

static void a_request_without_a_providers_name_is_judged_by_all_that_there_are(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A",
		 .provider = "test",
		 .direction = AMPH_DEVICE_READS,
		 .size_max = SIZE},
		{.target = "A", .provider = "unknown", .direction = AMPH_DEVICE_READS_WRITES},
		{.target = "B", .provider = "import", .direction = AMPH_DEVICE_WRITES},
	};
	(void)state;

	set_policy(rules, 3);
	assert_int_equal(ask("", SIZE, AMPH_DEVICE_READS), 0);
	assert_int_equal(ask("no-provider-in-this", SIZE, AMPH_DEVICE_READS), 0);
	assert_int_equal(ask(":", SIZE, AMPH_DEVICE_READS), 0);
	assert_int_equal(ask("", SIZE + 1, AMPH_DEVICE_READS), -EDQUOT);
	assert_explained("policy: target \"A\", any provider: rule 1 lets 4096 bytes be attached "
			 "at once, this would make 4097");
	/* "unknown" is none that this context has */
	assert_int_equal(ask("", 1, AMPH_DEVICE_WRITES), -EACCES);
	f.a.target.name = "B";
	assert_int_equal(ask("", 1, AMPH_DEVICE_WRITES), 0);
	f.a.target.name = "C";
	assert_int_equal(ask("", 1, AMPH_DEVICE_WRITES), -EACCES);
}

static void a_peer_that_asks_without_end_does_not_fill_the_log(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "test", .direction = AMPH_DEVICE_READS},
	};
	(void)state;

	set_policy(rules, 1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask("test:x", 1, AMPH_DEVICE_WRITES), -EACCES);
	assert_int_equal(uses[0].refusals, 1000);
	assert_int_equal(logged.count, 10); /* the 1st, 2nd, 4th ... 512th */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(ask("nothing:x", 1, AMPH_DEVICE_WRITES), -EACCES);
	assert_int_equal(policy.refusals, 1000);
	assert_int_equal(logged.count, 20);
	/* the count never starts anew */
	uses[0].refusals = UINT32_MAX;
	assert_int_equal(ask("test:x", 1, AMPH_DEVICE_WRITES), -EACCES);
	assert_int_equal(uses[0].refusals, UINT32_MAX);
	assert_int_equal(logged.count, 20);
}

/* --- words --- */

static void a_refusal_is_logged_with_the_names_of_both(void **state)
{
	static const struct amph_policy_rule rules[] = {
		{.target = "A", .provider = "test", .direction = AMPH_DEVICE_READS, .line = 3},
	};
	(void)state;

	set_policy(rules, 1);
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), -EACCES, &f.shm);
	assert_int_equal(logged.count, 1);
	assert_int_equal(logged.level, AMPH_LOG_WARNING);
	assert_string_equal(logged.last, "policy: target \"A\", provider \"test\": rule 1 (line 3) "
					 "allows reading, not writing");
}

static void the_words_fit_wherever_they_are_written(void **state)
{
	struct amph_policy_refusal refusal = {.reason = AMPH_POLICY_SIZE,
					      .rule = UINT32_MAX,
					      .line = UINT32_MAX,
					      .value = UINT64_MAX,
					      .limit = UINT64_MAX};
	char whole[2 * AMPH_POLICY_TEXT], text[AMPH_POLICY_TEXT + 1];
	(void)state;

	memset(refusal.target, 't', AMPH_NAME_MAX - 1);
	memset(refusal.provider, 'p', AMPH_NAME_MAX - 1);
	for (int reason = 0; reason <= AMPH_POLICY_PASSED_ON + 1; reason++) {
		refusal.reason = (enum amph_policy_reason)reason;
		amph_policy_explain(&refusal, whole, sizeof(whole));
		assert_true(strlen(whole) < AMPH_POLICY_TEXT);
		for (uint32_t size = 1; size <= AMPH_POLICY_TEXT; size++) {
			size_t length = strlen(whole) < size ? strlen(whole) : size - 1;

			memset(text, '#', sizeof(text));
			amph_policy_explain(&refusal, text, size);
			assert_int_equal(strlen(text), length);
			assert_memory_equal(text, whole, length);
			assert_int_equal(text[size], '#');
		}
	}
	for (uint64_t number = 1; number; number = number > UINT64_MAX / 7 ? 0 : number * 7) {
		refusal.reason = AMPH_POLICY_COUNT;
		refusal.limit = number;
		refusal.value = number - 1;
		amph_policy_explain(&refusal, whole, sizeof(whole));
		snprintf(text, sizeof(text), " lets %llu buffers", (unsigned long long)number);
		assert_non_null(strstr(whole, text));
		snprintf(text, sizeof(text), "would make %llu", (unsigned long long)number - 1);
		assert_string_equal(strstr(whole, "would"), text);
	}
}

static void long_names_are_cut(void **state)
{
	char name[2 * AMPH_NAME_MAX];
	(void)state;

	memset(name, 'n', sizeof(name));
	name[sizeof(name) - 1] = 0;
	set_policy(NULL, 0);
	f.a.target.name = name;
	fixture_open(&f, SIZE, 0);
	assert_refused(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), -EACCES, &f.shm);
	assert_int_equal(strlen(policy.refusal.target), AMPH_NAME_MAX - 1);
	assert_string_equal(policy.refusal.provider, "test");
}

/* --- the table, and where it is set --- */

static void a_rule_that_can_mean_nothing_is_refused(void **state)
{
	static const struct amph_policy_rule wrong[] = {
		{.target = NULL, .provider = "p", .direction = 1},
		{.target = "t", .provider = NULL, .direction = 1},
		{.target = "", .provider = "p", .direction = 1},
		{.target = "t", .provider = "", .direction = 1},
		{.target = "*t", .provider = "p", .direction = 1},
		{.target = "t", .provider = "p**", .direction = 1},
		{.target = "t", .provider = "p", .direction = 4},
		{.target = "t", .provider = "p", .direction = 1, .flags = 4},
		{.target = "t", .provider = "p", .flags = AMPH_POLICY_ENFORCED},
		{.target = "t", .provider = "p", .size_max = 1},
		{.target = "t", .provider = "p", .count_max = 1},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		const struct amph_policy_rule rules[] = {
			{.target = "u", .provider = "p", .direction = 1}, wrong[i]};
		struct amph_why why = {0};

		assert_int_equal(amph_policy_init(&policy, rules, uses, 2, &why), -EINVAL);
		assert_non_null(why.what);
		assert_int_equal(why.value, 2);
		assert_int_equal(amph_policy_init(&policy, rules, uses, 2, NULL), -EINVAL);
	}
	assert_int_equal(amph_policy_init(&policy, wrong, NULL, 1, NULL), -EINVAL);
	assert_int_equal(amph_policy_init(&policy, NULL, uses, 1, NULL), -EINVAL);
	assert_int_equal(amph_policy_init_checked(&policy, NULL, NULL, 0, NULL, AMPH_ABI + 1,
						  sizeof(policy)),
			 -EPROTO);
}

#define RULE(t, p)                                                             \
	{                                                                      \
		.target = (t), .provider = (p), .direction = AMPH_DEVICE_READS \
	}

static void a_rule_that_is_never_reached_is_refused(void **state)
{
	static const struct {
		struct amph_policy_rule rules[2];
		int error;
	} cases[] = {
		{{RULE("a", "p"), RULE("a", "p")}, -EINVAL},
		{{RULE("a*", "p"), RULE("ab", "p")}, -EINVAL},
		{{RULE("*", "*"), RULE("a*", "p*")}, -EINVAL},
		{{RULE("a*", "p"), RULE("a*", "p")}, -EINVAL},
		{{RULE("a*", "p"), RULE("*", "p")}, 0},
		{{RULE("a", "p"), RULE("a*", "p")}, 0},
		{{RULE("*", "p"), RULE("a", "*")}, 0},
		{{RULE("ab", "p"), RULE("a", "p")}, 0},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct amph_why why = {0};

		assert_int_equal(amph_policy_init(&policy, cases[i].rules, uses, 2, &why),
				 cases[i].error);
		if (cases[i].error) {
			assert_int_equal(why.value, 2);
			assert_int_equal(why.limit, 1);
		}
	}
}

static void a_policy_is_set_before_the_first_buffer_is_open(void **state)
{
	struct amph_target home;
	struct amph_shm shm;
	struct amph_attachment attachment;
	(void)state;

	assert_int_equal(amph_policy_init(&policy, one_buffer, uses, 2, NULL), 0);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, &policy), -EBUSY);
	assert_non_null(f.memory.why.what);
	assert_null(f.memory.policy);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_READS), 0);
	assert_int_equal(amph_shm_abandon(&f.shm, NULL), -EINPROGRESS);
	assert_int_equal(amph_memory_set_policy(&f.memory, &policy), -EBUSY);
	amph_target_off(&f.a.target);

	amph_target_home_init(&home, "A");
	assert_int_equal(import(&shm, &home, AMPH_DEVICE_READS, &attachment), 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, &policy), -EBUSY);
	assert_int_equal(amph_shm_put(&shm), 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, &policy), 0);
	/* and taken away the same */
	fixture_open(&f, SIZE, 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, NULL), -EBUSY);
	assert_int_equal(amph_shm_put(&f.shm), 0);
	assert_int_equal(amph_memory_set_policy(&f.memory, NULL), 0);
	assert_null(policy.memory);
}

static void a_policy_counts_for_one_context(void **state)
{
	struct amph_memory other;
	(void)state;

	set_policy(one_buffer, 2);
	assert_int_equal(amph_memory_init(&other), 0);
	assert_int_equal(amph_memory_set_policy(&other, &policy), -EBUSY);
	assert_null(other.policy);
	assert_int_equal(amph_memory_set_policy(&f.memory, NULL), 0);
	assert_int_equal(amph_memory_set_policy(&other, &policy), 0);
	assert_ptr_equal(policy.memory, &other);
}

/* --- processes and threads --- */

static void a_child_neither_uses_up_nor_gives_back_its_parents_limit(void **state)
{
	int status;
	pid_t child;
	(void)state;

	set_policy(one_buffer, 2);
	fixture_open(&f, SIZE, 0);
	assert_int_equal(fixture_attach(&f, &f.a, AMPH_DEVICE_WRITES), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		bool refused = fixture_attach(&f, &f.b, AMPH_DEVICE_WRITES) == -EPERM &&
			       amph_shm_detach(&f.to_a) == -EPERM &&
			       amph_memory_set_policy(&f.memory, NULL) == -EPERM;

		amph_target_off(&f.a.target); /* does nothing here */
		_exit(refused && uses[0].size == SIZE && uses[0].count == 1 && !uses[1].count &&
				      f.memory.policy == &policy
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(uses[0].count, 1);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	assert_int_equal(uses[0].count, 0);
}

/* Attaches and detaches, and runs against the limit, in a context and with a policy of its own. */
static void *use_own_context(void *argument)
{
	struct fixture own;
	struct amph_policy own_policy;
	struct amph_policy_use own_uses[2];
	uintptr_t wrong = 0;

	(void)argument;
	fixture_init(&own, 8);
	wrong += amph_policy_init(&own_policy, one_buffer, own_uses, 2, NULL) != 0;
	wrong += amph_memory_set_policy(&own.memory, &own_policy) != 0;
	fixture_open(&own, SIZE, 0);
	for (int i = 0; i < 1000; i++) {
		struct fake_target second;

		fake_target_init(&second, "A");
		wrong += fixture_attach(&own, &own.a, AMPH_DEVICE_READS) != 0;
		wrong += fixture_attach(&own, &second, AMPH_DEVICE_READS) != -EDQUOT;
		wrong += amph_shm_detach(&own.to_a) != 0;
		wrong += own_uses[0].size || own_uses[0].count;
	}
	fixture_free(&own);
	return (void *)wrong;
}

static void threads_share_a_table_but_not_a_count(void **state)
{
	pthread_t threads[4];
	(void)state;

	amph_log_set(NULL, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_own_context, NULL), 0);
	for (int i = 0; i < 4; i++) {
		void *wrong;

		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_a_policy_everybody_may_have_everything),
		TEST(a_policy_without_rules_lets_nobody_have_anything),
		TEST(the_named_target_may_have_the_named_providers_memory),
		TEST(the_direction_of_a_rule_is_all_that_is_allowed),
		TEST(the_first_rule_that_names_both_decides),
		TEST(a_denial_is_told_with_the_line_of_its_rule),
		TEST(a_star_stands_for_any_rest_of_a_name),
		TEST(a_target_without_a_name_is_only_everybody),
		TEST(bytes_past_a_rules_limit_are_refused_until_others_are_detached),
		TEST(a_limit_may_be_used_up_to_the_last_byte),
		TEST(a_size_that_would_wrap_the_count_is_refused),
		TEST(buffers_past_a_rules_limit_are_refused_until_others_are_detached),
		TEST(a_rule_that_wants_enforced_limits_refuses_what_is_only_agreed),
		TEST(what_the_target_refuses_counts_for_nothing),
		TEST(what_is_in_quarantine_counts_until_the_target_is_proved_off),
		TEST(a_live_buffer_whose_target_is_proved_off_counts_no_more),
		TEST(bytes_pass_only_to_who_may_have_them_without_the_cpu),
		TEST(a_buffer_that_is_offered_counts_as_offered_whatever_its_name),
		TEST(a_request_is_judged_by_the_provider_that_it_names),
		TEST(a_request_without_a_providers_name_is_judged_by_all_that_there_are),
		TEST(a_peer_that_asks_without_end_does_not_fill_the_log),
		TEST(a_refusal_is_logged_with_the_names_of_both),
		TEST(the_words_fit_wherever_they_are_written),
		TEST(long_names_are_cut),
		TEST(a_rule_that_can_mean_nothing_is_refused),
		TEST(a_rule_that_is_never_reached_is_refused),
		TEST(a_policy_is_set_before_the_first_buffer_is_open),
		TEST(a_policy_counts_for_one_context),
		TEST(a_child_neither_uses_up_nor_gives_back_its_parents_limit),
		TEST(threads_share_a_table_but_not_a_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
