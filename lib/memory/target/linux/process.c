/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "process": another process, which gets the memory's fd with the offer.
 * Memory layer, Linux. Its device addresses are offsets into that fd. What it may do is sealed
 * into the memory before it gets the fd.
 */
#include <fcntl.h>
#include <sys/stat.h>

#include <amphora/target.h>

/*
 * The kernel holds the process to the buffer alone only if the fd is no larger than the buffer, up
 * to the end of its last page, and to reading only if writing is sealed.
 */
static bool is_enforced(const struct amph_attachment *attachment, const struct stat *status,
			int seals)
{
	const struct amph_shm *shm = attachment->shm;
	uint64_t size = (uint64_t)status->st_size;
	bool writes = attachment->direction & AMPH_DEVICE_WRITES;

	return !shm->handle_offset && size >= shm->size &&
	       size - shm->size < (uint64_t)status->st_blksize &&
	       (writes || seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE));
}

static int process_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	struct amph_shm *shm = attachment->shm;
	int fd = (int)shm->handle, seals;
	struct stat status;

	(void)target;
	if (shm->handle < 0 || fstat(fd, &status))
		return amph_refuse(&shm->why, -ENOTSUP, "the buffer has no fd to pass", 0, 0);
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return amph_refuse(&shm->why, -EPERM,
				   "the memory could still shrink under the process",
				   seals < 0 ? 0 : (uint64_t)seals, F_SEAL_SHRINK);
	if (attachment->direction & AMPH_DEVICE_WRITES &&
	    seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return amph_refuse(&shm->why, -EROFS, "the memory is sealed against writing",
				   (uint64_t)seals, 0);
	if (!attachment->segment_max)
		return amph_refuse(&shm->why, -ENOSPC, "no storage for the target's segments", 1,
				   0);
	attachment->segments[0] =
		(struct amph_segment){.address = shm->handle_offset, .length = shm->size};
	attachment->segment_count = 1;
	attachment->enforced = is_enforced(attachment, &status, seals);
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
