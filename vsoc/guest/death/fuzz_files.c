/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What else can be done to a descriptor while others use it: closing, copying, sending, mapping, polling,
 * forking. Not DMA_BUF_IOCTL_SYNC: the system heap passes the program's direction on as the mapping's,
 * which DMA_API_DEBUG reports. Test code that runs inside the virtual SoC; the ioctl fuzzer's.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "death.h"
#include "fuzz.h"

#define FIRST_FD      3 /* those below are standard input, output and error */
#define LAST_FD	      1024
#define CHILD_CALLS   40
#define CHILD_S	      5
#define FOREIGN_FILES 8
#define UNMAPPED      0x3000ul /* below every program; a hole that is made would be filled again */

int fuzz_memory_init(struct fuzz_memory *memory)
{
	int buffer = death_heap_alloc(DEATH_HEAP, DEATH_PAGE * 2);
	uint8_t *pages = mmap(NULL, (size_t)DEATH_PAGE * 4, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (buffer < 0 || pages == MAP_FAILED)
		return death_fail("no memory to fuzz with");
	memory->dmabuf =
		mmap(NULL, (size_t)DEATH_PAGE * 2, PROT_READ | PROT_WRITE, MAP_SHARED, buffer, 0);
	close(buffer);
	if (memory->dmabuf == MAP_FAILED)
		return death_fail("a buffer can't be mapped: %s", strerror(errno));
	memory->good = pages;
	memory->edge = pages + (size_t)DEATH_PAGE * 2; /* the end of the second */
	memory->no_access = pages + (size_t)DEATH_PAGE * 2;
	memory->unmapped = (uint8_t *)UNMAPPED;
	memory->read_only = pages + (size_t)DEATH_PAGE * 3;
	memset(memory->read_only, 0, DEATH_PAGE);
	if (mprotect(memory->no_access, DEATH_PAGE, PROT_NONE) ||
	    mprotect(memory->read_only, DEATH_PAGE, PROT_READ))
		return death_fail("mprotect: %s", strerror(errno));
	return 0;
}

void fuzz_tidy(struct fuzz *fuzz)
{
	for (int fd = FIRST_FD; fd < LAST_FD; fd++) {
		bool known = false;

		for (unsigned slot = 0; slot < FUZZ_SLOTS && !known; slot++)
			known = fuzz->slots[slot] == fd;
		if (!known)
			close(fd);
	}
}

static void close_one(struct fuzz_thread *thread)
{
	unsigned slot = fuzz_below(thread, FUZZ_SLOTS);
	int fd = atomic_exchange(&thread->fuzz->slots[slot], -1);

	thread->fuzz->kinds[slot] = FUZZ_CLOSED;
	if (fd >= 0)
		close(fd);
}

/* The second descriptor of the same file, under a new number or in place of another file. */
static void copy(struct fuzz_thread *thread)
{
	struct fuzz *fuzz = thread->fuzz;
	unsigned from, to;
	int fd = fuzz_pick(thread, FUZZ_KINDS, &from);

	if (fd < 0)
		return;
	if (fuzz_below(thread, 2)) {
		int other = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

		if (other >= 0)
			fuzz_keep(thread, other, (enum fuzz_kind)fuzz->kinds[from]);
		return;
	}
	int other = fuzz_pick(thread, FUZZ_KINDS, &to);
	if (other >= 0 && dup3(fd, other, O_CLOEXEC) >= 0)
		fuzz->kinds[to] = fuzz->kinds[from];
}

static void open_foreign(struct fuzz_thread *thread)
{
	static const char *const files[FOREIGN_FILES] = {
		DEATH_RPROC,	"/dev/null",	   "/dev/zero",	       DEATH_HEAP,
		AMPHORA_DEVICE, "/proc/self/maps", "/dev/rpmsg_ctrl0", "/dev/rpmsg0"};
	unsigned which = fuzz_below(thread, FOREIGN_FILES + 3);
	int pair[2], fd = -1;

	if (which < FOREIGN_FILES) {
		static const int modes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_PATH};

		fd = open(files[which], modes[fuzz_below(thread, 4)] | O_CLOEXEC | O_NONBLOCK);
	} else if (which == FOREIGN_FILES) {
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	} else if (which == FOREIGN_FILES + 1) {
		fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	} else if (!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair)) {
		fuzz_keep(thread, pair[0], FUZZ_FOREIGN);
		fd = pair[1];
	}
	if (fd >= 0)
		fuzz_keep(thread, fd, which ? FUZZ_FOREIGN : FUZZ_PROOF);
}

/* Through a pipe, which says EFAULT where a plain access would end the process. */
static void touch(void *memory, size_t size)
{
	int pair[2];

	if (pipe2(pair, O_CLOEXEC | O_NONBLOCK))
		return;
	if (write(pair[1], memory, size) > 0 && read(pair[0], memory, size) < 0)
		errno = 0;
	close(pair[0]);
	close(pair[1]);
}

