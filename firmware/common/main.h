/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A firmware's entry; a board's start-up calls it.
 */
#ifndef FIRMWARE_MAIN_H
#define FIRMWARE_MAIN_H

/* Does not come back while the main processor is there. */
void firmware_main(void);

#endif
