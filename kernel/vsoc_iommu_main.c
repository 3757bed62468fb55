// SPDX-License-Identifier: GPL-2.0-only
/*
 * IOMMU driver: the one before the coprocessor of the virtual SoC. Its hardware is a monitor in the
 * coprocessor's machine mode, which holds all other code there to the tables that this driver writes.
 *
 * Each domain has the memory that the device tree sets aside for the coprocessor, at the addresses that its
 * bus gives it: its firmware's to run in as well, rings and locks to read and to write. All else is what
 * somebody has mapped, in practice the DMA API.
 */
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_platform.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "vsoc_iommu_internal.h"

#define FIRMWARE "firmware" /* the name of the region to run in */

static const struct iommu_ops vsoc_iommu_ops;

static struct vsoc_iommu *get_iommu(struct device *dev)
{
	return dev_iommu_priv_get(dev);
}

struct vsoc_iommu *vsoc_iommu_of(struct device *dev)
{
	struct iommu_device *iommu = dev->iommu ? dev->iommu->iommu_dev : NULL;

	return iommu && iommu->ops == &vsoc_iommu_ops
		       ? container_of(iommu, struct vsoc_iommu, iommu)
		       : NULL;
}
EXPORT_SYMBOL_GPL(vsoc_iommu_of);

/* --- memory that is set aside --- */

/* The `index`th region of a device, and whether it is run in. -ENOENT after the last. */
static int get_region(struct device *dev, int index, struct reserved_mem **memory, bool *is_code)
{
	struct device_node *node = of_parse_phandle(dev->of_node, "memory-region", index);
	const char *name = "";

	if (!node)
		return -ENOENT;
	*memory = of_reserved_mem_lookup(node);
	of_node_put(node);
	if (!*memory)
		return -EINVAL;
	of_property_read_string_index(dev->of_node, "memory-region-names", index, &name);
	*is_code = !strcmp(name, FIRMWARE);
	return 0;
}

/* The coprocessor's own, and those that the IOMMU's node names after its own memory. */
static int get_fixed_region(struct vsoc_iommu *iommu, struct device *dev, int index,
			    struct reserved_mem **memory, bool *is_code)
{
	int count = max(of_count_phandle_with_args(dev->of_node, "memory-region", NULL), 0);

	return index < count ? get_region(dev, index, memory, is_code)
			     : get_region(iommu->dev, index - count + 1, memory, is_code);
}

static size_t page_of(unsigned long iova, phys_addr_t pa, u64 left)
{
	return IS_ALIGNED(iova | pa, SZ_4M) && left >= SZ_4M ? SZ_4M : SZ_4K;
}

/* Nobody uses the domain yet. */
static int map_region(struct vsoc_domain *domain, const struct reserved_mem *memory, bool is_code)
{
	u32 prot = VSOC_PTE_READ | VSOC_PTE_WRITE | (is_code ? VSOC_PTE_EXECUTE : 0);
	unsigned long flags;
	size_t page;
	int ret = 0;

	spin_lock_irqsave(&domain->iommu->lock, flags);
	for (u64 offset = 0; offset < memory->size && !ret; offset += page) {
		phys_addr_t pa = memory->base + offset;
		dma_addr_t da = phys_to_dma(domain->iommu->dev, pa);

		page = page_of(da, pa, memory->size - offset);
		ret = vsoc_table_map(domain, da, pa, page, prot);
	}
	spin_unlock_irqrestore(&domain->iommu->lock, flags);
	return ret;
}

static int map_regions(struct vsoc_domain *domain, struct device *dev)
{
	struct reserved_mem *memory;
	bool is_code;
	int ret = 0;

	for (int i = 0; !ret; i++) {
		ret = get_fixed_region(domain->iommu, dev, i, &memory, &is_code);
		if (!ret)
			ret = map_region(domain, memory, is_code);
	}
	return ret == -ENOENT ? 0 : ret;
}

