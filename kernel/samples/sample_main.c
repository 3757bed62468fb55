// SPDX-License-Identifier: GPL-2.0-only
/*
 * A sample: a driver of an RPMsg service that shares a large buffer with the remote processor, from
 * inside the kernel, by <linux/amphora.h>. It binds to what the probe firmware announces
 * (firmware/probe/probe.h). For each such device it does one exchange and writes in the attribute
 * `result` of the device how that went:
 *
 *   open a buffer, attach it, tell the other side its segments; fill it, hand it over, have it
 *   verified and filled anew; take it back, verify it; have the other side forget it, release it.
 */
#include <linux/amphora.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/module.h>
#include <linux/rpmsg.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/sysfs.h>
#include <linux/workqueue.h>
#include <probe/probe.h>

#include "../amphora_compat.h"
#include "sample.h"

#define BUFFER_SIZE (1280u << 10)
#define LIST	    15 /* the probe's lists are numbered by agreement: this is ours */
#define SEED_OUT    0x5a
#define SEED_BACK   0xa5
#define ANSWER_MS   20000
#define RUN_MS	    5000 /* until the core says that it runs */
#define STEP_MS	    20

struct sample {
	struct rpmsg_device *rpdev;
	struct work_struct work;
	struct probe_message message; /* the work's */
	u32 tag;
	struct completion answered;
	spinlock_t lock; /* of the next two */
	bool removed;
	struct probe_answer answer;

	int error; /* written before `step` is STEP_END */
	int step;
};

enum {
	STEP_FIND,
	STEP_BUFFER,
	STEP_ATTACH,
	STEP_TELL,
	STEP_WORK,
	STEP_RELEASE,
	STEP_END,
};

static const char *const step_names[] = {
	[STEP_FIND] = "find", [STEP_BUFFER] = "buffer", [STEP_ATTACH] = "attach",
	[STEP_TELL] = "tell", [STEP_WORK] = "work",	[STEP_RELEASE] = "release",
	[STEP_END] = "done",
};

/* --- messages --- */

static bool is_removed(struct sample *sample)
{
	bool removed;

	spin_lock_irq(&sample->lock);
	removed = sample->removed;
	spin_unlock_irq(&sample->lock);
	return removed;
}

/* May be called in an interrupt. What the peer sends is read once. */
static int take_answer(struct rpmsg_device *rpdev, void *data, int length, void *priv, u32 source)
{
	struct sample *sample = dev_get_drvdata(&rpdev->dev);
	struct probe_answer answer;
	unsigned long flags;

	if (length != sizeof(answer))
		return 0;
	memcpy(&answer, data, sizeof(answer));
	spin_lock_irqsave(&sample->lock, flags);
	if (le32_to_cpu(answer.tag) == sample->tag) {
		sample->answer = answer;
		complete(&sample->answered);
	}
	spin_unlock_irqrestore(&sample->lock, flags);
	return 0;
}

/* Sends sample->message and waits for its answer. -EIO: the other side refuses. */
static int ask(struct sample *sample, u32 command)
{
	struct probe_message *message = &sample->message;
	int ret;

	spin_lock_irq(&sample->lock);
	reinit_completion(&sample->answered);
	sample->tag++;
	if (sample->removed)
		complete(&sample->answered);
	spin_unlock_irq(&sample->lock);
	message->command = cpu_to_le32(command);
	message->tag = cpu_to_le32(sample->tag);
	message->list = cpu_to_le32(LIST);
	ret = rpmsg_trysend(sample->rpdev->ept, message, sizeof(*message));
	if (ret)
		return ret;
	if (!wait_for_completion_timeout(&sample->answered, msecs_to_jiffies(ANSWER_MS)))
		return -ETIMEDOUT;
	if (is_removed(sample))
		return -ENODEV;
	return sample->answer.status == cpu_to_le32(PROBE_OK) ? 0 : -EIO;
}

/* Replaces the other side's list; with no segments it forgets the buffer. */
static int tell_segments(struct sample *sample, const struct amphora_segment *segments, u32 count)
{
	struct probe_message *message = &sample->message;
	u32 first = 0, now;
	int ret;

	do {
		memset(message, 0, sizeof(*message));
		now = min_t(u32, count - first, PROBE_SEGMENTS);
		for (u32 i = 0; i < now; i++) {
			message->segments[i].address = cpu_to_le64(segments[first + i].address);
			message->segments[i].length = cpu_to_le64(segments[first + i].length);
		}
		message->first = cpu_to_le32(first);
		message->count = cpu_to_le32(now);
		ret = ask(sample, PROBE_LIST);
		first += now;
	} while (!ret && first < count);
	return ret;
}

static int order(struct sample *sample, u32 command, u32 seed, u64 length)
{
	memset(&sample->message, 0, sizeof(sample->message));
	sample->message.seed = cpu_to_le32(seed);
	sample->message.length = cpu_to_le64(length);
	return ask(sample, command);
}

/* --- the exchange --- */

static void fill(u32 *words, u32 seed)
{
	for (u32 i = 0; i < BUFFER_SIZE / sizeof(*words); i++)
		words[i] = probe_pattern(seed, i * sizeof(*words));
}

static int verify(const u32 *words, u32 seed)
{
	for (u32 i = 0; i < BUFFER_SIZE / sizeof(*words); i++)
		if (words[i] != probe_pattern(seed, i * sizeof(*words)))
			return -EBADMSG;
	return 0;
}

