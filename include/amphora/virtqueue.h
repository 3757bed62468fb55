/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Virtqueue: one split ring of virtio (legacy layout, event index), both roles.
 * Transport layer; freestanding; knows order.h and addresses as numbers, nothing of RPMsg.
 * Source: Virtual I/O Device (VIRTIO) 1.2, 2.7 Split Virtqueues; 2.7.10 event index.
 */
#ifndef AMPHORA_VIRTQUEUE_H
#define AMPHORA_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Shared memory, little-endian. Each comment says who writes. */
struct amph_vring_desc {
	uint64_t address; /* driver; device's view of the buffer (Linux: physical) */
	uint32_t length; /* driver; bytes */
	uint16_t flags; /* driver; AMPH_VRING_DESC_* */
	uint16_t next; /* driver */
};

struct amph_vring_used_element {
	uint32_t id; /* device; head of the descriptor chain */
	uint32_t length; /* device; bytes written */
};

#define AMPH_VRING_DESC_NEXT	 1u
#define AMPH_VRING_DESC_WRITE	 2u
#define AMPH_VRING_DESC_INDIRECT 4u
#define AMPH_VRING_NO_INTERRUPT	 1u
#define AMPH_VRING_NO_NOTIFY	 1u
#define AMPH_VRING_COUNT_MAX	 32768u

/* A ring's parts, in this side's address space. */
struct amph_vring {
	uint32_t count; /* descriptors, a power of two */
	struct amph_vring_desc *desc;
	uint16_t *avail; /* flags, idx, ring[count], used_event */
	uint16_t *used; /* flags, idx, element[count], avail_event */
};

/* Bytes that a ring of `count` descriptors takes with that gap alignment; 0 for invalid parameters. */
uint32_t amph_vring_size(uint32_t count, uint32_t align);

/*
 * Lays a ring out over `size` bytes at va (multiple of 16). Writes nothing there.
 * Returns 0, -EINVAL (count, align, va), -ENOSPC (size).
 */
int amph_vring_init(struct amph_vring *vring, void *va, uint64_t size, uint32_t count,
		    uint32_t align);

/* Private bookkeeping for one descriptor, never in memory that the peer can write. */
struct amph_virtqueue_slot {
	uint64_t address;
	uint32_t length;
	uint16_t next;
	uint8_t state;
	uint8_t flags;
};

struct amph_virtqueue {
	struct amph_vring vring;
	struct amph_virtqueue_slot *slots;
	bool driver;
	bool event_index;
	uint16_t free_head, free_count; /* driver */
	uint16_t produced; /* this side's index: avail (driver) or used (device) */
	uint16_t consumed; /* how far this side has read the other's index */
	uint16_t kicked; /* produced at the last kick */
	int fault; /* -EPROTO, sticky: the other side broke the rules */
};

#ifdef __cplusplus
}
#endif

#endif
