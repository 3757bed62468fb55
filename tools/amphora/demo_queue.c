/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo's queue, with --queue: a small buffer of its own, through which the picture is handed over.
 * Tool code; knows the share session and the queue. Without the option nothing here does anything.
 */
#include "demo.h"

#include <amphora/queue.h>

#define SLOTS 8u

static struct demo_buffer ring;
static struct amph_queue queue;

enum amph_sync_method demo_method(const struct demo_machine *machine)
{
	return machine->options->queue ? AMPH_SYNC_QUEUE : AMPH_SYNC_MESSAGES;
}

int demo_queue_open(struct demo_machine *machine, uint64_t deadline)
{
	const struct amph_queue_config config = {.spins = 0};
	int status;

	if (!machine->options->queue)
		return 0;
	status = demo_buffer_open(&ring, machine, "queue",
				  amph_queue_size(SLOTS, amph_queue_stride(machine->session)));
	if (!status)
		status = demo_buffer_share(&ring, deadline);
	if (status)
		return status;
	status = amph_queue_open(&queue, machine->session, ring.share, SLOTS, &config, deadline);
	if (status)
		machine->ops->explain(machine, "opening the queue", status);
	return status;
}

int demo_queue_release(struct demo_machine *machine, uint64_t deadline)
{
	return machine->options->queue ? demo_buffer_release(&ring, deadline) : 0;
}

int demo_queue_close(int status)
{
	return demo_buffer_close(&ring, status);
}