static void reserve(struct list_head *list, u64 start, u64 size)
{
	struct iommu_resv_region *region =
		iommu_alloc_resv_region(start, size, 0, IOMMU_RESV_RESERVED, GFP_KERNEL);

	if (region)
		list_add_tail(&region->list, list);
}

/* Addresses that no buffer gets. The monitor's own are in no table; left free they show a bad pointer. */
static void vsoc_get_resv_regions(struct device *dev, struct list_head *list)
{
	struct vsoc_iommu *iommu = get_iommu(dev);
	struct reserved_mem *memory;
	bool is_code;

	for (int i = 0; !get_fixed_region(iommu, dev, i, &memory, &is_code); i++)
		reserve(list, phys_to_dma(iommu->dev, memory->base), memory->size);
	reserve(list, VSOC_IOMMU_DA, VSOC_IOMMU_SIZE);
}

/* --- domains --- */

static struct iommu_domain *vsoc_domain_alloc(struct device *dev)
{
	struct vsoc_iommu *iommu = dev ? get_iommu(dev) : NULL;
	struct vsoc_domain *domain;
	int ret;

	if (!iommu)
		return ERR_PTR(-ENODEV);
	domain = kzalloc(sizeof(*domain), GFP_KERNEL);
	if (!domain)
		return ERR_PTR(-ENOMEM);
	domain->iommu = iommu;
	/* addresses that a firmware takes for memory: those that its bus would have */
	domain->domain.geometry.aperture_start = dma_range_map_min(iommu->dev->dma_range_map);
	domain->domain.geometry.aperture_end = dma_range_map_max(iommu->dev->dma_range_map);
	domain->domain.geometry.force_aperture = true;
	ret = vsoc_table_open(domain);
	if (ret)
		goto free;
	ret = map_regions(domain, dev);
	if (ret)
		goto close;
	return &domain->domain;

close:
	vsoc_table_close(domain);
free:
	kfree(domain);
	return ERR_PTR(ret);
}

static void vsoc_domain_free(struct iommu_domain *domain)
{
	vsoc_table_close(to_vsoc_domain(domain));
	kfree(to_vsoc_domain(domain));
}

/* domain NULL: nothing is reachable. */
static void use_domain(struct vsoc_iommu *iommu, struct iommu_domain *domain)
{
	const __le32 *root = domain ? to_vsoc_domain(domain)->root
				    : (__le32 *)(iommu->memory + VSOC_IOMMU_TABLES);
	unsigned long flags;

	spin_lock_irqsave(&iommu->lock, flags);
	iommu->attached = domain;
	WRITE_ONCE(iommu->words->root, cpu_to_le32(vsoc_table_address(iommu, root)));
	spin_unlock_irqrestore(&iommu->lock, flags);
	vsoc_iommu_invalidate(iommu);
}

static int vsoc_attach_dev(struct iommu_domain *domain, struct device *dev)
{
	use_domain(get_iommu(dev), domain);
	return 0;
}

static int vsoc_block_dev(struct iommu_domain *domain, struct device *dev)
{
	use_domain(get_iommu(dev), NULL);
	return 0;
}

static int vsoc_map_pages(struct iommu_domain *domain, unsigned long iova, phys_addr_t pa,
			  size_t page, size_t count, int prot, gfp_t gfp, size_t *mapped)
{
	struct vsoc_domain *vsoc = to_vsoc_domain(domain);
	u32 entry = VSOC_PTE_READ | (prot & IOMMU_WRITE ? VSOC_PTE_WRITE : 0);
	unsigned long flags;
	int ret = 0;

	if (!(prot & (IOMMU_READ | IOMMU_WRITE)))
		return -EINVAL;
	spin_lock_irqsave(&vsoc->iommu->lock, flags);
	for (size_t i = 0; i < count && !ret; i++) {
		ret = vsoc_table_map(vsoc, iova + i * page, pa + i * page, page, entry);
		if (!ret)
			*mapped += page;
	}
	spin_unlock_irqrestore(&vsoc->iommu->lock, flags);
	dma_wmb(); /* before anybody tells the coprocessor of it */
	return ret;
}

