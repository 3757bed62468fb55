/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The socket channel: whole messages, file descriptors, limits, deadlines, and an end that is gone.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/channel.h>
#include <amphora/time.h>

#define MAX  AMPH_CHANNEL_SOCKET_MAX
#define PAST 0

struct heard {
	uint32_t count, length;
	intptr_t handle;
	uint8_t bytes[MAX];
};

struct fixture {
	struct amph_channel_socket ends[2];
	struct heard heard[2];
};

static void hear(void *argument, const void *message, uint32_t length, intptr_t handle)
{
	struct heard *heard = argument;

	heard->count++;
	heard->length = length;
	heard->handle = handle;
	memcpy(heard->bytes, message, length);
}

static int descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 400; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static int open_before;

static void open_fixture(struct fixture *f)
{
	int fds[2];

	open_before = descriptors();
	memset(f, 0, sizeof(*f));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(amph_channel_socket_init(&f->ends[i], fds[i]), 0);
		amph_channel_receive(&f->ends[i].channel, hear, &f->heard[i]);
	}
}

/* Nothing is left open. */
static void close_fixture(struct fixture *f)
{
	amph_channel_socket_close(&f->ends[0]);
	amph_channel_socket_close(&f->ends[1]);
	assert_int_equal(descriptors(), open_before);
}

static int send_to(struct fixture *f, int end, const void *message, uint32_t length)
{
	return amph_channel_send(&f->ends[end].channel, message, length, -1, PAST);
}

static int poll_end(struct fixture *f, int end)
{
	return amph_channel_poll(&f->ends[end].channel, PAST);
}

/* What the other program does without our library. */
static void send_raw(int fd, const void *message, size_t length, const int *fds, size_t count)
{
	char control[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec part = {.iov_base = (void *)(uintptr_t)message, .iov_len = length};
	struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

	if (count) {
		struct cmsghdr *first;

		header.msg_control = control;
		header.msg_controllen = CMSG_SPACE(count * sizeof(int));
		first = CMSG_FIRSTHDR(&header);
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(first), fds, count * sizeof(int));
	}
	assert_true(sendmsg(fd, &header, MSG_NOSIGNAL) >= 0);
}

static void only_connected_seqpacket_sockets_are_taken(void **state)
{
	struct amph_channel_socket channel;
	int fds[2];

	(void)state;
	assert_int_equal(amph_channel_socket_init(&channel, -1), -EINVAL);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(amph_channel_socket_init(&channel, fds[0]), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	assert_int_equal(amph_channel_socket_init(&channel, fds[0]), -EINVAL);
	close(fds[0]);
	close(fds[1]);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (fds[0] >= 0) {
		assert_int_equal(amph_channel_socket_init(&channel, fds[0]), -EINVAL);
		close(fds[0]);
	}
	fds[0] = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	assert_int_equal(amph_channel_socket_init(&channel, fds[0]), -EINVAL);
	close(fds[0]);
}

static void a_taken_socket_is_closed_on_exec(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_true(fcntl(f.ends[0].fd, F_GETFD) & FD_CLOEXEC);
	close_fixture(&f);
}

static void messages_of_all_sizes_arrive_whole(void **state)
{
	static uint8_t message[MAX];
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (uint32_t length = 1; length <= MAX; length++) {
		int end = (int)(length & 1);

		memset(message, (int)length, length);
		assert_int_equal(send_to(&f, end, message, length), 0);
		assert_int_equal(poll_end(&f, !end), 1);
		assert_int_equal(f.heard[!end].length, length);
		assert_int_equal(f.heard[!end].handle, -1);
		assert_memory_equal(f.heard[!end].bytes, message, length);
	}
	close_fixture(&f);
}

static void messages_keep_their_order_and_come_in_batches(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < 10; i++)
			assert_int_equal(send_to(&f, 0, &i, sizeof(i)), 0);
		assert_int_equal(poll_end(&f, 1), 10);
		assert_int_equal(f.heard[1].bytes[0], 9);
	}
	assert_int_equal(f.heard[1].count, 30);
	close_fixture(&f);
}

static void too_long_or_empty_messages_are_refused(void **state)
{
	static uint8_t message[MAX + 1];
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(send_to(&f, 0, message, MAX + 1), -EMSGSIZE);
	assert_int_equal(send_to(&f, 0, message, 0), -EMSGSIZE);
	assert_int_equal(poll_end(&f, 1), -ETIMEDOUT);
	assert_int_equal(f.heard[1].count, 0);
	close_fixture(&f);
}

