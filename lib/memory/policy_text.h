/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Text that is written piece by piece into the caller's array, and cut where that ends.
 * Memory layer, private; freestanding: no formatted output of a C library.
 */
#ifndef AMPH_POLICY_TEXT_H
#define AMPH_POLICY_TEXT_H

#include <stdint.h>

struct text {
	char *at;
	uint32_t left; /* without the 0 that ends it */
};

void amph_text_add(struct text *text, const char *words);
void amph_text_number(struct text *text, uint64_t number);

#endif
