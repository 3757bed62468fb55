/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Trace: reading the text that a firmware leaves in a ring of its memory.
 * Remoteproc layer; freestanding. The firmware can write anything there at any time.
 */
#include <amphora/order.h>

#include "remoteproc/place.h"

/* What is no plain text must not reach a terminal. */
static char clean(char byte)
{
	return (byte < ' ' || byte > '~') && byte != '\n' && byte != '\t' ? '?' : byte;
}

int amph_rproc_trace(struct amph_rproc *rproc, char *text, uint32_t size, uint32_t *length)
{
	const struct amph_resource_trace *trace = &rproc->table.traces[0];
	uint64_t pa;
	void *va;

	*length = 0;
	if (!rproc->table.trace_count ||
	    amph_rproc_reach(rproc, trace->da, trace->length, &va, &pa))
		return -ENOENT;
	if (size > trace->length)
		size = trace->length;
	while (*length < size) {
		char byte;

		amph_copy_from_shared(&byte, (char *)va + rproc->trace_position, 1);
		if (!byte)
			break;
		/*
		 * pairs with the firmware's release before it stores the byte that was NUL: what
		 * follows that byte is there
		 */
		amph_barrier_acquire();
		text[(*length)++] = clean(byte);
		if (++rproc->trace_position == trace->length)
			rproc->trace_position = 0;
	}
	if (*length)
		amph_rproc_alive(rproc);
	return 0;
}

void amph_rproc_trace_flush(struct amph_rproc *rproc)
{
	if (!rproc->line_length)
		return;
	rproc->line[rproc->line_length] = 0;
	rproc->line_length = 0;
	rproc->config.trace_line(rproc, rproc->line);
}

static void add_to_line(struct amph_rproc *rproc, char byte)
{
	if (byte != '\n') {
		rproc->line[rproc->line_length++] = byte;
		if (rproc->line_length < sizeof(rproc->line) - 1)
			return;
	}
	amph_rproc_trace_flush(rproc);
}

/* A firmware that leaves no NUL must not keep us here: no more than its buffer holds. */
int amph_rproc_trace_lines(struct amph_rproc *rproc)
{
	uint32_t left = rproc->table.traces[0].length, length;
	char text[64];

	if (!rproc->config.trace_line)
		return -ENOENT;
	do {
		uint32_t size = left < sizeof(text) ? left : (uint32_t)sizeof(text);
		int error = amph_rproc_trace(rproc, text, size, &length);

		if (error)
			return error;
		for (uint32_t i = 0; i < length; i++)
			add_to_line(rproc, text[i]);
		left -= length;
	} while (length);
	return 0;
}