/* There and back. `words`: the kernel's view of the buffer. */
static int exchange(struct sample *sample, struct amphora_attachment *attachment, u32 *words)
{
	int ret;

	fill(words, SEED_OUT);
	ret = amphora_sync_for_device(attachment, 0, BUFFER_SIZE);
	if (!ret)
		ret = order(sample, PROBE_VERIFY, SEED_OUT, BUFFER_SIZE);
	if (!ret)
		ret = order(sample, PROBE_FILL, SEED_BACK, BUFFER_SIZE);
	if (!ret)
		ret = amphora_sync_for_cpu(attachment, 0, BUFFER_SIZE);
	return ret ? ret : verify(words, SEED_BACK);
}

/* A service may be announced before the core has set the state. */
static struct amphora_attachment *attach(struct sample *sample, struct amphora_processor *processor,
					 struct dma_buf *dmabuf)
{
	struct amphora_attachment *attachment;

	for (int waited = 0;; waited += STEP_MS) {
		attachment = amphora_attach(processor, dmabuf,
					    AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
		if (attachment != ERR_PTR(-ENOTCONN) || waited >= RUN_MS || is_removed(sample))
			return attachment;
		msleep(STEP_MS);
	}
}

static int share(struct sample *sample, struct amphora_processor *processor, struct dma_buf *dmabuf,
		 u32 *words)
{
	const struct amphora_segment *segments;
	struct amphora_attachment *attachment;
	u32 count;
	int ret;

	sample->step = STEP_ATTACH;
	attachment = attach(sample, processor, dmabuf);
	if (IS_ERR(attachment))
		return PTR_ERR(attachment);
	count = amphora_segments(attachment, &segments);
	sample->step = STEP_TELL;
	ret = tell_segments(sample, segments, count);
	if (ret)
		goto close;
	sample->step = STEP_WORK;
	ret = exchange(sample, attachment, words);
	if (ret)
		goto close;
	sample->step = STEP_RELEASE;
	ret = tell_segments(sample, NULL, 0); /* the answer is the acknowledgement */
	if (!ret)
		ret = amphora_release(attachment);
	if (!ret)
		dev_info(&sample->rpdev->dev, "shared %u bytes in %u segments\n", BUFFER_SIZE,
			 count);
close:
	amphora_close(attachment); /* without a release: stays until the stop */
	return ret;
}

static int share_buffer(struct sample *sample, struct amphora_processor *processor)
{
	struct dma_buf *dmabuf;
	struct iosys_map map;
	int ret;

	sample->step = STEP_BUFFER;
	dmabuf = sample_buffer_make(BUFFER_SIZE);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	ret = dma_buf_vmap_unlocked(dmabuf, &map);
	if (!ret) {
		ret = share(sample, processor, dmabuf, map.vaddr);
		dma_buf_vunmap_unlocked(dmabuf, &map);
	}
	dma_buf_put(dmabuf);
	return ret;
}

static void work(struct work_struct *work)
{
	struct sample *sample = container_of(work, struct sample, work);
	struct amphora_processor *processor = amphora_get_by_rpmsg(sample->rpdev);
	int ret = PTR_ERR_OR_ZERO(processor);

	if (!ret) {
		ret = share_buffer(sample, processor);
		amphora_put(processor);
	}
	if (ret)
		dev_err(&sample->rpdev->dev, "%s: %d\n", step_names[sample->step], ret);
	else
		sample->step = STEP_END;
	smp_store_release(&sample->error, ret); /* read by result_show() */
}

/* "running", "done", or a step and its error. */
static ssize_t result_show(struct device *dev, struct device_attribute *attribute, char *text)
{
	struct sample *sample = dev_get_drvdata(dev);
	int error = smp_load_acquire(&sample->error);

	if (error == 1)
		return sysfs_emit(text, "running\n");
	if (error)
		return sysfs_emit(text, "%s %d\n", step_names[sample->step], error);
	return sysfs_emit(text, "done\n");
}
static DEVICE_ATTR_RO(result);

static struct attribute *sample_attrs[] = {&dev_attr_result.attr, NULL};
ATTRIBUTE_GROUPS(sample);

/* --- the driver --- */

static int sample_probe(struct rpmsg_device *rpdev)
{
	struct sample *sample = devm_kzalloc(&rpdev->dev, sizeof(*sample), GFP_KERNEL);

	if (!sample)
		return -ENOMEM;
	sample->rpdev = rpdev;
	sample->error = 1;
	spin_lock_init(&sample->lock);
	init_completion(&sample->answered);
	INIT_WORK(&sample->work, work);
	dev_set_drvdata(&rpdev->dev, sample);
	queue_work(system_long_wq, &sample->work);
	return 0;
}

static void sample_remove(struct rpmsg_device *rpdev)
{
	struct sample *sample = dev_get_drvdata(&rpdev->dev);

	spin_lock_irq(&sample->lock);
	sample->removed = true;
	complete(&sample->answered);
	spin_unlock_irq(&sample->lock);
	cancel_work_sync(&sample->work);
}

static struct rpmsg_device_id sample_ids[] = {{.name = PROBE_SAMPLE_SERVICE}, {}};
MODULE_DEVICE_TABLE(rpmsg, sample_ids);

static struct rpmsg_driver sample_driver = {
	.drv = {.name = "amphora_sample", .dev_groups = sample_groups},
	.id_table = sample_ids,
	.probe = sample_probe,
	.callback = take_answer,
	.remove = sample_remove,
};
module_rpmsg_driver(sample_driver);

MODULE_DESCRIPTION("Sample: shares a buffer with a remote processor from inside the kernel");
MODULE_LICENSE("GPL");
AMPHORA_IMPORT_DMA_BUF;
