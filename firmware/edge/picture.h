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
	uint8_t *output; /* the same, apart from it */
	uint32_t width;
	uint32_t height;
};

/* Edges: rows first .. last - 1 of the output. */
void picture_edges(const struct picture *picture, uint32_t first, uint32_t last);

/* One row of the output that is not at the border; the rows above and below lie beside `row`. */
void picture_edges_row(const uint8_t *row, uint8_t *output, uint32_t width);

/* One row in place; and row y of the generated picture. */
void picture_invert_row(uint8_t *row, uint32_t width);
void picture_draw_row(uint8_t *row, uint32_t width, uint32_t y);

#endif
