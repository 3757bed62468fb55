/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora policy: what a policy's file means, or what is wrong with it; and what one target would get.
 */
#include "tool.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/policy_file.h>
#include <amphora/provider.h>

#define RULES_MAX 4096
#define TEXT_MAX  (1u << 20)

struct options {
	const char *words[5]; /* file, target, provider, direction, bytes */
	int count;
};

static const char *const directions[] = {"not have", "read", "write", "read and write"};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	if (key == ARGP_KEY_ARG && options->count < 5) {
		options->words[options->count++] = argument;
		return 0;
	}
	if (key == ARGP_KEY_END && options->count > 1 && options->count < 4)
		argp_error(state, "a target, a provider and a direction belong together");
	return key == ARGP_KEY_END ? 0 : ARGP_ERR_UNKNOWN;
}

static void show_limits(const struct amph_policy_rule *rule)
{
	if (rule->size_max)
		printf("; at most %" PRIu64 " bytes at once", rule->size_max);
	if (rule->count_max)
		printf("; at most %" PRIu32 " buffers at once", rule->count_max);
	if (rule->flags & AMPH_POLICY_ENFORCED)
		printf("; only where hardware enforces its limits");
	if (rule->flags & AMPH_POLICY_NO_PASS)
		printf("; only from the CPU, not passed on by another target");
}

static void show_rule(const struct amph_policy_rule *rule)
{
	bool offered = !strcmp(rule->provider, AMPH_POLICY_OFFERED);

	printf("line %" PRIu32 ": ", rule->line);
	if (offered)
		printf("this side may %s what target \"%s\" offers", directions[rule->direction],
		       rule->target);
	else
		printf("target \"%s\" may %s memory of provider \"%s\"", rule->target,
		       directions[rule->direction], rule->provider);
	show_limits(rule);
	printf("\n");
}

static void show(const struct amph_policy *policy)
{
	for (uint32_t i = 0; i < policy->rule_count; i++)
		show_rule(&policy->rules[i]);
	printf("the first line that names both target and provider decides; all else is refused\n");
}

/* Returns AMPH_DEVICE_*, 0 for none that there is. */
static uint32_t read_direction(const char *word)
{
	static const char *const words[] = {NULL, "reads", "writes", "reads-writes"};

	for (uint32_t i = 1; i < 4; i++)
		if (!strcmp(word, words[i]))
			return i;
	tool_error("\"%s\" is no direction; there are reads, writes and reads-writes", word);
	return 0;
}

static bool read_bytes(const char *word, uint64_t *bytes)
{
	char *end;

	errno = 0;
	*bytes = strtoull(word, &end, 0);
	if (!errno && end != word && !*end && *word != '-' && *bytes)
		return true;
	tool_error("\"%s\" is no number of bytes", word);
	return false;
}

/* As if nothing were attached yet. */
static int try(struct amph_policy *policy, const struct options *options)
{
	struct amph_target target = {.name = options->words[1]};
	uint32_t direction = read_direction(options->words[3]);
	struct amph_memory memory;
	char name[AMPH_NAME_MAX], text[AMPH_POLICY_TEXT];
	uint64_t bytes = 1;
	int error;

	if (!direction || (options->count > 4 && !read_bytes(options->words[4], &bytes)))
		return EXIT_USAGE;
	if (snprintf(name, sizeof(name), "%s:", options->words[2]) >= (int)sizeof(name) ||
	    !*options->words[2] || strchr(options->words[2], ':')) {
		tool_error("\"%s\" is no name of a provider", options->words[2]);
		return EXIT_USAGE;
	}
	error = amph_memory_init(&memory);
	if (!error)
		error = amph_memory_set_policy(&memory, policy);
	if (error) {
		tool_error("%s", strerror(-error));
		return EXIT_FAILED;
	}
	error = policy->ops->request(&memory, &target, name, bytes, direction);
	if (!error) {
		printf("allowed\n");
		return EXIT_FINE;
	}
	amph_policy_explain(&policy->refusal, text, sizeof(text));
	printf("refused: %s\n", text);
	return EXIT_FAILED;
}

int command_policy(int count, char **arguments)
{
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[FILE [TARGET PROVIDER DIRECTION [BYTES]]]",
		.doc = "Says what a policy means, or what is wrong with it: which target may have "
		       "which provider's memory. FILE: " AMPH_POLICY_PATH
		       " where none is given. With "
		       "a target, a provider and a direction (reads, writes, reads-writes): whether "
		       "that is allowed, while nothing is attached.\v"
		       "Exit status: 0 it is a policy, or allowed; 1 it is refused; 2 bad usage, or no "
		       "policy."};
	static struct amph_policy_rule rules[RULES_MAX];
	static struct amph_policy_use uses[RULES_MAX];
	static char text[TEXT_MAX];
	const struct amph_policy_storage storage = {rules, uses, RULES_MAX, text, sizeof(text)};
	struct amph_policy_error why;
	struct amph_policy policy;
	struct options options = {0};
	int status = EXIT_FINE;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	if (amph_policy_read(&policy, &storage, options.words[0], &why)) {
		tool_error("%s", why.text);
		return EXIT_USAGE;
	}
	if (options.count > 1)
		status = try(&policy, &options);
	else
		show(&policy);
	if (fflush(stdout) || ferror(stdout)) {
		tool_error("the answer: %s", strerror(errno));
		return EXIT_FAILED;
	}
	return status;
}
