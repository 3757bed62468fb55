/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The share protocol's messages, byte by byte, and the checks that need no session.
 * Share layer, private; docs/protocol.md is the same in words. Freestanding.
 * A message is built and read in place: little-endian, natural alignment, asserted below.
 */
#ifndef SHARE_WIRE_H
#define SHARE_WIRE_H

#include <stdint.h>

#include <amphora/order.h> /* refuses big-endian compilers */
#include <amphora/shm.h>

#define WIRE_VERSION_MIN 1u
#define WIRE_VERSION_MAX 3u

#define WIRE_VERSION_QUEUE 2u /* from here on offers for a queue, and the queue itself */
#define WIRE_VERSION_LOCK  3u /* from here on offers for a lock, and its set-up */

#define WIRE_MESSAGE_MAX   496u /* bytes, of any message: one RPMsg payload of Linux */
#define WIRE_NAME_MAX	   64u /* bytes of a name field, the closing NUL included */
#define WIRE_HEADER_SIZE   24u
#define WIRE_MESSAGE_LEAST 152u /* what every side must be able to take: an offer of one segment */

enum wire_type {
	WIRE_HELLO = 1,
	WIRE_WELCOME = 2,
	WIRE_READY = 3,
	WIRE_REJECT = 4,
	WIRE_OFFER = 5,
	WIRE_SEGMENTS = 6,
	WIRE_ACCEPT = 7,
	WIRE_REFUSE = 8,
	WIRE_GIVE = 9,
	WIRE_RETURN = 10,
	WIRE_PASS = 11,
	WIRE_RELEASE = 12,
	WIRE_RELEASED = 13,
	WIRE_REQUEST = 14,
	WIRE_DENY = 15,
	WIRE_HEARTBEAT = 16,
	WIRE_GOODBYE = 17
};

enum wire_reason {
	WIRE_OK = 0,
	WIRE_MALFORMED = 1,
	WIRE_UNSUPPORTED = 2,
	WIRE_STALE = 3,
	WIRE_REPLAY = 4,
	WIRE_VERSION = 5,
	WIRE_NOT_FOUND = 6,
	WIRE_STATE = 7,
	WIRE_INVALID = 8,
	WIRE_RANGE = 9,
	WIRE_NOT_OWNER = 10,
	WIRE_BUSY = 11,
	WIRE_NO_SPACE = 12,
	WIRE_NO_MEMORY = 13,
	WIRE_TOO_MANY_SEGMENTS = 14,
	WIRE_QUOTA = 15,
	WIRE_EXISTS = 16,
	WIRE_READ_ONLY = 17,
	WIRE_NAME_TOO_LONG = 18,
	WIRE_CLOSING = 19,
	WIRE_TIMEOUT = 20,
	WIRE_GONE = 21,
	WIRE_IO = 22,
	WIRE_TOO_LONG = 23
};

/* Flags of an offer and of a request: AMPH_SHM_* (asserted in wire.c), and one more in an offer. */
#define WIRE_BUFFER_FLAGS 0x7u
#define WIRE_OFFER_HANDLE 0x100u /* an fd travels with this message */

#define WIRE_HANDOFF_READING 0x1u /* GIVE only: shared for reading */
#define WIRE_HANDOFF_SET_UP  0x2u /* GIVE only: sets up the way that the buffer was offered for */
#define WIRE_SHARE_HOME	     0x1u /* RELEASE, RELEASED: the sender is the buffer's home */

struct wire_header {
	uint16_t type;
	uint16_t length; /* bytes, this header included: what the channel says */
	uint32_t sequence;
	uint64_t from; /* the sender's epoch */
	uint64_t to; /* the receiver's epoch, as the sender knows it */
};

struct wire_hello { /* HELLO, WELCOME */
	uint16_t version_min; /* WELCOME: both are the version that was chosen */
	uint16_t version_max;
	uint32_t flags; /* 0 */
	uint32_t cache_line;
	uint32_t heartbeat_ms;
	uint32_t message_max;
	uint32_t reserved;
};

struct wire_reject {
	uint16_t type; /* of the refused message */
	uint16_t reason;
	uint32_t sequence;
	uint32_t handle, generation; /* 0 where the message has none */
	uint64_t offset, length;
	uint32_t flags;
	uint32_t reserved;
};

