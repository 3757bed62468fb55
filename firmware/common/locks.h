/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The board's hardware locks, which the main processor takes too. Only a board that has some defines this.
 */
#ifndef FIRMWARE_LOCKS_H
#define FIRMWARE_LOCKS_H

#include <amphora/shared_lock.h>

/* For amph_hardware_lock_init(); the argument is not looked at. */
extern const struct amph_hardware_lock_ops board_locks;

/* Is there a lock of that id? */
bool board_has_lock(uint32_t id);

#endif
