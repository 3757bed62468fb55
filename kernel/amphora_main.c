// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module amphora, and /dev/amphora: where user space shows an open file of a remote processor
 * and gets a file descriptor through which to share memory with it. See <linux/amphora.h>.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "amphora_internal.h"

/* The same for 32-bit and 64-bit programs, for good. */
static_assert(sizeof(struct amphora_remote_info) == 112);
static_assert(sizeof(struct amphora_rpmsg) == 136);
static_assert(sizeof(struct amphora_rpmsg_list) == 16);
static_assert(sizeof(struct amphora_attach) == 16);
static_assert(sizeof(struct amphora_coherent) == 16);
static_assert(sizeof(struct amphora_attachment_info) == 32);
static_assert(sizeof(struct amphora_segments) == 16);
static_assert(sizeof(struct amphora_sync) == 24);

static long get_version(void __user *to)
{
	struct amphora_version version = {.version = AMPHORA_ABI_VERSION};

	return copy_to_user(to, &version, sizeof(version)) ? -EFAULT : 0;
}

static struct amphora_processor *get_proved(int fd)
{
	struct device *dma_device;
	struct rproc *rproc = amphora_proof_get(fd, &dma_device);

	if (IS_ERR(rproc))
		return ERR_CAST(rproc);
	return amphora_remote_get(rproc, dma_device, true);
}

static long open_remote(void __user *argument)
{
	struct amphora_processor *remote;
	struct amphora_remote request;
	struct file *file;
	long ret;

	if (copy_from_user(&request, argument, sizeof(request)))
		return -EFAULT;
	if (request.flags || request.reserved)
		return -EINVAL;
	remote = get_proved(request.proof);
	if (IS_ERR(remote))
		return PTR_ERR(remote);
	file = amphora_remote_file(remote); /* takes the reference */
	if (IS_ERR(file)) {
		amphora_remote_put(remote);
		return PTR_ERR(file);
	}
	request.fd = get_unused_fd_flags(O_CLOEXEC);
	ret = request.fd < 0 ? request.fd : 0;
	if (ret)
		goto put_file;
	if (copy_to_user(argument, &request, sizeof(request))) {
		ret = -EFAULT;
		goto put_fd;
	}
	fd_install(request.fd, file);
	return 0;

put_fd:
	put_unused_fd(request.fd);
put_file:
	fput(file);
	return ret;
}

static long device_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *user = (void __user *)argument;

	switch (command) {
	case AMPHORA_IOC_VERSION:
		return get_version(user);
	case AMPHORA_IOC_REMOTE:
		return open_remote(user);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_operations = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "amphora",
	.fops = &device_operations,
	.mode = 0600,
};

static int __init amphora_init(void)
{
	int ret = amphora_remotes_open();

	if (ret)
		return ret;
	ret = misc_register(&device);
	if (ret) {
		amphora_remotes_close();
		return ret;
	}
	amphora_debugfs_open();
	return 0;
}

static void __exit amphora_exit(void)
{
	amphora_debugfs_close();
	misc_deregister(&device);
	amphora_remotes_close();
	amphora_locks_close();
}

module_init(amphora_init);
module_exit(amphora_exit);
MODULE_DESCRIPTION("Memory that remote processors reach, for programs and drivers");
MODULE_LICENSE("GPL");
AMPHORA_IMPORT_DMA_BUF;
