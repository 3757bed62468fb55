// SPDX-License-Identifier: GPL-2.0-only
/*
 * A remote processor and its lives: when one starts, when it ends, and when its end has been
 * proved.
 *
 * The remoteproc core tells a sub-device of each start and end. Its .stop comes before the power
 * goes off, so it only revokes. Its .unprepare comes after ops->stop has succeeded; but also after
 * ops->detach has, with the remote processor alive. Which of the two it was is known at once if
 * there can have been no detach, and otherwise from the state that the core sets next: a work item
 * looks, or the start of the next life. What is not proved off stays mapped.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "amphora_internal.h"

/* for the end of a start or stop that goes on */
#define LOCK_WAIT_MS	   20000
#define LOCK_SHORT_WAIT_MS 2000
#define LOCK_STEP_MS	   5

static LIST_HEAD(remotes);
static DEFINE_MUTEX(remotes_lock);
static struct workqueue_struct *works;

static struct amphora_processor *to_amphora(struct rproc_subdev *subdev)
{
	return container_of(subdev, struct amphora_processor, subdev);
}

static void free_remote(struct kref *ref)
{
	struct amphora_processor *remote = container_of(ref, struct amphora_processor, ref);

	amphora_iommu_end(remote);
	put_device(remote->dev);
	put_device(&remote->rproc->dev);
	kfree(remote);
}

void amphora_remote_put(struct amphora_processor *remote)
{
	kref_put(&remote->ref, free_remote);
}

/* Something that waiters look at has changed. Under remote->lock. */
static void report(struct amphora_processor *remote)
{
	remote->events++;
	wake_up_all(&remote->wait);
}

/* --- what the remoteproc core calls, with rproc->lock held --- */

/* A life begins: of the last one the state says how it ended. */
static int prepare(struct rproc_subdev *subdev)
{
	struct amphora_processor *remote = to_amphora(subdev);

	mutex_lock(&remote->lock);
	if (remote->rproc->state == RPROC_OFFLINE)
		amphora_attachments_free(remote);
	remote->boots++;
	remote->end_is_crash = false;
	mutex_unlock(&remote->lock);
	return 0;
}

/* It may be attached to from now on. Under both locks. */
static void enliven(struct amphora_processor *remote)
{
	remote->iommu_error = amphora_iommu_begin(remote);
	if (remote->iommu_error)
		dev_err(remote->dev, "amphora: nothing can be mapped into its IOMMU: %d\n",
			remote->iommu_error);
	remote->alive = !remote->gone;
}

static int start(struct rproc_subdev *subdev)
{
	struct amphora_processor *remote = to_amphora(subdev);

	mutex_lock(&remote->lock);
	enliven(remote);
	report(remote);
	mutex_unlock(&remote->lock);
	return 0;
}

/* It will be stopped or let go; it still runs. */
static void stop(struct rproc_subdev *subdev, bool crashed)
{
	struct amphora_processor *remote = to_amphora(subdev);

	mutex_lock(&remote->lock);
	remote->alive = false;
	remote->end_is_crash = crashed;
	amphora_attachments_revoke(remote);
	report(remote);
	mutex_unlock(&remote->lock);
}

/*
 * Whether an .unprepare that is called now means that ops->stop has succeeded. In these states
 * there is no detach: it starts from ATTACHED, or in a recovery by attaching, which passes no crash
 * to .stop. A start that fails comes by as well, OFFLINE or DETACHED: then nothing is proved.
 */
static bool is_proved_off(const struct amphora_processor *remote)
{
	const struct rproc *rproc = remote->rproc;

	if (remote->iommu)
		return true; /* cut off, as soon as all is unmapped from a domain that ends now */
	switch (rproc->state) {
	case RPROC_RUNNING:
		return true;
	case RPROC_CRASHED:
		return !rproc->ops->detach || remote->end_is_crash;
	case RPROC_ATTACHED:
		return !rproc->ops->detach;
	default:
		return false;
	}
}

static void unprepare(struct rproc_subdev *subdev)
{
	struct amphora_processor *remote = to_amphora(subdev);

	mutex_lock(&remote->lock);
	remote->alive = false;
	amphora_attachments_revoke(remote);
	if (is_proved_off(remote))
		amphora_attachments_free(remote);
	amphora_iommu_end(remote);
	report(remote);
	mutex_unlock(&remote->lock);
	kref_get(&remote->ref);
	if (!queue_work(works, &remote->look))
		amphora_remote_put(remote);
}

