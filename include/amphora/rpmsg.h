/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: messages between processors over two virtqueues, both roles; name service and endpoints.
 * Transport layer; freestanding; knows virtqueue.h and the platform, no buffers of the memory layer.
 * Wire-compatible with Linux's virtio_rpmsg_bus, OpenAMP and rpmsg-lite.
 *
 * In a forked child every call is refused with -EPERM: the rings are the parent's.
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
#include <amphora/version.h>
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
	/* name, address, flags: as an announcement has them on the wire */
	char name[AMPH_RPMSG_NAME_MAX]; /* closed by a NUL, empty unless announced */
	uint32_t address; /* this side's */
	uint32_t flags; /* AMPH_RPMSG_GONE or 0 */
	uint32_t destination; /* the other side's, AMPH_RPMSG_ANY while unknown */
	amph_rpmsg_receiver receiver;
	void *argument;
	struct amph_rpmsg *rpmsg;
	struct amph_rpmsg_endpoint *next;
};

#define AMPH_RPMSG_GONE 1u /* the endpoint is withdrawn */

struct amph_rpmsg_config {
	enum amph_rpmsg_role role;
	/* Bytes, header included, a multiple of 4; 512 with Linux. Peer: the largest it takes. */
	uint32_t buffer_size;
	bool event_index; /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool name_service; /* VIRTIO_RPMSG_F_NS was negotiated */
	/*
	 * Ring for what was given even when the other side asks for silence. For those who ask and sleep
	 * all the same: rpmsg-lite's main side asks at its start and never takes that back; OpenAMP
	 * never moves its event word on, once the event index is negotiated (docs/interop.md).
	 */
	bool ring_always;
	/* Rings the other side's doorbell for a queue. Must not block. */
	void (*kick)(void *argument, uint32_t queue);
	/*
	 * Waits until the deadline for any doorbell from the other side: 0, -ETIMEDOUT, -EPIPE.
	 * A doorbell that rang since the last wait returned must count (0 at once), else one is lost
	 * between looking and waiting. 0 without a doorbell is allowed: who polls may just return 0.
	 * NULL: this side never waits, and calls with a deadline act as if it were over.
	 */
	int (*wait)(void *argument, uint64_t deadline);
	/* The other side announced or withdrew a service; may be NULL. name is a checked private copy. */
	void (*service)(void *argument, const char *name, uint32_t address, bool created);
	void *argument;
	/*
	 * Where message buffers live: va here (multiple of 4), and under pa the address that descriptors
	 * carry. Main side: cut into buffers of buffer_size, first those of queue 0, then those of
	 * queue 1, as many as the rings have descriptors. Peer: every descriptor must lie inside.
	 */
	struct amph_io buffers;
	/* Queue 0 carries messages to the main side, queue 1 from it, as in the resource table. */
	struct amph_vring vrings[2];
	struct amph_virtqueue_slot *slots[2]; /* as many as the ring has descriptors, each */
};

struct amph_rpmsg {
	/* what every call needs comes first: a Cortex-M reaches 128 bytes with short instructions */
	/* device.fault: -EPROTO after the peer broke a ring's rules: dead until init; -ENOTCONN once closed */
	struct amph_virtqueue_device device;
	struct amph_virtqueue *receive, *transmit; /* of the queues below, as the role sees them */
	/* the role's way with a queue: only the role that is initialised is linked */
	struct amph_virtqueue_slot *(*take)(struct amph_virtqueue *queue);
	int (*give)(struct amph_virtqueue *queue, struct amph_virtqueue_slot *slot,
		    uint32_t length);
	struct amph_rpmsg_endpoint *endpoints;
	struct amph_virtqueue_slot
		*delivering; /* of the message that a receiver has now, or NULL */
	uint32_t spare; /* first of the transmit buffers that are ours and unused: id + 1, or 0 */
	struct {
		uint32_t sent, received; /* without announcements that were heard */
		uint32_t dropped; /* for an address that no endpoint has */
		uint32_t malformed; /* a message that lies about itself */
	} count; /* since init; they wrap */
	struct amph_rpmsg_config config;
	struct amph_virtqueue queues[2];
	uint32_t next_address;
	uint32_t fork_generation;
	struct amph_rpmsg_endpoint name_service; /* of who hears announcements */
};

