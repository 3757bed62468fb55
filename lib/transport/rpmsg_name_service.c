/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg's name service: announcing endpoints, and hearing of the other side's. Transport layer.
 */
#include <amphora/order.h>

#include "rpmsg_internal.h"

int amph_rpmsg_announce(struct amph_rpmsg_endpoint *endpoint, uint32_t flags, uint64_t deadline)
{
	struct rpmsg_announcement announcement = {.address = endpoint->address, .flags = flags};

	__builtin_memcpy(announcement.name, endpoint->name, sizeof(announcement.name));
	return amph_rpmsg_send_to(endpoint, RPMSG_NAME_SERVICE, &announcement, sizeof(announcement),
				  deadline);
}

bool amph_rpmsg_announced(struct amph_rpmsg *rpmsg, const void *data, uint32_t length)
{
	struct rpmsg_announcement announcement;
	uint32_t end = 0;

	if (length != sizeof(announcement))
		return false;
	amph_copy_from_shared(&announcement, data, sizeof(announcement));
	while (end < sizeof(announcement.name) && announcement.name[end])
		end++;
	if (!end || end == sizeof(announcement.name))
		return false;
	if (rpmsg->config.service)
		rpmsg->config.service(rpmsg->config.argument, announcement.name,
				      announcement.address,
				      !(announcement.flags & RPMSG_ANNOUNCE_DESTROY));
	return true;
}
