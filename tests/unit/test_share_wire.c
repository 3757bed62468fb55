/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The share protocol's bytes: every vector of tests/vectors/share.txt, built and taken apart.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <amphora/error.h>

#include "share/wire.h"

struct field {
	uint32_t types; /* bit n: message type n has it */
	const char *name;
	uint32_t offset, size;
};

#define TYPE(t) (1u << WIRE_##t)
#define FIELD(t, body, name)                                       \
	{                                                          \
		t, #name, 24 + offsetof(struct wire_##body, name), \
			sizeof(((struct wire_##body *)0)->name)    \
	}
#define HANDLES	 (TYPE(OFFER) | TYPE(SEGMENTS) | ANSWERS | HANDOFFS)
#define ANSWERS	 (TYPE(ACCEPT) | TYPE(REFUSE) | TYPE(RELEASE) | TYPE(RELEASED))
#define HANDOFFS (TYPE(GIVE) | TYPE(RETURN) | TYPE(PASS))
#define HELLOS	 (TYPE(HELLO) | TYPE(WELCOME))

static const struct field fields[] = {
	{~0u, "type", 0, 2},
	{~0u, "length", 2, 2},
	{~0u, "sequence", 4, 4},
	{~0u, "from", 8, 8},
	{~0u, "to", 16, 8},
	FIELD(HELLOS, hello, version_min),
	FIELD(HELLOS, hello, version_max),
	FIELD(HELLOS, hello, flags),
	FIELD(HELLOS, hello, cache_line),
	FIELD(HELLOS, hello, heartbeat_ms),
	FIELD(HELLOS, hello, message_max),
	{TYPE(REJECT), "refused", 24, 2},
	{TYPE(REJECT), "refused_reason", 26, 2},
	{TYPE(REJECT), "refused_sequence", 28, 4},
	FIELD(TYPE(REJECT), reject, handle),
	FIELD(TYPE(REJECT), reject, generation),
	FIELD(TYPE(REJECT), reject, offset),
	{TYPE(REJECT), "bytes", 48, 8},
	FIELD(TYPE(REJECT), reject, flags),
	{HANDLES, "handle", 24, 4},
	{HANDLES, "generation", 28, 4},
	FIELD(TYPE(OFFER), offer, size),
	FIELD(TYPE(OFFER), offer, flags),
	FIELD(TYPE(OFFER), offer, direction),
	FIELD(TYPE(OFFER), offer, granule),
	FIELD(TYPE(OFFER), offer, method),
	FIELD(TYPE(OFFER), offer, segment_count),
	FIELD(TYPE(OFFER), offer, request),
	FIELD(TYPE(OFFER), offer, count),
	FIELD(TYPE(SEGMENTS), segments, first),
	FIELD(TYPE(SEGMENTS), segments, count),
	FIELD(ANSWERS, answer, reason),
	FIELD(ANSWERS, answer, flags),
	FIELD(HANDOFFS, handoff, offset),
	{HANDOFFS, "bytes", 40, 8},
	FIELD(HANDOFFS, handoff, cookie),
	FIELD(HANDOFFS, handoff, flags),
	FIELD(HANDOFFS, handoff, direction),
	FIELD(TYPE(REQUEST), request, request),
	FIELD(TYPE(REQUEST), request, flags),
	FIELD(TYPE(REQUEST), request, size),
	FIELD(TYPE(REQUEST), request, direction),
	FIELD(TYPE(DENY) | TYPE(GOODBYE), deny, request),
	FIELD(TYPE(DENY) | TYPE(GOODBYE), deny, reason),
};

static const char *const reason_names[] = {
	"OK",	     "MALFORMED", "UNSUPPORTED",       "STALE", "REPLAY",    "VERSION",
	"NOT_FOUND", "STATE",	  "INVALID",	       "RANGE", "NOT_OWNER", "BUSY",
	"NO_SPACE",  "NO_MEMORY", "TOO_MANY_SEGMENTS", "QUOTA", "EXISTS",    "READ_ONLY",
};

/* A vector while it is read. */
struct vector {
	char title[256];
	enum wire_reason expect;
	struct wire_message built; /* from the fields */
	uint32_t built_fields, segments;
	uint8_t bytes[512]; /* from the hex */
	uint32_t length;
	uint32_t done;
};

static const struct field *field_of(uint32_t type, const char *name)
{
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if ((type > 31 || fields[i].types & (1u << type)) && !strcmp(fields[i].name, name))
			return &fields[i];
	}
	fail_msg("no field %s in a message of type %u", name, type);
	return NULL;
}

static void set_field(struct vector *vector, const char *name, uint64_t value)
{
	const struct field *field = field_of(vector->built.header.type, name);

	memcpy((uint8_t *)&vector->built + field->offset, &value, field->size);
	vector->built_fields++;
}

static void set_segment(struct vector *vector, uint64_t address, uint64_t length)
{
	struct wire_segment *segments = vector->built.header.type == WIRE_OFFER
						? vector->built.body.offer.segments
						: vector->built.body.segments.segments;

	segments[vector->segments++] = (struct wire_segment){address, length};
}

static void add_hex(struct vector *vector, const char *text)
{
	unsigned int byte;

	for (; *text; text++) {
		if (*text == ' ' || *text == '\n')
			continue;
		assert_int_equal(sscanf(text, "%2x", &byte), 1);
		assert_true(vector->length < sizeof(vector->bytes));
		vector->bytes[vector->length++] = (uint8_t)byte;
		text++;
	}
}

static void check_vector(struct vector *vector)
{
	/* as long as the message and no longer: a sanitizer sees the first byte too far */
	struct wire_message message = {0};
	enum wire_reason reason;

	if (!vector->length)
		return;
	memcpy(&message, vector->bytes, vector->length);
	reason = amph_wire_check(&message, vector->length);
	if (reason != vector->expect)
		fail_msg("%s: %d, expected %d", vector->title, reason, vector->expect);
	if (vector->built_fields) {
		uint32_t count = message.header.type == WIRE_OFFER ? message.body.offer.count
				 : message.header.type == WIRE_SEGMENTS
					 ? message.body.segments.count
					 : 0;

		if (memcmp(&vector->built, vector->bytes, vector->length))
			fail_msg("%s: the fields make other bytes", vector->title);
		assert_int_equal(amph_wire_length(message.header.type, count), vector->length);
		assert_int_equal(vector->segments, count);
	} else {
		assert_int_not_equal(vector->expect, WIRE_OK);
	}
	vector->done++;
}

static void each_vector_is_built_and_taken_apart(void **state)
{
	FILE *file = fopen(AMPHORA_SOURCE "/tests/vectors/share.txt", "r");
	struct vector vector = {0};
	char line[256], name[64], text[128];
	unsigned long long a, b;
	(void)state;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (!strncmp(line, "vector ", 7)) {
			uint32_t done;

			check_vector(&vector);
			done = vector.done;
			memset(&vector, 0, sizeof(vector));
			vector.done = done;
			snprintf(vector.title, sizeof(vector.title), "%s", line + 7);
		} else if (sscanf(line, "expect %63s", name) == 1) {
			uint32_t i = 0;

			while (strcmp(name, reason_names[i]))
				assert_true(++i < sizeof(reason_names) / sizeof(reason_names[0]));
			vector.expect = (enum wire_reason)i;
		} else if (!strncmp(line, "hex ", 4)) {
			add_hex(&vector, line + 4);
		} else if (!strncmp(line, "name", 4)) {
			text[0] = 0;
			sscanf(line, "name %127s", text);
			amph_wire_name_set(vector.built.header.type == WIRE_OFFER
						   ? vector.built.body.offer.name
						   : vector.built.body.request.name,
					   text);
		} else if (sscanf(line, "segment %llx %llx", &a, &b) == 2) {
			set_segment(&vector, a, b);
		} else {
			assert_int_equal(sscanf(line, "%63s %127s", name, text), 2);
			set_field(&vector, name, strtoull(text, NULL, 0));
		}
	}
	check_vector(&vector);
	fclose(file);
	assert_true(vector.done > 80);
}

static void a_message_longer_than_any_is_refused(void **state)
{
	struct wire_message message = {.header = {.type = WIRE_OFFER, .length = 497}};
	(void)state;

	assert_int_equal(amph_wire_check(&message, 497), WIRE_TOO_LONG);
	assert_int_equal(amph_wire_check(&message, 65536 + 497), WIRE_TOO_LONG);
}

static void an_offer_is_checked_up_to_its_limits_and_no_further(void **state)
{
	struct wire_message message = {.header = {.type = WIRE_OFFER}};
	struct wire_offer *offer = &message.body.offer;
	uint32_t length = amph_wire_length(WIRE_OFFER, 1);

	(void)state;
	message.header.length = (uint16_t)length;
	*offer = (struct wire_offer){
		.handle = 1,
		.generation = 1,
		.size = 1,
		.direction = AMPH_DEVICE_READS_WRITES,
		.granule = 1,
		.method = AMPH_SYNC_LOCK,
		.segment_count = 1,
		.name = " ~",
		.count = 1,
		.segments = {{UINT64_MAX, 1}},
	};
	assert_int_equal(amph_wire_check(&message, length), WIRE_OK);
	offer->method++;
	assert_int_equal(amph_wire_check(&message, length), WIRE_UNSUPPORTED);
	offer->method--;
	offer->name[1] = 0x7f;
	assert_int_equal(amph_wire_check(&message, length), WIRE_MALFORMED);
	offer->name[1] = 0x1f;
	assert_int_equal(amph_wire_check(&message, length), WIRE_MALFORMED);
	memset(offer->name, 'n', sizeof(offer->name));
	assert_int_equal(amph_wire_check(&message, length), WIRE_MALFORMED);
	offer->name[WIRE_NAME_MAX - 1] = 0;
	assert_int_equal(amph_wire_check(&message, length), WIRE_OK);
	offer->name[5] = 0;
	assert_int_equal(amph_wire_check(&message, length), WIRE_MALFORMED);
	offer->name[5] = 'n';
	offer->segments[0].length = 2;
	assert_int_equal(amph_wire_check(&message, length), WIRE_INVALID);
}

static void an_errno_and_its_reason_are_each_others(void **state)
{
	(void)state;
	assert_int_equal(amph_wire_reason(0), WIRE_OK);
	assert_int_equal(amph_wire_error(WIRE_OK), 0);
	for (uint32_t reason = WIRE_MALFORMED; reason <= WIRE_TOO_LONG; reason++) {
		assert_int_not_equal(amph_wire_error(reason), 0);
		assert_int_equal(amph_wire_reason(amph_wire_error(reason)), reason);
	}
	assert_int_equal(amph_wire_error(24), -EIO);
	assert_int_equal(amph_wire_error(UINT32_MAX), -EIO);
	assert_int_equal(amph_wire_reason(-EFAULT), WIRE_IO);
	assert_int_equal(amph_wire_error(WIRE_NOT_OWNER), -EACCES);
	assert_int_equal(amph_wire_error(WIRE_QUOTA), -EDQUOT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_vector_is_built_and_taken_apart),
		cmocka_unit_test(a_message_longer_than_any_is_refused),
		cmocka_unit_test(an_offer_is_checked_up_to_its_limits_and_no_further),
		cmocka_unit_test(an_errno_and_its_reason_are_each_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
