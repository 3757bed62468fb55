/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: this side of a recorded RPMsg conversation. The recorder and the replay run the same
 * steps through it, so that what they saw can be compared line by line. Format: README.md.
 */
#ifndef TESTS_TRACES_TRACE_H
#define TESTS_TRACES_TRACE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/rpmsg.h>

#define TRACE_ENDPOINTS 4
#define TRACE_COUNT_MAX 256
#define TRACE_HELD_MAX	TRACE_COUNT_MAX
#define TRACE_RESULT	(64 * 1024)
#define TRACE_PAYLOAD	(4 * 1024)
#define TRACE_PAGE	4096u

/* The first lines of a trace. */
struct trace_shape {
	uint32_t main; /* 1: this side is the main side */
	uint32_t count, align, buffer_size;
	uint32_t event_index, ring_always;
	uint32_t pa; /* of the first byte of the memory */
};

struct trace_side {
	struct trace_shape shape;
	uint8_t *memory; /* ring of queue 0, ring of queue 1, buffers */
	uint32_t ring_size, size;
	struct amph_rpmsg rpmsg;
	struct amph_virtqueue_slot slots[2][TRACE_COUNT_MAX];
	struct amph_rpmsg_endpoint endpoints[TRACE_ENDPOINTS];
	bool hold; /* receivers keep what they get */
	const void *held[TRACE_HELD_MAX];
	uint32_t held_count;
	/* called for each doorbell of this side, may be NULL */
	void (*bell)(void *argument, uint32_t queue);
	void *argument;
	char result[TRACE_RESULT]; /* what the last step gave, as lines of the trace */
	size_t result_length;
};

/* Sizes of the rings and of the whole memory, or false for a shape that makes no sense. */
static inline bool trace_layout(const struct trace_shape *shape, uint32_t *ring_size,
				uint32_t *size)
{
	uint32_t page = shape->align > TRACE_PAGE ? shape->align : TRACE_PAGE;
	uint32_t ring = amph_vring_size(shape->count, shape->align);

	if (!ring || shape->count > TRACE_COUNT_MAX || shape->buffer_size > TRACE_PAYLOAD)
		return false;
	*ring_size = (ring + page - 1) / page * page;
	*size = 2 * *ring_size + 2 * shape->count * shape->buffer_size;
	return true;
}

/* The content of a message, from a number in the trace. */
static inline uint8_t trace_byte(uint32_t seed, uint32_t i)
{
	return (uint8_t)((seed * 2654435761u + i * 40503u) >> 13);
}

