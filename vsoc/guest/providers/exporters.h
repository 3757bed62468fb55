/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma-bufs of others: DRM's vgem, with fences to signal by hand, and V4L2's vivid, a camera.
 * Test code, inside the virtual SoC.
 */
#ifndef EXPORTERS_H
#define EXPORTERS_H

#include <stdbool.h>
#include <stdint.h>

/* A buffer of vgem, exported. */
struct vgem {
	int card;
	uint32_t handle;
	uint64_t size;
	int fd; /* the dma-buf */
};

void vgem_open(struct vgem *vgem, bool writable);
void vgem_close(struct vgem *vgem);
/* A device reads, or writes, until it is signalled. */
uint32_t vgem_fence(struct vgem *vgem, bool writes);
void vgem_signal(struct vgem *vgem, uint32_t fence);

/* A camera with one buffer of its own, exported. */
struct camera {
	int device;
	uint64_t size;
	int fd; /* the dma-buf */
};

void camera_open(struct camera *camera);
void camera_take_picture(struct camera *camera);
void camera_close(struct camera *camera);

#endif
