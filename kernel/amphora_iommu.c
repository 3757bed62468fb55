// SPDX-License-Identifier: GPL-2.0-only
/*
 * Remote processors with an IOMMU domain of their own, which remoteproc makes and fills with what
 * the firmware's resource table asks for. What is attached is mapped into that domain too, at one
 * address for the whole buffer, which the module chooses beside all that. The IOMMU holds the
 * remote processor to it, and to reading or writing it.
 *
 * The domain goes when the life ends, also by a detach; what is mapped is unmapped before. Then the
 * remote processor is cut off from it, which is as good as off.
 */
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/iommu.h>
#include <linux/iova.h>
#include <linux/slab.h>

#include "amphora_internal.h"

#if IS_ENABLED(CONFIG_IOMMU_API) && IS_REACHABLE(CONFIG_IOMMU_IOVA)

/* The device addresses of one life. */
struct amphora_iommu {
	struct iommu_domain *domain; /* remoteproc's */
	struct iova_domain addresses;
	unsigned long last; /* page of addresses that may be given away */
};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define map_pages(domain, iova, pa, size, flags) \
	iommu_map(domain, iova, pa, size, flags, GFP_KERNEL)
#else
#define map_pages iommu_map
#endif

static bool is_direct(struct device *dev)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0) && IS_ENABLED(CONFIG_IOMMU_DMA)
	if (dev->dma_iommu)
		return false;
#endif
	return !get_dma_ops(dev);
}

static int reserve(struct amphora_iommu *iommu, u64 address, u64 length)
{
	unsigned int shift = iova_shift(&iommu->addresses);

	if (!length || address + length - 1 < address)
		return 0;
	return reserve_iova(&iommu->addresses, address >> shift, (address + length - 1) >> shift)
		       ? 0
		       : -ENOMEM;
}

/* What the IOMMU doesn't translate. */
static int reserve_windows(struct amphora_iommu *iommu, struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	struct iommu_resv_region *region, *next;
	LIST_HEAD(regions);
	int ret;

	if (!group)
		return -ENODEV;
	ret = iommu_get_group_resv_regions(group, &regions);
	iommu_group_put(group);
	list_for_each_entry_safe (region, next, &regions, list) {
		if (!ret)
			ret = reserve(iommu, region->start, region->length);
		list_del(&region->list);
		kfree(region);
	}
	return ret;
}

/* What the firmware has there. Under rproc->lock. */
static int reserve_firmware(struct amphora_iommu *iommu, struct rproc *rproc)
{
	struct rproc_mem_entry *entry;
	int ret = 0;

	list_for_each_entry (entry, &rproc->carveouts, node)
		if (!ret && entry->da != FW_RSC_ADDR_ANY)
			ret = reserve(iommu, entry->da, entry->len);
	list_for_each_entry (entry, &rproc->mappings, node)
		if (!ret)
			ret = reserve(iommu, entry->da, entry->len);
	return ret;
}

/*
 * A life begins. Under rproc->lock, for its lists, and remote->lock. 0 also where there's no such
 * domain. -EOPNOTSUPP: the DMA API's own addresses are an IOMMU's, so that no page can be found by
 * them.
 */
int amphora_iommu_begin(struct amphora_processor *remote)
{
	struct rproc *rproc = remote->rproc;
	struct iommu_domain *domain = rproc->domain;
	struct amphora_iommu *iommu;
	unsigned long granule, first;
	u64 end;
	int ret;

	if (!rproc->has_iommu || remote->iommu)
		return 0;
	if (!domain || !domain->pgsize_bitmap || !is_direct(remote->dev))
		return -EOPNOTSUPP;
	granule = 1ul << __ffs(domain->pgsize_bitmap);
	if (granule > PAGE_SIZE)
		return -EOPNOTSUPP;
	iommu = kzalloc(sizeof(*iommu), GFP_KERNEL);
	if (!iommu)
		return -ENOMEM;
	ret = iova_cache_get();
	if (ret)
		goto free;
	iommu->domain = domain;
	end = min_t(u64, domain->geometry.aperture_end, amphora_address_mask(remote->dev));
	first = max_t(u64, domain->geometry.aperture_start / granule, 1); /* not 0 */
	init_iova_domain(&iommu->addresses, granule, first);
	iommu->last = (end - granule + 1) / granule;
	ret = reserve_firmware(iommu, rproc);
	if (!ret)
		ret = reserve_windows(iommu, remote->dev);
	if (ret)
		goto put;
	remote->iommu = iommu;
	return 0;

put:
	put_iova_domain(&iommu->addresses);
	iova_cache_put();
free:
	kfree(iommu);
	return ret;
}

