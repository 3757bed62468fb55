/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One random ioctl of /dev/amphora, a remote or an attachment: right and wrong descriptors, numbers at
 * limits, bad addresses; and what may come back. Test code that runs inside the virtual SoC.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "death.h"
#include "fuzz.h"

#define ERRORS_MAX 16

/* What the interface says of a call. The structure's members that are descriptors or addresses. */
struct call {
	unsigned long request;
	enum fuzz_kind kind;
	uint32_t size;
	int descriptor; /* offset, or -1 */
	int list; /* offset, or -1 */
	int result; /* offset of the descriptor that comes back, or -1 */
	enum fuzz_kind made;
	int errors[ERRORS_MAX];
};

#define ATTACH_ERRORS                                                                              \
	EFAULT, EINVAL, EBADF, ENOTCONN, ENODEV, EACCES, ERANGE, EREMOTEIO, EDQUOT, EINTR, EMFILE, \
		ENOMEM

static const struct call calls[] = {
	{AMPHORA_IOC_VERSION,
	 FUZZ_DEVICE,
	 sizeof(struct amphora_version),
	 -1,
	 -1,
	 -1,
	 FUZZ_KINDS,
	 {EFAULT}},
	{AMPHORA_IOC_REMOTE,
	 FUZZ_DEVICE,
	 sizeof(struct amphora_remote),
	 offsetof(struct amphora_remote, proof),
	 -1,
	 offsetof(struct amphora_remote, fd),
	 FUZZ_REMOTE,
	 {EFAULT, EINVAL, EBADF, ENODEV, EMFILE, ENOMEM}},
	{AMPHORA_IOC_REMOTE_INFO,
	 FUZZ_REMOTE,
	 sizeof(struct amphora_remote_info),
	 -1,
	 -1,
	 -1,
	 FUZZ_KINDS,
	 {EFAULT}},
	{AMPHORA_IOC_RPMSG_LIST,
	 FUZZ_REMOTE,
	 sizeof(struct amphora_rpmsg_list),
	 -1,
	 offsetof(struct amphora_rpmsg_list, list),
	 -1,
	 FUZZ_KINDS,
	 {EFAULT, ENOMEM}},
	{AMPHORA_IOC_ATTACH,
	 FUZZ_REMOTE,
	 sizeof(struct amphora_attach),
	 offsetof(struct amphora_attach, dmabuf),
	 -1,
	 offsetof(struct amphora_attach, fd),
	 FUZZ_ATTACHMENT,
	 {ATTACH_ERRORS}},
	{AMPHORA_IOC_COHERENT,
	 FUZZ_REMOTE,
	 sizeof(struct amphora_coherent),
	 -1,
	 -1,
	 offsetof(struct amphora_coherent, fd),
	 FUZZ_ATTACHMENT,
	 {ATTACH_ERRORS}},
	{AMPHORA_IOC_INFO,
	 FUZZ_ATTACHMENT,
	 sizeof(struct amphora_attachment_info),
	 -1,
	 -1,
	 -1,
	 FUZZ_KINDS,
	 {EFAULT}},
	{AMPHORA_IOC_SEGMENTS,
	 FUZZ_ATTACHMENT,
	 sizeof(struct amphora_segments),
	 -1,
	 offsetof(struct amphora_segments, list),
	 -1,
	 FUZZ_KINDS,
	 {EFAULT, EINVAL, ESTALE}},
	{AMPHORA_IOC_SYNC,
	 FUZZ_ATTACHMENT,
	 sizeof(struct amphora_sync),
	 -1,
	 -1,
	 -1,
	 FUZZ_KINDS,
	 {EFAULT, EINVAL, ESTALE}},
	{AMPHORA_IOC_RELEASE, FUZZ_ATTACHMENT, 0, -1, -1, -1, FUZZ_KINDS, {ESTALE}},
};

#define CALLS (sizeof(calls) / sizeof(calls[0]))

uint32_t fuzz_below(struct fuzz_thread *thread, uint32_t limit)
{
	return (uint32_t)((death_random(&thread->random) >> 32) * limit >> 32);
}

uint64_t fuzz_number(struct fuzz_thread *thread)
{
	static const uint64_t edges[] = {
		0,	   1,	       2,	   63,
		64,	   DEATH_PAGE, 65536,	   AMPHORA_COHERENT_MAX,
		1u << 30,  INT32_MAX,  UINT32_MAX, (uint64_t)UINT32_MAX + 1,
		INT64_MAX, UINT64_MAX};
	uint64_t edge = edges[fuzz_below(thread, sizeof(edges) / sizeof(edges[0]))];

	switch (fuzz_below(thread, 4)) {
	case 0:
		return edge + fuzz_below(thread, 3) - 1;
	case 1:
		return (uint64_t)fuzz_below(thread, 64) * DEATH_PAGE;
	case 2:
		return death_random(&thread->random) >> fuzz_below(thread, 64);
	default:
		return edge;
	}
}

