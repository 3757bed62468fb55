/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A buffer of scattered pages, for the sample driver: the smallest exporter of dma-bufs. Knows
 * nothing of Amphora. A driver that has a dma-buf from elsewhere needs none of this.
 */
#ifndef AMPHORA_SAMPLE_H
#define AMPHORA_SAMPLE_H

#include <linux/types.h>

struct dma_buf;

/*
 * A dma-buf of `size` bytes, zeroed, whole pages, each from anywhere. The caller has a reference,
 * for dma_buf_put(), and may sleep. -ENOMEM.
 */
struct dma_buf *sample_buffer_make(size_t size);

#endif