static void a_message_that_is_too_long_is_never_truncated(void **state)
{
	static uint8_t message[MAX + 1];
	struct fixture f;
	int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(file >= 0);
	open_fixture(&f);
	send_raw(f.ends[0].fd, message, MAX + 1, &file, 1);
	assert_int_equal(poll_end(&f, 1), -EMSGSIZE);
	assert_int_equal(f.heard[1].count, 0);
	/* and the next one is as good as ever */
	send_raw(f.ends[0].fd, message, MAX, NULL, 0);
	assert_int_equal(poll_end(&f, 1), 1);
	assert_int_equal(f.heard[1].length, MAX);
	close_fixture(&f);
	close(file);
}

static void a_file_descriptor_comes_along(void **state)
{
	struct stat here, there;
	struct fixture f;
	FILE *file = tmpfile();

	(void)state;
	assert_non_null(file);
	open_fixture(&f);
	assert_int_equal(amph_channel_send(&f.ends[0].channel, "fd", 2, fileno(file), PAST), 0);
	assert_int_equal(fstat(fileno(file), &here), 0); /* still the caller's */
	assert_int_equal(poll_end(&f, 1), 1);
	assert_int_equal(f.heard[1].length, 2);
	assert_true(f.heard[1].handle >= 0);
	assert_int_not_equal(f.heard[1].handle, fileno(file));
	assert_int_equal(fstat((int)f.heard[1].handle, &there), 0);
	assert_int_equal(here.st_ino, there.st_ino);
	assert_true(fcntl((int)f.heard[1].handle, F_GETFD) & FD_CLOEXEC);
	close((int)f.heard[1].handle);
	close_fixture(&f);
	fclose(file);
}

static void wrong_handles_are_refused(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(amph_channel_send(&f.ends[0].channel, "x", 1, 9999, PAST), -EBADF);
#if INTPTR_MAX > INT32_MAX
	assert_int_equal(amph_channel_send(&f.ends[0].channel, "x", 1, (intptr_t)1 << 32, PAST),
			 -EBADF);
#endif
	assert_int_equal(poll_end(&f, 1), -ETIMEDOUT);
	close_fixture(&f);
}

static void surplus_file_descriptors_are_closed(void **state)
{
	struct fixture f;
	int files[5];

	(void)state;
	open_fixture(&f);
	for (int i = 0; i < 5; i++)
		files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	send_raw(f.ends[0].fd, "many", 4, files, 5);
	for (int i = 0; i < 5; i++)
		close(files[i]);
	assert_int_equal(poll_end(&f, 1), 1);
	assert_true(f.heard[1].handle >= 0);
	close((int)f.heard[1].handle);
	close_fixture(&f);
}

