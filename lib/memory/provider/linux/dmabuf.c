/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma-bufs as such: telling one, its size, the CPU's mapping, and opening a buffer over somebody
 * else's.
 * Memory layer, Linux; knows no exporter. Whoever sent the fd is not trusted: but a dma-buf keeps its
 * size for life, so what is mapped stays.
 */
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "memory/internal.h"
#include "memory/provider/linux/dmabuf_internal.h"
#include "memory/provider/linux/memfd_internal.h"

/*
 * A sync in no direction: every dma-buf refuses it with EINVAL before it does anything. A file that
 * lives in a file system whose server only says that it is the dma-bufs' (9p asks its server) has no
 * such ioctl.
 */
static bool refuses_as_dmabuf(int fd)
{
	struct dma_buf_sync sync = {.flags = 0};

	return ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync) && errno == EINVAL;
}

int amph_dmabuf_size(int fd, uint64_t *size, struct amph_why *why)
{
	struct statfs system;
	off_t end;

	if (fstatfs(fd, &system))
		return amph_refuse(why, -errno, "the fd is not open", (uint64_t)fd, 0);
	if (system.f_type != DMA_BUF_MAGIC || !refuses_as_dmabuf(fd))
		return amph_refuse(why, -EINVAL, "the fd is no dma-buf", (uint64_t)system.f_type,
				   DMA_BUF_MAGIC);
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return amph_refuse(why, -errno, "the dma-buf's size is not known", (uint64_t)fd, 0);
	*size = (uint64_t)end;
	return 0;
}

int amph_dmabuf_map_known(int fd, uint64_t offset, uint64_t length, int writable, void **va,
			  struct amph_why *why)
{
	void *mapping = mmap(NULL, (size_t)length, writable ? PROT_READ | PROT_WRITE : PROT_READ,
			     MAP_SHARED, fd, (off_t)offset);

	*va = NULL;
	if (mapping == MAP_FAILED && (errno == ENOMEM || errno == EAGAIN))
		return amph_refuse(why, -errno, "the dma-buf can't be mapped now", length, 0);
	if (mapping == MAP_FAILED)
		return 0; /* the exporter's answer: its memory is not for the CPU */
	if (madvise(mapping, (size_t)length, MADV_DONTFORK)) {
		int error = -errno;

		munmap(mapping, (size_t)length);
		return amph_refuse(why, error, "the mapping can't be kept out of children", 0, 0);
	}
	*va = mapping;
	return 0;
}

int amph_dmabuf_map(int fd, uint64_t offset, uint64_t size, int writable, void **va,
		    struct amph_why *why)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), whole = 0;
	int error = amph_dmabuf_size(fd, &whole, why), mode;

	if (error)
		return error;
	if (offset % page)
		return amph_refuse(why, -EINVAL, "the offset is not a multiple of the page size",
				   offset, page);
	if (offset > whole || size > whole - offset)
		return amph_refuse(why, -ERANGE, "the dma-buf is smaller", size, whole);
	if ((size_t)size != size)
		return amph_refuse(why, -ERANGE, "more memory than this process can map", size,
				   SIZE_MAX);
	mode = fcntl(fd, F_GETFL);
	if (mode < 0)
		return amph_refuse(why, -errno, "the fd's mode is not known", (uint64_t)fd, 0);
	if (writable && (mode & O_ACCMODE) != O_RDWR)
		return amph_refuse(why, -EROFS,
				   "the dma-buf's fd is for reading only: export it with O_RDWR",
				   (uint64_t)(mode & O_ACCMODE), O_RDWR);
	return amph_dmabuf_map_known(fd, offset, size, writable, va, why);
}

int amph_shm_open_dmabuf(struct amph_memory *memory, struct amph_shm *shm,
			 const struct amph_shm_storage *storage, const char *name, int fd,
			 uint64_t offset, uint64_t size, uint32_t flags)
{
	return amph_foreign_open(memory, shm, storage, name, fd, offset, size, flags,
				 amph_dmabuf_map);
}
