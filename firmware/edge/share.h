/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share: the firmware's end of the share session, and the picture it generates by itself.
 */
#ifndef FIRMWARE_SHARE_H
#define FIRMWARE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/rpmsg.h>

/* Announces the service and waits for a greeting in later runs. Returns 0, or the error. */
int share_start(struct amph_rpmsg *rpmsg);

/*
 * Handles what came, sends a heartbeat when due, computes one band. Returns true while there is
 * more to compute.
 */
bool share_run(void);

/* Sleeps until there is something for share_run(), the doorbell rings, or the deadline. */
void share_sleep(uint64_t deadline);

/*
 * Asks the main processor for a buffer and draws into it. Returns EDGE_OK: `done` is called once with
 * the status, later; else the reason why not.
 */
uint32_t share_generate(uint32_t width, uint32_t height, void (*done)(uint32_t status));

#endif
