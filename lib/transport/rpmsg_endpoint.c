/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: endpoints, a list in the callers' storage. Transport layer; both roles.
 * No endpoint is kept across a receiver's call, so receivers may create and destroy any.
 */
#include "rpmsg_internal.h"

static bool in_use(const struct amph_rpmsg *rpmsg, uint32_t address)
{
	return amph_rpmsg_find(rpmsg, address) ||
	       (rpmsg->config.name_service && address == RPMSG_NAME_SERVICE);
}

static uint32_t pick_address(struct amph_rpmsg *rpmsg)
{
	uint32_t address;

	do {
		address = rpmsg->next_address++;
		if (rpmsg->next_address == AMPH_RPMSG_ANY)
			rpmsg->next_address = RPMSG_DYNAMIC_FIRST;
	} while (in_use(rpmsg, address));
	return address;
}

/* Copies a name of 1 to 31 bytes, or 0 where that is allowed; the rest is 0 already. */
static int copy_name(char *to, const char *name, bool needed)
{
	uint32_t length = 0;

	while (name && name[length]) {
		if (length == AMPH_RPMSG_NAME_MAX - 1)
			return -EINVAL;
		to[length] = name[length];
		length++;
	}
	return needed && !length ? -EINVAL : 0;
}

static int unlink_endpoint(struct amph_rpmsg *rpmsg, const struct amph_rpmsg_endpoint *endpoint)
{
	struct amph_rpmsg_endpoint **link = &rpmsg->endpoints;

	while (*link && *link != endpoint)
		link = &(*link)->next;
	if (!*link)
		return -EINVAL;
	*link = endpoint->next;
	return 0;
}

int amph_rpmsg_endpoint_create(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint,
			       const char *name, uint32_t address, uint32_t destination,
			       amph_rpmsg_receiver receiver, void *argument, bool announce,
			       uint64_t deadline)
{
	int error;

	if (amph_rpmsg_unusable(rpmsg))
		return amph_rpmsg_unusable(rpmsg);
	if (!receiver)
		return -EINVAL;
	if (announce && !rpmsg->config.name_service)
		return -ENOTSUP;
	*endpoint = (struct amph_rpmsg_endpoint){.destination = destination,
						 .receiver = receiver,
						 .argument = argument,
						 .rpmsg = rpmsg};
	error = copy_name(endpoint->name, name, announce);
	if (error)
		return error;
	if (address == AMPH_RPMSG_ANY)
		address = pick_address(rpmsg);
	else if (in_use(rpmsg, address))
		return -EADDRINUSE;
	endpoint->address = address;
	if (announce)
		error = amph_rpmsg_announce(endpoint, 0, deadline);
	if (error)
		return error;
	/* in time for any answer: none is delivered before the next poll */
	endpoint->next = rpmsg->endpoints;
	rpmsg->endpoints = endpoint;
	return 0;
}

int amph_rpmsg_endpoint_destroy(struct amph_rpmsg_endpoint *endpoint, bool announce,
				uint64_t deadline)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	int error = rpmsg ? unlink_endpoint(rpmsg, endpoint) : -EINVAL;

	if (!error && announce)
		error = rpmsg->config.name_service
				? amph_rpmsg_announce(endpoint, RPMSG_ANNOUNCE_DESTROY, deadline)
				: -ENOTSUP;
	return error;
}
