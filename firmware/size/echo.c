/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Measured image: RPMsg only. One announced endpoint sends back what it gets.
 */
#include "size.h"

#define ADDRESS 30

static struct amph_rpmsg rpmsg;
static struct amph_rpmsg_endpoint endpoint;

static void echo(struct amph_rpmsg_endpoint *at, const void *data, uint32_t length, uint32_t source,
		 void *argument)
{
	(void)argument;
	amph_rpmsg_send_to(at, source, data, length, 0);
}

void image_main(void)
{
	if (size_rpmsg(&rpmsg) || amph_rpmsg_endpoint_create(&rpmsg, &endpoint, "echo", ADDRESS,
							     AMPH_RPMSG_ANY, echo, 0, true, 0))
		return;
	for (;;)
		if (amph_rpmsg_poll(&rpmsg) <= 0)
			size_sleep();
}
