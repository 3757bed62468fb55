// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module amphora_protected: protected memory of a board. Each node of the device tree that is
 * compatible to "amphora,protected-memory" is a heap of buffers that devices and remote processors
 * reach, and that no program and no driver maps for the CPU.
 *
 * A program uses it as any dma-heap: /dev/dma_heap/protected,<label>, and that device's one call. (It
 * is not registered with the kernel's dma-heaps, which modules can't do.) What keeps the CPU out is the
 * board: its firewall (TrustZone), or, where there is none, only that nothing here maps it.
 *
 * The node:
 *   memory-region  the memory; its node has no-map, so that Linux has no mapping of its own
 *   label          the end of the heap's name; "amphora" where there is none
 *   amphora,clear  no firewall keeps Linux out: it clears each buffer before somebody gets it. Without,
 *                  whoever may write the memory has to
 *
 * A buffer's memory is free again when its last user is gone: a file descriptor, a mapping for a
 * device, or an attachment of the module amphora, which keeps it until the remote processor is proved
 * off.
 */
#include <linux/bitops.h>
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/ioport.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/platform_device.h>
#include <linux/scatterlist.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/swiotlb.h>
#include <linux/uaccess.h>
#include <uapi/linux/dma-heap.h>

#include "amphora_compat.h"

#define NAME_MAX_BYTES 64 /* with the end */
#define CLEAR_BYTES    SZ_1M /* at a time */
#define PIECE_BYTES    SZ_1G /* of one entry of a table, whose lengths are 32 bits */

/* The memory of a node: there until the node's driver and the last buffer are gone. */
struct protected_heap {
	struct kref ref; /* by the driver, each open file and each buffer */
	struct miscdevice device;
	char name[NAME_MAX_BYTES];
	char node[NAME_MAX_BYTES];
	struct gen_pool *pool; /* of physical addresses */
	phys_addr_t base;
	resource_size_t size;
	bool clear;
};

struct protected_buffer {
	struct protected_heap *heap;
	phys_addr_t address;
	size_t size; /* whole pages */
};

static void free_heap(struct kref *ref)
{
	struct protected_heap *heap = container_of(ref, struct protected_heap, ref);

	gen_pool_destroy(heap->pool);
	release_mem_region(heap->base, heap->size);
	kfree(heap);
}

/* --- a buffer, as other drivers see it --- */

static bool is_translated(struct device *dev)
{
#ifdef CONFIG_IOMMU_API
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
#else
	return false;
#endif
}

/* Else the DMA API would copy it, through a mapping that there is not. -ERANGE, -EREMOTEIO. */
static int check_reach(struct device *dev, const struct protected_buffer *buffer)
{
	if (is_translated(dev))
		return 0;
	if (is_swiotlb_force_bounce(dev))
		return -EREMOTEIO;
	return dma_capable(dev, phys_to_dma(dev, buffer->address), buffer->size, true) ? 0
										       : -ERANGE;
}

/* A table for each attachment: the DMA API writes the device's addresses into it. */
static int attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	const struct protected_buffer *buffer = dmabuf->priv;
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	phys_addr_t address = buffer->address;
	size_t left = buffer->size;
	struct scatterlist *sg;
	unsigned int i;
	int ret;

	if (!table)
		return -ENOMEM;
	ret = sg_alloc_table(table, DIV_ROUND_UP(buffer->size, PIECE_BYTES), GFP_KERNEL);
	if (ret) {
		kfree(table);
		return ret;
	}
	for_each_sgtable_sg(table, sg, i)
	{
		unsigned int length = min_t(size_t, left, PIECE_BYTES);

		sg_set_page(sg, pfn_to_page(PHYS_PFN(address)), length, 0);
		address += length;
		left -= length;
	}
	attachment->priv = table;
	return 0;
}

static void detach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	struct sg_table *table = attachment->priv;

	sg_free_table(table);
	kfree(table);
}

static struct sg_table *map(struct dma_buf_attachment *attachment,
			    enum dma_data_direction direction)
{
	struct sg_table *table = attachment->priv;
	int ret = check_reach(attachment->dev, attachment->dmabuf->priv);

	/* the CPU caches nothing of it */
	if (!ret)
		ret = dma_map_sgtable(attachment->dev, table, direction, DMA_ATTR_SKIP_CPU_SYNC);
	return ret ? ERR_PTR(ret) : table;
}

static void unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
		  enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, table, direction, DMA_ATTR_SKIP_CPU_SYNC);
}

