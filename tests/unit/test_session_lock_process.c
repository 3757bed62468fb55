/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer between two processes, each with a mapping of its own, synced by a plain lock: both count, and
 * one is killed while it holds the lock.
 * Test code.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#include <amphora/session_lock.h>

#include "share/process_end.h"

#define ROUNDS 2000u

static struct amph_session_locks locks;
static struct amph_share_lock slots[1];
static struct memory words, data;

static int start(int fd, enum amph_session_role role)
{
	const struct amph_session_locks_config config = {.slots = slots, .slot_max = 1};
	int error = end_start(fd, role);

	return error ? error : amph_session_locks_init(&locks, &end.session, &config);
}

static int count_up(struct amph_share *share, uint32_t rounds)
{
	uint64_t *count = share->va;

	for (uint32_t i = 0; i < rounds; i++) {
		int error = amph_session_lock(&end.session, share, amph_deadline(WAIT));

		if (error)
			return error;
		(*count)++;
		error = amph_session_unlock(&end.session, share);
		if (error)
			return error;
	}
	return 0;
}

/* The other process: counts, and then waits for the end; or dies with the lock. */
static void other(int fd, uint32_t dies)
{
	struct amph_share *share = &end.shares[1];
	int error = start(fd, AMPH_SESSION_PEER);

	if (!error)
		error = amph_session_open(&end.session, amph_deadline(WAIT));
	while (!error && share->state != AMPH_SHARE_ACCEPTED)
		error = amph_session_poll(&end.session, amph_deadline(WAIT)) < 0;
	if (!error)
		error = count_up(share, ROUNDS);
	if (!error && dies) {
		error = amph_session_lock(&end.session, share, amph_deadline(WAIT));
		*(uint64_t *)share->va = UINT64_MAX;
		raise(SIGKILL);
	}
	while (!error && end.session.state == AMPH_SESSION_OPEN)
		amph_session_poll(&end.session, amph_deadline(WAIT));
	_exit(error || end.session.state != AMPH_SESSION_CLOSED);
}

static pid_t begin(bool dies)
{
	int fd;
	pid_t child = end_fork(other, dies, &fd);

	assert_int_equal(start(fd, AMPH_SESSION_MAIN), 0);
	end_open();
	end_share(&words, "memfd:words", AMPH_SYNC_LOCK);
	end_share(&data, "memfd:data", AMPH_SYNC_LOCK);
	assert_int_equal(amph_session_locks_place(&end.session, words.share, amph_deadline(WAIT)),
			 0);
	assert_int_equal(amph_session_locks_bind(&end.session, data.share, AMPH_LOCK_PLAIN, 3,
						 amph_deadline(WAIT)),
			 0);
	return child;
}

static void finish(pid_t child, bool killed)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, killed ? SIGKILL : 0);
	assert_int_equal(amph_shm_put(&data.shm), 0);
	assert_int_equal(amph_shm_put(&words.shm), 0);
	amph_channel_socket_close(&end.channel);
}

static void two_processes_count_by_lock_and_close_in_good_order(void **state)
{
	pid_t child = begin(false);

	(void)state;
	assert_int_equal(count_up(data.share, ROUNDS), 0);
	for (;;) {
		assert_int_equal(amph_session_lock(&end.session, data.share, amph_deadline(WAIT)),
				 0);
		if (*(uint64_t *)data.shm.va == 2 * ROUNDS)
			break;
		assert_int_equal(amph_session_unlock(&end.session, data.share), 0);
		amph_session_poll(&end.session, amph_deadline(1));
	}
	assert_int_equal(amph_session_close(&end.session, amph_deadline(WAIT)), 0);
	assert_int_equal(amph_shm_detach(&data.attachment), 0);
	assert_int_equal(amph_shm_detach(&words.attachment), 0);
	finish(child, false);
}

static void
a_process_that_is_killed_with_the_lock_ends_the_wait_and_leaves_a_quarantine(void **state)
{
	pid_t child = begin(true);
	uint64_t before = amph_time_now();
	int error;

	(void)state;
	do {
		error = amph_session_lock(&end.session, data.share, amph_deadline(WAIT));
		if (!error)
			error = amph_session_unlock(&end.session, data.share);
	} while (!error);
	/* not by its deadline: the session ended */
	assert_int_equal(error, -EPIPE);
	assert_true(amph_time_now() - before < UINT64_C(50000000000));
	assert_int_equal(end.session.state, AMPH_SESSION_LOST);
	assert_int_equal(amph_session_unlock(&end.session, data.share), -EPIPE);
	assert_int_equal(end.memory.quarantine_size, 2 * SIZE);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, SIZE, false), -EACCES);
	assert_int_equal(amph_shm_detach(&data.attachment), -EBUSY);
	amph_target_off(&end.target);
	assert_int_equal(end.memory.quarantine_size, 0);
	assert_int_equal(amph_shm_check_access(&data.shm, 0, SIZE, true), 0);
	finish(child, true);
}

static void a_forked_child_is_refused(void **state)
{
	pid_t child = begin(false), forked;
	int status;

	(void)state;
	assert_int_equal(amph_session_lock(&end.session, data.share, amph_deadline(WAIT)), 0);
	forked = fork();
	if (!forked)
		/* the mappings are not the child's: a touch would kill it */
		_exit(amph_session_lock(&end.session, data.share, 0) != -EPERM ||
		      amph_session_unlock(&end.session, data.share) != -EPERM ||
		      amph_session_locks_place(&end.session, words.share, 0) != -EPERM ||
		      amph_session_locks_bind(&end.session, data.share, AMPH_LOCK_PLAIN, 1, 0) !=
			      -EPERM);
	assert_int_equal(waitpid(forked, &status, 0), forked);
	assert_int_equal(status, 0);
	assert_int_equal(amph_session_unlock(&end.session, data.share), 0);
	kill(child, SIGKILL);
	/* who finds the lock free does not look at the channel */
	while (amph_session_poll(&end.session, amph_deadline(WAIT)) > 0)
		;
	assert_int_equal(end.session.state, AMPH_SESSION_LOST);
	amph_target_off(&end.target);
	finish(child, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_processes_count_by_lock_and_close_in_good_order),
		cmocka_unit_test(
			a_process_that_is_killed_with_the_lock_ends_the_wait_and_leaves_a_quarantine),
		cmocka_unit_test(a_forked_child_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
