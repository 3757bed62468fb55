/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Picture: the demo's computations, a band of rows at a time, on planes of 8-bit pixels without gaps.
 * Pure functions on checked memory: whoever calls them has made sure of sizes and ownership.
 */
#ifndef FIRMWARE_PICTURE_H
#define FIRMWARE_PICTURE_H

#include <stdint.h>

struct picture {
	const uint8_t *input; /* width * height bytes */
	uint8_t *output; /* the same, apart from it, at a multiple of 4 */
	uint32_t width;
	uint32_t height;
};

/* Rows first .. last - 1 of the output. */
void picture_edges(const struct picture *picture, uint32_t first, uint32_t last);
void picture_invert(const struct picture *picture, uint32_t first, uint32_t last);
void picture_draw(const struct picture *picture, uint32_t first, uint32_t last);

#endif
