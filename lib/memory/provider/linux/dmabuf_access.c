/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Access to a dma-buf that the kernel's devices use too: waiting for them, and the CPU's brackets.
 * Memory layer, Linux; knows only the fd. Before a buffer is given, and around the CPU's use of it.
 * Fences are only ever waited for here, never made: no coprocessor has to signal one.
 */
#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <amphora/dmabuf.h>
#include <amphora/time.h>

AMPH_STATIC_ASSERT(AMPH_CPU_READS == DMA_BUF_SYNC_READ && AMPH_CPU_WRITES == DMA_BUF_SYNC_WRITE,
		   "the kernel's values");

/* For poll(): rounded up, so that it does not return just before the deadline again and again. */
static int milliseconds_until(uint64_t deadline)
{
	uint64_t now = amph_time_now(), left;

	if (now >= deadline)
		return 0;
	left = (deadline - now) / 1000000u;
	return left < INT32_MAX ? (int)left + 1 : INT32_MAX;
}

/* POLLIN: those that write have finished; POLLOUT: all have. */
static int wait_for(int fd, short event, uint64_t deadline)
{
	for (;;) {
		struct pollfd wait = {.fd = fd, .events = event};
		int count = poll(&wait, 1, milliseconds_until(deadline));

		if (count > 0)
			return wait.revents & event ? 0 : -EIO;
		if (count < 0 && errno != EINTR)
			return -errno;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
}

int amph_dmabuf_wait_fences(int fd, uint32_t direction, uint64_t deadline)
{
	uint64_t size;
	int error;

	if (!direction || direction & ~AMPH_DEVICE_READS_WRITES)
		return -EINVAL;
	error = amph_dmabuf_size(fd, &size, NULL);
	if (error)
		return error;
	return wait_for(fd, direction & AMPH_DEVICE_WRITES ? POLLOUT : POLLIN, deadline);
}

static int sync_access(int fd, uint64_t flags, uint64_t deadline)
{
	struct dma_buf_sync sync = {.flags = flags};

	while (ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync)) {
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

int amph_dmabuf_begin_access(int fd, uint32_t access, uint64_t deadline)
{
	int error;

	if (!access || access & ~AMPH_CPU_READS_WRITES)
		return -EINVAL;
	/* the ioctl would wait too, but without end */
	error = amph_dmabuf_wait_fences(
		fd, access & AMPH_CPU_WRITES ? AMPH_DEVICE_WRITES : AMPH_DEVICE_READS, deadline);
	if (error)
		return error;
	return sync_access(fd, access | DMA_BUF_SYNC_START, deadline);
}

int amph_dmabuf_end_access(int fd, uint32_t access, uint64_t deadline)
{
	uint64_t size;
	int error;

	if (!access || access & ~AMPH_CPU_READS_WRITES)
		return -EINVAL;
	error = amph_dmabuf_size(fd, &size, NULL);
	if (error)
		return error;
	return sync_access(fd, access | DMA_BUF_SYNC_END, deadline);
}
