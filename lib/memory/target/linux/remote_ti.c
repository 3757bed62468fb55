/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "remote TI": a remote processor of TI's kernels, by the ioctl of their /dev/remoteprocN.
 * Memory layer, Linux. attach: a contiguous dma-buf becomes one device address, as long as a descriptor
 * of its own is open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/remoteproc_cdev.h>

#include <amphora/remote_ti.h>

#include "memory/internal.h"

/* Of TI's kernel, which no header here has. */
struct ti_attach {
	uint32_t fd; /* in: the dma-buf */
	uint32_t pad;
	uint64_t da; /* out */
};

#define TI_ATTACH _IOWR(0xb7, 0, struct ti_attach)

AMPH_STATIC_ASSERT(sizeof(struct ti_attach) == 16 && TI_ATTACH == 0xc010b700,
		   "TI's RPROC_IOC_DMA_BUF_ATTACH");

static int call(int fd, unsigned long request, void *argument)
{
	while (ioctl(fd, request, argument))
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	return 0;
}

/* Closing the device must do nothing but end an attachment. Returns an open descriptor, or -errno. */
static int open_device(const struct amph_remote_ti *remote, struct amph_why *why)
{
	int fd = open(remote->path, O_RDWR | O_CLOEXEC);
	int32_t stops = 0;

	if (fd < 0)
		return amph_refuse(why, -errno, "the remote processor's device can't be opened", 0,
				   0);
	if (!call(fd, RPROC_GET_SHUTDOWN_ON_RELEASE, &stops) && !stops)
		return fd;
	/* to close it is to stop the processor, which that other program has asked for */
	close(fd);
	return amph_refuse(
		why, -EBUSY,
		"closing the remote processor's device stops it: another program has set "
		"RPROC_SET_SHUTDOWN_ON_RELEASE",
		(uint64_t)stops, 0);
}

static int refuse(struct amph_why *why, int error)
{
	/* the answer of a kernel to a call that it does not know */
	if (error == -ENOTTY || error == -EINVAL)
		return amph_refuse(why, error == -ENOTTY ? -ENOTSUP : error,
				   "this kernel is not TI's, or the dma-buf is not contiguous",
				   (uint64_t)-error, 0);
	return amph_refuse(why, error, "TI's kernel refuses to attach the dma-buf",
			   (uint64_t)-error, 0);
}

static int ti_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	const struct amph_remote_ti *remote = (const struct amph_remote_ti *)target;
	struct amph_shm *shm = attachment->shm;
	struct ti_attach argument = {.fd = (uint32_t)shm->handle};
	int device, error;

	if (shm->handle < 0)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "the buffer has no fd: a remote processor takes dma-bufs only",
				   0, 0);
	if (shm->handle_offset)
		return amph_refuse(&shm->why, -EINVAL,
				   "the buffer does not begin where its dma-buf begins",
				   shm->handle_offset, 0);
	if (!attachment->segment_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for the target's segments", 1,
				   0);
	device = open_device(remote, &shm->why);
	if (device < 0)
		return device;
	error = call(device, TI_ATTACH, &argument);
	if (error) {
		close(device);
		return refuse(&shm->why, error);
	}
	attachment->private_data[0] = (uintptr_t)device;
	attachment->segments[0] =
		(struct amph_segment){.address = argument.da, .length = shm->size};
	attachment->segment_count = 1;
	return 0;
}

static void ti_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	(void)target;
	close((int)attachment->private_data[0]);
}

/* The CPU's access to a dma-buf begins or ends: all of it. */
static int sync_all(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		    uint64_t way)
{
	const struct amph_shm *shm = attachment->shm;
	struct dma_buf_sync argument = {.flags = way | DMA_BUF_SYNC_RW};

	/* of a target that is off no byte is anybody else's: a part is as good as all */
	if ((offset || length != shm->size) && attachment->target->state != AMPH_TARGET_OFF)
		return -ENOTSUP;
	return call((int)shm->handle, DMA_BUF_IOCTL_SYNC, &argument);
}

static int ti_sync_for_device(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	return sync_all(attachment, offset, length, DMA_BUF_SYNC_END);
}

static int ti_sync_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	return sync_all(attachment, offset, length, DMA_BUF_SYNC_START);
}

static const struct amph_target_ops ti_ops = {
	.attach = ti_attach,
	.detach = ti_detach,
	.sync_for_device = ti_sync_for_device,
	.sync_for_cpu = ti_sync_for_cpu,
};

int amph_remote_ti_init_checked(struct amph_remote_ti *remote, const char *name, uint32_t index,
				struct amph_why *why, uint32_t abi, uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*remote)), device;

	if (error)
		return error;
	*remote = (struct amph_remote_ti){
		.target = {.name = name, .ops = &ti_ops, .address_bits = 32, .segment_max = 1}};
	snprintf(remote->path, sizeof(remote->path), "/dev/remoteproc%u", index);
	device = open_device(remote, why);
	if (device < 0)
		return device;
	close(device);
	return 0;
}
