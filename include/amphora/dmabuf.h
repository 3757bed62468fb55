/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Linux providers of dma-bufs: dma-heap, udmabuf, and import of somebody else's dma-buf; and what
 * a dma-buf asks of whoever touches it.
 * Memory layer, Linux only. docs/memory.md says which to pick when.
 *
 * A buffer's handle is the dma-buf's fd, close-on-exec; its mapping is kept out of children. Physical
 * addresses are not known to user space: targets that need them (amph_target_map) refuse these
 * buffers, a remote processor learns its device addresses through the kernel module.
 * The fd can be mapped for writing by whoever it is passed to, so AMPH_SHM_READ_ONLY, which promises
 * that nobody else ever writes, is -ENOTSUP for what is allocated here: attach for reading instead.
 */
#ifndef AMPHORA_DMABUF_H
#define AMPHORA_DMABUF_H

#include <stddef.h>
#include <stdint.h>

#include <amphora/provider.h>
#include <amphora/shm.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes of a heap's name in /dev/dma_heap, the closing NUL included. */
#define AMPH_HEAP_NAME_MAX 64

/* --- dma-heap --- */

struct amph_provider_heap {
	struct amph_provider provider;
	char heap[AMPH_HEAP_NAME_MAX];
};

/*
 * Buffers from the dma-heap /dev/dma_heap/<heap>, named "<name>:...": "system" gives scattered pages,
 * a CMA heap (amph_heap_find_cma()) one contiguous piece each. `name` lives as long as the provider;
 * `heap` is copied. Nothing stays open: there is nothing to undo.
 * Returns 0; -EINVAL (names), -ENAMETOOLONG, -ENOENT (no such heap), -EACCES and the other errors of
 * opening it, each with *why (may be NULL); -EPROTO (built with other limits).
 *
 * Opening a buffer gives the fewest whole pages that hold it, zeroed by the heap: shm->size stays what
 * was asked for, the dma-buf is larger by up to a page. va is NULL where the heap gives the CPU no
 * mapping (protected memory). -ENOMEM: the heap has no memory of this size; -ENOTSUP: AMPH_SHM_READ_ONLY,
 * AMPH_SHM_HUGE, and AMPH_SHM_NOT_CACHED but for heaps whose name ends in "-uncached", whose buffers
 * have that flag whether asked for or not; the errors of opening the heap.
 */
int amph_provider_heap_init_checked(struct amph_provider_heap *provider, const char *name,
				    const char *heap, struct amph_why *why, uint32_t abi,
				    uint32_t structure_size);
static inline int amph_provider_heap_init(struct amph_provider_heap *provider, const char *name,
					  const char *heap, struct amph_why *why)
{
	return amph_provider_heap_init_checked(provider, name, heap, why, AMPH_ABI,
					       (uint32_t)sizeof(*provider));
}

#ifdef __cplusplus
}
#endif

#endif
