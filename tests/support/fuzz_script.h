/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: a fuzzer's input as a script. Past the end everything reads as 0.
 */
#ifndef TESTS_SUPPORT_FUZZ_SCRIPT_H
#define TESTS_SUPPORT_FUZZ_SCRIPT_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct script {
	const uint8_t *data;
	size_t size;
};

static inline uint8_t script_byte(struct script *script)
{
	if (!script->size)
		return 0;
	script->size--;
	return *script->data++;
}

static inline uint16_t script_word(struct script *script)
{
	uint16_t low = script_byte(script);

	return (uint16_t)(low | script_byte(script) << 8);
}

static inline uint32_t script_long(struct script *script)
{
	uint32_t low = script_word(script);

	return low | (uint32_t)script_word(script) << 16;
}

/* A truth that must hold whatever the other side does; in release builds too. */
#define HOLDS(condition)                                                                  \
	do {                                                                              \
		if (!(condition)) {                                                       \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, \
				#condition);                                              \
			abort();                                                          \
		}                                                                         \
	} while (0)

/* What a lying peer does: a byte, word or long anywhere in one piece of shared memory. */
static inline void script_scribble(struct script *script, void *memory, size_t size)
{
	uint8_t width = script_byte(script);
	size_t offset = script_word(script);
	uint32_t value = width & 2 ? script_long(script) : script_word(script);
	size_t length = width & 2 ? 4 : width & 1 ? 2 : 1;

	if (!size)
		return;
	offset %= size;
	if (length > size - offset)
		length = size - offset;
	memcpy((char *)memory + offset, &value, length);
}

#endif
