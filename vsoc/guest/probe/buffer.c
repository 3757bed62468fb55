/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma-bufs and attachments. Test code that runs inside the virtual SoC; see buffer.h.
 */
#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#include "../remote.h"

static int map(struct buffer *buffer, uint64_t size)
{
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, buffer->fd, 0);

	if (va == MAP_FAILED) {
		close(buffer->fd);
		return remote_fail("a buffer of %llu bytes can't be mapped: %s",
				   (unsigned long long)size, strerror(errno));
	}
	buffer->va = va;
	buffer->size = size;
	return 0;
}

static int open_heap(struct buffer *buffer, const char *name, uint64_t size)
{
	struct dma_heap_allocation_data request = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	char path[64];

	snprintf(path, sizeof(path), "/dev/dma_heap/%s", name);
	int heap = open(path, O_RDWR | O_CLOEXEC);
	if (heap < 0)
		return remote_fail("%s: %s", path, strerror(errno));
	int error = ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &request) ? errno : 0;
	close(heap);
	if (error)
		return remote_fail("%s: %llu bytes: %s", path, (unsigned long long)size,
				   strerror(error));
	buffer->fd = (int)request.fd;
	return map(buffer, size);
}

int buffer_memfd(uint64_t size, uint8_t **va)
{
	int memfd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (memfd < 0 || ftruncate(memfd, (off_t)size) || fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK))
		return remote_fail("a memfd: %s", strerror(errno));
	*va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (*va == MAP_FAILED)
		return remote_fail("a memfd's mapping: %s", strerror(errno));
	return memfd;
}

int buffer_of_pages(struct buffer *buffer, int memfd, const uint32_t *pages, uint32_t count)
{
	struct udmabuf_create_list *list = calloc(1, sizeof(*list) + count * sizeof(list->list[0]));
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);

	if (!list || device < 0)
		return remote_fail("/dev/udmabuf: %s", strerror(errno));
	list->flags = UDMABUF_FLAGS_CLOEXEC;
	list->count = count;
	for (uint32_t i = 0; i < count; i++) {
		list->list[i].memfd = (uint32_t)memfd;
		list->list[i].offset = (uint64_t)pages[i] * PROBE_PAGE;
		list->list[i].size = PROBE_PAGE;
	}
	buffer->fd = ioctl(device, UDMABUF_CREATE_LIST, list);
	int error = errno;
	close(device);
	free(list);
	if (buffer->fd < 0)
		return remote_fail("a udmabuf of %u pages: %s", count, strerror(error));
	return map(buffer, (uint64_t)count * PROBE_PAGE);
}

static int open_udmabuf(struct buffer *buffer, uint64_t size)
{
	struct udmabuf_create request = {.flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	uint8_t *va;
	int memfd = buffer_memfd(size, &va);

	if (memfd < 0)
		return -1;
	munmap(va, size);
	request.memfd = (uint32_t)memfd;
	buffer->fd = device < 0 ? -1 : ioctl(device, UDMABUF_CREATE, &request);
	int error = errno;
	if (device >= 0)
		close(device);
	close(memfd);
	if (buffer->fd < 0)
		return remote_fail("/dev/udmabuf: %llu bytes: %s", (unsigned long long)size,
				   strerror(error));
	return map(buffer, size);
}

int buffer_open(struct buffer *buffer, const char *source, uint64_t size)
{
	return strcmp(source, BUFFER_UDMABUF) ? open_heap(buffer, source, size)
					      : open_udmabuf(buffer, size);
}

void buffer_close(struct buffer *buffer)
{
	munmap(buffer->va, buffer->size);
	close(buffer->fd);
}

int attachment_remote(int *remote)
{
	struct amphora_remote request = {0};
	int device = open(AMPHORA_DEVICE, O_RDWR | O_CLOEXEC);

	request.proof = open("/dev/remoteproc0", O_RDWR | O_CLOEXEC);
	if (device < 0 || request.proof < 0 || ioctl(device, AMPHORA_IOC_REMOTE, &request))
		return remote_fail("the module does not know the coprocessor: %s", strerror(errno));
	close(device);
	close(request.proof);
	*remote = request.fd;
	return 0;
}

static int read_segments(struct attachment *attachment, uint64_t size)
{
	struct amphora_segments request = {.count = attachment->info.segments};
	uint64_t total = 0;

	/* the same two members in both */
	_Static_assert(sizeof(struct amphora_segment) == sizeof(struct probe_segment), "");
	attachment->segments =
		calloc(request.count ? request.count : 1, sizeof(*attachment->segments));
	request.list = (uintptr_t)attachment->segments;
	if (!attachment->segments || ioctl(attachment->fd, AMPHORA_IOC_SEGMENTS, &request))
		return remote_fail("its segments: %s", strerror(errno));
	for (uint32_t i = 0; i < request.count; i++)
		total += attachment->segments[i].length;
	if (total != size || attachment->info.size != size)
		return remote_fail("the segments have %llu bytes, the buffer %llu",
				   (unsigned long long)total, (unsigned long long)size);
	return 0;
}

int attachment_open(struct attachment *attachment, int remote, const struct buffer *buffer)
{
	struct amphora_attach request = {.dmabuf = buffer->fd,
					 .direction = AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES};

	*attachment = (struct attachment){.fd = -1};
	if (ioctl(remote, AMPHORA_IOC_ATTACH, &request))
		return -errno;
	attachment->fd = request.fd;
	if (ioctl(attachment->fd, AMPHORA_IOC_INFO, &attachment->info))
		return remote_fail("an attachment says nothing of itself: %s", strerror(errno));
	return read_segments(attachment, buffer->size);
}

int attachment_sync(const struct attachment *attachment, uint32_t flags, uint64_t offset,
		    uint64_t length)
{
	struct amphora_sync request = {.offset = offset, .length = length, .flags = flags};

	if (ioctl(attachment->fd, AMPHORA_IOC_SYNC, &request))
		return remote_fail("a sync: %s", strerror(errno));
	return 0;
}

int attachment_close(struct attachment *attachment)
{
	int error = ioctl(attachment->fd, AMPHORA_IOC_RELEASE) ? errno : 0;

	free(attachment->segments);
	close(attachment->fd);
	return error ? remote_fail("a release: %s", strerror(error)) : 0;
}
