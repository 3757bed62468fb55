/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Attachment: one buffer made reachable for one target, under the target's own addresses.
 * Memory layer. Made by amph_shm_attach(), ended by amph_shm_detach(); the caller's storage.
 */
#ifndef AMPHORA_ATTACHMENT_H
#define AMPHORA_ATTACHMENT_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/shm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_attachment {
	struct amph_shm *shm;
	struct amph_target *target;
	struct amph_segment *segments; /* device addresses; together the whole buffer, in order */
	uint32_t segment_count;
	uint32_t segment_max;
	uint32_t direction; /* AMPH_DEVICE_* */
	enum amph_sync_method method;
	uint32_t granule; /* bytes; 1, or the largest cache line of all sides */
	uint32_t bit; /* its mask in a range's holders */
	bool coherent; /* no maintenance: as the target is, unless its attach says otherwise */
	bool enforced; /* hardware holds the target to these segments, a reading one to reading */
	bool quarantined; /* lost or abandoned while the target could reach the buffer */
	uint32_t rule; /* of the policy, by which it was allowed; from 1; 0: there is none */
	uintptr_t private_data[2]; /* the target's */
	struct amph_attachment *next; /* of the buffer */
	struct amph_attachment *target_next; /* of the target */
	struct amph_attachment **target_link; /* what points to it in the target's list */
	void *offered; /* the share layer's: what it is offered as; NULL: it is not */
};

/* The device address of a byte of the buffer. Returns 0 and *da, or -ERANGE. */
int amph_attachment_da(const struct amph_attachment *attachment, uint64_t offset, uint64_t *da);

#ifdef __cplusplus
}
#endif

#endif
