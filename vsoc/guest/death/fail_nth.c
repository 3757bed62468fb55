/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fail-nth: each call of /dev/amphora while its n-th allocation fails, for every n until none is left.
 * A call that fails leaves everything as it was. Runs inside the virtual SoC; needs the debugging kernel
 * and a coprocessor that stays up.
 * usage: fail-nth
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../module.h"
#include "death.h"

#define FAULTS	 "/sys/kernel/debug/"
#define FAIL_NTH "/proc/thread-self/fail-nth"
#define MODULE	 "/lib/modules/amphora.ko"
#define SIZE	 (64u * DEATH_PAGE)
#define MANY	 2000 /* allocations of one call */
#define RPMSGS	 8

struct test {
	int device, remote, dmabuf, attachment, proof;
	int made; /* the descriptor that the call has made, -1 */
	void *map;
};

struct call {
	const char *name;
	int (*prepare)(struct test *test); /* 0 or -1 */
	int (*call)(struct test *test); /* what is tried: 0 or -errno */
	bool keeps; /* what it was called for is gone, or in quarantine, also when it fails */
};

/* --- faults --- */

static int fault_file = -1;

/* 0 takes a fault back that did not happen. */
static int arm(unsigned n)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", n);

	return pwrite(fault_file, text, (size_t)length, 0) == length
		       ? 0
		       : death_fail(FAIL_NTH ": %s", strerror(errno));
}

/* Whether it happened. */
static bool disarm(void)
{
	char text[16] = "";

	if (pread(fault_file, text, sizeof(text) - 1, 0) < 0)
		return false;
	bool happened = text[0] == '0';
	arm(0);
	return happened;
}

static int open_faults(void)
{
	static const char *const settings[][2] = {
		{FAULTS "failslab/ignore-gfp-wait", "N"},
		{FAULTS "failslab/verbose", "0"},
		{FAULTS "fail_page_alloc/ignore-gfp-wait", "N"},
		{FAULTS "fail_page_alloc/min-order", "0"},
		{FAULTS "fail_page_alloc/verbose", "0"},
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int error = death_write(settings[i][0], settings[i][1]);

		if (error)
			return death_fail("%s: %s", settings[i][0], strerror(-error));
	}
	fault_file = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	return fault_file < 0 ? death_fail(FAIL_NTH ": %s", strerror(errno)) : 0;
}

/* --- what is tried --- */

static int open_all(struct test *test)
{
	test->device = death_open_device();
	test->remote = death_open_remote(test->device);
	test->proof = open(DEATH_RPROC, O_RDWR | O_CLOEXEC);
	return test->remote < 0 || test->proof < 0 ? death_fail("no remote") : 0;
}

static int with_buffer(struct test *test)
{
	test->dmabuf = death_heap_alloc(DEATH_HEAP, SIZE);
	return open_all(test) || test->dmabuf < 0 ? death_fail("no buffer") : 0;
}

static int with_cma_buffer(struct test *test)
{
	test->dmabuf = death_heap_alloc(DEATH_CMA, SIZE);
	return open_all(test) || test->dmabuf < 0 ? death_fail("no buffer") : 0;
}

static int with_udmabuf(struct test *test)
{
	test->dmabuf = death_heap_alloc(DEATH_UDMABUF, SIZE);
	return open_all(test) || test->dmabuf < 0 ? death_fail("no udmabuf") : 0;
}

static int with_attachment(struct test *test)
{
	if (with_buffer(test))
		return -1;
	test->attachment = death_attach(test->remote, test->dmabuf,
					AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES);
	return test->attachment < 0 ? death_fail("attach: %s", strerror(-test->attachment)) : 0;
}

static int with_memory(struct test *test)
{
	if (open_all(test))
		return -1;
	test->attachment = death_coherent(test->remote, SIZE);
	return test->attachment < 0 ? death_fail("coherent: %s", strerror(-test->attachment)) : 0;
}

/* The proof is an endpoint of the demo firmware's. */
static int with_rpmsg(struct test *test)
{
	glob_t found;

	if (open_all(test) || glob("/dev/rpmsg_ctrl[0-9]*", 0, NULL, &found))
		return death_fail("no rpmsg_ctrl");
	close(test->proof);
	test->proof = open(found.gl_pathv[0], O_RDWR | O_CLOEXEC);
	globfree(&found);
	return test->proof < 0 ? death_fail("no proof") : 0;
}

/* The module has forgotten the remote processor: the next one makes it known. */
static int with_new_module(struct test *test)
{
	int error;

	if (syscall(SYS_delete_module, "amphora", O_NONBLOCK))
		return death_fail("rmmod: %s", strerror(errno));
	error = module_load(MODULE, "");
	if (error)
		return death_fail("insmod: %s", strerror(-error));
	test->device = death_open_device();
	test->proof = open(DEATH_RPROC, O_RDWR | O_CLOEXEC);
	return test->device < 0 || test->proof < 0 ? death_fail("no device") : 0;
}

static int made(struct test *test, int result)
{
	test->made = result < 0 ? -1 : result;
	return result < 0 ? result : 0;
}

static int try_open(struct test *test)
{
	return made(test, death_open_device());
}

static int try_remote(struct test *test)
{
	struct amphora_remote remote = {.proof = test->proof};

	return made(test, ioctl(test->device, AMPHORA_IOC_REMOTE, &remote) ? -errno : remote.fd);
}

static int try_remote_info(struct test *test)
{
	struct amphora_remote_info info;

	return death_remote_info(test->remote, &info);
}

