/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Check: what the bare-metal port's self-check needs of a board besides board.h.
 */
#ifndef FIRMWARE_CHECK_H
#define FIRMWARE_CHECK_H

#include <stdint.h>

/* An interrupt that the check may take, and how it makes it pending by itself. */
uint32_t check_interrupt(void);
void check_raise(void);

/* Called by that interrupt's handler: the cause goes away. */
void check_clear(void);

#endif
