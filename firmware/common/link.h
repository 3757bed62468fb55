/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Link: brings RPMsg up from what the loader wrote into the resource table.
 */
#ifndef FIRMWARE_LINK_H
#define FIRMWARE_LINK_H

#include <amphora/rpmsg.h>

/*
 * Waits until the main processor is ready, then prepares the RPMsg device in the peer's role over
 * the rings and buffers of the resource table, and keeps all of them out of every window.
 * Returns 0; -ETIMEDOUT when it is not ready at the deadline (nothing was done: call again); -ERANGE
 * or -EINVAL when the table names memory that is none or not to be shared.
 */
int link_start(struct amph_rpmsg *rpmsg, uint64_t deadline);

#endif
