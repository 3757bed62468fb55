/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How much memory a buffer needs and whether it is there; new memfds for buffers, mapped.
 * Memory layer, Linux; knows no provider. The start of a buffer.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "memory/internal.h"
#include "memory/provider/linux/memfd_internal.h"

/* Sizes come from callers: what no file can hold is too much memory, not a bad argument. */
static int memory_error(int error)
{
	return error == EINVAL || error == EFBIG || error == EOVERFLOW ? -ENOMEM : -error;
}

int amph_whole_pages(uint64_t size, uint64_t page, uint64_t *length, struct amph_why *why)
{
	const uint64_t most = SIZE_MAX < INT64_MAX ? SIZE_MAX : INT64_MAX;

	if (size > most - (page - 1))
		return amph_refuse(why, -ENOMEM, "more memory than the system can address", size,
				   most);
	*length = (size + page - 1) / page * page;
	return 0;
}

/*
 * Bytes: MemAvailable less CmaFree, since only pages that can be moved are lent from CMA regions;
 * UINT64_MAX where the kernel does not tell.
 */
static uint64_t available(void)
{
	unsigned long long all = UINT64_MAX / 1024, cma = 0;
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];

	while (file && fgets(line, sizeof(line), file)) {
		sscanf(line, "MemAvailable: %llu kB", &all);
		sscanf(line, "CmaFree: %llu kB", &cma);
	}
	if (file)
		fclose(file);
	if (all >= UINT64_MAX / 1024)
		return UINT64_MAX;
	return cma < all ? (all - cma) * 1024 : 0;
}

int amph_check_available(uint64_t length, struct amph_why *why)
{
	uint64_t limit = available();

	if (length <= limit)
		return 0;
	return amph_refuse(why, -ENOMEM, "more memory than is available", length, limit);
}

static int create(struct amph_shm *shm, const char *name, int *fd)
{
	unsigned int flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;

	if (shm->flags & AMPH_SHM_HUGE)
		flags |= MFD_HUGETLB;
	*fd = memfd_create(name, flags);
	if (*fd >= 0)
		return 0;
	/* a kernel without hugetlbfs knows no such flag, or has no page size to give */
	if (shm->flags & AMPH_SHM_HUGE && (errno == EINVAL || errno == ENOENT || errno == ENODEV))
		return amph_refuse(&shm->why, -ENOTSUP, "this system has no huge pages", 0, 0);
	return amph_refuse(&shm->why, -errno, "the kernel gives no memfd", shm->size, 0);
}

static int set_length(struct amph_shm *shm, int fd, uint64_t *length)
{
	struct statfs system;
	int error;

	if (fstatfs(fd, &system))
		return amph_refuse(&shm->why, -errno, "the memfd's page size is not known", 0, 0);
	error = amph_whole_pages(shm->size, (uint64_t)system.f_bsize, length, &shm->why);
	if (error)
		return error;
	if (ftruncate(fd, (off_t)*length))
		return amph_refuse(&shm->why, memory_error(errno), "no memory of this size",
				   *length, 0);
	return 0;
}

int amph_memfd_new(struct amph_shm *shm, const char *name, int *fd, uint64_t *length)
{
	int error = create(shm, name, fd);

	if (error)
		return error;
	error = set_length(shm, *fd, length);
	if (error)
		close(*fd);
	return error;
}

int amph_memfd_map_new(struct amph_shm *shm, int fd, uint64_t length, void **va)
{
	void *mapping = mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (mapping == MAP_FAILED)
		return amph_refuse(&shm->why, memory_error(errno),
				   shm->flags & AMPH_SHM_HUGE ? "too few huge pages are free: "
								"/proc/sys/vm/nr_hugepages"
							      : "no memory of this size",
				   length, 0);
	if (madvise(mapping, (size_t)length, MADV_DONTFORK)) {
		int error = -errno;

		munmap(mapping, (size_t)length);
		return amph_refuse(&shm->why, error, "the mapping can't be kept out of children", 0,
				   0);
	}
	*va = mapping;
	return 0;
}
