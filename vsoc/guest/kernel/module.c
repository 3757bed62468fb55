/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/amphora as tests use it. See module.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-heap.h>

#include "../providers/check.h"
#include "module.h"

int module_call(int fd, unsigned long request, void *argument)
{
	return ioctl(fd, request, argument) < 0 ? -errno : 0;
}

static int open_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int module_open(void)
{
	return open_file(AMPHORA_DEVICE);
}

int module_remote(int proof)
{
	struct amphora_remote made = {.proof = proof, .fd = -1};
	int device = module_open();
	int ret;

	EXPECT(device >= 0);
	ret = module_call(device, AMPHORA_IOC_REMOTE, &made);
	close(device);
	return ret ? ret : made.fd;
}

int module_open_remote(void)
{
	int proof = open_file("/dev/remoteproc0");
	int remote;

	EXPECT(proof >= 0);
	remote = module_remote(proof);
	close(proof);
	EXPECT(remote >= 0);
	return remote;
}

int module_heap(uint64_t size, uint32_t open_flags)
{
	struct dma_heap_allocation_data data = {.len = size, .fd_flags = open_flags | O_CLOEXEC};
	int heap = open_file("/dev/dma_heap/system");
	int ret;

	EXPECT(heap >= 0);
	ret = module_call(heap, DMA_HEAP_IOCTL_ALLOC, &data);
	close(heap);
	EXPECT_EQUAL(ret, 0);
	return (int)data.fd;
}

int module_attach(int remote, int dmabuf, uint32_t direction)
{
	struct amphora_attach made = {.dmabuf = dmabuf, .direction = direction, .fd = -1};
	int ret = module_call(remote, AMPHORA_IOC_ATTACH, &made);

	return ret ? ret : made.fd;
}

int module_coherent(int remote, uint64_t size)
{
	struct amphora_coherent made = {.size = size, .fd = -1};
	int ret = module_call(remote, AMPHORA_IOC_COHERENT, &made);

	return ret ? ret : made.fd;
}

int module_sync(int attachment, uint64_t offset, uint64_t length, uint32_t flags)
{
	struct amphora_sync range = {.offset = offset, .length = length, .flags = flags};

	return module_call(attachment, AMPHORA_IOC_SYNC, &range);
}

int module_poll(int fd, int timeout_ms)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN | POLLPRI};
	int ret = poll(&polled, 1, timeout_ms);

	return ret < 0 ? -errno : polled.revents;
}

struct amphora_remote_info module_remote_info(int remote)
{
	struct amphora_remote_info info;

	EXPECT_EQUAL(module_call(remote, AMPHORA_IOC_REMOTE_INFO, &info), 0);
	return info;
}

struct amphora_attachment_info module_info(int attachment)
{
	struct amphora_attachment_info info;

	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_INFO, &info), 0);
	return info;
}

struct amphora_segment *module_segments(int attachment, uint32_t *count)
{
	struct amphora_segments wanted = {.count = module_info(attachment).segments};
	struct amphora_segment *list = calloc(wanted.count, sizeof(*list));

	EXPECT(list);
	wanted.list = (uintptr_t)list;
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_SEGMENTS, &wanted), 0);
	*count = wanted.count;
	return list;
}
