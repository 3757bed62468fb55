/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware: a test instrument that reads and writes the shared DRAM as it is told; see
 * probe.h. Nothing but a loss of power ends what it was told to do: not a reset of its RPMsg device,
 * not a main processor that is gone. When there is a driver again it announces itself again.
 */
#include <amphora/log.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>
#include <amphora/version.h>

#include "../common/board.h"
#include "../common/link.h"
#include "../common/main.h"
#include "../common/trace.h"
#include "command.h"
#include "count.h"
#include "work.h"

#define WAIT_MS 20 /* the longest sleep: a driver that goes rings no doorbell */

static struct amph_rpmsg rpmsg;
static bool linked;

/* Tries again at the next call when the driver is not there yet. */
static void link_up(void)
{
	int error = link_start(&rpmsg, amph_time_now());

	if (error == -ETIMEDOUT)
		return;
	if (!error)
		error = command_start(&rpmsg);
	linked = !error;
	trace(linked ? "ready" : "the rings or buffers are unusable", (uint64_t)-error, 0);
}

/* Returns how many messages came. */
static int serve_link(void)
{
	int messages = 0;

	if (linked)
		messages = amph_rpmsg_poll(&rpmsg);
	if (linked && (messages < 0 || !link_is_up())) {
		trace("the driver is gone", (uint64_t)-messages, 0);
		amph_rpmsg_close(&rpmsg);
		linked = false;
		return 0;
	}
	if (!linked)
		link_up();
	return messages;
}

void firmware_main(void)
{
	board_start();
	amph_log_set(trace_log, NULL);
	trace("amphora probe firmware " AMPH_VERSION_STRING, 0, 0);
	for (;;) {
		int messages = serve_link();
		bool busy;

		busy = command_run();
		busy = work_run() || busy;
		busy = count_run() || busy;
		if (!messages && !busy)
			board_wait(amph_deadline(WAIT_MS));
	}
}
