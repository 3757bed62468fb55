/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Provider "udmabuf": each buffer is a memfd's pages as a dma-buf.
 * Memory layer, Linux. The dma-buf keeps the pages; the memfd is closed as soon as it is made, so that
 * nobody gets at the file beneath.
 */
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/dmabuf.h>

#include "memory/internal.h"
#include "memory/provider/linux/memfd_internal.h"

#define DEVICE "/dev/udmabuf"
#define LIMIT  "/sys/module/udmabuf/parameters/size_limit_mb"
#define MAPPED 0 /* in private_data: bytes mapped, whole pages of the memory's own size */

/* Returns the fd or -errno. */
static int open_device(struct amph_why *why)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	return amph_refuse(why, -errno,
			   errno == ENOENT   ? "there is no /dev/udmabuf: CONFIG_UDMABUF"
			   : errno == EACCES ? "this user may not open /dev/udmabuf"
					     : "/dev/udmabuf can't be opened",
			   0, 0);
}

/* Bytes, or UINT64_MAX where the kernel does not tell. */
static uint64_t size_limit(void)
{
	char text[24] = "";
	int file = open(LIMIT, O_RDONLY | O_CLOEXEC);
	ssize_t length;
	long megabytes;

	if (file < 0)
		return UINT64_MAX;
	length = read(file, text, sizeof(text) - 1);
	close(file);
	megabytes = length > 0 ? strtol(text, NULL, 10) : -1;
	return megabytes < 0 ? UINT64_MAX : (uint64_t)megabytes << 20;
}

static int check_flags(struct amph_shm *shm)
{
	if (shm->flags & AMPH_SHM_READ_ONLY)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "a dma-buf can be written by whoever gets its fd: attach it for "
				   "reading",
				   shm->flags, AMPH_SHM_HUGE);
	if (shm->flags & AMPH_SHM_NOT_CACHED)
		return amph_refuse(&shm->why, -ENOTSUP, "udmabuf's pages can't be mapped uncached",
				   shm->flags, AMPH_SHM_HUGE);
	return 0;
}

/* Returns the dma-buf's fd or -errno. */
static int make_dmabuf(int memfd, uint64_t length, struct amph_why *why)
{
	const struct udmabuf_create create = {
		.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .size = length};
	int device = open_device(why), fd, error;

	if (device < 0)
		return device;
	fd = ioctl(device, UDMABUF_CREATE, &create);
	error = -errno;
	close(device);
	if (fd < 0)
		return amph_refuse(why, error, "udmabuf makes no dma-buf of this size", length, 0);
	return fd;
}

/* The order is the kernel's: sealed against shrinking, then made a dma-buf. Returns it or -errno. */
static int seal_and_make(struct amph_shm *shm, int memfd, uint64_t length)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	uint64_t limit = size_limit();
	void *va;
	int error, fd;

	if (length > limit)
		return amph_refuse(&shm->why, -EFBIG,
				   "more than the module parameter udmabuf.size_limit_mb allows",
				   length, limit);
	error = shm->flags & AMPH_SHM_HUGE ? 0 : amph_check_available(length, &shm->why);
	if (!error)
		error = amph_memfd_map_new(shm, memfd, length, &va);
	if (error)
		return error;
	/* huge pages are there before they are pinned: too few is an error here */
	if (shm->flags & AMPH_SHM_HUGE && madvise(va, (size_t)length, MADV_POPULATE_WRITE) &&
	    errno != EINVAL)
		fd = amph_refuse(&shm->why, -ENOMEM,
				 "too few huge pages are free: /proc/sys/vm/nr_hugepages", length,
				 0);
	else if (fcntl(memfd, F_ADD_SEALS, seals))
		fd = amph_refuse(&shm->why, -errno, "the memory can't be sealed", (uint64_t)seals,
				 0);
	else
		fd = make_dmabuf(memfd, length, &shm->why);
	if (fd < 0)
		munmap(va, (size_t)length);
	else
		shm->va = va;
	return fd;
}

static int udmabuf_open(struct amph_provider *provider, struct amph_shm *shm, const char *name)
{
	int error = check_flags(shm), memfd, fd;
	uint64_t length;

	(void)provider;
	if (!error)
		error = amph_memfd_new(shm, name, &memfd, &length);
	if (error)
		return error;
	fd = seal_and_make(shm, memfd, length);
	close(memfd);
	if (fd < 0)
		return fd;
	shm->handle = fd;
	shm->private_data[MAPPED] = (uintptr_t)length;
	return 0;
}

static void udmabuf_close(struct amph_provider *provider, struct amph_shm *shm)
{
	(void)provider;
	munmap(shm->va, (size_t)shm->private_data[MAPPED]);
	close((int)shm->handle);
}

static const struct amph_provider_ops udmabuf_ops = {.open = udmabuf_open, .close = udmabuf_close};

int amph_provider_udmabuf_init(struct amph_provider *provider, struct amph_why *why)
{
	int fd = open_device(why);

	if (fd < 0)
		return fd;
	close(fd);
	*provider = (struct amph_provider){.name = "udmabuf", .ops = &udmabuf_ops};
	return 0;
}
