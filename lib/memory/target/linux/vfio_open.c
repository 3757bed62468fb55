/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Opening a VFIO device: its group into a container, the container's IOMMU, then the device itself.
 * Memory layer, Linux. After it the device can be driven and buffers be attached to it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <amphora/fork.h>

#include "memory/target/linux/vfio_internal.h"

#define PATH_SIZE 512

static const struct amph_vfio_roots system_roots = {.sysfs = "/sys", .dev = "/dev/vfio"};

int amph_vfio_usable(struct amph_target_vfio *target)
{
	if (target->fork_generation == amph_fork_generation())
		return 0;
	return amph_refuse(&target->why, -EPERM,
			   "the device belongs to the process that forked this one",
			   target->fork_generation, amph_fork_generation());
}

static int open_container(struct amph_target_vfio *target, const char *dev)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/vfio", dev);
	target->container = open(path, O_RDWR | O_CLOEXEC);
	target->owns_container = target->container >= 0;
	if (target->container >= 0)
		return 0;
	if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
		return amph_refuse(&target->why, -ENOTSUP,
				   "this kernel has no VFIO containers: /dev/vfio/vfio", 0, 0);
	return amph_refuse(&target->why, -errno, "/dev/vfio/vfio can't be opened", 0, 0);
}

static int check_container(struct amph_target_vfio *target)
{
	int version = ioctl(target->container, VFIO_GET_API_VERSION);

	if (version != VFIO_API_VERSION)
		return amph_refuse(&target->why, -ENOTSUP, "the fd is no VFIO container",
				   (uint64_t)version, VFIO_API_VERSION);
	if (ioctl(target->container, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		return amph_refuse(&target->why, -ENOTSUP,
				   "this VFIO has no IOMMU of type1v2: vfio_iommu_type1",
				   VFIO_TYPE1v2_IOMMU, 0);
	return 0;
}

static int open_group(struct amph_target_vfio *target, const char *dev, int number)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%d", dev, number);
	target->group = open(path, O_RDWR | O_CLOEXEC);
	target->owns_group = target->group >= 0;
	if (target->group >= 0)
		return 0;
	return amph_refuse(&target->why, -errno,
			   errno == EBUSY    ? "another process has the device's group open"
			   : errno == EACCES ? "no permission to open the device's /dev/vfio/GROUP"
					     : "the device's /dev/vfio/GROUP can't be opened",
			   (uint64_t)number, 0);
}

/* The group's part of it: all devices in it are user space's, and it is in the container. */
static int join(struct amph_target_vfio *target, const char *sysfs, int number)
{
	struct vfio_group_status status = {.argsz = sizeof(status)};

	if (ioctl(target->group, VFIO_GROUP_GET_STATUS, &status))
		return amph_refuse(&target->why, -errno, "the fd is no VFIO group",
				   (uint64_t)number, 0);
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE)) {
		amph_vfio_find_holder(sysfs, number, target->detail);
		return amph_refuse(&target->why, -EBUSY,
				   "another driver holds a device of the same IOMMU group: unbind "
				   "it, or bind VFIO's",
				   (uint64_t)number, 0);
	}
	if (!(status.flags & VFIO_GROUP_FLAGS_CONTAINER_SET) &&
	    ioctl(target->group, VFIO_GROUP_SET_CONTAINER, &target->container))
		return amph_refuse(&target->why, -errno, "the group can't be put into a container",
				   (uint64_t)number, 0);
	return 0;
}

