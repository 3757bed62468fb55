/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: an RPMsg device of one role under test, driven by a script, against the other role,
 * which is our own honest one plus whatever the script writes into the shared memory.
 *
 * Holds, for the side under test, whatever is written: messages and loans lie whole inside the
 * buffers; none is delivered while it is held, none lent while it is lent; every slot is accounted
 * for; counters say what happened; a fault is for ever, and the device lives until then.
 */
#ifndef TESTS_SUPPORT_RPMSG_FUZZ_H
#define TESTS_SUPPORT_RPMSG_FUZZ_H

#define SCRIBBLER_MEMORY 8192

#include "support/scribbler.h"

#include "support/rpmsg_pair.h"
#include "transport/rpmsg_internal.h"

#define FUZZ_SIZE      64u
#define FUZZ_COUNT_MAX 8
#define FUZZ_ENDPOINTS 4

struct fuzz {
	struct pair pair;
	struct script script;
	struct pair_side *tested, *other;
	struct amph_rpmsg_endpoint endpoints[FUZZ_ENDPOINTS];
	bool created[FUZZ_ENDPOINTS];
	struct amph_rpmsg_endpoint far; /* the other side's, at address 1 */
	const char *held[FUZZ_COUNT_MAX];
	struct amph_rpmsg_loan loans[FUZZ_COUNT_MAX];
	uint32_t count;
	uint32_t received, announced, sent;
	uint8_t in_receiver; /* what the next receiver shall do */
	bool nested;
};

static struct fuzz *fuzz;

static void fuzz_check_place(const char *data, uint64_t length)
{
	const char *start = fuzz->pair.buffers;
	uint64_t offset = (uint64_t)(data - start);

	HOLDS(data >= start + AMPH_RPMSG_HEADER);
	HOLDS(offset + length <= (uint64_t)fuzz->count * 2 * FUZZ_SIZE);
	HOLDS(length <= FUZZ_SIZE - AMPH_RPMSG_HEADER);
}

static void fuzz_step(void);

static void fuzz_receive(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
			 uint32_t source, void *argument)
{
	volatile uint8_t sum = 0;
	uint8_t act = fuzz->in_receiver;

	(void)source;
	HOLDS(endpoint == argument);
	fuzz->received++;
	fuzz_check_place(data, length);
	for (uint32_t i = 0; i < length; i++)
		sum = (uint8_t)(sum + ((const uint8_t *)closed_view(data))[i]);
	/* the main side chose the buffers: it sees no message where it holds one */
	for (uint32_t i = 0; i < fuzz->count; i++)
		if (fuzz->held[i] && fuzz->tested == &fuzz->pair.main)
			HOLDS(fuzz->held[i] != data);
	HOLDS(amph_rpmsg_poll(&fuzz->tested->rpmsg) == -EBUSY);
	if (act & 1) {
		uint32_t i = 0;

		HOLDS(amph_rpmsg_hold(&fuzz->tested->rpmsg, data) == 0);
		HOLDS(amph_rpmsg_hold(&fuzz->tested->rpmsg, data) == -EINVAL);
		while (fuzz->held[i])
			i++;
		HOLDS(i < fuzz->count);
		fuzz->held[i] = data;
	}
	if (act & 2) {
		fuzz->nested = true;
		fuzz_step();
		fuzz->nested = false;
	}
}

static void fuzz_far_receive(struct amph_rpmsg_endpoint *endpoint, const void *data,
			     uint32_t length, uint32_t source, void *argument)
{
	(void)endpoint;
	(void)source;
	(void)argument;
	fuzz_check_place(data, length);
}

static void fuzz_service(void *argument, const char *name, uint32_t address, bool created)
{
	(void)address;
	(void)created;
	HOLDS(strnlen(name, AMPH_RPMSG_NAME_MAX) < AMPH_RPMSG_NAME_MAX);
	HOLDS(name[0]);
	if (argument == fuzz->tested)
		fuzz->announced++;
}

/* The other side's reads are nobody's to spoil. */
static void fuzz_poll_other(struct pair_side *side)
{
	scribbler_on = false;
	amph_rpmsg_poll(&side->rpmsg);
	scribbler_on = true;
}

/* Waits lead somewhere: the other side polls once, the next wait is the last. */
static int fuzz_wait(void *argument, uint64_t deadline)
{
	struct pair_side *side = argument;

	(void)deadline;
	if (side->waits++ & 1)
		return fuzz->in_receiver & 64 ? -EPIPE : -ETIMEDOUT;
	if (!side->other->rpmsg.device.fault && side == fuzz->tested)
		fuzz_poll_other(side->other);
	return 0;
}

