/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Remote: a target that is a remote processor of Linux's remoteproc, reached through /dev/amphora.
 * Memory layer, Linux only. The kernel maps a dma-buf for that processor and says where it sees it.
 *
 * The processor's life is the target's: it crashes, is stopped and starts anew while attachments to it
 * are open, and amph_remote_poll() tells the memory layer. Its start and stop are remoteproc.h's.
 * One thread at a time for one remote, with the memory context of what is attached to it.
 */
#ifndef AMPHORA_REMOTE_H
#define AMPHORA_REMOTE_H

#include <stdint.h>

#include <amphora/error.h>
#include <amphora/provider.h>
#include <amphora/target.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

#define AMPH_REMOTE_NAME_MAX 64 /* bytes, the closing NUL included */

struct amph_remote {
	struct amph_target target; /* first; its name is `name` below */
	int fd; /* owned; poll() it for POLLPRI, then call amph_remote_poll(); -1 once closed */
	uint32_t index; /* N of /dev/remoteprocN */
	uint64_t boots; /* the life that the target is in, or was in last; grows */
	uint32_t fork_generation;
	struct amph_why why; /* of the last refusal that has no buffer to keep it */
	char name[AMPH_REMOTE_NAME_MAX];
};

/*
 * Makes a remote processor a target. proof: an open /dev/remoteprocN, or an open /dev/rpmsgN whose
 * endpoint lives on it; only looked at, it stays the caller's and may be closed afterwards.
 * Coherence, cache line and address width are the kernel's word. The target is alive when the
 * processor runs, else off until amph_remote_poll() sees it running.
 * Returns 0; -ENOTSUP (no /dev/amphora: the kernel module is not loaded), -EACCES (no right to open
 * it), -EPROTO (built with other limits, or the module speaks another version), -EBADF (proof), -ENODEV
 * (proof is neither of these, or the processor is going away), -EBUSY (its start or stop, by whomever,
 * has not ended within 20 s), -EMFILE, -ENOMEM; *why (may be NULL).
 *
 * amph_shm_attach() to it: the buffer's handle must be a dma-buf (dmabuf.h), not a memfd, else
 * -ENOTSUP. Also -ENODEV (it does not run, or not in the life that this target knows:
 * amph_remote_poll()), -EACCES (the dma-buf was opened for reading, and the direction writes), -ERANGE
 * (a part of the buffer has no device address that fits), -EREMOTEIO (it could be reached only through
 * a bounce buffer, which is a copy), -EDQUOT (this user would have more attached than its quarantine in
 * the kernel holds), -ETIMEDOUT (a fence of the dma-buf's, for ten seconds), -ENOSPC
 * (segment storage; why.value says how many there are before neighbours are merged), and the kernel's
 * other errors; reasons in shm->why. attachment->enforced: an IOMMU holds the processor to the buffer.
 * amph_shm_detach() unmaps it: call it once the other side has acknowledged the release. Whatever
 * else ends an attachment, this process's end too, leaves the memory to the kernel, which keeps it
 * from reuse until the processor has been stopped.
 * Caches are maintained by the kernel, for the range given or taken.
 */
int amph_remote_open_checked(struct amph_remote *remote, int proof, struct amph_why *why,
			     uint32_t abi, uint32_t structure_size);
static inline int amph_remote_open(struct amph_remote *remote, int proof, struct amph_why *why)
{
	return amph_remote_open_checked(remote, proof, why, AMPH_ABI, (uint32_t)sizeof(*remote));
}

/*
 * Closes it. Returns 0, or -EBUSY while buffers are attached: detach them, or wait with
 * amph_remote_poll() until the target is off. In a forked child it closes the child's fd only.
 */
int amph_remote_close(struct amph_remote *remote);

/*
 * Learns what happened to the processor, waiting until the deadline (one in the past only looks), and
 * takes the target one step on:
 *
 *   alive -> lost   it crashed, was stopped or detached: lose the session with it, if there is one
 *   lost  -> off    its stop has succeeded; what it held is the CPU's (amph_target_off())
 *   off   -> alive  it runs, in a new life: remote->boots
 *
 * Returns 0 after one step (target.state says which; call it again, none is left out); -ETIMEDOUT when
 * nothing happened; -ENODEV when its driver is gone for good and nothing more will happen; -EPERM in
 * a child of the process that opened it; the kernel's errors.
 * A target that is lost for another reason (its session broke) stays lost until the processor is
 * stopped. A remoteproc detach leaves it running: lost, and never off before a stop.
 */
int amph_remote_poll(struct amph_remote *remote, uint64_t deadline);

/* --- memory that both sides see without any maintenance, for queues --- */

struct amph_remote_memory {
	void *va; /* page-aligned, zeroed at first, kept out of children */
	uint64_t da; /* the processor's address of it: one stretch */
	uint64_t size; /* bytes, whole pages */
	uint64_t boots; /* the life it belongs to; when that ends it is only memory */
	int fd; /* owned; -1: none */
};

/*
 * Allocates `size` bytes for the processor's present life. The caller keeps the struct, and ends it with
 * one of the two calls below, in the process that allocated it.
 * Returns 0; -EINVAL (size 0, or over 16 MiB), -ENODEV (the target is not alive, or of another life),
 * -EDQUOT, -ENOMEM, -EPERM (a child), the kernel's errors; remote->why. On error nothing is held.
 */
int amph_remote_allocate(struct amph_remote *remote, uint64_t size,
			 struct amph_remote_memory *memory);

/*
 * Unmaps and gives it back: the other side has acknowledged that it uses it no more (or is off).
 * Without that word: amph_remote_leave() unmaps it here, and the kernel keeps the memory from reuse
 * until the processor has been stopped. Neither does anything to a struct with fd -1.
 */
void amph_remote_free(struct amph_remote_memory *memory);
void amph_remote_leave(struct amph_remote_memory *memory);

/*
 * A provider of such memory: buffers that are attached to that one remote, in one piece for both sides,
 * AMPH_SHM_NOT_CACHED all of them, no fd to pass on. What a queue to a processor that is not coherent
 * lives in (queue.h).
 */
struct amph_provider_remote {
	struct amph_provider provider;
	struct amph_remote *remote;
};

/*
 * name: before the colon, lives as long as the provider, as `remote` does. amph_shm_open() returns the
 * errors of amph_remote_allocate(), -ENOTSUP (AMPH_SHM_READ_ONLY, AMPH_SHM_HUGE), and -EACCES and -EDQUOT
 * (the context's policy: the processor reaches the memory at once, attached or not); a buffer belongs to
 * the processor's life in which it was opened, and is attached in no other (-ENODEV), nor to another
 * target (-ENOTSUP). Closing it gives the memory back. Returns 0, -EINVAL, or -EPROTO.
 */
int amph_provider_remote_init_checked(struct amph_provider_remote *provider, const char *name,
				      struct amph_remote *remote, uint32_t abi,
				      uint32_t structure_size);
static inline int amph_provider_remote_init(struct amph_provider_remote *provider, const char *name,
					    struct amph_remote *remote)
{
	return amph_provider_remote_init_checked(provider, name, remote, AMPH_ABI,
						 (uint32_t)sizeof(*provider));
}

#ifdef __cplusplus
}
#endif

#endif
