// SPDX-License-Identifier: GPL-2.0-only
/*
 * From an open file to the remote processor that it is about, and from a remote processor to the
 * RPMsg devices that live on it.
 *
 * A character device's file holds its device. That device leads to the remote processor by its
 * parents; but a device holds its parent only until it is unregistered, which may happen at any
 * moment. So every step up is made where the device can't get that far: a device of a class under
 * the lock of the class, one of a bus under its own lock while a driver is bound.
 */
#include <linux/cdev.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/platform_device.h>
#include <linux/rpmsg.h>
#include <linux/slab.h>

#include "amphora_internal.h"

#define GENERATIONS_MAX 16 /* between an endpoint and its remote processor */

static const struct device_type *remote_type; /* remoteproc's, once seen */

/* --- one step up --- */

static DEFINE_MUTEX(step_lock);
static struct device *step_from; /* under step_lock, as the next two */
static struct device *step_to;
static bool step_found;

static int look_at_device(AMPHORA_CLASS_ARGUMENTS)
{
	if (dev == step_from) {
		step_found = true;
		step_to = get_device(dev->parent);
	}
	return 0;
}

/*
 * Whether a device is registered in its class; and if so its parent, with a reference. A class
 * calls a new interface for each of its devices, under the lock that a device must take to leave
 * it, while it still holds its parent.
 */
bool amphora_class_has(struct device *dev, struct device **parent)
{
	struct class_interface interface = {.class = dev->class, .add_dev = look_at_device};
	bool found;

	mutex_lock(&step_lock);
	step_from = dev;
	step_to = NULL;
	step_found = false;
	if (!class_interface_register(&interface))
		class_interface_unregister(&interface);
	found = step_found;
	*parent = step_to;
	mutex_unlock(&step_lock);
	return found && *parent;
}

/* The parent of a registered device, with a reference; -ENODEV, -EINTR. */
static struct device *get_parent(struct device *dev)
{
	struct device *parent = NULL;

	if (dev->class)
		return amphora_class_has(dev, &parent) ? parent : ERR_PTR(-ENODEV);
	if (!dev->bus)
		return ERR_PTR(-ENODEV);
	if (device_lock_interruptible(dev))
		return ERR_PTR(-EINTR);
	/* it is unbound, under this lock, before it lets go of its parent; and never bound again */
	if (dev->driver)
		parent = get_device(dev->parent);
	device_unlock(dev);
	return parent ? parent : ERR_PTR(-ENODEV);
}

/* --- what a device is --- */

/*
 * The remote processor that a device is, or NULL. remoteproc doesn't export its type of devices: it
 * is asked about the parent of a child, both of which are made up for it.
 */
static struct rproc *to_remote(struct device *dev)
{
	static DEFINE_MUTEX(family_lock);
	static struct device parent, child; /* under it */

	if (!dev->type)
		return NULL;
	if (dev->type != READ_ONCE(remote_type)) {
		bool is_remote;

		mutex_lock(&family_lock);
		parent.type = dev->type;
		parent.driver_data = &parent;
		child.parent = &parent;
		is_remote = rproc_get_by_child(&child);
		mutex_unlock(&family_lock);
		if (!is_remote)
			return NULL;
		WRITE_ONCE(remote_type, dev->type);
	}
	return dev_get_drvdata(dev);
}

/* The device of a file of a character device, with a reference. */
static struct device *get_file_device(struct file *file)
{
	struct inode *inode = file_inode(file);
	struct kobject *parent;
	struct cdev *cdev;

	if (!S_ISCHR(inode->i_mode))
		return NULL;
	cdev = READ_ONCE(inode->i_cdev); /* held by the file, as is the parent by it */
	if (!cdev)
		return NULL;
	parent = cdev->kobj.parent;
	if (!parent || parent->ktype != platform_bus.kobj.ktype) /* that of any device */
		return NULL;
	return get_device(kobj_to_dev(parent));
}

static bool is_of_class(const struct device *dev, const char *name)
{
	return dev->class && !strcmp(dev->class->name, name);
}

/* Takes the reference to `dev`, and gives one to rproc->dev. */
static struct rproc *climb(struct device *dev)
{
	struct device *parent;
	struct rproc *rproc;

	for (int i = 0; i < GENERATIONS_MAX; i++) {
		rproc = to_remote(dev);
		if (rproc)
			return rproc;
		parent = get_parent(dev);
		put_device(dev);
		if (IS_ERR(parent))
			return ERR_CAST(parent);
		dev = parent;
	}
	put_device(dev);
	return ERR_PTR(-ENODEV);
}

/*
 * The remote processor that an open file proves: /dev/remoteprocN, or a device of RPMsg on it.
 * Returns it with a reference to rproc->dev, and one to *dma_device. -EBADF, -ENODEV, -EINTR.
 */
struct rproc *amphora_proof_get(int fd, struct device **dma_device)
{
	struct file *file = fget(fd);
	struct rproc *rproc = ERR_PTR(-ENODEV);
	struct device *dev;

	if (!file)
		return ERR_PTR(-EBADF);
	dev = get_file_device(file);
	if (!dev)
		goto put_file;
	if (!to_remote(dev) && !is_of_class(dev, "rpmsg"))
		put_device(dev);
	else
		rproc = climb(dev);
	if (!IS_ERR(rproc) && !amphora_class_has(&rproc->dev, dma_device)) {
		put_device(&rproc->dev);
		rproc = ERR_PTR(-ENODEV);
	}
put_file:
	fput(file);
	return rproc;
}

/* --- the way down: a device holds its children while they are looked at --- */

struct listing {
	struct amphora_rpmsg *list;
	u32 capacity;
	u32 count;
	unsigned int depth;
};

static int list_device(struct device *dev, void *data)
{
	struct listing *listing = data;
	struct amphora_rpmsg *entry;
	struct rpmsg_device *rpmsg;

	if (dev->bus && !strcmp(dev->bus->name, "rpmsg")) {
		if (listing->count < listing->capacity) {
			rpmsg = container_of(dev, struct rpmsg_device, dev);
			entry = &listing->list[listing->count];
			strscpy(entry->name, rpmsg->id.name, sizeof(entry->name));
			strscpy(entry->device, dev_name(dev), sizeof(entry->device));
			entry->source = rpmsg->src;
			entry->destination = rpmsg->dst;
		}
		listing->count++;
		return 0; /* what is below are its endpoints */
	}
	if (listing->depth == GENERATIONS_MAX)
		return 0;
	listing->depth++;
	device_for_each_child(dev, listing, list_device);
	listing->depth--;
	return 0;
}

/* All RPMsg devices of a remote processor; *list is freed with kvfree(). -ENOMEM. */
int amphora_proof_list(struct rproc *rproc, struct amphora_rpmsg **list, u32 *count)
{
	struct listing listing = {};

	device_for_each_child(&rproc->dev, &listing, list_device);
	listing.capacity = listing.count;
	listing.count = 0;
	if (listing.capacity) {
		listing.list = kvcalloc(listing.capacity, sizeof(*listing.list), GFP_KERNEL);
		if (!listing.list)
			return -ENOMEM;
		device_for_each_child(&rproc->dev, &listing, list_device);
	}
	*list = listing.list;
	*count = min(listing.count, listing.capacity); /* more may have come meanwhile */
	return 0;
}
