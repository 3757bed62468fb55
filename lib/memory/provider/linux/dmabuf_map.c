/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The CPU's mapping of a dma-buf.
 * Memory layer, Linux; knows no provider. Between open and close of a buffer.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "memory/internal.h"
#include "memory/provider/linux/dmabuf_internal.h"

uint64_t amph_page_size(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

int amph_whole_pages(uint64_t size, uint64_t page, uint64_t *length, struct amph_why *why)
{
	if (size > (uint64_t)INT64_MAX - (page - 1) || size > SIZE_MAX - (page - 1))
		return amph_refuse(why, -ENOMEM, "more memory than the system can address", size,
				   SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX);
	*length = (size + page - 1) / page * page;
	return 0;
}

int amph_dmabuf_map(int fd, uint64_t offset, uint64_t length, int writable, void **va,
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