static int refuse_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return -EACCES;
}

static int refuse_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	return -EACCES;
}

static void release(struct dma_buf *dmabuf)
{
	struct protected_buffer *buffer = dmabuf->priv;
	struct protected_heap *heap = buffer->heap;

	gen_pool_free(heap->pool, buffer->address, buffer->size);
	kref_put(&heap->ref, free_heap);
	kfree(buffer);
}

/* Without a vmap, which the kernel refuses by itself; it would warn of one that does. */
static const struct dma_buf_ops buffer_ops = {
	.attach = attach,
	.detach = detach,
	.map_dma_buf = map,
	.unmap_dma_buf = unmap,
	.begin_cpu_access = refuse_access,
	.mmap = refuse_mmap,
	.release = release,
};

/* --- the heap, as a program sees it --- */

/* -ENOMEM: no room for a mapping of a while. */
static int clear_memory(phys_addr_t address, size_t size)
{
	while (size) {
		size_t length = min_t(size_t, size, CLEAR_BYTES);
		void __iomem *memory = ioremap_wc(address, length);

		if (!memory)
			return -ENOMEM;
		memset_io(memory, 0, length);
		iounmap(memory);
		address += length;
		size -= length;
		cond_resched();
	}
	return 0;
}

/* -EINVAL: no size; -ENOMEM: the memory is not there, or is in pieces. */
static struct dma_buf *allocate(struct protected_heap *heap, u64 bytes, u32 file_flags)
{
	DEFINE_DMA_BUF_EXPORT_INFO(export);
	struct protected_buffer *buffer;
	struct dma_buf *dmabuf;
	int ret = -ENOMEM;

	if (!bytes)
		return ERR_PTR(-EINVAL);
	if (bytes > heap->size)
		return ERR_PTR(-ENOMEM);
	buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);
	if (!buffer)
		return ERR_PTR(-ENOMEM);
	buffer->heap = heap;
	buffer->size = PAGE_ALIGN(bytes);
	buffer->address = gen_pool_alloc(heap->pool, buffer->size);
	if (!buffer->address)
		goto free;
	ret = heap->clear ? clear_memory(buffer->address, buffer->size) : 0;
	if (ret)
		goto give_back;
	export.ops = &buffer_ops;
	export.size = buffer->size;
	export.flags = file_flags;
	export.priv = buffer;
	dmabuf = dma_buf_export(&export);
	if (!IS_ERR(dmabuf)) {
		kref_get(&heap->ref);
		return dmabuf;
	}
	ret = PTR_ERR(dmabuf);
give_back:
	gen_pool_free(heap->pool, buffer->address, buffer->size);
free:
	kfree(buffer);
	return ERR_PTR(ret);
}

/* What DMA_HEAP_IOCTL_ALLOC of Linux's own heaps is. */
static long allocate_for_user(struct protected_heap *heap, void __user *argument)
{
	struct dma_heap_allocation_data request;
	struct dma_buf *dmabuf;
	int fd;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.fd || request.fd_flags & ~DMA_HEAP_VALID_FD_FLAGS ||
	    request.heap_flags & ~DMA_HEAP_VALID_HEAP_FLAGS)
		return -EINVAL;
	fd = get_unused_fd_flags(request.fd_flags & O_CLOEXEC);
	if (fd < 0)
		return fd;
	dmabuf = allocate(heap, request.len, request.fd_flags);
	if (IS_ERR(dmabuf)) {
		put_unused_fd(fd);
		return PTR_ERR(dmabuf);
	}
	request.fd = fd;
	if (copy_to_user(argument, &request, sizeof(request))) {
		put_unused_fd(fd);
		dma_buf_put(dmabuf);
		return -EFAULT;
	}
	fd_install(fd, dmabuf->file);
	return 0;
}

/* misc_open() holds a lock that misc_deregister() takes: the driver's reference is there. */
static int heap_open(struct inode *inode, struct file *file)
{
	struct protected_heap *heap =
		container_of(file->private_data, struct protected_heap, device);

	kref_get(&heap->ref);
	file->private_data = heap;
	return 0;
}

static int heap_release(struct inode *inode, struct file *file)
{
	struct protected_heap *heap = file->private_data;

	kref_put(&heap->ref, free_heap);
	return 0;
}

static long heap_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	if (command != DMA_HEAP_IOCTL_ALLOC)
		return -ENOTTY;
	return allocate_for_user(file->private_data, (void __user *)argument);
}