static void fuzz_check_error(int error)
{
	struct amph_rpmsg *rpmsg = &fuzz->tested->rpmsg;

	if (rpmsg->device.fault)
		HOLDS(error == rpmsg->device.fault);
	else
		HOLDS(error != -EPROTO);
}

static void fuzz_poll(bool wait)
{
	struct amph_rpmsg *rpmsg = &fuzz->tested->rpmsg;
	uint32_t done =
		fuzz->received + rpmsg->count.malformed + rpmsg->count.dropped + fuzz->announced;
	int got = wait ? amph_rpmsg_poll_wait(rpmsg, UINT64_MAX) : amph_rpmsg_poll(rpmsg);

	if (fuzz->nested) {
		HOLDS(got == -EBUSY);
		return;
	}
	HOLDS(got <= (int)fuzz->count);
	if (got >= 0) {
		/* each buffer ended in exactly one way; without a hook announcements go uncounted */
		done = fuzz->received + rpmsg->count.malformed + rpmsg->count.dropped +
		       fuzz->announced - done;
		HOLDS(!rpmsg->device.fault);
		HOLDS(rpmsg->config.service ? done == (uint32_t)got : done <= (uint32_t)got);
	} else if (got != -ETIMEDOUT && got != -EPIPE) {
		fuzz_check_error(got);
	}
}

static void fuzz_send(bool copy)
{
	static const uint8_t message[FUZZ_SIZE + 8] = "a message of the fuzzer";
	struct amph_rpmsg *rpmsg = &fuzz->tested->rpmsg;
	uint8_t which = script_byte(&fuzz->script) % FUZZ_ENDPOINTS;
	uint32_t length = script_byte(&fuzz->script) % sizeof(message);
	uint32_t destination = which ? 1 : AMPH_RPMSG_ANY;
	int error;

	if (!fuzz->created[which])
		return;
	if (copy) {
		error = amph_rpmsg_send_to(&fuzz->endpoints[which], destination, message, length,
					   length & 1 ? UINT64_MAX : 0);
	} else {
		struct amph_rpmsg_loan *loan =
			&fuzz->loans[script_byte(&fuzz->script) % fuzz->count];
		bool lent = loan->payload;

		error = amph_rpmsg_send_loan(&fuzz->endpoints[which], loan, destination, length);
		if (!lent && !rpmsg->device.fault)
			HOLDS(error == -EINVAL);
		HOLDS(!error == (lent && !loan->payload));
		if (!error) {
			/* not by a copy of the loan either, nor by one that was made up */
			struct amph_rpmsg_loan forged = {.payload = fuzz->pair.buffers,
							 .id = loan->id};

			error = amph_rpmsg_give_back(rpmsg, &forged);
			HOLDS(error == -EINVAL);
			forged.id = (uint16_t)fuzz->count;
			error = amph_rpmsg_give_back(rpmsg, &forged);
			HOLDS(error == -EINVAL);
			error = 0;
		}
	}
	if (length > FUZZ_SIZE - AMPH_RPMSG_HEADER)
		HOLDS(error);
	if (error)
		fuzz_check_error(error);
	else
		fuzz->sent++;
	HOLDS(fuzz->sent == rpmsg->count.sent);
}

static void fuzz_loan(void)
{
	struct amph_rpmsg *rpmsg = &fuzz->tested->rpmsg;
	struct amph_rpmsg_loan *loan = &fuzz->loans[script_byte(&fuzz->script) % fuzz->count];
	int error;

	if (loan->payload) {
		error = amph_rpmsg_give_back(rpmsg, loan);
		if (!error)
			HOLDS(!loan->payload);
		else
			fuzz_check_error(error);
		return;
	}
	error = amph_rpmsg_loan(rpmsg, loan, script_byte(&fuzz->script) & 1 ? UINT64_MAX : 0);
	if (error) {
		fuzz_check_error(error);
		loan->payload = NULL;
		return;
	}
	HOLDS(loan->id < fuzz->count);
	fuzz_check_place(loan->payload, loan->size);
	memset(closed_view(loan->payload), 0x11, loan->size);
	for (uint32_t i = 0; i < fuzz->count; i++)
		if (&fuzz->loans[i] != loan && fuzz->loans[i].payload) {
			HOLDS(fuzz->loans[i].id != loan->id);
			if (fuzz->tested == &fuzz->pair.main)
				HOLDS(fuzz->loans[i].payload != loan->payload);
		}
}

