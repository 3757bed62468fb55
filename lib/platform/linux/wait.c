/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting on a file descriptor until a deadline. Platform layer, Linux only.
 */
#include "platform/linux/wait.h"

#include <poll.h>
#include <time.h>

#include <amphora/error.h>
#include <amphora/time.h>

int amph_wait_fd(int fd, short events, uint64_t deadline)
{
	struct pollfd entry = {.fd = fd, .events = events};

	for (;;) {
		uint64_t now = amph_time_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
					   .tv_nsec = (long)(left % 1000000000u)};
		int ready = ppoll(&entry, 1, &timeout, NULL);

		if (ready > 0)
			return 0;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready == 0 && !left)
			return -ETIMEDOUT;
	}
}
