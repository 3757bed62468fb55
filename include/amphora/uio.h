/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UIO: reserved memory that a device tree gives to user space, as a carve-out with known addresses.
 * Memory layer, Linux only.
 *
 * On Linux's side: a reserved-memory node (no-map) and a node with the same `reg` and the compatible
 * that uio_pdrv_genirq is told to take (uio_pdrv_genirq.of_id=generic-uio). Its memory is contiguous and
 * its physical addresses are known, so that amph_target_map reaches it without a kernel module.
 */
#ifndef AMPHORA_UIO_H
#define AMPHORA_UIO_H

#include <stdint.h>

#include <amphora/error.h>
#include <amphora/pool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * One map of a UIO device, mapped: this process's alone. The caller's, between open and close; one
 * thread at a time for those two calls.
 */
struct amph_uio {
	void *va; /* of the first byte; aligned as pa is within a page */
	uint64_t pa;
	uint64_t size; /* bytes, to the end of the last page: UIO knows whole pages only */
	int fd; /* close-on-exec */
	void *mapping; /* whole pages; kept out of children */
	uint64_t mapped;
};

/*
 * Opens and maps memory of a UIO device. device: "uioN", or the name in /sys/class/uio/uioN/name (the
 * node's, without its address); map: "mapM", or the name in maps/mapM/name; NULL: "map0".
 * UIO maps memory uncached; on arm64 as a device's: accesses must be aligned by their size, and the C
 * library's memcpy() and memset() are not allowed on it. It is as slow as that sounds: for control
 * structures, or where there is no other way.
 * Returns 0; -ENOENT (no such device or map), -EEXIST (several devices have that name), -EBUSY (this
 * map is open already, here or in another process that uses this call), -EINVAL (NULL; the map is no
 * physical memory), -ENAMETOOLONG, -EACCES and the other errors of opening and mapping it; the reason
 * in *why (may be NULL). On error nothing is open.
 */
int amph_uio_open(struct amph_uio *uio, const char *device, const char *map, struct amph_why *why);

/* Unmaps it and closes the device: no buffer of it may be open any more. */
void amph_uio_close(struct amph_uio *uio);

/*
 * The provider for a pool (amph_pool_init() with uio->size) over such memory, named "<name>:...":
 * contiguous buffers with a physical segment each, AMPH_SHM_NOT_CACHED all of them, no fd to pass on.
 * uio is not kept. As amph_provider_pool_init(); -EINVAL also when the pool is larger than the memory.
 */
int amph_provider_uio_init_checked(struct amph_provider_pool *provider, const char *name,
				   struct amph_pool *pool, const struct amph_uio *uio, uint32_t abi,
				   uint32_t structure_size);
static inline int amph_provider_uio_init(struct amph_provider_pool *provider, const char *name,
					 struct amph_pool *pool, const struct amph_uio *uio)
{
	return amph_provider_uio_init_checked(provider, name, pool, uio, AMPH_ABI,
					      (uint32_t)sizeof(*provider));
}

#ifdef __cplusplus
}
#endif

#endif