struct wire_segment {
	uint64_t address, length;
};

struct wire_offer {
	uint32_t handle, generation;
	uint64_t size;
	uint32_t flags, direction, granule, method;
	uint32_t segment_count; /* of the buffer */
	uint32_t request;
	char name[WIRE_NAME_MAX];
	uint32_t count; /* in this message */
	uint32_t reserved;
	struct wire_segment segments[22];
};

struct wire_segments {
	uint32_t handle, generation;
	uint32_t first, count;
	struct wire_segment segments[28];
};

struct wire_answer { /* ACCEPT, REFUSE, RELEASE, RELEASED */
	uint32_t handle, generation;
	uint32_t reason; /* REFUSE only, else 0 */
	uint32_t flags; /* RELEASE, RELEASED: WIRE_SHARE_HOME; else 0 */
};

struct wire_handoff { /* GIVE, RETURN, PASS */
	uint32_t handle, generation;
	uint64_t offset, length, cookie;
	uint32_t flags, direction;
};

struct wire_request {
	uint32_t request, flags;
	uint64_t size;
	uint32_t direction, reserved;
	char name[WIRE_NAME_MAX];
};

struct wire_deny { /* DENY; GOODBYE with request 0 */
	uint32_t request;
	uint32_t reason;
};

struct wire_message {
	struct wire_header header;
	union {
		struct wire_hello hello;
		struct wire_reject reject;
		struct wire_offer offer;
		struct wire_segments segments;
		struct wire_answer answer;
		struct wire_handoff handoff;
		struct wire_request request;
		struct wire_deny deny;
		uint8_t bytes[WIRE_MESSAGE_MAX - WIRE_HEADER_SIZE];
	} body;
};

AMPH_STATIC_ASSERT(sizeof(struct wire_header) == WIRE_HEADER_SIZE, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_message) == WIRE_MESSAGE_MAX, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_hello) == 24, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_reject) == 40, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_answer) == 16, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_handoff) == 40, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_request) == 88, "the wire's layout");
AMPH_STATIC_ASSERT(sizeof(struct wire_deny) == 8, "the wire's layout");
AMPH_STATIC_ASSERT(__builtin_offsetof(struct wire_offer, segments) == 112, "the wire's layout");
AMPH_STATIC_ASSERT(__builtin_offsetof(struct wire_segments, segments) == 16, "the wire's layout");

/*
 * Checks what can be checked without a session: type, length, reserved fields and flags, counts,
 * names, and ranges of single fields. length: as the channel says. The first WIRE_HEADER_SIZE bytes
 * must be there. Returns WIRE_OK, or the reason to refuse it.
 */
enum wire_reason amph_wire_check(const struct wire_message *message, uint32_t length);

/* The length of a message of that type with `count` segments in it, or 0 for an unknown type. */
uint32_t amph_wire_length(uint32_t type, uint32_t count);

/*
 * How many bytes at the start of a body of that type say what it is about. REJECT repeats them
 * WIRE_NAMES_AT bytes into its own: a hand-off's handle, generation, offset and length, at most.
 */
#define WIRE_NAMES_MAX 24u
#define WIRE_NAMES_AT  8u
uint32_t amph_wire_names(uint32_t type);

AMPH_STATIC_ASSERT(__builtin_offsetof(struct wire_reject, handle) == WIRE_NAMES_AT &&
			   __builtin_offsetof(struct wire_reject, flags) ==
				   WIRE_NAMES_AT + WIRE_NAMES_MAX,
		   "the wire's layout");
AMPH_STATIC_ASSERT(__builtin_offsetof(struct wire_handoff, cookie) == WIRE_NAMES_MAX,
		   "the wire's layout");

/* Copies a name into a field of WIRE_NAME_MAX bytes, the rest zero; and its length, which it ends. */
void amph_wire_name_set(char *field, const char *name);
uint32_t amph_wire_name_length(const char *name);

/* The reason on the wire of an error (-errno), and the error of a reason. */
enum wire_reason amph_wire_reason(int error);
int amph_wire_error(uint32_t reason);

#endif
