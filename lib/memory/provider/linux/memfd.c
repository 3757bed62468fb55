/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider "memfd": each buffer is anonymous memory of its own behind a sealed fd.
 * Memory layer, Linux. Read-only is decided here, before the fd can leave the process.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/memfd.h>

#include "memory/provider/linux/memfd_internal.h"

#define MAPPED 0 /* in private_data: bytes mapped, whole pages of the memory's own size */

/*
 * The order is the point: the opener's own mapping first, then no other can ever write; last the
 * set of seals itself is closed, so that nobody who gets the fd can seal the opener out.
 */
static int map_and_seal(struct amph_shm *shm, int fd, uint64_t length)
{
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	void *va;
	int error = amph_memfd_map_new(shm, fd, length, &va);

	if (error)
		return error;
	if (shm->flags & AMPH_SHM_READ_ONLY)
		seals |= F_SEAL_FUTURE_WRITE;
	/* the mode refuses to open it anew for writing, but to root; the seals refuse the writing */
	if ((shm->flags & AMPH_SHM_READ_ONLY && fchmod(fd, 0444)) ||
	    fcntl(fd, F_ADD_SEALS, seals)) {
		error = -errno;
		munmap(va, (size_t)length);
		return amph_refuse(&shm->why, error, "the memory can't be sealed", (uint64_t)seals,
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
	error = amph_memfd_new(shm, name, &fd, &length);
	if (error)
		return error;
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
