/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Driving a VFIO device: its registers, its interrupts, its bus mastering, and switching it off.
 * Memory layer, Linux. What a user needs to make the device use the buffers that are attached to it.
 */
#include <endian.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "memory/target/linux/vfio_internal.h"

static int region(struct amph_target_vfio *target, uint32_t index, struct vfio_region_info *info)
{
	*info = (struct vfio_region_info){.argsz = sizeof(*info), .index = index};
	if (ioctl(target->device, VFIO_DEVICE_GET_REGION_INFO, info) || !info->size)
		return amph_refuse(&target->why, -ENOENT, "the device has no such region", index,
				   0);
	/* PCI's regions are 2^40 apart */
	if (info->offset > INT64_MAX || (uint64_t)(off_t)info->offset != info->offset)
		return amph_refuse(&target->why, -ENOTSUP,
				   "the region needs a library with 64-bit file offsets", index,
				   info->offset);
	return 0;
}

int amph_vfio_region_map(struct amph_target_vfio *target, uint32_t index, struct amph_io *io)
{
	struct vfio_region_info info;
	int error = amph_vfio_usable(target);
	void *va;

	if (!error)
		error = region(target, index, &info);
	if (error)
		return error;
	if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP) || (size_t)info.size != info.size)
		return amph_refuse(&target->why, -ENOTSUP, "the region can't be mapped", index,
				   info.size);
	va = mmap(NULL, (size_t)info.size, PROT_READ | PROT_WRITE, MAP_SHARED, target->device,
		  (off_t)info.offset);
	if (va == MAP_FAILED)
		return amph_refuse(&target->why, -errno, "the region can't be mapped", index,
				   info.size);
	if (madvise(va, (size_t)info.size, MADV_DONTFORK)) {
		error = -errno;
		munmap(va, (size_t)info.size);
		return amph_refuse(&target->why, error, "the mapping can't be kept out of children",
				   0, 0);
	}
	return amph_io_init(io, va, 0, 0, info.size);
}

void amph_vfio_region_unmap(struct amph_io *io)
{
	munmap(io->va, (size_t)io->size);
	*io = (struct amph_io){0};
}

int amph_vfio_bus_master(struct amph_target_vfio *target, bool on)
{
	struct vfio_region_info info;
	int error = amph_vfio_usable(target);
	uint16_t command;
	off_t at;

	if (!error && !target->pci)
		return amph_refuse(&target->why, -ENOTSUP, "only PCI knows bus mastering", 0, 0);
	if (!error)
		error = region(target, VFIO_PCI_CONFIG_REGION_INDEX, &info);
	if (error)
		return error;
	at = (off_t)info.offset + PCI_COMMAND;
	if (pread(target->device, &command, sizeof(command), at) != sizeof(command))
		return amph_refuse(&target->why, -EIO, "the command register can't be read", 0, 0);
	if (on)
		command |= htole16(PCI_COMMAND_MASTER);
	else
		command &= htole16((uint16_t)~PCI_COMMAND_MASTER);
	if (pwrite(target->device, &command, sizeof(command), at) != sizeof(command))
		return amph_refuse(&target->why, -EIO, "the command register can't be written", 0,
				   0);
	return 0;
}

static int check_irq(struct amph_target_vfio *target, uint32_t index, uint32_t count)
{
	struct vfio_irq_info info = {.argsz = sizeof(info), .index = index};

	if (ioctl(target->device, VFIO_DEVICE_GET_IRQ_INFO, &info) || !info.count)
		return amph_refuse(&target->why, -ENOENT, "the device has no such interrupt", index,
				   0);
	if (!(info.flags & VFIO_IRQ_INFO_EVENTFD) || info.flags & VFIO_IRQ_INFO_AUTOMASKED)
		return amph_refuse(&target->why, -ENOTSUP,
				   "the interrupt has no eventfd, or masks itself", index,
				   info.flags);
	if (count > info.count || count > AMPH_VFIO_VECTORS_MAX)
		return amph_refuse(&target->why, -EINVAL, "the interrupt has fewer vectors", count,
				   info.count);
	return 0;
}

int amph_vfio_irq(struct amph_target_vfio *target, uint32_t index, const int *fds, uint32_t count)
{
	_Alignas(struct vfio_irq_set) char
		bytes[sizeof(struct vfio_irq_set) + AMPH_VFIO_VECTORS_MAX * sizeof(int32_t)];
	struct vfio_irq_set *request = (struct vfio_irq_set *)(void *)bytes;
	int error = amph_vfio_usable(target);

	if (!error)
		error = check_irq(target, index, count);
	if (error)
		return error;
	*request = (struct vfio_irq_set){
		.argsz = (uint32_t)(sizeof(*request) + count * sizeof(int32_t)),
		.flags = VFIO_IRQ_SET_ACTION_TRIGGER |
			 (count ? VFIO_IRQ_SET_DATA_EVENTFD : VFIO_IRQ_SET_DATA_NONE),
		.index = index,
		.count = count,
	};
	for (uint32_t i = 0; i < count; i++) {
		int32_t fd = fds[i];

		memcpy(bytes + sizeof(*request) + i * sizeof(fd), &fd, sizeof(fd));
	}
	if (ioctl(target->device, VFIO_DEVICE_SET_IRQS, request))
		return amph_refuse(&target->why, -errno, "the interrupt can't be connected", index,
				   count);
	return 0;
}

int amph_target_vfio_off(struct amph_target_vfio *target)
{
	int error = amph_vfio_usable(target);

	if (error)
		return error;
	if (target->pci)
		error = amph_vfio_bus_master(target, false);
	if (target->resets && ioctl(target->device, VFIO_DEVICE_RESET) && !error)
		error = amph_refuse(&target->why, -errno, "the device can't be reset", 0, 0);
	/* the proof: nothing is mapped when it returns */
	amph_target_off(&target->target);
	return error;
}
