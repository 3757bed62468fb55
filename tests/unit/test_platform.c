/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The Linux port: time, events, locks, interrupts, caches, fork generation and the log hook, with a
 * second thread where one matters.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/cache.h>
#include <amphora/error.h>
#include <amphora/event.h>
#include <amphora/fork.h>
#include <amphora/irq.h>
#include <amphora/lock.h>
#include <amphora/log.h>
#include <amphora/time.h>

static void time_goes_forward(void **state)
{
	uint64_t before = amph_time_now();

	(void)state;
	assert_true(amph_time_now() >= before);
	assert_true(amph_deadline(1000) >= before + 1000000000u);
}

static void event_that_was_signalled_does_not_wait(void **state)
{
	struct amph_event event;
	uint32_t seen;

	(void)state;
	amph_event_init(&event);
	seen = amph_event_count(&event);
	amph_event_signal(&event);
	assert_int_equal(amph_event_wait(&event, seen, 0), 0);
	amph_event_signal(&event);
	assert_int_equal(amph_event_wait(&event, seen, 0), 0);
	assert_int_equal(amph_event_wait(&event, seen, UINT64_MAX), 0);
	assert_int_equal(amph_event_wait(&event, amph_event_count(&event), 0), -ETIMEDOUT);
}

static void event_wait_ends_at_its_deadline_and_not_before(void **state)
{
	struct amph_event event;
	uint64_t deadline = amph_deadline(20);

	(void)state;
	amph_event_init(&event);
	assert_int_equal(amph_event_wait(&event, 0, deadline), -ETIMEDOUT);
	assert_true(amph_time_now() >= deadline);
}

enum { ROUNDS = 2000 };

struct pair {
	struct amph_event ping, pong;
	uint64_t deadline; /* of all rounds: one lost wake-up misses it */
	uint32_t value; /* written by one, read by the other: the events order it */
};

static void *answer_pings(void *argument)
{
	struct pair *pair = argument;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		if (amph_event_wait(&pair->ping, i, pair->deadline))
			return NULL;
		pair->value += i;
		amph_event_signal(&pair->pong);
	}
	return pair;
}

static void events_order_what_two_threads_write(void **state)
{
	struct pair pair = {.deadline = amph_deadline(20000)};
	pthread_t thread;
	void *result;

	(void)state;
	amph_event_init(&pair.ping);
	amph_event_init(&pair.pong);
	assert_int_equal(pthread_create(&thread, NULL, answer_pings, &pair), 0);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		pair.value++;
		amph_event_signal(&pair.ping);
		assert_int_equal(amph_event_wait(&pair.pong, i, pair.deadline), 0);
	}
	assert_int_equal(pthread_join(thread, &result), 0);
	assert_ptr_equal(result, &pair);
	assert_true(amph_time_now() < pair.deadline);
	assert_int_equal(pair.value, ROUNDS + ROUNDS * (ROUNDS - 1) / 2);
}

struct counted {
	struct amph_lock lock;
	uint64_t count;
};

static void *count_locked(void *argument)
{
	struct counted *counted = argument;

	for (uint32_t i = 0; i < 50000; i++) {
		amph_lock_acquire(&counted->lock);
		counted->count++;
		if (i % 1000 == 0)
			usleep(1); /* so that the other sleeps on the lock */
		amph_lock_release(&counted->lock);
	}
	return NULL;
}

static void lock_keeps_threads_apart(void **state)
{
	struct counted counted = {.count = 0};
	pthread_t threads[3];

	(void)state;
	amph_lock_init(&counted.lock);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_locked, &counted), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(counted.count, 150000);
}

static void count_up(void *argument)
{
	++*(int *)argument;
}

static void interrupt_runs_its_handler_once_for_each_dispatch(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), calls = 0;
	uint32_t number = (uint32_t)fd;

	(void)state;
	assert_int_equal(amph_irq_connect(number, count_up, &calls), 0);
	assert_int_equal(amph_irq_connect(number, count_up, &calls), -EBUSY);
	assert_int_equal(amph_irq_dispatch(0), -ETIMEDOUT);
	assert_int_equal(eventfd_write(fd, 3), 0);
	assert_int_equal(amph_irq_dispatch(amph_deadline(10000)), 1);
	assert_int_equal(amph_irq_dispatch(0), -ETIMEDOUT);
	assert_int_equal(calls, 1);
	assert_int_equal(amph_irq_disconnect(number), 0);
	assert_int_equal(amph_irq_disconnect(number), -ENOENT);
	close(fd);
}

