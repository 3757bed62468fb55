/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The window hook for processes, and fds that come with messages: mapped, or refused and closed.
 * Test code.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "share/raw.h"

static int memory_fd(int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 16384), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

static int open_fds(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(folder);
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

static void an_fd_is_mapped_or_refused_and_closed(void **state)
{
	struct amph_session_windows windows;
	struct amph_segment segments[2] = {{4096, 4096}, {8192, 4096}};
	int before = open_fds();
	void *va = NULL;
	(void)state;

	amph_windows_process_init(&windows);
	assert_int_equal(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS_WRITES,
				     memory_fd(F_SEAL_SHRINK), &va),
			 0);
	((volatile uint8_t *)va)[8191] = 1;
	windows.unmap(NULL, va, 8192);
	windows.unmap(NULL, NULL, 8192);
	/* who only reads needs no more than that */
	assert_int_equal(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS,
				     memory_fd(F_SEAL_SHRINK | F_SEAL_WRITE), &va),
			 0);
	windows.unmap(NULL, va, 8192);
	assert_true(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS_WRITES,
				memory_fd(F_SEAL_SHRINK | F_SEAL_WRITE), &va) < 0);
	assert_int_equal(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS, memory_fd(0), &va),
			 -EPERM);
	segments[1].address = 12288;
	assert_int_equal(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS,
				     memory_fd(F_SEAL_SHRINK), &va),
			 -EINVAL);
	assert_int_equal(windows.map(NULL, segments, 2, 8192, AMPH_DEVICE_READS, -1, &va), -EBADF);
	segments[0] = (struct amph_segment){8192, 12288};
	assert_int_equal(windows.map(NULL, segments, 1, 12288, AMPH_DEVICE_READS,
				     memory_fd(F_SEAL_SHRINK), &va),
			 -ERANGE);
	assert_int_equal(open_fds(), before);
}

/* Gives main's message to the peer together with an fd, as a socket would. */
static void say_with_fd(enum wire_type type, uint32_t count)
{
	assert_int_equal(send_raw(&mains, type, count), 0);
	peers.end.count = 0;
	amph_session_receive(&peers.session, &mains.end.last, mains.end.last.header.length,
			     memory_fd(F_SEAL_SHRINK));
}

static void no_message_leaves_an_fd_behind(void **state)
{
	int before;
	(void)state;

	open_pair();
	before = open_fds();
	say_with_fd(WIRE_HEARTBEAT, 0);
	said_reject(&peers, WIRE_HEARTBEAT, WIRE_MALFORMED);
	raw_offer(1);
	say_with_fd(WIRE_OFFER, 1); /* without the flag */
	said_reject(&peers, WIRE_OFFER, WIRE_MALFORMED);
	assert_int_equal(open_fds(), before);
	raw_offer(1)->flags = WIRE_OFFER_HANDLE;
	raw.body.offer.method = 1;
	say_with_fd(WIRE_OFFER, 1); /* refused */
	said_refuse(&peers, WIRE_UNSUPPORTED);
	raw_offer(1)->flags = WIRE_OFFER_HANDLE;
	say_with_fd(WIRE_OFFER, 1); /* accepted, by a hook that needs none */
	assert_int_equal(peers.end.last.header.type, WIRE_ACCEPT);
	raw_offer(1)->flags = WIRE_OFFER_HANDLE;
	say_with_fd(WIRE_OFFER, 1); /* a second time */
	said_reject(&peers, WIRE_OFFER, WIRE_EXISTS);
	raw_offer(2)->flags = WIRE_OFFER_HANDLE;
	peers.session.config.windows.map = NULL;
	say_with_fd(WIRE_OFFER, 1); /* no windows */
	said_refuse(&peers, WIRE_UNSUPPORTED);
	assert_int_equal(open_fds(), before);
	raw_offer(3)->flags = WIRE_OFFER_HANDLE;
	raw.body.offer.segment_count = 2;
	raw.body.offer.segments[0].length = 64;
	say_with_fd(WIRE_OFFER, 1); /* kept for the rest of the offer */
	assert_int_equal(open_fds(), before + 1);
	mains.session.sent--;
	say_with_fd(WIRE_HEARTBEAT, 0); /* a replay */
	said_reject(&peers, WIRE_HEARTBEAT, WIRE_REPLAY);
	mains.session.epoch++;
	say_with_fd(WIRE_HEARTBEAT, 0); /* stale */
	mains.session.epoch--;
	amph_session_receive(&peers.session, &mains.end.last, 3, memory_fd(0));
	raw.body.hello = (struct wire_hello){1, 1, 0, 1, 0, 496, 0};
	say_with_fd(WIRE_READY, 0);
	assert_int_equal(open_fds(), before + 1);
	mains.session.sent++;
	say_with_fd(WIRE_HEARTBEAT, 0); /* a gap: lost, and the offer with it */
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	say_with_fd(WIRE_HEARTBEAT, 0); /* after the end */
	assert_int_equal(open_fds(), before);
}

static void only_a_buffer_with_an_fd_is_offered_with_one(void **state)
{
	struct amph_share *share;
	(void)state;

	open_pair();
	mains.session.config.handles = true;
	open_buffer(AMPH_DEVICE_READS);
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -ENOTSUP);
	buffer.attachment.method = AMPH_SYNC_QUEUE;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -ENOTSUP);
	buffer.attachment.target = &peers.target.target;
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -EINVAL);
	amph_session_lose(&mains.session, -EIO, "the end");
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, 0, 0, &share),
			 -EIO);
}

static void an_fd_that_comes_after_the_own_goodbye_is_closed(void **state)
{
	int fd = memory_fd(F_SEAL_SHRINK);
	(void)state;

	open_pair();
	assert_int_equal(amph_session_close(&peers.session, 0), -ETIMEDOUT);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSING);
	raw_offer(9)->flags = WIRE_OFFER_HANDLE;
	raw.header = (struct wire_header){.type = WIRE_OFFER,
					  .length = (uint16_t)amph_wire_length(WIRE_OFFER, 1),
					  .sequence = peers.session.received + 1,
					  .from = mains.session.epoch,
					  .to = peers.session.epoch};
	amph_session_receive(&peers.session, &raw, raw.header.length, fd);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSING);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_fd_is_mapped_or_refused_and_closed),
		cmocka_unit_test(no_message_leaves_an_fd_behind),
		cmocka_unit_test(only_a_buffer_with_an_fd_is_offered_with_one),
		cmocka_unit_test(an_fd_that_comes_after_the_own_goodbye_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
