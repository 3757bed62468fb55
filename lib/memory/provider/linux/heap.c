/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider "dma-heap": each buffer is a dma-buf of its own, from a heap of the kernel's by name.
 * Memory layer, Linux. The heap's device is open only while a buffer is allocated.
 */
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "memory/internal.h"
#include "memory/provider/linux/dmabuf_internal.h"
#include "memory/provider/linux/memfd_internal.h"

#define HEAPS  "/dev/dma_heap/"
#define MAPPED 0 /* in private_data: bytes mapped, whole pages */

/* Returns the fd or -errno. */
static int open_heap(const char *heap, struct amph_why *why)
{
	char path[sizeof(HEAPS) + AMPH_HEAP_NAME_MAX];
	int fd;

	snprintf(path, sizeof(path), HEAPS "%s", heap);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return amph_refuse(why, -errno,
			   errno == ENOENT   ? "no heap of that name is in /dev/dma_heap"
			   : errno == EACCES ? "this user may not open the heap in /dev/dma_heap"
					     : "the heap can't be opened",
			   0, 0);
}

static bool is_uncached(const char *heap)
{
	static const char suffix[] = "-uncached";
	size_t length = strlen(heap);

	return length >= sizeof(suffix) && !strcmp(heap + length - (sizeof(suffix) - 1), suffix);
}

static int check_flags(struct amph_shm *shm, const char *heap)
{
	if (shm->flags & AMPH_SHM_READ_ONLY)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "a dma-buf can be written by whoever gets its fd: attach it for "
				   "reading",
				   shm->flags, AMPH_SHM_NOT_CACHED);
	if (shm->flags & AMPH_SHM_HUGE)
		return amph_refuse(&shm->why, -ENOTSUP, "a dma-heap decides its page sizes itself",
				   shm->flags, AMPH_SHM_NOT_CACHED);
	if (shm->flags & AMPH_SHM_NOT_CACHED && !is_uncached(heap))
		return amph_refuse(&shm->why, -ENOTSUP,
				   "only heaps named ...-uncached are mapped uncached", shm->flags,
				   0);
	return 0;
}

/*
 * Linux's names: "protected,secure-video", ... The exporter refuses a mapping too, but need not be asked
 * for one.
 */
static bool is_protected(const char *heap)
{
	static const char prefix[] = AMPH_HEAP_PROTECTED;

	return !strncmp(heap, prefix, sizeof(prefix) - 1);
}

/* CMA and protected heaps have regions of their own, and refuse by themselves. */
static int check_available(const char *heap, uint64_t length, struct amph_why *why)
{
	return strncmp(heap, "system", strlen("system")) ? 0 : amph_check_available(length, why);
}

/* Returns the dma-buf's fd or -errno. */
static int allocate(const char *heap, uint64_t length, struct amph_why *why)
{
	struct dma_heap_allocation_data request = {.len = length, .fd_flags = O_RDWR | O_CLOEXEC};
	int fd = open_heap(heap, why), error = 0;

	if (fd < 0)
		return fd;
	if (ioctl(fd, DMA_HEAP_IOCTL_ALLOC, &request))
		error = -errno;
	close(fd);
	if (error)
		return amph_refuse(why, error,
				   error == -ENOMEM ? "the heap has no memory of this size"
						    : "the heap gives no buffer of this size",
				   length, 0);
	return (int)request.fd;
}

static int heap_open(struct amph_provider *base, struct amph_shm *shm, const char *name)
{
	/* the provider is the first member */
	struct amph_provider_heap *provider = (struct amph_provider_heap *)base;
	int error = check_flags(shm, provider->heap), fd;
	uint64_t length;

	(void)name;
	if (!error)
		error = amph_whole_pages(shm->size, (uint64_t)sysconf(_SC_PAGESIZE), &length,
					 &shm->why);
	if (!error)
		error = check_available(provider->heap, length, &shm->why);
	if (error)
		return error;
	fd = allocate(provider->heap, length, &shm->why);
	if (fd < 0)
		return fd;
	if (!is_protected(provider->heap))
		error = amph_dmabuf_map_known(fd, 0, length, 1, &shm->va, &shm->why);
	if (error) {
		close(fd);
		return error;
	}
	if (!shm->va)
		shm->flags |= AMPH_SHM_PROTECTED;
	if (is_uncached(provider->heap))
		shm->flags |= AMPH_SHM_NOT_CACHED;
	shm->handle = fd;
	shm->private_data[MAPPED] = (uintptr_t)length;
	return 0;
}

static void heap_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	if (shm->va)
		munmap(shm->va, (size_t)shm->private_data[MAPPED]);
	close((int)shm->handle);
}

static const struct amph_provider_ops heap_ops = {.open = heap_open, .close = heap_close};

static int check_name(const char *heap, struct amph_why *why)
{
	if (!heap || !*heap || strchr(heap, '/') || !strcmp(heap, ".") || !strcmp(heap, ".."))
		return amph_refuse(why, -EINVAL, "a heap's name is a file's name in /dev/dma_heap",
				   0, 0);
	if (strlen(heap) >= AMPH_HEAP_NAME_MAX)
		return amph_refuse(why, -ENAMETOOLONG, "the heap's name is too long", strlen(heap),
				   AMPH_HEAP_NAME_MAX - 1);
	return 0;
}

int amph_provider_heap_init_checked(struct amph_provider_heap *provider, const char *name,
				    const char *heap, struct amph_why *why, uint32_t abi,
				    uint32_t structure_size)
{
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*provider)), fd;

	if (error)
		return error;
	if (!name || !*name)
		return amph_refuse(why, -EINVAL, "a provider has a name", 0, 0);
	error = check_name(heap, why);
	if (error)
		return error;
	fd = open_heap(heap, why);
	if (fd < 0)
		return fd;
	close(fd);
	*provider = (struct amph_provider_heap){.provider = {.name = name, .ops = &heap_ops}};
	memcpy(provider->heap, heap, strlen(heap) + 1); /* fits: checked */
	return 0;
}
