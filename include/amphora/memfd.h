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
 */
void amph_provider_memfd_init(struct amph_provider *provider);

/*
 * Opens a buffer over a foreign fd: `size` bytes from `offset`, a multiple of the page size.
 * The fd is duplicated. Refuses what could still shrink (-EPERM), what is too small (-ERANGE), what
 * can't be mapped (-ENOTSUP or the error of mmap). flags: AMPH_SHM_READ_ONLY maps it read-only.
 * The rest as amph_shm_open(); name "import:...".
 */
int amph_shm_open_fd(struct amph_memory *memory, struct amph_shm *shm,
		     const struct amph_shm_storage *storage, const char *name, int fd,
		     uint64_t offset, uint64_t size, uint32_t flags);

/*
 * The mapping alone, for an importer's window hook: maps `size` bytes of a foreign fd shared.
 * writable: asks for writing. The same refusals. Unmap with amph_memfd_unmap().
 */
int amph_memfd_map(int fd, uint64_t offset, uint64_t size, int writable, void **va,
		   struct amph_why *why);
int amph_memfd_unmap(void *va, uint64_t size);

#ifdef __cplusplus
}
#endif

#endif
