/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel says from some moment on: how an IOMMU's refusals are seen. A program of the virtual
 * SoC's Linux; knows /dev/kmsg.
 */
#ifndef VSOC_GUEST_KERNEL_LOG_H
#define VSOC_GUEST_KERNEL_LOG_H

/* Starts to listen. Returns an fd, or -errno. */
int kernel_log_open(void);

/*
 * Waits, at most 10 s, for a message that is an IOMMU's report of an access it refused, and prints
 * it. Returns 0, or -ETIMEDOUT.
 */
int kernel_log_wait_fault(int log);

/* Whether there is such a report by now. */
int kernel_log_has_fault(int log);

#endif
