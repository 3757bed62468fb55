/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Commands of the probe firmware. They are taken in the receiver and carried out in the main loop;
 * answers to jobs come when these are done, to who asked, if it can still be reached.
 */
#include <amphora/order.h>
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/trace.h"
#include "command.h"
#include "count.h"
#include "escape.h"
#include "work.h"

#define QUEUE_MAX 16u
#define SEND_MS	  100

struct asker { /* whom an answer is for */
	uint32_t service, source, command, tag;
	uint32_t device; /* which RPMsg device it came from */
};

static const char *const names[] = {PROBE_SERVICE, PROBE_SAMPLE_SERVICE};
static struct amph_rpmsg_endpoint endpoints[2];
static uint32_t device; /* counts them */
static struct asker askers[PROBE_LISTS]; /* of jobs */
static struct asker counter; /* of the count */
static struct {
	struct probe_message message;
	struct asker asker;
} queue[QUEUE_MAX];
static uint64_t crash_at; /* 0: not */
static bool ringing;
static uint32_t queued, taken; /* free-running */

static void receive(struct amph_rpmsg_endpoint *from, const void *data, uint32_t length,
		    uint32_t source, void *argument)
{
	uint32_t slot = queued % QUEUE_MAX;

	(void)argument;
	if (length != sizeof(struct probe_message)) {
		trace("probe: a message of another length", length, sizeof(struct probe_message));
		return;
	}
	if (queued - taken == QUEUE_MAX) {
		trace("probe: too many commands at once", QUEUE_MAX, 0);
		return;
	}
	amph_copy_from_shared(&queue[slot].message, data, sizeof(queue[slot].message));
	queue[slot].asker = (struct asker){.service = (uint32_t)(from - endpoints),
					   .source = source,
					   .command = queue[slot].message.command,
					   .tag = queue[slot].message.tag,
					   .device = device};
	queued++;
}

int command_start(struct amph_rpmsg *rpmsg)
{
	int error = 0;

	device++;
	queued = taken = 0;
	for (uint32_t i = 0; i < 2 && !error; i++)
		error = amph_rpmsg_endpoint_create(rpmsg, &endpoints[i], names[i], AMPH_RPMSG_ANY,
						   AMPH_RPMSG_ANY, receive, NULL, true,
						   amph_deadline(SEND_MS));
	return error;
}

static void answer(void *argument, struct probe_answer *found)
{
	const struct asker *asker = argument;
	int error;

	if (asker->device != device)
		return; /* it is gone, and its address may be another's */
	found->command = asker->command | PROBE_ANSWER;
	found->tag = asker->tag;
	found->marks = work_marks();
	error = amph_rpmsg_send_to(&endpoints[asker->service], asker->source, found, sizeof(*found),
				   amph_deadline(SEND_MS));
	if (error)
		trace("probe: an answer was not sent", (uint64_t)-error, 0);
}

static _Noreturn void hang(uint32_t how)
{
	trace("probe: told to hang", how, 0);
	if (how & PROBE_HANG_MASKED)
		escape_mask_interrupts();
	for (;;)
		if (how & PROBE_HANG_SCRIBBLE)
			work_run_scribbles();
}

static uint32_t run(const struct probe_message *message, const struct asker *asker)
{
	uint32_t status;

	switch (message->command) {
	case PROBE_STATUS:
		return PROBE_OK;
	case PROBE_LIST:
		return work_list(message);
	case PROBE_CHECKSUM:
	case PROBE_VERIFY:
	case PROBE_FILL:
		status = work_start(message, answer, &askers[message->list % PROBE_LISTS]);
		if (!status)
			askers[message->list] = *asker;
		return status;
	case PROBE_COUNT:
		status = count_start(message, answer, &counter);
		if (!status)
			counter = *asker;
		return status;
	case PROBE_HOLD:
		return count_hold(message);
	case PROBE_SCRIBBLE:
	case PROBE_STOP_SCRIBBLE:
		return work_scribble(message, message->command == PROBE_SCRIBBLE);
	case PROBE_CRASH:
		crash_at = amph_deadline(message->argument);
		return PROBE_OK;
	case PROBE_HANG:
		hang(message->argument);
	case PROBE_EXIT:
		trace("probe: told to exit", message->argument, 0);
		board_exit((int)(message->argument & 0xff));
	case PROBE_RING:
		ringing = message->argument == 1;
		return PROBE_OK;
	case PROBE_ESCAPE:
		escape_try(message);
		return PROBE_OK;
	default:
		return PROBE_UNKNOWN;
	}
}

/* Commands that are not answered, or not now. */
static bool is_silent(uint32_t command)
{
	return command == PROBE_CHECKSUM || command == PROBE_VERIFY || command == PROBE_FILL ||
	       command == PROBE_CRASH || command == PROBE_COUNT;
}

bool command_run(void)
{
	if (crash_at && amph_time_now() >= crash_at) {
		trace("probe: told to crash", 0, 0);
		__builtin_trap();
	}
	while (taken != queued) {
		const struct probe_message *message = &queue[taken % QUEUE_MAX].message;
		struct asker asker = queue[taken % QUEUE_MAX].asker;
		struct probe_answer now = {.status = run(message, &asker)};

		taken++;
		if (now.status || !is_silent(asker.command))
			answer(&asker, &now);
	}
	for (uint32_t id = 0; id < 2 && ringing; id++)
		board_ring(id);
	return ringing;
}
