/* SPDX-License-Identifier: GPL-2.0-only OR BSD-3-Clause */
/*
 * The virtual SoC's hardware spinlocks: words in the DRAM that both processors swap atomically, in place of
 * a semaphore block. What the driver and the firmware agree on.
 */
#ifndef VSOC_HWSPINLOCK_H
#define VSOC_HWSPINLOCK_H

#define VSOC_LOCKS	   8
#define VSOC_LOCKS_DA	   0x9fff0000u /* the coprocessor's address of the first */
#define VSOC_LOCKS_STRIDE  64 /* bytes from one u32 to the next */
#define VSOC_LOCK_FREE	   0
#define VSOC_LOCK_LINUX	   1
#define VSOC_LOCK_FIRMWARE 2

#endif
