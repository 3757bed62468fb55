/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Link: brings RPMsg up from what the loader wrote into the resource table.
 */
#ifndef FIRMWARE_LINK_H
#define FIRMWARE_LINK_H

#include <stdbool.h>

#include <amphora/rpmsg.h>

/*
 * Waits until the main processor is ready, then prepares the RPMsg device in the peer's role over
 * the rings and buffers of the resource table, and keeps all of them out of every window.
 * Returns 0; -ETIMEDOUT when it is not ready at the deadline (nothing was done: call again); -ERANGE
 * or -EINVAL when the table names memory that is none or not to be shared. May be called again after
 * the driver was gone: what was kept out of the windows before is given up.
 */
int link_start(struct amph_rpmsg *rpmsg, uint64_t deadline);

/*
 * Whether the main processor's driver is still there, after link_start() has succeeded. When it is
 * not, the rings are no one's: amph_rpmsg_close(), then link_start() again. It rings no doorbell for
 * that: look often, before anything is sent.
 */
bool link_is_up(void);

/* The notify id that means: there is something from the firmware. After link_start(). */
uint32_t link_notify_id(void);

#endif
