/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The share protocol's checks that need no session, and its reason codes.
 * Share layer; freestanding. First thing that happens to a message after it was copied.
 */
#include <amphora/error.h>

#include "wire.h"

AMPH_STATIC_ASSERT(AMPH_SHM_READ_ONLY == 1 && AMPH_SHM_HUGE == 2 && AMPH_SHM_NOT_CACHED == 4,
		   "flags travel as they are");
AMPH_STATIC_ASSERT(AMPH_DEVICE_READS == 1 && AMPH_DEVICE_WRITES == 2, "directions, too");
AMPH_STATIC_ASSERT(AMPH_SYNC_MESSAGES == 0 && AMPH_SYNC_QUEUE == 1 && AMPH_SYNC_LOCK == 2,
		   "and ways to sync");

/* Bytes of a body without its segments; 0xff: there is no such message. */
static const uint8_t body_sizes[] = {
	[0] = 0xff,
	[WIRE_HELLO] = sizeof(struct wire_hello),
	[WIRE_WELCOME] = sizeof(struct wire_hello),
	[WIRE_READY] = 0,
	[WIRE_REJECT] = sizeof(struct wire_reject),
	[WIRE_OFFER] = __builtin_offsetof(struct wire_offer, segments),
	[WIRE_SEGMENTS] = __builtin_offsetof(struct wire_segments, segments),
	[WIRE_ACCEPT] = sizeof(struct wire_answer),
	[WIRE_REFUSE] = sizeof(struct wire_answer),
	[WIRE_GIVE] = sizeof(struct wire_handoff),
	[WIRE_RETURN] = sizeof(struct wire_handoff),
	[WIRE_PASS] = sizeof(struct wire_handoff),
	[WIRE_RELEASE] = sizeof(struct wire_answer),
	[WIRE_RELEASED] = sizeof(struct wire_answer),
	[WIRE_REQUEST] = sizeof(struct wire_request),
	[WIRE_DENY] = sizeof(struct wire_deny),
	[WIRE_HEARTBEAT] = 0,
	[WIRE_GOODBYE] = sizeof(struct wire_deny),
};

uint32_t amph_wire_length(uint32_t type, uint32_t count)
{
	if (type >= sizeof(body_sizes) || body_sizes[type] == 0xff)
		return 0;
	return WIRE_HEADER_SIZE + body_sizes[type] + count * (uint32_t)sizeof(struct wire_segment);
}

uint32_t amph_wire_names(uint32_t type)
{
	if (type >= WIRE_GIVE && type <= WIRE_PASS)
		return WIRE_NAMES_MAX;
	if (type >= WIRE_OFFER && type <= WIRE_RELEASED)
		return 2 * sizeof(uint32_t); /* handle and generation */
	return type == WIRE_REQUEST ? sizeof(uint32_t) : 0;
}

static bool power_of_two(uint32_t value)
{
	return value && !(value & (value - 1));
}

/* A name ends with a NUL inside its field and nothing follows: the same name has the same bytes. */
static bool name_is_clean(const char *name)
{
	uint32_t i = 0;

	while (i < WIRE_NAME_MAX && name[i]) {
		if (name[i] < 0x20 || name[i] > 0x7e)
			return false;
		i++;
	}
	if (i == WIRE_NAME_MAX)
		return false;
	for (; i < WIRE_NAME_MAX; i++) {
		if (name[i])
			return false;
	}
	return true;
}

static bool direction_is_known(uint32_t direction)
{
	return direction >= AMPH_DEVICE_READS && direction <= AMPH_DEVICE_READS_WRITES;
}

static enum wire_reason check_hello(const struct wire_hello *hello)
{
	if (hello->flags)
		return WIRE_UNSUPPORTED;
	if (hello->reserved || !hello->version_min || hello->version_min > hello->version_max)
		return WIRE_MALFORMED;
	if (!power_of_two(hello->cache_line) || hello->cache_line > 4096 ||
	    hello->message_max < WIRE_MESSAGE_LEAST)
		return WIRE_INVALID;
	return WIRE_OK;
}

/* Segments: none empty, none around the end of the address space. */
static enum wire_reason check_segments(const struct wire_segment *segments, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint64_t last;

		if (!segments[i].length ||
		    __builtin_add_overflow(segments[i].address, segments[i].length - 1, &last))
			return WIRE_INVALID;
	}
	return WIRE_OK;
}

static enum wire_reason check_offer(const struct wire_offer *offer)
{
	if (offer->flags & ~(WIRE_BUFFER_FLAGS | WIRE_OFFER_HANDLE))
		return WIRE_UNSUPPORTED;
	if (offer->method > AMPH_SYNC_LOCK)
		return WIRE_UNSUPPORTED;
	if (offer->reserved || !offer->handle || !offer->generation || !name_is_clean(offer->name))
		return WIRE_MALFORMED;
	if (!offer->size || !direction_is_known(offer->direction) ||
	    !power_of_two(offer->granule) || offer->count > offer->segment_count ||
	    !offer->segment_count)
		return WIRE_INVALID;
	if ((offer->flags & AMPH_SHM_READ_ONLY) && (offer->direction & AMPH_DEVICE_WRITES))
		return WIRE_READ_ONLY;
	return check_segments(offer->segments, offer->count);
}

static enum wire_reason check_more_segments(const struct wire_segments *segments)
{
	if (!segments->count)
		return WIRE_MALFORMED;
	return check_segments(segments->segments, segments->count);
}

