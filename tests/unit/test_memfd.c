/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linux memory: memfd buffers, what another process can and can't do to them, foreign fds, and the
 * process target.
 * Test code. The attacker is another process of the same user, forked before the buffer exists.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memory_fixture.h"

#include <amphora/memfd.h>

#define SIZE 10000u
#define PAGE 4096u

struct place {
	struct amph_memory memory;
	struct amph_provider provider;
	struct amph_shm shm;
	struct amph_range ranges[4];
	struct amph_shm_storage storage;
	struct amph_target process;
	struct amph_attachment attachment;
	struct amph_segment segments[1];
};

static void place_init(struct place *p)
{
	memset(p, 0, sizeof(*p));
	assert_int_equal(amph_memory_init(&p->memory), 0);
	amph_provider_memfd_init(&p->provider);
	assert_int_equal(amph_memory_add_provider(&p->memory, &p->provider), 0);
	amph_target_process_init(&p->process, "process");
	p->storage = (struct amph_shm_storage){.ranges = p->ranges, .range_max = 4};
}

static int place_open(struct place *p, uint64_t size, uint32_t flags)
{
	return amph_shm_open(&p->memory, &p->shm, &p->storage, "memfd:picture", size, flags);
}

static int place_attach(struct place *p, uint32_t direction)
{
	return amph_shm_attach(&p->shm, &p->process, direction, AMPH_SYNC_MESSAGES, &p->attachment,
			       p->segments, 1);
}

static int count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static bool is_mapped(void *va)
{
	unsigned char resident;

	return !mincore(va, 1, &resident);
}

static void send_descriptor(int socket, int fd)
{
	char byte = 'x', control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	assert_int_equal(sendmsg(socket, &message, 0), 1);
}

static int receive_descriptor(int socket)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec io = {.iov_base = &byte, .iov_len = 1};
	struct msghdr message = {.msg_iov = &io,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	int fd = -1;

	if (recvmsg(socket, &message, 0) == 1 && CMSG_FIRSTHDR(&message))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	return fd;
}

/* --- the attacker's side: exits with 0, or the line of the first attack that worked --- */

#define MUST(condition)                  \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)
#define MUST_FAIL(call, number) MUST((call) == -1 && errno == (number))

