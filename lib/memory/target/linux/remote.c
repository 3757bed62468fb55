/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Target "remote": a remote processor of Linux, through the kernel module amphora.
 * Memory layer, Linux. attach: a dma-buf becomes device addresses; detach: the kernel unmaps it; what
 * ends otherwise the kernel keeps in quarantine. Life and death of the processor are remote_life.c's.
 */
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <amphora/fork.h>
#include <amphora/log.h>
#include <amphora/remote.h>

#include "memory/internal.h"
#include "memory/target/linux/remote_internal.h"

#define SEGMENTS_AT_ONCE 64u

AMPH_STATIC_ASSERT(AMPH_DEVICE_READS == AMPHORA_DEVICE_READS &&
			   AMPH_DEVICE_WRITES == AMPHORA_DEVICE_WRITES,
		   "a direction is the same number in the kernel");

/* in private_data */
#define FILE  0
#define OWNED 1 /* the file is the attachment's, not the buffer's */

static int attachment_fd(const struct amph_attachment *attachment)
{
	return (int)attachment->private_data[FILE];
}

static const char *reason(int error)
{
	switch (error) {
	case -ENOTCONN:
		return "the remote processor does not run";
	case -ENODEV:
		return "the remote processor is gone";
	case -EACCES:
		return "the dma-buf was opened for reading only";
	case -ERANGE:
		return "a part of the buffer has no device address that fits";
	case -EREMOTEIO:
		return "the processor could reach it only through a bounce buffer: a copy";
	case -EDQUOT:
		return "the kernel lets this user attach no more: it would be more than its "
		       "quarantine holds";
	case -ETIMEDOUT:
		return "the kernel waits too long: for a fence of the dma-buf's, as a rule";
	default:
		return "the kernel refuses to attach the buffer";
	}
}

/* A processor that does not run is a target that is gone, here. */
static int refuse(struct amph_why *why, int error)
{
	return amph_refuse(why, error == -ENOTCONN ? -ENODEV : error, reason(error),
			   (uint64_t)-error, 0);
}

/* Adds the part of a segment that lies in the buffer; *at is the segment's place in the dma-buf. */
static int add_segment(struct amph_attachment *attachment, uint64_t *at,
		       struct amphora_segment segment)
{
	const struct amph_shm *shm = attachment->shm;
	uint64_t start = shm->handle_offset, end = start + shm->size;
	uint64_t from = *at > start ? *at : start;
	uint64_t to = *at + segment.length < end ? *at + segment.length : end;
	uint64_t address = segment.address + (from - *at);

	*at += segment.length;
	if (from >= to)
		return 0;
	return amph_segments_append(attachment->segments, &attachment->segment_count,
				    attachment->segment_max, address, to - from);
}

static int read_segments(struct amph_attachment *attachment, uint32_t total)
{
	struct amphora_segment list[SEGMENTS_AT_ONCE];
	struct amph_why *why = &attachment->shm->why;
	uint64_t at = 0;

	for (uint32_t first = 0; first < total; first += SEGMENTS_AT_ONCE) {
		uint32_t left = total - first;
		struct amphora_segments call = {
			.first = first,
			.count = left < SEGMENTS_AT_ONCE ? left : SEGMENTS_AT_ONCE,
			.list = (uintptr_t)list,
		};
		int error =
			amph_module_call(attachment_fd(attachment), AMPHORA_IOC_SEGMENTS, &call);

		if (error)
			return refuse(why, error);
		for (uint32_t i = 0; i < call.count; i++)
			if (add_segment(attachment, &at, list[i]))
				return amph_refuse(why, -ENOSPC,
						   "no storage for the target's segments", total,
						   attachment->segment_max);
	}
	return 0;
}

static int read_attachment(struct amph_attachment *attachment)
{
	const struct amph_remote *remote = (const struct amph_remote *)attachment->target;
	struct amph_shm *shm = attachment->shm;
	struct amphora_attachment_info info = {0};
	bool bounced;
	int error = amph_module_call(attachment_fd(attachment), AMPHORA_IOC_INFO, &info);

	if (error)
		return refuse(&shm->why, error);
	if (info.boots != remote->boots)
		return amph_refuse(&shm->why, -ENODEV,
				   "the remote processor has started anew: amph_remote_poll()",
				   info.boots, remote->boots);
	if (shm->handle_offset > info.size || shm->size > info.size - shm->handle_offset)
		return amph_refuse(&shm->why, -EFAULT, "the dma-buf is smaller than the buffer",
				   info.size, shm->size);
	error = read_segments(attachment, info.segments);
	if (error)
		return error;
	bounced = info.flags & AMPHORA_ATTACHMENT_BOUNCED;
	attachment->coherent = info.flags & AMPHORA_ATTACHMENT_COHERENT && !bounced;
	if (!attachment->coherent && info.cache_line > attachment->granule)
		attachment->granule = info.cache_line;
	if (shm->size % attachment->granule)
		return amph_refuse(&shm->why, -EINVAL,
				   "the buffer does not consist of whole cache lines", shm->size,
				   attachment->granule);
	attachment->enforced = info.flags & AMPHORA_ATTACHMENT_ENFORCED;
	return 0;
}

/* Nobody reaches it any more, on the peer's word or because nobody was told: the kernel may unmap. */
static void release(int fd)
{
	int error = amph_module_call(fd, AMPHORA_IOC_RELEASE, NULL);

	if (error && error != -ESTALE)
		amph_log(AMPH_LOG_WARNING,
			 "the kernel does not release an attachment: it keeps the memory",
			 (uint64_t)-error, 0);
	close(fd);
}

