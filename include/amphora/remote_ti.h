/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remote TI: a target that is a remote processor of TI's kernels, whose remoteproc device attaches
 * dma-bufs by an ioctl of its own, where the kernel module of remote.h is not loaded.
 * Memory layer, Linux only. Never run on TI's kernel: its numbers and layout are checked against what is
 * known of that ioctl, by a test that plays the kernel.
 *
 * What it can't do is the kernel's: an attachment ends when its descriptor is closed, also by a program
 * that dies while the processor still writes; nothing keeps the memory from reuse then. Use remote.h
 * where that matters. One thread at a time, as for any target.
 */
#ifndef AMPHORA_REMOTE_TI_H
#define AMPHORA_REMOTE_TI_H

#include <stdint.h>

#include <amphora/error.h>
#include <amphora/target.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_remote_ti {
	struct amph_target target; /* first */
	char path[32]; /* /dev/remoteprocN */
};

/*
 * Makes remoteprocN a target: 32-bit addresses, one segment. `name` lives as long as it does. The
 * kernel says neither whether the processor is coherent nor how it is: it is taken for not coherent, and
 * the application may set target.coherent before the first attach. Whoever follows its life (remoteproc.h)
 * tells the target: amph_target_lost(), amph_target_off() once it is offline, amph_target_up().
 * Returns 0; -ENOENT (no such device), -EACCES, -EPROTO (built with other limits), -EBUSY (another
 * program's RPROC_SET_SHUTDOWN_ON_RELEASE is set: each detach would stop the processor); *why.
 *
 * amph_shm_attach(): -ENOTSUP (no dma-buf, or not TI's kernel), -EINVAL (the buffer does not begin where
 * the dma-buf begins; or the dma-buf is not contiguous: open it from a CMA heap or carve-out),
 * -EBUSY (as above), the kernel's errors; shm->why. An open descriptor of the device is each attachment's,
 * and ends it: amph_shm_detach(), once the other side has acknowledged the release, closes it; when the
 * target is lost it stays open until it is proved off.
 * Where it is not coherent, only whole buffers can be given and taken (-ENOTSUP): the kernel maintains
 * the caches of a dma-buf as a whole, which would destroy what the CPU has written to other parts of it.
 */
int amph_remote_ti_init_checked(struct amph_remote_ti *remote, const char *name, uint32_t index,
				struct amph_why *why, uint32_t abi, uint32_t structure_size);
static inline int amph_remote_ti_init(struct amph_remote_ti *remote, const char *name,
				      uint32_t index, struct amph_why *why)
{
	return amph_remote_ti_init_checked(remote, name, index, why, AMPH_ABI,
					   (uint32_t)sizeof(*remote));
}

#ifdef __cplusplus
}
#endif

#endif
