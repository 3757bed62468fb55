/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The virtual SoC's one coprocessor, and an endpoint of a service of its: the library's remoteproc.h and
 * rpmsg_service.h with a line on standard error for whatever fails. Test code that runs inside the
 * virtual SoC.
 */
#ifndef VSOC_GUEST_REMOTE_H
#define VSOC_GUEST_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include <amphora/rpmsg_service.h>

#define REMOTE_INDEX 0 /* remoteproc0 */

struct remote_endpoint {
	int fd; /* /dev/rpmsgN, does not block; the service's */
	uint32_t address; /* the service's */
	struct amph_rpmsg_service service;
};

/* All functions return 0, or -1 after a line on standard error. */

int remote_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether its state is that one now; says nothing. */
bool remote_is(const char *state);

/* "offline", "running", ...: now, or before a deadline has passed. */
int remote_expect(const char *state);
int remote_wait(const char *state);

/* Starts, stops or lets go of it: "start", "stop", "detach". */
int remote_switch(const char *command);

/* Makes an endpoint for a service, and waits for that service before. */
int remote_open(struct remote_endpoint *endpoint, const char *service);

/* Destroys it; one whose remote is gone is only closed. */
int remote_close(struct remote_endpoint *endpoint);

/* Sends the demo firmware's control service a message and takes the same one back. */
int remote_ping(const struct remote_endpoint *endpoint, uint32_t number);

#endif