/* A life has ended, and nothing of it is mapped any more. Under remote->lock. */
void amphora_iommu_end(struct amphora_processor *remote)
{
	struct amphora_iommu *iommu = remote->iommu;

	if (!iommu)
		return;
	put_iova_domain(&iommu->addresses);
	iova_cache_put();
	kfree(iommu);
	remote->iommu = NULL;
}

/* Maps what has DMA addresses, one after the other, at `iova`; or nothing. */
static int map_segments(struct amphora_attachment *attachment, u64 iova, int flags)
{
	struct iommu_domain *domain = attachment->remote->iommu->domain;
	u64 offset = 0;
	int ret = 0;

	for (u32 i = 0; i < attachment->segment_count && !ret; i++) {
		const struct amphora_segment *segment = &attachment->segments[i];
		phys_addr_t pa = dma_to_phys(attachment->remote->dev, segment->address);

		ret = map_pages(domain, iova + offset, pa, segment->length, flags);
		if (!ret)
			offset += segment->length;
	}
	if (ret)
		iommu_unmap(domain, iova, offset);
	return ret;
}

/*
 * Maps what the DMA API has mapped into the domain, if there is one; afterwards the attachment has
 * one segment. Under remote->lock. -ERANGE: no address is left, or a piece isn't whole pages of the
 * IOMMU.
 */
int amphora_iommu_map(struct amphora_attachment *attachment)
{
	struct amphora_iommu *iommu = attachment->remote->iommu;
	int flags = (attachment->direction & AMPHORA_DEVICE_READS ? IOMMU_READ : 0) |
		    (attachment->direction & AMPHORA_DEVICE_WRITES ? IOMMU_WRITE : 0) |
		    (dev_is_dma_coherent(attachment->remote->dev) ? IOMMU_CACHE : 0);
	struct iova *range;
	u64 iova;
	int ret;

	if (!iommu)
		return 0;
	if (iova_offset(&iommu->addresses, attachment->size))
		return -ERANGE;
	range = alloc_iova(&iommu->addresses, attachment->size >> iova_shift(&iommu->addresses),
			   iommu->last, true);
	if (!range)
		return -ERANGE;
	iova = iova_dma_addr(&iommu->addresses, range);
	ret = map_segments(attachment, iova, flags);
	if (ret) {
		__free_iova(&iommu->addresses, range);
		return ret == -EINVAL ? -ERANGE : ret;
	}
	attachment->iova = range;
	attachment->segments[0].address = iova;
	attachment->segments[0].length = attachment->size;
	attachment->segment_count = 1;
	attachment->enforced = true;
	return 0;
}

/* Cuts the remote processor off from it, while the pages are nobody else's. Under remote->lock. */
void amphora_iommu_unmap(struct amphora_attachment *attachment)
{
	struct amphora_iommu *iommu = attachment->remote->iommu;

	if (!attachment->iova)
		return;
	/* less would be a bug of the IOMMU's driver, which the kernel's own users report so, too */
	WARN_ON(iommu_unmap(iommu->domain, iova_dma_addr(&iommu->addresses, attachment->iova),
			    attachment->size) != attachment->size);
	__free_iova(&iommu->addresses, attachment->iova);
	attachment->iova = NULL;
}

#else

int amphora_iommu_begin(struct amphora_processor *remote)
{
	return remote->rproc->has_iommu ? -EOPNOTSUPP : 0;
}

void amphora_iommu_end(struct amphora_processor *remote)
{
}

int amphora_iommu_map(struct amphora_attachment *attachment)
{
	return 0;
}

void amphora_iommu_unmap(struct amphora_attachment *attachment)
{
}

#endif
