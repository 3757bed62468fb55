/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Work of the probe firmware: lists of segments, jobs on them, and marks written over them.
 */
#ifndef FIRMWARE_PROBE_WORK_H
#define FIRMWARE_PROBE_WORK_H

#include <stdbool.h>
#include <stdint.h>

#include "probe.h"

/* Called once when a job is done; `answer` has the status and what was found. */
typedef void (*work_done)(void *argument, struct probe_answer *answer);

/* PROBE_LIST, PROBE_SCRIBBLE, PROBE_STOP_SCRIBBLE. Each returns an enum probe_status. */
uint32_t work_list(const struct probe_message *message);
uint32_t work_scribble(const struct probe_message *message, bool on);

/*
 * PROBE_CHECKSUM, PROBE_VERIFY, PROBE_FILL: begins a job, one for each list. argument: kept until
 * `done`. Returns an enum probe_status; `done` is called later only after PROBE_OK.
 */
uint32_t work_start(const struct probe_message *message, work_done done, void *argument);

/* A slice of each job, and some marks. Returns whether there is more to do. */
bool work_run(void);

/* Only marks. Returns whether there is anything to scribble over. */
bool work_run_scribbles(void);

uint64_t work_marks(void);

#endif
