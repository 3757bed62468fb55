/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a UIO device's map by name, and what sysfs says about it.
 * Memory layer, Linux; knows sysfs. Before any memory is mapped.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/internal.h"
#include "memory/provider/linux/uio_internal.h"
#include "platform/linux/sysfs.h"

#define NUMBER_MAX 65535
#define PATH_SIZE  600
#define NAME_SIZE  128

/*
 * Finds "<prefix>N" in a folder, by that or by its file "name". Returns N; -ENOENT, -EEXIST when two
 * have the name.
 */
static int find(const char *folder, const char *prefix, const char *wanted)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	int found = -ENOENT;

	while (entries && (entry = readdir(entries))) {
		char path[PATH_SIZE], name[NAME_SIZE];
		uint32_t number;
		int length = snprintf(path, sizeof(path), "%s/%s/name", folder, entry->d_name);

		if (!amph_sysfs_number(entry->d_name, prefix, &number) || number > NUMBER_MAX ||
		    length < 0 || (size_t)length >= sizeof(path))
			continue;
		if (!strcmp(entry->d_name, wanted)) {
			found = (int)number; /* the exact one, whatever names others have */
			break;
		}
		if (!amph_sysfs_read(path, name, sizeof(name)) && !strcmp(name, wanted))
			found = found == -ENOENT ? (int)number : -EEXIST;
	}
	if (entries)
		closedir(entries);
	return found;
}

static bool read_number(const char *folder, const struct uio_map *map, const char *file,
			uint64_t *value)
{
	char path[PATH_SIZE], line[NAME_SIZE], *end;
	int length = snprintf(path, sizeof(path), "%s/uio%u/maps/map%u/%s", folder, map->device,
			      map->map, file);

	if (length < 0 || (size_t)length >= sizeof(path) ||
	    amph_sysfs_read(path, line, sizeof(line)))
		return false;
	errno = 0;
	*value = strtoull(line, &end, 0);
	return !errno && end != line && !*end;
}

static int check(const struct uio_map *map, struct amph_why *why)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	/* drivers may put a kernel's virtual address there: those are at the top of 64 bits */
	if (map->address >> 63)
		return amph_refuse(why, -EINVAL, "the UIO map's address is not a physical one",
				   map->address, INT64_MAX);
	if (map->address % page || map->size % page || map->offset >= map->size)
		return amph_refuse(why, -EINVAL, "the UIO map is not whole pages of memory",
				   map->address | map->size, page);
	if (map->size > INT64_MAX - map->address || map->size > SIZE_MAX)
		return amph_refuse(why, -EINVAL, "the UIO map is larger than can be mapped",
				   map->size, SIZE_MAX);
	return 0;
}

int amph_uio_find(const char *folder, const char *device, const char *map, struct uio_map *found,
		  struct amph_why *why)
{
	char maps[256];
	int number, length;

	if (!device || !*device)
		return amph_refuse(why, -EINVAL, "a UIO device has a name", 0, 0);
	number = find(folder, "uio", device);
	if (number == -EEXIST)
		return amph_refuse(why, number, "several UIO devices have this name: say uioN", 0,
				   0);
	if (number < 0)
		return amph_refuse(why, number, "no UIO device of this name is in /sys/class/uio",
				   0, 0);
	found->device = (unsigned int)number;
	length = snprintf(maps, sizeof(maps), "%s/uio%u/maps", folder, found->device);
	if (length < 0 || (size_t)length >= sizeof(maps))
		return amph_refuse(why, -ENAMETOOLONG, "the folder's name is too long", 0, 0);
	number = find(maps, "map", map ? map : "map0");
	if (number == -EEXIST)
		return amph_refuse(why, number, "several maps have this name: say mapM", 0, 0);
	if (number < 0)
		return amph_refuse(why, number, "the UIO device has no map of this name",
				   found->device, 0);
	found->map = (unsigned int)number;
	if (!read_number(folder, found, "addr", &found->address) ||
	    !read_number(folder, found, "size", &found->size) ||
	    !read_number(folder, found, "offset", &found->offset))
		return amph_refuse(why, -EINVAL, "sysfs does not say where the UIO map is",
				   found->device, found->map);
	return check(found, why);
}
