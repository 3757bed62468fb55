/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: RPMsg over its two rings under a weak memory: messages go to the peer and come back; both sides
 * wait for messages and for room, asleep.
 */
#include <string.h>

#include <amphora/rpmsg.h>

#include "weak.h"

#define COUNT	 2u /* buffers of each direction */
#define BUFFER	 32u
#define RING	 128u
#define MESSAGES 3u
#define PA	 0x1234560000u
#define ADDRESS	 7u /* of both endpoints */

enum { MAIN, PEER };

static uint8_t rings[2][RING] __attribute__((aligned(16)));
static uint8_t buffers[2 * COUNT * BUFFER] __attribute__((aligned(16)));
static struct amph_rpmsg rpmsgs[2];
static struct amph_rpmsg_endpoint endpoints[2];
static struct amph_virtqueue_slot slots[2][2][COUNT];
static uint32_t heard[2];

static void kick(void *argument, uint32_t queue)
{
	(void)queue;
	weak_ring(argument == &rpmsgs[MAIN] ? PEER : MAIN);
}

static int wait(void *argument, uint64_t deadline)
{
	(void)deadline;
	weak_sleep(argument == &rpmsgs[MAIN] ? MAIN : PEER);
	return 0;
}

/* Messages are numbers in order; the peer answers each. */
static void receive(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		    uint32_t source, void *argument)
{
	uint32_t side = endpoint == &endpoints[MAIN] ? MAIN : PEER;
	uint32_t answer = 100 + heard[side];

	(void)argument;
	weak_check(length == 4 && source == ADDRESS, "the header");
	weak_check(weak_read(data) == (side == MAIN ? 100 : 0) + heard[side], "another message");
	heard[side]++;
	if (side == PEER)
		weak_check(!amph_rpmsg_send(endpoint, &answer, 4, UINT64_MAX), "the answer");
}

static void declare_ring(const struct amph_vring *vring)
{
	weak_guarded(vring->desc, COUNT * 4, 4, "descriptor");
	weak_words(&vring->avail[0], 1, 2, "avail flags");
	weak_words(&vring->avail[1], 1, 2, "avail index");
	weak_guarded(&vring->avail[2], COUNT, 2, "avail entry");
	weak_words(&vring->avail[2 + COUNT], 1, 2, "used event");
	weak_words(&vring->used[0], 1, 2, "used flags");
	weak_words(&vring->used[1], 1, 2, "used index");
	weak_guarded(&vring->used[2], COUNT * 2, 4, "used element");
	weak_words(&vring->used[2 + 4 * COUNT], 1, 2, "avail event");
}

static void before(void)
{
	bool event_index = weak_random(2);

	memset(rings, 0xa5, sizeof(rings));
	memset(buffers, 0x5a, sizeof(buffers));
	for (uint32_t side = 0; side < 2; side++) {
		struct amph_rpmsg_config config = {
			.role = side == MAIN ? AMPH_RPMSG_MAIN : AMPH_RPMSG_PEER,
			.slots = {slots[side][0], slots[side][1]},
			.buffers = {buffers, PA, PA, sizeof(buffers)},
			.buffer_size = BUFFER,
			.event_index = event_index,
			.kick = kick,
			.wait = wait,
			.argument = &rpmsgs[side],
		};

		for (uint32_t i = 0; i < 2; i++)
			weak_check(!amph_vring_init(&config.vrings[i], rings[i], RING, COUNT, 16),
				   "ring");
		weak_check(!amph_rpmsg_init(&rpmsgs[side], &config), "a side");
		endpoints[side] = (struct amph_rpmsg_endpoint){
			.address = ADDRESS, .destination = ADDRESS, .receiver = receive};
		weak_check(!amph_rpmsg_endpoint_add(&rpmsgs[side], &endpoints[side]), "endpoint");
		heard[side] = 0;
	}
	for (uint32_t i = 0; i < 2; i++)
		declare_ring(&rpmsgs[MAIN].config.vrings[i]);
	weak_guarded(buffers, sizeof(buffers) / 4, 4, "message");
}

static void hear(uint32_t side)
{
	weak_check(amph_rpmsg_poll_wait(&rpmsgs[side], UINT64_MAX) > 0, "the poll");
}

static void thread(uint32_t self)
{
	if (self == PEER) {
		while (heard[PEER] < MESSAGES)
			hear(PEER);
		return;
	}
	for (uint32_t sent = 0; sent < MESSAGES; sent++) {
		/* the peer answers from its receiver, and needs room for it */
		while (sent - heard[MAIN] > 2 * COUNT - 1)
			hear(MAIN);
		weak_check(!amph_rpmsg_send(&endpoints[MAIN], &sent, 4, UINT64_MAX), "the send");
	}
	while (heard[MAIN] < MESSAGES)
		hear(MAIN);
}

WEAK_SCENARIO(rpmsg, .threads = 2, .executions = 50000, .before = before, .thread = thread);
