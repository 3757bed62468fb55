/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: waiting for messages. Transport layer; knows the clock, and the caller's way to wait.
 */
#include <amphora/time.h>

#include "rpmsg_internal.h"

int amph_rpmsg_poll_wait(struct amph_rpmsg *rpmsg, uint64_t deadline)
{
	for (;;) {
		int got = amph_rpmsg_poll(rpmsg);
		int error;

		if (got)
			return got;
		/* poll has asked for a doorbell; a peer that rings without end buys no more time */
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
		error = rpmsg->config.wait(rpmsg->config.argument, deadline);
		if (error == -ETIMEDOUT)
			deadline = 0; /* one last look */
		else if (error)
			return error;
	}
}
