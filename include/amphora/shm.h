/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffer: memory opened by name and size, with segments, a reference count and owners by range.
 * Memory layer: knows the platform and the plug-in tables of provider.h and target.h; no transport.
 * The way of a buffer starts and ends here: open, attach, sync away, sync back, detach, put.
 *
 * One thread at a time for one struct amph_memory and all that was opened in it. No function here
 * may be called from an interrupt. Nothing allocates: all storage is the caller's.
 */
#ifndef AMPHORA_SHM_H
#define AMPHORA_SHM_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/config.h>
#include <amphora/error.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_provider;
struct amph_target;
struct amph_attachment;
struct amph_policy;

/* A stretch of memory, in the address space that the context names (pa, or a target's da). */
struct amph_segment {
	uint64_t address;
	uint64_t length;
};

/* Flags of a buffer. */
#define AMPH_SHM_READ_ONLY  0x1u /* nobody else ever writes it: sealed where the provider can */
#define AMPH_SHM_HUGE	    0x2u /* huge pages, or -ENOTSUP / -ENOMEM */
#define AMPH_SHM_NOT_CACHED 0x4u /* the CPU's mapping is uncached, or -ENOTSUP */
/*
 * The CPU cannot map it: va is NULL, and no cache of the CPU's is ever maintained for it. Asked for: or
 * -ENOTSUP. Set whether asked for or not where a provider gives such memory. Everything but touching
 * works as for any other buffer.
 */
#define AMPH_SHM_PROTECTED 0x8u

/* What a target does with the bytes: the direction of an attachment. */
#define AMPH_DEVICE_READS	 0x1u
#define AMPH_DEVICE_WRITES	 0x2u
#define AMPH_DEVICE_READS_WRITES 0x3u

/* How a hand-off is told to the other side; agreed when the buffer is attached and offered. */
enum amph_sync_method { AMPH_SYNC_MESSAGES = 0, AMPH_SYNC_QUEUE = 1, AMPH_SYNC_LOCK = 2 };

/*
 * One range of a buffer with one answer to "who may touch it". holders: bit 0 the CPU, bit n the
 * attachment with that bit. Exclusive (reading = false): exactly one holder, it may write within
 * its direction. reading = true: every holder may read, none may write.
 * The caller lends the array and never writes it; amph_shm_check() walks its invariants.
 */
struct amph_range {
	uint64_t offset;
	uint64_t length;
	uint32_t holders;
	bool reading;
	bool written; /* by a device since the CPU last had it: the CPU's cached copy is stale */
};

#define AMPH_HOLDER_CPU 0x1u

/* Everything that is open on this side; keeps the lists. */
struct amph_memory {
	struct amph_provider *providers;
	struct amph_shm *buffers;
	struct amph_shm *names; /* root of the tree of names of what was opened here */
	void (*forget_name)(struct amph_shm *shm); /* set by the first open: imports link no tree */
	uint32_t generation; /* stamped on the next buffer; never 0 */
	uint32_t fork_generation;
	const uint32_t *fork_word; /* where this process keeps it, or NULL: ask */
	uint64_t
		quarantine_max; /* bytes; from there on attach is -EDQUOT; see amph_memory_init() */
	uint64_t quarantine_size; /* bytes in quarantine now; each buffer counts once */
	struct amph_policy *policy; /* who may reach what; NULL: everybody everything. policy.h */
	struct amph_why why; /* of the last refusal that has no buffer to keep it */
};

/* What the caller lends a buffer for as long as it is open. */
struct amph_shm_storage {
	struct amph_range *ranges; /* at least 1; each partial hand-off may need 2 more */
	uint32_t range_max;
	struct amph_segment
		*segments; /* physical segments; may be 0 for providers that know none */
	uint32_t segment_max;
};

struct amph_shm {
	char name[AMPH_NAME_MAX];
	uint64_t size; /* bytes */
	uint32_t flags;
	uint32_t references;
	uint32_t generation;
	struct amph_memory *memory;
	struct amph_provider *provider;
	void *va; /* the CPU's mapping; NULL where it has none */
	intptr_t handle; /* Linux: the memory's fd, owned by the buffer; else -1 */
	uint64_t handle_offset; /* where in the handle's memory the buffer starts, bytes */
	uint32_t segment_count; /* physical segments; 0: unknown to this side */
	uint32_t range_count;
	struct amph_shm_storage storage;
	struct amph_attachment *attachments;
	struct amph_attachment *home; /* imports: to the side that opened it, else NULL */
	uint32_t attachment_bits; /* bits in use, bit 0 always */
	uint32_t quarantined; /* attachments whose target is not yet proved off */
	bool cpu_reads_only; /* this side may never write: it was given, or mapped, that way */
	bool imported; /* another side opened it, and named it: amph_shm_find() never finds it */
	bool abandoned; /* see amph_shm_abandon() */
	void (*closed)(struct amph_shm *shm); /* see amph_shm_abandon() */
	uintptr_t private_data[4]; /* the provider's */
	struct amph_why why; /* of the last refusal on this buffer */
	struct amph_shm *next;
	struct amph_shm **link; /* what points to it in the context's list; NULL: it is not in it */
	/* opened, not imported: its place among the names, see names.c */
	struct amph_shm *branches[4];
	struct amph_shm **name_link;
};

