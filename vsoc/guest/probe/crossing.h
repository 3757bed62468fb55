/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer's way to the coprocessor and back, at the device addresses that the module gives. Test code
 * that runs inside the virtual SoC with the probe firmware.
 */
#ifndef VSOC_GUEST_PROBE_CROSSING_H
#define VSOC_GUEST_PROBE_CROSSING_H

#include "buffer.h"
#include "client.h"
#include "memory.h"

struct crossing {
	struct probe probe;
	struct memory_window window;
	const volatile uint8_t *physical; /* of the whole window */
	int remote; /* the coprocessor, of the module */
};

/* All functions return 0, or -1 after a line on standard error. */

/* Starts the coprocessor. */
int crossing_open(struct crossing *crossing);
/* And stops it. */
int crossing_close(struct crossing *crossing);

/*
 * Each segment lies inside of dma-ranges, and at its physical address, which these say, is what was
 * written at that place of the buffer: the pattern of that seed.
 */
int crossing_check(const struct crossing *crossing, const struct attachment *attachment,
		   uint32_t seed);

/* The firmware works on a range of the buffer: PROBE_VERIFY or PROBE_FILL. Nothing is synced. */
int crossing_work(struct crossing *crossing, const struct attachment *attachment, uint32_t command,
		  uint32_t seed, uint64_t offset, uint64_t length);

/* How many words of the buffer the firmware finds to differ from the pattern. */
int crossing_wrong(struct crossing *crossing, const struct attachment *attachment, uint32_t seed,
		   uint64_t offset, uint64_t length, uint64_t *wrong);

/*
 * The pattern of that seed, which is in the buffer, is verified there; the next seed's is written there
 * and verified here.
 */
int crossing_run(struct crossing *crossing, const struct buffer *buffer,
		 const struct attachment *attachment, uint32_t seed);

#endif
