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
int amph_vring_init(struct amph_vring *vring, void *va, uint32_t size, uint32_t count,
		    uint32_t align);

/* Who has a buffer now; this side's private truth. */
enum amph_virtqueue_state {
	AMPH_VIRTQUEUE_THEIRS, /* the other side's */
	AMPH_VIRTQUEUE_TAKEN, /* this side's, and in use by the layer above, which may count upwards */
};

/* Private bookkeeping for one descriptor, never in memory that the peer can write. */
struct amph_virtqueue_slot {
	uint32_t offset; /* where the buffer starts, bytes from the area's first */
	uint32_t length; /* bytes; the buffer's capacity */
	uint32_t filled; /* bytes that the other side says are in it, at most length; else 0 */
	uint16_t next; /* free for the layer above */
	uint8_t state; /* AMPH_VIRTQUEUE_THEIRS, or AMPH_VIRTQUEUE_TAKEN and above */
	uint8_t flags; /* driver: AMPH_VRING_DESC_WRITE or 0 */
};

/* What the queues of one virtio device have in common: memory, features, and fate. */
struct amph_virtqueue_device {
	/* -EPROTO, sticky: the other side broke the rules of a queue; or any other end. Not 0: dead */
	int fault;
	uint32_t
		area_size; /* bytes, at most 4 GiB - 1; device's role: every descriptor lies inside */
	uint64_t area; /* address, as descriptors carry it, of the memory that all buffers lie in */
	void *va; /* the area here, for what is fetched ahead; NULL: nothing is */
	bool event_index; /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool ring_always; /* what was given is worth a doorbell, whatever the other side asks for */
	uint8_t least; /* device's role: bytes that every descriptor must have room for, not 0 */
};

/*
 * One side of one ring. Buffers are single descriptors, and a descriptor keeps its number (its id)
 * for life: no chains, no indirect tables.
 *
 * Each side writes one half of the ring ("mine": avail for the driver, used for the device) and
 * reads the other ("theirs"). Both roles look alike from here: take what the other side put in its
 * half, give by putting in one's own.
 *
 * Indices run freely over 16 bits and are never reduced but where an entry is addressed: the count
 * of entries is a power of two and at most 32768, so idx % count survives the wrap at 65536, and
 * (uint16_t)(idx - consumed) is how many entries are new, unambiguously, as long as no more than
 * count can be outstanding. A larger difference is therefore a lie, or a step backwards: a fault.
 */
struct amph_virtqueue {
	/* what every call needs, in the reach of a Cortex-M's short instructions: halfwords, then bytes */
	uint16_t produced; /* this side's index */
	uint16_t consumed; /* how far this side has taken the other's entries */
	/* the other side's index when last read; consumed .. seen is there to take */
	uint16_t seen;
	uint16_t kicked; /* produced when it was last decided whether to ring */
	uint16_t wished; /* what this side last wrote into my_wish, or found there */
	bool writes; /* device: it writes into this queue's buffers */
	struct amph_virtqueue_device *device;
	struct amph_virtqueue_slot *slots; /* vring.count of them, private */
	uint16_t *mine; /* flags, idx: this side writes */
	uint16_t *theirs; /* flags, idx: the other side writes */
	/*
	 * Where this side says whether it wants to be rung, and where the other side does: the event
	 * words ("ring when your index passes this"), or without the event index the flags.
	 */
	uint16_t *my_wish, *their_wish;
	struct amph_vring vring;
};

/*
 * The driver's side. Clears both halves' flags and indices: only before the other side starts.
 * device: the caller's, filled in, with fault 0; it lives as long as its queues.
 * slots: vring.count, private, the caller's as long as the queue lives; all are TAKEN afterwards, and
 * the caller fills in offset, length and flags before it gives one.
 * Returns 0, or -EINVAL (no rings, no slots). One thread.
 */
int amph_virtqueue_driver_init(struct amph_virtqueue *queue, struct amph_virtqueue_device *device,
			       const struct amph_vring *vring, struct amph_virtqueue_slot *slots);

/*
 * The device's side, over a ring that the driver has prepared. Goes on from the used index that is
 * there (rpmsg-lite's main side starts with a full used ring).
 * writes: the device writes into this queue's buffers, so descriptors must say WRITE; and it takes
 * them when it needs them, so it asks for silence until there is none.
 * Returns 0, or -EINVAL (no rings, no slots, an area that is empty or wraps around). One thread.
 */
int amph_virtqueue_device_init(struct amph_virtqueue *queue, struct amph_virtqueue_device *device,
			       const struct amph_vring *vring, struct amph_virtqueue_slot *slots,
			       bool writes);

/*
 * Takes the next buffer that the other side has given: its slot; or NULL, when there is none, or
 * once a fault has ended the device. The slot says where the buffer is and what is in it. When there
 * is none, the other side was asked to ring for the next one (see amph_virtqueue_ask()). Never
 * waits. One thread for each queue.
 *
 * A fault, -EPROTO, logged: an index that ran ahead of the ring, an id that is out of range or
 * that the other side did not have; in the device's role also a descriptor outside the area, too
 * short, misaligned (4 bytes), chained, indirect, or not writable where it must be. A driver's
 * buffers come back with any length: `filled` is 0 when it is more than there is room for.
 */
struct amph_virtqueue_slot *amph_virtqueue_driver_take(struct amph_virtqueue *queue);
struct amph_virtqueue_slot *amph_virtqueue_device_take(struct amph_virtqueue *queue);

/*
 * Gives a taken buffer to the other side: length is what the descriptor (driver) or the used element
 * (device) shall say. Makes everything written before visible first. Does not ring: see
 * amph_virtqueue_wants_kick(). Returns 0, -EINVAL (not a buffer this side has), or the fault.
 */
int amph_virtqueue_driver_give(struct amph_virtqueue *queue, struct amph_virtqueue_slot *slot,
			       uint32_t length);
int amph_virtqueue_device_give(struct amph_virtqueue *queue, struct amph_virtqueue_slot *slot,
			       uint32_t length);

/*
 * Whether the other side asked to be rung for what was given since the last call. To be called after
 * one or more gives, and acted upon.
 */
bool amph_virtqueue_wants_kick(struct amph_virtqueue *queue);

/*
 * Asks the other side to ring for its next entry, or asks it not to (it may still ring).
 * Ask returns true when an entry came in meanwhile, for which no doorbell may come: take again before
 * sleeping. With the event index, one asking is good for one doorbell.
 */
bool amph_virtqueue_ask(struct amph_virtqueue *queue);
void amph_virtqueue_hush(struct amph_virtqueue *queue);

#ifdef __cplusplus
}
#endif

#endif
