/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lives and deaths of coprocessors: many in a row, crashed, hung, killed, and left by a dead parent.
 * Nothing may stay behind, and the survivor says what happened within its deadline.
 * Usage: system_life riscv32|process
 */
#include "system.h"

#include <sys/mman.h>

#define LIVES	    200
#define LOST_WITHIN 5 /* s: four heartbeats of 500 ms, and a loaded machine */

static struct soc soc;
static struct coprocessor coprocessor;
static struct job job;
static const struct amph_session_events events;

static void up(void)
{
	must(&soc, soc_open(&soc), "DRAM");
	must(&soc, coprocessor_start(&coprocessor, &soc, kind, 0, NULL, SECONDS(10)), "start");
	must(&soc, coprocessor_share(&coprocessor, &events, 0, NULL, SECONDS(10)), "session");
	job_open(&job, &soc, "dram:picture", 64, 64);
	job_offer(&job, &coprocessor, 0);
}

static pid_t child_of(const struct coprocessor *of)
{
	return of->kind == COPROCESSOR_RISCV32 ? of->qemu.child.pid : of->process.child.pid;
}

static void two_hundred_lives_in_a_row_leave_nothing_behind(void **state)
{
	(void)state;
	int fds = 0;

	for (int life = 0; life < LIVES; life++) {
		up();
		must(&soc,
		     amph_session_give(&coprocessor.session, job.shares[0], 0, job.shm.size, false,
				       edge_cookie(EDGE_DETECT, 64, 64), SECONDS(5)),
		     "give");
		must(&soc,
		     amph_session_wait_range(&coprocessor.session, job.shares[0], 0, job.shm.size,
					     true, SECONDS(5)),
		     "return");
		job_verify(&job, false);
		job_release(&job, &coprocessor, 0);
		must(&soc, amph_shm_put(&job.shm), "close");
		must(&soc, coprocessor_stop(&coprocessor, SECONDS(5)), "stop");
		assert_int_equal(soc.carveout.used, 0);
		assert_int_equal(soc.pool.used, 0);
		soc_close(&soc);
		assert_false(has_children());
		if (!life)
			fds = count_fds();
		assert_int_equal(count_fds(), fds);
	}
}

/* The buffer is the coprocessor's when it dies. What must follow is always the same. */
static void expect_loss_and_recovery(const char *said)
{
	int status = amph_session_wait_range(&coprocessor.session, job.shares[0], 0, job.shm.size,
					     true, SECONDS(LOST_WITHIN));

	assert_true(status < 0);
	assert_int_equal(coprocessor.session.state, AMPH_SESSION_LOST);
	coprocessor_explain(&coprocessor, "waiting", status);
	if (!strstr(soc.error, said))
		fail_msg("'%s' does not say '%s'", soc.error, said);
	/* a live but lost coprocessor could still reach the buffer: nobody gets it */
	assert_int_equal(amph_shm_put(&job.shm), -EBUSY);
	assert_int_equal(amph_shm_abandon(&job.shm, NULL), -EINPROGRESS);
	assert_true(soc.pool.used > 0);
	must(&soc, coprocessor_stop(&coprocessor, SECONDS(5)), "stop");
	assert_int_equal(soc.pool.used, 0); /* proved off */
	assert_false(has_children());
	/* and it comes up again, in a new epoch */
	must(&soc, coprocessor_start(&coprocessor, &soc, kind, 0, NULL, SECONDS(10)), "restart");
	must(&soc, coprocessor_share(&coprocessor, &events, 0, NULL, SECONDS(10)), "new session");
	must(&soc, coprocessor_stop(&coprocessor, SECONDS(5)), "stop again");
	soc_close(&soc);
	assert_false(has_children());
}

static void give_it_away(void)
{
	up();
	must(&soc,
	     amph_session_give(&coprocessor.session, job.shares[0], 0, job.shm.size, false,
			       edge_cookie(EDGE_HOLD, 0, 0), SECONDS(5)),
	     "give");
}

static void a_killed_coprocessor_is_noticed_and_named(void **state)
{
	(void)state;
	give_it_away();
	kill(child_of(&coprocessor), SIGKILL);
	expect_loss_and_recovery("signal 9");
}

static void a_crashed_firmware_is_noticed(void **state)
{
	(void)state;
	give_it_away();
	must(&soc, coprocessor_command(&coprocessor, EDGE_CRASH_NOW, 0, 0, 0, SECONDS(5)),
	     "command");
	expect_loss_and_recovery(kind == COPROCESSOR_RISCV32 ? "exit" : "signal");
}

static void a_firmware_that_exits_is_noticed_with_its_code(void **state)
{
	(void)state;
	give_it_away();
	must(&soc, coprocessor_command(&coprocessor, EDGE_EXIT, 0, 0, 42, SECONDS(5)), "command");
	expect_loss_and_recovery("42");
}

static void a_hung_firmware_is_noticed_by_its_silence(void **state)
{
	(void)state;
	give_it_away();
	must(&soc, coprocessor_command(&coprocessor, EDGE_HANG, 0, 0, 0, SECONDS(5)), "command");
	expect_loss_and_recovery("silent");
}

static void a_stopped_coprocessor_is_noticed_by_its_silence(void **state)
{
	(void)state;
	give_it_away();
	kill(child_of(&coprocessor), SIGSTOP);
	expect_loss_and_recovery("silent");
}

static void a_killed_linux_side_leaves_no_coprocessor(void **state)
{
	pid_t *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;

	(void)state;
	assert_true(shared != MAP_FAILED);
	pid_t linux_side = fork();
	if (!linux_side) {
		give_it_away();
		__atomic_store_n(shared, child_of(&coprocessor), __ATOMIC_RELEASE);
		for (;;)
			pause();
	}
	uint64_t deadline = SECONDS(10);
	while (!__atomic_load_n(shared, __ATOMIC_ACQUIRE) && amph_time_now() < deadline)
		usleep(1000);
	pid_t orphan = __atomic_load_n(shared, __ATOMIC_ACQUIRE);
	assert_true(orphan > 0);
	kill(linux_side, SIGKILL);
	assert_int_equal(waitpid(linux_side, &status, 0), linux_side);
	/* the orphan is adopted by this process, a subreaper: it must end, and soon */
	deadline = SECONDS(5);
	while (waitpid(orphan, &status, WNOHANG) == 0 && amph_time_now() < deadline)
		usleep(1000);
	assert_int_equal(kill(orphan, 0), -1);
	assert_int_equal(errno, ESRCH);
	munmap(shared, sizeof(*shared));
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hundred_lives_in_a_row_leave_nothing_behind),
		cmocka_unit_test(a_killed_coprocessor_is_noticed_and_named),
		cmocka_unit_test(a_crashed_firmware_is_noticed),
		cmocka_unit_test(a_firmware_that_exits_is_noticed_with_its_code),
		cmocka_unit_test(a_hung_firmware_is_noticed_by_its_silence),
		cmocka_unit_test(a_stopped_coprocessor_is_noticed_by_its_silence),
		cmocka_unit_test(a_killed_linux_side_leaves_no_coprocessor),
	};

	if (count != 2 || coprocessor_kind_parse(arguments[1], &kind)) {
		fprintf(stderr, "usage: %s riscv32|process\n", arguments[0]);
		return 2;
	}
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
