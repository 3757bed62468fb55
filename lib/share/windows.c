/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window hook for address maps: offered segments must lie in regions that the integrator allows.
 * Share layer; freestanding. Between an offer and its acceptance; nothing outside is ever touched.
 */
#include "share/internal.h"

/* The region that has the whole segment, and where it is there. */
static int find(const struct amph_windows_map *map, const struct amph_segment *segment, void **va)
{
	for (uint32_t i = 0; i < map->count; i++) {
		if (map->regions[i].va &&
		    !amph_io_da_to_va(&map->regions[i], segment->address, segment->length, va))
			return 0;
	}
	return -ERANGE;
}

static int map_segments(void *argument, const struct amph_segment *segments, uint32_t count,
			uint64_t size, uint32_t direction, intptr_t handle, void **va)
{
	const struct amph_windows_map *map = argument;
	uintptr_t next = 0;
	bool straight = true;
	void *first = NULL;

	(void)size;
	(void)direction;
	amph_session_drop_handle(handle); /* addresses say it all */
	for (uint32_t i = 0; i < count; i++) {
		void *here;
		int error = find(map, &segments[i], &here);

		if (error)
			return error;
		if (!i)
			first = here;
		else if ((uintptr_t)here != next)
			straight = false;
		next = (uintptr_t)here + (uintptr_t)segments[i].length;
	}
	*va = straight ? first : NULL;
	return 0;
}

void amph_windows_map_init(struct amph_session_windows *windows, struct amph_windows_map *map,
			   const struct amph_io *regions, uint32_t count)
{
	map->regions = regions;
	map->count = count;
	*windows = (struct amph_session_windows){.map = map_segments, .argument = map};
}
