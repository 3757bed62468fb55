/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Board: a Linux process that plays coprocessor, where no QEMU is installed. The same firmware
 * sources; the shared DRAM is a memfd, seen at device addresses of its own; the doorbell is
 * a socket, one byte for a ring. The one who starts it says where all that is in the environment:
 *
 *   AMPHORA_DRAM_FD, AMPHORA_DRAM_SIZE   the memory, and its bytes
 *   AMPHORA_DRAM_DA                      the device address of its first byte
 *   AMPHORA_TABLE_DA                     where the loader put the resource table
 *   AMPHORA_MAILBOX_FD                   a connected stream or seqpacket socket
 *
 * It ends when the mailbox closes or its parent dies.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <amphora/error.h>
#include <amphora/order.h>
#include <amphora/time.h>

#include "../../common/board.h"
#include "../../common/trace.h"

#define EXIT_USAGE 2

/* This program has one thread. */
/* NOLINTBEGIN(concurrency-mt-unsafe) */

void firmware_main(void);

__attribute__((section(".resource_table"), used, aligned(16))) struct table resource_table =
	TABLE_INITIALIZER(AMPH_RESOURCE_ANY);

static struct amph_io dram;
static struct amph_io own[2]; /* the table and the trace: the image is not in the shared memory */
static uint32_t own_count;
static const struct table *table;
static int mailbox = -1;

static uint64_t number_from(const char *name, uint64_t max)
{
	const char *text = getenv(name);
	char *end = NULL;
	unsigned long long value;

	errno = 0;
	value = text ? strtoull(text, &end, 0) : 0;
	if (!text || !*text || *end || errno || value > max) {
		fprintf(stderr,
			"edge-process: %s is missing or no number: this program is started by "
			"amphora as a coprocessor, not by hand\n",
			name);
		exit(EXIT_USAGE);
	}
	return value;
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "edge-process: %s\n", what);
	exit(EXIT_USAGE);
}

/* The signal comes again, with its default action, when the handler returns. */
static void say_crash(int number, siginfo_t *info, void *context)
{
	(void)context;
	trace("crash: signal, address", (uint64_t)number, (uintptr_t)info->si_addr);
	raise(number);
}

static void catch_crashes(void)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
	struct sigaction action = {.sa_sigaction = say_crash,
				   .sa_flags = SA_SIGINFO | (int)SA_RESETHAND};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
		sigaction(numbers[i], &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void map_dram(void)
{
	int fd = (int)number_from("AMPHORA_DRAM_FD", INT32_MAX);
	uint64_t size = number_from("AMPHORA_DRAM_SIZE", SIZE_MAX);
	uint64_t da = number_from("AMPHORA_DRAM_DA", UINT64_MAX);
	uint64_t table_da = number_from("AMPHORA_TABLE_DA", UINT64_MAX);
	struct stat status;
	void *va, *found;

	if (fstat(fd, &status) || status.st_size < 0 || (uint64_t)status.st_size < size || !size)
		fail("AMPHORA_DRAM_FD is no memory of AMPHORA_DRAM_SIZE bytes");
	va = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (va == MAP_FAILED)
		fail("the shared memory cannot be mapped");
	close(fd);
	if (amph_io_init(&dram, va, da, da, size) ||
	    amph_io_da_to_va(&dram, table_da, sizeof(*table), &found) || table_da % 4)
		fail("AMPHORA_DRAM_DA or AMPHORA_TABLE_DA does not fit the memory");
	table = found;
	amph_io_init(&own[own_count++], found, table_da, table_da, sizeof(*table));
}

/* What is written to is what is kept from all others: the table's words are read once. */
static void start_trace(void)
{
	uint32_t da = amph_load32(&table->trace.da);
	uint32_t size = amph_load32(&table->trace.length);
	void *text;

	if (!size || size > TABLE_TRACE_SIZE || amph_io_da_to_va(&dram, da, size, &text))
		return;
	amph_io_init(&own[own_count++], text, da, da, size);
	trace_start(text, size);
}

void board_start(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	map_dram();
	mailbox = (int)number_from("AMPHORA_MAILBOX_FD", INT32_MAX);
	if (fcntl(mailbox, F_SETFD, FD_CLOEXEC))
		fail("AMPHORA_MAILBOX_FD is not open");
	start_trace();
	catch_crashes();
}

const struct amph_io *board_dram(void)
{
	return &dram;
}

uint32_t board_own(const struct amph_io **first)
{
	*first = own;
	return own_count;
}

const struct amph_cache_ops *board_cache(void)
{
	return NULL;
}

const struct table *board_table(void)
{
	return table;
}

/* A full socket drops the ring: the other side has enough of them to wake up to. */
void board_ring(uint32_t notify_id)
{
	const uint8_t byte = (uint8_t)notify_id;

	if (send(mailbox, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE)
		board_exit(0);
}

/* Empties the mailbox. Returns how many bytes there were. */
static size_t take_rings(void)
{
	uint8_t bytes[64];
	size_t total = 0;

	for (;;) {
		ssize_t length = recv(mailbox, bytes, sizeof(bytes), MSG_DONTWAIT);

		if (length > 0)
			total += (size_t)length;
		else if (length == 0 || (errno != EAGAIN && errno != EINTR))
			board_exit(0); /* the main processor is gone */
		else if (errno == EAGAIN)
			return total;
	}
}

int board_wait(uint64_t deadline)
{
	for (;;) {
		uint64_t now = amph_time_now();
		uint64_t left = deadline > now ? deadline - now : 0;
		const struct timespec wait = {.tv_sec = (time_t)(left / 1000000000u),
					      .tv_nsec = (long)(left % 1000000000u)};
		struct pollfd polled = {.fd = mailbox, .events = POLLIN};

		if (take_rings())
			return 0;
		if (!left)
			return -ETIMEDOUT;
		ppoll(&polled, 1, &wait, NULL);
	}
}

void board_exit(int code)
{
	exit(code);
}

int main(void)
{
	firmware_main();
	return 0;
}
/* NOLINTEND(concurrency-mt-unsafe) */
