/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A policy's refusal in words, with the names of who was refused what.
 * Memory layer; freestanding: no formatted output of a C library.
 */
#include <amphora/policy.h>

#include "memory/policy_text.h"

void amph_text_add(struct text *text, const char *words)
{
	for (; *words && text->left; text->left--)
		*text->at++ = *words++;
	*text->at = 0;
}

/* By subtraction: a small processor divides 64 bits only with a library. */
void amph_text_number(struct text *text, uint64_t number)
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
		amph_text_add(text, digit);
	}
}

static void add_direction(struct text *text, uint64_t direction)
{
	static const char *const words[] = {"nothing", "reading", "writing", "reading and writing"};

	amph_text_add(text, words[direction & AMPH_DEVICE_READS_WRITES]);
}

static void add_limit(struct text *text, const struct amph_policy_refusal *refusal,
		      const char *what)
{
	amph_text_add(text, " lets ");
	amph_text_number(text, refusal->limit);
	amph_text_add(text, what);
	amph_text_add(text, " be attached at once, this would make ");
	amph_text_number(text, refusal->value);
}

/* "rule 3", or where it is written. */
static void add_rule(struct text *text, const struct amph_policy_refusal *refusal)
{
	amph_text_add(text, "rule ");
	amph_text_number(text, refusal->rule);
	if (!refusal->line)
		return;
	amph_text_add(text, " (line ");
	amph_text_number(text, refusal->line);
	amph_text_add(text, ")");
}

static void add_reason(struct text *text, const struct amph_policy_refusal *refusal)
{
	switch (refusal->reason) {
	case AMPH_POLICY_DENIES:
		amph_text_add(text, " denies everything");
		break;
	case AMPH_POLICY_DIRECTION:
		amph_text_add(text, " allows ");
		add_direction(text, refusal->limit);
		amph_text_add(text, ", not ");
		add_direction(text, refusal->value);
		break;
	case AMPH_POLICY_SIZE:
		add_limit(text, refusal, " bytes");
		break;
	case AMPH_POLICY_COUNT:
		add_limit(text, refusal, " buffers");
		break;
	case AMPH_POLICY_NOT_ENFORCED:
		amph_text_add(text, " wants limits that hardware enforces, and nothing does");
		break;
	case AMPH_POLICY_PASSED_ON:
		amph_text_add(text, " wants bytes to come from the CPU, not from another target");
		break;
	default:
		amph_text_add(text, " refuses nothing");
		break;
	}
}

void amph_policy_explain(const struct amph_policy_refusal *refusal, char *text, uint32_t size)
{
	struct text line = {.at = text, .left = size - 1};

	amph_text_add(&line, "policy: target \"");
	amph_text_add(&line, refusal->target);
	amph_text_add(&line, "\", ");
	if (refusal->provider[0]) {
		amph_text_add(&line, "provider \"");
		amph_text_add(&line, refusal->provider);
		amph_text_add(&line, "\": ");
	} else {
		amph_text_add(&line, "any provider: ");
	}
	if (refusal->reason == AMPH_POLICY_HAS_NO_RULE) {
		amph_text_add(&line, "no rule names both");
		return;
	}
	add_rule(&line, refusal);
	add_reason(&line, refusal);
}
