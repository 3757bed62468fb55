/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What UIO's files share: what sysfs says about a map.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_UIO_INTERNAL_H
#define AMPH_UIO_INTERNAL_H

#include <stdint.h>

#include <amphora/error.h>

#define UIO_CLASS "/sys/class/uio"

struct uio_map {
	unsigned int device; /* /dev/uioN */
	unsigned int map;
	uint64_t address; /* physical, of the first page */
	uint64_t offset; /* where in it the memory starts */
	uint64_t size; /* of whole pages */
};

/* Finds a map by the names of amph_uio_open(), in a folder made like UIO_CLASS, and checks it. */
int amph_uio_find(const char *folder, const char *device, const char *map, struct uio_map *found,
		  struct amph_why *why);

#endif
