/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window hook for processes: maps the fd that came with an offer.
 * Share layer, Linux only. Memory that could shrink under the mapping, or a segment list that is not
 * one stretch of the fd, is refused.
 */
#include "share/internal.h"

#include <amphora/memfd.h>

static int map_fd(void *argument, const struct amph_segment *segments, uint32_t count,
		  uint64_t size, uint32_t direction, intptr_t handle, void **va)
{
	uint64_t next = segments[0].address;
	struct amph_why why = {0};
	int error = 0;

	(void)argument;
	if (handle < 0)
		return -EBADF;
	for (uint32_t i = 0; i < count && !error; i++) {
		/* the session has checked that no segment wraps around */
		if (segments[i].address != next)
			error = -EINVAL;
		next = segments[i].address + segments[i].length;
	}
	if (!error)
		error = amph_memfd_map((int)handle, segments[0].address, size,
				       direction & AMPH_DEVICE_WRITES, va, &why);
	amph_session_drop_handle(handle); /* the mapping keeps the memory */
	return error;
}

static void unmap_fd(void *argument, void *va, uint64_t size)
{
	(void)argument;
	if (va)
		amph_memfd_unmap(va, size);
}

void amph_windows_process_init(struct amph_session_windows *windows)
{
	*windows = (struct amph_session_windows){.map = map_fd, .unmap = unmap_fd};
}