/*
 * Prepares a device over rings that both sides have agreed on, as the main side or as the peer.
 * Main: clears the rings' flags and indices, and fills queue 0: before the peer starts (before
 * DRIVER_OK). Peer: after the main side prepared them (after DRIVER_OK). config is copied, and its
 * role is not looked at: firmware that calls one of the two links one role only, and does not link
 * what hears announcements unless it calls amph_rpmsg_hear().
 * Returns 0, -EINVAL (rings, sizes, buffers too small for the rings), -EPROTO (built with other limits).
 *
 * What the peer can lie about, and what it costs: a lie in a ring (index, id, descriptor: see
 * virtqueue.h) ends the device, with -EPROTO from every call until it is initialised again; a lie in
 * a message (lengths of its header, a name without an end) ends that message, counted as malformed.
 */
int amph_rpmsg_init_main_checked(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
				 uint32_t abi, uint32_t size);
static inline int amph_rpmsg_init_main(struct amph_rpmsg *rpmsg,
				       const struct amph_rpmsg_config *config)
{
	return amph_rpmsg_init_main_checked(rpmsg, config, AMPH_ABI, (uint32_t)sizeof(*rpmsg));
}
int amph_rpmsg_init_peer_checked(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config,
				 uint32_t abi, uint32_t size);
static inline int amph_rpmsg_init_peer(struct amph_rpmsg *rpmsg,
				       const struct amph_rpmsg_config *config)
{
	return amph_rpmsg_init_peer_checked(rpmsg, config, AMPH_ABI, (uint32_t)sizeof(*rpmsg));
}

/*
 * Tells announcements of the other side to the hook `service`, from now on: listens at the name
 * service's address. Returns 0, or as amph_rpmsg_endpoint_add().
 */
int amph_rpmsg_hear(struct amph_rpmsg *rpmsg);

/*
 * The same, by config->role, and hears announcements if the name service was negotiated. Links both
 * roles unless the compiler sees the role.
 */
static inline int amph_rpmsg_init(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_config *config)
{
	int error = config->role == AMPH_RPMSG_MAIN ? amph_rpmsg_init_main(rpmsg, config)
						    : amph_rpmsg_init_peer(rpmsg, config);

	return error || !config->name_service ? error : amph_rpmsg_hear(rpmsg);
}

/* Makes every later call return -ENOTCONN; touches shared memory no more. */
void amph_rpmsg_close(struct amph_rpmsg *rpmsg);

/*
 * Creates an endpoint in the caller's storage, which stays in use until destroy.
 * name: up to 31 bytes, copied; may be NULL without announce.
 * address: AMPH_RPMSG_ANY picks a free one from 1024.
 * destination: AMPH_RPMSG_ANY: learned from the first message that arrives, or set by the caller
 * (from `service`, say).
 * announce: tells the other side the name (needs name_service) and waits for room until the deadline.
 * Returns 0, -EINVAL (name, receiver), -EADDRINUSE, -ENOTSUP (announce without name_service), or as
 * amph_rpmsg_send(): then there is no endpoint.
 */
int amph_rpmsg_endpoint_create(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint,
			       const char *name, uint32_t address, uint32_t destination,
			       amph_rpmsg_receiver receiver, void *argument, bool announce,
			       uint64_t deadline);

/*
 * The smallest way to an endpoint. add: the caller has filled in name, address (a fixed one),
 * destination, receiver and argument, and `endpoint` stays in use until destroy. announce: tells the
 * other side its name, and by flags whether it came or went, and does not wait.
 * Return 0; add: -EINVAL (receiver), -EADDRINUSE, -EPERM, -EPROTO, -ENOTCONN; announce: -ENOTSUP
 * (without name_service), -EINVAL (no name, or one without an end), and as amph_rpmsg_try_send_to().
 */
int amph_rpmsg_endpoint_add(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint);
int amph_rpmsg_announce(struct amph_rpmsg_endpoint *endpoint);

/*
 * Takes the endpoint out, also in its own receiver; its storage is the caller's again whatever is
 * returned. announce: as for create. Returns 0, -EINVAL (not an endpoint of its device), or
 * what the announcement met.
 */
int amph_rpmsg_endpoint_destroy(struct amph_rpmsg_endpoint *endpoint, bool announce,
				uint64_t deadline);

