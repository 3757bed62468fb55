/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Sobel edges, inversion and the test picture. Compiled for speed even in a small firmware.
 * The sums of three pixels of a column slide along the row: each input byte is read once for each of
 * the three output rows it counts in.
 */
#include "picture.h"
#include "edge.h"

struct column {
	int32_t smooth; /* 1 2 1 downwards: the difference of two makes gx */
	int32_t slope; /* lower minus upper: 1 2 1 across makes gy */
};

static inline struct column column_at(const uint8_t *above, const uint8_t *row,
				      const uint8_t *below)
{
	int32_t a = *above, b = *below;

	return (struct column){a + 2 * *row + b, b - a};
}

static inline uint32_t magnitude(struct column left, struct column middle, struct column right)
{
	int32_t gx = right.smooth - left.smooth;
	int32_t gy = left.slope + 2 * middle.slope + right.slope;
	uint32_t sum = (uint32_t)(gx < 0 ? -gx : gx) + (uint32_t)(gy < 0 ? -gy : gy);

	return sum > 255 ? 255 : sum;
}

void picture_edges_row(const uint8_t *row, uint8_t *output, uint32_t width)
{
	const uint8_t *above = row - width, *below = row + width;
	struct column a, b, c;
	uint32_t x = 1;

	if (width < 3) {
		__builtin_memset(output, 0, width);
		return;
	}
	a = column_at(above, row, below);
	b = column_at(above + 1, row + 1, below + 1);
	output[0] = 0;
	/* Three at a time, so that the columns change their names and not their places. */
	for (; x + 3 < width; x += 3) {
		c = column_at(above + x + 1, row + x + 1, below + x + 1);
		output[x] = (uint8_t)magnitude(a, b, c);
		a = column_at(above + x + 2, row + x + 2, below + x + 2);
		output[x + 1] = (uint8_t)magnitude(b, c, a);
		b = column_at(above + x + 3, row + x + 3, below + x + 3);
		output[x + 2] = (uint8_t)magnitude(c, a, b);
	}
	for (; x + 1 < width; x++) {
		c = column_at(above + x + 1, row + x + 1, below + x + 1);
		output[x] = (uint8_t)magnitude(a, b, c);
		a = b;
		b = c;
	}
	output[width - 1] = 0;
}

void picture_edges(const struct picture *picture, uint32_t first, uint32_t last)
{
	uint32_t width = picture->width, height = picture->height;

	for (uint32_t y = first; y < last; y++) {
		uint8_t *output = picture->output + (uint64_t)y * width;

		if (y == 0 || y == height - 1)
			__builtin_memset(output, 0, width);
		else
			picture_edges_row(picture->input + (uint64_t)y * width, output, width);
	}
}

void picture_invert_row(uint8_t *row, uint32_t width)
{
	for (uint32_t x = 0; x < width; x++)
		row[x] = (uint8_t)~row[x];
}

void picture_draw_row(uint8_t *row, uint32_t width, uint32_t y)
{
	for (uint32_t x = 0; x < width; x++)
		row[x] = edge_test_pixel(x, y);
}
