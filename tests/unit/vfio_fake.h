/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with VFIO, as far as the VFIO target sees one: a folder with sysfs and /dev/vfio in it, and
 * the ioctls. The program's own ioctl() takes the place of the C library's.
 * Test code.
 */
#ifndef VFIO_FAKE_H
#define VFIO_FAKE_H

#include "memory_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "memory/target/linux/vfio_internal.h"

#define FAKE_MAPS    64u
#define FAKE_RANGES  4u
#define FAKE_GROUP   7
#define FAKE_DEVICE  "0000:00:02.0"
#define FAKE_BAR_AT  0x4000u /* offsets in the device's fd */
#define FAKE_BAR     0x1000u
#define FAKE_CONFIG  0x8000u
#define FAKE_VECTORS 40u

struct fake_map {
	uint64_t iova, size;
	uint32_t flags;
};

/* What the kernel is like, and what it was asked. */
static struct fake_kernel {
	char root[64], sysfs[96], dev[96];
	struct amph_vfio_roots roots;
	int version, extension;
	bool viable, in_container, iommu_set;
	int set_container_error, set_iommu_error, device_error, map_error, unmap_error, reset_error;
	int info_error;
	bool unmap_short, no_caps, endless_caps, long_caps, no_reset, no_eventfd;
	uint32_t cap_offset; /* 0: where it is */
	uint32_t claimed_ranges; /* 0: as many as there are */
	uint32_t vectors;
	uint64_t page_sizes;
	uint32_t range_count;
	struct vfio_iova_range ranges[FAKE_RANGES];
	struct fake_map maps[FAKE_MAPS];
	uint32_t map_count;
	int device; /* a memfd: its registers and configuration */
	int resets;
	uint32_t irq_count, irq_flags; /* of what was asked last */
	int irq_fds[FAKE_VECTORS];
} fake;

static inline void fake_path(char *path, size_t size, const char *name)
{
	assert_true(snprintf(path, size, "%s/%s", fake.root, name) < (int)size);
}

static inline void fake_folder(const char *name)
{
	char path[PATH_MAX];

	fake_path(path, sizeof(path), name);
	for (char *at = path + strlen(fake.root) + 1; (at = strchr(at, '/')); *at++ = '/') {
		*at = 0;
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
	}
	assert_true(!mkdir(path, 0755) || errno == EEXIST);
}