/* A container that was borrowed may have its IOMMU already. */
static int set_iommu(struct amph_target_vfio *target)
{
	struct vfio_iommu_type1_info info = {.argsz = sizeof(info)};

	if (!target->owns_container && !ioctl(target->container, VFIO_IOMMU_GET_INFO, &info))
		return 0;
	if (!ioctl(target->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return 0;
	return amph_refuse(&target->why, -errno,
			   errno == EPERM ? "the IOMMU does not isolate interrupts "
					    "(vfio_iommu_type1.allow_unsafe_interrupts)"
					  : "the container can't be given an IOMMU",
			   VFIO_TYPE1v2_IOMMU, 0);
}

/* What is open after an error, the caller closes. */
static int get_group(const struct amph_vfio_roots *roots, struct amph_target_vfio *target,
		     const struct amph_vfio_config *config, int group)
{
	int error = 0;

	if (config->borrow) {
		target->container = config->container;
		target->group = config->group;
	} else {
		error = open_container(target, roots->dev);
	}
	if (!error)
		error = check_container(target);
	if (!error && target->group < 0)
		error = open_group(target, roots->dev, group);
	if (!error)
		error = join(target, roots->sysfs, group);
	return error ? error : set_iommu(target);
}

static int open_device(struct amph_target_vfio *target, const char *device)
{
	struct vfio_device_info info = {.argsz = sizeof(info)};

	target->device = ioctl(target->group, VFIO_GROUP_GET_DEVICE_FD, device);
	if (target->device < 0)
		return amph_refuse(&target->why, -errno, "the device can't be opened", 0, 0);
	if (ioctl(target->device, VFIO_DEVICE_GET_INFO, &info))
		return amph_refuse(&target->why, -errno, "the device does not say what it is", 0,
				   0);
	target->resets = info.flags & VFIO_DEVICE_FLAGS_RESET;
	return 0;
}

static void close_all(struct amph_target_vfio *target)
{
	/* in this order: a group leaves its container when no device of it is open */
	if (target->device >= 0)
		close(target->device);
	if (target->owns_group)
		close(target->group);
	if (target->owns_container)
		close(target->container);
	target->device = target->group = target->container = -1;
	target->owns_group = target->owns_container = false;
}

static int check_config(struct amph_target_vfio *target, const struct amph_vfio_config *config)
{
	if (config->address_bits > 64)
		return amph_refuse(&target->why, -EINVAL, "a device address has at most 64 bits",
				   config->address_bits, 64);
	if (config->alignment & (config->alignment - 1))
		return amph_refuse(&target->why, -EINVAL, "the alignment is no power of two",
				   config->alignment, 0);
	if (config->iova_first > config->iova_last)
		return amph_refuse(&target->why, -EINVAL, "the IOVAs end before they begin",
				   config->iova_first, config->iova_last);
	return 0;
}

static void init(struct amph_target_vfio *target, const char *name,
		 const struct amph_vfio_config *config)
{
	bool anywhere = !config->iova_first && !config->iova_last;

	*target = (struct amph_target_vfio){
		.target = {.name = name,
			   .ops = &amph_vfio_ops,
			   .address_bits = config->address_bits ? config->address_bits : 64,
			   .alignment = config->alignment,
			   .coherent = true},
		.container = -1,
		.group = -1,
		.device = -1,
		.fork_generation = amph_fork_generation(),
		.iova_first = config->iova_first,
		.iova_last = anywhere ? UINT64_MAX : config->iova_last,
		.iova_next = config->iova_first,
	};
}

int amph_vfio_open_below(const struct amph_vfio_roots *roots, struct amph_target_vfio *target,
			 const char *name, const struct amph_vfio_config *config)
{
	struct amph_vfio_place place = {0};
	int error;

	init(target, name, config);
	error = check_config(target, config);
	if (!error)
		error = amph_vfio_find(roots->sysfs, config->device, &place, &target->why,
				       target->detail);
	if (!error)
		error = get_group(roots, target, config, place.group);
	if (!error)
		error = open_device(target, config->device);
	if (error)
		close_all(target);
	target->pci = place.pci;
	return error;
}

int amph_target_vfio_open_checked(struct amph_target_vfio *target, const char *name,
				  const struct amph_vfio_config *config, uint32_t abi,
				  uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*target));

	return error ? error : amph_vfio_open_below(&system_roots, target, name, config);
}

int amph_target_vfio_close(struct amph_target_vfio *target)
{
	int error = amph_vfio_usable(target);

	if (error)
		return error;
	if (target->target.attachments)
		return amph_refuse(&target->why, -EBUSY, "buffers are still attached", 0, 0);
	close_all(target);
	target->target.state = AMPH_TARGET_OFF;
	return 0;
}