static int try_to_resize(int fd)
{
	MUST_FAIL(ftruncate(fd, 0), EPERM);
	MUST_FAIL(ftruncate(fd, PAGE), EPERM);
	MUST_FAIL(ftruncate(fd, 1 << 20), EPERM);
	MUST_FAIL(fallocate(fd, 0, 0, 1 << 20), EPERM);
	MUST_FAIL(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	return 0;
}

static int try_to_write(int fd)
{
	void *va;
	int source;

	MUST(mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	MUST(errno == EPERM);
	MUST(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
	va = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	MUST(va != MAP_FAILED);
	MUST_FAIL(mprotect(va, SIZE, PROT_READ | PROT_WRITE), EACCES);
	MUST_FAIL(mprotect(va, SIZE, PROT_WRITE), EACCES);
	MUST(madvise(va, PAGE, MADV_REMOVE) == -1);
	MUST(((char *)va)[5] == 'a');
	munmap(va, SIZE);
	MUST_FAIL(write(fd, "x", 1), EPERM);
	MUST_FAIL(pwrite(fd, "x", 1, 5), EPERM);
	MUST_FAIL(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	MUST(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, PAGE) == -1);
	MUST(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, PAGE) == -1);
	source = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	MUST(source >= 0);
	MUST(sendfile(fd, source, NULL, 100) == -1);
	MUST(copy_file_range(source, NULL, fd, NULL, 100, 0) == -1);
	close(source);
	/* a private mapping may be written, which nobody else sees */
	va = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	MUST(va != MAP_FAILED);
	((char *)va)[5] = 'p';
	munmap(va, SIZE);
	return 0;
}

/* Through /proc the file is opened anew, with any mode: the seals are the file's, not the fd's. */
static int try_reopened(const char *path, bool read_only)
{
	static const int modes[] = {O_RDWR, O_WRONLY, O_RDWR | O_APPEND};

	for (int i = 0; i < 3; i++) {
		int fd = open(path, modes[i] | O_CLOEXEC), line;

		if (fd < 0)
			continue; /* refused is as good */
		line = try_to_resize(fd);
		if (!line && read_only && modes[i] == O_RDWR)
			line = try_to_write(fd);
		if (!line && read_only && write(fd, "x", 1) != -1)
			line = __LINE__;
		close(fd);
		MUST(!line);
	}
	MUST(open(path, O_RDWR | O_TRUNC | O_CLOEXEC) == -1);
	return 0;
}

static int attack(int socket, pid_t victim, bool read_only)
{
	int fd = receive_descriptor(socket), line;
	char path[64];
	int theirs;

	MUST(fd >= 0);
	MUST(read(socket, &theirs, sizeof(theirs)) == sizeof(theirs));
	line = try_to_resize(fd);
	if (!line && read_only)
		line = try_to_write(fd);
	MUST(!line);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	line = try_reopened(path, read_only);
	if (line)
		return line;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", victim, theirs);
	return try_reopened(path, read_only);
}

/* Without root's rights not even the opening for writing succeeds. */
static void read_only_memory_is_not_opened_anew_for_writing(void **state)
{
	struct place p;
	char path[64];
	int status;

	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (!child) {
		int fd;

		/* without the rights of root, yet with a /proc of its own */
		if (!geteuid() && (setgid(65534) || setuid(65534) || prctl(PR_SET_DUMPABLE, 1)))
			_exit(2);
		place_init(&p);
		if (place_open(&p, SIZE, AMPH_SHM_READ_ONLY))
			_exit(3);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", (int)p.shm.handle);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			_exit(4);
		_exit(open(path, O_RDWR | O_CLOEXEC) == -1 && errno == EACCES &&
				      open(path, O_WRONLY | O_CLOEXEC) == -1 && errno == EACCES
			      ? 0
			      : 5);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Runs the attacker against a buffer with these flags and gives its exit status back. */
static void attack_from_outside(uint32_t flags)
{
	struct place p;
	int sockets[2], status;
	pid_t child, victim = getpid();

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		int line;

		alarm(30);
		close(sockets[0]);
		line = attack(sockets[1], victim, flags & AMPH_SHM_READ_ONLY);
		if (line)
			fprintf(stderr, "line %d: an attack did not fail as it should: %s\n", line,
				strerror(errno));
		_exit(line ? 1 : 0);
	}
	close(sockets[1]);
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, flags), 0);
	memset(p.shm.va, 'a', SIZE);
	send_descriptor(sockets[0], (int)p.shm.handle);
	{
		int own = (int)p.shm.handle;

		assert_int_equal(write(sockets[0], &own, sizeof(own)), sizeof(own));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(((char *)p.shm.va)[i], 'a');
	/* the opener still writes */
	memset(p.shm.va, 'b', SIZE);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(sockets[0]);
}

static void a_read_only_buffer_stands_every_attack(void **state)
{
	(void)state;
	attack_from_outside(AMPH_SHM_READ_ONLY);
}

static void no_buffer_can_be_resized_or_sealed_further(void **state)
{
	(void)state;
	attack_from_outside(0);
}

/* --- memfd --- */

static void a_memfd_buffer_is_zero_mapped_sealed_and_gone_after(void **state)
{
	int descriptors = count_descriptors();
	struct place p;
	void *va;

	(void)state;
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, 0), 0);
	va = p.shm.va;
	assert_int_equal((uintptr_t)va % PAGE, 0);
	for (uint32_t i = 0; i < SIZE; i++)
		assert_int_equal(((char *)va)[i], 0);
	assert_true(fcntl((int)p.shm.handle, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fcntl((int)p.shm.handle, F_GET_SEALS),
			 F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	assert_int_equal(count_descriptors(), descriptors + 1);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	assert_int_equal(count_descriptors(), descriptors);
	assert_false(is_mapped(va));
}

static void children_do_not_inherit_the_mapping(void **state)
{
	struct place p;
	struct amph_shm foreign;
	struct amph_range range;
	struct amph_shm_storage storage = {.ranges = &range, .range_max = 1};
	pid_t child;
	int status;

	(void)state;
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, 0), 0);
	assert_int_equal(amph_shm_open_fd(&p.memory, &foreign, &storage, "import:a",
					  (int)p.shm.handle, 0, SIZE, 0),
			 0);
	child = fork();
	assert_true(child >= 0);
	if (!child)
		_exit(is_mapped(p.shm.va) || is_mapped(foreign.va));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(amph_shm_put(&foreign), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

static void what_the_kernel_can_not_give_is_refused(void **state)
{
	int descriptors = count_descriptors();
	struct rlimit before, none;
	struct place p;

	(void)state;
	place_init(&p);
	assert_refused(place_open(&p, SIZE, AMPH_SHM_NOT_CACHED), -ENOTSUP, &p.shm);
	assert_refused(place_open(&p, UINT64_MAX, 0), -ENOMEM, &p.shm);
	assert_refused(place_open(&p, (uint64_t)INT64_MAX, 0), -ENOMEM, &p.shm);
	assert_refused(place_open(&p, UINT64_C(1) << 62, 0), -ENOMEM, &p.shm);
	assert_int_equal(count_descriptors(), descriptors);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_refused(place_open(&p, SIZE, 0), -EMFILE, &p.shm);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_null(p.memory.buffers);
}

static long free_huge_pages(void)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128];
	long pages = -1;

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		sscanf(line, "HugePages_Free: %ld", &pages);
	fclose(file);
	return pages;
}

