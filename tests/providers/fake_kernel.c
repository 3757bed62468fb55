/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The played kernel's calls.
 * Test code.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "fake_kernel.h"

#define DMA_BUF_MAGIC 0x444d4142

int __real_open(const char *path, int flags, ...);
DIR *__real_opendir(const char *path);
int __real_ioctl(int fd, unsigned long request, ...);
int __real_fstatfs(int fd, struct statfs *system);
void *__real_mmap(void *va, size_t length, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *va, size_t length);
int __real_madvise(void *va, size_t length, int advice);
int __real_fcntl(int fd, int command, ...);
int __real_memfd_create(const char *name, unsigned int flags);
int __real_ftruncate(int fd, off_t length);
off_t __real_lseek(int fd, off_t offset, int whence);
int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __real_read(int fd, void *bytes, size_t size);

int __wrap_open(const char *path, int flags, ...);
DIR *__wrap_opendir(const char *path);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_fstatfs(int fd, struct statfs *system);
void *__wrap_mmap(void *va, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *va, size_t length);
int __wrap_madvise(void *va, size_t length, int advice);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_memfd_create(const char *name, unsigned int flags);
int __wrap_ftruncate(int fd, off_t length);
off_t __wrap_lseek(int fd, off_t offset, int whence);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);
ssize_t __wrap_read(int fd, void *bytes, size_t size);

struct fake_kernel kernel;

void fake_kernel_init(void)
{
	kernel = (struct fake_kernel){
		.heaps = {"system", "reserved", "vendor-uncached", "protected,secure-video"},
		.limit = "64\n",
		.poll_events = POLLIN | POLLOUT};
}

void fake_kernel_fail(int n, int error)
{
	kernel.fail_at = n;
	kernel.fail_error = error;
	kernel.failed = false;
}

static bool fails(void)
{
	if (!kernel.fail_at || --kernel.fail_at)
		return false;
	kernel.failed = true;
	errno = kernel.fail_error;
	return true;
}

static int marked(int fd, enum fake_kind kind)
{
	if (fd < 0)
		return fd;
	assert_true(fd < FAKE_FDS);
	kernel.kinds[fd] = kind;
	return fd;
}

static bool is(int fd, enum fake_kind kind)
{
	/* the number may belong to another file by now: then it was marked anew */
	return fd >= 0 && fd < FAKE_FDS && kernel.kinds[fd] == kind;
}

static int refused(int error)
{
	errno = error;
	return -1;
}

static int open_text(const char *text)
{
	int fd = __real_memfd_create("text", MFD_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || __real_lseek(fd, 0, SEEK_SET))
		return -1;
	return marked(fd, FAKE_NONE);
}

static int open_heap(const char *name, int flags)
{
	for (int i = 0; i < 4; i++)
		if (kernel.heaps[i] && !strcmp(name, kernel.heaps[i]))
			return marked(__real_open("/dev/null", flags), FAKE_HEAP);
	return refused(ENOENT);
}

/* /sys and /dev are in the test's folder, where it has made one. */
static const char *redirect(const char *path, char *other, size_t size)
{
	if (!kernel.folder[0] || (strncmp(path, "/sys/", 5) && strncmp(path, "/dev/", 5)))
		return path;
	snprintf(other, size, "%s%s", kernel.folder, path);
	return other;
}

int __wrap_open(const char *path, int flags, ...)
{
	static const char heaps[] = "/dev/dma_heap/";
	char other[512];

	if (fails())
		return -1;
	if (!strncmp(path, "/dev/", 5) && kernel.open_error)
		return refused(kernel.open_error);
	if (!strncmp(path, heaps, sizeof(heaps) - 1))
		return open_heap(path + sizeof(heaps) - 1, flags);
	if (!strcmp(path, "/dev/udmabuf"))
		return kernel.no_udmabuf ? refused(ENOENT)
					 : marked(__real_open("/dev/null", flags), FAKE_UDMABUF);
	if (!strcmp(path, "/sys/module/udmabuf/parameters/size_limit_mb"))
		return kernel.limit ? open_text(kernel.limit) : refused(ENOENT);
	return marked(__real_open(redirect(path, other, sizeof(other)), flags, 0600), FAKE_NONE);
}

DIR *__wrap_opendir(const char *path)
{
	char other[512];

	return fails() ? NULL : __real_opendir(redirect(path, other, sizeof(other)));
}