static void credentials_are_no_file_descriptor(void **state)
{
	struct fixture f;
	int one = 1;

	(void)state;
	open_fixture(&f);
	assert_int_equal(setsockopt(f.ends[1].fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	assert_int_equal(send_to(&f, 0, "x", 1), 0);
	assert_int_equal(poll_end(&f, 1), 1);
	assert_int_equal(f.heard[1].handle, -1);
	close_fixture(&f);
}

static void without_a_receiver_messages_and_descriptors_are_dropped(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	amph_channel_receive(&f.ends[1].channel, NULL, NULL);
	assert_int_equal(amph_channel_send(&f.ends[0].channel, "x", 1, 0, PAST), 0);
	assert_int_equal(poll_end(&f, 1), 1);
	close_fixture(&f);
}

static void an_end_that_is_gone_is_epipe_after_what_it_sent(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(send_to(&f, 0, "last words", 10), 0);
	amph_channel_socket_close(&f.ends[0]);
	assert_int_equal(send_to(&f, 1, "x", 1), -EPIPE); /* and no SIGPIPE */
	assert_int_equal(poll_end(&f, 1), 1);
	assert_int_equal(f.heard[1].length, 10);
	assert_int_equal(poll_end(&f, 1), -EPIPE);
	assert_int_equal(amph_channel_poll(&f.ends[1].channel, amph_deadline(60000)), -EPIPE);
	close_fixture(&f);
}

static void an_end_that_goes_with_unread_messages_is_epipe(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	assert_int_equal(send_to(&f, 1, "unread", 6), 0);
	amph_channel_socket_close(&f.ends[0]);
	assert_int_equal(poll_end(&f, 1), -EPIPE);
	close_fixture(&f);
}

static void a_closed_channel_is_not_connected(void **state)
{
	struct fixture f;

	(void)state;
	open_fixture(&f);
	amph_channel_socket_close(&f.ends[0]);
	assert_int_equal(f.ends[0].fd, -1);
	assert_int_equal(send_to(&f, 0, "x", 1), -ENOTCONN);
	assert_int_equal(poll_end(&f, 0), -ENOTCONN);
	amph_channel_socket_close(&f.ends[0]);
	close_fixture(&f);
}

static void a_full_socket_waits_for_the_reader_until_the_deadline(void **state)
{
	static uint8_t message[MAX];
	struct fixture f;
	uint32_t sent = 0;
	uint64_t start;
	int error;

	(void)state;
	open_fixture(&f);
	do
		error = send_to(&f, 0, message, MAX);
	while (!error && ++sent < 100000);
	assert_int_equal(error, -ETIMEDOUT);
	start = amph_time_now();
	assert_int_equal(amph_channel_send(&f.ends[0].channel, message, MAX, -1, amph_deadline(50)),
			 -ETIMEDOUT);
	assert_true(amph_time_now() - start >= 50000000);
	while (poll_end(&f, 1) > 0)
		;
	assert_int_equal(f.heard[1].count, sent);
	assert_int_equal(send_to(&f, 0, message, MAX), 0);
	close_fixture(&f);
}

static void an_empty_socket_waits_until_the_deadline(void **state)
{
	struct fixture f;
	uint64_t start = amph_time_now();

	(void)state;
	open_fixture(&f);
	assert_int_equal(amph_channel_poll(&f.ends[1].channel, amph_deadline(50)), -ETIMEDOUT);
	assert_true(amph_time_now() - start >= 50000000);
	close_fixture(&f);
}

static void a_peer_that_never_stops_sending_does_not_keep_poll(void **state)
{
	struct fixture f;
	uint32_t got = 0;

	(void)state;
	open_fixture(&f);
	for (int i = 0; i < 100; i++)
		assert_int_equal(send_to(&f, 0, "x", 1), 0);
	while (got < 100) {
		int batch = poll_end(&f, 1);

		assert_in_range(batch, 1, 64);
		got += (uint32_t)batch;
	}
	close_fixture(&f);
}

static void *answer(void *argument)
{
	struct fixture *f = argument;

	for (int i = 0; i < 2000; i++) {
		uint32_t count = f->heard[1].count;

		while (f->heard[1].count == count)
			if (amph_channel_poll(&f->ends[1].channel, amph_deadline(20000)) < 0)
				return NULL;
		if (amph_channel_send(&f->ends[1].channel, f->heard[1].bytes, f->heard[1].length,
				      -1, amph_deadline(20000)))
			return NULL;
	}
	return f;
}

static void ignore(int number)
{
	(void)number;
}

static void two_threads_exchange_messages_through_interruptions(void **state)
{
	struct sigaction action = {.sa_handler = ignore};
	struct fixture *f = calloc(1, sizeof(*f));
	pthread_t thread;
	void *result;

	(void)state;
	assert_non_null(f);
	open_fixture(f);
	sigaction(SIGUSR1, &action, NULL);
	assert_int_equal(pthread_create(&thread, NULL, answer, f), 0);
	for (uint32_t i = 0; i < 2000; i++) {
		if (i % 10 == 0)
			pthread_kill(thread, SIGUSR1);
		assert_int_equal(amph_channel_send(&f->ends[0].channel, &i, sizeof(i), -1,
						   amph_deadline(20000)),
				 0);
		assert_int_equal(amph_channel_poll(&f->ends[0].channel, amph_deadline(20000)), 1);
		assert_memory_equal(f->heard[0].bytes, &i, sizeof(i));
	}
	pthread_join(thread, &result);
	assert_non_null(result);
	close_fixture(f);
	free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_connected_seqpacket_sockets_are_taken),
		cmocka_unit_test(a_taken_socket_is_closed_on_exec),
		cmocka_unit_test(messages_of_all_sizes_arrive_whole),
		cmocka_unit_test(messages_keep_their_order_and_come_in_batches),
		cmocka_unit_test(too_long_or_empty_messages_are_refused),
		cmocka_unit_test(a_message_that_is_too_long_is_never_truncated),
		cmocka_unit_test(a_file_descriptor_comes_along),
		cmocka_unit_test(wrong_handles_are_refused),
		cmocka_unit_test(surplus_file_descriptors_are_closed),
		cmocka_unit_test(credentials_are_no_file_descriptor),
		cmocka_unit_test(without_a_receiver_messages_and_descriptors_are_dropped),
		cmocka_unit_test(an_end_that_is_gone_is_epipe_after_what_it_sent),
		cmocka_unit_test(an_end_that_goes_with_unread_messages_is_epipe),
		cmocka_unit_test(a_closed_channel_is_not_connected),
		cmocka_unit_test(a_full_socket_waits_for_the_reader_until_the_deadline),
		cmocka_unit_test(an_empty_socket_waits_until_the_deadline),
		cmocka_unit_test(a_peer_that_never_stops_sending_does_not_keep_poll),
		cmocka_unit_test(two_threads_exchange_messages_through_interruptions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
