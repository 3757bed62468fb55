/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control: the service that takes the 16-byte commands of edge.h.
 */
#ifndef FIRMWARE_CONTROL_H
#define FIRMWARE_CONTROL_H

#include <amphora/rpmsg.h>

/* Announces the service. Returns 0, or the error of amph_rpmsg_endpoint_create(). */
int control_start(struct amph_rpmsg *rpmsg);

/* Carries out the commands that came; outside of any callback. */
void control_run(void);

#endif