/*
 * Prepares a context. quarantine_max becomes AMPH_QUARANTINE_MEMORY; the application may set it
 * afterwards, at any time: UINT64_MAX is no limit, 0 is AMPH_QUARANTINE_MEMORY again.
 * Returns 0, or -EPROTO when library and caller were built with other limits.
 */
int amph_memory_init_checked(struct amph_memory *memory, uint32_t abi, uint32_t size);
static inline int amph_memory_init(struct amph_memory *memory)
{
	return amph_memory_init_checked(memory, AMPH_ABI, (uint32_t)sizeof(*memory));
}

/* Makes a provider known under its name. Returns 0, -EEXIST or -EPERM. The caller keeps it alive. */
int amph_memory_add_provider(struct amph_memory *memory, struct amph_provider *provider);

/*
 * Opens a buffer of `size` bytes under the name "provider:name", one reference, all of it the CPU's.
 * The contents are zero; of protected memory they are what its provider says. Returns 0; -EINVAL (name, size 0, storage), -ENAMETOOLONG, -ENOENT (no such
 * provider), -EEXIST (that name is open here: amph_shm_find() it), -ENOTSUP (flags), -ENOSPC
 * (segment storage, pool descriptors), -ENOMEM, -EFAULT (the provider's segments are not the
 * buffer, or its protected memory is mapped), -EPERM after a fork; the reason in shm->why and memory->why. On error nothing is open.
 */
int amph_shm_open(struct amph_memory *memory, struct amph_shm *shm,
		  const struct amph_shm_storage *storage, const char *name, uint64_t size,
		  uint32_t flags);

/*
 * Finds a buffer that was opened here by name and takes a reference; an import never: its name is
 * another side's word. Returns 0, -ENOENT, or as amph_shm_get().
 */
int amph_shm_find(struct amph_memory *memory, const char *name, struct amph_shm **shm);

/*
 * One more reference. Returns 0, -EOVERFLOW, -ESTALE (closed or abandoned), -EPERM in a child of the
 * process that opened it: every call on a buffer refuses these two.
 */
int amph_shm_get(struct amph_shm *shm);

/*
 * One reference less; the last one closes: the memory goes back to the provider and the storage to
 * the caller. Returns 0; -EBUSY, with no reference dropped, when it is the last and the buffer is
 * still attached (detach first, or amph_shm_abandon()); -ESTALE, -EPERM. An import's attachment to
 * its home is no hindrance: it ends here, whoever holds what.
 */
int amph_shm_put(struct amph_shm *shm);

/*
 * Gives up the last reference of a buffer that targets may still reach: the buffer leaves the lists
 * and stays in quarantine until each such target is proved off, is then closed, and `closed` is
 * called (may be NULL), in both cases once. The struct and its storage stay the library's until then.
 * Returns 0 when it was closed at once, -EINPROGRESS when it is in quarantine, -EBUSY when it is not
 * the last reference, -ESTALE, -EPERM.
 */
int amph_shm_abandon(struct amph_shm *shm, void (*closed)(struct amph_shm *shm));

/*
 * Makes a buffer whose memory another side opened and offered: all of it starts as the home's.
 * va: this side's mapping (NULL: none); segments in storage are already filled, segment_count of
 * them. `home` gets an attachment of its own (direction as the home sees this side), through which
 * ranges come (amph_shm_sync_for_cpu, or ..._reading) and go back (amph_shm_sync_for_device, never
 * reading: what is shared is given back the same way). direction without AMPH_DEVICE_WRITES: this
 * side may only read. The attachment ends with the last put and cannot be detached before. The name is
 * only kept: buffers opened here, and other imports, may have the same.
 * Returns 0; -EINVAL (also: direction, segments, not whole cache lines), -ENAMETOOLONG, -ENOTSUP, -EPERM as amph_shm_open(); -EROFS (writing to a read-only buffer), -ENODEV (home gone),
 * -EACCES, -EDQUOT (the policy, see policy.h).
 */
