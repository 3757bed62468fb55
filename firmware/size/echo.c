/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measured image: RPMsg only. One announced endpoint sends back what it gets.
 */
#include "size.h"

#define ADDRESS 30

static void echo(struct amph_rpmsg_endpoint *at, const void *data, uint32_t length, uint32_t source,
		 void *argument)
{
	(void)argument;
	amph_rpmsg_try_send_to(at, source, data, length);
}

static struct amph_rpmsg rpmsg;
static struct amph_rpmsg_endpoint endpoint = {
	.name = "echo",
	.address = ADDRESS,
	.destination = AMPH_RPMSG_ANY,
	.receiver = echo,
};

void image_main(void)
{
	if (size_rpmsg(&rpmsg) || amph_rpmsg_endpoint_add(&rpmsg, &endpoint) ||
	    amph_rpmsg_announce(&endpoint))
		return;
	for (;;)
		if (amph_rpmsg_poll(&rpmsg) <= 0)
			size_sleep();
}
