/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "VFIO": attach maps a buffer in the IOMMU that stands before a device, detach unmaps it.
 * Memory layer, Linux; works on the buffer's mapping in this process, which the kernel pins.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <linux/vfio.h>

#include <amphora/log.h>

#include "memory/sanitize.h"
#include "memory/target/linux/iova.h"
#include "memory/target/linux/vfio_internal.h"

#define INFO_SIZE  4096 /* what the kernel tells of an IOMMU is some hundred bytes */
#define RANGES_MAX 128

/* What the IOMMU of a container takes now: another device that comes into it can change that. */
struct limits {
	uint64_t page; /* bytes, a power of two: the smallest it maps */
	uint32_t count;
	struct amph_iova_range usable[RANGES_MAX];
};

union info {
	struct vfio_iommu_type1_info head;
	char bytes[INFO_SIZE];
};

static int read_info(struct amph_target_vfio *target, union info *info, struct amph_why *why)
{
	memset(info, 0, sizeof(*info));
	info->head.argsz = sizeof(*info);
	if (ioctl(target->container, VFIO_IOMMU_GET_INFO, info))
		return amph_refuse(why, -errno, "the container does not tell of its IOMMU", 0, 0);
	if (info->head.argsz > sizeof(*info))
		return amph_refuse(why, -EFBIG, "the container tells more of its IOMMU than fits",
				   info->head.argsz, sizeof(*info));
	return 0;
}

static int read_ranges(const char *bytes, uint32_t size, struct limits *limits,
		       struct amph_why *why)
{
	struct vfio_iommu_type1_info_cap_iova_range head;
	struct vfio_iova_range range;

	if (size < sizeof(head))
		return amph_refuse(why, -EPROTO, "the kernel's list of IOVAs is cut off", size,
				   sizeof(head));
	memcpy(&head, bytes, sizeof(head));
	if (head.nr_iovas > RANGES_MAX || head.nr_iovas > (size - sizeof(head)) / sizeof(range))
		return amph_refuse(why, -EFBIG, "the kernel's list of IOVAs is too long",
				   head.nr_iovas, RANGES_MAX);
	for (uint32_t i = 0; i < head.nr_iovas; i++) {
		memcpy(&range, bytes + sizeof(head) + i * sizeof(range), sizeof(range));
		limits->usable[i] =
			(struct amph_iova_range){.first = range.start, .last = range.end};
	}
	limits->count = head.nr_iovas;
	return 0;
}

static int read_limits(struct amph_target_vfio *target, struct limits *limits, struct amph_why *why)
{
	struct vfio_info_cap_header head;
	union info info;
	uint32_t at, steps = 0;
	long page = sysconf(_SC_PAGESIZE);
	int error = read_info(target, &info, why);

	if (error)
		return error;
	limits->page = page > 0 ? (uint64_t)page : 1;
	if (info.head.flags & VFIO_IOMMU_INFO_PGSIZES &&
	    (info.head.iova_pgsizes & -info.head.iova_pgsizes) > limits->page)
		limits->page = info.head.iova_pgsizes & -info.head.iova_pgsizes;
	/* a kernel before 5.4 has no list, and refuses what can't be at the mapping */
	limits->usable[0] = (struct amph_iova_range){.first = 0, .last = UINT64_MAX};
	limits->count = 1;
	if (!(info.head.flags & VFIO_IOMMU_INFO_CAPS))
		return 0;
	for (at = info.head.cap_offset; at; at = head.next) {
		if (at > sizeof(info.bytes) - sizeof(head) || ++steps > INFO_SIZE / sizeof(head))
			return amph_refuse(why, -EPROTO, "the kernel's list has no end", at,
					   sizeof(info.bytes));
		memcpy(&head, info.bytes + at, sizeof(head));
		if (head.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			return read_ranges(info.bytes + at, (uint32_t)sizeof(info.bytes) - at,
					   limits, why);
	}
	return 0;
}

static int check_buffer(const struct amph_shm *shm, uint64_t page, struct amph_why *why)
{
	if (!shm->va)
		return amph_refuse(why, -ENOTSUP,
				   "the CPU has no mapping of the buffer to map for the device", 0,
				   0);
	if (shm->flags & AMPH_SHM_NOT_CACHED)
		return amph_refuse(
			why, -ENOTSUP,
			"the device's accesses go through the caches, past which the CPU "
			"reads and writes this buffer",
			shm->flags, 0);
	if ((uintptr_t)amph_sanitize_mapping(shm) % page)
		return amph_refuse(why, -EINVAL,
				   "the buffer does not start on a page of the IOMMU: the device "
				   "would reach what is before it",
				   (uintptr_t)amph_sanitize_mapping(shm), page);
	if (shm->size % page)
		return amph_refuse(why, -EINVAL,
				   "the buffer does not fill pages of the IOMMU: the device would "
				   "reach what is behind it; open it rounded up",
				   shm->size, page);
	return 0;
}

static uint64_t top_address(const struct amph_target *target)
{
	uint32_t bits = target->address_bits;

	return bits && bits < 64 ? (UINT64_C(1) << bits) - 1 : UINT64_MAX;
}

/* First what lies behind the last address that was chosen, then from the start. */
static int choose(struct amph_target_vfio *target, const struct amph_iova_space *space,
		  uint64_t length, uint64_t *iova, struct amph_why *why)
{
	uint64_t top = top_address(&target->target);
	struct amph_iova_range all = {.first = target->iova_first,
				      .last = target->iova_last < top ? target->iova_last : top};
	struct amph_iova_range rest = {.first = target->iova_next, .last = all.last};

	if (!amph_iova_find(space, rest, length, iova) && !amph_iova_find(space, all, length, iova))
		return amph_refuse(why, -ERANGE, "no IOVA of that length is free", length,
				   all.last);
	target->iova_next = *iova + (length - 1);
	return 0;
}

static int refuse_map(struct amph_why *why, int error, const struct amph_shm *shm, uint64_t iova)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

	switch (error) {
	case ENOMEM:
		getrlimit(RLIMIT_MEMLOCK, &limit);
		return amph_refuse(why, -ENOMEM,
				   limit.rlim_cur == RLIM_INFINITY
					   ? "the kernel has no memory to pin and map the buffer"
					   : "the buffer can't be locked in memory: see "
					     "RLIMIT_MEMLOCK, which counts what is mapped",
				   shm->size, limit.rlim_cur);
	case ENOSPC:
		return amph_refuse(why, -ENOSPC,
				   "the container takes no more mappings: see "
				   "vfio_iommu_type1.dma_entry_limit",
				   iova, 0);
	case EEXIST:
		return amph_refuse(why, -EADDRINUSE,
				   "somebody who shares the container has mapped that IOVA", iova,
				   shm->size);
	case EFAULT:
	case EPERM:
		return amph_refuse(why, -ENOTSUP,
				   "the kernel can't pin this mapping: it is a dma-buf's, a "
				   "device's, or not to be written",
				   (uintptr_t)shm->va, shm->size);
	default:
		return amph_refuse(why, -error, "the IOMMU does not map the buffer", iova,
				   shm->size);
	}
}

