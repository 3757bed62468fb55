/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces: a shared buffer that lies in memory in several places, row by row.
 * Linux's memory is scattered, and this processor sees it as it is: a row that lies in one piece is used
 * where it is, one that does not is put together for the computation, and taken apart again.
 */
#ifndef FIRMWARE_PIECES_H
#define FIRMWARE_PIECES_H

#include <stddef.h>
#include <stdint.h>

#include <amphora/session.h>

/* The bytes of an accepted share where they lie, if that is one piece; else NULL. Inside the buffer. */
uint8_t *pieces_find(const struct amph_share *share, uint64_t offset, uint64_t length);

/* Copies bytes of an accepted share out of its pieces, or into them. Inside the buffer. */
void pieces_gather(const struct amph_share *share, uint64_t offset, uint32_t length, uint8_t *to);
void pieces_scatter(const struct amph_share *share, uint64_t offset, uint32_t length,
		    const uint8_t *from);

#endif
