/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware's services: messages in, answers out.
 */
#ifndef FIRMWARE_PROBE_COMMAND_H
#define FIRMWARE_PROBE_COMMAND_H

#include <stdbool.h>

#include <amphora/rpmsg.h>

/*
 * Announces the services on an RPMsg device; again on each new one, when the former is gone with all
 * its endpoints. Returns 0 or what the announcement met.
 */
int command_start(struct amph_rpmsg *rpmsg);

/* Carries out what was received. Returns whether there is more to do. */
bool command_run(void);

#endif
