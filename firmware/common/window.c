/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Windows over the DRAM. Knows the board's addresses. There is nothing to map or unmap on these
 * boards: all DRAM is reachable at all times, so this is a check and an addition.
 */
#include <stdbool.h>

#include "board.h"
#include "window.h"

#define FORBIDDEN_MAX 8

static struct amph_segment forbidden[FORBIDDEN_MAX];
static uint32_t forbidden_count;

/* The range is inside the DRAM, so that none of these sums wraps around. */
static bool is_allowed(uint64_t da, uint64_t length)
{
	for (uint32_t i = 0; i < forbidden_count; i++)
		if (da < forbidden[i].address + forbidden[i].length &&
		    forbidden[i].address < da + length)
			return false;
	return true;
}

int window_forbid(uint64_t da, uint64_t length)
{
	void *va;

	if (amph_io_da_to_va(board_dram(), da, length, &va))
		return -ERANGE;
	if (forbidden_count == FORBIDDEN_MAX)
		return -ENOSPC;
	forbidden[forbidden_count++] = (struct amph_segment){.address = da, .length = length};
	return 0;
}

void window_forget(void)
{
	forbidden_count = 0;
}

int window_find(uint64_t da, uint64_t length, void **va)
{
	if (amph_io_da_to_va(board_dram(), da, length, va) || !is_allowed(da, length))
		return -ERANGE;
	return 0;
}

int window_map(void *argument, const struct amph_segment *segments, uint32_t count, uint64_t size,
	       uint32_t direction, intptr_t handle, void **va)
{
	uint64_t end = 0, total = 0;
	bool one_piece = true;
	void *start = NULL;

	(void)argument;
	(void)direction;
	(void)handle;
	*va = NULL;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t da = segments[i].address, length = segments[i].length;
		void *piece;
		int error = window_find(da, length, &piece);

		if (error)
			return error;
		if (i == 0)
			start = piece;
		else if (da != end)
			one_piece = false;
		end = da + length;
		if (length > UINT64_MAX - total)
			return -ERANGE;
		total += length;
	}
	if (total < size)
		return -ERANGE;
	if (one_piece)
		*va = start;
	return 0;
}

void window_unmap(void *argument, void *va, uint64_t size)
{
	(void)argument;
	(void)va;
	(void)size;
}
