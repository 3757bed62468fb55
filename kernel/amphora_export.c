// SPDX-License-Identifier: GPL-2.0-only
/*
 * What drivers in the kernel call. See <linux/amphora.h>.
 */
#include <linux/amphora.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/rpmsg.h>

#include "amphora_internal.h"

#define DIRECTIONS (AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)

struct amphora_processor *amphora_get_by_rproc(struct rproc *rproc)
{
	struct device *dma_device;

	if (!amphora_class_has(&rproc->dev, &dma_device))
		return ERR_PTR(-ENODEV);
	get_device(&rproc->dev);
	return amphora_remote_get(rproc, dma_device, false);
}
EXPORT_SYMBOL_GPL(amphora_get_by_rproc);

struct amphora_processor *amphora_get_by_rpmsg(struct rpmsg_device *rpdev)
{
	/* a bound device holds its parents, and so each of them its own */
	struct rproc *rproc = rproc_get_by_child(&rpdev->dev);

	return rproc ? amphora_get_by_rproc(rproc) : ERR_PTR(-ENODEV);
}
EXPORT_SYMBOL_GPL(amphora_get_by_rpmsg);

void amphora_put(struct amphora_processor *processor)
{
	amphora_remote_put(processor);
}
EXPORT_SYMBOL_GPL(amphora_put);

struct amphora_attachment *amphora_attach(struct amphora_processor *processor,
					  struct dma_buf *dmabuf, u32 direction)
{
	if (!direction || (direction & ~DIRECTIONS))
		return ERR_PTR(-EINVAL);
	return amphora_attach_dmabuf(processor, dmabuf, direction, false);
}
EXPORT_SYMBOL_GPL(amphora_attach);

struct amphora_attachment *amphora_allocate(struct amphora_processor *processor, size_t size)
{
	if (!size || size > AMPHORA_COHERENT_MAX)
		return ERR_PTR(-EINVAL);
	return amphora_attach_memory(processor, PAGE_ALIGN(size), false);
}
EXPORT_SYMBOL_GPL(amphora_allocate);

void *amphora_memory(const struct amphora_attachment *attachment)
{
	return attachment->memory;
}
EXPORT_SYMBOL_GPL(amphora_memory);

u32 amphora_segments(const struct amphora_attachment *attachment,
		     const struct amphora_segment **list)
{
	*list = attachment->segments;
	return attachment->segment_count;
}
EXPORT_SYMBOL_GPL(amphora_segments);

int amphora_sync_for_device(struct amphora_attachment *attachment, u64 offset, u64 length)
{
	return amphora_attachment_sync(attachment, offset, length, AMPHORA_SYNC_FOR_DEVICE);
}
EXPORT_SYMBOL_GPL(amphora_sync_for_device);

int amphora_sync_for_cpu(struct amphora_attachment *attachment, u64 offset, u64 length)
{
	return amphora_attachment_sync(attachment, offset, length, AMPHORA_SYNC_FOR_CPU);
}
EXPORT_SYMBOL_GPL(amphora_sync_for_cpu);

int amphora_release(struct amphora_attachment *attachment)
{
	return amphora_attachment_release(attachment);
}
EXPORT_SYMBOL_GPL(amphora_release);

void amphora_close(struct amphora_attachment *attachment)
{
	amphora_attachment_close(attachment);
}
EXPORT_SYMBOL_GPL(amphora_close);
