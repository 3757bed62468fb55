/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg: endpoints with a copied name, an address that is picked, and an announcement that waits.
 * Transport layer; over what rpmsg_endpoint.c does.
 */
#include "rpmsg_internal.h"

static void pick_address(struct amph_rpmsg *rpmsg, struct amph_rpmsg_endpoint *endpoint)
{
	do {
		/* 0 after init, and past the last one */
		if (rpmsg->next_address < RPMSG_DYNAMIC_FIRST ||
		    rpmsg->next_address == AMPH_RPMSG_ANY)
			rpmsg->next_address = RPMSG_DYNAMIC_FIRST;
		endpoint->address = rpmsg->next_address++;
	} while (amph_rpmsg_find(rpmsg, endpoint->address));
}

/* Copies a name of up to 31 bytes; the rest is 0 already. */
static int copy_name(char *to, const char *name)
{
	for (uint32_t length = 0; name && name[length]; length++) {
		if (length == AMPH_RPMSG_NAME_MAX - 1)
			return -EINVAL;
		to[length] = name[length];
	}
	return 0;
}

static int announce(struct amph_rpmsg_endpoint *endpoint, uint64_t deadline)
{
	int late = 0;
	int error;

	while ((error = amph_rpmsg_announce(endpoint)) == -EAGAIN && !late)
		late = amph_rpmsg_wait(endpoint->rpmsg, deadline);
	return error == -EAGAIN ? late : error;
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
			       amph_rpmsg_receiver receiver, void *argument, bool announced,
			       uint64_t deadline)
{
	int error = rpmsg_unusable(rpmsg);

	if (error)
		return error;
	*endpoint = (struct amph_rpmsg_endpoint){.address = address,
						 .destination = destination,
						 .receiver = receiver,
						 .argument = argument};
	error = copy_name(endpoint->name, name);
	if (error)
		return error;
	if (address == AMPH_RPMSG_ANY)
		pick_address(rpmsg, endpoint);
	error = amph_rpmsg_endpoint_add(rpmsg, endpoint);
	/* it is there in time for any answer: none is delivered before the next poll */
	if (!error && announced) {
		error = announce(endpoint, deadline);
		if (error)
			unlink_endpoint(rpmsg, endpoint);
	}
	return error;
}

int amph_rpmsg_endpoint_destroy(struct amph_rpmsg_endpoint *endpoint, bool announced,
				uint64_t deadline)
{
	struct amph_rpmsg *rpmsg = endpoint->rpmsg;
	int error = rpmsg ? unlink_endpoint(rpmsg, endpoint) : -EINVAL;

	if (error || !announced)
		return error;
	endpoint->flags = AMPH_RPMSG_GONE;
	return announce(endpoint, deadline);
}
