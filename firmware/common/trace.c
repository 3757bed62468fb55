/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The trace buffer's writer. Knows order.h; no board. Used by the crash handlers too: takes no lock
 * and allocates nothing, so a line from an interrupt may replace one that it cut into.
 */
#include <amphora/order.h>

#include "trace.h"

#define LINE_MAX 120

static char *text;
static uint32_t text_size;
static uint32_t position; /* of the NUL after the newest byte */

void trace_start(char *buffer, uint32_t size)
{
	position = 0;
	text_size = size;
	text = buffer;
}

static void put(uint32_t at, char byte)
{
	amph_copy_to_shared(&text[at % text_size], &byte, 1);
}

/* The first byte is written last: until then a reader stands before it, at a NUL. */
static void publish(const char *line, uint32_t length)
{
	uint32_t start = position;

	put(start + length, 0);
	for (uint32_t i = 1; i < length; i++)
		put(start + i, line[i]);
	amph_barrier_release(); /* pairs with the reader's acquire of the byte that was NUL */
	put(start, line[0]);
	position = (start + length) % text_size;
}

static uint32_t append(char *line, uint32_t length, const char *what)
{
	while (*what && length < LINE_MAX)
		line[length++] = *what++;
	return length;
}

static uint32_t append_hex(char *line, uint32_t length, uint64_t value)
{
	char digits[19] = " 0x";
	uint32_t count = 3;
	int shift = 60;

	while (shift > 0 && !(value >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		digits[count++] = "0123456789abcdef"[value >> shift & 15];
	for (uint32_t i = 0; i < count && length < LINE_MAX; i++)
		line[length++] = digits[i];
	return length;
}

void trace(const char *what, uint64_t a, uint64_t b)
{
	char line[LINE_MAX + 1];
	uint32_t length = append(line, 0, what);

	if (text_size <= sizeof(line))
		return;
	if (a || b) {
		length = append(line, length, ":");
		length = append_hex(line, length, a);
		length = append_hex(line, length, b);
	}
	line[length++] = '\n';
	publish(line, length);
}

void trace_log(void *argument, enum amph_log_level level, const char *what, uint64_t value,
	       uint64_t limit)
{
	(void)argument;
	if (level <= AMPH_LOG_INFO)
		trace(what, value, limit);
}