/* After the core has set the state that an end led to. */
static void look(struct work_struct *work)
{
	struct amphora_processor *remote = container_of(work, struct amphora_processor, look);

	mutex_lock(&remote->rproc->lock);
	mutex_lock(&remote->lock);
	if (remote->rproc->state == RPROC_OFFLINE)
		amphora_attachments_free(remote);
	report(remote); /* the state may have changed since the callback */
	mutex_unlock(&remote->lock);
	mutex_unlock(&remote->rproc->lock);
	amphora_remote_put(remote);
}

/* --- the end of a remote processor --- */

/*
 * Its driver goes, after it has tried to stop it; the DMA configuration is still there, and soon no
 * more. So what is not proved off now is never unmapped: it stays as it is until Linux is booted
 * anew. Called under the lock of the class: it must not wait for rproc->lock.
 */
static void end_remote(struct amphora_processor *remote)
{
	mutex_lock(&remote->lock);
	remote->alive = false;
	amphora_attachments_revoke(remote);
	if (remote->rproc->state == RPROC_OFFLINE)
		amphora_attachments_free(remote);
	amphora_attachments_settle(remote);
	remote->gone = true;
	if (remote->count)
		dev_warn(remote->dev, "amphora: %u attachments of %s stay mapped for good\n",
			 remote->count, remote->name);
	report(remote);
	mutex_unlock(&remote->lock);
}

static void leave(struct work_struct *work)
{
	struct amphora_processor *remote = container_of(work, struct amphora_processor, leave);

	mutex_lock(&remote->rproc->lock);
	rproc_remove_subdev(remote->rproc, &remote->subdev);
	mutex_unlock(&remote->rproc->lock);
	amphora_remote_put(remote);
}

static void forget(const struct device *dev)
{
	struct amphora_processor *remote, *found = NULL;

	mutex_lock(&remotes_lock);
	list_for_each_entry (remote, &remotes, node)
		if (&remote->rproc->dev == dev)
			found = remote;
	if (found)
		list_del(&found->node);
	mutex_unlock(&remotes_lock);
	if (!found)
		return;
	end_remote(found);
	queue_work(works, &found->leave); /* with the list's reference */
}

/* A device leaves the class of remote processors. */
static void take_removal(AMPHORA_CLASS_ARGUMENTS)
{
	forget(dev);
}

static struct class_interface watch = {.remove_dev = take_removal};
static bool watching;
static DEFINE_MUTEX(watch_lock); /* of the two; taken before the class's */

static int watch_class(const struct rproc *rproc)
{
	int ret = 0;

	mutex_lock(&watch_lock);
	if (!watching) {
		watch.class = rproc->dev.class;
		ret = class_interface_register(&watch);
		watching = !ret;
	}
	mutex_unlock(&watch_lock);
	return ret;
}

/* --- the beginning --- */

static struct amphora_processor *find_remote(const struct rproc *rproc)
{
	struct amphora_processor *remote;

	list_for_each_entry (remote, &remotes, node) {
		if (remote->rproc == rproc) {
			kref_get(&remote->ref);
			return remote;
		}
	}
	return NULL;
}

/*
 * Nobody waits without a bound: a stop may hang in its driver. A driver's probe may even run on
 * behalf of a thread that rproc->lock's owner waits for: it has no patience. -EINTR, -EBUSY.
 */
static int lock_rproc(struct rproc *rproc, bool patient)
{
	unsigned int wait_ms = patient ? LOCK_WAIT_MS : LOCK_SHORT_WAIT_MS;
	unsigned long end = jiffies + msecs_to_jiffies(wait_ms);

	while (!mutex_trylock(&rproc->lock)) {
		if (time_after(jiffies, end))
			return -EBUSY;
		if (msleep_interruptible(LOCK_STEP_MS))
			return -EINTR;
	}
	return 0;
}

/* Whether it has been started or attached to completely. Its lock isn't needed: see begin(). */
bool amphora_remote_runs(const struct amphora_processor *remote)
{
	unsigned int state = READ_ONCE(remote->rproc->state);

	return state == RPROC_RUNNING || state == RPROC_ATTACHED;
}

/* With references to rproc->dev and its DMA device, which it takes over. */
static struct amphora_processor *make_remote(struct rproc *rproc, struct device *dma_device)
{
	struct amphora_processor *remote = kzalloc(sizeof(*remote), GFP_KERNEL);

	if (!remote)
		return NULL;
	kref_init(&remote->ref);
	remote->rproc = rproc;
	remote->dev = dma_device;
	/* where the driver has not said how long a segment may be: there's no list that it reads */
	if (dma_device->dma_parms && !dma_device->dma_parms->max_segment_size)
		dma_set_max_seg_size(dma_device, UINT_MAX);
	remote->index = rproc->index;
	strscpy(remote->name, rproc->name, sizeof(remote->name));
	INIT_WORK(&remote->look, look);
	INIT_WORK(&remote->leave, leave);
	mutex_init(&remote->lock);
	INIT_LIST_HEAD(&remote->attachments);
	init_waitqueue_head(&remote->wait);
	remote->subdev.prepare = prepare;
	remote->subdev.start = start;
	remote->subdev.stop = stop;
	remote->subdev.unprepare = unprepare;
	return remote;
}