/* Works where the administrator set huge pages aside, and is refused cleanly where not. */
static void huge_pages_are_given_or_refused(void **state)
{
	long pages = free_huge_pages();
	int descriptors = count_descriptors();
	struct place p;
	int error;
	void *va;

	(void)state;
	place_init(&p);
	error = place_open(&p, SIZE, AMPH_SHM_HUGE | AMPH_SHM_READ_ONLY);
	if (pages > 0) {
		struct amph_why why;

		assert_int_equal(error, 0);
		memset(p.shm.va, 'a', SIZE);
		assert_int_equal(amph_memfd_map((int)p.shm.handle, 0, SIZE, 0, &va, &why), 0);
		assert_int_equal(((char *)va)[SIZE - 1], 'a');
		assert_int_equal(amph_memfd_unmap(va, SIZE), 0);
		assert_false(is_mapped(va));
		va = p.shm.va;
		assert_int_equal(amph_shm_put(&p.shm), 0);
		assert_false(is_mapped(va));
		/* huge pages that can be punched out again are not mapped from a stranger */
		assert_int_equal(place_open(&p, SIZE, AMPH_SHM_HUGE), 0);
		assert_int_equal(amph_memfd_map((int)p.shm.handle, 0, SIZE, 1, &va, &why), -EPERM);
		assert_int_equal(amph_shm_put(&p.shm), 0);
	} else {
		assert_true(error == -ENOMEM || error == -ENOTSUP);
		assert_non_null(p.shm.why.what);
	}
	assert_int_equal(count_descriptors(), descriptors);
}

/* --- foreign fds --- */

static int make_memfd(uint64_t size, int seals)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int open_foreign(struct place *p, int fd, uint64_t offset, uint64_t size, uint32_t flags)
{
	return amph_shm_open_fd(&p->memory, &p->shm, &p->storage, "import:theirs", fd, offset, size,
				flags);
}

