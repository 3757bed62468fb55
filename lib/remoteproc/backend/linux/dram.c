/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shared DRAM: a sealed memfd that stands for the memory of a board.
 * Remoteproc layer; Linux only; knows nothing of who shares it.
 */
#include <amphora/rproc_linux.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int prepare(struct amph_dram *dram, uint64_t size)
{
	if (ftruncate(dram->fd, (off_t)size) ||
	    fcntl(dram->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	void *va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dram->fd, 0);
	if (va == MAP_FAILED)
		return -errno;
	if (madvise(va, size, MADV_DONTFORK)) {
		int error = -errno;

		munmap(va, size);
		return error;
	}
	dram->io.va = va;
	return 0;
}

int amph_dram_create(struct amph_dram *dram, const char *name, uint64_t size, uint64_t pa)
{
	*dram = (struct amph_dram){.fd = -1, .io = {.pa = pa, .da = pa, .size = size}};
	if (!size || size % (uint64_t)sysconf(_SC_PAGESIZE) || size > INT64_MAX ||
	    size - 1 > UINT64_MAX - pa)
		return -EINVAL;
	dram->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (dram->fd < 0)
		return -errno;
	int error = prepare(dram, size);
	if (error)
		amph_dram_close(dram);
	return error;
}

void amph_dram_close(struct amph_dram *dram)
{
	if (dram->io.va)
		munmap(dram->io.va, dram->io.size);
	/* a struct that is all zeros was never created: fd 0 is not its own */
	if (dram->fd >= 0 && dram->io.size)
		close(dram->fd);
	*dram = (struct amph_dram){.fd = -1};
}
