/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vgem and vivid, by their ioctls.
 * Test code, inside the virtual SoC.
 */
#include <fcntl.h>
#include <glob.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/vgem_drm.h>

#include "check.h"
#include "exporters.h"

#define PICTURE_MS 60000 /* a frame takes some tens; a loaded machine longer */

void vgem_open(struct vgem *vgem, bool writable)
{
	struct drm_mode_create_dumb create = {.width = 256, .height = 256, .bpp = 32};
	glob_t cards;

	EXPECT_EQUAL(glob("/dev/dri/card*", 0, NULL, &cards), 0);
	vgem->card = open(cards.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&cards);
	EXPECT(vgem->card >= 0);
	EXPECT_EQUAL(ioctl(vgem->card, DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
	vgem->handle = create.handle;
	vgem->size = create.size;

	struct drm_prime_handle prime = {.handle = create.handle,
					 .flags = DRM_CLOEXEC | (writable ? DRM_RDWR : 0)};
	EXPECT_EQUAL(ioctl(vgem->card, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
	vgem->fd = prime.fd;
}

void vgem_close(struct vgem *vgem)
{
	close(vgem->fd);
	close(vgem->card);
}

uint32_t vgem_fence(struct vgem *vgem, bool writes)
{
	struct drm_vgem_fence_attach attach = {.handle = vgem->handle,
					       .flags = writes ? VGEM_FENCE_WRITE : 0};

	EXPECT_EQUAL(ioctl(vgem->card, DRM_IOCTL_VGEM_FENCE_ATTACH, &attach), 0);
	return attach.out_fence;
}

void vgem_signal(struct vgem *vgem, uint32_t fence)
{
	struct drm_vgem_fence_signal signal = {.fence = fence};

	EXPECT_EQUAL(ioctl(vgem->card, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal), 0);
}

void camera_open(struct camera *camera)
{
	struct v4l2_requestbuffers request = {
		.count = 1, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
	struct v4l2_exportbuffer export = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
					   .flags = O_RDWR | O_CLOEXEC};
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};

	camera->device = open("/dev/video0", O_RDWR | O_CLOEXEC);
	EXPECT(camera->device >= 0);
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_REQBUFS, &request), 0);
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_QUERYBUF, &buffer), 0);
	camera->size = buffer.length;
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_EXPBUF, &export), 0);
	camera->fd = export.fd;
}

void camera_take_picture(struct camera *camera)
{
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				     .memory = V4L2_MEMORY_MMAP};
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct pollfd wait = {.fd = camera->device, .events = POLLIN};

	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_QBUF, &buffer), 0);
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_STREAMON, &type), 0);
	EXPECT_EQUAL(poll(&wait, 1, PICTURE_MS), 1);
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_DQBUF, &buffer), 0);
	EXPECT_EQUAL(ioctl(camera->device, VIDIOC_STREAMOFF, &type), 0);
}

void camera_close(struct camera *camera)
{
	close(camera->fd);
	close(camera->device);
}
