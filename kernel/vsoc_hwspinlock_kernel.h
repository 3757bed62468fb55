/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the driver of the virtual SoC's hardware spinlocks does for that of its coprocessor.
 */
#ifndef VSOC_HWSPINLOCK_KERNEL_H
#define VSOC_HWSPINLOCK_KERNEL_H

/* The coprocessor is off: what it held is free, whatever the words say. May sleep. */
void vsoc_hwspinlock_reclaim(void);

#endif