static void interrupt_that_is_disabled_stays_pending(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), calls = 0;
	uint32_t number = (uint32_t)fd;

	(void)state;
	assert_int_equal(amph_irq_enable(number), -ENOENT);
	assert_int_equal(amph_irq_disable(number), -ENOENT);
	assert_int_equal(amph_irq_connect(number, count_up, &calls), 0);
	assert_int_equal(amph_irq_disable(number), 0);
	assert_int_equal(eventfd_write(fd, 1), 0);
	assert_int_equal(amph_irq_dispatch(amph_deadline(2)), -ETIMEDOUT);
	assert_int_equal(amph_irq_enable(number), 0);
	assert_int_equal(amph_irq_dispatch(0), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(amph_irq_disconnect(number), 0);
	close(fd);
}

static void interrupt_number_that_is_no_descriptor_is_refused(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), calls = 0;

	(void)state;
	assert_int_equal(amph_irq_connect((uint32_t)fd, NULL, NULL), -EINVAL);
	close(fd);
	assert_int_equal(amph_irq_connect((uint32_t)fd, count_up, &calls), -EINVAL);
	assert_int_equal(amph_irq_connect(UINT32_MAX, count_up, &calls), -EINVAL);
}

static void interrupt_table_that_is_full_refuses_one_more(void **state)
{
	int fds[33], calls = 0;

	(void)state;
	for (int i = 0; i < 33; i++) {
		fds[i] = eventfd(0, EFD_CLOEXEC);
		assert_int_equal(amph_irq_connect((uint32_t)fds[i], count_up, &calls),
				 i < 32 ? 0 : -ENOSPC);
	}
	assert_int_equal(eventfd_write(fds[0], 1), 0);
	assert_int_equal(eventfd_write(fds[31], 1), 0);
	assert_int_equal(amph_irq_dispatch(0), 2);
	for (int i = 0; i < 33; i++) {
		assert_int_equal(amph_irq_disconnect((uint32_t)fds[i]), i < 32 ? 0 : -ENOENT);
		close(fds[i]);
	}
}

static void note_log(void *argument, enum amph_log_level level, const char *what, uint64_t value,
		     uint64_t limit)
{
	(void)what;
	(void)value;
	(void)limit;
	if (level == AMPH_LOG_ERROR)
		++*(int *)argument;
}

static void interrupt_whose_descriptor_broke_is_disabled_and_logged(void **state)
{
	int ends[2], calls = 0, errors = 0;

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(amph_irq_connect((uint32_t)ends[0], count_up, &calls), 0);
	close(ends[1]);
	amph_log_set(note_log, &errors);
	assert_int_equal(amph_irq_dispatch(amph_deadline(2)), -ETIMEDOUT);
	amph_log_set(NULL, NULL);
	assert_int_equal(errors, 1);
	assert_int_equal(calls, 0);
	assert_int_equal(amph_irq_disconnect((uint32_t)ends[0]), 0);
	close(ends[0]);
}

static void character_device_is_read_like_uio_in_four_bytes(void **state)
{
	int fd = open("/dev/zero", O_RDWR | O_CLOEXEC), calls = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(amph_irq_connect((uint32_t)fd, count_up, &calls), 0);
	assert_int_equal(amph_irq_dispatch(0), 1);
	assert_int_equal(amph_irq_disable((uint32_t)fd), 0);
	assert_int_equal(amph_irq_dispatch(0), -ETIMEDOUT);
	assert_int_equal(amph_irq_disconnect((uint32_t)fd), 0);
	assert_int_equal(calls, 1);
	close(fd);
}

static void disconnect_self(void *argument)
{
	uint32_t *number = argument;

	if (!amph_irq_disconnect(*number))
		*number = 0;
}

