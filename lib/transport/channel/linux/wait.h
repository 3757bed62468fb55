/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Waiting on a file descriptor until a deadline; shared by the channels of Linux, not public.
 */
#ifndef AMPHORA_TRANSPORT_CHANNEL_WAIT_H
#define AMPHORA_TRANSPORT_CHANNEL_WAIT_H

#include <stdint.h>

/* Waits for `events` of poll(2), an error or the end until the deadline: 0, -ETIMEDOUT, -errno. */
int amph_channel_wait(int fd, short events, uint64_t deadline);

#endif
