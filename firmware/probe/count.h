/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counting of the probe firmware: a word in the DRAM, under a hardware lock.
 */
#ifndef FIRMWARE_PROBE_COUNT_H
#define FIRMWARE_PROBE_COUNT_H

#include "work.h"

/* PROBE_COUNT: as work_start(), one at a time. */
uint32_t count_start(const struct probe_message *message, work_done done, void *argument);

/* PROBE_HOLD: takes a lock and keeps it. */
uint32_t count_hold(const struct probe_message *message);

/* Some of it. Returns whether there is more to do. */
bool count_run(void);

#endif
