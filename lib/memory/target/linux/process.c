/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "process": another process, which gets the memory's fd with the offer.
 * Memory layer, Linux. Its device addresses are offsets into that fd. What it may do is sealed
 * into the memory before it gets the fd.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/dmabuf.h>
#include <amphora/target.h>

/* What the kernel keeps of the memory behind the fd, whoever has it. */
struct kept {
	uint64_t size;
	uint64_t page;
	bool read_only; /* the process can't map it for writing */
	bool sealed; /* nor have it written by anybody */
};

static int keep_memfd(struct amph_shm *shm, int fd, struct kept *kept)
{
	struct stat status;
	int seals;

	if (fstat(fd, &status))
		return amph_refuse(&shm->why, -ENOTSUP, "the buffer has no fd to pass", 0, 0);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return amph_refuse(&shm->why, -EPERM,
				   "the memory could still shrink under the process",
				   seals < 0 ? 0 : (uint64_t)seals, F_SEAL_SHRINK);
	kept->size = (uint64_t)status.st_size;
	kept->page = (uint64_t)status.st_blksize;
	kept->read_only = seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE);
	kept->sealed = kept->read_only;
	return 0;
}

/*
 * A dma-buf keeps its size for life, and its fd the mode: it can't be opened anew through /proc. But
 * drivers let a device that the process has write it without a look at that mode.
 */
static int keep_dmabuf(struct amph_shm *shm, int fd, struct kept *kept)
{
	int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return amph_refuse(&shm->why, -errno, "the fd's mode is not known", (uint64_t)fd,
				   0);
	kept->page = (uint64_t)sysconf(_SC_PAGESIZE);
	kept->read_only = (mode & O_ACCMODE) == O_RDONLY;
	return 0;
}

/*
 * The kernel holds the process to the buffer alone only if the fd is no larger than the buffer, up
 * to the end of its last page, and to reading only if the memory is sealed.
 */
static bool is_enforced(const struct amph_attachment *attachment, const struct kept *kept)
{
	const struct amph_shm *shm = attachment->shm;

	return !shm->handle_offset && kept->size >= shm->size &&
	       kept->size - shm->size < kept->page &&
	       (attachment->direction & AMPH_DEVICE_WRITES || kept->sealed);
}

static int process_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	int fd = (int)shm->handle, error;
	struct kept kept = {0};

	(void)target;
	if (fd < 0)
		return amph_refuse(&shm->why, -ENOTSUP, "the buffer has no fd to pass", 0, 0);
	error = amph_dmabuf_size(fd, &kept.size, NULL) ? keep_memfd(shm, fd, &kept)
						       : keep_dmabuf(shm, fd, &kept);
	if (error)
		return error;
	if (attachment->direction & AMPH_DEVICE_WRITES && kept.read_only)
		return amph_refuse(&shm->why, -EROFS,
				   "the memory is sealed against writing, or its fd",
				   attachment->direction, AMPH_DEVICE_READS);
	if (!attachment->segment_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for the target's segments", 1,
				   0);
	attachment->segments[0] =
		(struct amph_segment){.address = shm->handle_offset, .length = shm->size};
	attachment->segment_count = 1;
	attachment->enforced = is_enforced(attachment, &kept);
	return 0;
}

static void process_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	/* the fd stays the buffer's: the process closes its own copy */
	(void)target;
	(void)attachment;
}

static const struct amph_target_ops process_ops = {
	.attach = process_attach,
	.detach = process_detach,
};

void amph_target_process_init(struct amph_target *target, const char *name)
{
	*target = (struct amph_target){
		.name = name, .ops = &process_ops, .address_bits = 64, .coherent = true};
}
