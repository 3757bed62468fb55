/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Short ways to /dev/amphora, and what Linux says about itself. Test code that runs inside the virtual
 * SoC; see death.h.
 */
#include "death.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/dma-heap.h>
#include <linux/udmabuf.h>

#define SETTLE_US    100000
#define SETTLED	     (256u << 10)
#define NOISE	     (12u << 20) /* bytes that come and go in Linux by themselves */
#define TRY_EVERY_US 2000
#define PATH	     64u
#define REMOTES	     64

int death_fail(const char *format, ...)
{
	char line[512];
	va_list values;

	va_start(values, format);
	vsnprintf(line, sizeof(line), format, values);
	va_end(values);
	fprintf(stderr, "death: %s\n", line);
	return -1;
}

uint64_t death_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t death_random(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

int death_read(const char *path, char *text, size_t size)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t part;

	text[0] = 0;
	if (file < 0)
		return -errno;
	while (length < size - 1 && (part = read(file, text + length, size - 1 - length)) > 0)
		length += (size_t)part;
	close(file);
	text[length] = 0;
	if (length && text[length - 1] == '\n')
		text[length - 1] = 0;
	return 0;
}

int death_write(const char *path, const char *text)
{
	int file = open(path, O_WRONLY | O_CLOEXEC);
	int error = 0;

	if (file < 0)
		return -errno;
	if (write(file, text, strlen(text)) < 0)
		error = -errno;
	close(file);
	return error;
}

/* A file of the one remote processor; it has another number when a former one is still in use. */
static const char *remoteproc(const char *form, char *path)
{
	char state[PATH];

	for (int i = 0; i < REMOTES; i++) {
		snprintf(state, sizeof(state), "/sys/class/remoteproc/remoteproc%d/state", i);
		snprintf(path, PATH, form, i);
		if (!access(state, F_OK))
			break;
	}
	return path;
}

static void read_state(char *text, size_t size)
{
	char path[PATH];

	death_read(remoteproc("/sys/class/remoteproc/remoteproc%d/state", path), text, size);
}

static int write_state(const char *text)
{
	char path[PATH];

	return death_write(remoteproc("/sys/class/remoteproc/remoteproc%d/state", path), text);
}

int death_wait_state(const char *state)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	char text[32];

	for (;;) {
		read_state(text, sizeof(text));
		if (!strcmp(text, state))
			return 0;
		if (death_now() > deadline)
			return death_fail("the coprocessor stays %s, and is not %s", text, state);
		usleep(TRY_EVERY_US);
	}
}

int death_switch(const char *command)
{
	int error = write_state(command);

	return error ? death_fail("%s: %s", command, strerror(-error)) : 0;
}

int death_switch_off(void)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	char text[32];

	for (;;) {
		read_state(text, sizeof(text));
		if (!strcmp(text, "offline"))
			return 0;
		/* one that is detached is attached again before: only then can it be stopped */
		write_state(strcmp(text, "detached") ? "stop" : "start");
		if (death_now() > deadline)
			return death_fail("the coprocessor stays %s", text);
		usleep(TRY_EVERY_US);
	}
}

int death_open_device(void)
{
	int device = open(AMPHORA_DEVICE, O_RDWR | O_CLOEXEC);

	return device < 0 ? -errno : device;
}

int death_open_remote(int device)
{
	char path[PATH];
	struct amphora_remote remote = {
		.proof = open(remoteproc("/dev/remoteproc%d", path), O_RDWR | O_CLOEXEC)};
	int error;

	if (remote.proof < 0)
		return -errno;
	error = ioctl(device, AMPHORA_IOC_REMOTE, &remote) ? -errno : 0;
	close(remote.proof);
	return error ? error : remote.fd;
}

/* Pages of a file in memory, whose name is gone at once. */
static int make_udmabuf(size_t size)
{
	int file = memfd_create("death", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int maker = open(DEATH_UDMABUF, O_RDWR | O_CLOEXEC);
	struct udmabuf_create create = {
		.memfd = (uint32_t)file, .flags = UDMABUF_FLAGS_CLOEXEC, .size = size};
	int fd = -1;

	if (file >= 0 && maker >= 0 && !ftruncate(file, (off_t)size) &&
	    !fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK))
		fd = ioctl(maker, UDMABUF_CREATE, &create);
	int error = fd < 0 ? -errno : 0;
	if (maker >= 0)
		close(maker);
	if (file >= 0)
		close(file);
	return error ? error : fd;
}

int death_heap_alloc(const char *heap, size_t size)
{
	if (!strcmp(heap, DEATH_UDMABUF))
		return make_udmabuf(size);

	struct dma_heap_allocation_data data = {.len = size, .fd_flags = O_RDWR | O_CLOEXEC};
	int file = open(heap, O_RDWR | O_CLOEXEC);
	int error;

	if (file < 0)
		return -errno;
	error = ioctl(file, DMA_HEAP_IOCTL_ALLOC, &data) ? -errno : 0;
	close(file);
	return error ? error : (int)data.fd;
}

