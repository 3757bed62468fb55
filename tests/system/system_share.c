/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers cross to coprocessors and back: one, two by pass, both directions, refusals.
 * Usage: system_share riscv32|process
 */
#include "system.h"

#include <amphora/tool.h>

static struct soc soc;
static struct coprocessor first, second;
static struct job job;

static void taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
		  uint64_t length, bool reading, uint64_t cookie)
{
	struct job *of = share->user ? share->user : &job;

	(void)session;
	(void)offset;
	(void)length;
	(void)reading;
	of->last_cookie = cookie;
	of->taken++;
}

static const struct amph_session_events events = {.taken = taken};

static int up_one(void **state)
{
	(void)state;
	must(&soc, soc_open(&soc), "DRAM");
	must(&soc, coprocessor_start(&first, &soc, kind, 0, NULL, SECONDS(10)), "start");
	must(&soc, coprocessor_share(&first, &events, SOC_MIB, NULL, SECONDS(10)), "session");
	return 0;
}

static int down_one(void **state)
{
	(void)state;
	must(&soc, coprocessor_stop(&first, SECONDS(5)), "stop");
	assert_false(has_children());
	soc_close(&soc);
	return 0;
}

static int up_two(void **state)
{
	up_one(state);
	must(&soc, coprocessor_start(&second, &soc, kind, 1, NULL, SECONDS(10)), "start");
	must(&soc, coprocessor_share(&second, &events, 0, NULL, SECONDS(10)), "session");
	return 0;
}

static int down_two(void **state)
{
	must(&soc, coprocessor_stop(&second, SECONDS(5)), "stop");
	return down_one(state);
}

static void close_job(struct job *of, struct coprocessor *const *coprocessors, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		job_release(of, coprocessors[i], i);
	must(&soc, amph_shm_put(&of->shm), "close");
	assert_int_equal(soc.pool.used, 0);
}

static void a_picture_comes_back_as_its_edges(void **state)
{
	(void)state;
	job_open(&job, &soc, "dram:picture", 333, 77);
	job_offer(&job, &first, 0);
	must(&soc,
	     amph_session_give(&first.session, job.shares[0], 0, job.shm.size, false,
			       edge_cookie(EDGE_DETECT, 333, 77), SECONDS(5)),
	     "give");
	assert_int_equal(amph_shm_check_access(&job.shm, 0, 1, false), -EACCES);
	must(&soc,
	     amph_session_wait_range(&first.session, job.shares[0], 0, job.shm.size, true,
				     SECONDS(10)),
	     "return");
	assert_int_equal((uint32_t)job.last_cookie, EDGE_OK);
	job_verify(&job, false);
	close_job(&job, (struct coprocessor *const[]){&first}, 1);
}

static void an_order_that_does_not_fit_the_buffer_is_refused_and_the_buffer_comes_back(void **state)
{
	static const struct {
		uint64_t cookie;
		uint32_t status;
	} orders[] = {{(uint64_t)EDGE_DETECT << 56 | 8192ull << 16 | 8192, EDGE_BAD_SIZE},
		      {(uint64_t)EDGE_DETECT << 56, EDGE_BAD_SIZE},
		      {(uint64_t)EDGE_DETECT << 56 | 0xffffull << 16 | 0xffff, EDGE_BAD_SIZE},
		      {(uint64_t)77 << 56 | 64ull << 16 | 64, EDGE_UNKNOWN}};

	(void)state;
	job_open(&job, &soc, "dram:picture", 64, 64);
	job_offer(&job, &first, 0);
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		must(&soc,
		     amph_session_give(&first.session, job.shares[0], 0, job.shm.size, false,
				       orders[i].cookie, SECONDS(5)),
		     "give");
		must(&soc,
		     amph_session_wait_range(&first.session, job.shares[0], 0, job.shm.size, true,
					     SECONDS(5)),
		     "return");
		assert_int_equal((uint32_t)job.last_cookie, orders[i].status);
	}
	for (uint64_t i = 0; i < job.plane; i++)
		assert_int_equal(((uint8_t *)job.shm.va)[job.plane + i], 0);
	close_job(&job, (struct coprocessor *const[]){&first}, 1);
}