int fake_dmabuf(uint64_t size, int mode)
{
	char path[32];
	int fd = __real_memfd_create("dmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING), opened;

	if (fd < 0 || __real_ftruncate(fd, (off_t)size))
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = __real_open(path, mode | O_CLOEXEC);
	close(fd);
	return marked(opened, FAKE_DMABUF);
}

static int allocate(struct dma_heap_allocation_data *request)
{
	int fd;

	kernel.allocated = request->len;
	kernel.allocated_flags = request->fd_flags;
	if (kernel.allocate_error)
		return refused(kernel.allocate_error);
	fd = fake_dmabuf(request->len, (int)request->fd_flags & O_ACCMODE);
	if (fd < 0)
		return -1;
	request->fd = (uint32_t)fd;
	return 0;
}

static int make_udmabuf(const struct udmabuf_create *create)
{
	kernel.sealed = __real_fcntl((int)create->memfd, F_GET_SEALS);
	if (kernel.sealed < 0 || !(kernel.sealed & F_SEAL_SHRINK))
		return refused(EINVAL);
	kernel.allocated = create->size;
	return marked(__real_fcntl((int)create->memfd, F_DUPFD_CLOEXEC, 0), FAKE_DMABUF);
}

static int sync_dmabuf(const struct dma_buf_sync *sync)
{
	if (!(sync->flags & DMA_BUF_SYNC_RW))
		return refused(EINVAL);
	if (kernel.sync_errors) {
		kernel.sync_errors--;
		return refused(kernel.sync_error);
	}
	if (kernel.sync_count < 8)
		kernel.syncs[kernel.sync_count++] = sync->flags;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list list;
	void *argument;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (fails())
		return -1;
	if (request == DMA_HEAP_IOCTL_ALLOC && is(fd, FAKE_HEAP))
		return allocate(argument);
	if (request == UDMABUF_CREATE && is(fd, FAKE_UDMABUF))
		return make_udmabuf(argument);
	if (request == DMA_BUF_IOCTL_SYNC && is(fd, FAKE_DMABUF))
		return sync_dmabuf(argument);
	return refused(ENOTTY);
}

int __wrap_fstatfs(int fd, struct statfs *system)
{
	if (fails() || __real_fstatfs(fd, system))
		return -1;
	if (is(fd, FAKE_DMABUF) || kernel.liar)
		system->f_type = DMA_BUF_MAGIC;
	return 0;
}

void *__wrap_mmap(void *va, size_t length, int protection, int flags, int fd, off_t offset)
{
	void *mapping;

	if (fails())
		return MAP_FAILED;
	if (is(fd, FAKE_DMABUF) && kernel.mmap_error) {
		errno = kernel.mmap_error;
		return MAP_FAILED;
	}
	mapping = __real_mmap(va, length, protection, flags, fd, offset);
	if (mapping != MAP_FAILED)
		kernel.mapped += (length + 4095) / 4096 * 4096;
	return mapping;
}

int __wrap_munmap(void *va, size_t length)
{
	if (__real_munmap(va, length))
		return -1;
	kernel.mapped -= (length + 4095) / 4096 * 4096;
	return 0;
}

int __wrap_madvise(void *va, size_t length, int advice)
{
	return fails() ? -1 : __real_madvise(va, length, advice);
}

int __wrap_fcntl(int fd, int command, ...)
{
	va_list list;
	void *argument; /* or a number: the C library passes it on like this too */
	int result;

	va_start(list, command);
	argument = va_arg(list, void *);
	va_end(list);
	if (fails())
		return -1;
	result = __real_fcntl(fd, command, argument);
	if (command == F_DUPFD_CLOEXEC && result >= 0)
		marked(result, fd >= 0 && fd < FAKE_FDS ? kernel.kinds[fd] : FAKE_NONE);
	return result;
}

/* Huge pages are small here: a host may have none. */
int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return fails() ? -1
		       : marked(__real_memfd_create(name, flags & ~(unsigned int)MFD_HUGETLB),
				FAKE_NONE);
}

int __wrap_ftruncate(int fd, off_t length)
{
	return fails() ? -1 : __real_ftruncate(fd, length);
}

off_t __wrap_lseek(int fd, off_t offset, int whence)
{
	return fails() ? -1 : __real_lseek(fd, offset, whence);
}

ssize_t __wrap_read(int fd, void *bytes, size_t size)
{
	return fails() ? -1 : __real_read(fd, bytes, size);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	(void)count;
	if (fails())
		return -1;
	kernel.polled = fds->events;
	if (kernel.poll_errors) {
		kernel.poll_errors--;
		return refused(kernel.poll_error);
	}
	fds->revents = kernel.poll_events & (short)(fds->events | POLLERR | POLLNVAL);
	if (fds->revents)
		return 1;
	__real_poll(NULL, 0, timeout);
	return 0;
}

int count_fds(void)
{
	DIR *folder = __real_opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

void make_file(const char *path, const char *text)
{
	char whole[512];
	FILE *file;

	if (!kernel.folder[0]) {
		strcpy(kernel.folder, "/tmp/fake-kernel.XXXXXX");
		assert_non_null(mkdtemp(kernel.folder));
	}
	snprintf(whole, sizeof(whole), "%s%s", kernel.folder, path);
	for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(whole, 0700);
		*slash = '/';
	}
	file = fopen(whole, "we");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
	(void)status;
	(void)type;
	(void)place;
	return remove(path);
}

void remove_folder(void)
{
	if (!kernel.folder[0])
		return;
	assert_int_equal(nftw(kernel.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
	kernel.folder[0] = 0;
}
