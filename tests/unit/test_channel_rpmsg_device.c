/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The channel over /dev/rpmsgN: what is none is refused, and left alone. What works needs Linux's
 * RPMsg bus and a remote: vsoc/guest/remote_session.c.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/channel.h>

static void assert_refused_and_left_alone(int fd)
{
	struct amph_channel_rpmsg_device channel;
	int flags = fcntl(fd, F_GETFL), own = fcntl(fd, F_GETFD);

	assert_int_equal(amph_channel_rpmsg_device_init(&channel, fd), -EINVAL);
	assert_int_equal(fcntl(fd, F_GETFL), flags);
	assert_int_equal(fcntl(fd, F_GETFD), own);
	close(fd);
}

static void what_is_no_endpoint_is_refused(void **state)
{
	int pair[2];

	(void)state;
	assert_refused_and_left_alone(open("/dev/null", O_RDWR));
	assert_refused_and_left_alone(open("/dev/zero", O_RDWR));
	assert_refused_and_left_alone(open("/", O_RDONLY | O_DIRECTORY));
	assert_refused_and_left_alone(open("/proc/self/exe", O_RDONLY));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_refused_and_left_alone(pair[0]);
	assert_refused_and_left_alone(pair[1]);
	assert_int_equal(pipe(pair), 0);
	assert_refused_and_left_alone(pair[0]);
	assert_refused_and_left_alone(pair[1]);
}

static void descriptor_that_is_none_is_refused(void **state)
{
	struct amph_channel_rpmsg_device channel;

	(void)state;
	assert_int_equal(amph_channel_rpmsg_device_init(&channel, -1), -EINVAL);
	assert_int_equal(amph_channel_rpmsg_device_init(&channel, 1 << 20), -EINVAL);
}

static void closed_channel_says_so_and_closes_nothing_else(void **state)
{
	struct amph_channel_rpmsg_device channel = {.fd = -1};

	(void)state;
	amph_channel_rpmsg_device_close(&channel);
	assert_int_equal(channel.fd, -1);
	int fd = open("/dev/null", O_RDWR);
	channel.fd = fd;
	amph_channel_rpmsg_device_close(&channel);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	amph_channel_rpmsg_device_close(&channel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_endpoint_is_refused),
		cmocka_unit_test(descriptor_that_is_none_is_refused),
		cmocka_unit_test(closed_channel_says_so_and_closes_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