static void map(struct fuzz_thread *thread)
{
	static const int protections[] = {PROT_READ | PROT_WRITE, PROT_READ, PROT_WRITE, PROT_NONE,
					  PROT_READ | PROT_EXEC};
	_Atomic(void *) *kept = &thread->fuzz->maps[fuzz_below(thread, FUZZ_MAPS)];
	bool plain = fuzz_below(thread, 2);
	size_t size = plain ? FUZZ_MAP_SIZE : (size_t)(fuzz_number(thread) & 0xffffff);
	off_t offset = plain ? 0 : (off_t)(fuzz_number(thread) & ~(uint64_t)(DEATH_PAGE - 1));
	unsigned slot;
	int fd = fuzz_pick(thread, fuzz_below(thread, 4) ? FUZZ_ATTACHMENT : FUZZ_KINDS, &slot);
	void *memory = mmap(NULL, size, protections[plain ? 0 : fuzz_below(thread, 5)],
			    fuzz_below(thread, 8) ? MAP_SHARED : MAP_PRIVATE, fd, offset);

	if (memory == MAP_FAILED)
		return;
	if (size != FUZZ_MAP_SIZE) {
		touch(memory, size < 64 ? size : 64);
		munmap(memory, size);
		return;
	}
	memory = atomic_exchange(kept, memory);
	if (memory)
		munmap(memory, FUZZ_MAP_SIZE);
}

static void change_map(struct fuzz_thread *thread)
{
	_Atomic(void *) *kept = &thread->fuzz->maps[fuzz_below(thread, FUZZ_MAPS)];
	uint8_t *memory = atomic_load(kept);
	size_t part = (size_t)fuzz_below(thread, 16) * DEATH_PAGE;

	if (!memory)
		return;
	/* another thread may unmap it at any time: nothing here is sure to work */
	switch (fuzz_below(thread, 6)) {
	case 0:
		mprotect(memory + part, FUZZ_MAP_SIZE - part, PROT_READ);
		break;
	case 1:
		madvise(memory + part, DEATH_PAGE,
			fuzz_below(thread, 2) ? MADV_DONTNEED : MADV_DONTFORK);
		break;
	case 2: /* to grow is refused; to move need not be */
		mremap(memory, FUZZ_MAP_SIZE, FUZZ_MAP_SIZE + part, 0);
		break;
	case 3:
		munmap(memory + part, DEATH_PAGE);
		break;
	case 4:
		memory = atomic_exchange(kept, NULL);
		if (memory)
			munmap(memory, FUZZ_MAP_SIZE);
		break;
	default:
		touch(memory + part, 64);
		break;
	}
}

/* Into a socket that is closed before anybody takes it out. */
static void send_away(struct fuzz_thread *thread)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec vector = {&byte, 1};
	struct msghdr message = {.msg_iov = &vector,
				 .msg_iovlen = 1,
				 .msg_control = control,
				 .msg_controllen = sizeof(control)};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	unsigned slot;
	int pair[2], fd = fuzz_pick(thread, FUZZ_KINDS, &slot);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return;
	if (sendmsg(pair[0], &message, 0) > 0)
		close_one(thread);
	close(pair[0]);
	close(pair[1]);
}

static void look_at(struct fuzz_thread *thread)
{
	char bytes[64] = {0};
	struct stat state;
	unsigned slot;
	int fd = fuzz_pick(thread, fuzz_below(thread, 2) ? FUZZ_REMOTE : FUZZ_KINDS, &slot);
	struct pollfd ready[2] = {{fd, (short)fuzz_below(thread, 0x10000), 0},
				  {fuzz_pick(thread, FUZZ_ATTACHMENT, &slot), POLLIN, 0}};

	switch (fuzz_below(thread, 5)) {
	case 0:
		fstat(fd, &state);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		break;
	case 1:
		lseek(fd, (off_t)fuzz_number(thread), SEEK_SET);
		break;
	case 2:
		/* what is written to a proof might start the coprocessor: that is no harm */
		if (pread(fd, bytes, sizeof(bytes), 0) < 0)
			errno = 0;
		break;
	default:
		poll(ready, 2, (int)fuzz_below(thread, 3));
		break;
	}
}

/* A child that uses what it inherited, and ends on its own or is killed. */
static void fork_one(struct fuzz_thread *thread)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	pid_t child = fork();
	if (!child) {
		alarm(CHILD_S); /* a lock of the C library may be held by a thread that is not here */
		thread->random ^= (uint64_t)getpid() << 32;
		thread->fuzz->alone = false;
		for (int i = 0; i < CHILD_CALLS; i++)
			fuzz_ioctl_call(thread);
		_exit(0);
	}
	if (child > 0 && fuzz_below(thread, 2)) {
		usleep(fuzz_below(thread, 3000));
		kill(child, SIGKILL);
	}
}

void fuzz_switch(struct fuzz_thread *thread)
{
	static const char *const commands[] = {"start", "stop", "start", "detach", "start"};
	unsigned which = fuzz_below(thread, 6);

	if (which < 5)
		death_write(DEATH_STATE, commands[which]);
	else
		death_write(DEATH_CRASH, "1");
}

void fuzz_file_call(struct fuzz_thread *thread)
{
	switch (fuzz_below(thread, 64)) {
	case 0:
		fork_one(thread);
		break;
	case 1:
	case 2:
		send_away(thread);
		break;
	case 3 ... 12:
		close_one(thread);
		break;
	case 13 ... 20:
		copy(thread);
		break;
	case 21 ... 26:
		open_foreign(thread);
		break;
	case 27 ... 38:
		map(thread);
		break;
	case 39 ... 48:
		change_map(thread);
		break;
	default:
		look_at(thread);
		break;
	}
}
