/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes a policy's text: whatever it is, it is a policy or refused with a line that says where; and what a
 * policy's rules say, written down again, is the same policy.
 * Test code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/policy_file.h>

#define RULES_MAX 16
#define TEXT_MAX  8192

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s\n", what);
	abort();
}

struct parsed {
	struct amph_policy policy;
	struct amph_policy_rule rules[RULES_MAX];
	struct amph_policy_use uses[RULES_MAX];
	struct amph_policy_error error;
};

static int parse(struct parsed *parsed, char *text, size_t length)
{
	const struct amph_policy_storage storage = {parsed->rules, parsed->uses, RULES_MAX, text,
						    (uint32_t)length + 1};

	memset(parsed, 0, sizeof(*parsed));
	return amph_policy_parse(&parsed->policy, &storage, (uint32_t)length, "text",
				 &parsed->error);
}

static void check_refusal(const struct parsed *parsed, int error, size_t lines)
{
	require(error == -EINVAL || error == -ENOSPC, "an error that is not documented");
	require(!parsed->policy.ops, "a refused policy is one");
	require(parsed->error.line >= 1 && parsed->error.line <= lines, "no such line");
	require(memchr(parsed->error.text, 0, sizeof(parsed->error.text)) != NULL, "no end");
	for (const char *c = parsed->error.text; *c; c++)
		require(*c >= ' ' && *c <= '~', "a terminal is told more than words");
}

static void write_down(const struct amph_policy *policy, char *text, size_t size)
{
	static const char *const directions[] = {"", "reads", "writes", "reads-writes"};
	size_t at = 0;

	text[0] = 0;
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct amph_policy_rule *rule = &policy->rules[i];

		at += (size_t)snprintf(text + at, size - at, "%s %s %s %s",
				       rule->direction ? "allow" : "deny", rule->target,
				       rule->provider, directions[rule->direction]);
		if (rule->size_max)
			at += (size_t)snprintf(text + at, size - at, " size=%llu",
					       (unsigned long long)rule->size_max);
		if (rule->count_max)
			at += (size_t)snprintf(text + at, size - at, " buffers=%u",
					       rule->count_max);
		at += (size_t)snprintf(text + at, size - at, "%s%s\n",
				       rule->flags & AMPH_POLICY_ENFORCED ? " enforced" : "",
				       rule->flags & AMPH_POLICY_NO_PASS ? " no-pass" : "");
	}
}

static void check_policy(const struct amph_policy *policy)
{
	static struct parsed again;
	static char text[TEXT_MAX];

	write_down(policy, text, sizeof(text));
	require(!parse(&again, text, strlen(text)), "what was a policy is none");
	require(again.policy.rule_count == policy->rule_count, "there are other rules");
	for (uint32_t i = 0; i < policy->rule_count; i++) {
		const struct amph_policy_rule *a = &policy->rules[i], *b = &again.rules[i];

		require(!strcmp(a->target, b->target) && !strcmp(a->provider, b->provider) &&
				a->direction == b->direction && a->flags == b->flags &&
				a->size_max == b->size_max && a->count_max == b->count_max,
			"a rule is another");
		require(strlen(a->target) < AMPH_NAME_MAX && strlen(a->provider) < AMPH_NAME_MAX,
			"a name is too long");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct parsed parsed;
	/* exactly as long as it says: a sanitizer sees the first byte too far */
	char *text;
	size_t lines = 1;
	int error;

	if (size > TEXT_MAX / 2)
		return 0;
	text = malloc(size + 1);
	if (!text)
		return 0;
	if (size)
		memcpy(text, data, size);
	for (size_t i = 0; i < size; i++)
		lines += data[i] == '\n';
	error = parse(&parsed, text, size);
	if (error)
		check_refusal(&parsed, error, lines);
	else
		check_policy(&parsed.policy);
	free(text);
	return 0;
}