static size_t vsoc_unmap_pages(struct iommu_domain *domain, unsigned long iova, size_t page,
			       size_t count, struct iommu_iotlb_gather *gather)
{
	struct vsoc_domain *vsoc = to_vsoc_domain(domain);
	size_t unmapped = 0, size = page;
	unsigned long flags;

	spin_lock_irqsave(&vsoc->iommu->lock, flags);
	for (size_t i = 0; i < count && size; i++) {
		size = vsoc_table_unmap(vsoc, iova + unmapped, page);
		unmapped += size;
	}
	spin_unlock_irqrestore(&vsoc->iommu->lock, flags);
	return unmapped;
}

static void vsoc_flush_all(struct iommu_domain *domain)
{
	vsoc_iommu_invalidate(to_vsoc_domain(domain)->iommu);
}

static void vsoc_sync(struct iommu_domain *domain, struct iommu_iotlb_gather *gather)
{
	vsoc_flush_all(domain);
}

static phys_addr_t vsoc_iova_to_phys(struct iommu_domain *domain, dma_addr_t iova)
{
	struct vsoc_domain *vsoc = to_vsoc_domain(domain);
	unsigned long flags;
	phys_addr_t pa;

	if (iova > U32_MAX)
		return 0;
	spin_lock_irqsave(&vsoc->iommu->lock, flags);
	vsoc_table_find(vsoc, iova, &pa);
	spin_unlock_irqrestore(&vsoc->iommu->lock, flags);
	return pa;
}

/* --- the device behind it --- */

static int vsoc_of_xlate(struct device *dev, const struct of_phandle_args *args)
{
	struct platform_device *device = of_find_device_by_node(args->np);

	if (!device)
		return -ENODEV;
	dev_iommu_priv_set(dev, platform_get_drvdata(device));
	put_device(&device->dev);
	return 0;
}

static struct iommu_device *vsoc_probe_device(struct device *dev)
{
	struct vsoc_iommu *iommu = get_iommu(dev);

	if (!iommu)
		return ERR_PTR(-ENODEV);
	if (iommu->master && iommu->master != dev)
		return ERR_PTR(-EBUSY);
	iommu->master = dev;
	return &iommu->iommu;
}

static bool vsoc_capable(struct device *dev, enum iommu_cap cap)
{
	return cap == IOMMU_CAP_CACHE_COHERENCY;
}

static struct iommu_domain blocked_domain = {
	.type = IOMMU_DOMAIN_BLOCKED,
	.ops = &(const struct iommu_domain_ops){.attach_dev = vsoc_block_dev},
};

/* There is no identity domain: nothing runs unprotected. */
static const struct iommu_ops vsoc_iommu_ops = {
	.owner = THIS_MODULE,
	.capable = vsoc_capable,
	.domain_alloc_paging = vsoc_domain_alloc,
	.probe_device = vsoc_probe_device,
	.device_group = generic_single_device_group,
	.get_resv_regions = vsoc_get_resv_regions,
	.of_xlate = vsoc_of_xlate,
	.pgsize_bitmap = SZ_4K | SZ_4M,
	.blocked_domain = &blocked_domain,
	.release_domain = &blocked_domain,
	.default_domain_ops =
		&(const struct iommu_domain_ops){
			.attach_dev = vsoc_attach_dev,
			.map_pages = vsoc_map_pages,
			.unmap_pages = vsoc_unmap_pages,
			.flush_iotlb_all = vsoc_flush_all,
			.iotlb_sync = vsoc_sync,
			.iova_to_phys = vsoc_iova_to_phys,
			.free = vsoc_domain_free,
		},
};

