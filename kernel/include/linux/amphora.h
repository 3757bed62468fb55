/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory that a remote processor reaches, for drivers in the kernel: what <uapi/linux/amphora.h> is
 * for programs. A driver of an RPMsg service finds the remote processor that the service lives on,
 * attaches a dma-buf to it, tells the other side the segments, hands ranges over, and releases the
 * attachment when the other side has acknowledged.
 *
 * All functions may sleep. Those that begin something are not for callbacks of RPMsg, nor for
 * .probe: from the core's view the remote processor may not be running there yet. Call them from a
 * work item, which .remove cancels. All others may be called from .remove too.
 */
#ifndef _LINUX_AMPHORA_H
#define _LINUX_AMPHORA_H

#include <linux/types.h>
#include <uapi/linux/amphora.h>

struct amphora_attachment;
struct amphora_processor;
struct dma_buf;
struct rpmsg_device;
struct rproc;

/**
 * amphora_get_by_rpmsg() - the remote processor that an RPMsg device lives on
 * @rpdev: a device that a driver is bound to, and stays so for the time of the call
 *
 * Return: it, with a reference for amphora_put(); -ENODEV (on no remote processor, or that one
 * goes),
 * -EBUSY (it is being started or stopped, for two seconds now), -EINTR, -ENOMEM.
 */
struct amphora_processor *amphora_get_by_rpmsg(struct rpmsg_device *rpdev);

/**
 * amphora_get_by_rproc() - the remote processor of a handle of remoteproc
 * @rproc: with a reference of the caller's, which it keeps
 *
 * Return: as amphora_get_by_rpmsg().
 */
struct amphora_processor *amphora_get_by_rproc(struct rproc *rproc);

/**
 * amphora_put() - drops a reference to a remote processor
 * @processor: from one of the functions above; attachments of it may stay
 */
void amphora_put(struct amphora_processor *processor);

/**
 * amphora_attach() - attaches a dma-buf, whole, in this life of the remote processor
 * @processor: which must be running
 * @dmabuf: the caller keeps its reference; the attachment has its own while it is mapped
 * @direction: AMPHORA_DEVICE_READS, AMPHORA_DEVICE_WRITES or both
 *
 * It counts for no user's limit.
 *
 * Return: the attachment, which ends with amphora_close(); -EINVAL (direction), and as
 * AMPHORA_IOC_ATTACH: -ENOTCONN (not running), -ENODEV (gone), -ERANGE, -EREMOTEIO, -ETIMEDOUT,
 * -EINTR, -ENOMEM, and the exporter's errors.
 */
struct amphora_attachment *amphora_attach(struct amphora_processor *processor,
					  struct dma_buf *dmabuf, u32 direction);

/**
 * amphora_allocate() - allocates zeroed memory that both sides see without cache maintenance
 * @processor: which must be running
 * @size: bytes, 1 to AMPHORA_COHERENT_MAX; rounded up to pages
 *
 * Return: as amphora_attach(); -EINVAL: size.
 */
struct amphora_attachment *amphora_allocate(struct amphora_processor *processor, size_t size);

/**
 * amphora_memory() - the kernel's address of memory from amphora_allocate()
 * @attachment: until whose amphora_release() or amphora_close() it is valid
 *
 * Return: the address; NULL for a dma-buf, which its exporter maps: dma_buf_vmap_unlocked().
 */
void *amphora_memory(const struct amphora_attachment *attachment);

/**
 * amphora_segments() - where the remote processor sees an attachment
 * @attachment: not closed yet
 * @list: device address and length in bytes of each, in order: together the whole buffer; valid
 *	until the attachment is closed
 *
 * Return: how many there are.
 */
u32 amphora_segments(const struct amphora_attachment *attachment,
		     const struct amphora_segment **list);

/**
 * amphora_sync_for_device() - hands a range to the remote processor
 * @attachment: not closed yet
 * @offset: bytes
 * @length: bytes; both whole cache lines where the remote processor is not coherent
 *
 * Return: 0; -EINVAL (empty, outside of the buffer, not whole lines), -ESTALE (revoked or
 * released),
 * -EINTR (the calling process is being killed).
 */
int amphora_sync_for_device(struct amphora_attachment *attachment, u64 offset, u64 length);

/**
 * amphora_sync_for_cpu() - takes a range back
 * @attachment: not closed yet
 * @offset: as for amphora_sync_for_device()
 * @length: as for amphora_sync_for_device()
 *
 * Return: as amphora_sync_for_device().
 */
int amphora_sync_for_cpu(struct amphora_attachment *attachment, u64 offset, u64 length);

/**
 * amphora_release() - the other side has acknowledged that it is done: unmaps
 * @attachment: to be closed all the same
 *
 * Return: 0; -ESTALE if it was revoked or released before.
 */
int amphora_release(struct amphora_attachment *attachment);

/**
 * amphora_close() - gives an attachment up
 * @attachment: not used afterwards
 *
 * What was not released stays mapped, in quarantine, until the remote processor is proved off; and
 * with it the module amphora, and the dma-buf.
 */
void amphora_close(struct amphora_attachment *attachment);

#endif
