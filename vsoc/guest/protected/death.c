/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * protected-death: an application dies while the coprocessor writes its protected buffer. Nobody gets that
 * memory until the coprocessor is off, and nobody finds what was in it. Runs inside the virtual SoC with
 * the probe firmware.
 * usage: protected-death [TIMES]
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe/buffer.h"
#include "probe/client.h"
#include "probe/memory.h"

#define HEAP	"/dev/dma_heap/protected,amphora"
#define START	0x5e400000 /* vsoc.dtsi */
#define SIZE	(UINT64_C(4) << 20)
#define LENGTH	(SIZE / 4 * 3)
#define SEED	77u
#define WAIT_US 1000
#define WAITS	10000

static const volatile uint8_t *physical;

static int allocate(struct buffer *buffer, uint64_t size)
{
	struct dma_heap_allocation_data request = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	int device = open(HEAP, O_RDWR | O_CLOEXEC), error = 0;

	if (device < 0)
		return -errno;
	if (ioctl(device, DMA_HEAP_IOCTL_ALLOC, &request))
		error = -errno;
	close(device);
	*buffer = (struct buffer){.fd = (int)request.fd, .size = size};
	return error;
}

/* The application: its buffer is filled and verified, and then written on when it dies. */
static int die_with_it(int remote, struct probe *probe)
{
	struct attachment attachment;
	struct buffer buffer;
	int error = allocate(&buffer, LENGTH);

	if (error)
		return remote_fail("no buffer: %s", strerror(-error));
	error = attachment_open(&attachment, remote, &buffer);
	if (error)
		return remote_fail("attach: %s", strerror(-error));
	/* does nothing, as the CPU caches nothing; whoever calls it breaks nothing */
	if (attachment_sync(&attachment, AMPHORA_SYNC_FOR_DEVICE, 0, LENGTH) ||
	    attachment_sync(&attachment, AMPHORA_SYNC_FOR_CPU, 0, LENGTH))
		return -1;
	if (probe_list(probe, 0, attachment.segments, attachment.info.segments) ||
	    probe_work(probe, PROBE_FILL, 0, SEED, 0, LENGTH) ||
	    probe_work(probe, PROBE_VERIFY, 0, SEED, 0, LENGTH))
		return -1;
	return probe_scribble(probe, 0, SEED);
}

/* Does somebody write these pages at this moment? */
static bool is_written(const volatile uint8_t *memory, uint64_t size)
{
	static uint8_t before[LENGTH];

	memcpy(before, (const void *)(uintptr_t)memory, size);
	for (int i = 0; i < WAITS; i++) {
		usleep(WAIT_US);
		if (memcmp(before, (const void *)(uintptr_t)memory, size) != 0)
			return true;
	}
	return false;
}

static int expect_zeros(void)
{
	for (uint64_t i = 0; i < SIZE; i += 8)
		if (*(const volatile uint64_t *)(physical + i))
			return remote_fail("what the dead has left is there, at %#llx",
					   (unsigned long long)i);
	return 0;
}

static int once(int remote, uint32_t number)
{
	struct probe probe;
	struct buffer buffer;
	int status;
	pid_t child;

	if (remote_switch("start") || remote_wait("running") || probe_open(&probe))
		return -1;
	child = fork();
	if (child < 0)
		return remote_fail("fork: %s", strerror(errno));
	if (!child) {
		bool failed = die_with_it(remote, &probe);

		if (!failed && number & 1)
			kill(getpid(), SIGKILL);
		_exit(failed ? 1 : 0);
	}
	if (waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status)))
		return remote_fail("the application did not get that far: %#x", status);
	if (!is_written(physical, LENGTH))
		return remote_fail("the coprocessor does not write");
	/* the rest is there, what it writes is not */
	if (allocate(&buffer, LENGTH) != -ENOMEM || allocate(&buffer, SIZE - LENGTH + 1) != -ENOMEM)
		return remote_fail("memory that the coprocessor writes is given away");
	if (allocate(&buffer, SIZE - LENGTH))
		return remote_fail("memory that nobody uses is not given away");
	close(buffer.fd);
	if (probe_close(&probe) || remote_switch("stop") || remote_wait("offline"))
		return -1;
	if (allocate(&buffer, SIZE))
		return remote_fail("the coprocessor is off, and the memory is not back");
	if (expect_zeros())
		return -1;
	close(buffer.fd);
	return 0;
}

int main(int count, char **arguments)
{
	unsigned long times = count > 1 ? strtoul(arguments[1], NULL, 10) : 2;
	int remote;

	physical = memory_physical(START, SIZE);
	if (!physical || attachment_remote(&remote))
		return 1;
	for (uint32_t i = 0; i < times; i++)
		if (once(remote, i))
			return 1;
	close(remote);
	printf("%lu applications died with protected memory, which came back empty\n", times);
	return 0;
}