bool amph_remote_reaches_no_more(const struct amph_attachment *attachment)
{
	struct amphora_attachment_info info = {0};

	/* what the kernel does not say is not proved */
	return !amph_module_call(attachment_fd(attachment), AMPHORA_IOC_INFO, &info) &&
	       info.flags & (AMPHORA_ATTACHMENT_PROVED | AMPHORA_ATTACHMENT_RELEASED);
}

static int check_dmabuf(struct amph_shm *shm)
{
	struct statfs system;

	if (shm->handle < 0)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "the buffer has no fd: a remote processor takes dma-bufs only",
				   0, 0);
	if (fstatfs((int)shm->handle, &system))
		return amph_refuse(&shm->why, -errno, "the buffer's fd is not open",
				   (uint64_t)shm->handle, 0);
	if (system.f_type != DMA_BUF_MAGIC)
		return amph_refuse(&shm->why, -ENOTSUP,
				   "the buffer's memory is no dma-buf: open it from a dma-heap or "
				   "udmabuf",
				   (uint64_t)system.f_type, DMA_BUF_MAGIC);
	return 0;
}

static int remote_attach(struct amph_target *target, struct amph_attachment *attachment)
{
	const struct amph_remote *remote = (const struct amph_remote *)target;
	struct amph_shm *shm = attachment->shm;
	struct amphora_attach call = {
		.dmabuf = (int)shm->handle, .direction = attachment->direction, .fd = -1};
	int error, memory;

	if (remote->fork_generation != amph_fork_generation())
		return amph_refuse(&shm->why, -EPERM,
				   "the target belongs to the process that forked this one",
				   remote->fork_generation, amph_fork_generation());
	memory = amph_remote_memory_of(remote, shm);
	if (memory >= 0) { /* the processor's own already: only to be looked at */
		attachment->private_data[FILE] = (uintptr_t)memory;
		return read_attachment(attachment);
	}
	error = check_dmabuf(shm);
	if (error)
		return error;
	error = amph_module_call(remote->fd, AMPHORA_IOC_ATTACH, &call);
	if (error)
		return refuse(&shm->why, error);
	attachment->private_data[FILE] = (uintptr_t)call.fd;
	attachment->private_data[OWNED] = 1;
	error = read_attachment(attachment);
	if (error)
		release(call.fd);
	return error;
}

static void remote_detach(struct amph_target *target, struct amph_attachment *attachment)
{
	/* where the target is off, the kernel has unmapped it already: nothing is left to release */
	(void)target;
	if (attachment->private_data[OWNED])
		release(attachment_fd(attachment));
}

static int sync_range(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
		      uint32_t way)
{
	struct amphora_sync call = {
		.offset = attachment->shm->handle_offset + offset, .length = length, .flags = way};

	return amph_module_call(attachment_fd(attachment), AMPHORA_IOC_SYNC, &call);
}

static int remote_sync_for_device(struct amph_attachment *attachment, uint64_t offset,
				  uint64_t length)
{
	return sync_range(attachment, offset, length, AMPHORA_SYNC_FOR_DEVICE);
}

static int remote_sync_for_cpu(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	int error = sync_range(attachment, offset, length, AMPHORA_SYNC_FOR_CPU);

	/* unmapping it, the kernel has done all that there is to do */
	return error == -ESTALE && attachment->target->state == AMPH_TARGET_OFF ? 0 : error;
}

static const struct amph_target_ops remote_ops = {
	.attach = remote_attach,
	.detach = remote_detach,
	.sync_for_device = remote_sync_for_device,
	.sync_for_cpu = remote_sync_for_cpu,
};

void amph_remote_learn(struct amph_remote *remote, const struct amphora_remote_info *info)
{
	struct amph_target *target = &remote->target;

	remote->boots = info->boots;
	target->coherent = info->flags & AMPHORA_REMOTE_COHERENT;
	target->cache_line = info->cache_line;
	target->address_bits = info->address_bits;
}

static void set_up(struct amph_remote *remote, int fd, const struct amphora_remote_info *info)
{
	*remote = (struct amph_remote){
		.target = {.name = remote->name,
			   .ops = &remote_ops,
			   .state = info->state == AMPHORA_RUNNING ? AMPH_TARGET_ALIVE
								   : AMPH_TARGET_OFF},
		.fd = fd,
		.index = info->index,
		.fork_generation = amph_fork_generation(),
	};
	memcpy(remote->name, info->name, sizeof(remote->name) - 1);
	amph_remote_learn(remote, info);
}

int amph_remote_open_checked(struct amph_remote *remote, int proof, struct amph_why *why,
			     uint32_t abi, uint32_t structure_size)
{
	struct amphora_remote_info info = {0};
	int fd = -1;
	int error = amph_abi_check(abi, structure_size, (uint32_t)sizeof(*remote));

	if (error)
		return error;
	remote->fd = -1; /* whoever closes it after a refusal closes nothing */
	error = amph_module_remote(proof, &fd, why);
	if (error)
		return error;
	error = amph_module_call(fd, AMPHORA_IOC_REMOTE_INFO, &info);
	if (error) {
		close(fd);
		return amph_refuse(why, error, "the kernel does not say what the remote is",
				   (uint64_t)-error, 0);
	}
	set_up(remote, fd, &info);
	return 0;
}

int amph_remote_close(struct amph_remote *remote)
{
	if (remote->fd < 0)
		return 0;
	if (remote->target.attachments && remote->fork_generation == amph_fork_generation())
		return amph_refuse(&remote->why, -EBUSY, "buffers are attached to it", 0, 0);
	close(remote->fd);
	remote->fd = -1;
	return 0;
}
