/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the parts of the module amphora know of each other.
 *
 * Locks, in the order in which they are taken:
 *   rproc->lock              the remoteproc core's, held around every callback of a sub-device
 *     or the lock of its class   the driver core's, held when a remote processor goes
 *   the list of all remotes  amphora_remote.c
 *   amphora_remote.lock      the life of a remote processor, and the list of what it reaches
 *   amphora_attachment.lock  the mapping of one attachment; a sync reads it
 *   the users' counters      amphora_quota.c
 * Nothing copies from or to user space with one of these held.
 */
#ifndef AMPHORA_INTERNAL_H
#define AMPHORA_INTERNAL_H

#include <linux/dma-buf.h>
#include <linux/dma-direction.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/remoteproc.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <uapi/linux/amphora.h>

#include "amphora_compat.h"

struct amphora_iommu;
struct iova;

/* One user's bytes. amphora_quota.c */
struct amphora_user;

/*
 * One remote processor: made when it is first named, there until its driver is unbound or the
 * module goes. File descriptors and attachments hold references to the structure.
 */
struct amphora_processor {
	struct kref ref;
	struct list_head node; /* of all; under the list's lock */
	struct rproc *rproc; /* with a reference to rproc->dev */
	struct device *dev; /* whose DMA it is: rproc's parent; with a reference */
	struct rproc_subdev subdev; /* in rproc->subdevs, under rproc->lock */
	struct work_struct look; /* whether the end of a life has proved it off */
	struct work_struct leave; /* leaves rproc->subdevs */
	u32 index; /* copies: for when rproc is gone */
	char name[AMPHORA_NAME_MAX];

	struct mutex lock; /* of all below */
	bool alive; /* this life has started and not begun to end */
	bool gone; /* its driver is unbound, or on its way: the DMA configuration ends */
	bool end_is_crash; /* this life's stop callback was told of a crash */
	struct amphora_iommu *iommu; /* of this life, where it has a domain of its own */
	int iommu_error; /* why nothing can be mapped into it, in this life */
	u64 boots;
	u64 events; /* starts and stops */
	unsigned int count; /* in `attachments` */
	struct list_head attachments; /* all that is mapped, and so holds a reference */
	wait_queue_head_t wait; /* for `events` and `gone` */
};

/* A piece of a mapping: what the DMA API has mapped as one. */
struct amphora_piece {
	u64 offset; /* in the buffer */
	dma_addr_t address;
};

/* The pages of a dma-buf or of coherent memory, as the remote processor reaches them. */
struct amphora_attachment {
	struct kref ref; /* by the file descriptor, and while mapped by the remote's list */
	struct amphora_processor *remote;
	struct list_head node; /* remote->attachments, under remote->lock */
	struct rw_semaphore lock; /* `mapped` and what is mapped */
	wait_queue_head_t wait; /* for the end */

	/* fixed */
	u64 size;
	u64 boots;
	u32 direction; /* AMPHORA_DEVICE_* */
	u32 granule; /* bytes that a sync needs; 1: none */
	bool coherent;
	bool enforced;
	bool bounced;
	bool translated; /* by an IOMMU: neighbours of the remote may be strangers in memory */
	struct amphora_user *user; /* charged; NULL: the kernel */
	pid_t pid; /* who attached, for people to read */
	char comm[TASK_COMM_LEN];
	u32 segment_count;
	struct amphora_segment *segments;
	u32 piece_count; /* 0 where a sync has nothing to do */
	struct amphora_piece *pieces;

	/* written under remote->lock */
	bool revoked; /* its life has begun to end */
	bool released; /* the other side is done with it */
	bool proved; /* the remote processor was proved off */
	bool closed; /* no file descriptor and no user mapping is left */
	bool quarantined; /* closed, but neither of the two before: still mapped */

	/* under `lock` */
	bool mapped;
	struct dma_buf *dmabuf; /* either this */
	struct dma_buf_attachment *import;
	struct sg_table *table;
	struct iova *iova; /* in a domain of the remote's own */
	void *memory; /* or this */
	dma_addr_t memory_address;
};

