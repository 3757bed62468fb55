/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * life-check: what the ends of a remote processor's life prove, and what not: a detach, which it
 * survives, and its driver's unbinding. With a coprocessor that ran before Linux (amphora vsoc
 * --early). usage: life-check [CHECK]
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../probe/client.h"
#include "../probe/memory.h"
#include "../providers/check.h"
#include "module.h"

#define BOTH	(AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES)
#define SIZE	(2u * MIB)
#define WAIT_MS 30000
#define WAIT_US 10000
#define DRIVER	"/sys/bus/platform/drivers/vsoc_rproc/"
#define DEVICE	"coprocessor-bus:coprocessor"

static int attach_new(int remote)
{
	int dmabuf = module_heap(SIZE, O_RDWR);
	int attachment = module_attach(remote, dmabuf, BOTH);

	EXPECT(attachment >= 0);
	close(dmabuf);
	return attachment;
}

static void write_driver(const char *file)
{
	int fd = open(file, O_WRONLY);

	EXPECT(fd >= 0);
	EXPECT_EQUAL(write(fd, DEVICE, strlen(DEVICE)), (ssize_t)strlen(DEVICE));
	close(fd);
}

/* The last part of an end may be looked at a little later, by a thread of the kernel. */
static void expect_attachments(int remote, uint32_t count)
{
	for (int waited = 0; waited < WAIT_MS; waited += WAIT_US / 1000) {
		if (module_remote_info(remote).attachments == count)
			return;
		usleep(WAIT_US);
	}
	EXPECT_EQUAL(module_remote_info(remote).attachments, count);
}

/* Both were attached in the life that it is detached from; it runs on, and may write into both. */
static void detach_frees_nothing(void)
{
	int remote = module_open_remote(), open_one = attach_new(remote);
	uint64_t boots = module_remote_info(remote).boots;

	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_RUNNING);
	close(attach_new(remote));
	EXPECT_EQUAL(remote_switch("detach"), 0);
	EXPECT_EQUAL(module_poll(remote, WAIT_MS), POLLPRI);
	EXPECT_EQUAL(module_poll(open_one, 0), POLLHUP | POLLERR);
	EXPECT_EQUAL(module_call(open_one, AMPHORA_IOC_RELEASE, NULL), -ESTALE);
	close(open_one);
	usleep(50 * WAIT_US);
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_DETACHED);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 2);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 2 * SIZE);

	/* nor does the next attach, or a release of what came then */
	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(module_remote_info(remote).boots, boots + 1);
	open_one = attach_new(remote);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 3);
	EXPECT_EQUAL(module_call(open_one, AMPHORA_IOC_RELEASE, NULL), 0);
	close(open_one);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 2);

	/* but a stop does */
	EXPECT_EQUAL(remote_switch("stop"), 0);
	expect_attachments(remote, 0);
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_OFF);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	close(remote);
}

/* A start at once after the stop sees what that has proved, however late a thread would look. */
static void start_after_a_stop_has_nothing_of_the_last_life(void)
{
	int remote = module_open_remote();

	EXPECT_EQUAL(remote_switch("start"), 0);
	close(attach_new(remote));
	EXPECT_EQUAL(remote_switch("stop"), 0);
	EXPECT_EQUAL(remote_switch("start"), 0);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	close(remote);
}

/* The driver stops it, and goes. */
static void unbinding_ends_a_remote_and_frees_its_buffers(void)
{
	int remote = module_open_remote(), attachment = attach_new(remote);

	close(attach_new(remote));
	write_driver(DRIVER "unbind");
	EXPECT_EQUAL(module_poll(remote, WAIT_MS), POLLPRI | POLLHUP);
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_GONE);
	EXPECT_EQUAL(module_remote_info(remote).attachments, 0);
	EXPECT_EQUAL(module_remote_info(remote).quarantine_bytes, 0);
	EXPECT_EQUAL(module_attach(remote, attachment, BOTH), -EINVAL);
	EXPECT_EQUAL(module_coherent(remote, 4096), -ENODEV);
	EXPECT_EQUAL(module_sync(attachment, 0, 4096, AMPHORA_SYNC_FOR_CPU), -ESTALE);
	EXPECT_EQUAL(module_poll(attachment, 0), POLLHUP | POLLERR);
	close(attachment);
	close(remote); /* which had kept its number */
	write_driver(DRIVER "bind");
	remote = module_open_remote();
	EXPECT_EQUAL(module_remote_info(remote).state, AMPHORA_OFF);
	EXPECT_EQUAL(remote_switch("start"), 0);
	attachment = attach_new(remote);
	EXPECT_EQUAL(module_call(attachment, AMPHORA_IOC_RELEASE, NULL), 0);
	close(attachment);
	close(remote);
}

/* A program that opens the remote processor while its driver comes and goes. */
static void unbinding_under_a_program_that_opens_it(void)
{
	for (int i = 0; i < 20; i++) {
		pid_t child = fork();

		EXPECT(child >= 0);
		if (!child) {
			for (;;) {
				int proof = open("/dev/remoteproc0", O_RDWR), remote;

				remote = proof < 0 ? -1 : module_remote(proof);
				if (remote >= 0) {
					EXPECT(module_remote_info(remote).attachments == 0);
					close(remote);
				}
				if (proof >= 0)
					close(proof);
			}
		}
		usleep(WAIT_US);
		write_driver(DRIVER "unbind");
		usleep(WAIT_US);
		write_driver(DRIVER "bind");
		kill(child, SIGKILL);
		EXPECT_EQUAL(waitpid(child, NULL, 0), child);
	}
	EXPECT_EQUAL(remote_switch("start"), 0);
}

int main(int argc, char **argv)
{
	static const struct check checks[] = {
		CHECK(detach_frees_nothing),
		CHECK(start_after_a_stop_has_nothing_of_the_last_life),
		CHECK(unbinding_ends_a_remote_and_frees_its_buffers),
		CHECK(unbinding_under_a_program_that_opens_it),
	};

	if (remote_switch("start"))
		return 1;
	return check_main(checks, sizeof(checks) / sizeof(checks[0]), argc, argv);
}
