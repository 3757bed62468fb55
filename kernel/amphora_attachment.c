// SPDX-License-Identifier: GPL-2.0-only
/*
 * One attachment: how it begins, and the two ways in which it ends.
 *
 * It ends well when it is released: the other side has acknowledged. Closed without that it stays
 * mapped, in quarantine, until the remote processor is proved off. While it is mapped it is on the
 * remote's list, which holds a reference, and it holds the module, so that an rmmod can't free
 * memory that is being written.
 */
#include <linux/cred.h>
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "amphora_internal.h"

#define FENCE_WAIT_MS 10000 /* for other users of the buffer */

static void free_attachment(struct kref *ref)
{
	struct amphora_attachment *attachment = container_of(ref, struct amphora_attachment, ref);

	kvfree(attachment->segments);
	kvfree(attachment->pieces);
	amphora_remote_put(attachment->remote);
	kfree(attachment);
}

void amphora_attachment_put(struct amphora_attachment *attachment)
{
	kref_put(&attachment->ref, free_attachment);
}

/* --- the beginning --- */

/* `charged`: to the calling process's user; a kernel driver's is nobody's. */
static struct amphora_attachment *make_attachment(struct amphora_processor *remote, u64 size,
						  bool charged)
{
	struct amphora_attachment *attachment = kzalloc(sizeof(*attachment), GFP_KERNEL);
	struct amphora_user *user = NULL;

	if (!attachment)
		return ERR_PTR(-ENOMEM);
	if (charged)
		user = amphora_quota_charge(current_uid(), size);
	if (IS_ERR(user)) {
		kfree(attachment);
		return ERR_CAST(user);
	}
	kref_init(&attachment->ref);
	kref_get(&remote->ref);
	attachment->remote = remote;
	attachment->user = user;
	attachment->size = size;
	init_rwsem(&attachment->lock);
	init_waitqueue_head(&attachment->wait);
	if (charged) {
		attachment->pid = task_tgid_nr(current);
		get_task_comm(attachment->comm, current);
	} else {
		strscpy(attachment->comm, "[kernel]", sizeof(attachment->comm));
	}
	return attachment;
}

/* Maps it in this life. On an error the attachment is gone. */
static int begin(struct amphora_attachment *attachment,
		 int (*map)(struct amphora_attachment *attachment))
{
	struct amphora_processor *remote = attachment->remote;
	int ret = mutex_lock_interruptible(&remote->lock);

	if (ret)
		goto fail;
	/*
	 * Without rproc->lock, which a stop may hold while it waits for who calls this: the state
	 * is RUNNING before `alive` ends, and `alive` begins before the state is RUNNING.
	 */
	if (remote->gone)
		ret = -ENODEV;
	else if (!remote->alive || !amphora_remote_runs(remote))
		ret = -ENOTCONN;
	else
		ret = remote->iommu_error ? remote->iommu_error : map(attachment);
	if (!ret) {
		attachment->boots = remote->boots;
		attachment->mapped = true;
		__module_get(THIS_MODULE); /* until it is unmapped */
		kref_get(&attachment->ref);
		list_add_tail(&attachment->node, &remote->attachments);
		remote->count++;
	}
	mutex_unlock(&remote->lock);
	if (!ret)
		return 0;
fail:
	amphora_quota_return(attachment->user, attachment->size, false);
	amphora_attachment_put(attachment);
	return ret;
}

/* What others still do with the buffer ends first, as dma-buf asks of an importer. */
static int wait_for_fences(struct dma_buf *dmabuf, u32 direction)
{
	long left = dma_resv_wait_timeout(dmabuf->resv,
					  dma_resv_usage_rw(direction & AMPHORA_DEVICE_WRITES),
					  true, msecs_to_jiffies(FENCE_WAIT_MS));

	if (left < 0)
		return left == -ERESTARTSYS ? -EINTR : left;
	return left ? 0 : -ETIMEDOUT;
}

/*
 * Attaches a dma-buf. The caller keeps its reference to it and has checked the direction; gets a
 * reference to the attachment. Errors as AMPHORA_IOC_ATTACH.
 */
struct amphora_attachment *amphora_attach_dmabuf(struct amphora_processor *remote,
						 struct dma_buf *dmabuf, u32 direction,
						 bool charged)
{
	struct amphora_attachment *attachment;
	int ret = wait_for_fences(dmabuf, direction);

	if (ret)
		return ERR_PTR(ret);
	attachment = make_attachment(remote, dmabuf->size, charged);
	if (IS_ERR(attachment))
		return attachment;
	attachment->direction = direction;
	attachment->dmabuf = dmabuf;
	ret = begin(attachment, amphora_map);
	return ret ? ERR_PTR(ret) : attachment;
}

