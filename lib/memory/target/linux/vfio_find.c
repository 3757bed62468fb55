/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Finding a VFIO device: what sysfs says of it, and why it can't be had.
 * Memory layer, Linux; reads sysfs only. Before anything is opened.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory/target/linux/vfio_internal.h"

/* What a driver is called that gives a device to user space; variant drivers have it inside. */
#define VFIO_DRIVER "vfio"

static const char *const buses[] = {"pci", "platform", "amba"};

/* The last part of what the link `path`/`name` leads to; empty where there is none. */
static void read_link(const char *path, const char *name, char target[NAME_MAX + 1])
{
	char link[PATH_MAX], where[PATH_MAX];
	ssize_t length = -1;
	const char *last;

	target[0] = 0;
	if (snprintf(link, sizeof(link), "%s/%s", path, name) < (int)sizeof(link))
		length = readlink(link, where, sizeof(where) - 1);
	if (length <= 0)
		return;
	where[length] = 0;
	last = strrchr(where, '/');
	last = last ? last + 1 : where;
	if (strlen(last) <= NAME_MAX)
		memcpy(target, last, strlen(last) + 1);
}

static void read_line(const char *path, const char *name, char *line, int size)
{
	char file_name[PATH_MAX];
	FILE *file = NULL;

	line[0] = 0;
	if (snprintf(file_name, sizeof(file_name), "%s/%s", path, name) < (int)sizeof(file_name))
		file = fopen(file_name, "re");
	if (!file)
		return;
	if (!fgets(line, size, file))
		line[0] = 0;
	fclose(file);
	line[strcspn(line, "\n")] = 0;
}

static bool is_vfio(const char *driver)
{
	return strstr(driver, VFIO_DRIVER);
}

/* Drivers that do no DMA of their own: the kernel lets them share a group with user space. */
static bool is_harmless(const char *driver)
{
	return !driver[0] || is_vfio(driver) || !strcmp(driver, "pcieport") ||
	       !strcmp(driver, "pci-stub");
}

static bool machine_has_iommu(const char *root)
{
	char path[PATH_MAX];
	struct dirent *entry = NULL;
	DIR *folder = NULL;

	if (snprintf(path, sizeof(path), "%s/class/iommu", root) < (int)sizeof(path))
		folder = opendir(path);
	if (!folder)
		return false;
	do
		entry = readdir(folder);
	while (entry && entry->d_name[0] == '.');
	closedir(folder);
	return entry;
}

static void say(char *detail, const char *device, const char *driver)
{
	/* names longer than any that exist are cut */
	(void)!snprintf(detail, AMPH_VFIO_DETAIL_MAX, driver[0] ? "%.46s: %.46s" : "%.46s", device,
			driver);
}

static int find_folder(const char *root, const char *device, char *path, bool *pci)
{
	for (size_t i = 0; i < sizeof(buses) / sizeof(buses[0]); i++)
		if (snprintf(path, PATH_MAX, "%s/bus/%s/devices/%s", root, buses[i], device) <
			    PATH_MAX &&
		    !access(path, F_OK)) {
			*pci = !i;
			return 0;
		}
	return -ENOENT;
}

int amph_vfio_find(const char *root, const char *device, struct amph_vfio_place *place,
		   struct amph_why *why, char *detail)
{
	char path[PATH_MAX], driver[NAME_MAX + 1], group[NAME_MAX + 1], kind[32], *end;
	long number;

	detail[0] = 0;
	if (!device || !device[0] || device[0] == '.' || strchr(device, '/'))
		return amph_refuse(why, -EINVAL, "a device's name in sysfs is one word", 0, 0);
	say(detail, device, "");
	if (find_folder(root, device, path, &place->pci))
		return amph_refuse(why, -ENOENT, "no such device on the PCI, platform or AMBA bus",
				   0, 0);
	read_link(path, "driver", driver);
	read_link(path, "iommu_group", group);
	if (!group[0] && !machine_has_iommu(root))
		return amph_refuse(why, -ENODEV,
				   "no IOMMU stands before the device: this machine has none, or "
				   "it is off",
				   0, 0);
	if (!driver[0])
		return amph_refuse(why, -ENODEV,
				   "no driver is bound to the device: bind VFIO's (it takes no "
				   "device without an IOMMU)",
				   0, 0);
	say(detail, device, driver);
	if (!group[0])
		return amph_refuse(why, -ENODEV, "no IOMMU stands before the device", 0, 0);
	if (!is_vfio(driver))
		return amph_refuse(why, -EBUSY,
				   "another driver holds the device: unbind it, then bind VFIO's",
				   0, 0);
	strncat(path, "/iommu_group", sizeof(path) - strlen(path) - 1);
	read_line(path, "name", kind, sizeof(kind));
	if (!strcmp(kind, "vfio-noiommu"))
		return amph_refuse(why, -ENODEV,
				   "no IOMMU stands before the device: VFIO is in its unsafe mode",
				   0, 0);
	number = strtol(group, &end, 10);
	if (*end || number < 0 || number > INT_MAX)
		return amph_refuse(why, -ENODEV, "the device's IOMMU group has no number", 0, 0);
	place->group = (int)number;
	detail[0] = 0;
	return 0;
}

void amph_vfio_find_holder(const char *root, int group, char *detail)
{
	char path[PATH_MAX], device[PATH_MAX], driver[NAME_MAX + 1];
	struct dirent *entry;
	DIR *folder = NULL;

	detail[0] = 0;
	if (snprintf(path, sizeof(path), "%s/kernel/iommu_groups/%d/devices", root, group) <
	    (int)sizeof(path))
		folder = opendir(path);
	while (folder && !detail[0] && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || snprintf(device, sizeof(device), "%s/%s", path,
							entry->d_name) >= (int)sizeof(device))
			continue;
		read_link(device, "driver", driver);
		if (!is_harmless(driver))
			say(detail, entry->d_name, driver);
	}
	if (folder)
		closedir(folder);
}
