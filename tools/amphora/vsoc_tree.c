/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device tree's reader. Tool code; see vsoc_tree.h. The file is anybody's: every offset and size
 * in it is checked.
 */
#include "vsoc_tree.h"
#include "tool.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define NODE	 "coprocessor-bus"
#define PROPERTY "dma-ranges"

enum { MAGIC = (int)0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };
enum { HEADER_MAGIC, HEADER_SIZE, HEADER_STRUCTURE, HEADER_STRINGS, HEADER_WORDS = 10 };

struct tree {
	const uint8_t *bytes;
	uint64_t size;
	uint64_t at; /* in the structure block */
	uint64_t strings;
};

static uint32_t word_at(const struct tree *tree, uint64_t at)
{
	uint32_t word;

	memcpy(&word, tree->bytes + at, sizeof(word));
	return be32toh(word);
}

/* The next word of the structure. Returns 0, or -EINVAL past the end. */
static int next(struct tree *tree, uint32_t *word)
{
	if (tree->size < sizeof(*word) || tree->at > tree->size - sizeof(*word))
		return -EINVAL;
	*word = word_at(tree, tree->at);
	tree->at += sizeof(*word);
	return 0;
}

/* A text with its NUL, or NULL. */
static const char *text_at(const struct tree *tree, uint64_t at, uint64_t *length)
{
	const uint8_t *end = at < tree->size ? memchr(tree->bytes + at, 0, tree->size - at) : NULL;

	if (!end)
		return NULL;
	*length = (uint64_t)(end - tree->bytes) - at;
	return (const char *)tree->bytes + at;
}

static void skip(struct tree *tree, uint64_t length)
{
	tree->at = (tree->at + length + 3) & ~(uint64_t)3;
}

/* A property's value; `name` is in the block of strings. */
static int property(struct tree *tree, const char **name, uint64_t *value, uint32_t *length)
{
	uint64_t name_length;
	uint32_t name_at;

	if (next(tree, length) || next(tree, &name_at) || *length > tree->size - tree->at)
		return -EINVAL;
	*name = text_at(tree, tree->strings + name_at, &name_length);
	*value = tree->at;
	skip(tree, *length);
	return *name ? 0 : -EINVAL;
}

/* Where the property's value is. Returns 0, -ENOENT, or -EINVAL. */
static int find(struct tree *tree, uint64_t *value, uint32_t *length)
{
	uint32_t depth = 0, token;
	bool inside = false;
	uint64_t name_length;
	const char *name;

	for (;;) {
		if (next(tree, &token))
			return -EINVAL;
		if (token == END)
			return -ENOENT;
		if (token == BEGIN_NODE) {
			name = text_at(tree, tree->at, &name_length);
			if (!name)
				return -EINVAL;
			skip(tree, name_length + 1);
			depth++;
			inside = inside || (depth == 2 && !strcmp(name, NODE));
		} else if (token == END_NODE) {
			if (inside && depth == 2)
				return -ENOENT;
			depth--;
		} else if (token == PROP) {
			if (property(tree, &name, value, length))
				return -EINVAL;
			if (inside && depth == 2 && !strcmp(name, PROPERTY))
				return 0;
		} else if (token != NOP) {
			return -EINVAL;
		}
	}
}

static uint64_t cells_at(const struct tree *tree, uint64_t at)
{
	return (uint64_t)word_at(tree, at) << 32 | word_at(tree, at + 4);
}

int vsoc_tree_window(const char *path, uint64_t *pa, uint64_t *da, uint64_t *length)
{
	struct tree tree = {0};
	uint64_t value;
	uint32_t size;
	int error;
	uint8_t *bytes = tool_read_file(path, &tree.size, &error);

	if (!bytes)
		return error;
	tree.bytes = bytes;
	error = -EINVAL;
	if (tree.size >= HEADER_WORDS * sizeof(uint32_t) && word_at(&tree, 0) == (uint32_t)MAGIC) {
		tree.at = word_at(&tree, HEADER_STRUCTURE * sizeof(uint32_t));
		tree.strings = word_at(&tree, HEADER_STRINGS * sizeof(uint32_t));
		error = find(&tree, &value, &size);
	}
	if (!error && size != 6 * sizeof(uint32_t))
		error = -EINVAL;
	if (!error) {
		*da = cells_at(&tree, value);
		*pa = cells_at(&tree, value + 8);
		*length = cells_at(&tree, value + 16);
	}
	free(bytes);
	return error;
}
