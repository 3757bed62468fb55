/* SPDX-License-Identifier: BSD-3-Clause */
/* What Linux complains of itself. Runs inside the virtual SoC; knows the kernel's log. */
#ifndef VSOC_GUEST_KERNEL_REPORT_H
#define VSOC_GUEST_KERNEL_REPORT_H

/*
 * Prints the first report of a bug in the kernel (KASAN, lockdep, a warning, an oops, ...) and what
 * follows it in the log: on the console only the worst are seen. Without a report it prints nothing.
 */
void kernel_report(void);

#endif
