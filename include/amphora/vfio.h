/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "VFIO": a device behind an IOMMU, which this process drives itself (Linux).
 * Memory layer. An attachment is a mapping in the IOMMU: the device reaches that buffer, in that
 * direction, under an I/O virtual address (IOVA, its da), and nothing else.
 *
 * All of a device's DMA is coherent: VFIO takes no device whose IOMMU can't make it so. Its limits are
 * enforced, and so a detach proves more than for other targets: when it returns, the IOMMU lets the
 * device reach the buffer no more, whatever the device still tries. The kernel pins the pages while
 * they are mapped; if this process dies, it unmaps before it lets them go.
 *
 * One thread at a time for a target and the memory contexts attached to it. No function here waits,
 * none may be called from an interrupt. In a child of the process that opened the target each returns
 * -EPERM.
 */
#ifndef AMPHORA_VFIO_H
#define AMPHORA_VFIO_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/io.h>
#include <amphora/target.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_VFIO_DETAIL_MAX 96

struct amph_vfio_config {
	/* its name in sysfs, on the PCI, platform or AMBA bus: "0000:00:02.0" */
	const char *device;
	/*
	 * Use the fds below: they stay the caller's, open until the target is closed. container: of
	 * /dev/vfio/vfio. group: of the device's /dev/vfio/N, in that container; -1: opened here, and
	 * put into it. Else both are opened here, for this device alone.
	 */
	bool borrow;
	int container;
	int group;
	/*
	 * The bits of an address that the device drives; 0 is 64. An IOMMU does not know them: what
	 * a device cuts off goes to another address.
	 */
	uint32_t address_bits;
	uint64_t alignment; /* of an IOVA, bytes, a power of two; 0: the IOMMU's page alone */
	/*
	 * Where the IOVAs are chosen, both ends included, 0 and 0: wherever the IOMMU allows. Who
	 * shares a container gives each its own part. 0 itself is never chosen.
	 */
	uint64_t iova_first;
	uint64_t iova_last;
};

struct amph_target_vfio {
	struct amph_target target;
	struct amph_why why; /* of the last refusal that has no buffer to keep it */
	char detail[AMPH_VFIO_DETAIL_MAX]; /* names that `why` is about, or empty */
	int container;
	int group;
	int device;
	bool owns_container;
	bool owns_group;
	bool pci;
	bool resets; /* the kernel can reset it */
	bool broken; /* an unmap failed: nothing new is attached */
	bool placed; /* the attach that runs asked for `place` */
	uint32_t fork_generation;
	uint64_t place;
	uint64_t iova_first;
	uint64_t iova_last;
	uint64_t
		iova_next; /* the search goes on from here: an address comes back as late as can be */
};

/*
 * Opens a device that is bound to VFIO (vfio-pci, vfio-platform, or a variant driver). The name lives
 * as long as the target. Capabilities in `target` (segment_max, quarantine_max) may be changed
 * afterwards; address_bits and alignment come from the configuration.
 * Returns 0; -EINVAL (configuration), -ENOENT (no such device), -ENODEV (no driver is bound; no IOMMU
 * stands before it), -EBUSY (another driver holds the device, or one in its group: `detail` names both;
 * another process has the group open), -EACCES (/dev/vfio), -ENOTSUP (no VFIO, or no type1v2), -EPERM
 * (the IOMMU does not isolate interrupts), -EPROTO (built with other limits), or another error of the
 * kernel's; the reason in target->why. On error nothing is open.
 */
int amph_target_vfio_open_checked(struct amph_target_vfio *target, const char *name,
				  const struct amph_vfio_config *config, uint32_t abi,
				  uint32_t structure_size);
static inline int amph_target_vfio_open(struct amph_target_vfio *target, const char *name,
					const struct amph_vfio_config *config)
{
	return amph_target_vfio_open_checked(target, name, config, AMPH_ABI,
					     (uint32_t)sizeof(*target));
}

/*
 * Closes what was opened here; the kernel then stops the device's DMA and resets it where it can.
 * Regions stay mapped until they are unmapped. Returns 0, -EBUSY while a buffer is attached, -EPERM.
 */
int amph_target_vfio_close(struct amph_target_vfio *target);

/*
 * amph_shm_attach() with the address under which the device shall see the buffer, in bytes.
 * amph_shm_attach() itself chooses one. A buffer becomes one segment. Both return what
 * amph_shm_attach() says, and: -EINVAL (the buffer's start, its size, or the IOVA is not a multiple of
 * the IOMMU's page: the device would reach what shares its last page; open it rounded up), -ERANGE (the
 * IOVA is reserved, or too wide for the device; no free one is left), -EADDRINUSE (something is mapped
 * there), -ENOTSUP (the CPU has no mapping of the buffer, an uncached one, or one that the kernel can't
 * pin: that of most dma-bufs, but not of udmabuf's), -ENOMEM (RLIMIT_MEMLOCK: what is mapped counts as
 * locked memory), -ENOSPC (vfio_iommu_type1.dma_entry_limit), -EIO (an earlier unmap has failed).
 */
int amph_vfio_attach_at(struct amph_shm *shm, struct amph_target_vfio *target, uint32_t direction,
			enum amph_sync_method method, uint64_t iova,
			struct amph_attachment *attachment, struct amph_segment *segments,
			uint32_t segment_max);

/*
 * Cuts the device off: stops its bus mastering, resets it where the kernel can, unmaps everything, and
 * then does what amph_target_off() does. (That one alone is enough of a proof, too: it unmaps.)
 * Afterwards amph_target_up() makes it usable again. Returns 0, -EPERM, or the error of the reset, of
 * which nothing depends.
 */
int amph_target_vfio_off(struct amph_target_vfio *target);

/* --- for whoever drives the device --- */

/*
 * Maps all of a region of the device, numbered as VFIO does (PCI: 0 to 5 the BARs). Only io->va and
 * io->size mean anything. The mapping is kept out of children. Returns 0, -ENOENT (no such region, or
 * an empty one), -ENOTSUP (the kernel does not let it be mapped), -EPERM, or the error of mmap.
 */
int amph_vfio_region_map(struct amph_target_vfio *target, uint32_t index, struct amph_io *io);
void amph_vfio_region_unmap(struct amph_io *io);

/*
 * Lets a PCI device do DMA and send messages (MSI), or not. It may not after it is opened.
 * Returns 0, -ENOTSUP (no PCI device), -EIO, -EPERM.
 */
int amph_vfio_bus_master(struct amph_target_vfio *target, bool on);

/* Most vectors of one call below. */
#define AMPH_VFIO_VECTORS_MAX 32

/*
 * Connects vector i of an interrupt of the device, numbered as VFIO does (PCI: 0 INTx, 1 MSI, 2 MSI-X),
 * to the eventfd fds[i], for amph_irq_connect() or poll(); count 0 disconnects them all. The fds stay
 * the caller's. Returns 0, -EINVAL (more than it has), -ENOENT (no such interrupt), -ENOTSUP (one that
 * masks itself until it is served, as INTx does; one that has no eventfd), -EPERM, or the kernel's error.
 */
int amph_vfio_irq(struct amph_target_vfio *target, uint32_t index, const int *fds, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