static int try_list(struct test *test)
{
	struct amphora_rpmsg entries[RPMSGS];
	struct amphora_rpmsg_list list = {.capacity = RPMSGS, .list = (uintptr_t)entries};

	return ioctl(test->remote, AMPHORA_IOC_RPMSG_LIST, &list) ? -errno : 0;
}

static int try_attach(struct test *test)
{
	return made(test, death_attach(test->remote, test->dmabuf,
				       AMPHORA_DEVICE_READS | AMPHORA_DEVICE_WRITES));
}

static int try_coherent(struct test *test)
{
	return made(test, death_coherent(test->remote, SIZE));
}

static int try_map(struct test *test)
{
	test->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, test->attachment, 0);
	return test->map == MAP_FAILED ? -errno : 0;
}

static int try_segments(struct test *test)
{
	struct amphora_segment segment;
	struct amphora_segments list = {.count = 1, .list = (uintptr_t)&segment};

	return ioctl(test->attachment, AMPHORA_IOC_SEGMENTS, &list) ? -errno : 0;
}

static int try_sync(struct test *test)
{
	struct amphora_sync sync = {.length = SIZE, .flags = AMPHORA_SYNC_FOR_DEVICE};

	return ioctl(test->attachment, AMPHORA_IOC_SYNC, &sync) ? -errno : 0;
}

static int try_release(struct test *test)
{
	return death_release(test->attachment);
}

static int try_close(struct test *test)
{
	int error = close(test->attachment) ? -errno : 0;

	test->attachment = -1;
	return error;
}

/* --- what it leaves --- */

static struct amphora_remote_info info_now(void)
{
	struct amphora_remote_info info = {0};
	int device = death_open_device();
	int remote = death_open_remote(device);

	death_remote_info(remote, &info);
	close(remote);
	close(device);
	return info;
}

static void close_one(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void clean_up(struct test *test)
{
	if (test->map != MAP_FAILED)
		munmap(test->map, SIZE);
	if (test->made >= 0)
		death_release(test->made);
	if (test->attachment >= 0)
		death_release(test->attachment);
	close_one(&test->made);
	close_one(&test->attachment);
	close_one(&test->dmabuf);
	close_one(&test->proof);
	close_one(&test->remote);
	close_one(&test->device);
	*test = (struct test){-1, -1, -1, -1, -1, -1, MAP_FAILED};
}

static int check(const struct call *call, unsigned n, int error,
		 const struct amphora_remote_info *before)
{
	struct amphora_remote_info after = info_now();
	uint64_t kept = !strcmp(call->name, "close") ? SIZE : 0;

	if (error && error != -ENOMEM)
		return death_fail("%s, allocation %u: %s", call->name, n, strerror(-error));
	/* what a close leaves without a release is in quarantine, whatever fails */
	if (kept && after.quarantine_bytes != before->quarantine_bytes + kept)
		return death_fail("%s, allocation %u: not in quarantine", call->name, n);
	if (!kept && error && after.attachments != before->attachments)
		return death_fail("%s, allocation %u: attachments were %u, are %u", call->name, n,
				  before->attachments, after.attachments);
	return 0;
}

/* Returns whether the fault happened; -1 after a line. */
static int try_one(const struct call *call, unsigned n)
{
	struct test test = {-1, -1, -1, -1, -1, -1, MAP_FAILED};
	struct amphora_remote_info before = {0};
	int fds = death_count_fds(), error;
	bool happened;

	if (call->prepare && call->prepare(&test))
		return -1;
	if (!call->keeps)
		before = info_now();
	int next = dup(0);
	close(next);
	if (arm(n))
		return -1;
	error = call->call(&test);
	happened = disarm();
	if (!happened && error)
		return death_fail("%s fails without a fault: %s", call->name, strerror(-error));
	if (error) {
		int now = dup(0);

		close(now);
		if (now != next)
			return death_fail("%s, allocation %u: a descriptor is left", call->name, n);
	}
	if (!call->keeps && check(call, n, error, &before))
		return -1;
	clean_up(&test);
	if (death_count_fds() != fds)
		return death_fail("%s, allocation %u: descriptors are left", call->name, n);
	return happened;
}

static int try_all(const struct call *call)
{
	for (unsigned n = 1; n < MANY; n++) {
		int happened = try_one(call, n);

		if (happened < 0)
			return -1;
		if (!happened) {
			printf("%s: each of %u allocations failed\n", call->name, n - 1);
			fflush(stdout);
			return 0;
		}
	}
	return death_fail("%s never ends", call->name);
}

int main(void)
{
	static const struct call calls[] = {
		{"open", NULL, try_open, false},
		/* the check would make the remote known before */
		{"remote, the first", with_new_module, try_remote, true},
		{"remote, by /dev/remoteprocN", open_all, try_remote, false},
		{"remote, by RPMsg", with_rpmsg, try_remote, false},
		{"remote info", open_all, try_remote_info, false},
		{"rpmsg list", open_all, try_list, false},
		{"attach, system heap", with_buffer, try_attach, false},
		{"attach, CMA heap", with_cma_buffer, try_attach, false},
		{"coherent", open_all, try_coherent, false},
		{"mmap", with_memory, try_map, false},
		{"segments", with_attachment, try_segments, false},
		{"sync", with_attachment, try_sync, false},
		{"release", with_attachment, try_release, false},
		{"release, coherent", with_memory, try_release, false},
		{"close", with_attachment, try_close, false},
		/* last: a fault in DMA_API_DEBUG itself ends that for good */
		{"attach, udmabuf", with_udmabuf, try_attach, false},
	};

	if (open_faults() || death_switch("start") || death_wait_state("running"))
		return 1;
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (try_all(&calls[i]))
			return 1;
	return death_switch_off() || death_wait_nothing_left() ? 1 : 0;
}
