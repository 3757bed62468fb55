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
 * was asked for, the dma-buf is larger by up to a page. A heap named AMPH_HEAP_PROTECTED..., or one that
 * refuses the CPU a mapping, gives buffers with AMPH_SHM_PROTECTED and without a va; whether they are
 * zeroed is the heap's to say. -ENOMEM: the heap has no memory of this size, or a heap named system...
 * would take more than /proc/meminfo has (MemAvailable less CmaFree) and have processes killed for
 * it; -ENOTSUP: AMPH_SHM_READ_ONLY, AMPH_SHM_HUGE, and AMPH_SHM_NOT_CACHED but for heaps whose name
 * ends in "-uncached", whose buffers have that flag whether asked for or not; the errors of opening the
 * heap.
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

/*
 * The name of the heap that gives contiguous memory (CMA), whatever this kernel calls it, in
 * heap[size]. In this order: the heap of the device tree's region that is marked linux,cma-default;
 * "default_cma_region", "linux,cma", "default-pool", "reserved", as Linux has named the default region
 * over time; the alphabetically first heap that is a region in /sys/kernel/mm/cma, where newer kernels
 * have a heap for each. Another region's heap is opened by its own name.
 * Returns 0; -ENOENT (none of these is in /dev/dma_heap), -ERANGE (size too small), -EMFILE and other
 * errors of looking through the folders; *why (may be NULL).
 */
int amph_heap_find_cma(char *heap, size_t size, struct amph_why *why);

/*
 * What the names of heaps start with whose memory the CPU cannot map: Linux's "protected,secure-video"
 * and others (6.18), and "protected,amphora" of the module amphora_protected (docs/policy.md).
 */
#define AMPH_HEAP_PROTECTED "protected,"

/*
 * The name of the alphabetically first such heap, in heap[size]; each has a purpose and an owner of its
 * own, so an application that knows its heap's name uses that. Returns 0; -ENOENT (there is none),
 * -ERANGE (size too small); *why (may be NULL).
 */
int amph_heap_find_protected(char *heap, size_t size, struct amph_why *why);

/* --- udmabuf --- */

/*
 * Buffers of ordinary, scattered pages of a memfd of their own, named "udmabuf:...", from
 * /dev/udmabuf: where there is no heap, and for huge pages (AMPH_SHM_HUGE), which make few segments.
 * The CPU's mapping is the memfd's, so the kernel can do I/O to it. The handle is the dma-buf's fd; the
 * memfd is closed, so nobody can change the file beneath.
 * Returns 0, or the error of opening /dev/udmabuf and *why (may be NULL): -ENOENT, -EACCES, ...
 *
 * Opening a buffer gives whole pages, or whole huge pages. -EFBIG: with rounding more than the module
 * parameter udmabuf.size_limit_mb allows (why: bytes, limit); -ENOMEM: more than MemAvailable less
 * CmaFree, or too few huge pages are set aside in /proc/sys/vm/nr_hugepages; -ENOTSUP: this system has
 * no huge pages, AMPH_SHM_READ_ONLY, AMPH_SHM_NOT_CACHED; the errors of opening /dev/udmabuf.
 */
int amph_provider_udmabuf_init(struct amph_provider *provider, struct amph_why *why);

/* --- somebody else's dma-buf --- */

/*
 * Is this a dma-buf? *size: its bytes. By the file system it lives in, and by an ioctl that every
 * dma-buf refuses in its own way and that has no effect. Returns 0; -EBADF (no open fd), -EINVAL (no
 * dma-buf), with *why (may be NULL). Any thread.
 */
int amph_dmabuf_size(int fd, uint64_t *size, struct amph_why *why);

/*
 * Opens a buffer over a dma-buf from V4L2, DRM, a vendor's allocator, or another process: `size` bytes
 * from `offset`, a multiple of the page size. The fd is duplicated. va is NULL, and AMPH_SHM_PROTECTED
 * set, where the exporter gives the CPU no mapping. The contents are whatever they are, not zero, and a device may be writing them
 * until amph_dmabuf_wait_fences(). AMPH_SHM_READ_ONLY maps it for reading only; without it the fd must
 * be open for reading and writing (V4L2's VIDIOC_EXPBUF and DRM's PRIME export give that for O_RDWR).
 * Returns as amph_shm_open(); -EINVAL also: the name is not "import:...", no dma-buf, offset; -EBADF;
 * -ERANGE (the dma-buf is smaller), -EROFS (the fd is for reading only), -ENOTSUP (other flags),
 * -EMFILE, -ENOMEM.
 */
int amph_shm_open_dmabuf(struct amph_memory *memory, struct amph_shm *shm,
			 const struct amph_shm_storage *storage, const char *name, int fd,
			 uint64_t offset, uint64_t size, uint32_t flags);

/*
 * The mapping alone, for an importer's window hook: `size` bytes from `offset`, shared, kept out of
 * children; *va is NULL where the exporter gives the CPU none. writable: asks for writing. The same
 * refusals; the reason in *why (may be NULL). Unmap with amph_memfd_unmap() (memfd.h), in the process
 * that mapped it.
 */
int amph_dmabuf_map(int fd, uint64_t offset, uint64_t size, int writable, void **va,
		    struct amph_why *why);

/* --- touching a dma-buf that devices of the kernel touch too: any thread; these calls may sleep --- */

/*
 * Waits until the kernel's devices are done with the dma-buf, as far as it is to be used in `direction`
 * (AMPH_DEVICE_*, what the user to come does): until those that write it have finished when it is only
 * to be read, until all have when it is to be written. Before it is given to a target, or touched.
 * deadline: of amph_time_now(). Returns 0; -ETIMEDOUT, -EINVAL (direction, no dma-buf), -EBADF, -EIO.
 */
int amph_dmabuf_wait_fences(int fd, uint32_t direction, uint64_t deadline);

/* What the CPU is about to do, or has done. */
#define AMPH_CPU_READS	      0x1u
#define AMPH_CPU_WRITES	      0x2u
#define AMPH_CPU_READS_WRITES 0x3u

/*
 * Brackets the CPU's access to a dma-buf, the whole of it: begin waits for fences as above and makes
 * visible what devices wrote; end makes visible to them what the CPU wrote (DMA_BUF_IOCTL_SYNC; retried
 * when interrupted). The same `access` for both; AMPH_CPU_READS_WRITES is always right.
 * For devices that other drivers have attached: a camera, a display. The kernel maintains caches only
 * for who is attached at that moment. A target with a sync of its own (a remote processor through the
 * module) does it by amph_shm_sync_for_device() and ..._for_cpu(), and needs none of this.
 * Returns 0; -ETIMEDOUT, -EINVAL (access; no dma-buf; udmabuf: end without begin), -EBADF, or the
 * exporter's error.
 */
int amph_dmabuf_begin_access(int fd, uint32_t access, uint64_t deadline);
int amph_dmabuf_end_access(int fd, uint32_t access, uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
