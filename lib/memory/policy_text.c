/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A policy's refusal in words, with the names of who was refused what.
 * Memory layer; freestanding: no formatted output of a C library.
 */
#include <amphora/policy.h>

struct text {
	char *at;
	uint32_t left; /* without the end */
};

static void add(struct text *text, const char *words)
{
	for (; *words && text->left; text->left--)
		*text->at++ = *words++;
	*text->at = 0;
}

/* By subtraction: a small processor divides 64 bits only with a library. */
static void add_number(struct text *text, uint64_t number)
{
	uint64_t powers[20] = {1};
	uint32_t length = 1;

	while (length < 20 && number / 2 >= powers[length - 1] * 5) {
		powers[length] = powers[length - 1] * 10;
		length++;
	}
	while (length--) {
		char digit[2] = "0";

		for (; number >= powers[length]; number -= powers[length])
			digit[0]++;
		add(text, digit);
	}
}

static void add_direction(struct text *text, uint64_t direction)
{
	static const char *const words[] = {"nothing", "reading", "writing", "reading and writing"};

	add(text, words[direction & AMPH_DEVICE_READS_WRITES]);
}

static void add_limit(struct text *text, const struct amph_policy_refusal *refusal,
		      const char *what)
{
	add(text, " lets ");
	add_number(text, refusal->limit);
	add(text, what);
	add(text, " be attached at once, this would make ");
	add_number(text, refusal->value);
}

/* "rule 3", or where it is written. */
static void add_rule(struct text *text, const struct amph_policy_refusal *refusal)
{
	add(text, "rule ");
	add_number(text, refusal->rule);
	if (!refusal->line)
		return;
	add(text, " (line ");
	add_number(text, refusal->line);
	add(text, ")");
}

static void add_reason(struct text *text, const struct amph_policy_refusal *refusal)
{
	switch (refusal->reason) {
	case AMPH_POLICY_DENIES:
		add(text, " denies everything");
		break;
	case AMPH_POLICY_DIRECTION:
		add(text, " allows ");
		add_direction(text, refusal->limit);
		add(text, ", not ");
		add_direction(text, refusal->value);
		break;
	case AMPH_POLICY_SIZE:
		add_limit(text, refusal, " bytes");
		break;
	case AMPH_POLICY_COUNT:
		add_limit(text, refusal, " buffers");
		break;
	case AMPH_POLICY_NOT_ENFORCED:
		add(text, " wants limits that hardware enforces, and nothing does");
		break;
	case AMPH_POLICY_PASSED_ON:
		add(text, " wants bytes to come from the CPU, not from another target");
		break;
	default:
		add(text, " refuses nothing");
		break;
	}
}

void amph_policy_explain(const struct amph_policy_refusal *refusal, char *text, uint32_t size)
{
	struct text line = {.at = text, .left = size - 1};

	add(&line, "policy: target \"");
	add(&line, refusal->target);
	add(&line, "\", ");
	if (refusal->provider[0]) {
		add(&line, "provider \"");
		add(&line, refusal->provider);
		add(&line, "\": ");
	} else {
		add(&line, "any provider: ");
	}
	if (refusal->reason == AMPH_POLICY_HAS_NO_RULE) {
		add(&line, "no rule names both");
		return;
	}
	add_rule(&line, refusal);
	add_reason(&line, refusal);
}
