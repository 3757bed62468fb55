/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A kernel with the module amphora, as far as the target "remote" sees it: one remote processor, a few
 * attachments. Test code; linked with --wrap=open, ioctl, fstatfs,
 * ppoll and amph_time_now: a call that a signal interrupts has taken a second.
 */
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/amphora.h>

#define FAKE_ATTACHMENTS 8
#define FAKE_PROOF	 1000 /* an fd that is a proof to this kernel */

struct fake_attachment {
	int fd; /* 0: unused */
	uint32_t direction;
	uint64_t size, boots;
	bool released, revoked, proved, coherent_memory;
	unsigned for_device, for_cpu; /* syncs */
	uint64_t offset, length; /* of the last one */
};

static struct fake_kernel {
	int open_error; /* errno */
	uint32_t version;
	struct amphora_remote_info remote;
	int remote_fd;
	struct fake_attachment attachments[FAKE_ATTACHMENTS];
	uint32_t attachment_flags, attachment_line;
	struct amphora_segment segments[200]; /* of every attachment */
	uint32_t segment_count;
	unsigned long fail_request; /* this call fails, */
	int fail_error; /* with this errno, */
	unsigned fail_times;
	uint64_t later; /* nanoseconds that its calls have taken */ /* so often */
	int dmabuf; /* the fd that is a dma-buf */
	unsigned asked; /* for the remote's info */
	void (*asked_now)(void);
	unsigned waits;
	int next_fd;
	unsigned fds; /* open before */
	bool tampered; /* something was not zero that must be */
} fake;

int __real_open(const char *path, int flags, ...);
uint64_t __real_amph_time_now(void);
uint64_t __wrap_amph_time_now(void);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_fstatfs(int fd, struct statfs *system);
int __real_ppoll(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_fstatfs(int fd, struct statfs *system);
int __wrap_ppoll(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask);

/* No number twice in a test: so that what is done to a closed one is seen. */
static int fake_fd(void)
{
	int fd = memfd_create("fake", MFD_CLOEXEC);
	int made = fcntl(fd, F_DUPFD_CLOEXEC, fake.next_fd);

	close(fd);
	fake.next_fd = made + 1;
	return made;
}

static unsigned fake_count_fds(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1000; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* What a test has left behind. */
static unsigned fake_open_fds(void)
{
	return fake_count_fds() - fake.fds;
}

static void fake_start(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.fds = fake_count_fds();
	fake.next_fd = 100;
	fake.version = AMPHORA_ABI_VERSION;
	fake.remote = (struct amphora_remote_info){.index = 3,
						   .state = AMPHORA_RUNNING,
						   .flags = AMPHORA_REMOTE_COHERENT,
						   .address_bits = 32,
						   .cache_line = 1,
						   .boots = 7,
						   .name = "vsoc"};
	fake.attachment_flags = AMPHORA_ATTACHMENT_COHERENT;
	fake.attachment_line = 1;
	fake.segments[0] = (struct amphora_segment){.address = 0x90000000, .length = 0x10000};
	fake.segment_count = 1;
	fake.dmabuf = fake_fd();
}

int __wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, AMPHORA_DEVICE) != 0)
		return __real_open(path, flags, 0);
	if (fake.open_error) {
		errno = fake.open_error;
		return -1;
	}
	return fake_fd();
}

int __wrap_fstatfs(int fd, struct statfs *system)
{
	int result = __real_fstatfs(fd, system);

	if (!result && fd == fake.dmabuf)
		system->f_type = 0x444d4142;
	return result;
}

int __wrap_ppoll(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
		 const sigset_t *mask)
{
	if (count != 1 || entries->fd != fake.remote_fd)
		return __real_ppoll(entries, count, timeout, mask);
	fake.waits++;
	entries->events = 0; /* a memfd is always ready; this remote is quiet */
	return __real_ppoll(entries, count, timeout, mask);
}

static struct fake_attachment *fake_attachment(int fd)
{
	for (int i = 0; i < FAKE_ATTACHMENTS; i++)
		if (fake.attachments[i].fd == fd)
			return &fake.attachments[i];
	return NULL;
}

static int fake_make(uint64_t size, uint32_t direction, bool memory, int *fd)
{
	struct fake_attachment *made = fake_attachment(0);

	if (fake.remote.state != AMPHORA_RUNNING)
		return ENOTCONN;
	*made = (struct fake_attachment){.fd = fake_fd(),
					 .direction = direction,
					 .size = size,
					 .boots = fake.remote.boots,
					 .coherent_memory = memory};
	if (memory && ftruncate(made->fd, (off_t)size))
		return errno;
	*fd = made->fd;
	return 0;
}