int fuzz_pick(struct fuzz_thread *thread, enum fuzz_kind kind, unsigned *slot)
{
	struct fuzz *fuzz = thread->fuzz;
	unsigned start = fuzz_below(thread, FUZZ_SLOTS);

	*slot = start;
	for (unsigned i = 0; i < FUZZ_SLOTS && kind != FUZZ_KINDS; i++) {
		*slot = (start + i) % FUZZ_SLOTS;
		if (fuzz->kinds[*slot] == kind)
			break;
	}
	return fuzz->slots[*slot];
}

void fuzz_keep(struct fuzz_thread *thread, int fd, enum fuzz_kind kind)
{
	unsigned slot = fuzz_below(thread, FUZZ_SLOTS);
	int former = atomic_exchange(&thread->fuzz->slots[slot], fd);

	thread->fuzz->kinds[slot] = (uint8_t)kind;
	if (former >= 0)
		close(former);
}

/* An address where `size` bytes may or may not be read or written; `own` says that they can. */
static uint8_t *address(struct fuzz_thread *thread, uint32_t size, bool *own)
{
	const struct fuzz_memory *memory = &thread->fuzz->memory;

	*own = false;
	switch (fuzz_below(thread, 24)) {
	case 0:
		return NULL;
	case 1:
		return memory->unmapped;
	case 2:
		return memory->read_only;
	case 3:
		return memory->no_access;
	case 4: /* a part of it is there */
		return memory->edge - fuzz_below(thread, size + 1);
	case 5: /* all of it, just */
		return memory->edge - size;
	case 6:
		return (uint8_t *)(uintptr_t)(UINTPTR_MAX - fuzz_below(thread, 64));
	case 7: /* the kernel's half, where there is one in reach */
		return (uint8_t *)((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1));
	case 8:
		return (uint8_t *)(uintptr_t)fuzz_number(thread);
	case 9:
		return memory->dmabuf + fuzz_below(thread, DEATH_PAGE);
	case 10: {
		uint8_t *map = atomic_load(&thread->fuzz->maps[fuzz_below(thread, FUZZ_MAPS)]);

		return map ? map : memory->good;
	}
	case 11: /* others write there meanwhile */
	case 12:
	case 13:
		return memory->good + fuzz_below(thread, DEATH_PAGE - size);
	default:
		*own = true;
		return thread->own + fuzz_below(thread, 512);
	}
}

/* Reasonable, but for what is made wrong: then -1 of the callers can't know what comes. */
static void fill(struct fuzz_thread *thread, const struct call *call, uint8_t *argument)
{
	unsigned slot;
	bool own;

	memset(argument, 0, call->size);
	for (uint32_t at = 0; at + 8 <= call->size && at < 64; at += 4) {
		uint64_t number = fuzz_number(thread);

		/* sizes, counts, flags: small ones are often right */
		if (!fuzz_below(thread, 3))
			number = fuzz_below(thread, 5);
		if (!fuzz_below(thread, 2))
			memcpy(argument + at, &number, fuzz_below(thread, 2) ? 4 : 8);
	}
	if (call->descriptor >= 0 && fuzz_below(thread, 8)) {
		bool proof = call->made == FUZZ_REMOTE;
		int32_t fd = fuzz_pick(thread, proof ? FUZZ_PROOF : FUZZ_FOREIGN, &slot);

		if (!fuzz_below(thread, 4))
			fd = fuzz_pick(thread, FUZZ_KINDS, &slot);
		memcpy(argument + call->descriptor, &fd, sizeof(fd));
	}
	if (call->list >= 0 && fuzz_below(thread, 8)) {
		uint64_t list = (uintptr_t)address(thread, 512, &own);

		memcpy(argument + call->list, &list, sizeof(list));
	}
}

static bool documented(const struct call *call, int error)
{
	for (int i = 0; i < ERRORS_MAX && call->errors[i]; i++)
		if (call->errors[i] == error)
			return true;
	return false;
}

/* May that call on a descriptor of that kind end like this? */
static bool expected(const struct fuzz *fuzz, const struct call *call, enum fuzz_kind kind,
		     int error)
{
	if (fuzz->alone && kind != FUZZ_FOREIGN) {
		if (kind == FUZZ_CLOSED)
			return error == EBADF;
		if (kind != call->kind)
			return error == ENOTTY;
		return !error || documented(call, error);
	}
	/* another file may have been behind the number: other drivers say EINVAL, or EIO */
	return !error || documented(call, error) || error == EBADF || error == ENOTTY ||
	       error == EINVAL || error == EFAULT || error == EIO;
}

static void check(struct fuzz_thread *thread, const struct call *call, enum fuzz_kind kind,
		  int error)
{
	thread->calls++;
	thread->passed += !error;
	if (expected(thread->fuzz, call, kind, error))
		return;
	death_fail("ioctl %#lx of a descriptor of kind %d: %s", call->request, kind,
		   error ? strerror(error) : "it passed");
	(*thread->fuzz->failures)++;
}

