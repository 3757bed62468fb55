/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Foreign memory: mapping an fd that somebody else made, and opening a buffer over it.
 * Memory layer, Linux. Whoever sent the fd is not trusted: nothing may be mapped that it could take
 * away later, because touching it would then kill this process.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <amphora/memfd.h>

#include "memory/internal.h"
#include "memory/provider/linux/memfd_internal.h"

#define WRITE_SEALS (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* Only a memfd can promise to keep its size: by its seals. *page: bytes of a page of its memory. */
static int check_kind(int fd, int writable, uint64_t *page, struct amph_why *why)
{
	struct statfs system;
	int seals;

	if (fstatfs(fd, &system))
		return amph_refuse(why, -errno, "the fd is not open", (uint64_t)fd, 0);
	if (system.f_type == DMA_BUF_MAGIC)
		return amph_refuse(why, -ENOTSUP, "a dma-buf is opened by amph_shm_open_dmabuf()",
				   (uint64_t)fd, 0);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0)
		return amph_refuse(why, -EPERM, "the fd is no memfd: the memory could shrink",
				   (uint64_t)fd, 0);
	if (!(seals & F_SEAL_SHRINK))
		return amph_refuse(why, -EPERM, "the memfd could still shrink", (uint64_t)seals,
				   F_SEAL_SHRINK);
	/* a hole punched into huge pages may find none to fill it again: a fatal signal here */
	if ((uint32_t)system.f_type == HUGETLBFS_MAGIC && !(seals & WRITE_SEALS))
		return amph_refuse(why, -EPERM, "huge pages could still be punched out",
				   (uint64_t)seals, F_SEAL_FUTURE_WRITE);
	if (writable && seals & WRITE_SEALS)
		return amph_refuse(why, -EROFS, "the memfd is sealed against writing",
				   (uint64_t)seals, 0);
	*page = (uint64_t)system.f_bsize;
	return 0;
}

static int check_size(int fd, uint64_t offset, uint64_t size, uint64_t page, struct amph_why *why)
{
	struct stat status;

	if (!size)
		return amph_refuse(why, -EINVAL, "the size is 0", 0, 0);
	if (!page || offset % page)
		return amph_refuse(why, -EINVAL, "the offset is not a multiple of the page size",
				   offset, page);
	if (fstat(fd, &status))
		return amph_refuse(why, -errno, "the memory's size is not known", (uint64_t)fd, 0);
	if ((size_t)size != size)
		return amph_refuse(why, -ERANGE, "more memory than this process can map", size,
				   SIZE_MAX);
	if (offset > (uint64_t)status.st_size || size > (uint64_t)status.st_size - offset)
		return amph_refuse(why, -ERANGE, "the memory is smaller", size,
				   (uint64_t)status.st_size);
	return 0;
}

int amph_memfd_map(int fd, uint64_t offset, uint64_t size, int writable, void **va,
		   struct amph_why *why)
{
	uint64_t page = 1;
	int error = check_kind(fd, writable, &page, why);
	void *mapping;

	if (!error)
		error = check_size(fd, offset, size, page, why);
	if (error)
		return error;
	mapping = mmap(NULL, (size_t)size, writable ? PROT_READ | PROT_WRITE : PROT_READ,
		       MAP_SHARED, fd, (off_t)offset);
	if (mapping == MAP_FAILED)
		return amph_refuse(why, -errno, "the memory can't be mapped", offset, size);
	/* huge pages take advice only whole */
	if (madvise(mapping, (size_t)((size + page - 1) / page * page), MADV_DONTFORK)) {
		error = -errno;
		amph_memfd_unmap(mapping, size);
		return amph_refuse(why, error, "the mapping can't be kept out of children", 0, 0);
	}
	*va = mapping;
	return 0;
}

int amph_memfd_unmap(void *va, uint64_t size)
{
	if (!munmap(va, (size_t)size))
		return 0;
	/* huge pages go only whole, and only the mapping knows how large they are: 64 KiB to 1 GiB */
	for (unsigned int shift = 16; errno == EINVAL && shift <= 30; shift++) {
		uint64_t page = UINT64_C(1) << shift;

		if (!munmap(va, (size_t)((size + page - 1) & ~(page - 1))))
			return 0;
	}
	return -errno;
}

static int foreign_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	/* not in any context's list: amph_shm_open_fd() does this part */
	(void)provider;
	(void)name;
	return amph_refuse(&shm->why, -ENOTSUP, "foreign memory is opened by its fd", 0, 0);
}

static void foreign_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	if (shm->va)
		amph_memfd_unmap(shm->va, shm->size);
	close((int)shm->handle);
}

static const struct amph_provider_ops foreign_ops = {.open = foreign_open, .close = foreign_close};

/* Without state: the same for every context. */
static struct amph_provider foreign = {.name = "import", .ops = &foreign_ops};

static bool is_import(const char *name)
{
	static const char prefix[] = "import:";

	return !__builtin_strncmp(name, prefix, sizeof(prefix) - 1);
}

static int open_fd(struct amph_shm *shm, int fd, uint64_t offset, amph_foreign_map_fn *map)
{
	int own, error;

	if (!is_import(shm->name))
		return amph_refuse(&shm->why, -EINVAL, "a foreign buffer's name is \"import:name\"",
				   0, 0);
	if (shm->flags & ~AMPH_SHM_READ_ONLY)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "foreign memory is as it is: it can only be read-only",
				   shm->flags, AMPH_SHM_READ_ONLY);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own < 0)
		return amph_refuse(&shm->why, -errno, "the fd can't be duplicated", (uint64_t)fd,
				   0);
	error = map(own, offset, shm->size, !(shm->flags & AMPH_SHM_READ_ONLY), &shm->va,
		    &shm->why);
	if (error) {
		close(own);
		return error;
	}
	if (!shm->va)
		shm->flags |= AMPH_SHM_PROTECTED;
	shm->handle = own;
	shm->handle_offset = offset;
	shm->cpu_reads_only = shm->flags & AMPH_SHM_READ_ONLY;
	return 0;
}

int amph_foreign_open(struct amph_memory *memory, struct amph_shm *shm,
		      const struct amph_shm_storage *storage, const char *name, int fd,
		      uint64_t offset, uint64_t size, uint32_t flags, amph_foreign_map_fn *map)
{
	const char *own_name;
	int error = amph_shm_prepare(memory, shm, storage, name, size, flags, &own_name);

	if (!error)
		error = open_fd(shm, fd, offset, map);
	if (error)
		return amph_shm_fail(memory, shm, error);
	shm->memory = memory;
	shm->provider = &foreign;
	amph_shm_publish(shm, AMPH_HOLDER_CPU);
	return 0;
}

int amph_shm_open_fd(struct amph_memory *memory, struct amph_shm *shm,
		     const struct amph_shm_storage *storage, const char *name, int fd,
		     uint64_t offset, uint64_t size, uint32_t flags)
{
	return amph_foreign_open(memory, shm, storage, name, fd, offset, size, flags,
				 amph_memfd_map);
}
