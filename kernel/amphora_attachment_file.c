// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file descriptor of an attachment: what user space asks of it. See <linux/amphora.h>.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "amphora_internal.h"

#define COPY_MAX 4096u /* segments at once */

/* What was unmapped was synced: so it is proved only then. Coherent memory may outlive its life. */
static bool is_proved(const struct amphora_attachment *attachment)
{
	return READ_ONCE(attachment->proved) &&
	       (attachment->memory || !READ_ONCE(attachment->mapped));
}

static u32 get_flags(const struct amphora_attachment *attachment)
{
	return (attachment->coherent ? AMPHORA_ATTACHMENT_COHERENT : 0) |
	       (attachment->enforced ? AMPHORA_ATTACHMENT_ENFORCED : 0) |
	       (READ_ONCE(attachment->revoked) ? AMPHORA_ATTACHMENT_REVOKED : 0) |
	       (READ_ONCE(attachment->released) ? AMPHORA_ATTACHMENT_RELEASED : 0) |
	       (attachment->bounced ? AMPHORA_ATTACHMENT_BOUNCED : 0) |
	       (is_proved(attachment) ? AMPHORA_ATTACHMENT_PROVED : 0);
}

static long get_info(const struct amphora_attachment *attachment, void __user *to)
{
	struct amphora_attachment_info info = {
		.size = attachment->size,
		.segments = attachment->segment_count,
		.direction = attachment->direction,
		.flags = get_flags(attachment),
		.cache_line = attachment->granule,
		.boots = attachment->boots,
	};

	return copy_to_user(to, &info, sizeof(info)) ? -EFAULT : 0;
}

/* The list never changes: it needs no lock. */
static long get_segments(const struct amphora_attachment *attachment, const void __user *from)
{
	struct amphora_segments wanted;
	struct amphora_segment __user *to;

	if (copy_from_user(&wanted, from, sizeof(wanted)))
		return -EFAULT;
	if (wanted.first > attachment->segment_count ||
	    wanted.count > attachment->segment_count - wanted.first)
		return -EINVAL;
	if (amphora_attachment_ended(attachment))
		return -ESTALE;
	to = u64_to_user_ptr(wanted.list);
	if (copy_to_user(to, attachment->segments + wanted.first,
			 array_size(wanted.count, sizeof(*to))))
		return -EFAULT;
	return 0;
}

static long sync_range(struct amphora_attachment *attachment, const void __user *from)
{
	struct amphora_sync range;

	if (copy_from_user(&range, from, sizeof(range)))
		return -EFAULT;
	if (range.reserved ||
	    (range.flags != AMPHORA_SYNC_FOR_DEVICE && range.flags != AMPHORA_SYNC_FOR_CPU))
		return -EINVAL;
	return amphora_attachment_sync(attachment, range.offset, range.length, range.flags);
}

static long attachment_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct amphora_attachment *attachment = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case AMPHORA_IOC_INFO:
		return get_info(attachment, user);
	case AMPHORA_IOC_SEGMENTS:
		return get_segments(attachment, user);
	case AMPHORA_IOC_SYNC:
		return sync_range(attachment, user);
	case AMPHORA_IOC_RELEASE:
		return amphora_attachment_release(attachment);
	default:
		return -ENOTTY;
	}
}

static __poll_t attachment_poll(struct file *file, poll_table *table)
{
	struct amphora_attachment *attachment = file->private_data;

	poll_wait(file, &attachment->wait, table);
	return amphora_attachment_ended(attachment) ? EPOLLHUP | EPOLLERR : 0;
}

static int attachment_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct amphora_attachment *attachment = file->private_data;
	int ret;

	if (down_read_killable(&attachment->lock))
		return -EINTR;
	if (!attachment->mapped || amphora_attachment_ended(attachment))
		ret = -ESTALE;
	else
		ret = amphora_memory_mmap(attachment, vma);
	up_read(&attachment->lock);
	return ret;
}

static int attachment_release(struct inode *inode, struct file *file)
{
	amphora_attachment_close(file->private_data);
	return 0;
}

static void attachment_show(struct seq_file *out, struct file *file)
{
	const struct amphora_attachment *attachment = file->private_data;

	seq_printf(out, "remote:\t%u\nsize:\t%llu\nsegments:\t%u\ndirection:\t%u\nflags:\t%#x\n",
		   attachment->remote->index, attachment->size, attachment->segment_count,
		   attachment->direction, get_flags(attachment));
	seq_printf(out, "boots:\t%llu\n", attachment->boots);
}

static const struct file_operations attachment_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = attachment_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = attachment_poll,
	.mmap = attachment_mmap,
	.release = attachment_release,
	.show_fdinfo = attachment_show,
};

/* A file that takes the caller's reference; on an error it keeps it. */
struct file *amphora_attachment_file(struct amphora_attachment *attachment)
{
	return anon_inode_getfile("[amphora-attachment]", &attachment_operations, attachment,
				  O_RDWR);
}
