/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel module amphora: opened, asked for its version and for a remote.
 * Memory layer, Linux. The way of a buffer to a remote processor begins at this door.
 */
#include "memory/target/linux/module.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <amphora/time.h>

#define CALL_MS 30000 /* the module waits less by itself, but anew after each signal */

int amph_module_call(int fd, unsigned long request, void *argument)
{
	uint64_t deadline = amph_deadline(CALL_MS);

	while (ioctl(fd, request, argument)) {
		if (errno != EINTR)
			return -errno;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

static int refuse_open(int error, struct amph_why *why)
{
	if (error == EACCES || error == EPERM)
		return amph_refuse(why, -EACCES, "this user has no right to open " AMPHORA_DEVICE,
				   0, 0);
	if (error == ENOENT || error == ENODEV || error == ENXIO)
		return amph_refuse(why, -ENOTSUP,
				   "there is no " AMPHORA_DEVICE ": the kernel module amphora is "
				   "not loaded (modprobe amphora)",
				   0, 0);
	return amph_refuse(why, -error, AMPHORA_DEVICE " can't be opened", 0, 0);
}

static int check_version(int device, struct amph_why *why)
{
	struct amphora_version version = {0};
	int error = amph_module_call(device, AMPHORA_IOC_VERSION, &version);

	if (error)
		return amph_refuse(why, -EPROTO,
				   AMPHORA_DEVICE " does not answer as the module amphora would",
				   (uint64_t)-error, 0);
	if (version.version != AMPHORA_ABI_VERSION)
		return amph_refuse(why, -EPROTO, "the module amphora speaks another version",
				   version.version, AMPHORA_ABI_VERSION);
	return 0;
}

int amph_module_remote(int proof, int *remote, struct amph_why *why)
{
	struct amphora_remote made = {.proof = proof, .fd = -1};
	int device = open(AMPHORA_DEVICE, O_RDWR | O_CLOEXEC);
	int error;

	if (device < 0)
		return refuse_open(errno, why);
	error = check_version(device, why);
	if (!error) {
		error = amph_module_call(device, AMPHORA_IOC_REMOTE, &made);
		if (error == -ENODEV)
			amph_refuse(why, error,
				    "the fd is no /dev/remoteprocN and no /dev/rpmsgN of a remote "
				    "processor, or it is going away",
				    (uint64_t)proof, 0);
		else if (error == -EBUSY)
			amph_refuse(why, error,
				    "the remote processor is being started or stopped, and that "
				    "does not end",
				    (uint64_t)proof, 0);
		else if (error)
			amph_refuse(why, error, "the fd proves no remote processor",
				    (uint64_t)proof, 0);
	}
	close(device);
	if (!error)
		*remote = made.fd;
	return error;
}
