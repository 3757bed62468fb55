// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coherent memory of a remote processor: what queues between it and a program live in. The DMA API
 * allocates and maps it; both sides see each other's writes without cache maintenance.
 */
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "amphora_internal.h"

/* Allocates it, zeroed. Under remote->lock. -ENOMEM, -ERANGE. */
int amphora_memory_map(struct amphora_attachment *attachment)
{
	struct device *dev = attachment->remote->dev;
	u64 mask = amphora_address_mask(dev);
	dma_addr_t address;
	void *memory;
	int ret;

	attachment->segments = kvmalloc_array(1, sizeof(*attachment->segments), GFP_KERNEL);
	if (!attachment->segments)
		return -ENOMEM;
	memory = dma_alloc_coherent(dev, attachment->size, &address, GFP_KERNEL | __GFP_NOWARN);
	if (!memory)
		return -ENOMEM;
	attachment->segments[0].address = address;
	attachment->segments[0].length = attachment->size;
	attachment->segment_count = 1;
	attachment->coherent = true;
	attachment->granule = 1;
	attachment->translated = amphora_is_translated(dev);
	attachment->enforced = attachment->translated;
	ret = address > mask || attachment->size - 1 > mask - address ? -ERANGE : 0;
	if (!ret)
		ret = amphora_iommu_map(attachment);
	if (ret) {
		dma_free_coherent(dev, attachment->size, memory, address);
		return ret;
	}
	attachment->memory = memory;
	attachment->memory_address = address;
	return 0;
}

/* When the remote processor and every program are done with it. Under both locks. */
void amphora_memory_unmap(struct amphora_attachment *attachment)
{
	dma_free_coherent(attachment->remote->dev, attachment->size, attachment->memory,
			  attachment->memory_address);
	attachment->memory = NULL;
}

/*
 * Maps it for a program, shared and not for its children. The mapping holds the file, so the memory
 * stays until it is gone. Under attachment->lock. -EINVAL: not this memory, or private.
 */
int amphora_memory_mmap(struct amphora_attachment *attachment, struct vm_area_struct *vma)
{
	if (!attachment->memory || !(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	vm_flags_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	return dma_mmap_coherent(attachment->remote->dev, vma, attachment->memory,
				 attachment->memory_address, attachment->size);
}
