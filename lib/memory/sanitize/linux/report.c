/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reports: lines on stderr, each written at once, so that threads and processes do not mix theirs.
 * Memory layer, Linux; knows nothing of what is reported. May run in a signal's handler.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memory/sanitize/linux/internal.h"

#define LINE_MAX_BYTES 1024

uint32_t amph_sanitize_reports;

static void write_line(const char *line, size_t length)
{
	while (length) {
		ssize_t written = write(STDERR_FILENO, line, length);

		if (written < 0)
			return; /* nobody listens: the exit status still tells */
		line += written;
		length -= (size_t)written;
	}
}

__attribute__((format(printf, 2, 0))) static void say(const char *start, const char *format,
						      va_list arguments)
{
	char line[LINE_MAX_BYTES];
	size_t room = sizeof(line) - 1; /* for the end of the line */
	int length = snprintf(line, room, "%s", start), more;

	more = vsnprintf(line + length, room - (size_t)length, format, arguments);
	if (more > 0)
		length += more;
	if ((size_t)length > room - 1)
		length = (int)(room - 1);
	line[length++] = '\n';
	write_line(line, (size_t)length);
}

void amph_sanitize_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}

void amph_sanitize_report(const char *format, ...)
{
	char start[48];
	va_list arguments;

	amph_sanitize_reports++;
	snprintf(start, sizeof(start), "==%d== amphora: ", (int)getpid());
	va_start(arguments, format);
	say(start, format, arguments);
	va_end(arguments);
}

void *amph_sanitize_allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory) {
		amph_sanitize_say("amphora: no memory left for the sanitizers (%zu bytes)",
				  count * size);
		abort();
	}
	return memory;
}