static void several_buffers_at_once_are_told_apart(void **state)
{
	static struct job jobs[4];
	static const char *const names[] = {"dram:a", "dram:b", "dram:c", "dram:d"};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		job_open(&jobs[i], &soc, names[i], 100 + i, 40 + i);
		job_offer(&jobs[i], &first, 0);
		jobs[i].shares[0]->user = &jobs[i];
	}
	for (uint32_t i = 0; i < 4; i++)
		must(&soc,
		     amph_session_give(&first.session, jobs[i].shares[0], 0, jobs[i].shm.size,
				       false, edge_cookie(EDGE_DETECT, 100 + i, 40 + i),
				       SECONDS(5)),
		     "give");
	for (uint32_t i = 4; i-- > 0;)
		must(&soc,
		     amph_session_wait_range(&first.session, jobs[i].shares[0], 0, jobs[i].shm.size,
					     true, SECONDS(10)),
		     "return");
	for (uint32_t i = 0; i < 4; i++) {
		assert_int_equal((uint32_t)jobs[i].last_cookie, EDGE_OK);
		job_verify(&jobs[i], false);
		job_release(&jobs[i], &first, 0);
		must(&soc, amph_shm_put(&jobs[i].shm), "close");
	}
	assert_int_equal(soc.pool.used, 0);
}

/* --- two coprocessors; the CPU's cache hooks are counted --- */

static uint32_t cache_calls;

static int count_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	cache_calls++;
	return 0;
}

static int count_other(void *va, size_t length)
{
	return count_clean(va, length);
}

static const struct amph_cache_ops counting = {count_clean, count_other, count_other};

static void a_passed_buffer_goes_from_first_to_second_without_the_cpu(void **state)
{
	struct coprocessor *const both[] = {&first, &second};

	(void)state;
	for (int i = 0; i < 2; i++) { /* as on a chip whose caches need maintenance */
		both[i]->target.target.coherent = false;
		both[i]->target.target.cache = &counting;
		both[i]->target.target.cache_line = 64;
	}
	job_open(&job, &soc, "dram:picture", 320, 200);
	job_offer(&job, &first, 0);
	job_offer(&job, &second, 1);
	assert_int_equal(job.attachments[0].granule % 64, 0);
	cache_calls = 0;
	must(&soc,
	     amph_session_give(&first.session, job.shares[0], 0, job.shm.size, false,
			       edge_cookie(EDGE_DETECT, 320, 200), SECONDS(5)),
	     "give");
	assert_true(cache_calls > 0);
	uint32_t calls = cache_calls;
	must(&soc,
	     amph_session_pass(&first.session, job.shares[0], &second.session, job.shares[1], 0,
			       job.shm.size, edge_cookie(EDGE_INVERT, 320, 200), SECONDS(5)),
	     "pass");
	/* the first returns onward, the second works; nothing of it concerns the caches */
	while (!(amph_shm_may_take(&job.attachments[1], 0, job.shm.size) == 0)) {
		int status = amph_session_poll(&first.session, SECONDS(10));
		assert_true(status > 0);
	}
	assert_int_equal(cache_calls, calls);
	must(&soc,
	     amph_session_wait_range(&second.session, job.shares[1], 0, job.shm.size, true,
				     SECONDS(10)),
	     "return");
	assert_true(cache_calls > calls);
	assert_int_equal((uint32_t)job.last_cookie, EDGE_OK);
	job_verify(&job, true);
	close_job(&job, both, 2);
}

/* --- the other way round: the coprocessor asks for memory --- */

static struct {
	struct amph_shm shm;
	struct amph_range ranges[4];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
	struct amph_session_request request;
	uint32_t requests;
} granted;

static int requested(struct amph_session *session, const struct amph_session_request *request)
{
	(void)session;
	granted.request = *request;
	granted.requests++;
	return 0;
}

static const struct amph_session_events granting = {.taken = taken, .requested = requested};

