/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: endpoints, a list in the callers' storage, and their announcements. Transport layer.
 * No endpoint is kept across a receiver's call, so receivers may create and destroy any.
 */
#include "rpmsg_internal.h"

int amph_rpmsg_endpoint_add(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint)
{
	int error = rpmsg_unusable(rpmsg);

	if (error)
		return error;
	if (!endpoint->receiver)
		return -EINVAL;
	if (amph_rpmsg_find(rpmsg, endpoint->address))
		return -EADDRINUSE;
	endpoint->rpmsg = rpmsg;
	endpoint->next = rpmsg->endpoints;
	rpmsg->endpoints = endpoint;
	return 0;
}

int amph_rpmsg_announce(struct amph_rpmsg_endpoint *endpoint)
{
	if (!endpoint->rpmsg->config.name_service)
		return -ENOTSUP;
	if (!endpoint->name[0] || endpoint->name[AMPH_RPMSG_NAME_MAX - 1])
		return -EINVAL;
	return amph_rpmsg_try_send_to(endpoint, RPMSG_NAME_SERVICE, endpoint, RPMSG_ANNOUNCEMENT);
}
