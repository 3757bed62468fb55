/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/amphora as tests use it: without the library, so that every argument can be wrong. Test code
 * that runs inside the virtual SoC.
 */
#ifndef VSOC_GUEST_KERNEL_MODULE_H
#define VSOC_GUEST_KERNEL_MODULE_H

#include <stdint.h>

#include <linux/amphora.h>

#define MIB 1048576u

/* All return a value of 0 or more, or -errno. File descriptors are the caller's. */
int module_call(int fd, unsigned long request, void *argument);
int module_open(void); /* /dev/amphora */
int module_remote(int proof);
int module_open_remote(void); /* of /dev/remoteproc0 */
int module_heap(uint64_t size, uint32_t open_flags); /* a dma-buf of the system heap */
int module_attach(int remote, int dmabuf, uint32_t direction);
int module_coherent(int remote, uint64_t size);
int module_sync(int attachment, uint64_t offset, uint64_t length, uint32_t flags);
int module_poll(int fd, int timeout_ms); /* the events */

struct amphora_remote_info module_remote_info(int remote);
struct amphora_attachment_info module_info(int attachment);

/* All segments, in memory of malloc(). */
struct amphora_segment *module_segments(int attachment, uint32_t *count);

#endif
