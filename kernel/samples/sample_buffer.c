// SPDX-License-Identifier: GPL-2.0-only
/* A buffer of scattered pages as a dma-buf. See sample.h. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "sample.h"

struct sample_buffer {
	unsigned long count;
	struct page *pages[];
};

static struct sg_table *map_buffer(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	struct sample_buffer *buffer = attachment->dmabuf->priv;
	struct sg_table *table = kzalloc(sizeof(*table), GFP_KERNEL);
	int ret;

	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_alloc_table_from_pages(table, buffer->pages, buffer->count, 0,
					attachment->dmabuf->size, GFP_KERNEL);
	if (ret)
		goto free;
	ret = dma_map_sgtable(attachment->dev, table, direction, 0);
	if (!ret)
		return table;
	sg_free_table(table);
free:
	kfree(table);
	return ERR_PTR(ret);
}

static void unmap_buffer(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction direction)
{
	dma_unmap_sgtable(attachment->dev, table, direction, 0);
	sg_free_table(table);
	kfree(table);
}

static int vmap_buffer(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct sample_buffer *buffer = dmabuf->priv;
	void *address = vmap(buffer->pages, buffer->count, VM_MAP, PAGE_KERNEL);

	if (!address)
		return -ENOMEM;
	iosys_map_set_vaddr(map, address);
	return 0;
}

static void vunmap_buffer(struct dma_buf *dmabuf, struct iosys_map *map)
{
	vunmap(map->vaddr);
}

static void free_buffer(struct sample_buffer *buffer)
{
	for (unsigned long i = 0; i < buffer->count; i++)
		if (buffer->pages[i])
			__free_page(buffer->pages[i]);
	kvfree(buffer);
}

static void release_buffer(struct dma_buf *dmabuf)
{
	free_buffer(dmabuf->priv);
}

static const struct dma_buf_ops buffer_operations = {
	.map_dma_buf = map_buffer,
	.unmap_dma_buf = unmap_buffer,
	.vmap = vmap_buffer,
	.vunmap = vunmap_buffer,
	.release = release_buffer,
};

static struct sample_buffer *allocate_buffer(size_t size)
{
	unsigned long count = PAGE_ALIGN(size) >> PAGE_SHIFT;
	struct sample_buffer *buffer = kvzalloc(struct_size(buffer, pages, count), GFP_KERNEL);

	if (!buffer)
		return NULL;
	buffer->count = count;
	for (unsigned long i = 0; i < count; i++) {
		buffer->pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!buffer->pages[i]) {
			free_buffer(buffer);
			return NULL;
		}
	}
	return buffer;
}

struct dma_buf *sample_buffer_make(size_t size)
{
	struct sample_buffer *buffer = allocate_buffer(size);
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;

	if (!buffer)
		return ERR_PTR(-ENOMEM);
	info.ops = &buffer_operations;
	info.size = buffer->count << PAGE_SHIFT;
	info.flags = O_RDWR;
	info.priv = buffer;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		free_buffer(buffer);
	return dmabuf;
}
