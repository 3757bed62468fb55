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

static uint32_t used_offset(uint32_t count, uint32_t align)
{
	uint32_t end = count * (uint32_t)sizeof(struct amph_vring_desc) + HALF_EXTRA +
		       count * (uint32_t)sizeof(uint16_t);

	return (end + align - 1) & ~(align - 1);
}

static bool is_power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

uint32_t amph_vring_size(uint32_t count, uint32_t align)
{
	if (!is_power_of_two(count) || count > AMPH_VRING_COUNT_MAX || !is_power_of_two(align) ||
	    align < USED_ALIGN || align > GAP_ALIGN_MAX)
		return 0;
	return used_offset(count, align) + HALF_EXTRA +
	       count * (uint32_t)sizeof(struct amph_vring_used_element);
}

int amph_vring_init(struct amph_vring *vring, void *va, uint64_t size, uint32_t count,
		    uint32_t align)
{
	uint32_t needed = amph_vring_size(count, align);

	if (!needed || !va || (uintptr_t)va % DESC_ALIGN)
		return -EINVAL;
	if (size < needed)
		return -ENOSPC;
	vring->count = count;
	vring->desc = va;
	vring->avail = (uint16_t *)(vring->desc + count);
	vring->used = (uint16_t *)((char *)va + used_offset(count, align));
	return 0;
}