static void a_sealed_memfd_is_opened_from_an_offset(void **state)
{
	int descriptors = count_descriptors();
	int fd = make_memfd(4 * PAGE, F_SEAL_SHRINK);
	struct place p;
	void *va;

	(void)state;
	assert_int_equal(pwrite(fd, "hello", 5, 2 * PAGE), 5);
	place_init(&p);
	assert_int_equal(open_foreign(&p, fd, 2 * PAGE, PAGE + 100, 0), 0);
	assert_int_equal(amph_shm_check(&p.shm), 0);
	close(fd); /* the buffer has its own */
	va = p.shm.va;
	assert_memory_equal(va, "hello", 5);
	memcpy(va, "world", 5);
	assert_int_equal(p.shm.handle_offset, 2 * PAGE);
	assert_true(fcntl((int)p.shm.handle, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(amph_shm_check_access(&p.shm, 0, PAGE + 100, true), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	assert_false(is_mapped(va));
	assert_int_equal(count_descriptors(), descriptors);
}

static void a_foreign_buffer_for_reading_is_never_written(void **state)
{
	int fd = make_memfd(PAGE, F_SEAL_SHRINK | F_SEAL_FUTURE_WRITE);
	struct place p;

	(void)state;
	place_init(&p);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -EROFS, &p.shm);
	assert_int_equal(open_foreign(&p, fd, 0, PAGE, AMPH_SHM_READ_ONLY), 0);
	assert_int_equal(((char *)p.shm.va)[PAGE - 1], 0);
	assert_int_equal(amph_shm_check_access(&p.shm, 0, 1, false), 0);
	assert_refused(amph_shm_check_access(&p.shm, 0, 1, true), -EACCES, &p.shm);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

static void what_could_shrink_is_refused(void **state)
{
	char path[] = "/tmp/amphora-test-XXXXXX", shared[64];
	int pipes[2], descriptors, fd;
	struct place p;

	(void)state;
	place_init(&p);
	descriptors = count_descriptors();
	fd = make_memfd(PAGE, 0);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -EPERM, &p.shm);
	assert_refused(open_foreign(&p, fd, 0, PAGE, AMPH_SHM_READ_ONLY), -EPERM, &p.shm);
	close(fd);
	fd = make_memfd(PAGE, F_SEAL_GROW | F_SEAL_WRITE);
	assert_refused(open_foreign(&p, fd, 0, PAGE, AMPH_SHM_READ_ONLY), -EPERM, &p.shm);
	close(fd);

	fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -EPERM, &p.shm);
	close(fd);
	snprintf(shared, sizeof(shared), "/amphora-test-%d", getpid());
	fd = shm_open(shared, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	shm_unlink(shared);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -EPERM, &p.shm);
	close(fd);
	assert_int_equal(pipe(pipes), 0);
	assert_refused(open_foreign(&p, pipes[0], 0, PAGE, 0), -EPERM, &p.shm);
	close(pipes[0]);
	close(pipes[1]);
	fd = open("/dev/zero", O_RDWR);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -EPERM, &p.shm);
	close(fd);
	assert_int_equal(count_descriptors(), descriptors);
}

static void a_dma_buf_is_refused_for_want_of_its_sync(void **state)
{
	struct {
		uint32_t memfd, flags;
		uint64_t offset, size;
	} create = {.size = PAGE};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, fd;
	struct place p;

	(void)state;
	if (device < 0)
		skip(); /* this kernel makes none */
	memfd = make_memfd(PAGE, F_SEAL_SHRINK);
	create.memfd = (uint32_t)memfd;
	fd = ioctl(device, 0x40187542ul, &create);
	assert_true(fd >= 0);
	place_init(&p);
	assert_refused(open_foreign(&p, fd, 0, PAGE, 0), -ENOTSUP, &p.shm);
	close(fd);
	close(memfd);
	close(device);
}