/* --- amphora_proof.c: from a file to a remote processor --- */

struct rproc *amphora_proof_get(int fd, struct device **dma_device);
bool amphora_class_has(struct device *dev, struct device **parent);
int amphora_proof_list(struct rproc *rproc, struct amphora_rpmsg **list, u32 *count);

/* --- amphora_remote.c: a remote processor and its lives --- */

struct amphora_processor *amphora_remote_get(struct rproc *rproc, struct device *dma_device,
					     bool patient);
void amphora_remote_put(struct amphora_processor *remote);
bool amphora_remote_runs(const struct amphora_processor *remote);
u32 amphora_remote_state(const struct amphora_processor *remote);
void amphora_remote_each(void (*show)(struct amphora_processor *remote, void *data), void *data);
int amphora_remotes_open(void);
void amphora_remotes_close(void);

/* --- amphora_remote_file.c --- */

struct file *amphora_remote_file(struct amphora_processor *remote);

/* --- amphora_attachment.c: one attachment --- */

struct amphora_attachment *amphora_attach_dmabuf(struct amphora_processor *remote,
						 struct dma_buf *dmabuf, u32 direction,
						 bool charged);
struct amphora_attachment *amphora_attach_memory(struct amphora_processor *remote, u64 size,
						 bool charged);
bool amphora_attachment_ended(const struct amphora_attachment *attachment);
int amphora_attachment_sync(struct amphora_attachment *attachment, u64 offset, u64 length,
			    u32 flags);
int amphora_attachment_release(struct amphora_attachment *attachment);
void amphora_attachment_close(struct amphora_attachment *attachment);
void amphora_attachment_undo(struct amphora_attachment *attachment);
void amphora_attachment_put(struct amphora_attachment *attachment);
void amphora_attachments_revoke(struct amphora_processor *remote);
void amphora_attachments_settle(struct amphora_processor *remote);
void amphora_attachments_free(struct amphora_processor *remote);

/* --- amphora_attachment_file.c --- */

struct file *amphora_attachment_file(struct amphora_attachment *attachment);

/* --- amphora_map.c: a dma-buf's mapping --- */

int amphora_map(struct amphora_attachment *attachment);
void amphora_unmap(struct amphora_attachment *attachment);
void amphora_sync(struct amphora_attachment *attachment, u64 offset, u64 length, u32 flags);
u32 amphora_granule(struct device *dev);
u64 amphora_address_mask(struct device *dev);
bool amphora_is_translated(struct device *dev);

/* --- amphora_iommu.c: the domain of a remote processor's own --- */

int amphora_iommu_begin(struct amphora_processor *remote);
void amphora_iommu_end(struct amphora_processor *remote);
int amphora_iommu_map(struct amphora_attachment *attachment);
void amphora_iommu_unmap(struct amphora_attachment *attachment);

/* --- amphora_hwspinlock.c: locks that it shares with Linux --- */

long amphora_lock_open(struct amphora_processor *remote, void __user *argument);
void amphora_locks_close(void);

/* --- amphora_coherent.c: memory for queues --- */

int amphora_memory_map(struct amphora_attachment *attachment);
void amphora_memory_unmap(struct amphora_attachment *attachment);
int amphora_memory_mmap(struct amphora_attachment *attachment, struct vm_area_struct *vma);

/* --- amphora_quota.c: how much a user may hold --- */

struct amphora_user *amphora_quota_charge(kuid_t uid, u64 bytes);
void amphora_quota_quarantine(struct amphora_user *user, u64 bytes);
void amphora_quota_return(struct amphora_user *user, u64 bytes, bool quarantined);
u64 amphora_quota_read(kuid_t uid);
u64 amphora_quota_max(void);
kuid_t amphora_quota_uid(const struct amphora_user *user);

/* --- amphora_debugfs.c --- */

void amphora_debugfs_open(void);
void amphora_debugfs_close(void);

#endif