static void handler_may_disconnect_its_own_interrupt(void **state)
{
	int fd = eventfd(1, EFD_CLOEXEC);
	uint32_t number = (uint32_t)fd;

	(void)state;
	assert_int_equal(amph_irq_connect(number, disconnect_self, &number), 0);
	assert_int_equal(amph_irq_dispatch(0), 1);
	assert_int_equal(number, 0);
	assert_int_equal(amph_irq_dispatch(0), -ETIMEDOUT);
	close(fd);
}

static void *ring_later(void *argument)
{
	usleep(1000);
	eventfd_write(*(int *)argument, 1);
	return NULL;
}

static void dispatch_wakes_for_another_threads_interrupt(void **state)
{
	int fd = eventfd(0, EFD_CLOEXEC), calls = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(amph_irq_connect((uint32_t)fd, count_up, &calls), 0);
	assert_int_equal(pthread_create(&thread, NULL, ring_later, &fd), 0);
	assert_int_equal(amph_irq_dispatch(amph_deadline(30000)), 1);
	assert_int_equal(calls, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(amph_irq_disconnect((uint32_t)fd), 0);
	close(fd);
}

static void cache_line_is_a_power_of_two(void **state)
{
	uint32_t line = amph_cache_line();

	(void)state;
	assert_true(line >= 16 && line <= 4096);
	assert_int_equal(line & (line - 1), 0);
}

static void cache_maintenance_keeps_the_bytes_and_says_what_it_cannot_do(void **state)
{
	static uint8_t bytes[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
#if defined(__x86_64__) || defined(__aarch64__)
	assert_int_equal(amph_cache_clean(bytes + 3, sizeof(bytes) - 3), 0);
	assert_int_equal(amph_cache_flush(bytes, sizeof(bytes)), 0);
	assert_int_equal(amph_cache_clean(bytes, 0), 0);
	assert_int_equal(amph_cache_flush(NULL, 0), 0);
#else
	assert_int_equal(amph_cache_clean(bytes, 1), -ENOTSUP);
	assert_int_equal(amph_cache_flush(bytes, 1), -ENOTSUP);
#endif
	assert_int_equal(amph_cache_invalidate(bytes, sizeof(bytes)), -ENOTSUP);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], (uint8_t)i);
}

static void child_has_another_fork_generation(void **state)
{
	uint32_t mine = amph_fork_generation();
	int status;
	pid_t child = fork();

	(void)state;
	assert_true(child >= 0);
	if (!child)
		_exit(amph_fork_generation() == mine ? 1 : 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(amph_fork_generation(), mine);
}

static void log_without_a_hook_is_silent(void **state)
{
	int errors = 0;

	(void)state;
	amph_log(AMPH_LOG_ERROR, "nobody hears this", 0, 0);
	amph_log_set(note_log, &errors);
	amph_log(AMPH_LOG_ERROR, "one", 1, 2);
	amph_log(AMPH_LOG_DEBUG, "not an error", 0, 0);
	amph_log_set(NULL, NULL);
	amph_log(AMPH_LOG_ERROR, "nobody hears this", 0, 0);
	assert_int_equal(errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_goes_forward),
		cmocka_unit_test(event_that_was_signalled_does_not_wait),
		cmocka_unit_test(event_wait_ends_at_its_deadline_and_not_before),
		cmocka_unit_test(events_order_what_two_threads_write),
		cmocka_unit_test(lock_keeps_threads_apart),
		cmocka_unit_test(interrupt_runs_its_handler_once_for_each_dispatch),
		cmocka_unit_test(interrupt_that_is_disabled_stays_pending),
		cmocka_unit_test(interrupt_number_that_is_no_descriptor_is_refused),
		cmocka_unit_test(interrupt_table_that_is_full_refuses_one_more),
		cmocka_unit_test(interrupt_whose_descriptor_broke_is_disabled_and_logged),
		cmocka_unit_test(character_device_is_read_like_uio_in_four_bytes),
		cmocka_unit_test(handler_may_disconnect_its_own_interrupt),
		cmocka_unit_test(dispatch_wakes_for_another_threads_interrupt),
		cmocka_unit_test(cache_line_is_a_power_of_two),
		cmocka_unit_test(cache_maintenance_keeps_the_bytes_and_says_what_it_cannot_do),
		cmocka_unit_test(child_has_another_fork_generation),
		cmocka_unit_test(log_without_a_hook_is_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