int amph_shm_import(struct amph_memory *memory, struct amph_shm *shm,
		    const struct amph_shm_storage *storage, const char *name, uint64_t size,
		    uint32_t flags, void *va, uint32_t segment_count, struct amph_target *home,
		    uint32_t direction, struct amph_attachment *attachment);

/*
 * Attaches the whole buffer to a target: learns the target's addresses. direction: AMPH_DEVICE_*.
 * segments: the caller's storage for `segment_max` device segments, lent until detach.
 * The granule is the largest cache line of all sides where the target is not coherent, else 1. A
 * buffer that does not consist of whole granules shares a line with something else and is refused:
 * open it rounded up. Segments that continue each other are merged.
 * Returns 0; -EINVAL (direction; a segment misaligned for the target; not whole cache lines), -EROFS
 * (writing to a read-only buffer), -ENOSPC (attachments, segment storage), -EBUSY (attached to it
 * already), -ERANGE (no window, or an address too wide for the target), -EFBIG (more segments than the
 * target takes), -EDQUOT (the quarantine of the target
 * or of the context is full, or a limit of the policy), -EACCES (the policy, see policy.h), -ENODEV
 * (target lost or off), -ENOTSUP, -ESTALE, -EPERM;
 * the reason in shm->why. On error nothing is attached.
 */
int amph_shm_attach(struct amph_shm *shm, struct amph_target *target, uint32_t direction,
		    enum amph_sync_method method, struct amph_attachment *attachment,
		    struct amph_segment *segments, uint32_t segment_max);

/*
 * Ends an attachment. Returns 0, -EBUSY while the target holds any range or a session still has it
 * (offered, and neither refused nor released: the other side may have it mapped), -ESTALE (detached), -EPERM.
 * An attachment in quarantine (-EBUSY) ends only when its target is proved off.
 */
int amph_shm_detach(struct amph_attachment *attachment);

/*
 * Hands `length` bytes at `offset` from the CPU to the target, cache maintenance included.
 * Exclusive, whatever the direction, or with reading = true shared: the CPU and other readers keep
 * reading, nobody writes, and when only the CPU is left the range is its own again.
 * Returns 0; -EINVAL (empty, outside the buffer, not a multiple of the granule, no fitting
 * direction), -EACCES (the CPU does not own all of it, or others read it), -ENOSPC (range storage),
 * -ENODEV (target lost), -ESTALE, -EPERM, or the error of the target's cache; the reason in shm->why.
 * On error nothing has changed hands.
 */
int amph_shm_sync_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			     bool reading);

/*
 * Takes a range back from the target, cache maintenance included: after it said so.
 * Returns 0; -EINVAL, -EACCES (the target does not hold all of it), -ENOSPC, -ENODEV; as above.
 */
int amph_shm_sync_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length);

/*
 * Imports only: takes a range that the home gave for reading. Both read it, neither writes, until
 * it goes back. Errors as amph_shm_sync_for_cpu(), -EINVAL when the attachment is not the home's.
 */
int amph_shm_sync_for_cpu_reading(struct amph_attachment *attachment, uint64_t offset,
				  uint64_t length);

/*
 * Moves a range from one target to another, exclusively, after the first returned it; the CPU
 * neither touches nor syncs the bytes. Errors as amph_shm_sync_for_device(); -EINVAL also when only
 * one of the two is coherent: that can't be done without the CPU's caches; -EACCES also when the
 * policy wants what the second gets to come from the CPU.
 */
int amph_shm_pass(struct amph_attachment *from, struct amph_attachment *to, uint64_t offset,
		  uint64_t length);

/* The checks of the three calls above without their effect: 0, or the error and shm->why. */
int amph_shm_may_give(const struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      bool reading);
int amph_shm_may_take(const struct amph_attachment *attachment, uint64_t offset, uint64_t length);
int amph_shm_may_pass(const struct amph_attachment *from, const struct amph_attachment *to,
		      uint64_t offset, uint64_t length);

/*
 * May the CPU touch these bytes now? write: to write, else to read.
 * Returns 0; -EINVAL (range); -EACCES (it does not own them); -ENOTSUP (it owns them, but they are
 * protected: it can't touch them); and shm->why.
 */
int amph_shm_check_access(struct amph_shm *shm, uint64_t offset, uint64_t length, bool write);

/* Physical segments: storage.segments[0 .. segment_count - 1]. Walks the invariants: 0 or -EFAULT. */
int amph_shm_check(const struct amph_shm *shm);

#ifdef __cplusplus
}
#endif

#endif
