/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Board: all that the demo firmware must be given by a board. Each folder in firmware/boards/ defines
 * these functions; a new board adds a folder and edits nothing.
 *
 * Addresses here are device addresses (da): the ones this processor, and the resource table, use.
 */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdint.h>

#include <amphora/io.h>
#include <amphora/target.h>

#include "table.h"

/* First of all: memory, time, interrupts, doorbell. Does not return if it fails. */
void board_start(void);

/* All memory that is shared with the main processor: va and da. */
const struct amph_io *board_dram(void);

/*
 * What this firmware itself lives on in that memory: its image, the table, the trace. Never lent to
 * anybody. *first: the first of them. Returns how many.
 */
uint32_t board_own(const struct amph_io **first);

/* How this processor's caches are kept in step with the main processor; NULL: by hardware. */
const struct amph_cache_ops *board_cache(void);

/*
 * The resource table, as the loader has filled it in. The main processor can write it at any time:
 * only by the accessors of order.h.
 */
const struct table *board_table(void);

/* Rings the main processor's doorbell with a notify id below 256. Never blocks. */
void board_ring(uint32_t notify_id);

/*
 * Waits until the doorbell has rung since the last call returned, or the deadline.
 * Returns 0, or -ETIMEDOUT.
 */
int board_wait(uint64_t deadline);

/* The end: 0 is an orderly one. */
_Noreturn void board_exit(int code);

#endif
