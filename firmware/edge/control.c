/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control commands. They are taken in the receiver and carried out in the main loop, because a
 * receiver runs inside a poll, where a session must not be called.
 */
#include <amphora/order.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "control.h"
#include "edge.h"
#include "share.h"

#define QUEUE_MAX 16u
#define SEND_MS	  100

static struct amph_rpmsg_endpoint endpoint;
static struct command {
	struct edge_control control;
	uint32_t source;
} queue[QUEUE_MAX];
static uint32_t queued, done; /* free-running */
static struct command generating;

static void receive(struct amph_rpmsg_endpoint *from, const void *data, uint32_t length,
		    uint32_t source, void *argument)
{
	struct command *command = &queue[queued % QUEUE_MAX];

	(void)from;
	(void)argument;
	if (length != sizeof(command->control)) {
		trace("control: a message of another length", length, sizeof(command->control));
		return;
	}
	if (queued - done == QUEUE_MAX) {
		trace("control: too many commands at once", QUEUE_MAX, 0);
		return;
	}
	amph_copy_from_shared(&command->control, data, sizeof(command->control));
	command->source = source;
	queued++;
}

int control_start(struct amph_rpmsg *rpmsg)
{
	queued = done = 0; /* of a former device */
	return amph_rpmsg_endpoint_create(rpmsg, &endpoint, EDGE_CONTROL_SERVICE, AMPH_RPMSG_ANY,
					  AMPH_RPMSG_ANY, receive, NULL, true, amph_deadline(5000));
}

static void answer(const struct command *command, uint32_t status)
{
	struct edge_control control = command->control;
	int error;

	if (control.command != EDGE_PING) {
		control.command |= EDGE_ANSWER;
		control.argument = status;
	}
	error = amph_rpmsg_send_to(&endpoint, command->source, &control, sizeof(control),
				   amph_deadline(SEND_MS));
	if (error)
		trace("control: an answer was not sent", (uint64_t)-error, 0);
}

static void generate_done(uint32_t status)
{
	answer(&generating, status);
}

static void generate(const struct command *command)
{
	uint32_t status =
		share_generate(command->control.width, command->control.height, generate_done);

	if (status)
		answer(command, status);
	else
		generating = *command;
}

static void run(const struct command *command)
{
	switch (command->control.command) {
	case EDGE_GENERATE:
		generate(command);
		break;
	case EDGE_PING:
		answer(command, EDGE_OK);
		break;
	case EDGE_CRASH_NOW:
		trace("control: told to crash", 0, 0);
		__builtin_trap();
	case EDGE_HANG:
		trace("control: told to hang", 0, 0);
		for (;;)
			__asm__ volatile("");
	case EDGE_EXIT:
		trace("control: told to exit", command->control.argument, 0);
		board_exit((int)(command->control.argument & 0xff));
	default:
		answer(command, EDGE_UNKNOWN);
	}
}

void control_run(void)
{
	while (done != queued) {
		struct command command = queue[done % QUEUE_MAX];

		done++;
		run(&command);
	}
}