static void fuzz_release(void)
{
	uint32_t i = script_byte(&fuzz->script) % fuzz->count;
	int error;

	if (!fuzz->nested)
		HOLDS(amph_rpmsg_hold(&fuzz->tested->rpmsg, fuzz->held[i]) == -EINVAL);
	error = amph_rpmsg_release(&fuzz->tested->rpmsg, fuzz->held[i]);
	if (fuzz->tested->rpmsg.device.fault)
		HOLDS(error == fuzz->tested->rpmsg.device.fault);
	else
		HOLDS(error == (fuzz->held[i] ? 0 : -EINVAL));
	if (!error)
		fuzz->held[i] = NULL;
}

static void fuzz_endpoint(void)
{
	static const char *const names[] = {"fuzz", NULL, "", "a name of 32 bytes, and 1 too long"};
	uint8_t how = script_byte(&fuzz->script);
	uint8_t which = how % FUZZ_ENDPOINTS;
	struct amph_rpmsg_endpoint *endpoint = &fuzz->endpoints[which];
	bool announce = how & 4;
	uint32_t before = fuzz->tested->rpmsg.count.sent;
	int error;

	if (fuzz->created[which]) {
		amph_rpmsg_endpoint_destroy(endpoint, announce, 0);
		HOLDS(amph_rpmsg_endpoint_destroy(endpoint, announce, 0) == -EINVAL);
		fuzz->created[which] = false;
		memset(endpoint, 0x77, sizeof(*endpoint));
	} else {
		amph_rpmsg_receiver receiver = how == 0xff ? NULL : fuzz_receive;
		uint32_t address = how & 8 ? AMPH_RPMSG_ANY : script_byte(&fuzz->script) & 3u;

		if (how == 0xf0)
			address = 53;
		error = amph_rpmsg_endpoint_create(&fuzz->tested->rpmsg, endpoint, names[how >> 6],
						   address, how & 16 ? AMPH_RPMSG_ANY : 1, receiver,
						   endpoint, announce, 0);
		fuzz->created[which] = !error;
		if (error)
			fuzz_check_error(error);
	}
	fuzz->sent += fuzz->tested->rpmsg.count.sent - before;
}

/* The other side, honest as far as it goes: it may have died of its own checks. */
static void fuzz_other(void)
{
	static const uint8_t message[FUZZ_SIZE] = "fuzz";
	uint8_t what = script_byte(&fuzz->script);
	uint32_t length = script_byte(&fuzz->script) % (FUZZ_SIZE - AMPH_RPMSG_HEADER + 1);

	if (what & 1) {
		fuzz_poll_other(fuzz->other);
	} else if (what & 2) {
		uint8_t name_service[FUZZ_SIZE];

		for (size_t i = 0; i < sizeof(name_service); i++)
			name_service[i] = (what & 4) && i < 32 ? script_byte(&fuzz->script)
							       : message[i];
		amph_rpmsg_send_to(&fuzz->far, 53, name_service, what & 8 ? length : 40, 0);
	} else {
		amph_rpmsg_send_to(&fuzz->far, what >> 2, message, length, 0);
	}
}

/* Seldom: the end of the device; or buffers to the main side that have become shorter. */
static void fuzz_odd(uint8_t what)
{
	if (what == 0xc1)
		amph_rpmsg_close(&fuzz->tested->rpmsg);
	else
		for (uint32_t id = 0; id < fuzz->count; id++)
			((struct amph_vring_desc *)closed_view(
				fuzz->pair.main.config.vrings[0].desc))[id]
				.length = what % FUZZ_SIZE + 1;
}

static void fuzz_step(void)
{
	struct script *script = &fuzz->script;

	switch (script_byte(script) & 15) {
	case 0:
	case 1:
		fuzz_poll(false);
		break;
	case 2:
		fuzz_poll(true);
		break;
	case 3:
	case 4:
		fuzz_send(true);
		break;
	case 5:
		fuzz_send(false);
		break;
	case 6:
		fuzz_loan();
		break;
	case 7:
		fuzz_release();
		break;
	case 8:
		fuzz_endpoint();
		break;
	case 9:
		fuzz->in_receiver = script_byte(script);
		break;
	case 10:
	case 11:
		fuzz_other();
		break;
	case 12:
		scribbler_step(script, fuzz->pair.rings[0], fuzz->pair.ring_size);
		break;
	case 13:
		scribbler_step(script, fuzz->pair.rings[1], fuzz->pair.ring_size);
		break;
	case 14:
		scribbler_step(script, fuzz->pair.buffers, fuzz->count * 2 * FUZZ_SIZE);
		break;
	default:
		fuzz_odd(script_byte(script));
	}
}

