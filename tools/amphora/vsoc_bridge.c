/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The coprocessor's side of the virtual SoC. Tool code; see vsoc_bridge.h and vsoc_control.h.
 * Linux's driver writes the control page at any time: each word is read once.
 */
#include "vsoc_bridge.h"
#include "tool.h"

#include <endian.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amphora/order.h>
#include <amphora/time.h>

#define START_DEADLINE 10000
#define STOP_DEADLINE  5000

/* What an ivshmem server sends on a connection, QEMU's docs/specs/ivshmem-spec.txt */
#define IVSHMEM_PROTOCOL 0
#define IVSHMEM_MEMORY	 (-1)

static int fail(struct vsoc_bridge *bridge, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct vsoc_bridge *bridge, int error, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vsnprintf(bridge->error, sizeof(bridge->error), format, values);
	va_end(values);
	return error;
}

static uint32_t read_word(const __le32 *word)
{
	/* acquire: pairs with the barrier in the guest's writel() of this word */
	return le32toh(amph_load32_acquire(word));
}

static void write_word(__le32 *word, uint32_t value)
{
	/* release: pairs with the barrier in the guest's readl() */
	amph_store32_release(word, htole32(value));
}

static void ring_linux(struct vsoc_bridge *bridge, uint32_t vector)
{
	/* a count that is full is a ring that is pending */
	(void)eventfd_write(bridge->doorbells[VSOC_PEER_LINUX][vector], 1);
}

/* One message of the protocol: a number, and a descriptor or -1. */
static int tell(struct vsoc_bridge *bridge, int64_t number, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	int64_t wire = (int64_t)htole64((uint64_t)number);
	struct iovec data = {.iov_base = &wire, .iov_len = sizeof(wire)};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	}
	ssize_t sent = sendmsg(bridge->ours, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return sent == sizeof(wire) ? 0 : -EIO;
}

/* The whole introduction fits into the socket: nobody needs to listen yet. */
static int introduce(struct vsoc_bridge *bridge)
{
	static const int order[] = {VSOC_PEER_LAUNCHER, VSOC_PEER_LINUX};
	int error = tell(bridge, IVSHMEM_PROTOCOL, -1);

	if (!error)
		error = tell(bridge, VSOC_PEER_LINUX, -1); /* who QEMU is */
	if (!error)
		error = tell(bridge, IVSHMEM_MEMORY, bridge->memory);
	for (int i = 0; i < 2; i++)
		for (int vector = 0; vector < VSOC_VECTORS && !error; vector++)
			error = tell(bridge, order[i], bridge->doorbells[order[i]][vector]);
	return error;
}