static void grant(void)
{
	struct amph_shm_storage storage = {granted.ranges, 4, granted.segments, 1};

	must(&soc,
	     amph_shm_open(&soc.memory, &granted.shm, &storage, "dram:generated",
			   granted.request.size, 0),
	     "open");
	must(&soc,
	     amph_shm_attach(&granted.shm, &first.target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_MESSAGES, &granted.attachment, granted.device_segments, 1),
	     "attach");
	must(&soc,
	     amph_session_offer(&first.session, &granted.attachment, granted.request.id, SECONDS(5),
				&granted.share),
	     "offer");
	must(&soc,
	     amph_session_wait_share(&first.session, granted.share, AMPH_SHARE_ACCEPTED,
				     SECONDS(5)),
	     "accept");
}

static void on_command_the_coprocessor_asks_for_memory_and_sends_a_picture(void **state)
{
	(void)state;
	first.session.config.events = &granting;
	memset(&granted, 0, sizeof(granted));
	must(&soc, coprocessor_command(&first, EDGE_GENERATE, 300, 100, 0, SECONDS(5)), "command");
	while (!granted.requests)
		must(&soc, amph_session_poll(&first.session, SECONDS(5)), "request");
	assert_true(granted.request.size >= 300 * 100);
	grant();
	must(&soc,
	     amph_session_give(&first.session, granted.share, 0, granted.shm.size, false,
			       edge_cookie(EDGE_HOLD, 0, 0), SECONDS(5)),
	     "give");
	must(&soc,
	     amph_session_wait_range(&first.session, granted.share, 0, granted.shm.size, true,
				     SECONDS(10)),
	     "return");
	for (uint32_t y = 0; y < 100; y++)
		for (uint32_t x = 0; x < 300; x++)
			assert_int_equal(((uint8_t *)granted.shm.va)[y * 300 + x],
					 edge_test_pixel(x, y));
	must(&soc, amph_session_release(&first.session, granted.share, SECONDS(5)), "release");
	must(&soc,
	     amph_session_wait_share(&first.session, granted.share, AMPH_SHARE_RELEASED,
				     SECONDS(5)),
	     "released");
	must(&soc, amph_shm_detach(&granted.attachment), "detach");
	must(&soc, amph_shm_put(&granted.shm), "close");
}

static void a_request_past_the_quota_is_refused_before_anybody_is_asked(void **state)
{
	(void)state;
	first.session.config.events = &granting;
	memset(&granted, 0, sizeof(granted));
	first.answers = 0;
	must(&soc, coprocessor_command(&first, EDGE_GENERATE, 8000, 8000, 0, SECONDS(5)),
	     "command");
	while (!first.answers)
		must(&soc, amph_session_poll(&first.session, SECONDS(5)), "answer");
	assert_int_equal(first.answer.argument, EDGE_REFUSED);
	assert_int_equal(granted.requests, 0);
}

static void a_firmware_of_another_place_is_not_loaded_over_the_first(void **state)
{
	char path[4096];

	(void)state;
	if (kind != COPROCESSOR_RISCV32)
		skip();
	assert_int_equal(tool_find("firmware/edge-riscv32-0.elf", path, sizeof(path)), 0);
	assert_int_equal(coprocessor_start(&second, &soc, kind, 1, path, SECONDS(5)), -ERANGE);
	assert_int_equal(amph_session_poll(&first.session, 0), -ETIMEDOUT);
	assert_int_equal(first.session.state, AMPH_SESSION_OPEN);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_picture_comes_back_as_its_edges, up_one,
						down_one),
		cmocka_unit_test_setup_teardown(
			an_order_that_does_not_fit_the_buffer_is_refused_and_the_buffer_comes_back,
			up_one, down_one),
		cmocka_unit_test_setup_teardown(several_buffers_at_once_are_told_apart, up_one,
						down_one),
		cmocka_unit_test_setup_teardown(
			a_passed_buffer_goes_from_first_to_second_without_the_cpu, up_two,
			down_two),
		cmocka_unit_test_setup_teardown(
			on_command_the_coprocessor_asks_for_memory_and_sends_a_picture, up_one,
			down_one),
		cmocka_unit_test_setup_teardown(
			a_request_past_the_quota_is_refused_before_anybody_is_asked, up_one,
			down_one),
		cmocka_unit_test_setup_teardown(
			a_firmware_of_another_place_is_not_loaded_over_the_first, up_one, down_one),
	};

	if (count != 2 || coprocessor_kind_parse(arguments[1], &kind)) {
		fprintf(stderr, "usage: %s riscv32|process\n", arguments[0]);
		return 2;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
