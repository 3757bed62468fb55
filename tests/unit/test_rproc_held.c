/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A program that never comes out of its exec, as on a file system that does not answer, while the kernel lacks
 * the memory to wait for it: start ends at its deadline all the same. execve() and ppoll() are this test's.
 * Test code, Linux only.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include <amphora/time.h>

#include "remoteproc/backend/linux/child.h"

#define LIMIT_MS 300u
#define PATIENCE 20u /* seconds */

static volatile unsigned int fail_polls; /* so many more */

/* Never returns, nor says that it failed. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): the C library's are reserved */
int execve(const char *path, char *const arguments[], char *const environment[])
{
	(void)path;
	(void)arguments;
	(void)environment;
	for (;;)
		pause();
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int ppoll(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
	  const sigset_t *mask)
{
	struct timespec left = *timeout; /* the kernel writes to it */

	if (fail_polls) {
		fail_polls--;
		errno = ENOMEM;
		return -1;
	}
	return (int)syscall(SYS_ppoll, entries, count, &left, mask, 8ul);
}

static void start_of_a_held_program_ends_at_its_deadline_also_when_waiting_fails(void **state)
{
	char *const none[] = {NULL};
	int ours = -1, theirs = -1;
	(void)state;

	for (unsigned int failures = 0; failures < 3; failures++) {
		struct amph_child child;

		assert_int_equal(amph_child_socket(&ours, &theirs), 0);
		const struct amph_child_plan plan = {.program = "/held",
						     .arguments = none,
						     .environment = none,
						     .inherit = {theirs},
						     .inherit_count = 1,
						     .deadline = amph_deadline(LIMIT_MS)};

		fail_polls = failures;
		alarm(PATIENCE);
		assert_int_equal(amph_child_start(&child, &plan, ours), -ETIMEDOUT);
		alarm(0);
		assert_int_equal(fail_polls, 0);
		assert_true(amph_time_now() >= plan.deadline);
		close(theirs);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			start_of_a_held_program_ends_at_its_deadline_also_when_waiting_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
