/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * death-unbind: the coprocessor's driver is unbound and bound again, and the modules are removed or not,
 * while applications attach, sync, map, poll and are killed. Runs inside the virtual SoC.
 * usage: death-unbind [TIMES [SEED]]
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../module.h"
#include "death.h"

#define DRIVER	 "/sys/bus/platform/drivers/vsoc_rproc/"
#define NODE	 "coprocessor-bus:coprocessor"
#define MODULE	 "/lib/modules/amphora.ko"
#define WORKERS	 3
#define LOAD_US	 60000
#define TRY_US	 1000
#define SIZE	 (64u * DEATH_PAGE)
#define READY_US 20000

/* --- the load: whatever fails, fails; what it must not do is crash or stay --- */

static void use(int attachment)
{
	struct amphora_segment segment;
	struct amphora_segments list = {.count = 1, .list = (uintptr_t)&segment};
	struct amphora_sync sync = {.length = DEATH_PAGE, .flags = AMPHORA_SYNC_FOR_DEVICE};
	struct pollfd ready = {.fd = attachment};

	if (ioctl(attachment, AMPHORA_IOC_SEGMENTS, &list) ||
	    ioctl(attachment, AMPHORA_IOC_SYNC, &sync) || poll(&ready, 1, 1) < 0)
		usleep(TRY_US);
}

static void load_once(uint64_t *random)
{
	int device = death_open_device();
	int remote = device < 0 ? device : death_open_remote(device);
	int buffer = death_heap_alloc(DEATH_HEAP, SIZE);
	/* no coherent memory: what a program still has of it when the driver goes stays for good */
	int attachments[2] = {death_attach(remote, buffer, AMPHORA_DEVICE_WRITES),
			      death_attach(remote, buffer, AMPHORA_DEVICE_READS)};

	for (int i = 0; i < 2; i++) {
		if (attachments[i] < 0)
			continue;
		use(attachments[i]);
		if (death_random(random) & 1)
			death_release(attachments[i]);
		close(attachments[i]);
	}
	if (buffer >= 0)
		close(buffer);
	if (remote >= 0)
		close(remote);
	if (device >= 0)
		close(device);
}

static pid_t start_worker(uint64_t seed)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;)
		load_once(&seed);
}

/* --- what goes --- */

static int unbind_and_bind(int remote)
{
	struct pollfd gone = {.fd = remote};
	struct amphora_remote_info info;
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	int error = death_write(DRIVER "unbind", NODE);

	if (error)
		return death_fail("unbind: %s", strerror(-error));
	if (poll(&gone, 1, DEATH_WAIT_MS) != 1 || !(gone.revents & POLLHUP))
		return death_fail("a remote whose driver is gone does not tell");
	if (death_remote_info(remote, &info) || info.state != AMPHORA_GONE)
		return death_fail("a remote whose driver is gone is in state %u", info.state);
	if (death_coherent(remote, SIZE) != -ENODEV)
		return death_fail("a remote whose driver is gone gives memory");
	/* its number is free when the last user of the old one is gone */
	do {
		error = death_write(DRIVER "bind", NODE);
		if (!error)
			return 0;
		usleep(TRY_US);
	} while (death_now() < deadline);
	return death_fail("bind: %s", strerror(-error));
}

/* Goes only when nobody has anything of it; then it comes back. */
static int remove_module(unsigned *removed)
{
	if (syscall(SYS_delete_module, "amphora", O_NONBLOCK))
		return errno == EWOULDBLOCK || errno == EBUSY
			       ? 0
			       : death_fail("rmmod: %s", strerror(errno));
	(*removed)++;
	int error = module_load(MODULE, "");
	return error ? death_fail("insmod: %s", strerror(-error)) : 0;
}

static int round_of_load(uint64_t *random, unsigned *removed)
{
	pid_t workers[WORKERS];
	int error = 0;
	int device = death_open_device();
	int remote = device < 0 ? device : death_open_remote(device);

	if (remote < 0)
		return death_fail("no remote: %s", strerror(-remote));
	if (death_switch("start"))
		return -1;
	for (int i = 0; i < WORKERS; i++)
		workers[i] = start_worker(death_random(random));
	usleep(READY_US + (useconds_t)(death_random(random) % LOAD_US));
	/* one dies with what it has */
	kill(workers[0], SIGKILL);
	if (death_random(random) & 1)
		error = remove_module(removed);
	if (!error)
		error = unbind_and_bind(remote);
	close(remote);
	close(device);
	usleep((useconds_t)(death_random(random) % LOAD_US));
	for (int i = 0; i < WORKERS; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	return error;
}

int main(int count, char **arguments)
{
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 10;
	uint64_t random = count > 2 ? strtoull(arguments[2], NULL, 0) : death_now();
	unsigned removed = 0;

	if (count > 3 || !times || times > 10000) {
		fputs("usage: death-unbind [TIMES [SEED]]\n", stderr);
		return 2;
	}
	printf("seed %llu\n", (unsigned long long)random);
	for (unsigned long i = 0; i < times; i++) {
		if (round_of_load(&random, &removed)) {
			death_fail("in round %lu", i);
			return 1;
		}
	}
	if (death_switch_off() || death_wait_nothing_left())
		return 1;
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	while (syscall(SYS_delete_module, "amphora", O_NONBLOCK)) {
		if (death_now() > deadline)
			return death_fail("rmmod in the end: %s", strerror(errno));
		usleep(TRY_US);
	}
	printf("unbound %lu times under load\n", times);
	return 0;
}
