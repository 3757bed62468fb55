/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels that the modules build for, from 6.1 on.
 */
#ifndef AMPHORA_COMPAT_H
#define AMPHORA_COMPAT_H

#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define AMPHORA_IMPORT_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#else
#define AMPHORA_IMPORT_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_map_attachment_unlocked	  dma_buf_map_attachment
#define dma_buf_unmap_attachment_unlocked dma_buf_unmap_attachment
#define dma_buf_vmap_unlocked		  dma_buf_vmap
#define dma_buf_vunmap_unlocked		  dma_buf_vunmap
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}
#endif

/* The arguments of struct class_interface's functions. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define AMPHORA_CLASS_ARGUMENTS struct device *dev
#else
#define AMPHORA_CLASS_ARGUMENTS struct device *dev, struct class_interface *interface
#endif

#endif
