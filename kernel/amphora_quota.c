// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much memory each user has where it could end up in quarantine.
 *
 * What is attached is charged to who attached it, from then on until it is unmapped: a process can
 * die at any time, and then all that it has attached goes into quarantine. So a user never holds
 * more there than the limit, however it dies. Attachments of kernel drivers are charged to nobody.
 */
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include "amphora_internal.h"

struct amphora_user {
	struct list_head node;
	kuid_t uid;
	unsigned long holders; /* attachments that are charged to it */
	u64 bytes; /* attached or in quarantine */
	u64 quarantine;
};

static unsigned int quarantine_max_mib;
module_param(quarantine_max_mib, uint, 0644);
MODULE_PARM_DESC(quarantine_max_mib,
		 "MiB that one user may have attached and in quarantine (0: half of the memory)");

static LIST_HEAD(users);
static DEFINE_MUTEX(users_lock);

/* Bytes that one user may have. */
u64 amphora_quota_max(void)
{
	unsigned int mib = READ_ONCE(quarantine_max_mib);

	return mib ? (u64)mib << 20 : ((u64)totalram_pages() << PAGE_SHIFT) / 2;
}

static struct amphora_user *look_up(kuid_t uid)
{
	struct amphora_user *user;

	list_for_each_entry (user, &users, node)
		if (uid_eq(user->uid, uid))
			return user;
	return NULL;
}

/* Charges a user for an attachment. Returns the user; -EDQUOT, -ENOMEM. */
struct amphora_user *amphora_quota_charge(kuid_t uid, u64 bytes)
{
	struct amphora_user *user;
	u64 sum;

	mutex_lock(&users_lock);
	user = look_up(uid);
	if (check_add_overflow(user ? user->bytes : 0, bytes, &sum) || sum > amphora_quota_max()) {
		user = ERR_PTR(-EDQUOT);
		goto unlock;
	}
	if (!user) {
		user = kzalloc(sizeof(*user), GFP_KERNEL);
		if (!user) {
			user = ERR_PTR(-ENOMEM);
			goto unlock;
		}
		user->uid = uid;
		list_add(&user->node, &users);
	}
	user->holders++;
	user->bytes = sum;
unlock:
	mutex_unlock(&users_lock);
	return user;
}

/* The attachment was closed without a release. */
void amphora_quota_quarantine(struct amphora_user *user, u64 bytes)
{
	if (!user)
		return;
	mutex_lock(&users_lock);
	user->quarantine += bytes;
	mutex_unlock(&users_lock);
}

/* The attachment is unmapped. `user` is not used afterwards. */
void amphora_quota_return(struct amphora_user *user, u64 bytes, bool quarantined)
{
	if (!user)
		return;
	mutex_lock(&users_lock);
	user->bytes -= bytes;
	if (quarantined)
		user->quarantine -= bytes;
	if (!--user->holders) {
		list_del(&user->node);
		kfree(user);
	}
	mutex_unlock(&users_lock);
}

/* Bytes that a user has in quarantine. */
u64 amphora_quota_read(kuid_t uid)
{
	struct amphora_user *user;
	u64 bytes;

	mutex_lock(&users_lock);
	user = look_up(uid);
	bytes = user ? user->quarantine : 0;
	mutex_unlock(&users_lock);
	return bytes;
}

kuid_t amphora_quota_uid(const struct amphora_user *user)
{
	return user->uid;
}
