/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting on a file descriptor until a deadline; for the plug-ins of Linux, not public.
 */
#ifndef AMPHORA_PLATFORM_LINUX_WAIT_H
#define AMPHORA_PLATFORM_LINUX_WAIT_H

#include <stdint.h>

/* Waits for `events` of poll(2), an error or the end until the deadline: 0, -ETIMEDOUT, -errno. */
int amph_wait_fd(int fd, short events, uint64_t deadline);

#endif