static const struct file_operations heap_operations = {
	.owner = THIS_MODULE,
	.open = heap_open,
	.release = heap_release,
	.unlocked_ioctl = heap_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

/* --- the node --- */

/* Whole pages with a struct page each, by which the DMA API knows memory. -EINVAL. */
static int check_region(struct device *dev, const struct device_node *node,
			const struct reserved_mem *region)
{
	if (!region)
		return dev_err_probe(dev, -EINVAL, "no memory-region\n");
	if (!of_property_read_bool(node, "no-map"))
		return dev_err_probe(dev, -EINVAL, "the memory's node is without no-map\n");
	if (!region->size || !PAGE_ALIGNED(region->base) || !PAGE_ALIGNED(region->size))
		return dev_err_probe(dev, -EINVAL, "the memory does not consist of pages\n");
	for (phys_addr_t page = 0; page < region->size; page += PAGE_SIZE)
		if (!pfn_valid(PHYS_PFN(region->base + page)))
			return dev_err_probe(dev, -EINVAL, "it is no memory that Linux knows\n");
	return 0;
}

static int name_heap(struct device *dev, struct protected_heap *heap)
{
	const char *label = "amphora";

	of_property_read_string(dev->of_node, "label", &label);
	if (!*label || strchr(label, '/') ||
	    snprintf(heap->name, sizeof(heap->name), "protected,%s", label) >=
		    (int)sizeof(heap->name) ||
	    snprintf(heap->node, sizeof(heap->node), "dma_heap/%s", heap->name) >=
		    (int)sizeof(heap->node))
		return dev_err_probe(dev, -EINVAL, "the label is no name of a file, or too long\n");
	heap->device.minor = MISC_DYNAMIC_MINOR;
	heap->device.name = heap->name;
	heap->device.nodename = heap->node;
	heap->device.fops = &heap_operations;
	heap->device.parent = dev;
	heap->device.mode = 0600;
	return 0;
}

/* With one reference. Buffers of the node's last driver may be there still: then it is -EBUSY. */
static struct protected_heap *make_heap(struct device *dev, const struct reserved_mem *region)
{
	struct protected_heap *heap = kzalloc(sizeof(*heap), GFP_KERNEL);
	int ret = -ENOMEM;

	if (!heap)
		return ERR_PTR(-ENOMEM);
	kref_init(&heap->ref);
	heap->base = region->base;
	heap->size = region->size;
	heap->clear = of_property_read_bool(dev->of_node, "amphora,clear");
	ret = name_heap(dev, heap);
	if (ret)
		goto free;
	if (!request_mem_region(heap->base, heap->size, "protected memory")) {
		ret = -EBUSY;
		goto free;
	}
	ret = -ENOMEM;
	heap->pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!heap->pool)
		goto release;
	ret = gen_pool_add(heap->pool, heap->base, heap->size, NUMA_NO_NODE);
	if (!ret)
		return heap;
	gen_pool_destroy(heap->pool);
release:
	release_mem_region(heap->base, heap->size);
free:
	kfree(heap);
	return ERR_PTR(ret);
}

static void remove_heap(void *data)
{
	struct protected_heap *heap = data;

	misc_deregister(&heap->device);
	kref_put(&heap->ref, free_heap);
}

static int probe(struct platform_device *platform)
{
	struct device *dev = &platform->dev;
	struct device_node *node = of_parse_phandle(dev->of_node, "memory-region", 0);
	const struct reserved_mem *region = node ? of_reserved_mem_lookup(node) : NULL;
	struct protected_heap *heap;
	int ret = check_region(dev, node, region);

	of_node_put(node);
	if (ret)
		return ret;
	heap = make_heap(dev, region);
	if (IS_ERR(heap))
		return PTR_ERR(heap);
	ret = misc_register(&heap->device);
	if (ret) {
		kref_put(&heap->ref, free_heap);
		return ret;
	}
	return devm_add_action_or_reset(dev, remove_heap, heap);
}

static const struct of_device_id nodes[] = {
	{.compatible = "amphora,protected-memory"},
	{},
};
MODULE_DEVICE_TABLE(of, nodes);

static struct platform_driver protected_driver = {
	.probe = probe,
	.driver =
		{
			.name = "amphora_protected",
			.of_match_table = nodes,
		},
};
module_platform_driver(protected_driver);
MODULE_DESCRIPTION("Memory that devices and remote processors reach, and the CPU does not map");
MODULE_LICENSE("GPL");
AMPHORA_IMPORT_DMA_BUF;
