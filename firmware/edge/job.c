/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Jobs on shared buffers. Knows sessions and buffers, and the picture's formulas.
 */
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "edge.h"
#include "job.h"
#include "picture.h"
#include "pieces.h"

#define BAND_PIXELS 131072u /* about a millisecond */
#define RETURN_MS   1000
#define RUNS_MAX    16u

static bool side_fits(uint32_t side)
{
	return side >= 1 && side <= EDGE_SIDE_MAX;
}

/* Does this side own width * height bytes at the plane's offset? */
static bool owns_plane(struct amph_shm *shm, uint64_t offset, uint32_t width, uint32_t height,
		       bool write)
{
	return !amph_shm_check_access(shm, offset, (uint64_t)width * height, write);
}

/* The library maintains the caches of what has a va, which pieces have not. */
static bool is_kept(const struct amph_share *share)
{
	return share->va || !board_cache();
}

static uint32_t check(const struct amph_share *share, uint32_t operation, uint32_t width,
		      uint32_t height)
{
	struct amph_shm *shm = share->shm;
	uint32_t direction = operation == EDGE_DRAWN ? AMPH_DEVICE_WRITES
						     : AMPH_DEVICE_READS_WRITES;
	uint64_t plane, size;

	if (!side_fits(width) || !side_fits(height))
		return EDGE_BAD_SIZE;
	plane = edge_plane_offset(width, height);
	size = operation == EDGE_DRAWN ? (uint64_t)width * height : 2 * plane;
	if (size > shm->size)
		return EDGE_BAD_SIZE;
	if ((share->direction & direction) != direction)
		return EDGE_NOT_REACHABLE;
	if (!is_kept(share))
		return EDGE_NOT_REACHABLE;
	if (operation == EDGE_DRAWN)
		return owns_plane(shm, 0, width, height, true) ? EDGE_OK : EDGE_NOT_OWNED;
	if (operation == EDGE_DETECT && !owns_plane(shm, 0, width, height, false))
		return EDGE_NOT_OWNED;
	return owns_plane(shm, plane, width, height, true) ? EDGE_OK : EDGE_NOT_OWNED;
}

uint32_t job_start(struct job *job, struct amph_session *session, struct amph_share *share,
		   uint32_t operation, uint32_t width, uint32_t height)
{
	uint32_t status = job->session ? EDGE_BUSY : check(share, operation, width, height);

	if (!status)
		*job = (struct job){.session = session,
				    .share = share,
				    .operation = operation,
				    .width = width,
				    .height = height};
	return status;
}

/* Neighbours that are held alike go back together. Returns how many runs there are. */
static uint32_t find_runs(const struct amph_shm *shm, struct amph_range *runs)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < shm->range_count; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];
		struct amph_range *last = count ? &runs[count - 1] : NULL;

		if (!(range->holders & AMPH_HOLDER_CPU))
			continue;
		if (last && last->offset + last->length == range->offset &&
		    last->reading == range->reading)
			last->length += range->length;
		else if (count < RUNS_MAX)
			runs[count++] = *range;
	}
	return count;
}

void job_return(struct amph_session *session, struct amph_share *share, uint32_t operation,
		uint32_t status)
{
	struct amph_range runs[RUNS_MAX]; /* returning changes the buffer's own list */
	uint32_t count = find_runs(share->shm, runs);

	for (uint32_t i = 0; i < count; i++) {
		uint32_t more = i + 1 < count ? EDGE_MORE : 0;
		int error = amph_session_return(session, share, runs[i].offset, runs[i].length,
						(uint64_t)operation << 56 | status | more,
						amph_deadline(RETURN_MS));

		if (error) {
			trace("a range was not returned", (uint64_t)-error, runs[i].offset);
			return;
		}
	}
}

/* The rows that one row's edges need lie together; at the border its edges are 0. */
static void find_edges(const struct job *job, uint32_t row, uint8_t *output)
{
	static uint8_t rows[3 * EDGE_SIDE_MAX];
	uint32_t width = job->width;
	uint64_t above = ((uint64_t)row - 1) * width;
	const uint8_t *input;

	if (row == 0 || row == job->height - 1) {
		__builtin_memset(output, 0, width);
		return;
	}
	input = pieces_find(job->share, above, 3 * (uint64_t)width);
	if (!input) {
		pieces_gather(job->share, above, 3 * width, rows);
		input = rows;
	}
	picture_edges_row(input + width, output, width);
}

/* At most EDGE_SIDE_MAX bytes, where they lie or put together. */
static void invert(const struct amph_share *share, uint64_t offset, uint32_t length)
{
	static uint8_t together[EDGE_SIDE_MAX];
	uint8_t *where = pieces_find(share, offset, length);

	if (where) {
		picture_invert_row(where, length);
		return;
	}
	pieces_gather(share, offset, length, together);
	picture_invert_row(together, length);
	pieces_scatter(share, offset, length, together);
}

uint32_t job_flip(const struct amph_share *share, uint64_t offset, uint64_t length)
{
	if (length > EDGE_FLIP_MAX)
		return EDGE_BAD_SIZE;
	if (share->direction != AMPH_DEVICE_READS_WRITES || !is_kept(share))
		return EDGE_NOT_REACHABLE;
	if (amph_shm_check_access(share->shm, offset, length, true))
		return EDGE_NOT_OWNED;
	while (length) {
		uint32_t part = length < EDGE_SIDE_MAX ? (uint32_t)length : EDGE_SIDE_MAX;

		invert(share, offset, part);
		offset += part;
		length -= part;
	}
	return EDGE_OK;
}

static void compute_row(const struct job *job, uint32_t row)
{
	static uint8_t together[EDGE_SIDE_MAX];
	const struct amph_share *share = job->share;
	uint32_t width = job->width;
	uint64_t plane = job->operation == EDGE_DRAWN ? 0 : edge_plane_offset(width, job->height);
	uint64_t offset = plane + (uint64_t)row * width;
	uint8_t *where = pieces_find(share, offset, width);
	uint8_t *output = where ? where : together;

	if (job->operation == EDGE_INVERT) {
		invert(share, offset, width);
		return;
	}
	if (job->operation == EDGE_DETECT)
		find_edges(job, row, output);
	else
		picture_draw_row(output, width, row);
	if (!where)
		pieces_scatter(share, offset, width, output);
}

bool job_run(struct job *job)
{
	uint32_t rows = BAND_PIXELS / job->width;
	uint32_t end = job->height - job->row > rows ? job->row + rows : job->height;
	struct job now = *job;

	for (uint32_t row = job->row; row < end; row++)
		compute_row(job, row);
	job->row = end;
	if (end < job->height)
		return false;
	job->session = NULL;
	job_return(now.session, now.share, now.operation, EDGE_OK);
	return true;
}
