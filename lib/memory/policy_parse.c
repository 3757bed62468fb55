/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A policy's text: one rule a line, words between spaces.
 * Memory layer; freestanding. The text is the integrator's: a mistake in it is told by line and word, and
 * nothing of a text with a mistake counts.
 */
#include <amphora/policy_file.h>

#include "memory/internal.h"
#include "memory/policy_text.h"

#define WORDS_MAX  8 /* of the longest rule */
#define WORD_SHOWN 64u /* bytes of a word that is wrong */

struct line {
	char *words[WORDS_MAX];
	uint32_t count;
};

struct parser {
	const struct amph_policy_storage *storage;
	struct amph_policy_error *error;
	const char *name;
	uint32_t line;
	uint32_t rules;
};

/* As much of it as leaves room for what is wrong with it. */
static void add_word(struct text *text, const char *word)
{
	struct text shown = *text;
	uint32_t length = 0;

	while (length < WORD_SHOWN && word[length])
		length++;
	amph_text_add(&shown, "\"");
	if (shown.left > length) {
		struct text part = {.at = shown.at, .left = length};

		amph_text_add(&part, word);
		shown.left -= length;
		shown.at = part.at;
	}
	amph_text_add(&shown, word[length] ? "...\": " : "\": ");
	*text = shown;
}

/* word: what is wrong, or NULL. */
static int refuse(const struct parser *parser, int error, uint32_t line, const char *word,
		  const char *reason)
{
	struct text text = {.at = parser->error->text, .left = sizeof(parser->error->text) - 1};

	parser->error->line = line;
	amph_text_add(&text, parser->name);
	if (line) {
		amph_text_add(&text, ":");
		amph_text_number(&text, line);
	}
	amph_text_add(&text, ": ");
	if (word)
		add_word(&text, word);
	amph_text_add(&text, reason);
	return error;
}

static int refuse_word(const struct parser *parser, const char *word, const char *reason)
{
	return refuse(parser, -EINVAL, parser->line, word, reason);
}

