/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes ownership: the input chooses buffer, targets, hand-offs and what the cache does; the model
 * of tests/unit/ownership_model.h checks every answer, every record and every byte read.
 * Test code.
 */
#include <stdio.h>

#include "unit/ownership_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void model_wrong(const char *what, int line)
{
	fprintf(stderr, "line %d: %s\n", line, what);
	abort();
}

/* A byte for each choice, all of which are among at most 256; 0 when the input is used up. */
static uint32_t draw_input(struct model_source *source, uint32_t limit)
{
	uint32_t value;

	if (!source->size)
		return 0;
	value = *source->data;
	source->data++;
	source->size--;
	return value % limit;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model_source source = {.draw = draw_input, .data = data, .size = size};
	struct model m;

	model_open(&m, &source);
	while (source.size)
		model_step(&m);
	model_close(&m);
	return 0;
}
