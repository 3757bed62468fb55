/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target: the plug-in table for who else shall reach a buffer.
 * Memory layer. A target is one small file that embeds struct amph_target first in its own struct.
 */
#ifndef AMPHORA_TARGET_H
#define AMPHORA_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amphora/attachment.h>
#include <amphora/io.h>
#include <amphora/shm.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The CPU's cache maintenance for one target; NULL members: nothing to do. Length in bytes. */
struct amph_cache_ops {
	int (*clean)(const void *va, size_t length);
	int (*invalidate)(void *va, size_t length);
	int (*flush)(void *va, size_t length);
};

/* The port's own amph_cache_*(). */
extern const struct amph_cache_ops amph_cache_port;

struct amph_target_ops {
	/*
	 * Fills attachment->segments, segment_count, enforced, private_data, or refuses with -errno and
	 * shm->why. The core has already checked direction, state and quarantine, and checks the
	 * segments against the capabilities below afterwards.
	 */
	int (*attach)(struct amph_target *target, struct amph_attachment *attachment);
	/* Undoes it; the target holds nothing. Cannot fail. */
	void (*detach)(struct amph_target *target, struct amph_attachment *attachment);
	/*
	 * Both or neither: cache maintenance by who made the attachment (a driver), in place of
	 * `cache` below. Called unless attachment->coherent, also for a buffer without a va: others may
	 * have written it. Offset and length in bytes, multiples of the granule, inside the buffer.
	 * sync_for_device: before the target gets the bytes. sync_for_cpu: after it wrote, before the
	 * CPU gets them; also once the target's state is OFF, and then detach follows.
	 * Return 0 or -errno: then the bytes stay whose they are (but for a target that is off).
	 */
	int (*sync_for_device)(struct amph_attachment *attachment, uint64_t offset,
			       uint64_t length);
	int (*sync_for_cpu)(struct amph_attachment *attachment, uint64_t offset, uint64_t length);
};

enum amph_target_state {
	AMPH_TARGET_ALIVE, /* attach, give and take */
	AMPH_TARGET_LOST, /* gone, but may still reach memory: nothing new, all of it in quarantine */
	AMPH_TARGET_OFF /* proved off (powered off, in reset, or cut off): reaches nothing */
};

struct amph_target {
	const char *name;
	const struct amph_target_ops *ops;
	const struct amph_cache_ops *cache; /* used only where coherent is false */
	uint32_t address_bits; /* of a device address: 32, 64, ...; 0 is 64 */
	uint32_t segment_max; /* most segments it takes; 0 is no limit */
	uint64_t alignment; /* of each segment's address and length but the last; 0 is 1 */
	uint32_t cache_line; /* largest line of its side, bytes; 0 is 1 */
	bool coherent; /* its accesses and the CPU's see each other by hardware */
	/* bytes; from there on attach is -EDQUOT; 0: AMPH_QUARANTINE_TARGET, UINT64_MAX: no limit */
	uint64_t quarantine_max;
	uint64_t quarantine_size; /* bytes in quarantine now */
	enum amph_target_state state;
	uint32_t
		owner; /* fork generation of the process that attached to it, plus 1; 0: nobody yet */
	struct amph_attachment *attachments;
};

/*
 * The target is gone and nobody knows what it still does (its process died, its session broke):
 * every attachment to it goes into quarantine. Does nothing in a child of the process that attached.
 */
void amph_target_lost(struct amph_target *target);

/*
 * The target is proved off: its attachments end, what it held is the CPU's again (contents
 * undefined, caches invalidated), and abandoned buffers that waited for it are closed. Does nothing in
 * a child of the process that attached: what lies at the buffers' addresses there is the child's own.
 */
void amph_target_off(struct amph_target *target);

/*
 * A target that was off is up again, in a new life. Returns 0, -EBUSY unless it was off, or -EPERM in a
 * child of the process that attached to it: a child initialises targets of its own.
 */
int amph_target_up(struct amph_target *target);

/* --- memory map: a processor or device that reaches memory through straight windows --- */

struct amph_target_map {
	struct amph_target target;
	struct amph_map map; /* pa to da; the caller's windows */
};

/*
 * Sets ops, name and map, and defaults (64 bits, any segments, coherent, state alive); change the
 * capabilities in `target` afterwards, before the first attach. Returns 0, -EINVAL and *why, or -EPROTO
 * (built with other limits).
 */
int amph_target_map_init_checked(struct amph_target_map *target, const char *name,
				 const struct amph_map *map, struct amph_why *why, uint32_t abi,
				 uint32_t structure_size);
static inline int amph_target_map_init(struct amph_target_map *target, const char *name,
				       const struct amph_map *map, struct amph_why *why)
{
	return amph_target_map_init_checked(target, name, map, why, AMPH_ABI,
					    (uint32_t)sizeof(*target));
}

/* --- process: another process, which gets the memory's fd over a socket (Linux) --- */

/*
 * Its device addresses are offsets into the fd (shm->handle) that travels with the offer.
 * attach() refuses memory without an fd, memory that could still shrink (a dma-buf can't), and a
 * direction that includes writing when the buffer is sealed or the fd is for reading only.
 */
void amph_target_process_init(struct amph_target *target, const char *name);

/* --- home: how an importer sees the side that opened the buffer; made by a share session --- */
void amph_target_home_init(struct amph_target *target, const char *name);

#ifdef __cplusplus
}
#endif

#endif