static inline void fake_file(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	fake_path(path, sizeof(path), name);
	file = fopen(path, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* A link that leads nowhere: only its text is read, as of the ones in sysfs. NULL: takes it away. */
static inline void fake_link(const char *name, const char *target)
{
	char path[PATH_MAX];

	fake_path(path, sizeof(path), name);
	unlink(path);
	if (target)
		assert_int_equal(symlink(target, path), 0);
}

#define FAKE_PCI "sys/bus/pci/devices/" FAKE_DEVICE

static inline void fake_driver(const char *driver)
{
	fake_link(FAKE_PCI "/driver", driver);
}

/* A machine with one device, that can be opened. */
static inline void fake_init(void)
{
	fake = (struct fake_kernel){
		.version = VFIO_API_VERSION,
		.extension = 1,
		.viable = true,
		.page_sizes = 0x201000,
		.range_count = 2,
		.vectors = 4,
		.ranges = {{0, 0x7ffffff}, {0x8100000, UINT64_MAX}},
	};
	strcpy(fake.root, "/tmp/fake-vfio-XXXXXX");
	assert_non_null(mkdtemp(fake.root));
	snprintf(fake.sysfs, sizeof(fake.sysfs), "%s/sys", fake.root);
	snprintf(fake.dev, sizeof(fake.dev), "%s/dev/vfio", fake.root);
	fake.roots = (struct amph_vfio_roots){.sysfs = fake.sysfs, .dev = fake.dev};
	fake_folder(FAKE_PCI);
	fake_folder("sys/bus/platform/devices");
	fake_folder("sys/class/iommu/smmu3.0");
	fake_folder("sys/kernel/iommu_groups/7/devices");
	fake_folder("dev/vfio");
	fake_link(FAKE_PCI "/iommu_group", "../../../sys/kernel/iommu_groups/7");
	fake_driver("../../../../bus/pci/drivers/vfio-pci");
	fake_file("dev/vfio/vfio", "");
	fake_file("dev/vfio/7", "");
	fake.device = memfd_create("device", MFD_CLOEXEC);
	assert_true(fake.device >= 0);
	assert_int_equal(ftruncate(fake.device, 0x10000), 0);
}

static inline int fake_remove(const char *path, const struct stat *status, int type,
			      struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static inline void fake_free(void)
{
	close(fake.device);
	assert_int_equal(nftw(fake.root, fake_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static inline int fake_fail(int error)
{
	errno = error;
	return error ? -1 : 0;
}

static inline int fake_info(struct vfio_iommu_type1_info *info)
{
	char *bytes = (char *)info;
	uint32_t argsz = info->argsz, at = sizeof(*info);
	struct vfio_info_cap_header other = {.id = 0x77, .next = sizeof(*info) + 8};
	struct vfio_iommu_type1_info_cap_iova_range head = {
		.header = {.id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE},
		.nr_iovas = fake.range_count};

	info->flags = VFIO_IOMMU_INFO_PGSIZES;
	info->iova_pgsizes = fake.page_sizes;
	if (fake.info_error || fake.no_caps)
		return fake_fail(fake.info_error);
	info->argsz = fake.long_caps ? argsz + 1 : 1024;
	if (argsz < info->argsz) /* as the kernel does: only says how much it would be */
		return 0;
	info->flags |= VFIO_IOMMU_INFO_CAPS;
	info->cap_offset = at;
	other.next = fake.endless_caps ? at : at + 8;
	if (fake.claimed_ranges)
		head.nr_iovas = fake.claimed_ranges;
	if (fake.cap_offset) {
		info->cap_offset = fake.cap_offset;
		if (fake.cap_offset <= argsz - sizeof(head.header))
			memcpy(bytes + fake.cap_offset, &head.header, sizeof(head.header));
		return 0;
	}
	memcpy(bytes + at, &other, sizeof(other));
	memcpy(bytes + at + 8, &head, sizeof(head));
	memcpy(bytes + at + 8 + sizeof(head), fake.ranges, sizeof(fake.ranges));
	return 0;
}

static inline bool fake_reachable(uint64_t first, uint64_t last)
{
	for (uint32_t i = 0; i < fake.range_count; i++)
		if (first >= fake.ranges[i].start && last <= fake.ranges[i].end)
			return true;
	return false;
}

/* The rules of drivers/vfio/vfio_iommu_type1.c, type1v2 */
static inline int fake_map_dma(const struct vfio_iommu_type1_dma_map *map)
{
	uint64_t page = fake.page_sizes & -fake.page_sizes, last = map->iova + map->size - 1;

	if (map->argsz != sizeof(*map) ||
	    !(map->flags & (VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE)) || !map->size ||
	    (map->size | map->iova | map->vaddr) % page || last < map->iova)
		return fake_fail(EINVAL);
	for (uint32_t i = 0; i < fake.map_count; i++)
		if (fake.maps[i].iova <= last &&
		    fake.maps[i].iova + fake.maps[i].size - 1 >= map->iova)
			return fake_fail(EEXIST);
	if (!fake_reachable(map->iova, last))
		return fake_fail(EINVAL);
	if (fake.map_error || fake.map_count == FAKE_MAPS)
		return fake_fail(fake.map_error ? fake.map_error : ENOSPC);
	fake.maps[fake.map_count++] = (struct fake_map){map->iova, map->size, map->flags};
	return 0;
}

static inline int fake_unmap_dma(struct vfio_iommu_type1_dma_unmap *unmap)
{
	if (fake.unmap_error)
		return fake_fail(fake.unmap_error);
	for (uint32_t i = 0; i < fake.map_count; i++) {
		if (fake.maps[i].iova != unmap->iova || fake.maps[i].size != unmap->size)
			continue;
		fake.maps[i] = fake.maps[--fake.map_count];
		if (fake.unmap_short)
			unmap->size = 0;
		return 0;
	}
	unmap->size = 0;
	return 0;
}

static inline int fake_group(unsigned long request, void *argument)
{
	struct vfio_group_status *status = argument;

	switch (request) {
	case VFIO_GROUP_GET_STATUS:
		status->flags = (fake.viable ? VFIO_GROUP_FLAGS_VIABLE : 0) |
				(fake.in_container ? VFIO_GROUP_FLAGS_CONTAINER_SET : 0);
		return 0;
	case VFIO_GROUP_SET_CONTAINER:
		fake.in_container = !fake.set_container_error;
		return fake_fail(fake.set_container_error);
	default: /* VFIO_GROUP_GET_DEVICE_FD */
		assert_string_equal(argument, FAKE_DEVICE);
		if (fake.device_error)
			return fake_fail(fake.device_error);
		return fcntl(fake.device, F_DUPFD_CLOEXEC, 0);
	}
}

static inline int fake_container(unsigned long request, void *argument)
{
	switch (request) {
	case VFIO_GET_API_VERSION:
		return fake.version;
	case VFIO_CHECK_EXTENSION:
		return (uintptr_t)argument == VFIO_TYPE1v2_IOMMU ? fake.extension : 0;
	case VFIO_SET_IOMMU:
		assert_true(fake.in_container);
		fake.iommu_set = !fake.set_iommu_error;
		return fake_fail(fake.set_iommu_error);
	case VFIO_IOMMU_GET_INFO:
		return fake.iommu_set ? fake_info(argument) : fake_fail(EINVAL);
	case VFIO_IOMMU_MAP_DMA:
		return fake_map_dma(argument);
	default: /* VFIO_IOMMU_UNMAP_DMA */
		return fake_unmap_dma(argument);
	}
}

static inline int fake_region(struct vfio_region_info *info)
{
	info->size = 0;
	info->flags = 0;
	if (info->index == VFIO_PCI_BAR0_REGION_INDEX) {
		info->offset = FAKE_BAR_AT;
		info->size = FAKE_BAR;
		info->flags = VFIO_REGION_INFO_FLAG_MMAP;
	} else if (info->index == VFIO_PCI_CONFIG_REGION_INDEX) {
		info->offset = FAKE_CONFIG;
		info->size = 256;
	} else if (info->index >= VFIO_PCI_NUM_REGIONS) {
		return fake_fail(EINVAL);
	}
	return 0;
}

static inline int fake_set_irqs(const struct vfio_irq_set *set)
{
	assert_int_equal(set->start, 0);
	assert_int_equal(set->index, VFIO_PCI_MSI_IRQ_INDEX);
	assert_int_equal(set->argsz, sizeof(*set) + set->count * sizeof(int32_t));
	fake.irq_count = set->count;
	fake.irq_flags = set->flags;
	memcpy(fake.irq_fds, set->data, set->count * sizeof(int32_t));
	return 0;
}

static inline int fake_device(unsigned long request, void *argument)
{
	struct vfio_device_info *device = argument;
	struct vfio_irq_info *irq = argument;

	switch (request) {
	case VFIO_DEVICE_GET_INFO:
		device->flags = VFIO_DEVICE_FLAGS_PCI |
				(fake.no_reset ? 0 : VFIO_DEVICE_FLAGS_RESET);
		return 0;
	case VFIO_DEVICE_GET_REGION_INFO:
		return fake_region(argument);
	case VFIO_DEVICE_GET_IRQ_INFO:
		irq->count = irq->index == VFIO_PCI_MSI_IRQ_INDEX    ? fake.vectors
			     : irq->index == VFIO_PCI_INTX_IRQ_INDEX ? 1
								     : 0;
		irq->flags = (fake.no_eventfd ? 0 : VFIO_IRQ_INFO_EVENTFD) |
			     (irq->index == VFIO_PCI_INTX_IRQ_INDEX ? VFIO_IRQ_INFO_AUTOMASKED : 0);
		return 0;
	case VFIO_DEVICE_SET_IRQS:
		return fake_set_irqs(argument);
	default: /* VFIO_DEVICE_RESET */
		fake.resets++;
		return fake_fail(fake.reset_error);
	}
}

/* One program, one kernel: requests tell what kind of fd it is. */
int ioctl(int fd, unsigned long request, ...);
int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (fcntl(fd, F_GETFD) < 0)
		return fake_fail(EBADF);
	switch (request) {
	case VFIO_GROUP_GET_STATUS:
	case VFIO_GROUP_SET_CONTAINER:
	case VFIO_GROUP_GET_DEVICE_FD:
		return fake_group(request, argument);
	case VFIO_GET_API_VERSION:
	case VFIO_CHECK_EXTENSION:
	case VFIO_SET_IOMMU:
	case VFIO_IOMMU_GET_INFO:
	case VFIO_IOMMU_MAP_DMA:
	case VFIO_IOMMU_UNMAP_DMA:
		return fake_container(request, argument);
	case VFIO_DEVICE_GET_INFO:
	case VFIO_DEVICE_GET_REGION_INFO:
	case VFIO_DEVICE_GET_IRQ_INFO:
	case VFIO_DEVICE_SET_IRQS:
	case VFIO_DEVICE_RESET:
		return fake_device(request, argument);
	default:
		return fake_fail(ENOTTY);
	}
}

#endif
