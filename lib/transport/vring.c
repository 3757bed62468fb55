/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the parts of a split ring lie. Transport layer; pure arithmetic, touches no shared memory.
 * Source: VIRTIO 1.2, 2.7.2 legacy layout: descriptors, avail, gap up to a multiple of align, used.
 */
#include <amphora/virtqueue.h>

/* flags, idx and the event word around the entries of each half */
#define HALF_EXTRA    6u
#define DESC_ALIGN    16u
#define USED_ALIGN    4u
#define GAP_ALIGN_MAX 65536u

#define AVAIL_END(count) ((count)*18 + HALF_EXTRA) /* descriptors of 16 bytes, entries of 2 */
#define USED_SIZE(count) ((count)*8 + HALF_EXTRA) /* elements of 8 bytes */

static inline uint32_t size_of(uint32_t count, uint32_t align)
{
	/* powers of two within bounds; what is below wraps around and is above */
	if (count & (count - 1) || count - 1 > AMPH_VRING_COUNT_MAX - 1 || align & (align - 1) ||
	    align - USED_ALIGN > GAP_ALIGN_MAX - USED_ALIGN)
		return 0;
	return ((AVAIL_END(count) + align - 1) & -align) + USED_SIZE(count);
}

uint32_t amph_vring_size(uint32_t count, uint32_t align)
{
	return size_of(count, align);
}

int amph_vring_init(struct amph_vring *vring, void *va, uint32_t size, uint32_t count,
		    uint32_t align)
{
	uint32_t needed = size_of(count, align);

	if (!needed || !va || (uintptr_t)va % DESC_ALIGN)
		return -EINVAL;
	if (size < needed)
		return -ENOSPC;
	vring->count = count;
	vring->desc = va;
	vring->avail = (uint16_t *)(vring->desc + count);
	vring->used = (uint16_t *)((char *)va + needed - USED_SIZE(count));
	return 0;
}
