/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider "memfd": each buffer is anonymous memory of its own behind a sealed fd.
 * Memory layer, Linux. Read-only is decided here, before the fd can leave the process.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <amphora/memfd.h>

#define MAPPED 0 /* in private_data: bytes mapped, whole pages of the memory's own size */

/* Sizes come from callers: what no file can hold is too much memory, not a bad argument. */
static int memory_error(int error)
{
	return error == EINVAL || error == EFBIG || error == EOVERFLOW ? -ENOMEM : -error;
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

/* Rounds up to whole pages of whatever size this memory has. */
static int whole_pages(struct amph_shm *shm, int fd, uint64_t *length)
{
	struct statfs system;
	uint64_t page;

	if (fstatfs(fd, &system))
		return amph_refuse(&shm->why, -errno, "the memfd's page size is not known", 0, 0);
	page = (uint64_t)system.f_bsize;
	if (shm->size > (uint64_t)INT64_MAX - (page - 1) || shm->size > SIZE_MAX - (page - 1))
		return amph_refuse(&shm->why, -ENOMEM, "more memory than the system can address",
				   shm->size, INT64_MAX);
	*length = (shm->size + page - 1) / page * page;
	return 0;
}

/*
 * The order is the point: the opener's own mapping first, then no other can ever write; last the
 * set of seals itself is closed, so that nobody who gets the fd can seal the opener out.
 */
static int map_and_seal(struct amph_shm *shm, int fd, uint64_t length)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *va;

	if (ftruncate(fd, (off_t)length))
		return amph_refuse(&shm->why, memory_error(errno), "no memory of this size", length,
				   0);
	va = mmap(NULL, (size_t)length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (va == MAP_FAILED)
		return amph_refuse(&shm->why, memory_error(errno),
				   shm->flags & AMPH_SHM_HUGE ? "too few huge pages are free"
							      : "no memory of this size",
				   length, 0);
	if (shm->flags & AMPH_SHM_READ_ONLY)
		seals |= F_SEAL_FUTURE_WRITE;
	/* the mode refuses to open it anew for writing, but to root; the seals refuse the writing */
	if (madvise(va, (size_t)length, MADV_DONTFORK) ||
	    (shm->flags & AMPH_SHM_READ_ONLY && fchmod(fd, 0444)) ||
	    fcntl(fd, F_ADD_SEALS, seals)) {
		int error = errno;

		munmap(va, (size_t)length);
		return amph_refuse(&shm->why, -error, "the memory can't be sealed", (uint64_t)seals,
				   0);
	}
	shm->va = va;
	return 0;
}

static int memfd_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	uint64_t length = 0;
	int fd = -1, error;

	(void)provider;
	if (shm->flags & AMPH_SHM_NOT_CACHED)
		return amph_refuse(&shm->why, -ENOTSUP, "a memfd can't be mapped uncached",
				   shm->flags, AMPH_SHM_READ_ONLY | AMPH_SHM_HUGE);
	error = create(shm, name, &fd);
	if (error)
		return error;
	error = whole_pages(shm, fd, &length);
	if (!error)
		error = map_and_seal(shm, fd, length);
	if (error) {
		close(fd);
		return error;
	}
	shm->handle = fd;
	shm->private_data[MAPPED] = (uintptr_t)length;
	return 0;
}

static void memfd_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	munmap(shm->va, (size_t)shm->private_data[MAPPED]);
	close((int)shm->handle);
}

static const struct amph_provider_ops memfd_ops = {.open = memfd_open, .close = memfd_close};

void amph_provider_memfd_init(struct amph_provider *provider)
{
	*provider = (struct amph_provider){.name = "memfd", .ops = &memfd_ops};
}