static int open_page(struct vsoc_bridge *bridge)
{
	bridge->memory = memfd_create("vsoc-control", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (bridge->memory < 0 || ftruncate(bridge->memory, VSOC_CONTROL_SIZE) ||
	    fcntl(bridge->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return -errno;
	void *page = mmap(NULL, VSOC_CONTROL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
			  bridge->memory, 0);
	if (page == MAP_FAILED)
		return -errno;
	bridge->control = page;
	write_word(&bridge->control->version, VSOC_CONTROL_VERSION);
	return 0;
}

static int open_doorbells(struct vsoc_bridge *bridge)
{
	int pair[2];

	for (int peer = 0; peer < 2; peer++)
		for (int vector = 0; vector < VSOC_VECTORS; vector++) {
			int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

			if (fd < 0)
				return -errno;
			bridge->doorbells[peer][vector] = fd;
		}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	bridge->ours = pair[0];
	bridge->theirs = pair[1];
	return introduce(bridge);
}

static int init_coprocessor(struct vsoc_bridge *bridge, uint64_t da)
{
	const struct amph_io *dram = &bridge->dram->io;
	struct amph_rproc_config config = {
		.name = "coprocessor",
		.map = {.windows = &bridge->window, .count = 1},
		.regions = dram,
		.region_count = 1,
	};
	struct amph_rproc_qemu_config machine = {.dram_fd = bridge->dram->fd,
						 .dram_size = dram->size,
						 .private_size = da - VSOC_BRIDGE_RAM};

	bridge->window = (struct amph_window){.pa = dram->pa, .da = da, .length = dram->size};
	return amph_rproc_qemu_init(&bridge->coprocessor, &config, &machine);
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int vsoc_bridge_open(struct vsoc_bridge *bridge, struct amph_dram *dram, uint64_t da)
{
	char why[256];

	*bridge = (struct vsoc_bridge){.dram = dram, .memory = -1, .ours = -1, .theirs = -1};
	memset(bridge->doorbells, -1, sizeof(bridge->doorbells));
	int error = init_coprocessor(bridge, da);
	if (error)
		return fail(bridge, error, "the coprocessor: %s",
			    tool_why(&bridge->coprocessor.rproc.why, error, why, sizeof(why)));
	error = open_page(bridge);
	if (!error)
		error = open_doorbells(bridge);
	if (!error)
		return 0;
	fail(bridge, error, "the coprocessor's control page and doorbells: %s", strerror(-error));
	vsoc_bridge_close(bridge);
	return error;
}

void vsoc_bridge_handed_over(struct vsoc_bridge *bridge)
{
	close_fd(&bridge->theirs);
}

int vsoc_bridge_close(struct vsoc_bridge *bridge)
{
	int error = amph_rproc_stop(&bridge->coprocessor.rproc, amph_deadline(STOP_DEADLINE));

	for (int peer = 0; peer < 2; peer++)
		for (int vector = 0; vector < VSOC_VECTORS; vector++)
			close_fd(&bridge->doorbells[peer][vector]);
	close_fd(&bridge->ours);
	close_fd(&bridge->theirs);
	if (bridge->control)
		munmap(bridge->control, VSOC_CONTROL_SIZE);
	bridge->control = NULL;
	close_fd(&bridge->memory);
	return error;
}

void vsoc_bridge_polls(struct vsoc_bridge *bridge, struct pollfd *polls)
{
	for (int vector = 0; vector < VSOC_VECTORS; vector++)
		polls[vector] = (struct pollfd){.fd = bridge->doorbells[VSOC_PEER_LAUNCHER][vector],
						.events = POLLIN};
	polls[VSOC_VECTORS] = (struct pollfd){
		.fd = (int)amph_rproc_handle(&bridge->coprocessor.rproc), .events = POLLIN};
}

static void pass_kicks(struct vsoc_bridge *bridge)
{
	for (uint32_t id = 0; id < VSOC_NOTIFY_IDS; id++) {
		uint32_t kicks = read_word(&bridge->control->kicks[id]);

		if (kicks == bridge->kicks[id])
			continue;
		bridge->kicks[id] = kicks;
		amph_rproc_kick(&bridge->coprocessor.rproc, id);
	}
}

/* Off, then on from that address. Returns the state it is in. */
static enum vsoc_state power_on(struct vsoc_bridge *bridge, uint64_t address)
{
	struct amph_rproc *rproc = &bridge->coprocessor.rproc;
	char why[256];
	int error = amph_rproc_stop(rproc, amph_deadline(STOP_DEADLINE));

	write_word(&bridge->control->state, VSOC_OFF);
	if (!error)
		error = amph_rproc_adopt(rproc, address);
	if (!error) {
		write_word(&bridge->control->boots, rproc->boots + 1);
		error = amph_rproc_start(rproc, amph_deadline(START_DEADLINE));
	}
	if (!error)
		return VSOC_RUNNING;
	tool_error("the coprocessor can't be started: %s",
		   tool_why(&rproc->why, error, why, sizeof(why)));
	return VSOC_FAILED;
}

static enum vsoc_state power_off(struct vsoc_bridge *bridge)
{
	struct amph_rproc *rproc = &bridge->coprocessor.rproc;
	int error = amph_rproc_stop(rproc, amph_deadline(STOP_DEADLINE));

	if (!error)
		return VSOC_OFF;
	tool_error("the coprocessor can't be stopped: %s", strerror(-error));
	return VSOC_FAILED;
}

static void set_power(struct vsoc_bridge *bridge)
{
	struct vsoc_control *control = bridge->control;
	uint32_t request = read_word(&control->request);
	enum vsoc_state state;

	if (request == read_word(&control->done))
		return;
	if (request & VSOC_REQUEST_ON)
		state = power_on(bridge, read_word(&control->boot_address));
	else
		state = power_off(bridge);
	write_word(&control->state, state);
	write_word(&control->done, request);
	ring_linux(bridge, VSOC_VECTOR_POWER);
}

/* What is cut off has ended by itself, as far as power is concerned: its driver reports a crash. */
static void cut_power(struct vsoc_bridge *bridge)
{
	struct vsoc_control *control = bridge->control;
	uint32_t cut = read_word(&control->cut);

	if (cut == read_word(&control->cut_done))
		return;
	if (bridge->coprocessor.rproc.state == AMPH_RPROC_RUNNING) {
		tool_error("the coprocessor is switched off: it does not answer its IOMMU");
		if (power_off(bridge) != VSOC_OFF)
			return; /* tried again at the next doorbell */
		write_word(&control->state, VSOC_ENDED);
	}
	write_word(&control->cut_done, cut);
	ring_linux(bridge, VSOC_VECTOR_POWER);
}

int vsoc_bridge_start_early(struct vsoc_bridge *bridge, uint64_t entry, uint64_t table,
			    uint64_t table_size)
{
	struct vsoc_control *control = bridge->control;
	enum vsoc_state state;

	if (entry > UINT32_MAX || table > UINT32_MAX || table_size > VSOC_EARLY_TABLE_MAX)
		return -ERANGE;
	write_word(&control->early_table, (uint32_t)table);
	write_word(&control->early_table_size, (uint32_t)table_size);
	write_word(&control->early_address, (uint32_t)entry);
	state = power_on(bridge, entry);
	write_word(&control->state, state);
	return state == VSOC_RUNNING ? 0 : -EIO;
}

static void listen_to_coprocessor(struct vsoc_bridge *bridge)
{
	struct amph_rproc *rproc = &bridge->coprocessor.rproc;
	struct vsoc_control *control = bridge->control;

	if (rproc->state != AMPH_RPROC_RUNNING)
		return;
	int error = amph_rproc_wait(rproc, amph_time_now());
	if (!error && rproc->rung) {
		for (uint32_t id = 0; id < VSOC_NOTIFY_IDS; id++)
			if (rproc->rung & 1u << id)
				write_word(&control->rings[id], read_word(&control->rings[id]) + 1);
		rproc->rung = 0;
		ring_linux(bridge, VSOC_VECTOR_RING);
	}
	if (error != -EPIPE)
		return;
	tool_error("the coprocessor %s", rproc->message);
	write_word(&control->state, VSOC_ENDED);
	ring_linux(bridge, VSOC_VECTOR_POWER);
}

void vsoc_bridge_serve(struct vsoc_bridge *bridge)
{
	eventfd_t count;

	/* cleared first: what changes afterwards rings again */
	for (int vector = 0; vector < VSOC_VECTORS; vector++)
		(void)eventfd_read(bridge->doorbells[VSOC_PEER_LAUNCHER][vector], &count);
	listen_to_coprocessor(bridge);
	cut_power(bridge);
	set_power(bridge);
	pass_kicks(bridge);
}

void vsoc_bridge_set_window(struct vsoc_bridge *bridge, uint32_t window)
{
	write_word(&bridge->control->window, window);
}

bool vsoc_bridge_listens(const struct vsoc_bridge *bridge)
{
	return read_word(&bridge->control->listens) != 0;
}

bool vsoc_bridge_exit(const struct vsoc_bridge *bridge, int *wait_status)
{
	uint32_t word = read_word(&bridge->control->exit);

	*wait_status = word & 0xffff;
	return (word & VSOC_EXIT_VALID) != 0;
}
