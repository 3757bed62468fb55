/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg's name service: hearing of the other side's endpoints. Transport layer.
 * An endpoint of its own, so that who never listens does not link it.
 */
#include <amphora/order.h>

#include "rpmsg_internal.h"

/* On the wire, whole. */
struct announcement {
	char name[AMPH_RPMSG_NAME_MAX];
	uint32_t address;
	uint32_t flags;
};

AMPH_STATIC_ASSERT(sizeof(struct announcement) == RPMSG_ANNOUNCEMENT, "40 bytes on the wire");

static bool is_good(const struct announcement *announcement)
{
	uint32_t end = 0;

	while (end < sizeof(announcement->name) && announcement->name[end])
		end++;
	return end && end < sizeof(announcement->name);
}

static void announced(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		      uint32_t source, void *argument)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	const struct amph_rpmsg_config *config = &rpmsg->config;
	struct announcement announcement = {0};

	(void)source;
	(void)argument;
	rpmsg->count.received--; /* those count messages of endpoints that the application has */
	if (length == sizeof(announcement))
		amph_copy_from_shared(&announcement, data, sizeof(announcement));
	if (!is_good(&announcement)) {
		rpmsg->count.malformed++;
		return;
	}
	if (config->service)
		config->service(config->argument, announcement.name, announcement.address,
				!(announcement.flags & AMPH_RPMSG_GONE));
}

int amph_rpmsg_hear(struct amph_rpmsg *rpmsg)
{
	rpmsg->name_service.address = RPMSG_NAME_SERVICE;
	rpmsg->name_service.receiver = announced;
	return amph_rpmsg_endpoint_add(rpmsg, &rpmsg->name_service);
}
