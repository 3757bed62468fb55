/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sample-check: the sample driver shares its buffer with the coprocessor from inside the kernel,
 * and leaves nothing behind; also when the coprocessor is stopped in the middle, or hangs. usage:
 * sample-check [CHECK]
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../module.h"
#include "../probe/client.h"
#include "../providers/check.h"
#include "module.h"

#define SAMPLE	 "amphora_sample"
#define SERVICE	 "/sys/bus/rpmsg/devices/virtio0.amphora-sample.-1.1025/result"
#define RESULT	 64
#define WAIT_US	 10000
#define WAIT_MAX 6000 /* one minute */

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* The last reference to a dma-buf may be dropped a little later, by a thread of the kernel. */
static int unload_soon(const char *module)
{
	int ret = unload(module);

	for (int i = 0; i < WAIT_MAX && ret == -EWOULDBLOCK; i++) {
		usleep(WAIT_US);
		ret = unload(module);
	}
	return ret;
}

/* What the driver says, or "" while it has no device. */
static void read_result(char result[RESULT])
{
	int fd = open(SERVICE, O_RDONLY);
	ssize_t length = fd < 0 ? 0 : read(fd, result, RESULT - 1);

	result[length > 0 ? length : 0] = '\0';
	if (fd >= 0)
		close(fd);
}

static void wait_for_result(char result[RESULT])
{
	for (int i = 0; i < WAIT_MAX; i++) {
		read_result(result);
		if (result[0] && strcmp(result, "running\n"))
			return;
		usleep(WAIT_US);
	}
	EXPECT(!"the sample came to an end");
}

static void driver_shares_a_buffer_with_the_remote(void)
{
	int remote = module_open_remote();
	char result[RESULT];

	EXPECT_EQUAL(module_load("/lib/modules/amphora_sample.ko", ""), 0);
	wait_for_result(result);
	EXPECT_EQUAL(strcmp(result, "done\n"), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(unload_soon(SAMPLE), 0);
	close(remote);
}

/* The driver's work has begun, or is about to, when the stop takes its device away. */
static void stop_in_the_middle_leaves_nothing(void)
{
	int remote = module_open_remote();

	EXPECT_EQUAL(module_load("/lib/modules/amphora_sample.ko", ""), 0);
	for (unsigned int i = 0; i < 20; i++) {
		usleep(i * 3000);
		EXPECT_EQUAL(remote_switch("stop"), 0);
		EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
		EXPECT_EQUAL(remote_switch("start"), 0);
	}
	EXPECT_EQUAL(unload_soon(SAMPLE), 0);
	close(remote);
}

/*
 * Nobody answers: what the driver has attached stays until the stop, and with it the modules that
 * have mapped it and that would free it.
 */
static void buffer_of_a_remote_that_hangs_is_kept(void)
{
	int remote = module_open_remote();
	struct probe probe;
	char result[RESULT];

	/* RPMsg gives a service its local address when a driver first binds to it: a new service */
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(probe_open(&probe), 0);
	EXPECT_EQUAL(probe_end(&probe, PROBE_HANG, 0), 0);
	EXPECT_EQUAL(module_load("/lib/modules/amphora_sample.ko", ""), 0);
	wait_for_result(result);
	EXPECT_EQUAL(strcmp(result, "tell -110\n"), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 1);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0); /* no user's */
	close(remote);
	EXPECT_EQUAL(unload(SAMPLE), -EWOULDBLOCK);
	EXPECT_EQUAL(unload("amphora"), -EWOULDBLOCK);
	EXPECT_EQUAL(remote_switch("stop"), 0);
	probe_close(&probe);
	remote = module_open_remote();
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	close(remote);
	EXPECT_EQUAL(unload_soon(SAMPLE), 0);
	EXPECT_EQUAL(unload_soon("amphora"), 0);
	EXPECT_EQUAL(module_load("/lib/modules/amphora.ko", ""), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(driver_shares_a_buffer_with_the_remote),
		CHECK(stop_in_the_middle_leaves_nothing),
		CHECK(buffer_of_a_remote_that_hangs_is_kept),
	};
	int failed;

	if (remote_switch("start"))
		return 1;
	failed = check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
	return remote_switch("stop") || failed;
}