int death_attach(int remote, int dmabuf, uint32_t direction)
{
	struct amphora_attach attach = {.dmabuf = dmabuf, .direction = direction};

	return ioctl(remote, AMPHORA_IOC_ATTACH, &attach) ? -errno : attach.fd;
}

int death_coherent(int remote, uint64_t size)
{
	struct amphora_coherent coherent = {.size = size};

	return ioctl(remote, AMPHORA_IOC_COHERENT, &coherent) ? -errno : coherent.fd;
}

int death_remote_info(int remote, struct amphora_remote_info *info)
{
	return ioctl(remote, AMPHORA_IOC_REMOTE_INFO, info) ? -errno : 0;
}

int death_attachment_info(int attachment, struct amphora_attachment_info *info)
{
	return ioctl(attachment, AMPHORA_IOC_INFO, info) ? -errno : 0;
}

int death_release(int attachment)
{
	return ioctl(attachment, AMPHORA_IOC_RELEASE) ? -errno : 0;
}

int death_count_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = -3; /* ".", "..", and the folder's own */

	if (!folder)
		return -1;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

uint64_t death_meminfo(const char *name)
{
	char text[4096];
	size_t length = strlen(name);

	death_read("/proc/meminfo", text, sizeof(text));
	for (char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ':')
			return strtoull(line + length + 1, NULL, 10) * 1024;
	}
	return 0;
}

int death_wait_quarantine(int remote, uint64_t bytes)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	struct amphora_remote_info info = {0};

	while (death_remote_info(remote, &info) || info.quarantine_bytes < bytes) {
		if (death_now() > deadline)
			return death_fail("%llu bytes are in quarantine, not %llu",
					  (unsigned long long)info.quarantine_bytes,
					  (unsigned long long)bytes);
		usleep(TRY_EVERY_US);
	}
	return 0;
}

/* How many dma-bufs Linux has; -1 when it does not say. Each has a line about its devices, too. */
static long count_buffers(void)
{
	static char text[65536];
	unsigned long count;

	death_read("/sys/kernel/debug/dma_buf/bufinfo", text, sizeof(text));
	for (const char *at = text; (at = strstr(at, "Total ")); at++) {
		int length = 0;

		if (sscanf(at, "Total %lu objects%n", &count, &length) == 1 && length)
			return (long)count;
	}
	return -1;
}

int death_wait_no_buffers(void)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	long count;

	while ((count = count_buffers())) {
		if (death_now() > deadline)
			return count < 0 ? death_fail("nobody says how many dma-bufs there are")
					 : death_fail("%ld dma-bufs are left", count);
		usleep(TRY_EVERY_US);
	}
	return 0;
}

/* Free pages that each processor keeps for itself: MemFree does not count them, and they may be many. */
static uint64_t kept_by_processors(void)
{
	FILE *file = fopen("/proc/zoneinfo", "r");
	unsigned long pages = 0, count;
	char line[128];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " count: %lu", &count) == 1)
			pages += count;
	fclose(file);
	return (uint64_t)pages * DEATH_PAGE;
}

static uint64_t free_now(void)
{
	death_write("/proc/sys/vm/drop_caches", "3");
	return death_meminfo("MemFree") + kept_by_processors();
}

uint64_t death_free_memory(void)
{
	uint64_t before, now = free_now();

	do {
		before = now;
		usleep(SETTLE_US);
		now = free_now();
	} while (now > before + SETTLED);
	return now;
}

int death_wait_memory(uint64_t before)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS, after;

	while ((after = free_now()) + NOISE < before) {
		if (death_now() > deadline)
			return death_fail("%llu KiB are lost",
					  (unsigned long long)(before - after) >> 10);
		usleep(TRY_EVERY_US);
	}
	return 0;
}

/* What debugfs shows of attachments: lines that are not a heading. */
static int read_left(char *text, size_t size)
{
	struct amphora_remote_info info = {0};
	int device = death_open_device();
	int remote = device < 0 ? device : death_open_remote(device);
	int error = remote < 0 ? remote : death_remote_info(remote, &info);

	if (remote >= 0)
		close(remote);
	if (device >= 0)
		close(device);
	if (error)
		return error;
	snprintf(text, size, "%u attachments, %llu bytes in quarantine", info.attachments,
		 (unsigned long long)info.quarantine_bytes);
	return info.attachments || info.quarantine_bytes ? 1 : 0;
}

int death_wait_nothing_left(void)
{
	uint64_t deadline = death_now() + DEATH_WAIT_MS;
	char text[128] = "";

	for (;;) {
		int left = read_left(text, sizeof(text));

		if (!left)
			return 0;
		if (left < 0)
			return death_fail("what is left can't be seen: %s", strerror(-left));
		if (death_now() > deadline)
			return death_fail("left: %s", text);
		usleep(TRY_EVERY_US);
	}
}