static enum wire_reason check_answer(uint32_t type, const struct wire_answer *answer)
{
	uint32_t flags = type == WIRE_RELEASE || type == WIRE_RELEASED ? WIRE_SHARE_HOME : 0;

	if (answer->flags & ~flags)
		return WIRE_UNSUPPORTED;
	if (type == WIRE_REFUSE ? !answer->reason : answer->reason)
		return WIRE_MALFORMED;
	return WIRE_OK;
}

static enum wire_reason check_handoff(uint32_t type, const struct wire_handoff *handoff)
{
	uint32_t flags = type == WIRE_GIVE ? WIRE_HANDOFF_READING | WIRE_HANDOFF_SET_UP : 0;

	if (handoff->flags & ~flags)
		return WIRE_UNSUPPORTED;
	if (handoff->flags == (WIRE_HANDOFF_READING | WIRE_HANDOFF_SET_UP))
		return WIRE_INVALID;
	return direction_is_known(handoff->direction) ? WIRE_OK : WIRE_INVALID;
}

static enum wire_reason check_request(const struct wire_request *request)
{
	if (request->flags & ~WIRE_BUFFER_FLAGS)
		return WIRE_UNSUPPORTED;
	if (!request->request || request->reserved || !name_is_clean(request->name))
		return WIRE_MALFORMED;
	return request->size && direction_is_known(request->direction) ? WIRE_OK : WIRE_INVALID;
}

enum wire_reason amph_wire_check(const struct wire_message *message, uint32_t length)
{
	uint32_t type = message->header.type;
	uint32_t least = amph_wire_length(type, 0);
	uint32_t count = 0;

	if (!least)
		return WIRE_UNSUPPORTED;
	if (length > WIRE_MESSAGE_MAX)
		return WIRE_TOO_LONG;
	if (message->header.length != length || length < least)
		return WIRE_MALFORMED;
	if (type == WIRE_OFFER)
		count = message->body.offer.count;
	else if (type == WIRE_SEGMENTS)
		count = message->body.segments.count;
	/* count is the other side's: compare before it is multiplied */
	if (count > (length - least) / sizeof(struct wire_segment) ||
	    length != amph_wire_length(type, count))
		return WIRE_MALFORMED;

	switch (type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
		return check_hello(&message->body.hello);
	case WIRE_REJECT:
		return message->body.reject.reserved || !message->body.reject.reason
			       ? WIRE_MALFORMED
			       : WIRE_OK;
	case WIRE_OFFER:
		return check_offer(&message->body.offer);
	case WIRE_SEGMENTS:
		return check_more_segments(&message->body.segments);
	case WIRE_ACCEPT:
	case WIRE_REFUSE:
	case WIRE_RELEASE:
	case WIRE_RELEASED:
		return check_answer(type, &message->body.answer);
	case WIRE_GIVE:
	case WIRE_RETURN:
	case WIRE_PASS:
		return check_handoff(type, &message->body.handoff);
	case WIRE_REQUEST:
		return check_request(&message->body.request);
	case WIRE_GOODBYE:
		return message->body.deny.request ? WIRE_MALFORMED : WIRE_OK;
	default: /* READY, HEARTBEAT, DENY: nothing more to check */
		return WIRE_OK;
	}
}

void amph_wire_name_set(char *field, const char *name)
{
	uint32_t i = 0;

	for (; i < WIRE_NAME_MAX - 1 && name[i]; i++)
		field[i] = name[i];
	for (; i < WIRE_NAME_MAX; i++)
		field[i] = 0;
}

uint32_t amph_wire_name_length(const char *name)
{
	uint32_t length = 0;

	while (name[length])
		length++;
	return length;
}

/* What each reason is as an error; all errno numbers are below 256. */
static const uint8_t errors[] = {
	[WIRE_OK] = 0,
	[WIRE_MALFORMED] = EBADMSG,
	[WIRE_UNSUPPORTED] = ENOTSUP,
	[WIRE_STALE] = ESTALE,
	[WIRE_REPLAY] = EALREADY,
	[WIRE_VERSION] = EPROTO,
	[WIRE_NOT_FOUND] = ENOENT,
	[WIRE_STATE] = EPERM,
	[WIRE_INVALID] = EINVAL,
	[WIRE_RANGE] = ERANGE,
	[WIRE_NOT_OWNER] = EACCES,
	[WIRE_BUSY] = EBUSY,
	[WIRE_NO_SPACE] = ENOSPC,
	[WIRE_NO_MEMORY] = ENOMEM,
	[WIRE_TOO_MANY_SEGMENTS] = EFBIG,
	[WIRE_QUOTA] = EDQUOT,
	[WIRE_EXISTS] = EEXIST,
	[WIRE_READ_ONLY] = EROFS,
	[WIRE_NAME_TOO_LONG] = ENAMETOOLONG,
	[WIRE_CLOSING] = ENOTCONN,
	[WIRE_TIMEOUT] = ETIMEDOUT,
	[WIRE_GONE] = ENODEV,
	[WIRE_IO] = EIO,
	[WIRE_TOO_LONG] = EMSGSIZE,
};

enum wire_reason amph_wire_reason(int error)
{
	for (uint32_t i = 0; i < sizeof(errors); i++) {
		if (errors[i] == -error)
			return (enum wire_reason)i;
	}
	return WIRE_IO;
}

int amph_wire_error(uint32_t reason)
{
	return reason < sizeof(errors) ? -errors[reason] : -EIO;
}
