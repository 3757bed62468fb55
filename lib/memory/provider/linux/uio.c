/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserved memory through UIO, mapped, and the pool provider over it.
 * Memory layer, Linux. What is handed out of it, and to whom, is the pool's.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <amphora/uio.h>

#include "memory/internal.h"
#include "memory/provider/linux/uio_internal.h"

/* Returns the fd or -errno. */
static int open_device(unsigned int number, struct amph_why *why)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/uio%u", number);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	return amph_refuse(why, -errno,
			   errno == EACCES ? "this user may not open the UIO device"
					   : "the UIO device can't be opened",
			   number, 0);
}

/*
 * Two pools over the same memory would hand out the same bytes. The kernel lets anybody in, so this
 * is a lock among those who ask for it: a byte of the device for each map, as long as the fd is open.
 */
static int lock_map(int fd, unsigned int map, struct amph_why *why)
{
	struct flock lock = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)map, .l_len = 1};

	if (!fcntl(fd, F_OFD_SETLK, &lock))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return amph_refuse(why, -EBUSY, "the UIO map is in use", map, 0);
	return amph_refuse(why, -errno, "the UIO map can't be locked", map, 0);
}

static int map_memory(struct amph_uio *uio, const struct uio_map *found, struct amph_why *why)
{
	/* UIO takes the map's number for the offset, in pages */
	off_t offset = (off_t)found->map * sysconf(_SC_PAGESIZE);
	void *mapping = mmap(NULL, (size_t)found->size, PROT_READ | PROT_WRITE, MAP_SHARED, uio->fd,
			     offset);

	if (mapping == MAP_FAILED)
		return amph_refuse(why, -errno, "the UIO map can't be mapped", found->address,
				   found->size);
	if (madvise(mapping, (size_t)found->size, MADV_DONTFORK)) {
		int error = -errno;

		munmap(mapping, (size_t)found->size);
		return amph_refuse(why, error, "the mapping can't be kept out of children", 0, 0);
	}
	uio->mapping = mapping;
	uio->mapped = found->size;
	uio->va = (char *)mapping + found->offset;
	uio->pa = found->address + found->offset;
	uio->size = found->size - found->offset;
	return 0;
}

int amph_uio_open(struct amph_uio *uio, const char *device, const char *map, struct amph_why *why)
{
	struct uio_map found;
	int error;

	*uio = (struct amph_uio){.fd = -1};
	error = amph_uio_find(UIO_CLASS, device, map, &found, why);
	if (error)
		return error;
	uio->fd = open_device(found.device, why);
	if (uio->fd < 0)
		return uio->fd;
	error = lock_map(uio->fd, found.map, why);
	if (!error)
		error = map_memory(uio, &found, why);
	if (error) {
		close(uio->fd);
		uio->fd = -1;
	}
	return error;
}

void amph_uio_close(struct amph_uio *uio)
{
	if (uio->mapping)
		munmap(uio->mapping, (size_t)uio->mapped);
	if (uio->fd >= 0)
		close(uio->fd);
	*uio = (struct amph_uio){.fd = -1};
}

int amph_provider_uio_init_checked(struct amph_provider_pool *provider, const char *name,
				   struct amph_pool *pool, const struct amph_uio *uio, uint32_t abi,
				   uint32_t structure_size)
{
	int error;

	if (!uio || !uio->va || !pool || pool->size > uio->size)
		return -EINVAL;
	error = amph_provider_pool_init_checked(provider, name, pool, uio->va, uio->pa, abi,
						structure_size);
	if (!error)
		provider->not_cached = true; /* UIO_MEM_PHYS is mapped so, whatever it is */
	return error;
}