/* Allocates coherent memory of `size` bytes, whole pages. Errors as AMPHORA_IOC_COHERENT. */
struct amphora_attachment *amphora_attach_memory(struct amphora_processor *remote, u64 size,
						 bool charged)
{
	struct amphora_attachment *attachment = make_attachment(remote, size, charged);
	int ret;

	if (IS_ERR(attachment))
		return attachment;
	attachment->direction = AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES;
	ret = begin(attachment, amphora_memory_map);
	return ret ? ERR_PTR(ret) : attachment;
}

/* --- in use --- */

/* Whether its life has begun to end, or it was released. */
bool amphora_attachment_ended(const struct amphora_attachment *attachment)
{
	return READ_ONCE(attachment->revoked) || READ_ONCE(attachment->released);
}

/* Hands a range over; `flags`: one of AMPHORA_SYNC_*. -EINVAL, -ESTALE, -EINTR (killed). */
int amphora_attachment_sync(struct amphora_attachment *attachment, u64 offset, u64 length,
			    u32 flags)
{
	u64 mask = attachment->granule - 1;
	int ret = 0;

	if (!length || offset > attachment->size || length > attachment->size - offset ||
	    ((offset | length) & mask))
		return -EINVAL;
	if (down_read_killable(&attachment->lock))
		return -EINTR;
	if (!attachment->mapped || amphora_attachment_ended(attachment))
		ret = -ESTALE;
	else
		amphora_sync(attachment, offset, length, flags);
	up_read(&attachment->lock);
	return ret;
}

/* --- the end --- */

/*
 * Unmaps one, of which the other side is done or proved off; under remote->lock. Coherent memory
 * waits for its last user mapping, which the file outlives. The caller may have no reference
 * afterwards.
 */
static void end(struct amphora_attachment *attachment)
{
	struct amphora_processor *remote = attachment->remote;

	if (remote->gone || !attachment->mapped)
		return;
	amphora_iommu_unmap(attachment);
	if (attachment->memory && !attachment->closed)
		return;
	down_write(&attachment->lock); /* for the last sync */
	if (attachment->memory)
		amphora_memory_unmap(attachment);
	else
		amphora_unmap(attachment);
	WRITE_ONCE(attachment->mapped, false);
	up_write(&attachment->lock);
	list_del(&attachment->node);
	remote->count--;
	amphora_quota_return(attachment->user, attachment->size, attachment->quarantined);
	amphora_attachment_put(attachment); /* the list's; the remote is the caller's */
	module_put(THIS_MODULE); /* where the last one ends, module_exit() waits for our caller */
}

/* The other side has acknowledged. -ESTALE when it was revoked or released before. */
int amphora_attachment_release(struct amphora_attachment *attachment)
{
	struct amphora_processor *remote = attachment->remote;
	int ret = -ESTALE;

	mutex_lock(&remote->lock);
	if (!amphora_attachment_ended(attachment)) {
		ret = 0;
		WRITE_ONCE(attachment->released, true);
		end(attachment);
		wake_up_all(&attachment->wait);
	}
	mutex_unlock(&remote->lock);
	return ret;
}

/* The last user is gone: of the file descriptor and of every mapping. Takes its reference. */
void amphora_attachment_close(struct amphora_attachment *attachment)
{
	struct amphora_processor *remote = attachment->remote;

	mutex_lock(&remote->lock);
	attachment->closed = true;
	if (attachment->released || attachment->proved)
		end(attachment);
	if (attachment->mapped) {
		attachment->quarantined = true;
		amphora_quota_quarantine(attachment->user, attachment->size);
	}
	mutex_unlock(&remote->lock);
	amphora_attachment_put(attachment);
}

/* Nobody was told of a device address: it needn't be kept when it is closed next. */
void amphora_attachment_undo(struct amphora_attachment *attachment)
{
	struct amphora_processor *remote = attachment->remote;

	mutex_lock(&remote->lock);
	WRITE_ONCE(attachment->released, true);
	mutex_unlock(&remote->lock);
}

/* The life of all of them ends; under remote->lock. */
void amphora_attachments_revoke(struct amphora_processor *remote)
{
	struct amphora_attachment *attachment;

	list_for_each_entry (attachment, &remote->attachments, node) {
		WRITE_ONCE(attachment->revoked, true);
		wake_up_all(&attachment->wait);
	}
}

/* All are revoked: waits for the syncs that began before. Under remote->lock. */
void amphora_attachments_settle(struct amphora_processor *remote)
{
	struct amphora_attachment *attachment;

	list_for_each_entry (attachment, &remote->attachments, node) {
		down_write(&attachment->lock);
		up_write(&attachment->lock);
	}
}

/* The remote processor is proved off: it reaches nothing any more. Under remote->lock. */
void amphora_attachments_free(struct amphora_processor *remote)
{
	struct amphora_attachment *attachment, *next;

	list_for_each_entry_safe (attachment, next, &remote->attachments, node) {
		WRITE_ONCE(attachment->proved, true);
		end(attachment);
	}
}
