/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of RPMsg share. Transport layer, private.
 */
#ifndef TRANSPORT_RPMSG_INTERNAL_H
#define TRANSPORT_RPMSG_INTERNAL_H

#include <amphora/config.h>
#include <amphora/rpmsg.h>

#define RPMSG_NAME_SERVICE  53u
#define RPMSG_DYNAMIC_FIRST 1024u
#define RPMSG_BUFFER_ALIGN  4u

/* On the wire; little-endian like every port. `reserved` belongs to nobody: 0, and never read. */
struct rpmsg_header {
	uint32_t source;
	uint32_t destination;
	uint32_t reserved;
	uint16_t length; /* of the payload behind it */
	uint16_t flags;
};

/* A name service message, whole. */
struct rpmsg_announcement {
	char name[AMPH_RPMSG_NAME_MAX];
	uint32_t address;
	uint32_t flags;
};

#define RPMSG_ANNOUNCE_DESTROY 1u

AMPH_STATIC_ASSERT(sizeof(struct rpmsg_header) == AMPH_RPMSG_HEADER, "16 bytes on the wire");
AMPH_STATIC_ASSERT(sizeof(struct rpmsg_announcement) == 40, "40 bytes on the wire");

/* What a buffer of this side is used for: states of a slot above AMPH_VIRTQUEUE_THEIRS. */
enum {
	RPMSG_TAKEN = AMPH_VIRTQUEUE_TAKEN, /* on its way between the states below */
	RPMSG_DELIVERING, /* in a receiver's hands, until it returns */
	RPMSG_HELD, /* kept by a receiver */
	RPMSG_LOANED,
	RPMSG_SPARE, /* transmit buffer, unused, in the list of spares */
};

/* The buffer of a slot; its offset was checked when it was taken, or chosen by this side. */
static inline char *rpmsg_buffer(const struct amph_rpmsg *rpmsg,
				 const struct amph_virtqueue_slot *slot)
{
	return (char *)rpmsg->config.buffers.va + slot->offset;
}

/* Checks the caller's stamp and sets up what both roles share; -EPROTO, -EINVAL. */
int amph_rpmsg_prepare(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
		       enum amph_rpmsg_role role, uint32_t abi, uint32_t size);

/* The endpoint of an address, or NULL. */
struct amph_rpmsg_endpoint *amph_rpmsg_find(const struct amph_rpmsg *rpmsg, uint32_t address);

/* 0; the fault that ended the device; or -EPERM in a forked child: the rings are the parent's. */
int amph_rpmsg_unusable(const struct amph_rpmsg *rpmsg);

/* Makes the device dead when a queue's call said so; gives the error on. */
int amph_rpmsg_check(struct amph_rpmsg *rpmsg, int error);

/* Rings a queue's doorbell if the other side wants it. */
void amph_rpmsg_kick(struct amph_rpmsg *rpmsg, struct amph_virtqueue *queue);

/* Gives a received buffer back to the ring; does not ring. */
int amph_rpmsg_return(struct amph_rpmsg *rpmsg, uint16_t id);

/* Puts a transmit buffer of this side among the spares. */
void amph_rpmsg_put_spare(struct amph_rpmsg *rpmsg, uint16_t id);

/* Gets a transmit buffer, waits for one until the deadline: its id, or -errno. */
int amph_rpmsg_get_buffer(struct amph_rpmsg *rpmsg, uint64_t deadline);

/* How much payload a transmit buffer takes, in bytes. */
uint32_t amph_rpmsg_room(const struct amph_rpmsg *rpmsg, uint32_t id);

/* Puts the header before a payload that is there already, and sends both. */
int amph_rpmsg_post(struct amph_rpmsg_endpoint *endpoint, uint16_t id, uint32_t destination,
		    uint32_t length);

/* Sends from `endpoint`, whatever its own destination, to the other side's name service. */
int amph_rpmsg_announce(struct amph_rpmsg_endpoint *endpoint, uint32_t flags, uint64_t deadline);

/* Takes a name service message; false when it is malformed. */
bool amph_rpmsg_announced(struct amph_rpmsg *rpmsg, const void *data, uint32_t length);

#endif
