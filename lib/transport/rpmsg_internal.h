/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of RPMsg share. Transport layer, private.
 */
#ifndef TRANSPORT_RPMSG_INTERNAL_H
#define TRANSPORT_RPMSG_INTERNAL_H

#include <stddef.h>

#include <amphora/config.h>
#include <amphora/fork.h>
#include <amphora/rpmsg.h>

#define RPMSG_NAME_SERVICE  53u
#define RPMSG_DYNAMIC_FIRST 1024u
#define RPMSG_BUFFER_ALIGN  4u

/* On the wire; little-endian like every port, so words are written and read whole. */
enum {
	HEADER_SOURCE,
	HEADER_DESTINATION,
	HEADER_RESERVED, /* belongs to nobody: 0, and never read */
	HEADER_LENGTH, /* low half: of the payload behind it; high half: flags, 0 */
};

#define RPMSG_ANNOUNCEMENT 40u /* bytes of a name service message */

AMPH_STATIC_ASSERT(offsetof(struct amph_rpmsg_endpoint, name) == 0 &&
			   offsetof(struct amph_rpmsg_endpoint, address) == 32 &&
			   offsetof(struct amph_rpmsg_endpoint, flags) == 36,
		   "an endpoint begins with its announcement");

/* What a buffer of this side is used for: states of a slot above AMPH_VIRTQUEUE_THEIRS. */
enum {
	RPMSG_TAKEN = AMPH_VIRTQUEUE_TAKEN, /* on its way between the states below */
	RPMSG_DELIVERING, /* in a receiver's hands, until it returns */
	RPMSG_HELD, /* kept by a receiver */
	RPMSG_LOANED,
	RPMSG_SPARE, /* transmit buffer, unused, in the list of spares */
};

/* The buffer of a slot; its offset was checked when it was taken, or chosen by this side. */
static inline void *rpmsg_buffer(const struct amph_rpmsg *rpmsg,
				 const struct amph_virtqueue_slot *slot)
{
	return (char *)rpmsg->device.va + slot->offset;
}

/* 0; the fault that ended the device; or -EPERM in a forked child: the rings are the parent's. */
static inline int rpmsg_unusable(const struct amph_rpmsg *rpmsg)
{
	return amph_fork_happened(rpmsg->fork_generation) ? -EPERM : rpmsg->device.fault;
}

/* How much payload a transmit buffer takes, in bytes. */
static inline uint32_t rpmsg_room(const struct amph_rpmsg *rpmsg,
				  const struct amph_virtqueue_slot *slot)
{
	uint32_t size = slot->length;

	if (size > rpmsg->config.buffer_size)
		size = rpmsg->config.buffer_size;
	return size - AMPH_RPMSG_HEADER;
}

/* Checks the caller's stamp and sets up what both roles share; -EPROTO, -EINVAL. */
int amph_rpmsg_prepare(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
		       uint32_t abi, uint32_t size);

/* The endpoint of an address, or NULL. */
struct amph_rpmsg_endpoint *amph_rpmsg_find(const struct amph_rpmsg *rpmsg, uint32_t address);

/* Rings a queue's doorbell if the other side wants it. */
void amph_rpmsg_kick(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue);

/* Gives a received buffer back to the ring; does not ring. */
static inline int rpmsg_return(struct amph_rpmsg *rpmsg, struct amph_virtqueue_slot *slot)
{
	/* the whole buffer's length: rpmsg-lite's main side reads a free buffer's size from there */
	return rpmsg->give(rpmsg->receive, slot, slot->length);
}

/* Puts a transmit buffer of this side among the spares. */
static inline void rpmsg_put_spare(struct amph_rpmsg *rpmsg, struct amph_virtqueue_slot *slot)
{
	slot->state = RPMSG_SPARE;
	slot->next = (uint16_t)rpmsg->spare;
	rpmsg->spare = (uint32_t)(slot - rpmsg->transmit->slots) + 1;
}

/*
 * Gets a transmit buffer, whose state is the caller's to set: a spare, or one that the other side
 * gave back. NULL: *error is -EAGAIN, or why the device is dead.
 */
static inline struct amph_virtqueue_slot *rpmsg_get_buffer(struct amph_rpmsg *rpmsg, int *error)
{
	struct amph_virtqueue_slot *slot;

	*error = rpmsg_unusable(rpmsg);
	if (*error)
		return NULL;
	if (rpmsg->spare) {
		slot = rpmsg->transmit->slots + rpmsg->spare - 1;
		rpmsg->spare = slot->next;
		return slot;
	}
	slot = rpmsg->take(rpmsg->transmit);
	*error = rpmsg->device.fault ? rpmsg->device.fault : -EAGAIN;
	return slot;
}

/*
 * Sends a buffer; data: copied behind the header, NULL when it is there already. Any refusal leaves
 * the buffer as it was: -ENOTCONN, -EMSGSIZE.
 */
int amph_rpmsg_post(struct amph_rpmsg_endpoint *endpoint, struct amph_virtqueue_slot *slot,
		    uint32_t destination, const void *data, uint32_t length);

/*
 * Waits for a doorbell of the transmit queue until the deadline: 0, then try again; or -ETIMEDOUT, or
 * what the hook returned: then a last time.
 */
int amph_rpmsg_wait(struct amph_rpmsg *rpmsg, uint64_t deadline);

#endif
