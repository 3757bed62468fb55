/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pieces of a shared buffer. The window hook has checked every segment when the buffer was offered, and
 * they are kept in this firmware's own memory.
 */
#include "pieces.h"

#include "../common/window.h"

/* Up to `length` bytes from `offset` on, as far as they lie in one piece. Returns how many. */
static uint64_t piece_at(const struct amph_share *share, uint64_t offset, uint64_t length,
			 uint8_t **va)
{
	uint64_t start = 0;

	/* all of it in one piece, where the session has it mapped */
	if (share->va) {
		if (offset >= share->size)
			return 0;
		*va = (uint8_t *)share->va + offset;
		return length < share->size - offset ? length : share->size - offset;
	}
	for (uint32_t i = 0; i < share->segments_received; i++) {
		const struct amph_segment *segment = &share->segments[i];
		uint64_t inside = offset - start, left = segment->length - inside;
		void *piece;

		if (inside >= segment->length) {
			start += segment->length;
			continue;
		}
		if (left < length)
			length = left;
		if (window_find(segment->address + inside, length, &piece))
			break;
		*va = piece;
		return length;
	}
	return 0;
}

uint8_t *pieces_find(const struct amph_share *share, uint64_t offset, uint64_t length)
{
	uint8_t *va = NULL;

	return piece_at(share, offset, length, &va) == length ? va : NULL;
}

void pieces_gather(const struct amph_share *share, uint64_t offset, uint32_t length, uint8_t *to)
{
	uint8_t *piece;

	while (length) {
		uint32_t bytes = (uint32_t)piece_at(share, offset, length, &piece);

		if (!bytes)
			return;
		__builtin_memcpy(to, piece, bytes);
		to += bytes;
		offset += bytes;
		length -= bytes;
	}
}

void pieces_scatter(const struct amph_share *share, uint64_t offset, uint32_t length,
		    const uint8_t *from)
{
	uint8_t *piece;

	while (length) {
		uint32_t bytes = (uint32_t)piece_at(share, offset, length, &piece);

		if (!bytes)
			return;
		__builtin_memcpy(piece, from, bytes);
		from += bytes;
		offset += bytes;
		length -= bytes;
	}
}