static void foreign_arguments_that_make_no_sense_are_refused(void **state)
{
	int fd = make_memfd(2 * PAGE, F_SEAL_SHRINK), reader, descriptors;
	struct amph_why why;
	struct place p;
	char path[32];
	void *va;

	(void)state;
	place_init(&p);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(reader >= 0);
	descriptors = count_descriptors();
	assert_refused(open_foreign(&p, -1, 0, PAGE, 0), -EBADF, &p.shm);
	assert_refused(open_foreign(&p, fd, 0, 0, 0), -EINVAL, &p.shm);
	assert_refused(open_foreign(&p, fd, 0, 2 * PAGE + 1, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, PAGE, PAGE + 1, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, 2 * PAGE, 1, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, 3 * PAGE, 1, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, UINT64_MAX - PAGE + 1, PAGE, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, PAGE, UINT64_MAX - PAGE + 1, 0), -ERANGE, &p.shm);
	assert_refused(open_foreign(&p, fd, 1, PAGE, 0), -EINVAL, &p.shm);
	assert_refused(open_foreign(&p, fd, 0, PAGE, AMPH_SHM_HUGE), -ENOTSUP, &p.shm);
	assert_refused(open_foreign(&p, reader, 0, PAGE, 0), -EACCES, &p.shm);
	assert_refused(
		amph_shm_open_fd(&p.memory, &p.shm, &p.storage, "memfd:theirs", fd, 0, PAGE, 0),
		-EINVAL, &p.shm);
	assert_refused(amph_shm_open_fd(&p.memory, &p.shm, &p.storage, "theirs", fd, 0, PAGE, 0),
		       -EINVAL, &p.shm);
	assert_int_equal(amph_memfd_map(fd, 0, 0, 0, &va, &why), -EINVAL);
	assert_int_equal(amph_memfd_map(-1, 0, 1, 0, &va, &why), -EBADF);
	assert_int_equal(amph_memfd_unmap((void *)1, PAGE), -EINVAL);
	assert_int_equal(count_descriptors(), descriptors);
	assert_int_equal(open_foreign(&p, reader, 0, 2 * PAGE, AMPH_SHM_READ_ONLY), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(reader);
	close(fd);
}

static void an_importer_maps_and_unmaps_by_itself(void **state)
{
	struct amph_why why;
	struct place p;
	void *va = NULL;

	(void)state;
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, AMPH_SHM_READ_ONLY), 0);
	assert_int_equal(amph_memfd_map((int)p.shm.handle, 0, SIZE, 1, &va, &why), -EROFS);
	assert_int_equal(amph_memfd_map((int)p.shm.handle, PAGE, SIZE - PAGE, 0, &va, &why), 0);
	((char *)p.shm.va)[PAGE] = 'z';
	assert_int_equal(*(volatile char *)va, 'z');
	assert_int_equal(amph_memfd_unmap(va, SIZE - PAGE), 0);
	assert_false(is_mapped(va));
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

/* --- the process target --- */

