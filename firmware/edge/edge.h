/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Edge: what the demo firmware and those who use it agree on. No functions but one formula; needs
 * no other header of the firmware.
 *
 * Service "amphora-share" (session.h): jobs ride on the cookie of a give.
 *   bits 63..56  operation
 *   bits 31..16  height, bits 15..0 width of the picture, 1 to 8192 each
 * A picture's buffer holds two planes of 8-bit pixels, rows without gaps: the input at 0, the output
 * at edge_plane_offset(). The buffer is at least twice that.
 * The parts may be given one by one with EDGE_HOLD; the operation comes with the last. When it
 * is done or refused, the firmware returns all it holds of that buffer; the cookie of the last return
 * has the operation in bits 63..56 and a status (EDGE_OK, ...) in bits 31..0, earlier ones the same
 * with status EDGE_MORE.
 * A buffer that was offered for a queue (queue.h) comes and goes by the queue, else by messages; all
 * of the above is the same. The firmware takes part in whatever queue the main processor sets up.
 *
 * Service "amphora-control": messages of 16 bytes, struct edge_control, answered one by one.
 */
#ifndef FIRMWARE_EDGE_H
#define FIRMWARE_EDGE_H

#include <stdint.h>

#define EDGE_CONTROL_SERVICE "amphora-control"
#define EDGE_SIDE_MAX	     8192u
#define EDGE_FLIP_MAX	     65536u

enum edge_operation {
	EDGE_HOLD = 0, /* nothing: the firmware keeps the range */
	EDGE_DETECT = 1, /* output = min(255, |gx| + |gy|) of the input, 3x3 Sobel, border 0 */
	EDGE_INVERT = 2, /* output = 255 - output, in place; needs the output plane only */
	EDGE_CRASH = 3, /* traps at once, holding what it holds */
	EDGE_DRAWN = 4, /* only in returns: the generated picture */
	/*
	 * The bytes of this range alone become 255 - byte, at once, and the range is returned. At most
	 * EDGE_FLIP_MAX bytes. Needs no picture: width and height are not looked at.
	 */
	EDGE_FLIP = 5
};

enum edge_status {
	EDGE_OK = 0,
	EDGE_BAD_SIZE = 1, /* width or height is no picture's, or the buffer is too small */
	EDGE_NOT_OWNED = 2, /* a plane was not given, or only for reading */
	EDGE_NOT_REACHABLE = 3, /* its direction forbids it, or it lies in pieces behind caches */
	EDGE_UNKNOWN = 4, /* operation */
	EDGE_BUSY = 5, /* this buffer has a job already, or one picture is being generated */
	EDGE_REFUSED = 6, /* control: the memory that was asked for was not granted */
	EDGE_MORE = 0x100 /* more returns of this buffer follow */
};

static inline uint64_t edge_cookie(uint32_t operation, uint32_t width, uint32_t height)
{
	return (uint64_t)operation << 56 | (uint64_t)(height & 0xffff) << 16 | (width & 0xffff);
}

static inline uint64_t edge_plane_offset(uint32_t width, uint32_t height)
{
	return ((uint64_t)width * height + 4095) & ~(uint64_t)4095;
}

enum edge_command {
	EDGE_PING = 0, /* the answer is the message */
	/*
	 * The firmware asks for a nameless buffer of width x height bytes that it reads and writes.
	 * When it was granted, accepted and then given all of it (EDGE_HOLD), it draws
	 * edge_test_pixel() and returns it with EDGE_DRAWN. The answer comes when it was returned, or
	 * with EDGE_REFUSED.
	 */
	EDGE_GENERATE = 1,
	EDGE_CRASH_NOW = 2, /* traps; no answer */
	EDGE_HANG = 3, /* spins, without a heartbeat; no answer */
	EDGE_EXIT = 4 /* ends in good order with exit code `argument`; no answer */
};

#define EDGE_ANSWER 0x80000000u

struct edge_control { /* little-endian */
	uint32_t command; /* the answer: with EDGE_ANSWER (but for EDGE_PING) */
	uint32_t width;
	uint32_t height;
	uint32_t argument; /* the answer: EDGE_OK, ... */
};

/* The generated picture. */
static inline uint8_t edge_test_pixel(uint32_t x, uint32_t y)
{
	return (uint8_t)((x ^ y) + (x * y >> 6));
}

#endif
