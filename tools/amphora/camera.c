/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Camera: V4L2 capture with imported dma-bufs (V4L2_MEMORY_DMABUF).
 */
#include "camera.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICES	 64 /* /dev/video0 to /dev/video63 */
#define PIXELS	 V4L2_PIX_FMT_GREY
#define CAPTURES (V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING)

static int control(const struct camera *camera, unsigned long request, void *argument)
{
	int status;

	do
		status = ioctl(camera->fd, request, argument);
	while (status < 0 && errno == EINTR);
	return status < 0 ? -errno : 0;
}

static int fail(char *error, size_t error_size, int status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(char *error, size_t error_size, int status, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(error, error_size, format, values);
	va_end(values);
	return status;
}

static int check_capture(struct camera *camera, char *error, size_t error_size)
{
	struct v4l2_capability found = {0};
	int status = control(camera, VIDIOC_QUERYCAP, &found);

	if (status)
		return fail(error, error_size, -ENODEV, "%s: no video device", camera->path);
	snprintf(camera->card, sizeof(camera->card), "%.31s", (const char *)found.card);
	snprintf(camera->driver, sizeof(camera->driver), "%.15s", (const char *)found.driver);
	if ((found.device_caps & CAPTURES) != CAPTURES)
		return fail(error, error_size, -ENODEV, "%s: it does not capture", camera->path);
	return 0;
}

static int choose_format(struct camera *camera, uint32_t width, uint32_t height, char *error,
			 size_t error_size)
{
	struct v4l2_format format = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
	struct v4l2_pix_format *pixels = &format.fmt.pix;

	*pixels = (struct v4l2_pix_format){.width = width,
					   .height = height,
					   .pixelformat = PIXELS,
					   .field = V4L2_FIELD_NONE,
					   .bytesperline = width};
	int status = control(camera, VIDIOC_S_FMT, &format);
	if (status)
		return fail(error, error_size, status, "%s: its format can't be set: %s",
			    camera->path, strerror(-status));
	if (pixels->pixelformat != PIXELS)
		return fail(error, error_size, -ENOTSUP, "%s: it has no 8-bit grey", camera->path);
	if (pixels->width != width || pixels->height != height || pixels->field != V4L2_FIELD_NONE)
		return fail(error, error_size, -ENOTSUP,
			    "%s: it has no whole frames of %" PRIu32 " x %" PRIu32
			    " pixels; the nearest are %" PRIu32 " x %" PRIu32,
			    camera->path, width, height, pixels->width, pixels->height);
	if (pixels->bytesperline != width || pixels->sizeimage != width * height)
		return fail(error, error_size, -ENOTSUP,
			    "%s: its rows have gaps: %" PRIu32 " bytes for %" PRIu32 " pixels",
			    camera->path, pixels->bytesperline, width);
	camera->width = width;
	camera->height = height;
	return 0;
}

static int request_slots(struct camera *camera, char *error, size_t error_size)
{
	struct v4l2_requestbuffers slots = {.count = CAMERA_BUFFERS,
					    .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
					    .memory = V4L2_MEMORY_DMABUF};
	int status = control(camera, VIDIOC_REQBUFS, &slots);

	if (status)
		return fail(error, error_size, status, "%s: it takes no dma-bufs: %s", camera->path,
			    strerror(-status));
	if (slots.count < CAMERA_BUFFERS)
		return fail(error, error_size, -ENOMEM,
			    "%s: it takes %" PRIu32 " buffers, and %d are needed", camera->path,
			    slots.count, CAMERA_BUFFERS);
	return 0;
}

static int open_one(struct camera *camera, const char *path, uint32_t width, uint32_t height,
		    char *error, size_t error_size)
{
	*camera = (struct camera){.fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK)};
	snprintf(camera->path, sizeof(camera->path), "%s", path);
	if (camera->fd < 0)
		return fail(error, error_size, -errno, "%s: %s", path, strerror(errno));
	int status = check_capture(camera, error, error_size);
	if (!status)
		status = choose_format(camera, width, height, error, error_size);
	if (!status)
		status = request_slots(camera, error, error_size);
	if (status) {
		close(camera->fd);
		camera->fd = -1;
	}
	return status;
}

int camera_open(struct camera *camera, const char *path, uint32_t width, uint32_t height,
		char *error, size_t error_size)
{
	char name[32], reason[256];
	int best = -ENOENT;

	if (path)
		return open_one(camera, path, width, height, error, error_size);
	fail(error, error_size, best, "no camera: there is no /dev/video* that captures");
	for (int i = 0; i < DEVICES; i++) {
		snprintf(name, sizeof(name), "/dev/video%d", i);
		if (access(name, F_OK))
			continue;
		int status = open_one(camera, name, width, height, reason, sizeof(reason));
		if (!status)
			return 0;
		if (best == -ENOENT && status != -ENODEV) /* of those that capture, the first */
			best = fail(error, error_size, status, "%s", reason);
	}
	return best;
}

int camera_queue(struct camera *camera, uint32_t index, int dmabuf, uint32_t size)
{
	struct v4l2_buffer buffer = {.index = index,
				     .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				     .memory = V4L2_MEMORY_DMABUF,
				     .m.fd = dmabuf,
				     .length = size};

	return control(camera, VIDIOC_QBUF, &buffer);
}

int camera_start(struct camera *camera)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	camera->sequence = UINT32_MAX; /* the first one is 0 */
	return control(camera, VIDIOC_STREAMON, &type);
}

int camera_take(struct camera *camera, uint32_t *index)
{
	struct v4l2_buffer buffer = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
				     .memory = V4L2_MEMORY_DMABUF};
	int status = control(camera, VIDIOC_DQBUF, &buffer);

	if (status)
		return status;
	if (buffer.index >= CAMERA_BUFFERS)
		return -EPROTO;
	*index = buffer.index;
	camera->dropped += buffer.sequence - camera->sequence - 1;
	camera->sequence = buffer.sequence;
	return buffer.flags & V4L2_BUF_FLAG_ERROR ? -EIO : 0;
}

void camera_close(struct camera *camera)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	if (camera->fd < 0)
		return;
	control(camera, VIDIOC_STREAMOFF, &type);
	close(camera->fd);
	camera->fd = -1;
}
