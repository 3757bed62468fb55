/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the files of the kernel's remoteproc share. Remoteproc layer, Linux, private.
 */
#ifndef AMPHORA_REMOTEPROC_LINUX_KERNEL_H
#define AMPHORA_REMOTEPROC_LINUX_KERNEL_H

#include <stddef.h>

#include <amphora/remoteproc.h>

#define AMPH_REMOTEPROC_CLASS "/sys/class/remoteproc"

/*
 * Writes a value to an attribute, which may take the kernel long, and comes back by the deadline.
 * Returns the kernel's answer, -ETIMEDOUT, -EBUSY while a former one has not come back; why.
 */
int amph_remoteproc_write(struct amph_remoteproc *remoteproc, const char *attribute,
			  const char *value, uint64_t deadline);

/* Lets go of a command that has not come back. */
void amph_remoteproc_forget(struct amph_remoteproc *remoteproc);

#endif