/* Under rproc->lock. Returns what another thread has entered meanwhile, or NULL. */
static struct amphora_processor *enter_remote(struct amphora_processor *remote)
{
	struct rproc *rproc = remote->rproc;
	struct amphora_processor *other;

	mutex_lock(&remotes_lock);
	other = find_remote(rproc);
	if (!other) {
		if (amphora_remote_runs(remote)) {
			mutex_lock(&remote->lock);
			enliven(remote);
			mutex_unlock(&remote->lock);
		}
		remote->boots = rproc->state != RPROC_OFFLINE && rproc->state != RPROC_DETACHED;
		rproc_add_subdev(rproc, &remote->subdev);
		kref_get(&remote->ref); /* the list's */
		list_add_tail(&remote->node, &remotes);
	}
	mutex_unlock(&remotes_lock);
	return other;
}

static struct amphora_processor *add_remote(struct rproc *rproc, struct device *dma_device,
					    bool patient)
{
	struct amphora_processor *remote, *other;
	struct device *parent = NULL;
	int ret;

	remote = make_remote(rproc, dma_device);
	if (!remote) {
		put_device(dma_device);
		put_device(&rproc->dev);
		return ERR_PTR(-ENOMEM);
	}
	ret = watch_class(rproc);
	if (!ret)
		ret = lock_rproc(rproc, patient);
	if (ret) {
		amphora_remote_put(remote);
		return ERR_PTR(ret);
	}
	other = enter_remote(remote);
	mutex_unlock(&rproc->lock);
	if (other) {
		amphora_remote_put(remote);
		return other;
	}
	if (!amphora_class_has(&rproc->dev, &parent)) {
		/* it may have left the class before it was on the list */
		forget(&rproc->dev);
		amphora_remote_put(remote);
		return ERR_PTR(-ENODEV);
	}
	put_device(parent);
	return remote;
}

/*
 * The structure of a remote processor, with a reference. Takes over the references to rproc->dev
 * and to the device that its memory is mapped for. `patient`: may wait for a start or stop to end.
 * -EINTR, -EBUSY, -ENOMEM, -ENODEV.
 */
struct amphora_processor *amphora_remote_get(struct rproc *rproc, struct device *dma_device,
					     bool patient)
{
	struct amphora_processor *remote;

	mutex_lock(&remotes_lock);
	remote = find_remote(rproc);
	mutex_unlock(&remotes_lock);
	if (!remote)
		return add_remote(rproc, dma_device, patient);
	put_device(dma_device);
	put_device(&rproc->dev);
	return remote;
}

/* --- all of them --- */

/*
 * enum amphora_state; under remote->lock. Without rproc->lock: where the state changes just now, it
 * is the old one or the new.
 */
u32 amphora_remote_state(const struct amphora_processor *remote)
{
	if (remote->gone)
		return AMPHORA_GONE;
	switch (READ_ONCE(remote->rproc->state)) {
	case RPROC_OFFLINE:
		return AMPHORA_OFF;
	case RPROC_SUSPENDED:
	case RPROC_RUNNING:
	case RPROC_ATTACHED:
		return remote->alive ? AMPHORA_RUNNING : AMPHORA_ENDING;
	case RPROC_CRASHED:
		return AMPHORA_CRASHED;
	case RPROC_DETACHED:
		return AMPHORA_DETACHED;
	default: /* none that a kernel from 6.1 on has */
		return AMPHORA_GONE;
	}
}

/* Calls show() for each remote processor, with its lock held. */
void amphora_remote_each(void (*show)(struct amphora_processor *remote, void *data), void *data)
{
	struct amphora_processor *remote;

	mutex_lock(&remotes_lock);
	list_for_each_entry (remote, &remotes, node) {
		mutex_lock(&remote->lock);
		show(remote, data);
		mutex_unlock(&remote->lock);
	}
	mutex_unlock(&remotes_lock);
}

int amphora_remotes_open(void)
{
	works = alloc_workqueue("amphora", 0, 0);
	return works ? 0 : -ENOMEM;
}

/* When nobody uses the module any more: no attachment is mapped. */
void amphora_remotes_close(void)
{
	if (watching)
		class_interface_unregister(&watch); /* which ends each one */
	destroy_workqueue(works);
}
