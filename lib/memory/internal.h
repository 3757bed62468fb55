/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the memory layer's files share among themselves.
 * Memory layer, private: nothing outside lib/memory includes it.
 */
#ifndef AMPH_MEMORY_INTERNAL_H
#define AMPH_MEMORY_INTERNAL_H

#include <amphora/attachment.h>
#include <amphora/shm.h>
#include <amphora/target.h>

/* Did this process fork from the one that made the context? It has the lists, but not the memory. */
bool amph_memory_forked(const struct amph_memory *memory);
/* -EPERM and the reason, for such a child. */
int amph_memory_refuse_child(const struct amph_memory *memory, struct amph_why *why);

/* The same for a target: from the one that attached to it. */
bool amph_target_forked(const struct amph_target *target);

/* 0, -ESTALE when the buffer is closed or abandoned, -EPERM in a child of the opener. */
int amph_shm_usable(struct amph_shm *shm);

/*
 * Clears the struct, checks what open and import have in common (context, name, size, flags,
 * storage) and fills it in. *name: the part after the colon.
 */
int amph_shm_prepare(struct amph_memory *memory, struct amph_shm *shm,
		     const struct amph_shm_storage *storage, const char *full_name, uint64_t size,
		     uint32_t flags, const char **name);

/* Where the open buffer of that name is, or would be: then it points to NULL. */
struct amph_shm **amph_name_find(struct amph_memory *memory, const char *name);

/* Makes a published buffer known under its name, which no other has. */
void amph_name_add(struct amph_shm *shm);

/* Puts a prepared, filled buffer into the lists: `holder` has all of it, one reference. */
void amph_shm_publish(struct amph_shm *shm, uint32_t holder);

/* Leaves nothing of a buffer that could not be opened but the reason. Returns error. */
int amph_shm_fail(struct amph_memory *memory, struct amph_shm *shm, int error);

/* The memory goes back to the provider; the struct is closed. */
void amph_shm_close(struct amph_shm *shm);

/* Closes an abandoned buffer that nobody reaches any more, and says so. */
void amph_shm_finish(struct amph_shm *shm);

/* Gives every range that `bit` holds back: to the CPU what it held alone, to the rest what it read. */
void amph_shm_reclaim(struct amph_attachment *attachment);

/* Sets attachment->granule, or refuses a buffer whose bytes do not fill whole granules. */
int amph_attachment_granule(struct amph_attachment *attachment);

/* Enters a checked attachment in the buffer's and the target's lists. */
void amph_attachment_link(struct amph_attachment *attachment);
void amph_attachment_unlink(struct amph_attachment *attachment);

/* Puts an attachment into quarantine, or takes it out: itself, and all the sums. Once is enough. */
void amph_attachment_quarantine(struct amph_attachment *attachment);
void amph_attachment_acquit(struct amph_attachment *attachment);

/* Adds a segment, or lengthens the last one that it continues. 0, or -ENOSPC. */
int amph_segments_append(struct amph_segment *segments, uint32_t *count, uint32_t max,
			 uint64_t address, uint64_t length);

/* Are they `size` bytes together, none empty, none past 2^64? 0, or -EINVAL and the reason. */
int amph_segments_check(const struct amph_segment *segments, uint32_t count, uint64_t size,
			struct amph_why *why);

#endif
