// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mapping of a dma-buf for a remote processor: by the DMA API of its device, so with the
 * address offsets and limits of its bus. Knows nothing of lives; its callers hold the locks.
 */
#include <linux/bitops.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/moduleparam.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>

#include "amphora_internal.h"

static bool allow_bounce;
module_param(allow_bounce, bool, 0644);
MODULE_PARM_DESC(allow_bounce,
		 "for tests: map through swiotlb too, so that a forgotten sync shows");

/* The highest device address. */
u64 amphora_address_mask(struct device *dev)
{
	return min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
}

/* Bytes of which a sync must be of a multiple. */
u32 amphora_granule(struct device *dev)
{
	return dev_is_dma_coherent(dev) ? 1 : dma_get_cache_alignment();
}

#ifdef CONFIG_IOMMU_API
/* The domain that the DMA API maps into, or NULL. */
static struct iommu_domain *get_dma_domain(struct device *dev)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API) ? domain : NULL;
}
#else
static struct iommu_domain *get_dma_domain(struct device *dev)
{
	return NULL;
}
#endif

/* Whether the DMA API puts the device behind an IOMMU. */
bool amphora_is_translated(struct device *dev)
{
	return get_dma_domain(dev);
}

/* Whether a device address is of memory that swiotlb has lent. */
static bool is_bounced(struct device *dev, dma_addr_t address)
{
	struct iommu_domain *domain = get_dma_domain(dev);
	phys_addr_t pa = domain ? iommu_iova_to_phys(domain, address) : dma_to_phys(dev, address);

#if !IS_ENABLED(CONFIG_SWIOTLB)
	(void)pa;
	return false;
#elif IS_ENABLED(CONFIG_SWIOTLB_DYNAMIC)
	/* Which pools there are is no module's to know. Coherence tells, or else any use of them. */
	(void)pa;
	if (!domain && dev_is_dma_coherent(dev))
		return dma_need_sync(dev, address);
	return READ_ONCE(dev->dma_uses_io_tlb);
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
	return swiotlb_find_pool(dev, pa);
#else
	return is_swiotlb_buffer(dev, pa);
#endif
}

static enum dma_data_direction to_dma(u32 direction)
{
	switch (direction) {
	case AMPHORA_DEVICE_READS:
		return DMA_TO_DEVICE;
	case AMPHORA_DEVICE_WRITES:
		return DMA_FROM_DEVICE;
	default:
		return DMA_BIDIRECTIONAL;
	}
}

/*
 * Whether the CPU has a mapping of its own of what is there, and so may cache it. Of protected memory
 * (no-map) it has none, and a sync would go through it.
 */
static bool is_cached(struct device *dev, dma_addr_t address)
{
	struct iommu_domain *domain = get_dma_domain(dev);
	phys_addr_t pa = domain ? iommu_iova_to_phys(domain, address) : dma_to_phys(dev, address);

	return virt_addr_valid(phys_to_virt(pa));
}

/* One segment more; or the last one grows. */
static void add_segment(struct amphora_attachment *attachment, u64 address, u64 length)
{
	struct amphora_segment *last = &attachment->segments[attachment->segment_count];

	if (attachment->segment_count && last[-1].address + last[-1].length == address) {
		last[-1].length += length;
		return;
	}
	last->address = address;
	last->length = length;
	attachment->segment_count++;
}

/* -ERANGE: the remote processor can't say this address; -EREMOTEIO: it's that of a copy. */
static int check_piece(struct amphora_attachment *attachment, dma_addr_t address, u64 length)
{
	struct device *dev = attachment->remote->dev;
	u64 mask = amphora_address_mask(dev);

	if (address > mask || length - 1 > mask - address)
		return -ERANGE;
	if (is_bounced(dev, address)) {
		if (!READ_ONCE(allow_bounce))
			return -EREMOTEIO;
		attachment->bounced = true;
	}
	return 0;
}

/* What the DMA API has mapped: segments for the remote processor, pieces for a sync. */
static int read_table(struct amphora_attachment *attachment, struct sg_table *table)
{
	struct scatterlist *sg;
	bool cached = true;
	u64 offset = 0;
	unsigned int i;
	int ret;

	for_each_sgtable_dma_sg (table, sg, i) {
		u64 length = min_t(u64, sg_dma_len(sg), attachment->size - offset);

		if (!length)
			continue; /* some exporters round up */
		ret = check_piece(attachment, sg_dma_address(sg), length);
		if (ret)
			return ret;
		attachment->pieces[attachment->piece_count].offset = offset;
		attachment->pieces[attachment->piece_count++].address = sg_dma_address(sg);
		add_segment(attachment, sg_dma_address(sg), length);
		offset += length;
		cached = cached && is_cached(attachment->remote->dev, sg_dma_address(sg));
	}
	if (!cached)
		attachment->piece_count = 0;
	return offset == attachment->size ? 0 : -EIO;
}

