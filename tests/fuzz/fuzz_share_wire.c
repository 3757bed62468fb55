/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Fuzzes the check of share messages: input = one message as the channel would deliver it.
 * Test code. What the check lets through must have the form that the rest of the layer relies on.
 */
#include <stdlib.h>
#include <string.h>

#include <amphora/error.h>

#include "share/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(condition)        \
	do {                      \
		if (!(condition)) \
			abort();  \
	} while (0)

static void require_name(const char *name)
{
	uint32_t length = 0;

	while (length < WIRE_NAME_MAX && name[length])
		length++;
	REQUIRE(length < WIRE_NAME_MAX);
	REQUIRE(amph_wire_name_length(name) == length);
}

static void require_segments(const struct wire_segment *segments, uint32_t count, uint32_t room)
{
	REQUIRE(count <= room);
	for (uint32_t i = 0; i < count; i++) {
		REQUIRE(segments[i].length);
		REQUIRE(segments[i].address + (segments[i].length - 1) >= segments[i].address);
	}
}

static void require_form(const struct wire_message *m, uint32_t size)
{
	uint32_t count = 0;

	REQUIRE(m->header.length == size && size <= WIRE_MESSAGE_MAX);
	REQUIRE(m->header.type >= WIRE_HELLO && m->header.type <= WIRE_GOODBYE);
	switch (m->header.type) {
	case WIRE_HELLO:
	case WIRE_WELCOME:
		REQUIRE(m->body.hello.version_min && !m->body.hello.flags);
		REQUIRE(m->body.hello.version_min <= m->body.hello.version_max);
		REQUIRE(m->body.hello.message_max >= WIRE_MESSAGE_LEAST);
		REQUIRE(__builtin_popcount(m->body.hello.cache_line) == 1);
		REQUIRE(m->body.hello.cache_line <= 4096);
		break;
	case WIRE_OFFER:
		count = m->body.offer.count;
		require_name(m->body.offer.name);
		require_segments(m->body.offer.segments, count, 22);
		REQUIRE(m->body.offer.handle && m->body.offer.generation && m->body.offer.size);
		REQUIRE(count <= m->body.offer.segment_count);
		REQUIRE(__builtin_popcount(m->body.offer.granule) == 1);
		REQUIRE(m->body.offer.direction >= 1 && m->body.offer.direction <= 3);
		break;
	case WIRE_SEGMENTS:
		count = m->body.segments.count;
		REQUIRE(count);
		require_segments(m->body.segments.segments, count, 28);
		break;
	case WIRE_GIVE:
	case WIRE_RETURN:
	case WIRE_PASS:
		REQUIRE(m->body.handoff.direction >= 1 && m->body.handoff.direction <= 3);
		REQUIRE(m->body.handoff.flags <= (m->header.type == WIRE_GIVE ? 2u : 0u));
		break;
	case WIRE_REQUEST:
		require_name(m->body.request.name);
		REQUIRE(m->body.request.request && m->body.request.size);
		break;
	default:
		break;
	}
	REQUIRE(amph_wire_length(m->header.type, count) == size);
	/* what a refusal repeats of it is there */
	REQUIRE(amph_wire_names(m->header.type) <= WIRE_NAMES_MAX);
	REQUIRE(WIRE_HEADER_SIZE + amph_wire_names(m->header.type) <= size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_message *message;
	size_t room = size < sizeof(*message) ? size : sizeof(*message);
	enum wire_reason reason;

	if (size < WIRE_HEADER_SIZE || size > 4096)
		return 0;
	/* exactly as large as what came: whatever looks further is caught */
	message = malloc(room);
	REQUIRE(message);
	memcpy(message, data, room);
	reason = amph_wire_check(message, (uint32_t)size);
	REQUIRE(reason <= WIRE_TOO_LONG);
	if (!reason)
		require_form(message, (uint32_t)size);
	REQUIRE(amph_wire_reason(amph_wire_error(message->header.type)) ==
		(message->header.type > WIRE_TOO_LONG ? WIRE_IO
						      : (enum wire_reason)message->header.type));
	free(message);
	return 0;
}