/* FNV-1a, 32 bits. */
static inline uint32_t trace_hash(const void *data, uint32_t length)
{
	const uint8_t *bytes = data;
	uint32_t hash = 2166136261u;

	for (uint32_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * 16777619u;
	return hash;
}

static inline __attribute__((format(printf, 2, 3))) void trace_note(struct trace_side *side,
								    const char *format, ...)
{
	size_t room = sizeof(side->result) - side->result_length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(side->result + side->result_length, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room)
		abort();
	side->result_length += (size_t)length;
}

static inline void trace_kick(void *argument, uint32_t queue)
{
	struct trace_side *side = argument;

	trace_note(side, "! %u\n", queue);
	if (side->bell)
		side->bell(side->argument, queue);
}

/* Nothing happens between two steps. */
static inline int trace_wait(void *argument, uint64_t deadline)
{
	(void)argument;
	(void)deadline;
	return -ETIMEDOUT;
}

static inline void trace_service(void *argument, const char *name, uint32_t address, bool created)
{
	trace_note(argument, "^ %s %u %u\n", name, address, created);
}

static inline void trace_receive(struct amph_rpmsg_endpoint *endpoint, const void *data,
				 uint32_t length, uint32_t source, void *argument)
{
	struct trace_side *side = argument;

	trace_note(side, "= %u %u %u %08x\n", (uint32_t)(endpoint - side->endpoints), source,
		   length, trace_hash(data, length));
	if (side->hold && side->held_count < TRACE_HELD_MAX && !amph_rpmsg_hold(&side->rpmsg, data))
		side->held[side->held_count++] = data;
}

static inline int trace_init(struct trace_side *side)
{
	struct amph_rpmsg_config config = {
		.role = side->shape.main ? AMPH_RPMSG_MAIN : AMPH_RPMSG_PEER,
		.slots = {side->slots[0], side->slots[1]},
		.buffers = {.va = side->memory + 2 * side->ring_size,
			    .pa = side->shape.pa + 2 * side->ring_size,
			    .size = side->size - 2 * side->ring_size},
		.buffer_size = side->shape.buffer_size,
		.event_index = side->shape.event_index,
		.name_service = true,
		.ring_always = side->shape.ring_always,
		.kick = trace_kick,
		.wait = trace_wait,
		.service = trace_service,
		.argument = side,
	};

	for (uint32_t i = 0; i < 2; i++) {
		int error = amph_vring_init(&config.vrings[i], side->memory + i * side->ring_size,
					    side->ring_size, side->shape.count, side->shape.align);

		if (error)
			return error;
	}
	return amph_rpmsg_init(&side->rpmsg, &config);
}

static inline int trace_send(struct trace_side *side, struct amph_rpmsg_endpoint *endpoint,
			     uint32_t destination, uint32_t length, uint32_t seed, bool loaned)
{
	uint8_t payload[TRACE_PAYLOAD];
	struct amph_rpmsg_loan loan;
	int error;

	/* where a lie has ended the device, the endpoint was never created */
	if (!endpoint->rpmsg)
		return -ENOTCONN;
	if (length > sizeof(payload))
		return -EMSGSIZE;
	for (uint32_t i = 0; i < length; i++)
		payload[i] = trace_byte(seed, i);
	if (!loaned)
		return amph_rpmsg_send_to(endpoint, destination, payload, length, 0);
	error = amph_rpmsg_loan(&side->rpmsg, &loan, 0);
	if (error)
		return error;
	if (length <= loan.size)
		memcpy(loan.payload, payload, length);
	error = amph_rpmsg_send_loan(endpoint, &loan, destination, length);
	if (error)
		amph_rpmsg_give_back(&side->rpmsg, &loan);
	return error;
}

/* Runs one step of this side; the lines it gave are in result. False: no such step. */
static inline bool trace_step(struct trace_side *side, const char *step)
{
	char name[AMPH_RPMSG_NAME_MAX + 1];
	uint32_t slot, a, b, c;
	int got;

	side->result_length = 0;
	side->result[0] = 0;
	if (!strcmp(step, "init")) {
		got = trace_init(side);
	} else if (!strcmp(step, "poll") || !strcmp(step, "poll hold")) {
		side->hold = step[4] != 0;
		got = amph_rpmsg_poll(&side->rpmsg);
	} else if (sscanf(step, "open %u %32s %u %u", &slot, name, &a, &b) == 4 &&
		   slot < TRACE_ENDPOINTS) {
		got = amph_rpmsg_endpoint_create(&side->rpmsg, &side->endpoints[slot], name, a,
						 AMPH_RPMSG_ANY, trace_receive, side, b, 0);
		trace_note(side, "a %u\n", side->endpoints[slot].address);
	} else if (sscanf(step, "close %u %u", &slot, &a) == 2 && slot < TRACE_ENDPOINTS) {
		got = amph_rpmsg_endpoint_destroy(&side->endpoints[slot], a, 0);
		side->endpoints[slot].rpmsg = NULL;
	} else if (sscanf(step, "send %u %u %u %u", &slot, &a, &b, &c) == 4 &&
		   slot < TRACE_ENDPOINTS) {
		got = trace_send(side, &side->endpoints[slot], a, b, c, false);
	} else if (sscanf(step, "loan %u %u %u %u", &slot, &a, &b, &c) == 4 &&
		   slot < TRACE_ENDPOINTS) {
		got = trace_send(side, &side->endpoints[slot], a, b, c, true);
	} else if (sscanf(step, "release %u", &a) == 1) {
		if (a >= side->held_count) {
			got = -EINVAL;
		} else {
			got = amph_rpmsg_release(&side->rpmsg, side->held[a]);
			side->held[a] = side->held[--side->held_count];
		}
	} else {
		return false;
	}
	trace_note(side, "r %d\n", got);
	return true;
}

/* The offsets of the 16-bit words that are hints: this side's flags and event word of each ring. */
static inline uint32_t trace_hints(const struct trace_side *side, uint32_t offsets[4])
{
	uint32_t avail = 16 * side->shape.count;
	uint32_t used = (avail + 6 + 2 * side->shape.count + side->shape.align - 1) /
			side->shape.align * side->shape.align;
	uint32_t flags = side->shape.main ? avail : used;
	uint32_t event = side->shape.main ? avail + 4 + 2 * side->shape.count
					  : used + 4 + 8 * side->shape.count;

	for (uint32_t i = 0; i < 2; i++) {
		offsets[2 * i] = i * side->ring_size + flags;
		offsets[2 * i + 1] = i * side->ring_size + event;
	}
	return 4;
}

#endif