static uint64_t fake_size(void)
{
	uint64_t size = 0;

	for (uint32_t i = 0; i < fake.segment_count; i++)
		size += fake.segments[i].length;
	return size;
}

static int fake_segments(const struct amphora_segments *call)
{
	if (call->first > fake.segment_count || call->count > fake.segment_count - call->first)
		return EINVAL;
	memcpy((void *)(uintptr_t)call->list, &fake.segments[call->first],
	       call->count * sizeof(fake.segments[0]));
	return 0;
}

static int fake_sync(struct fake_attachment *attachment, const struct amphora_sync *call)
{
	if (attachment->revoked || attachment->released)
		return ESTALE;
	attachment->for_device += call->flags == AMPHORA_SYNC_FOR_DEVICE;
	attachment->for_cpu += call->flags == AMPHORA_SYNC_FOR_CPU;
	attachment->offset = call->offset;
	attachment->length = call->length;
	fake.tampered = fake.tampered || call->reserved;
	return 0;
}

static int fake_release(struct fake_attachment *attachment)
{
	if (attachment->revoked || attachment->released)
		return ESTALE;
	attachment->released = true;
	return 0;
}

static int fake_attachment_info(const struct fake_attachment *attachment,
				struct amphora_attachment_info *info)
{
	*info = (struct amphora_attachment_info){
		.size = attachment->size,
		.segments = fake.segment_count,
		.direction = attachment->direction,
		.flags = fake.attachment_flags |
			 (attachment->revoked ? AMPHORA_ATTACHMENT_REVOKED : 0u) |
			 (attachment->proved ? AMPHORA_ATTACHMENT_PROVED : 0u) |
			 (attachment->released ? AMPHORA_ATTACHMENT_RELEASED : 0u),
		.cache_line = fake.attachment_line,
		.boots = attachment->boots};
	return 0;
}

/* Returns a positive errno, or 0. */
static int fake_call(int fd, unsigned long request, void *argument)
{
	struct amphora_attach *attach = argument;
	struct amphora_coherent *coherent = argument;
	struct amphora_remote *remote = argument;
	struct fake_attachment *attachment = fake_attachment(fd);

	switch (request) {
	case AMPHORA_IOC_VERSION:
		*(struct amphora_version *)argument = (struct amphora_version){fake.version, 0};
		return 0;
	case AMPHORA_IOC_REMOTE:
		if (remote->proof != FAKE_PROOF)
			return ENODEV;
		fake.tampered = fake.tampered || remote->flags || remote->reserved;
		remote->fd = fake.remote_fd = fake_fd();
		return 0;
	case AMPHORA_IOC_REMOTE_INFO:
		fake.asked++;
		if (fake.asked_now)
			fake.asked_now();
		*(struct amphora_remote_info *)argument = fake.remote;
		return 0;
	case AMPHORA_IOC_ATTACH:
		fake.tampered = fake.tampered || attach->flags || fd != fake.remote_fd;
		return attach->dmabuf == fake.dmabuf
			       ? fake_make(fake_size(), attach->direction, false, &attach->fd)
			       : EINVAL;
	case AMPHORA_IOC_COHERENT:
		fake.tampered = fake.tampered || coherent->flags || fd != fake.remote_fd;
		coherent->size = (coherent->size + 4095) & ~(uint64_t)4095;
		return fake_make(coherent->size, 3, true, &coherent->fd);
	case AMPHORA_IOC_INFO:
		return fake_attachment_info(attachment, argument);
	case AMPHORA_IOC_SEGMENTS:
		return fake_segments(argument);
	case AMPHORA_IOC_SYNC:
		return fake_sync(attachment, argument);
	case AMPHORA_IOC_RELEASE:
		return fake_release(attachment);
	default:
		return ENOTTY;
	}
}

uint64_t __wrap_amph_time_now(void)
{
	return __real_amph_time_now() + fake.later;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list values;
	void *argument;
	int error;

	va_start(values, request);
	argument = va_arg(values, void *);
	va_end(values);
	if (request == fake.fail_request && fake.fail_times) {
		fake.fail_times--;
		error = fake.fail_error;
		fake.later += error == EINTR ? 1000000000u : 0;
	} else {
		error = fake_call(fd, request, argument);
	}
	errno = error;
	return error ? -1 : 0;
}

static void fake_fail(unsigned long request, int error, unsigned times)
{
	fake.fail_request = request;
	fake.fail_error = error;
	fake.fail_times = times;
}

/* What the end of a life does to its attachments, and a stop that has succeeded. */
static void fake_revoke(bool proved)
{
	for (int i = 0; i < FAKE_ATTACHMENTS; i++)
		if (fake.attachments[i].fd && !fake.attachments[i].released) {
			fake.attachments[i].revoked = true;
			fake.attachments[i].proved = proved;
		}
}

#endif
