/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg service: a channel to a service that a remote processor has announced on Linux's RPMsg bus.
 * Transport layer, Linux only. The endpoint is made through that processor's /dev/rpmsg_ctrlN.
 *
 * One thread at a time for one service.
 */
#ifndef AMPHORA_RPMSG_SERVICE_H
#define AMPHORA_RPMSG_SERVICE_H

#include <stdint.h>

#include <amphora/channel.h>
#include <amphora/error.h>
#include <amphora/version.h>

#ifdef __cplusplus
extern "C" {
#endif

struct amph_rpmsg_service {
	struct amph_channel_rpmsg_device
		channel; /* first; its fd is a proof for amph_remote_open() */
	uint32_t remoteproc; /* N of remoteprocN */
	uint32_t destination; /* the service's address */
	uint32_t device; /* N of the endpoint's /dev/rpmsgN; another after each opening */
};

/*
 * Waits until the processor announces the service, makes an endpoint of this program's own that talks to
 * it, and opens a channel over it: &service->channel.channel. remoteproc: N of remoteprocN; name: the
 * service's, at most 31 characters.
 * Returns 0; -EINVAL (name), -EPROTO (built with other limits); -EACCES (no right to open
 * /dev/rpmsg_ctrlN or /dev/rpmsgN, at the deadline: a device manager grants it some time after the
 * device has appeared; the endpoint that was made can't be taken back then, and stays for that life of
 * the processor); -ETIMEDOUT (why says what there is not: the processor does not run, does not
 * announce it, or the kernel has no rpmsg_ctrl or rpmsg_char).
 *
 * The channel of a processor that crashed or was stopped says -EPIPE for ever. Close it then and open it
 * again: it waits for the announcement of the new life. What is opened in the moment of a crash may be
 * of the old one, and says -EPIPE at once.
 */
int amph_rpmsg_service_open_checked(struct amph_rpmsg_service *service, uint32_t remoteproc,
				    const char *name, uint64_t deadline, struct amph_why *why,
				    uint32_t abi, uint32_t structure_size);
static inline int amph_rpmsg_service_open(struct amph_rpmsg_service *service, uint32_t remoteproc,
					  const char *name, uint64_t deadline, struct amph_why *why)
{
	return amph_rpmsg_service_open_checked(service, remoteproc, name, deadline, why, AMPH_ABI,
					       (uint32_t)sizeof(*service));
}

/* Closes the channel and destroys the endpoint; in a forked child only its copy of the fd. */
void amph_rpmsg_service_close(struct amph_rpmsg_service *service);

#ifdef __cplusplus
}
#endif

#endif
