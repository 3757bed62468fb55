/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Linux providers: memfd, and import of a foreign fd.
 * Memory layer, Linux only.
 */
#ifndef AMPHORA_MEMFD_H
#define AMPHORA_MEMFD_H

#include <stdint.h>

#include <amphora/provider.h>
#include <amphora/shm.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Buffers of their own memfd, named "memfd:...": sealed against shrinking and growing at open;
 * AMPH_SHM_HUGE asks for huge pages; AMPH_SHM_READ_ONLY seals it so that from the moment it is open
 * only the opener's own, already made mapping can write: no fd of it, reopened or passed, ever can.
 * (Who may trace the opener can write through /proc/PID/mem, as into all of its memory.)
 * -ENOMEM: too little memory or too few huge pages set aside; -ENOTSUP: no huge pages on this system,
 * or AMPH_SHM_NOT_CACHED. The mapping is kept out of children, the fd is closed on exec.
 */
void amph_provider_memfd_init(struct amph_provider *provider);

/*
 * Opens a buffer over a foreign fd: `size` bytes from `offset`, a multiple of the memory's page size.
 * The fd is duplicated. Only a memfd with F_SEAL_SHRINK is taken: everything else, a file or a memfd,
 * could still shrink and kill whoever touches it (-EPERM); huge pages also when they could still be
 * punched out, so they can be shared for reading only. Refuses what is too small (-ERANGE), writing to
 * what is sealed against it (-EROFS), dma-bufs, which need a sync of their own (-ENOTSUP), and what the
 * kernel does not map (-EBADF, -EACCES, ...). flags: AMPH_SHM_READ_ONLY maps it read-only, others are
 * -ENOTSUP. The rest as amph_shm_open(); name "import:...", else -EINVAL.
 */
int amph_shm_open_fd(struct amph_memory *memory, struct amph_shm *shm,
		     const struct amph_shm_storage *storage, const char *name, int fd,
		     uint64_t offset, uint64_t size, uint32_t flags);

/*
 * The mapping alone, for an importer's window hook: maps `size` bytes of a foreign fd shared.
 * writable: asks for writing. The same refusals; the reason in *why. Children do not inherit the
 * mapping, and neither call knows a process: unmap in the one that mapped, never in a child, where
 * other memory may lie at that address. Unmap with amph_memfd_unmap() and the same size: 0, or the
 * error of munmap.
 */
int amph_memfd_map(int fd, uint64_t offset, uint64_t size, int writable, void **va,
		   struct amph_why *why);
int amph_memfd_unmap(void *va, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
