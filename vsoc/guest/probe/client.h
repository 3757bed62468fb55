/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware as a program in Linux uses it (firmware/probe/probe.h), by a /dev/rpmsgN.
 * Test code that runs inside the virtual SoC; knows no Amphora but its clock.
 */
#ifndef VSOC_GUEST_PROBE_CLIENT_H
#define VSOC_GUEST_PROBE_CLIENT_H

#include <probe/probe.h>

#include "../remote.h"

struct probe {
	struct remote_endpoint endpoint;
	uint32_t tag;
};

/*
 * All functions return 0, or -1 after a line on standard error; a refusal by the firmware too, and
 * words that differ. Each waits for an answer, longer than the largest buffer takes.
 */

/* Of the running coprocessor. */
int probe_open(struct probe *probe);

/* Also when the coprocessor is gone. */
int probe_close(struct probe *probe);

/* One message, and its answer whatever its status is. message->tag is set. */
int probe_ask(struct probe *probe, struct probe_message *message, struct probe_answer *answer);

/* One message to which no answer comes, or none that is waited for. message->tag is set. */
int probe_tell(struct probe *probe, struct probe_message *message);

/* Replaces a list. */
int probe_list(struct probe *probe, uint32_t list, const struct probe_segment *segments,
	       uint32_t count);

/* PROBE_VERIFY, PROBE_FILL: a range of a list's buffer, and the pattern of a seed. */
int probe_work(struct probe *probe, uint32_t command, uint32_t list, uint32_t seed, uint64_t offset,
	       uint64_t length);

/* PROBE_SCRIBBLE, PROBE_STOP_SCRIBBLE. */
int probe_scribble(struct probe *probe, uint32_t list, uint32_t seed);
int probe_stop_scribble(struct probe *probe, uint32_t list);

/* PROBE_RING: from now on, or no more. */
int probe_ring(struct probe *probe, uint32_t on);

/* How many marks were written since it started. */
int probe_marks(struct probe *probe, uint64_t *marks);

/* PROBE_CRASH (in so many ms), PROBE_HANG, PROBE_EXIT (code), PROBE_ESCAPE: no answer. */
int probe_end(struct probe *probe, uint32_t command, uint32_t argument);

#endif
