/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A driver in user space for QEMU's edu device: DMA of up to 2048 bytes between memory and a buffer
 * of its own. Knows the VFIO target; a program of the virtual SoC's Linux.
 */
#ifndef VSOC_GUEST_EDU_H
#define VSOC_GUEST_EDU_H

#include <stdint.h>

#include <amphora/vfio.h>

#define EDU_TRANSFER_MAX 2048 /* bytes at a time */
#define EDU_ADDRESS_BITS 28

struct edu {
	struct amph_target_vfio target;
	struct amph_io registers;
	int event; /* eventfd of its interrupt */
};

/* Its name on the PCI bus. Returns 0, or -ENOENT. */
int edu_find(char *name, int size);

/* Takes it from its driver, if it has one, and gives it to VFIO's. Returns 0 or -errno. */
int edu_bind(const char *name);

/* Opens it, with its registers and its interrupt. Returns 0, or -errno and the reason on stderr. */
int edu_open(struct edu *edu, const struct amph_vfio_config *config);
int edu_close(struct edu *edu);

enum edu_direction { EDU_FETCHES, EDU_STORES };

/*
 * Moves bytes between the address and its own buffer, and waits for its interrupt. It can't tell
 * whether it reached anything. Returns 0, or -ETIMEDOUT.
 */
int edu_transfer(struct edu *edu, enum edu_direction direction, uint64_t iova, uint32_t length);

#endif
