/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel module amphora as the library calls it; not public.
 * Memory layer, Linux. Knows kernel/include/uapi/linux/amphora.h, and no buffer.
 */
#ifndef AMPH_MEMORY_LINUX_MODULE_H
#define AMPH_MEMORY_LINUX_MODULE_H

#include <stdint.h>

#include <linux/amphora.h>

#include <amphora/error.h>

/* ioctl() that goes on after a signal, for half a minute. Returns 0, -ETIMEDOUT, or -errno. */
int amph_module_call(int fd, unsigned long request, void *argument);

/*
 * A remote, by an open fd of it (see struct amphora_remote). Returns 0 and *remote, -ENOTSUP (no such
 * module), -EACCES, -EPROTO (another version of it), or the kernel's error; *why.
 */
int amph_module_remote(int proof, int *remote, struct amph_why *why);

#endif
