/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware behind the IOMMU, begun anew after each fault; and the IOMMU's memory, as its driver
 * sees it. Test code that runs inside the virtual SoC, as a check, and as root.
 */
#ifndef VSOC_GUEST_IOMMU_TRIAL_H
#define VSOC_GUEST_IOMMU_TRIAL_H

#include "fault.h"

#define TRIAL_SIZE   (3u << 20) /* of a buffer that is worked on */
#define TRIAL_BOTH   (AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
#define TRIAL_ABSENT "which is not mapped" /* how the log says it */

/* The coprocessor runs, and `probe` is open. */
void trial_begin(struct probe *probe);

void trial_finish(struct probe *probe);

/* After a fault: closed and recovered, and what is attached now is worked on as before. */
void trial_recover(struct probe *probe);

/* All of its memory, and the root of the tables in it. */
struct trial_tables {
	uint8_t *memory;
	volatile uint32_t *root;
};

void trial_tables_open(struct trial_tables *tables);
void trial_tables_close(struct trial_tables *tables);

#endif
