/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "memory map": a processor or device that reaches memory through straight windows.
 * Memory layer; freestanding; knows windows and physical segments, not who looks through them.
 * attach turns the buffer's pa into the target's da.
 */
#include <amphora/target.h>

#include "memory/internal.h"

/* The window that pa lies in, or NULL. */
static const struct amph_window *find(const struct amph_map *map, uint64_t pa)
{
	for (uint32_t i = 0; i < map->count; i++)
		if (pa >= map->windows[i].pa && pa - map->windows[i].pa < map->windows[i].length)
			return &map->windows[i];
	return NULL;
}

/* Translates one physical segment; it may go on from one window into the next. */
static int translate(const struct amph_map *map, struct amph_attachment *attachment,
		     struct amph_segment segment)
{
	while (segment.length) {
		struct amph_segment part = segment;

		if (map->count) {
			const struct amph_window *window = find(map, segment.address);
			uint64_t inside;

			if (!window)
				return amph_refuse(&attachment->shm->why, -ERANGE,
						   "no window of the target holds this address",
						   segment.address, segment.length);
			inside = segment.address - window->pa;
			part.address = window->da + inside;
			if (part.length > window->length - inside)
				part.length = window->length - inside;
		}
		if (amph_segments_append(attachment->segments, &attachment->segment_count,
					 attachment->segment_max, part.address, part.length))
			return amph_refuse(&attachment->shm->why, -ENOSPC,
					   "no storage for the target's segments",
					   attachment->segment_count + 1, attachment->segment_max);
		segment.address += part.length;
		segment.length -= part.length;
	}
	return 0;
}

static int map_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	/* the target is the first member */
	const struct amph_target_map *map = (const struct amph_target_map *)target;
	const struct amph_shm *shm = attachment->shm;

	if (!shm->segment_count)
		return amph_refuse(&attachment->shm->why, -ENOTSUP,
				   "the buffer's physical addresses are not known", 0, 1);
	for (uint32_t i = 0; i < shm->segment_count; i++) {
		int error = translate(&map->map, attachment, shm->storage.segments[i]);

		if (error)
			return error;
	}
	return 0;
}

static void map_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	/* windows stand by themselves: nothing was made, nothing is undone */
	(void)target;
	(void)attachment;
}

static const struct amph_target_ops map_ops = {.attach = map_attach, .detach = map_detach};

int amph_target_map_init_checked(struct amph_target_map *target, const char *name,
				 const struct amph_map *map, struct amph_why *why, uint32_t abi,
				 uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*target));

	if (!error)
		error = amph_map_check(map, why);
	if (error)
		return error;
	*target = (struct amph_target_map){
		.target = {.name = name, .ops = &map_ops, .address_bits = 64, .coherent = true},
		.map = *map,
	};
	return 0;
}
