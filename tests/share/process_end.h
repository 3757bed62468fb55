/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One end of a session between two processes, over a socket, and memfds that it shares.
 * Test code. Each process has its own, made after the fork.
 */
#ifndef TESTS_SHARE_PROCESS_END_H
#define TESTS_SHARE_PROCESS_END_H

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/memfd.h>
#include <amphora/session.h>
#include <amphora/time.h>

#define SHARES 2u
#define SIZE   65536u
#define WAIT   60000 /* ms, of what comes at once unless something is wrong */

struct end {
	struct amph_channel_socket channel;
	struct amph_memory memory;
	struct amph_target target;
	struct amph_session session;
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES];
	struct amph_range ranges[SHARES * 8];
};

struct memory {
	struct amph_shm shm;
	struct amph_range ranges[8];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
};

static struct end end;
static struct amph_provider provider;

static int end_start(int fd, enum amph_session_role role)
{
	struct amph_session_config config = {
		.role = role,
		.channel = &end.channel.channel,
		.memory = &end.memory,
		.target = &end.target,
		.nonce = 1 + (uint64_t)getpid(),
		.shares = end.shares,
		.share_max = SHARES,
		.segments = end.segments,
		.segments_per_share = 1,
		.ranges = end.ranges,
		.ranges_per_share = 8,
		.handles = true,
	};

	memset(&end, 0, sizeof(end));
	amph_windows_process_init(&config.windows);
	amph_target_process_init(&end.target, "the other process");
	if (amph_channel_socket_init(&end.channel, fd) || amph_memory_init(&end.memory))
		return -1;
	return amph_session_init(&end.session, &config);
}

/* Forks the other process, which runs other(fd, argument). Returns it, and this side's fd. */
static pid_t end_fork(void (*other)(int fd, uint32_t argument), uint32_t argument, int *fd)
{
	int fds[2];
	pid_t child;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	child = fork();
	if (!child) {
		close(fds[0]);
		other(fds[1], argument);
		_exit(0);
	}
	close(fds[1]);
	*fd = fds[0];
	return child;
}

/* Opens the session as main, with memfds to give. */
static void end_open(void)
{
	amph_provider_memfd_init(&provider);
	assert_int_equal(amph_memory_add_provider(&end.memory, &provider), 0);
	assert_int_equal(amph_session_open(&end.session, amph_deadline(WAIT)), 0);
}

/* A buffer that the other side has accepted. */
static void end_share(struct memory *memory, const char *name, enum amph_sync_method method)
{
	const struct amph_shm_storage storage = {memory->ranges, 8, memory->segments, 1};
	uint64_t deadline = amph_deadline(WAIT);

	memset(memory, 0, sizeof(*memory));
	assert_int_equal(amph_shm_open(&end.memory, &memory->shm, &storage, name, SIZE, 0), 0);
	assert_int_equal(amph_shm_attach(&memory->shm, &end.target, AMPH_DEVICE_READS_WRITES,
					 method, &memory->attachment, memory->device_segments, 1),
			 0);
	assert_int_equal(
		amph_session_offer(&end.session, &memory->attachment, 0, deadline, &memory->share),
		0);
	assert_int_equal(
		amph_session_wait_share(&end.session, memory->share, AMPH_SHARE_ACCEPTED, deadline),
		0);
}

#endif
