/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What Linux's providers share: sizes, new memfds, and the opening of foreign fds.
 * Memory layer, Linux, private.
 */
#ifndef AMPH_MEMFD_INTERNAL_H
#define AMPH_MEMFD_INTERNAL_H

#include <stdint.h>

#include <amphora/shm.h>

/* *length: `size` rounded up to whole pages, or -ENOMEM when that is more than can be mapped. */
int amph_whole_pages(uint64_t size, uint64_t page, uint64_t *length, struct amph_why *why);

/*
 * Refuses with -ENOMEM what can't be had without taking it from somebody. The kernel does not: asked
 * for pages that stay where they are, it gives one after the other and kills processes for the rest.
 */
int amph_check_available(uint64_t length, struct amph_why *why);

/*
 * A memfd for a buffer: huge pages by its flags, as long as its size in whole pages of the kind that
 * it got, close-on-exec, not yet sealed. On error nothing is open.
 */
int amph_memfd_new(struct amph_shm *shm, const char *name, int *fd, uint64_t *length);

/* Maps such a memfd for reading and writing, and keeps the mapping out of children. */
int amph_memfd_map_new(struct amph_shm *shm, int fd, uint64_t length, void **va);

/* Checks and maps foreign memory; *va may stay NULL. */
typedef int amph_foreign_map_fn(int fd, uint64_t offset, uint64_t size, int writable, void **va,
				struct amph_why *why);

/* Opens a buffer "import:..." over a duplicate of the fd, mapped by `map`. */
int amph_foreign_open(struct amph_memory *memory, struct amph_shm *shm,
		      const struct amph_shm_storage *storage, const char *name, int fd,
		      uint64_t offset, uint64_t size, uint32_t flags, amph_foreign_map_fn *map);

#endif