/* Nothing is lost, nothing is there twice. */
static void fuzz_account(void)
{
	struct amph_rpmsg *rpmsg = &fuzz->tested->rpmsg;
	uint32_t spares = 0, lent = 0, held = 0, expected_lent = 0, expected_held = 0;
	uint32_t listed = 0;

	HOLDS(!rpmsg->delivering);
	HOLDS(rpmsg->count.received == fuzz->received);
	HOLDS(rpmsg->count.sent == fuzz->sent);
	HOLDS(amph_rpmsg_payload_max(rpmsg) ==
	      (rpmsg->device.fault ? 0 : FUZZ_SIZE - AMPH_RPMSG_HEADER));
	if (rpmsg->device.fault)
		return;
	for (uint32_t spare = rpmsg->spare; spare; spare = rpmsg->transmit->slots[spare - 1].next)
		HOLDS(++listed <= fuzz->count);
	for (uint32_t id = 0; id < fuzz->count; id++) {
		uint8_t transmit = rpmsg->transmit->slots[id].state;
		uint8_t receive = rpmsg->receive->slots[id].state;

		HOLDS(transmit == AMPH_VIRTQUEUE_THEIRS || transmit == RPMSG_SPARE ||
		      transmit == RPMSG_LOANED);
		HOLDS(receive == AMPH_VIRTQUEUE_THEIRS || receive == RPMSG_HELD);
		spares += transmit == RPMSG_SPARE;
		lent += transmit == RPMSG_LOANED;
		held += receive == RPMSG_HELD;
		expected_lent += fuzz->loans[id].payload != NULL;
		expected_held += fuzz->held[id] != NULL;
	}
	HOLDS(spares == listed);
	HOLDS(lent == expected_lent);
	HOLDS(held == expected_held);
}

/* A configuration that can't be: refused, whichever it is. */
static void fuzz_wrong_config(struct pair_side *side, uint8_t which)
{
	static struct amph_rpmsg rpmsg;
	struct amph_rpmsg_config config = side->config;

	switch (which % 12) {
	case 0:
		config.kick = NULL;
		break;
	case 1:
	case 2:
		config.buffers.va = NULL;
		break;
	case 3:
		config.buffers.size = 0x100000000ull;
		break;
	case 4:
		config.buffers.pa++;
		break;
	case 5:
		config.buffers.size = 0;
		break;
	case 6:
		config.buffer_size = AMPH_RPMSG_HEADER;
		break;
	case 7:
		config.buffer_size = 1u << 20;
		break;
	case 8:
		config.slots[which >> 7] = NULL;
		break;
	case 9:
		config.vrings[which >> 7].count = 0;
		break;
	default:
		/* wraps around on the peer's side; too little on the main side */
		config.buffers.pa = ~(uint64_t)3;
		config.buffers.size = 8;
	}
	HOLDS(amph_rpmsg_init(&rpmsg, &config) == -EINVAL);
}

static int fuzz_rpmsg(const uint8_t *data, size_t size, enum amph_rpmsg_role role)
{
	struct fuzz state = {.script = {data, size}};
	uint8_t setup = script_byte(&state.script);

	fuzz = &state;
	state.count = 1u << (setup & 3);
	pair_place(&state.pair, scribbler_begin(SCRIBBLER_MEMORY), state.count, FUZZ_SIZE);
	for (int i = 0; i < 2; i++) {
		scribbler_memory[i].at = state.pair.rings[i];
		scribbler_memory[i].size = state.pair.ring_size;
	}
	scribbler_memory[2].at = state.pair.buffers;
	scribbler_memory[2].size = state.count * 2 * FUZZ_SIZE;
	state.tested = role == AMPH_RPMSG_MAIN ? &state.pair.main : &state.pair.peer;
	state.other = state.tested->other;
	state.tested->config.event_index = state.other->config.event_index = setup & 4;
	state.tested->config.name_service = !(setup & 8);
	state.tested->config.wait = state.other->config.wait = fuzz_wait;
	state.tested->config.service = setup & 16 ? NULL : fuzz_service;
	if (setup & 32)
		fuzz_wrong_config(state.tested, script_byte(&state.script));
	HOLDS(pair_start(&state.pair) == 0);
	if (setup & 64)
		state.tested->rpmsg.next_address = AMPH_RPMSG_ANY - 1;
	HOLDS(amph_rpmsg_endpoint_create(&state.other->rpmsg, &state.far, "far", 1, AMPH_RPMSG_ANY,
					 fuzz_far_receive, NULL, false, 0) == 0);
	while (state.script.size)
		fuzz_step();
	fuzz_account();
	fuzz = NULL;
	return 0;
}

#endif
