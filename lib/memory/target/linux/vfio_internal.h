/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the VFIO target's files share among themselves.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_MEMORY_VFIO_INTERNAL_H
#define AMPH_MEMORY_VFIO_INTERNAL_H

#include <amphora/vfio.h>

extern const struct amph_target_ops amph_vfio_ops;

/* 0, or -EPERM in a child of the process that opened it. */
int amph_vfio_usable(struct amph_target_vfio *target);

/* What sysfs says of a device that VFIO can open. */
struct amph_vfio_place {
	int group;
	bool pci;
};

/*
 * Looks a device up below `root`, where sysfs is, and refuses one that VFIO can't open, as
 * amph_target_vfio_open() says; detail: AMPH_VFIO_DETAIL_MAX bytes.
 */
int amph_vfio_find(const char *root, const char *device, struct amph_vfio_place *place,
		   struct amph_why *why, char *detail);

/* Writes into `detail` who keeps the group from being viable, or nothing. */
void amph_vfio_find_holder(const char *root, int group, char *detail);

/* Where the system's files are: "/sys", "/dev/vfio". Tests have some of their own. */
struct amph_vfio_roots {
	const char *sysfs;
	const char *dev;
};

/* amph_target_vfio_open(), there. */
int amph_vfio_open_below(const struct amph_vfio_roots *roots, struct amph_target_vfio *target,
			 const char *name, const struct amph_vfio_config *config);

#endif
