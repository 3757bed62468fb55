/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Resource table: what a firmware tells its loader, as Linux's remoteproc has it (version 1).
 * Remoteproc layer; freestanding. Parsing copies everything out once and checks it.
 */
#ifndef AMPHORA_RESOURCE_TABLE_H
#define AMPHORA_RESOURCE_TABLE_H

#include <stdint.h>

#include <amphora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_RESOURCE_CARVEOUT	   0u
#define AMPH_RESOURCE_DEVMEM	   1u
#define AMPH_RESOURCE_TRACE	   2u
#define AMPH_RESOURCE_VDEV	   3u
#define AMPH_RESOURCE_VENDOR_FIRST 128u
#define AMPH_RESOURCE_VENDOR_LAST  512u
#define AMPH_RESOURCE_ANY	   0xffffffffu /* a da or pa that the loader shall fill in */
#define AMPH_RESOURCE_NAME	   32

#define AMPH_VIRTIO_ID_RPMSG	       7u
#define AMPH_VIRTIO_RPMSG_F_NS	       (1u << 0)
#define AMPH_VIRTIO_RING_F_EVENT_IDX   (1u << 29)
#define AMPH_VIRTIO_STATUS_ACKNOWLEDGE 1u
#define AMPH_VIRTIO_STATUS_DRIVER      2u
#define AMPH_VIRTIO_STATUS_DRIVER_OK   4u

#define AMPH_RESOURCE_MEMORY_MAX 4
#define AMPH_RESOURCE_TRACE_MAX	 2
#define AMPH_RESOURCE_VDEV_MAX	 2
#define AMPH_RESOURCE_VENDOR_MAX 8
#define AMPH_RESOURCE_ENTRY_MAX                                                        \
	(AMPH_RESOURCE_MEMORY_MAX + AMPH_RESOURCE_TRACE_MAX + AMPH_RESOURCE_VDEV_MAX + \
	 AMPH_RESOURCE_VENDOR_MAX)
#define AMPH_RESOURCE_VRING_MAX	 2 /* of a vdev, as in Linux */
#define AMPH_RESOURCE_ALIGN_MAX	 65536u /* of a vring */
#define AMPH_RESOURCE_NOTIFY_MAX 32u /* notify ids are below it */

/* `where` is always the entry's byte offset in the table, for writing answers back. */
struct amph_resource_memory { /* carveout or devmem */
	uint32_t type, where;
	uint32_t da, pa, length, flags;
	char name[AMPH_RESOURCE_NAME]; /* closed with NUL */
};

struct amph_resource_trace {
	uint32_t where;
	uint32_t da, length;
	char name[AMPH_RESOURCE_NAME];
};

struct amph_resource_vring {
	uint32_t da, align, count, notify_id, pa;
};

struct amph_resource_vdev {
	uint32_t where;
	uint32_t id, notify_id, device_features, driver_features, config_length;
	uint8_t status;
	struct amph_resource_vring vrings[AMPH_RESOURCE_VRING_MAX];
	uint32_t vring_count;
};

struct amph_resource_vendor {
	uint32_t type, where, length;
};

struct amph_resource_table {
	uint64_t da; /* of the table in the processor's memory; 0: none */
	uint32_t size; /* bytes */
	struct amph_resource_memory memories[AMPH_RESOURCE_MEMORY_MAX];
	struct amph_resource_trace traces[AMPH_RESOURCE_TRACE_MAX];
	struct amph_resource_vdev vdevs[AMPH_RESOURCE_VDEV_MAX];
	struct amph_resource_vendor vendors[AMPH_RESOURCE_VENDOR_MAX];
	uint32_t memory_count, trace_count, vdev_count, vendor_count;
};

/*
 * Parses `size` bytes of private memory: what was checked must not change afterwards. Entries may
 * stand in any order; none may reach into the header or another entry. Vendor entries are kept as
 * they are; each ends where the next entry starts.
 * Returns 0; -EINVAL (version, reserved words, an entry outside the table, overlapping or
 * misaligned, an open name, a ring count or alignment that is no power of two, ...), -ENOSPC (more
 * entries than the limits above), -ENOTSUP (a type that is neither known nor a vendor's); *why.
 * da stays 0. Any context.
 * Source: Linux's include/linux/remoteproc.h describes the layout; docs/protocol.md has the numbers.
 */
int amph_resource_table_parse(struct amph_resource_table *table, const void *bytes, uint64_t size,
			      struct amph_why *why);

/*
 * Writes answers into the processor's copy of the table, at the entry's place: `bytes` is that copy
 * as this side sees it, `size` bytes, a multiple of 4. They return 0, or -ERANGE when the entry does
 * not fit. One thread at a time; nothing is read back.
 */
int amph_resource_table_write_memory(void *bytes, uint64_t size,
				     const struct amph_resource_memory *memory);
int amph_resource_table_write_trace(void *bytes, uint64_t size,
				    const struct amph_resource_trace *trace);
/* da, notify id and pa of each vring, and driver_features; not the status. */
int amph_resource_table_write_vdev(void *bytes, uint64_t size,
				   const struct amph_resource_vdev *vdev);
/*
 * The status, after everything that was written before it: a release that pairs with the firmware's
 * acquire load of the word that holds it.
 */
int amph_resource_table_write_status(void *bytes, uint64_t size,
				     const struct amph_resource_vdev *vdev);

#ifdef __cplusplus
}
#endif

#endif
