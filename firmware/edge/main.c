/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The demo firmware: finds edges in pictures that are given to it, in place.
 * One loop: messages, then a band of a job, then sleep until the doorbell or the next heartbeat.
 * Static storage only; the same file on bare metal and in a process.
 */
#include <amphora/error.h>
#include <amphora/log.h>
#include <amphora/rpmsg.h>
#include <amphora/time.h>
#include <amphora/version.h>

#include "../common/board.h"
#include "../common/link.h"
#include "../common/main.h"
#include "../common/trace.h"
#include "control.h"
#include "share.h"

#define WAIT_MS	  50 /* the longest sleep: heartbeats are due several times a second */
#define DRIVER_MS 60000 /* until the trace says that nobody has come */

static struct amph_rpmsg rpmsg;

static void stop_on(const char *what, int error)
{
	if (!error)
		return;
	trace(what, (uint64_t)-error, 0);
	board_exit(1);
}

/*
 * The main processor may come long after this firmware: Linux loads its RPMsg driver when it likes,
 * or is told to by hand. To end would be a crash to it, so this says so and waits on.
 */
static int bring_link_up(void)
{
	int error;

	while ((error = link_start(&rpmsg, amph_deadline(DRIVER_MS))) == -ETIMEDOUT)
		trace("the main processor's driver is not ready yet; ms waited", DRIVER_MS, 0);
	return error;
}

static void start_services(void)
{
	stop_on("the rings or buffers in the resource table are unusable", bring_link_up());
	stop_on("no control service", control_start(&rpmsg));
	stop_on("no share service", share_start(&rpmsg));
	trace("ready", 0, 0);
}

/* The session is lost with the driver, and all jobs with it. */
static void start_services_again(void)
{
	trace("the main processor's driver is gone", 0, 0);
	amph_rpmsg_close(&rpmsg);
	share_run();
	start_services();
}

void firmware_main(void)
{
	board_start();
	amph_log_set(trace_log, NULL);
	trace("amphora edge firmware " AMPH_VERSION_STRING, 0, 0);
	start_services();
	for (;;) {
		if (!link_is_up())
			start_services_again();
		bool busy = share_run();
		int messages = amph_rpmsg_poll(&rpmsg);

		if (messages < 0)
			stop_on("the main processor broke the rings", messages);
		control_run();
		if (!messages && !busy)
			share_sleep(amph_deadline(WAIT_MS));
	}
}
