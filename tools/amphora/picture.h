/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Picture: PNG files in and out of one grey plane, and the edges the CPU would find.
 * Tool code; knows libpng, nothing of Amphora: the planes may lie in a shared buffer.
 */
#ifndef TOOLS_PICTURE_H
#define TOOLS_PICTURE_H

#include <stdint.h>
#include <stdio.h>

#define PICTURE_MAX 8192 /* pixels, each way */

/* An open PNG whose size is known and whose chunks are whole. */
struct picture_file {
	FILE *file;
	const char *path;
	uint32_t width, height;
};

/* Called now and then with rows done and rows in all; may be NULL. */
typedef void (*picture_progress)(uint32_t done, uint32_t total);

/*
 * Opens a PNG and looks at its frame: signature, size, chunk by chunk to the end, no decoding.
 * Returns 0, or -errno and the reason in `error` (a sentence that names the file, the value and the
 * limit). On error nothing is open.
 */
int picture_open(struct picture_file *picture, const char *path, char *error, size_t error_size);

/*
 * Decodes into `grey`: width x height bytes, rows without gaps. Colour becomes
 * (77 R + 150 G + 29 B + 128) >> 8, grey stays, alpha is ignored, 16 bits lose their low byte.
 * Returns 0, or -errno and the reason.
 */
int picture_decode(struct picture_file *picture, uint8_t *grey, picture_progress progress,
		   char *error, size_t error_size);

void picture_close(struct picture_file *picture);

/*
 * Writes an 8-bit grey PNG, whole or not at all: the file appears under its name when it is complete.
 * Returns 0, or -errno and the reason.
 */
int picture_write(const char *path, const uint8_t *grey, uint32_t width, uint32_t height,
		  picture_progress progress, char *error, size_t error_size);

/*
 * The edges of a grey picture, as the coprocessor must find them: the 3 x 3 Sobel sums gx and gy,
 * min(255, |gx| + |gy|), border pixels 0. Compares with `found`, touches neither.
 * Returns the number of pixels that differ and the first of them in *first.
 */
uint64_t picture_compare_edges(const uint8_t *grey, const uint8_t *found, uint32_t width,
			       uint32_t height, uint64_t *first);

#endif
