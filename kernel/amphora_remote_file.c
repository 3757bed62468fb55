// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file descriptor of a remote processor: what user space asks of it. See <linux/amphora.h>.
 */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "amphora_internal.h"

#define DIRECTIONS (AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)

struct remote_file {
	struct amphora_processor *remote;
	u64 seen; /* of its events; under remote->lock */
};

static long get_info(struct remote_file *opened, void __user *to)
{
	struct amphora_processor *remote = opened->remote;
	struct amphora_remote_info info = {
		.index = remote->index,
		.quarantine_bytes = amphora_quota_read(current_uid()),
		.quarantine_max = amphora_quota_max(),
	};
	u64 seen;

	strscpy(info.name, remote->name, sizeof(info.name));
	mutex_lock(&remote->lock);
	info.state = amphora_remote_state(remote);
	info.attachments = remote->count;
	info.boots = remote->boots;
	if (!remote->gone) { /* the device's DMA is still configured */
		info.address_bits = fls64(amphora_address_mask(remote->dev));
		info.cache_line = amphora_granule(remote->dev);
		info.flags = (info.cache_line == 1 ? AMPHORA_REMOTE_COHERENT : 0) |
			     (remote->iommu || amphora_is_translated(remote->dev)
				      ? AMPHORA_REMOTE_IOMMU
				      : 0);
	}
	seen = remote->events;
	mutex_unlock(&remote->lock);
	if (copy_to_user(to, &info, sizeof(info)))
		return -EFAULT;
	mutex_lock(&remote->lock);
	opened->seen = seen;
	mutex_unlock(&remote->lock);
	return 0;
}

static long list_rpmsg(struct amphora_processor *remote, void __user *argument)
{
	struct amphora_rpmsg_list request;
	struct amphora_rpmsg *list;
	u32 found;
	long ret;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	ret = amphora_proof_list(remote->rproc, &list, &found);
	if (ret)
		return ret;
	if (copy_to_user(u64_to_user_ptr(request.list), list,
			 array_size(min(found, request.capacity), sizeof(*list))))
		ret = -EFAULT;
	kvfree(list);
	request.count = found;
	if (!ret && copy_to_user(argument, &request, sizeof(request)))
		ret = -EFAULT;
	return ret;
}

/*
 * Gives an attachment to the caller, with its number in a structure whose copy is `result`. Nobody
 * knows a device address before the last step: until then it can be undone.
 */
static long give_attachment(struct amphora_attachment *attachment, void __user *to,
			    const void *result, size_t size, int fd)
{
	struct file *file = amphora_attachment_file(attachment);
	long ret;

	if (IS_ERR(file)) {
		amphora_attachment_undo(attachment);
		amphora_attachment_close(attachment);
		return PTR_ERR(file);
	}
	ret = copy_to_user(to, result, size) ? -EFAULT : 0;
	if (ret) {
		amphora_attachment_undo(attachment);
		fput(file);
		return ret;
	}
	fd_install(fd, file);
	return 0;
}

/* A dma-buf that may be used in that direction, with a reference. -EBADF, -EINVAL, -EACCES. */
static struct dma_buf *get_dmabuf(int fd, u32 direction)
{
	struct dma_buf *dmabuf = dma_buf_get(fd);
	fmode_t needed = (direction & AMPHORA_DEVICE_READS ? FMODE_READ : 0) |
			 (direction & AMPHORA_DEVICE_WRITES ? FMODE_WRITE : 0);

	if (!IS_ERR(dmabuf) && (dmabuf->file->f_mode & needed) != needed) {
		dma_buf_put(dmabuf);
		return ERR_PTR(-EACCES);
	}
	return dmabuf;
}

static long attach(struct amphora_processor *remote, void __user *argument)
{
	struct amphora_attachment *attachment;
	struct amphora_attach request;
	struct dma_buf *dmabuf;
	long ret;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.flags || !request.direction || (request.direction & ~DIRECTIONS))
		return -EINVAL;
	dmabuf = get_dmabuf(request.dmabuf, request.direction);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	request.fd = get_unused_fd_flags(O_CLOEXEC);
	if (request.fd < 0) {
		ret = request.fd;
		goto put_dmabuf;
	}
	attachment = amphora_attach_dmabuf(remote, dmabuf, request.direction, true);
	ret = PTR_ERR_OR_ZERO(attachment);
	if (!ret)
		ret = give_attachment(attachment, argument, &request, sizeof(request), request.fd);
	if (ret)
		put_unused_fd(request.fd);
put_dmabuf:
	dma_buf_put(dmabuf);
	return ret;
}

static long allocate(struct amphora_processor *remote, void __user *argument)
{
	struct amphora_attachment *attachment;
	struct amphora_coherent request;
	long ret;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.flags || !request.size || request.size > AMPHORA_COHERENT_MAX)
		return -EINVAL;
	request.size = PAGE_ALIGN(request.size);
	request.fd = get_unused_fd_flags(O_CLOEXEC);
	if (request.fd < 0)
		return request.fd;
	attachment = amphora_attach_memory(remote, request.size, true);
	ret = PTR_ERR_OR_ZERO(attachment);
	if (!ret)
		ret = give_attachment(attachment, argument, &request, sizeof(request), request.fd);
	if (ret)
		put_unused_fd(request.fd);
	return ret;
}

static long remote_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct remote_file *opened = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case AMPHORA_IOC_REMOTE_INFO:
		return get_info(opened, user);
	case AMPHORA_IOC_RPMSG_LIST:
		return list_rpmsg(opened->remote, user);
	case AMPHORA_IOC_ATTACH:
		return attach(opened->remote, user);
	case AMPHORA_IOC_COHERENT:
		return allocate(opened->remote, user);
	case AMPHORA_IOC_LOCK_OPEN:
		return amphora_lock_open(opened->remote, user);
	default:
		return -ENOTTY;
	}
}

static __poll_t remote_poll(struct file *file, poll_table *table)
{
	struct remote_file *opened = file->private_data;
	struct amphora_processor *remote = opened->remote;
	__poll_t events;

	poll_wait(file, &remote->wait, table);
	mutex_lock(&remote->lock);
	events = (remote->events != opened->seen ? EPOLLPRI : 0) | (remote->gone ? EPOLLHUP : 0);
	mutex_unlock(&remote->lock);
	return events;
}

static int remote_release(struct inode *inode, struct file *file)
{
	struct remote_file *opened = file->private_data;

	amphora_remote_put(opened->remote);
	kfree(opened);
	return 0;
}

static const struct file_operations remote_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = remote_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = remote_poll,
	.release = remote_release,
};

/* A file that takes the caller's reference; on an error it keeps it. */
struct file *amphora_remote_file(struct amphora_processor *remote)
{
	struct remote_file *opened = kzalloc(sizeof(*opened), GFP_KERNEL);
	struct file *file;

	if (!opened)
		return ERR_PTR(-ENOMEM);
	opened->remote = remote;
	mutex_lock(&remote->lock);
	opened->seen = remote->events;
	mutex_unlock(&remote->lock);
	file = anon_inode_getfile("[amphora-remote]", &remote_operations, opened, O_RDWR);
	if (IS_ERR(file))
		kfree(opened);
	return file;
}
