/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-sync: with swiotlb=force every buffer is one that the coprocessor could only reach through a
 * copy. The module refuses it; where its test switch lets it bounce, both sides see each other's
 * writes only by a sync, as on a processor with caches: each one that is left out shows.
 * usage: probe-sync
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "crossing.h"

#define SWITCH "/sys/module/amphora/parameters/allow_bounce"
#define SIZE   0x40000ull /* bytes: as large as a bounce buffer gets */
#define HALF   (SIZE / 2)
#define WORDS  (SIZE / 4)

enum { OLD = 10, NEW = 20, BACK = 30 }; /* seeds */

struct test {
	struct crossing crossing;
	struct buffer buffer;
	struct attachment attachment;
};

static int allow_bounces(void)
{
	int file = open(SWITCH, O_WRONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? -1 : write(file, "1", 1);
	int error = errno;

	if (file >= 0)
		close(file);
	return length == 1 ? 0 : remote_fail(SWITCH ": %s", strerror(error));
}

static int refused_without_the_switch(struct test *test)
{
	static const char *const sources[] = {"system", "reserved", BUFFER_UDMABUF};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
		for (uint64_t size = PROBE_PAGE; size <= SIZE; size *= 2) {
			struct buffer buffer;
			struct attachment attachment;

			if (buffer_open(&buffer, sources[i], size))
				return -1;
			int error = attachment_open(&attachment, test->crossing.remote, &buffer);
			buffer_close(&buffer);
			if (error != -EREMOTEIO)
				return remote_fail("%s, %llu bytes: %s", sources[i],
						   (unsigned long long)size, strerror(-error));
		}
	return 0;
}

/* How many words of a half of the buffer the coprocessor sees otherwise: all or none. */
static int expect_there(struct test *test, uint32_t seed, uint64_t offset, bool same)
{
	uint64_t wrong;

	if (crossing_wrong(&test->crossing, &test->attachment, seed, offset, HALF, &wrong))
		return -1;
	if (same ? !wrong : wrong == WORDS / 2)
		return 0;
	return remote_fail("the coprocessor sees %llu words at %#llx that are not those of %u",
			   (unsigned long long)wrong, (unsigned long long)offset, seed);
}

static int expect_here(const struct test *test, uint32_t seed, uint64_t offset)
{
	return memory_verify(test->buffer.va + offset, HALF, seed, offset);
}

static int sync_half(const struct test *test, uint32_t flags, uint64_t offset)
{
	return attachment_sync(&test->attachment, flags, offset, HALF);
}

/* Linux has written; each half is seen only once it was synced for the device. */
static int for_device(struct test *test)
{
	memory_fill(test->buffer.va, SIZE, NEW, 0);
	return expect_there(test, OLD, 0, true) || expect_there(test, NEW, 0, false) ||
			       sync_half(test, AMPHORA_SYNC_FOR_DEVICE, HALF) ||
			       expect_there(test, OLD, 0, true) ||
			       expect_there(test, NEW, HALF, true) ||
			       sync_half(test, AMPHORA_SYNC_FOR_DEVICE, 0) ||
			       expect_there(test, NEW, 0, true)
		       ? -1
		       : 0;
}

/* The coprocessor has written; each half is seen only once it was synced for the CPU. */
static int for_cpu(struct test *test)
{
	return crossing_work(&test->crossing, &test->attachment, PROBE_FILL, BACK, 0, SIZE) ||
			       expect_here(test, NEW, 0) || expect_here(test, NEW, HALF) ||
			       sync_half(test, AMPHORA_SYNC_FOR_CPU, 0) ||
			       expect_here(test, BACK, 0) || expect_here(test, NEW, HALF) ||
			       sync_half(test, AMPHORA_SYNC_FOR_CPU, HALF) ||
			       expect_here(test, BACK, HALF)
		       ? -1
		       : 0;
}

static int dmabuf_sync(const struct test *test, uint64_t flags)
{
	struct dma_buf_sync request = {.flags = flags | DMA_BUF_SYNC_RW};

	return ioctl(test->buffer.fd, DMA_BUF_IOCTL_SYNC, &request)
		       ? remote_fail("DMA_BUF_IOCTL_SYNC: %s", strerror(errno))
		       : 0;
}

/* A heap's own sync does the same for the whole buffer: the end of CPU access is for the device. */
static int by_the_dma_buf(struct test *test)
{
	if (dmabuf_sync(test, DMA_BUF_SYNC_START))
		return -1;
	memory_fill(test->buffer.va, SIZE, OLD, 0);
	if (expect_there(test, BACK, 0, true) || dmabuf_sync(test, DMA_BUF_SYNC_END) ||
	    expect_there(test, OLD, 0, true) || expect_there(test, OLD, HALF, true) ||
	    crossing_work(&test->crossing, &test->attachment, PROBE_FILL, NEW, 0, SIZE) ||
	    expect_here(test, OLD, 0) || dmabuf_sync(test, DMA_BUF_SYNC_START))
		return -1;
	return expect_here(test, NEW, 0) || expect_here(test, NEW, HALF) ||
			       dmabuf_sync(test, DMA_BUF_SYNC_END)
		       ? -1
		       : 0;
}

/* What was not synced for the CPU is there at last when the attachment is released. */
static int by_the_release(struct test *test)
{
	return crossing_work(&test->crossing, &test->attachment, PROBE_FILL, BACK, 0, SIZE) ||
			       attachment_close(&test->attachment) || expect_here(test, BACK, 0) ||
			       expect_here(test, BACK, HALF)
		       ? -1
		       : 0;
}

static int attach(struct test *test, const char *source)
{
	if (buffer_open(&test->buffer, source, SIZE))
		return -1;
	memory_fill(test->buffer.va, SIZE, OLD, 0);
	int error = attachment_open(&test->attachment, test->crossing.remote, &test->buffer);
	if (error)
		return remote_fail("attach: %s", strerror(-error));
	if (!(test->attachment.info.flags & AMPHORA_ATTACHMENT_BOUNCED) ||
	    test->attachment.info.flags & AMPHORA_ATTACHMENT_COHERENT)
		return remote_fail("the attachment does not say that it is a copy: %#x",
				   test->attachment.info.flags);
	return 0;
}

static int stale_without_a_sync(struct test *test, const char *source)
{
	/* udmabuf's own sync is about a device of its own: of this attachment it knows nothing */
	bool heap = strcmp(source, BUFFER_UDMABUF) != 0;

	if (attach(test, source) || for_device(test) || for_cpu(test) ||
	    (heap && by_the_dma_buf(test)) || by_the_release(test))
		return -1;
	buffer_close(&test->buffer);
	printf("%s: each sync that is left out shows\n", source);
	return 0;
}

int main(void)
{
	static struct test test;

	if (crossing_open(&test.crossing) || refused_without_the_switch(&test))
		return 1;
	puts("refused without the switch");
	if (allow_bounces() || stale_without_a_sync(&test, "system") ||
	    stale_without_a_sync(&test, "reserved") || stale_without_a_sync(&test, BUFFER_UDMABUF))
		return 1;
	return crossing_close(&test.crossing) ? 1 : 0;
}