static bool same(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* What follows "prefix" in the word, or NULL. */
static const char *after(const char *word, const char *prefix)
{
	while (*prefix)
		if (*word++ != *prefix++)
			return NULL;
	return word;
}

static int read_name(const struct parser *parser, const char *word, const char **name)
{
	uint32_t length = 0;

	for (; word[length]; length++)
		if (word[length] == '*' && word[length + 1])
			return refuse_word(parser, word,
					   "\"*\" stands for the rest of a name, at its end");
	if (length >= AMPH_NAME_MAX)
		return refuse_word(parser, word, "the name is too long");
	*name = word;
	return 0;
}

static int read_direction(const struct parser *parser, const char *word, uint32_t *direction)
{
	static const char *const words[] = {NULL, "reads", "writes", "reads-writes"};

	for (uint32_t i = 1; i < 4; i++) {
		if (same(word, words[i])) {
			*direction = i;
			return 0;
		}
	}
	return refuse_word(parser, word,
			   "no such direction; there are reads, writes and reads-writes");
}

/* Digits, and with `units` perhaps a K, M or G of 1024 each; 1 to max. */
static int read_number(const struct parser *parser, const char *word, const char *digits,
		       bool units, uint64_t max, uint64_t *number)
{
	static const char letters[] = "KMG";
	uint64_t value = 0;
	uint32_t shift = 0;

	for (; *digits >= '0' && *digits <= '9'; digits++) {
		uint64_t digit = (uint64_t)(*digits - '0');

		if (value > (max - digit) / 10)
			return refuse_word(parser, word, "the number is too large");
		value = value * 10 + digit;
	}
	for (uint32_t i = 0; units && *digits && letters[i]; i++) {
		if (*digits == letters[i]) {
			shift = 10 * (i + 1);
			digits++;
			break;
		}
	}
	if (*digits || !value)
		return refuse_word(parser, word,
				   units ? "not a number of bytes, 1 or more; K, M or G may follow"
					 : "not a number, 1 or more");
	if (value > max >> shift)
		return refuse_word(parser, word, "the number is too large");
	*number = value << shift;
	return 0;
}

static int read_flag(const struct parser *parser, const char *word, uint32_t flag,
		     struct amph_policy_rule *rule)
{
	if (rule->flags & flag)
		return refuse_word(parser, word, "said twice");
	rule->flags |= flag;
	return 0;
}

static int read_option(const struct parser *parser, const char *word, struct amph_policy_rule *rule)
{
	const char *size = after(word, "size="), *count = after(word, "buffers=");
	uint64_t number = 0;
	int error;

	if (same(word, "enforced"))
		return read_flag(parser, word, AMPH_POLICY_ENFORCED, rule);
	if (same(word, "no-pass"))
		return read_flag(parser, word, AMPH_POLICY_NO_PASS, rule);
	if (!size && !count)
		return refuse_word(parser, word,
				   "no such word; there are size=, buffers=, enforced and no-pass");
	if (size ? rule->size_max : rule->count_max)
		return refuse_word(parser, word, "said twice");
	if (size)
		return read_number(parser, word, size, true, UINT64_MAX, &rule->size_max);
	error = read_number(parser, word, count, false, UINT32_MAX, &number);
	rule->count_max = (uint32_t)number;
	return error;
}

static int read_rule(struct parser *parser, const struct line *line)
{
	struct amph_policy_rule rule = {.line = parser->line};
	char *const *words = line->words;
	bool allows = same(words[0], "allow");
	int error;

	if (!allows && !same(words[0], "deny"))
		return refuse_word(parser, words[0], "no such rule; there are allow and deny");
	if (line->count < (allows ? 4u : 3u))
		return refuse_word(parser, words[line->count - 1],
				   allows ? "words are missing: allow TARGET PROVIDER DIRECTION"
					  : "words are missing: deny TARGET PROVIDER");
	error = read_name(parser, words[1], &rule.target);
	if (!error)
		error = read_name(parser, words[2], &rule.provider);
	if (!error && allows)
		error = read_direction(parser, words[3], &rule.direction);
	if (!error && !allows && line->count > 3)
		error = refuse_word(parser, words[3], "one word too many: deny TARGET PROVIDER");
	for (uint32_t i = 4; i < line->count && !error; i++)
		error = read_option(parser, words[i], &rule);
	if (error)
		return error;
	if (parser->rules == parser->storage->rule_max)
		return refuse(parser, -ENOSPC, parser->line, NULL,
			      "more rules than the application has room for");
	parser->storage->rules[parser->rules++] = rule;
	return 0;
}

/* Parts a line in words; what follows a # at the start of a word is a comment. */
static int split(const struct parser *parser, char *at, struct line *line)
{
	line->count = 0;
	for (;;) {
		while (*at == ' ' || *at == '\t')
			*at++ = 0;
		if (!*at || *at == '#')
			return 0;
		if (line->count == WORDS_MAX)
			return refuse_word(parser, line->words[WORDS_MAX - 1],
					   "more words follow than a rule has");
		line->words[line->count++] = at;
		while (*at > ' ' && *at <= '~')
			at++;
		if (*at && *at != ' ' && *at != '\t')
			return refuse(parser, -EINVAL, parser->line, NULL,
				      "a word with a character that is not ASCII");
	}
}

/* Before a word of it is shown to anybody. */
static int check_text(struct parser *parser, const char *text, uint32_t length)
{
	parser->line = 1;
	for (uint32_t i = 0; i < length; i++) {
		uint8_t byte = (uint8_t)text[i];

		if ((byte < ' ' && byte != '\t' && byte != '\n') || byte == 0x7f)
			return refuse(parser, -EINVAL, parser->line, NULL,
				      "a control character that is no tab");
		parser->line += text[i] == '\n';
	}
	return 0;
}

/* Every line is a text of its own afterwards. */
static int read_lines(struct parser *parser, char *text)
{
	char *at = text;

	for (parser->line = 1; *at; parser->line++) {
		struct line line;
		char *start = at;
		int error;

		while (*at && *at != '\n')
			at++;
		if (*at)
			*at++ = 0;
		error = split(parser, start, &line);
		if (!error && line.count)
			error = read_rule(parser, &line);
		if (error)
			return error;
	}
	return 0;
}

int amph_policy_parse_checked(struct amph_policy *policy, const struct amph_policy_storage *storage,
			      uint32_t length, const char *name, struct amph_policy_error *error,
			      uint32_t abi, uint32_t size)
{
	struct parser parser = {.storage = storage, .error = error, .name = name};
	struct amph_why why = {0};
	int failed = amph_abi_check(abi, size, (uint32_t)sizeof(*policy));

	*error = (struct amph_policy_error){0};
	if (failed)
		return failed;
	if (length >= storage->text_size)
		return refuse(&parser, -ENOSPC, 0, NULL, "no room for the end of the text");
	failed = check_text(&parser, storage->text, length);
	if (!failed) {
		storage->text[length] = 0;
		failed = read_lines(&parser, storage->text);
	}
	if (failed)
		return failed;
	failed = amph_policy_init(policy, storage->rules, storage->uses, parser.rules, &why);
	if (failed == -EINVAL)
		/* the only thing of a table that its lines do not show one by one */
		return refuse(&parser, failed, storage->rules[why.value - 1].line, NULL,
			      "the rule is never reached: one before it names as much");
	return failed;
}
