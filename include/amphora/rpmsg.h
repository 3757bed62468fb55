/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: messages between processors over two virtqueues, both roles; name service and endpoints.
 * Transport layer; freestanding; knows virtqueue.h and the platform, no buffers of the memory layer.
 * Wire-compatible with Linux's virtio_rpmsg_bus, OpenAMP and rpmsg-lite.
 *
 * One thread at a time for one device and its endpoints. Kicks may come from anywhere: they only
 * make the caller poll. Everything read from shared memory is read once and checked first.
 */
#ifndef AMPHORA_RPMSG_H
#define AMPHORA_RPMSG_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/channel.h>
#include <amphora/error.h>
#include <amphora/io.h>
#include <amphora/virtqueue.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_RPMSG_ANY	    0xffffffffu
#define AMPH_RPMSG_NAME_MAX 32 /* on the wire, closing NUL included */
#define AMPH_RPMSG_HEADER   16 /* bytes before the payload of each buffer */

/* The main side is virtio's driver (Linux); the peer is virtio's device (the coprocessor). */
enum amph_rpmsg_role { AMPH_RPMSG_MAIN, AMPH_RPMSG_PEER };

struct amph_rpmsg;
struct amph_rpmsg_endpoint;

/*
 * Takes one message. data: in shared memory (the peer can still change it: read once, check, use),
 * valid during the call, or until amph_rpmsg_release() after amph_rpmsg_hold().
 * May send, loan, create and destroy endpoints; must not poll.
 */
typedef void (*amph_rpmsg_receiver)(struct amph_rpmsg_endpoint *endpoint, const void *data,
				    uint32_t length, uint32_t source, void *argument);

struct amph_rpmsg_endpoint {
	char name[AMPH_RPMSG_NAME_MAX];
	uint32_t address; /* this side's */
	uint32_t destination; /* the other side's, AMPH_RPMSG_ANY while unknown */
	amph_rpmsg_receiver receiver;
	void *argument;
	struct amph_rpmsg *rpmsg;
	struct amph_rpmsg_endpoint *next;
};

struct amph_rpmsg_config {
	enum amph_rpmsg_role role;
	/* Queue 0 carries messages to the main side, queue 1 from it, as in the resource table. */
	struct amph_vring vrings[2];
	struct amph_virtqueue_slot *slots[2]; /* as many as the ring has descriptors, each */
	/*
	 * Where message buffers live: va here, and under pa the address that descriptors carry.
	 * Main side: cut into buffers of buffer_size. Peer: every descriptor must lie inside.
	 */
	struct amph_io buffers;
	uint32_t
		buffer_size; /* bytes, header included; 512 with Linux. Peer: the largest it takes */
	bool event_index; /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool name_service; /* VIRTIO_RPMSG_F_NS was negotiated */
	/* Rings the other side's doorbell for a queue. Must not block. */
	void (*kick)(void *argument, uint32_t queue);
	/* Waits until the deadline for any doorbell from the other side: 0, -ETIMEDOUT, -EPIPE. */
	int (*wait)(void *argument, uint64_t deadline);
	/* The other side announced or withdrew a service; may be NULL. name is a checked private copy. */
	void (*service)(void *argument, const char *name, uint32_t address, bool created);
	void *argument;
};

struct amph_rpmsg {
	struct amph_rpmsg_config config;
	struct amph_virtqueue queues[2];
	struct amph_rpmsg_endpoint *endpoints;
	uint32_t next_address;
	uint32_t buffers_used; /* main side: buffers of the transmit half handed out so far */
	bool dispatching;
	int fault; /* -EPROTO after the peer broke a ring's rules: the device is dead until init */
	struct {
		uint64_t sent, received, dropped, malformed;
	} count;
};

/*
 * Prepares a device over rings that both sides have agreed on. The main side clears nothing that is
 * not its own and fills the receive ring; call it before the peer starts (or before DRIVER_OK).
 * Returns 0, -EINVAL (rings, sizes, buffers too small for the rings).
 */
int amph_rpmsg_init(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config);

/* Makes every later call return -ENOTCONN; touches shared memory no more. */
void amph_rpmsg_close(struct amph_rpmsg *rpmsg);

/*
 * Creates an endpoint in the caller's storage. address: AMPH_RPMSG_ANY picks a free one from 1024.
 * destination: AMPH_RPMSG_ANY: learned from the first message that arrives.
 * announce: tells the other side the name (needs name_service) and waits for room until the deadline.
 * Returns 0, -EINVAL (name), -EADDRINUSE, -ETIMEDOUT, -EPROTO.
 */
int amph_rpmsg_endpoint_create(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint,
			       const char *name, uint32_t address, uint32_t destination,
			       amph_rpmsg_receiver receiver, void *argument, bool announce,
			       uint64_t deadline);
int amph_rpmsg_endpoint_destroy(struct amph_rpmsg_endpoint *endpoint, bool announce,
				uint64_t deadline);

/* The longest payload that this device can send now, in bytes. */
uint32_t amph_rpmsg_payload_max(const struct amph_rpmsg *rpmsg);

/*
 * Sends one whole message by copy. Waits for a free buffer until the deadline; meanwhile, input is
 * not delivered. Returns 0, -EMSGSIZE (never truncates), -ENOTCONN (no destination),
 * -ETIMEDOUT, -EPROTO, -EPIPE.
 */
int amph_rpmsg_send(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint64_t deadline);
int amph_rpmsg_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination, const void *data,
		       uint32_t length, uint64_t deadline);

/* A transmit buffer on loan: fill payload, up to size bytes, then send it or give it back. */
struct amph_rpmsg_loan {
	void *payload;
	uint32_t size;
	uint16_t id;
};

/* Zero-copy send. Errors as amph_rpmsg_send(). A loan ends with exactly one send or give-back. */
int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline);
int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length);
int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan);

/*
 * Zero-copy receive: in a receiver, keeps the message's buffer after the return; release gives it
 * back to the ring, in any order. Returns 0, -EINVAL when `data` is not what is being delivered or
 * held.
 */
int amph_rpmsg_hold(struct amph_rpmsg *rpmsg, const void *data);
int amph_rpmsg_release(struct amph_rpmsg *rpmsg, const void *data);

/*
 * Delivers every message that is there, never waits. Returns how many, 0 for none, -EPROTO once the
 * peer has broken the ring (and from then on), -EBUSY from inside a receiver.
 */
int amph_rpmsg_poll(struct amph_rpmsg *rpmsg);

/* Polls, and if there was nothing waits for a doorbell until the deadline. As poll, or -ETIMEDOUT. */
int amph_rpmsg_poll_wait(struct amph_rpmsg *rpmsg, uint64_t deadline);

/* --- an endpoint as a channel --- */

struct amph_channel_rpmsg {
	struct amph_channel channel;
	struct amph_rpmsg_endpoint endpoint;
};

/* Creates the endpoint and the channel over it; parameters and errors as endpoint_create. */
int amph_channel_rpmsg_init(struct amph_channel_rpmsg *channel, struct amph_rpmsg *rpmsg,
			    const char *name, uint32_t address, uint32_t destination, bool announce,
			    uint64_t deadline);

#ifdef __cplusplus
}
#endif

#endif
