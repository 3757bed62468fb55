/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The RPMsg device of the measured images: what every application with RPMsg must say to the library.
 * Knows the memory of size.h, and a mailbox of one register.
 */
#include "size.h"

#define MAILBOX ((volatile uint32_t *)0x40004000)

static struct amph_virtqueue_slot slots[2][SIZE_DESCRIPTORS];

static void kick(void *argument, uint32_t queue)
{
	(void)argument;
	*MAILBOX = queue;
}

static int wait(void *argument, uint64_t deadline)
{
	(void)argument;
	(void)deadline;
	size_sleep();
	return 0;
}

void size_sleep(void)
{
	__asm__ volatile("wfe" ::: "memory");
}

int size_rpmsg(struct amph_rpmsg *rpmsg)
{
	static struct amph_rpmsg_config config = {
		.role = AMPH_RPMSG_PEER,
		.slots = {slots[0], slots[1]},
		.buffers = {.va = (void *)SIZE_BUFFERS,
			    .pa = SIZE_BUFFERS,
			    .size = 2 * SIZE_DESCRIPTORS * SIZE_BUFFER},
		.buffer_size = SIZE_BUFFER,
		.name_service = true,
		.kick = kick,
		.wait = wait,
	};
	int error = 0;

	for (uint32_t i = 0; i < 2 && !error; i++)
		error = amph_vring_init(&config.vrings[i], (void *)(SIZE_RINGS + i * SIZE_RING),
					SIZE_RING, SIZE_DESCRIPTORS, 16);
	return error ? error : amph_rpmsg_init_peer(rpmsg, &config);
}