static int take_table(struct amphora_attachment *attachment, struct sg_table *table)
{
	struct device *dev = attachment->remote->dev;
	int ret;

	if (!table->nents)
		return -EIO;
	attachment->segments =
		kvmalloc_array(table->nents, sizeof(*attachment->segments), GFP_KERNEL);
	attachment->pieces = kvmalloc_array(table->nents, sizeof(*attachment->pieces), GFP_KERNEL);
	if (!attachment->segments || !attachment->pieces)
		return -ENOMEM;
	ret = read_table(attachment, table);
	if (ret)
		return ret;
	attachment->translated = amphora_is_translated(dev);
	attachment->enforced = attachment->translated;
	attachment->coherent = dev_is_dma_coherent(dev) && !attachment->bounced;
	attachment->granule = amphora_granule(dev);
	if (attachment->coherent || !attachment->piece_count) {
		kvfree(attachment->pieces);
		attachment->pieces = NULL;
		attachment->piece_count = 0;
	}
	return 0;
}

/* Maps attachment->dmabuf, of which it takes a reference. Under remote->lock. */
int amphora_map(struct amphora_attachment *attachment)
{
	enum dma_data_direction direction = to_dma(attachment->direction);
	struct dma_buf_attachment *import;
	struct sg_table *table;
	int ret;

	import = dma_buf_attach(attachment->dmabuf, attachment->remote->dev);
	if (IS_ERR(import))
		return PTR_ERR(import);
	table = dma_buf_map_attachment_unlocked(import, direction);
	if (IS_ERR(table)) {
		/* what the DMA API says of an address that it can't map */
		ret = PTR_ERR(table) == -EIO ? -ERANGE : PTR_ERR(table);
		goto detach;
	}
	ret = take_table(attachment, table);
	if (!ret)
		ret = amphora_iommu_map(attachment);
	if (ret)
		goto unmap;
	get_dma_buf(attachment->dmabuf);
	attachment->import = import;
	attachment->table = table;
	return 0;

unmap:
	dma_buf_unmap_attachment_unlocked(import, table, direction);
detach:
	dma_buf_detach(attachment->dmabuf, import);
	return ret;
}

/* Unmaps, and drops the dma-buf: it may be gone afterwards. Under both locks. */
void amphora_unmap(struct amphora_attachment *attachment)
{
	dma_buf_unmap_attachment_unlocked(attachment->import, attachment->table,
					  to_dma(attachment->direction));
	dma_buf_detach(attachment->dmabuf, attachment->import);
	dma_buf_put(attachment->dmabuf);
	attachment->import = NULL;
	attachment->table = NULL;
	attachment->dmabuf = NULL;
}

/* The index of the piece that holds `offset`, which is inside the buffer. */
static u32 find_piece(const struct amphora_attachment *attachment, u64 offset)
{
	u32 low = 0, high = attachment->piece_count;

	while (high - low > 1) {
		u32 middle = low + (high - low) / 2;

		if (attachment->pieces[middle].offset <= offset)
			low = middle;
		else
			high = middle;
	}
	return low;
}

/*
 * Cache maintenance for a range, which the caller has checked; with attachment->lock held. The DMA
 * API takes a range of what it has mapped as one; but behind an IOMMU that may be several places in
 * memory, and it follows the address of the first only: so there by pages.
 */
void amphora_sync(struct amphora_attachment *attachment, u64 offset, u64 length, u32 flags)
{
	enum dma_data_direction direction = to_dma(attachment->direction);
	struct device *dev = attachment->remote->dev;
	u64 end = offset + length;

	if (!attachment->piece_count)
		return;
	for (u32 i = find_piece(attachment, offset); offset < end;) {
		const struct amphora_piece *piece = &attachment->pieces[i];
		u64 piece_end = i + 1 < attachment->piece_count ? piece[1].offset
								: attachment->size;
		dma_addr_t address = piece->address + (offset - piece->offset);
		u64 bytes = min(piece_end, end) - offset;

		if (attachment->translated)
			bytes = min_t(u64, bytes, PAGE_SIZE - offset_in_page(address));
		if (flags == AMPHORA_SYNC_FOR_DEVICE)
			dma_sync_single_for_device(dev, address, bytes, direction);
		else
			dma_sync_single_for_cpu(dev, address, bytes, direction);
		offset += bytes;
		if (offset == piece_end)
			i++;
	}
}
