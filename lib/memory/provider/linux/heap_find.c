/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which dma-heap gives contiguous memory: its name is the default CMA region's, and that differs from
 * kernel to kernel and from board to board.
 * Memory layer, Linux; knows names only.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "memory/internal.h"
#include "memory/provider/linux/dmabuf_internal.h"

#define PATH_SIZE 512

static bool is_there(const char *folder, const char *name, const char *file)
{
	char path[PATH_SIZE];
	int length = snprintf(path, sizeof(path), "%s/%s%s", folder, name, file);

	return length > 0 && (size_t)length < sizeof(path) && !access(path, F_OK);
}

/*
 * The alphabetically first name in `folder` that starts with `prefix`, has `file` beneath it and a heap of
 * its own; kept in found[AMPH_HEAP_NAME_MAX]. Returns 1; 0 for none; or -errno: a folder that there is but
 * that can't be read now may hold the right one.
 */
static int first_heap_in(const char *folder, const char *prefix, const char *file,
			 const char *heaps, char *found)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;
	int error;

	found[0] = 0;
	if (!entries)
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	for (;;) {
		errno = 0;
		entry = readdir(entries);
		error = errno;
		if (!entry)
			break;
		if (strncmp(entry->d_name, prefix, strlen(prefix)))
			continue;
		if (entry->d_name[0] == '.' || strlen(entry->d_name) >= AMPH_HEAP_NAME_MAX)
			continue;
		if (found[0] && strcmp(entry->d_name, found) > 0)
			continue;
		if (is_there(folder, entry->d_name, file) && is_there(heaps, entry->d_name, ""))
			memcpy(found, entry->d_name, strlen(entry->d_name) + 1);
	}
	closedir(entries);
	return error ? -error : found[0] != 0;
}

static bool usual_heap(const char *heaps, char *found)
{
	static const char *const names[] = {"default_cma_region", "linux,cma", "default-pool",
					    "reserved"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (is_there(heaps, names[i], "")) {
			memcpy(found, names[i], strlen(names[i]) + 1);
			return true;
		}
	}
	return false;
}

static int unreadable(struct amph_why *why, int error)
{
	return amph_refuse(why, error, "the heaps could not be looked through", 0, 0);
}

static int hand_out(const char *found, char *heap, size_t size, struct amph_why *why)
{
	if (strlen(found) >= size)
		return amph_refuse(why, -ERANGE, "no room for the heap's name", strlen(found) + 1,
				   size);
	memcpy(heap, found, strlen(found) + 1);
	return 0;
}

int amph_heap_choose_cma(const char *heaps, const char *reserved_memory, const char *regions,
			 char *heap, size_t size, struct amph_why *why)
{
	char found[AMPH_HEAP_NAME_MAX];
	int result = first_heap_in(reserved_memory, "", "/linux,cma-default", heaps, found);

	if (!result)
		result = usual_heap(heaps, found);
	if (!result)
		result = first_heap_in(regions, "", "", heaps, found);
	if (result < 0)
		return unreadable(why, result);
	if (!result)
		return amph_refuse(why, -ENOENT,
				   "no heap of contiguous memory is in /dev/dma_heap: "
				   "CONFIG_DMABUF_HEAPS_CMA and cma=, or linux,cma-default",
				   0, 0);
	return hand_out(found, heap, size, why);
}

int amph_heap_choose_protected(const char *heaps, char *heap, size_t size, struct amph_why *why)
{
	char found[AMPH_HEAP_NAME_MAX];
	int result = first_heap_in(heaps, AMPH_HEAP_PROTECTED, "", heaps, found);

	if (result < 0)
		return unreadable(why, result);
	if (!result)
		return amph_refuse(why, -ENOENT,
				   "no heap named " AMPH_HEAP_PROTECTED "... is in "
				   "/dev/dma_heap",
				   0, 0);
	return hand_out(found, heap, size, why);
}

int amph_heap_find_cma(char *heap, size_t size, struct amph_why *why)
{
	return amph_heap_choose_cma("/dev/dma_heap",
				    "/sys/firmware/devicetree/base/reserved-memory",
				    "/sys/kernel/mm/cma", heap, size, why);
}

int amph_heap_find_protected(char *heap, size_t size, struct amph_why *why)
{
	return amph_heap_choose_protected("/dev/dma_heap", heap, size, why);
}