/* The longest payload of a message, in bytes; 0 once the device is dead or closed. */
uint32_t amph_rpmsg_payload_max(const struct amph_rpmsg *rpmsg);

/*
 * Sends one whole message by copy, to the endpoint's destination or another. Waits for a free buffer
 * until the deadline; meanwhile, input is not delivered: poll once more before sleeping elsewhere.
 * Returns 0, -EMSGSIZE (never truncates), -ENOTCONN (no destination, or closed), -ETIMEDOUT,
 * -EPROTO, or what `wait` returned (-EPIPE).
 */
int amph_rpmsg_send(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint64_t deadline);
int amph_rpmsg_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination, const void *data,
		       uint32_t length, uint64_t deadline);

/*
 * The same without waiting: -EAGAIN when there is no free buffer; then a doorbell was asked for, and
 * comes with the next one (and without the event index with each one after it, until a call that
 * waits has got one). destination: AMPH_RPMSG_ANY means the endpoint's.
 */
int amph_rpmsg_try_send_to(struct amph_rpmsg_endpoint *endpoint, uint32_t destination,
			   const void *data, uint32_t length);

/* A transmit buffer on loan: fill payload, up to size bytes, then send it or give it back. */
struct amph_rpmsg_loan {
	void *payload; /* NULL once sent or given back */
	uint32_t size;
	uint16_t id;
};

/*
 * Zero-copy send. Errors as amph_rpmsg_send(). A loan ends with exactly one send or give-back, which
 * refuse anything else with -EINVAL; a send that was refused leaves the loan as it was.
 * destination: AMPH_RPMSG_ANY means the endpoint's.
 */
int amph_rpmsg_loan(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan, uint64_t deadline);
int amph_rpmsg_send_loan(struct amph_rpmsg_endpoint *endpoint, struct amph_rpmsg_loan *loan,
			 uint32_t destination, uint32_t length);
int amph_rpmsg_give_back(struct amph_rpmsg *rpmsg, struct amph_rpmsg_loan *loan);

/*
 * Zero-copy receive: in a receiver, keeps the message's buffer after the return; release gives it
 * back to the ring, in any order. Takes time in proportion to the ring's size. Returns 0, -EINVAL
 * when `data` is not what is being delivered (hold) or held (release); release also -EPROTO, -ENOTCONN.
 */
int amph_rpmsg_hold(struct amph_rpmsg *rpmsg, const void *data);
int amph_rpmsg_release(struct amph_rpmsg *rpmsg, const void *data);

/*
 * Delivers the messages that are there, at most as many as the ring holds, never waits. Returns how
 * many buffers it took, 0 for none (only then is a doorbell promised for the next one), -EPROTO once
 * the peer has broken the ring (and from then on), -ENOTCONN, -EBUSY from inside a receiver.
 */
int amph_rpmsg_poll(struct amph_rpmsg *rpmsg);

/*
 * Polls, and while there is nothing waits for a doorbell until the deadline.
 * As poll but never 0: -ETIMEDOUT, or what `wait` returned (-EPIPE).
 */
int amph_rpmsg_poll_wait(struct amph_rpmsg *rpmsg, uint64_t deadline);

/* --- an endpoint as a channel --- */

struct amph_channel_rpmsg {
	struct amph_channel channel;
	struct amph_rpmsg_endpoint endpoint;
};

/* Creates the endpoint and the channel over it; parameters and errors as endpoint_create, and
 * -EPROTO (built with other limits). */
int amph_channel_rpmsg_init_checked(struct amph_channel_rpmsg *channel, struct amph_rpmsg *rpmsg,
				    const char *name, uint32_t address, uint32_t destination,
				    bool announce, uint64_t deadline, uint32_t abi,
				    uint32_t structure_size);
static inline int amph_channel_rpmsg_init(struct amph_channel_rpmsg *channel,
					  struct amph_rpmsg *rpmsg, const char *name,
					  uint32_t address, uint32_t destination, bool announce,
					  uint64_t deadline)
{
	return amph_channel_rpmsg_init_checked(channel, rpmsg, name, address, destination, announce,
					       deadline, AMPH_ABI, (uint32_t)sizeof(*channel));
}

#ifdef __cplusplus
}
#endif

#endif
