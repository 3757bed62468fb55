// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sys/kernel/debug/amphora/attachments: what each remote processor reaches, whose it is, and what
 * of it is in quarantine. For people and tests; the format is no interface.
 */
#include <linux/cred.h>
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uidgid.h>

#include "amphora_internal.h"

static const char *const state_names[] = {
	[AMPHORA_OFF] = "off",	       [AMPHORA_RUNNING] = "running",
	[AMPHORA_CRASHED] = "crashed", [AMPHORA_DETACHED] = "detached",
	[AMPHORA_GONE] = "gone",       [AMPHORA_ENDING] = "ending",
};

static const char *get_state(const struct amphora_attachment *attachment)
{
	if (attachment->quarantined)
		return "quarantine";
	if (attachment->released)
		return "released"; /* and its memory still in view */
	return attachment->revoked ? "revoked" : "attached";
}

static void show_attachment(struct seq_file *out, const struct amphora_attachment *attachment)
{
	static const char *const directions[] = {"-", "reads", "writes", "both"};

	seq_printf(out, "  %-10s %12llu %8u %-6s %6llu ", get_state(attachment), attachment->size,
		   attachment->segment_count, directions[attachment->direction & 3],
		   attachment->boots);
	if (attachment->user)
		seq_printf(out, "%6u ",
			   from_kuid(seq_user_ns(out), amphora_quota_uid(attachment->user)));
	else
		seq_printf(out, "%6s ", "-");
	seq_printf(out, "%7d %-16s %s", attachment->pid, attachment->comm,
		   attachment->memory ? "coherent" : attachment->dmabuf->exp_name);
	if (attachment->bounced)
		seq_puts(out, " bounced");
	if (attachment->enforced)
		seq_puts(out, " enforced");
	seq_putc(out, '\n');
}

static void show_remote(struct amphora_processor *remote, void *data)
{
	struct amphora_attachment *attachment;
	struct seq_file *out = data;
	u64 attached = 0, quarantine = 0;

	list_for_each_entry (attachment, &remote->attachments, node) {
		attached += attachment->size;
		if (attachment->quarantined)
			quarantine += attachment->size;
	}
	seq_printf(out, "remoteproc%u %s %s boots %llu attachments %u bytes %llu quarantine %llu\n",
		   remote->index, remote->name, state_names[amphora_remote_state(remote)],
		   remote->boots, remote->count, attached, quarantine);
	if (!list_empty(&remote->attachments))
		seq_printf(out, "  %-10s %12s %8s %-6s %6s %6s %7s %-16s %s\n", "state", "bytes",
			   "segments", "device", "boot", "uid", "pid", "command", "memory");
	list_for_each_entry (attachment, &remote->attachments, node)
		show_attachment(out, attachment);
}

static int attachments_show(struct seq_file *out, void *data)
{
	amphora_remote_each(show_remote, out);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(attachments);

static struct dentry *folder;

void amphora_debugfs_open(void)
{
	folder = debugfs_create_dir("amphora", NULL);
	debugfs_create_file("attachments", 0400, folder, NULL, &attachments_fops);
}

void amphora_debugfs_close(void)
{
	debugfs_remove(folder);
}
