/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Camera: frames of a V4L2 device, captured straight into dma-bufs that somebody else has made.
 * Tool code; knows V4L2, nothing of Amphora. One thread.
 */
#ifndef TOOLS_CAMERA_H
#define TOOLS_CAMERA_H

#include <stddef.h>
#include <stdint.h>

#define CAMERA_BUFFERS 4

struct camera {
	int fd; /* readable when a frame is there */
	char path[64], card[32], driver[16];
	uint32_t width, height; /* pixels of 8-bit grey, rows without gaps */
	uint32_t sequence; /* of the last frame */
	uint32_t dropped; /* frames that the device counted and nobody got */
};

/*
 * Opens a device that captures 8-bit grey frames of that size into dma-bufs; path NULL: the first one
 * that does. Returns 0, or -errno and the reason in `error`.
 */
int camera_open(struct camera *camera, const char *path, uint32_t width, uint32_t height,
		char *error, size_t error_size);

/*
 * Lends the device a buffer, by its index below CAMERA_BUFFERS: a dma-buf of at least `size` bytes,
 * the frame at its start. Until it comes back nobody else touches it. The fd stays the caller's.
 */
int camera_queue(struct camera *camera, uint32_t index, int dmabuf, uint32_t size);

/* Starts the frames; after the first buffers are queued. */
int camera_start(struct camera *camera);

/*
 * Takes a frame back. Returns 0 and its index; -EAGAIN (none yet); -EIO (a broken frame; *index is
 * its buffer, to be queued again); or the device's error.
 */
int camera_take(struct camera *camera, uint32_t *index);

/* Stops: every buffer is back. Does nothing to one that is not open. */
void camera_close(struct camera *camera);

#endif