static void a_process_is_attached_by_offsets(void **state)
{
	uint64_t da = 1;
	struct place p;

	(void)state;
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, 0), 0);
	assert_int_equal(place_attach(&p, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(p.attachment.segment_count, 1);
	assert_int_equal(amph_attachment_da(&p.attachment, 17, &da), 0);
	assert_int_equal(da, 17);
	assert_int_equal(p.attachment.granule, 1);
	assert_true(p.attachment.enforced);
	assert_int_equal(amph_shm_detach(&p.attachment), 0);
	/* reading is agreed, not enforced: nothing seals it */
	assert_int_equal(place_attach(&p, AMPH_DEVICE_READS), 0);
	assert_false(p.attachment.enforced);
	amph_target_off(&p.process);
	assert_int_equal(amph_shm_put(&p.shm), 0);
}

static void a_sealed_buffer_is_for_reading(void **state)
{
	struct place p;
	int fd;

	(void)state;
	place_init(&p);
	assert_int_equal(place_open(&p, SIZE, AMPH_SHM_READ_ONLY), 0);
	assert_refused(place_attach(&p, AMPH_DEVICE_WRITES), -EROFS, &p.shm);
	assert_int_equal(place_attach(&p, AMPH_DEVICE_READS), 0);
	assert_true(p.attachment.enforced);
	assert_int_equal(amph_shm_detach(&p.attachment), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);

	/* sealed by somebody else after it was opened for writing */
	fd = make_memfd(PAGE, F_SEAL_SHRINK);
	assert_int_equal(open_foreign(&p, fd, 0, PAGE, 0), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	assert_refused(place_attach(&p, AMPH_DEVICE_READS_WRITES), -EROFS, &p.shm);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

static void a_part_of_a_memfd_is_not_enforced(void **state)
{
	int fd = make_memfd(8 * PAGE, F_SEAL_SHRINK);
	uint64_t da = 0;
	struct place p;

	(void)state;
	place_init(&p);
	assert_int_equal(open_foreign(&p, fd, PAGE, 7 * PAGE, 0), 0);
	assert_int_equal(place_attach(&p, AMPH_DEVICE_READS_WRITES), 0);
	assert_false(p.attachment.enforced);
	assert_int_equal(amph_attachment_da(&p.attachment, 5, &da), 0);
	assert_int_equal(da, PAGE + 5);
	assert_int_equal(amph_shm_detach(&p.attachment), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	assert_int_equal(open_foreign(&p, fd, 0, 7 * PAGE, 0), 0);
	assert_int_equal(place_attach(&p, AMPH_DEVICE_READS_WRITES), 0);
	assert_false(p.attachment.enforced);
	assert_int_equal(amph_shm_detach(&p.attachment), 0);
	assert_int_equal(amph_shm_put(&p.shm), 0);
	close(fd);
}

static void memory_without_a_safe_fd_is_not_passed_on(void **state)
{
	struct fixture f;
	struct amph_target process;
	int fd;

	(void)state;
	amph_target_process_init(&process, "process");
	fixture_init(&f, 4);
	fixture_open(&f, PAGE, 0);
	assert_refused(amph_shm_attach(&f.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &f.to_a, f.segments_a, 1),
		       -ENOTSUP, &f.shm);
	fd = make_memfd(PAGE, 0);
	f.shm.handle = fd;
	assert_refused(amph_shm_attach(&f.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &f.to_a, f.segments_a, 1),
		       -EPERM, &f.shm);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_refused(amph_shm_attach(&f.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &f.to_a, NULL, 0),
		       -ENOSPC, &f.shm);
	assert_int_equal(amph_shm_attach(&f.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
					 &f.to_a, f.segments_a, 1),
			 0);
	assert_int_equal(amph_shm_detach(&f.to_a), 0);
	close(fd);
	f.shm.handle = open("/dev/zero", O_RDWR);
	assert_refused(amph_shm_attach(&f.shm, &process, AMPH_DEVICE_READS, AMPH_SYNC_MESSAGES,
				       &f.to_a, f.segments_a, 1),
		       -EPERM, &f.shm);
	close((int)f.shm.handle);
	fixture_free(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_only_memory_is_not_opened_anew_for_writing),
		cmocka_unit_test(a_read_only_buffer_stands_every_attack),
		cmocka_unit_test(no_buffer_can_be_resized_or_sealed_further),
		cmocka_unit_test(a_memfd_buffer_is_zero_mapped_sealed_and_gone_after),
		cmocka_unit_test(children_do_not_inherit_the_mapping),
		cmocka_unit_test(what_the_kernel_can_not_give_is_refused),
		cmocka_unit_test(huge_pages_are_given_or_refused),
		cmocka_unit_test(a_sealed_memfd_is_opened_from_an_offset),
		cmocka_unit_test(a_foreign_buffer_for_reading_is_never_written),
		cmocka_unit_test(what_could_shrink_is_refused),
		cmocka_unit_test(a_dma_buf_is_refused_for_want_of_its_sync),
		cmocka_unit_test(foreign_arguments_that_make_no_sense_are_refused),
		cmocka_unit_test(an_importer_maps_and_unmaps_by_itself),
		cmocka_unit_test(a_process_is_attached_by_offsets),
		cmocka_unit_test(a_sealed_buffer_is_for_reading),
		cmocka_unit_test(a_part_of_a_memfd_is_not_enforced),
		cmocka_unit_test(memory_without_a_safe_fd_is_not_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