static void keep_result(struct fuzz_thread *thread, const struct call *call,
			const uint8_t *argument)
{
	int32_t fd;

	if (call->result < 0)
		return;
	memcpy(&fd, argument + call->result, sizeof(fd));
	fuzz_keep(thread, fd, call->made);
}

/* A number near a real one: direction, size and code may be wrong. Only for what is ours. */
static void unknown(struct fuzz_thread *thread, int fd, uint8_t *argument)
{
	unsigned long request = calls[fuzz_below(thread, CALLS)].request;

	request ^= 1ul << fuzz_below(thread, fuzz_below(thread, 4) ? 8 : 32);
	for (unsigned i = 0; i < CALLS; i++)
		if (calls[i].request == request)
			return;
	thread->calls++;
	if (ioctl(fd, request, argument) >= 0 || (errno != ENOTTY && thread->fuzz->alone)) {
		/* where it is not alone, another thread may have made it another file */
		if (!thread->fuzz->alone)
			return;
		death_fail("unknown ioctl %#lx: %s", request, strerror(errno));
		(*thread->fuzz->failures)++;
	}
}

static void complain(struct fuzz_thread *thread, const struct call *call, const char *what,
		     int error)
{
	death_fail("ioctl %#lx %s: %s", call->request, what, strerror(error));
	(*thread->fuzz->failures)++;
}

/* The descriptor that an open() would return now; -1 where other threads make it worthless. */
static int next_fd(const struct fuzz_thread *thread)
{
	int fd = thread->fuzz->alone ? dup(STDIN_FILENO) : -1;

	if (fd >= 0)
		close(fd);
	return fd;
}

void fuzz_ioctl_call(struct fuzz_thread *thread)
{
	const struct call *call = &calls[fuzz_below(thread, CALLS)];
	uint8_t before[sizeof(struct amphora_remote_info)];
	unsigned slot;
	bool own;
	uint8_t *argument = address(thread, call->size, &own);
	int fd = fuzz_pick(thread, fuzz_below(thread, 8) ? call->kind : FUZZ_KINDS, &slot);
	enum fuzz_kind kind = thread->fuzz->kinds[slot];

	/* what a wrong descriptor's driver does with an ioctl of ours is not looked at */
	if (kind == FUZZ_PROOF || (kind == FUZZ_FOREIGN && thread->fuzz->alone))
		return;
	if (kind <= FUZZ_ATTACHMENT && !fuzz_below(thread, 16)) {
		unknown(thread, fd, argument);
		return;
	}
	if (own) {
		fill(thread, call, argument);
		memcpy(before, argument, call->size);
	}
	int next = next_fd(thread);
	int error = ioctl(fd, call->request, argument) < 0 ? errno : 0;
	check(thread, call, kind, error);
	/* one that came back where others write is closed by fuzz_tidy() */
	if (!error && own)
		keep_result(thread, call, argument);
	if (error && next != next_fd(thread))
		complain(thread, call, "failed and left a descriptor", error);
	if (error && own && memcmp(before, argument, call->size) != 0)
		complain(thread, call, "failed and wrote a result", error);
}

static int any_heap(struct fuzz_thread *thread)
{
	size_t size = (size_t)(1 + fuzz_below(thread, 40)) * DEATH_PAGE;
	static const char *const heaps[] = {DEATH_HEAP, DEATH_HEAP, DEATH_CMA, DEATH_UDMABUF};

	return death_heap_alloc(heaps[fuzz_below(thread, 4)], size);
}

void fuzz_ioctl_make(struct fuzz_thread *thread)
{
	enum fuzz_kind kind = FUZZ_ATTACHMENT;
	unsigned slot;
	int fd, buffer;

	switch (fuzz_below(thread, 6)) {
	case 0:
		fd = death_open_device();
		kind = FUZZ_DEVICE;
		break;
	case 1:
		fd = death_open_remote(fuzz_pick(thread, FUZZ_DEVICE, &slot));
		kind = FUZZ_REMOTE;
		break;
	case 2:
		fd = any_heap(thread);
		kind = FUZZ_FOREIGN;
		break;
	case 3:
		fd = death_coherent(fuzz_pick(thread, FUZZ_REMOTE, &slot),
				    1 + fuzz_below(thread, 1u << 18));
		break;
	default:
		buffer = any_heap(thread);
		fd = death_attach(fuzz_pick(thread, FUZZ_REMOTE, &slot), buffer,
				  1 + fuzz_below(thread, 3));
		if (buffer >= 0)
			fuzz_keep(thread, buffer, FUZZ_FOREIGN);
		break;
	}
	if (fd >= 0)
		fuzz_keep(thread, fd, kind);
}