/* --- the IOMMU itself --- */

static int open_memory(struct vsoc_iommu *iommu)
{
	struct reserved_mem *memory;
	bool is_code;
	int ret = get_region(iommu->dev, 0, &memory, &is_code);

	if (ret)
		return ret;
	if (!iommu->dev->dma_range_map || phys_to_dma(iommu->dev, memory->base) != VSOC_IOMMU_DA ||
	    memory->size < VSOC_IOMMU_SIZE) {
		dev_err(iommu->dev, "its memory is not %#x bytes where the coprocessor sees %#x\n",
			VSOC_IOMMU_SIZE, VSOC_IOMMU_DA);
		return -EINVAL;
	}
	iommu->memory = devm_memremap(iommu->dev, memory->base, VSOC_IOMMU_SIZE, MEMREMAP_WB);
	if (IS_ERR(iommu->memory))
		return PTR_ERR(iommu->memory);
	memset(iommu->memory, 0, VSOC_IOMMU_SIZE);
	iommu->words = (struct vsoc_iommu_words *)(iommu->memory + VSOC_IOMMU_WORDS);
	return 0;
}

static int load_monitor(struct vsoc_iommu *iommu)
{
	const char *name;
	int ret = of_property_read_string(iommu->dev->of_node, "firmware-name", &name);

	if (!ret)
		ret = request_firmware(&iommu->monitor, name, iommu->dev);
	if (ret)
		return ret;
	if (iommu->monitor->size <= VSOC_IOMMU_WORDS)
		return 0;
	dev_err(iommu->dev, "%s is longer than %u bytes\n", name, VSOC_IOMMU_WORDS);
	release_firmware(iommu->monitor);
	return -EFBIG;
}

static int vsoc_iommu_probe(struct platform_device *device)
{
	struct device *dev = &device->dev;
	struct vsoc_iommu *iommu = devm_kzalloc(dev, sizeof(*iommu), GFP_KERNEL);
	int ret;

	if (!iommu)
		return -ENOMEM;
	iommu->dev = dev;
	spin_lock_init(&iommu->lock);
	mutex_init(&iommu->fault_lock);
	__set_bit(0, iommu->used);
	platform_set_drvdata(device, iommu);
	ret = open_memory(iommu);
	if (!ret)
		ret = load_monitor(iommu);
	if (ret)
		return ret;
	ret = vsoc_port_open(&iommu->port, dev);
	if (ret)
		goto release;
	iommu->kicks = readl(&iommu->port.control->kicks[VSOC_IOMMU_NOTIFY_ID]);
	iommu->cut = readl(&iommu->port.control->cut);
	use_domain(iommu, NULL);
	ret = iommu_device_sysfs_add(&iommu->iommu, dev, NULL, "%s", dev_name(dev));
	if (ret)
		goto close;
	ret = iommu_device_register(&iommu->iommu, &vsoc_iommu_ops, dev);
	if (ret)
		goto remove;
	return 0;

remove:
	iommu_device_sysfs_remove(&iommu->iommu);
close:
	vsoc_port_close(&iommu->port);
release:
	release_firmware(iommu->monitor);
	return ret;
}

static const struct of_device_id vsoc_iommu_match[] = {
	{.compatible = "amphora,vsoc-iommu"},
	{},
};
MODULE_DEVICE_TABLE(of, vsoc_iommu_match);

/* It stays: what it has mapped is in use. */
static struct platform_driver vsoc_iommu_driver = {
	.probe = vsoc_iommu_probe,
	.driver =
		{
			.name = "vsoc_iommu",
			.of_match_table = vsoc_iommu_match,
			.suppress_bind_attrs = true,
		},
};
builtin_platform_driver(vsoc_iommu_driver);

MODULE_DESCRIPTION("IOMMU of the coprocessor of Amphora's virtual SoC");
MODULE_LICENSE("GPL");