static int map(struct amph_target_vfio *target, struct amph_attachment *attachment, uint64_t iova)
{
	const struct amph_shm *shm = attachment->shm;
	struct vfio_iommu_type1_dma_map request = {
		.argsz = sizeof(request),
		.vaddr = (uintptr_t)amph_sanitize_mapping(shm),
		.iova = iova,
		.size = shm->size,
	};

	if (attachment->direction & AMPH_DEVICE_READS)
		request.flags |= VFIO_DMA_MAP_FLAG_READ;
	if (attachment->direction & AMPH_DEVICE_WRITES)
		request.flags |= VFIO_DMA_MAP_FLAG_WRITE;
	if (ioctl(target->container, VFIO_IOMMU_MAP_DMA, &request))
		return refuse_map(&attachment->shm->why, errno, shm, iova);
	attachment->segments[0] = (struct amph_segment){.address = iova, .length = shm->size};
	attachment->segment_count = 1;
	attachment->enforced = true;
	return 0;
}

static int vfio_attach(struct amph_target *base, struct amph_attachment *attachment)
{
	/* the target is the first member */
	struct amph_target_vfio *target = (struct amph_target_vfio *)base;
	struct amph_why *why = &attachment->shm->why;
	uint64_t length = attachment->shm->size, iova = target->place;
	struct amph_iova_space space;
	struct limits limits;
	int error = amph_vfio_usable(target);

	if (error) {
		*why = target->why;
		return error;
	}
	if (target->broken)
		return amph_refuse(why, -EIO, "the IOMMU has refused to unmap a buffer", 0, 0);
	if (!attachment->segment_max)
		return amph_refuse(why, -ENOSPC, "no storage for the target's segments", 1, 0);
	error = read_limits(target, &limits, why);
	if (!error)
		error = check_buffer(attachment->shm, limits.page, why);
	if (error)
		return error;
	space = (struct amph_iova_space){
		.usable = limits.usable,
		.count = limits.count,
		.alignment = base->alignment > limits.page ? base->alignment : limits.page,
		.taken = base->attachments,
	};
	if (target->placed)
		error = amph_iova_check(
			&space, (struct amph_iova_range){.first = 0, .last = top_address(base)},
			iova, length, why);
	else
		error = choose(target, &space, length, &iova, why);
	return error ? error : map(target, attachment, iova);
}

static void vfio_detach(struct amph_target *base, struct amph_attachment *attachment)
{
	struct amph_target_vfio *target = (struct amph_target_vfio *)base;
	struct vfio_iommu_type1_dma_unmap request = {
		.argsz = sizeof(request),
		.iova = attachment->segments[0].address,
		.size = attachment->shm->size,
	};

	if (!ioctl(target->container, VFIO_IOMMU_UNMAP_DMA, &request) &&
	    request.size == attachment->shm->size)
		return;
	/* the pages stay pinned, so nobody else gets them; but this target can't be trusted */
	target->broken = true;
	amph_log(AMPH_LOG_ERROR, "the IOMMU did not unmap a buffer", request.iova, request.size);
}

const struct amph_target_ops amph_vfio_ops = {.attach = vfio_attach, .detach = vfio_detach};

int amph_vfio_attach_at(struct amph_shm *shm, struct amph_target_vfio *target, uint32_t direction,
			enum amph_sync_method method, uint64_t iova,
			struct amph_attachment *attachment, struct amph_segment *segments,
			uint32_t segment_max)
{
	int error;

	target->place = iova;
	target->placed = true;
	error = amph_shm_attach(shm, &target->target, direction, method, attachment, segments,
				segment_max);
	target->placed = false;
	return error;
}
