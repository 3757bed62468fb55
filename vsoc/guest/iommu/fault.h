/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Faults of the coprocessor as both sides report them: Linux's log and remoteproc's state, and the
 * firmware's trace. Buffers that cause them. Test code that runs inside the virtual SoC, as a check.
 */
#ifndef VSOC_GUEST_IOMMU_FAULT_H
#define VSOC_GUEST_IOMMU_FAULT_H

#include <stdbool.h>
#include <stdint.h>

#include "../probe/client.h"

#define FAULT_BUS_FETCH 1u
#define FAULT_BUS_LOAD	5u /* RISC-V's causes, as the firmware sees them */
#define FAULT_BUS_STORE 7u
#define FAULT_ILLEGAL	2u
#define FAULT_BREAK	3u

/* From here on the kernel's log is read, and a crash is left as it is. */
void fault_arm(void);

/*
 * The coprocessor crashes. words: what the IOMMU says of it in one line of the log, or NULL: nothing.
 * The trace says the cause, as the firmware took it.
 */
void fault_expect(const char *words, uint32_t cause);

/* A line of the firmware's trace has these words, sooner or later. */
void fault_expect_in_trace(const char *words);

/* A line of the log has these words by now. */
bool fault_was_said(const char *words);

/* How many lines of the log have them, of those that were kept. */
uint32_t fault_count(const char *words);

/* Linux recovers it; returns when it runs again. */
void fault_recover(void);

/* A buffer of the system's heap, filled with the pattern of seed 1, and attached. */
struct attached {
	int remote, dmabuf, attachment;
	uint8_t *va;
	uint64_t address, size;
};

void attached_open(struct attached *it, uint64_t size, uint32_t direction);
void attached_release(struct attached *it);
void attached_close(struct attached *it);

/* Makes such a range the probe's list of that number. */
void attached_list(struct probe *probe, uint32_t list, uint64_t address, uint64_t size);

/* PROBE_FILL or PROBE_VERIFY of all of a list, of which no answer comes. */
void attached_touch(struct probe *probe, uint32_t command, uint32_t list, uint64_t size);

#endif
