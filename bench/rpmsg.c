/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contender "rpmsg": a message and its echo between two RPMsg endpoints over shared rings, polling.
 * Bench. Main side asks, peer answers; nobody sleeps, so no doorbell is wanted or rung.
 */
#include <errno.h>
#include <stdlib.h>

#include <amphora/order.h>
#include <amphora/rpmsg.h>

#include "bench.h"
#include "contenders.h"

#define DESCRIPTORS 256u
#define BUFFER	    512u
#define ALIGN	    4096u
#define RING	    12288u /* bytes: a ring of 256 with that alignment takes 10246 */
#define ADDRESS	    1024u
#define PA	    0x80000000u /* what descriptors carry */

/* What both processes have. */
struct shared {
	_Alignas(ALIGN) uint8_t rings[2][RING];
	_Alignas(ALIGN) uint8_t buffers[2 * DESCRIPTORS * BUFFER];
	_Alignas(ALIGN) uint32_t ready; /* the main side is */
};

struct side {
	struct amph_rpmsg rpmsg;
	struct amph_virtqueue_slot slots[2][DESCRIPTORS];
	struct amph_rpmsg_endpoint endpoint;
	uint32_t received;
	int error;
	uint8_t message[BUFFER];
};

static int set_up(struct bench_run *run)
{
	run->shared = bench_share(sizeof(struct shared));
	return run->shared ? 0 : bench_why(run, -ENOMEM, "no memory");
}

/* Nobody wants to be rung, and who would be waited for is polled. */
static void kick(void *argument, uint32_t queue)
{
	(void)argument;
	(void)queue;
}

static void receive(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint32_t source, void *argument)
{
	struct bench_run *run = argument;
	struct side *side = run->state;

	side->received++;
	if (run->role == BENCH_ANSWER)
		side->error = amph_rpmsg_try_send_to(endpoint, source, data, length);
}

static int start(struct bench_run *run)
{
	struct shared *shared = run->shared;
	struct side *side = calloc(1, sizeof(*side));
	struct amph_rpmsg_config config = {
		.role = run->role == BENCH_ASK ? AMPH_RPMSG_MAIN : AMPH_RPMSG_PEER,
		.buffers = {.va = shared->buffers, .pa = PA, .size = sizeof(shared->buffers)},
		.buffer_size = BUFFER,
		.event_index = true,
		.kick = kick,
	};
	int error = 0;

	if (!side)
		return -ENOMEM;
	run->state = side;
	for (uint32_t i = 0; i < 2 && !error; i++) {
		config.slots[i] = side->slots[i];
		error = amph_vring_init(&config.vrings[i], shared->rings[i], RING, DESCRIPTORS,
					ALIGN);
	}
	if (!error && run->role == BENCH_ANSWER)
		while (!amph_load32_acquire(&shared->ready))
			bench_relax();
	if (!error)
		error = amph_rpmsg_init(&side->rpmsg, &config);
	if (!error)
		error = amph_rpmsg_endpoint_create(&side->rpmsg, &side->endpoint, NULL, ADDRESS,
						   ADDRESS, receive, run, false, 0);
	if (!error && run->role == BENCH_ASK)
		amph_store32_release(&shared->ready, 1);
	return error;
}

/* Polls until the counter of messages stands at `target`. */
static int poll_until(struct side *side, uint32_t target)
{
	while (side->received != target && !side->error) {
		int got = amph_rpmsg_poll(&side->rpmsg);

		if (got < 0)
			return got;
	}
	return side->error;
}

static int ask(struct bench_run *run, uint32_t count)
{
	struct side *side = run->state;
	const struct bench_variant *variant = &run->contender->variants[run->variant];
	uint32_t length = (uint32_t)variant->size;
	int error = 0;

	for (uint32_t i = 0; i < count && !error; i++) {
		/* another length than last time in this buffer: its descriptor is written anew */
		if (variant->number)
			length = (uint32_t)variant->size - 7 + side->received / DESCRIPTORS % 8;
		error = amph_rpmsg_send(&side->endpoint, side->message, length, 0);
		if (!error)
			error = poll_until(side, side->received + 1);
	}
	return error;
}

static int answer(struct bench_run *run, uint32_t count)
{
	struct side *side = run->state;

	return poll_until(side, side->received + count);
}

static void stop(struct bench_run *run)
{
	free(run->state);
}

static const struct bench_variant variants[] = {
	{.name = "16 B", .size = 16, .floor = BENCH_FLOOR_LINE},
	{.name = "9 to 16 B", .size = 16, .number = 8, .floor = BENCH_FLOOR_LINE},
	{.name = "496 B", .size = 496, .floor = BENCH_FLOOR_LINE},
};

const struct bench_contender bench_rpmsg_contender = {
	.name = "rpmsg",
	.what = "a message and its echo, 256 buffers of 512 bytes each way, polling",
	.unit = "round trip",
	.variants = variants,
	.variant_count = sizeof(variants) / sizeof(variants[0]),
	.set_up = set_up,
	.start = start,
	.ask = ask,
	.answer = answer,
	.stop = stop,
};
