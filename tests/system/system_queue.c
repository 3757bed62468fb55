/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranges go to a coprocessor and back by the queue, in shared memory: whole buffers and parts, one and
 * several at a time, until it is full, with both ways to wake who sleeps, and out of the coprocessor's death.
 * Usage: system_queue riscv32|process [FIRMWARE LINE]   FIRMWARE: one whose caches have lines of LINE bytes
 */
#include "system.h"

#include <amphora/queue.h>

#define PIECE	    4096u
#define PIECES	    64u
#define DATA_SIZE   (PIECES * PIECE)
#define LOST_WITHIN 5 /* s: four heartbeats of 500 ms, and a loaded machine */

static struct soc soc;
static struct coprocessor coprocessor;
static const char *firmware; /* NULL: the demo's own */
static uint32_t line; /* bytes of its cache's; 0: it is coherent */
static struct amph_queue queue;

/* A buffer, and its attachment for the queue. */
struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[2 * PIECES];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
};

static struct buffer ring, data;
static uint8_t expected[PIECES]; /* the byte that a piece is full of */

static uint32_t maintained; /* calls of the hooks below */

static int count_clean(const void *va, size_t length)
{
	(void)va;
	(void)length;
	maintained++;
	return 0;
}

static int count_other(void *va, size_t length)
{
	return count_clean(va, length);
}

static const struct amph_cache_ops counting = {count_clean, count_other, count_other};

/* --- ways to wait; the doorbell is the mailbox of the two, without a message --- */

static void doorbell_wait(void *argument, const uint32_t *word, uint32_t seen, uint64_t deadline)
{
	(void)argument;
	(void)word;
	(void)seen;
	amph_rproc_wait(&coprocessor.rproc, deadline);
}

static void doorbell_ring(void *argument, const uint32_t *word)
{
	(void)argument;
	(void)word;
	amph_rproc_kick(&coprocessor.rproc, coprocessor.rproc.rpmsg->vrings[1].notify_id);
}

static const struct amph_queue_config polling = {.spins = AMPH_QUEUE_SPIN};
static const struct amph_queue_config by_message = {.spins = 0};
static const struct amph_queue_config by_doorbell = {
	.spins = 0, .doorbell = {.wait = doorbell_wait, .ring = doorbell_ring}};

/* --- up and down --- */

static void share(struct buffer *buffer, const char *name, uint64_t size)
{
	struct amph_shm_storage storage = {buffer->ranges, 2 * PIECES, buffer->segments, 1};

	must(&soc, amph_shm_open(&soc.memory, &buffer->shm, &storage, name, size, 0), "open");
	must(&soc,
	     amph_shm_attach(&buffer->shm, &coprocessor.target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_QUEUE, &buffer->attachment, buffer->device_segments, 1),
	     "attach");
	must(&soc,
	     amph_session_offer(&coprocessor.session, &buffer->attachment, 0, SECONDS(5),
				&buffer->share),
	     "offer");
	must(&soc,
	     amph_session_wait_share(&coprocessor.session, buffer->share, AMPH_SHARE_ACCEPTED,
				     SECONDS(5)),
	     "accept");
}

static void open_queue(uint32_t slots, const struct amph_queue_config *config)
{
	share(&ring, "dram:queue", amph_queue_size(slots, amph_queue_stride(&coprocessor.session)));
	must(&soc,
	     amph_queue_open(&queue, &coprocessor.session, ring.share, slots, config, SECONDS(5)),
	     "queue");
}

static void start(void)
{
	must(&soc, coprocessor_start(&coprocessor, &soc, kind, 0, firmware, SECONDS(10)), "start");
	must(&soc, coprocessor_share(&coprocessor, NULL, 0, NULL, SECONDS(10)), "session");
	if (line) {
		coprocessor.target.target.coherent = false;
		coprocessor.target.target.cache = &counting;
		assert_int_equal(coprocessor.session.peer_cache_line, line);
	}
}

static void up(uint32_t slots, const struct amph_queue_config *config)
{
	must(&soc, soc_open(&soc), "DRAM");
	start();
	open_queue(slots, config);
	share(&data, "dram:data", DATA_SIZE);
	for (uint32_t i = 0; i < PIECES; i++) {
		expected[i] = (uint8_t)(i * 37 + 1);
		memset((uint8_t *)data.shm.va + (size_t)i * PIECE, expected[i], PIECE);
	}
}

static void drop(struct buffer *buffer)
{
	must(&soc, amph_shm_detach(&buffer->attachment), "detach");
	must(&soc, amph_shm_put(&buffer->shm), "close");
}

/* Closes the session with a queue in it; every byte is as it must be. */
static void down(void)
{
	for (uint32_t i = 0; i < DATA_SIZE; i++)
		assert_int_equal(((uint8_t *)data.shm.va)[i], expected[i / PIECE]);
	must(&soc, amph_session_close(&coprocessor.session, SECONDS(5)), "close");
	assert_int_equal(queue.state, AMPH_QUEUE_CLOSED);
	drop(&data);
	drop(&ring);
	assert_int_equal(soc.pool.used, 0);
	must(&soc, coprocessor_stop(&coprocessor, SECONDS(5)), "stop");
	assert_false(has_children());
	soc_close(&soc);
}

/* --- orders --- */

static struct amph_queue_entry order(uint32_t first, uint32_t pieces, uint32_t operation)
{
	return (struct amph_queue_entry){.share = data.share,
					 .offset = (uint64_t)first * PIECE,
					 .length = (uint64_t)pieces * PIECE,
					 .cookie = edge_cookie((uint32_t)operation, 0, 0)};
}

static void send(const struct amph_queue_entry *entries, uint32_t count)
{
	uint32_t sent;
	int status = amph_queue_send(&queue, entries, count, SECONDS(10), &sent);

	if (status)
		fail_msg("send: %s (%s), %u of %u", strerror(-status),
			 coprocessor.session.why.what ? coprocessor.session.why.what : "", sent,
			 count);
	assert_int_equal(sent, count);
	assert_int_equal(amph_shm_check_access(&data.shm, entries[count - 1].offset, 1, false),
			 -EACCES);
}

/* Takes them back in the order they were sent; what they hold is flipped once. */
static void take_back(const struct amph_queue_entry *entries, uint32_t count)
{
	struct amph_queue_entry got[PIECES];
	uint32_t received, done = 0;

	while (done < count) {
		int status = amph_queue_receive(&queue, got, count - done, SECONDS(10), &received);

		if (status)
			fail_msg("receive: %s (%s)", strerror(-status),
				 coprocessor.session.why.what ? coprocessor.session.why.what : "");
		for (uint32_t i = 0; i < received; i++, done++) {
			const struct amph_queue_entry *sent = &entries[done];
			uint32_t first = (uint32_t)(sent->offset / PIECE);

			assert_ptr_equal(got[i].share, data.share);
			assert_int_equal(got[i].offset, sent->offset);
			assert_int_equal(got[i].length, sent->length);
			assert_int_equal(got[i].cookie, (uint64_t)EDGE_FLIP << 56 | EDGE_OK);
			for (uint32_t k = 0; k < sent->length / PIECE; k++)
				expected[first + k] ^= 0xff;
			assert_int_equal(((uint8_t *)data.shm.va)[sent->offset], expected[first]);
		}
	}
}

/* Ranges of 1 to 16 pieces all over the buffer, up to `most` at a time, none twice. */
static uint32_t choose(struct amph_queue_entry *entries, uint32_t most, uint32_t *seed)
{
	uint32_t count = 0, at = 0;

	while (count < most && at < PIECES) {
		uint32_t length = 1 + (*seed >> 20) % 16;

		*seed = *seed * 1664525 + 1013904223;
		at += (*seed >> 24) % 4;
		if (at + length <= PIECES)
			entries[count++] = order(at, length, EDGE_FLIP);
		at += length;
	}
	return count;
}

static void exchange(uint32_t rounds)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t seed = 2019;

	for (uint32_t i = 0; i < rounds; i++) {
		uint32_t count = choose(entries, 1 + i % 8, &seed);

		send(entries, count);
		take_back(entries, count);
	}
	/* the whole buffer at last: it is too large to be flipped at once, and comes back as it is */
	entries[0] = order(0, PIECES, EDGE_FLIP);
	send(entries, 1);
	uint32_t received;
	must(&soc, amph_queue_receive(&queue, entries, 1, SECONDS(10), &received), "receive");
	assert_int_equal(entries[0].length, DATA_SIZE);
	assert_int_equal(entries[0].cookie, (uint64_t)EDGE_FLIP << 56 | EDGE_BAD_SIZE);
}

/* --- tests --- */

static void hundreds_of_ranges_come_back_flipped_while_the_main_side_polls(void **state)
{
	(void)state;
	up(16, &polling);
	exchange(300);
	down();
}

static void hundreds_of_ranges_come_back_while_both_sleep_and_messages_wake_them(void **state)
{
	(void)state;
	up(16, &by_message);
	exchange(300);
	down();
}

static void hundreds_of_ranges_come_back_while_both_sleep_and_doorbells_wake_them(void **state)
{
	(void)state;
	up(16, &by_doorbell);
	exchange(300);
	down();
}

static void a_ring_of_two_slots_makes_room_for_many_ranges_one_after_the_other(void **state)
{
	struct amph_queue_entry entries[PIECES];
	const struct amph_queue_config *const ways[] = {&polling, &by_message, &by_doorbell};

	(void)state;
	for (size_t way = 0; way < 3; way++) {
		up(2, ways[way]);
		for (uint32_t i = 0; i < 20; i++)
			entries[i] = order(2 * i, 1, EDGE_FLIP);
		for (uint32_t round = 0; round < 10; round++) {
			/* no more than what fits into both directions */
			for (uint32_t i = 0; i < 20; i += 4) {
				send(&entries[i], 4);
				take_back(&entries[i], 4);
			}
		}
		down();
	}
}

static pid_t child(void)
{
	return kind == COPROCESSOR_RISCV32 ? coprocessor.qemu.child.pid
					   : coprocessor.process.child.pid;
}

/* All of its threads: the signal alone is only on its way. */
static void freeze(void)
{
	siginfo_t info;

	kill(child(), SIGSTOP);
	assert_int_equal(waitid(P_PID, (id_t)child(), &info, WSTOPPED), 0);
}

static void a_full_queue_refuses_more_until_the_firmware_has_taken_some(void **state)
{
	struct amph_queue_entry entries[8];
	uint32_t sent;

	(void)state;
	up(4, &by_message);
	for (uint32_t i = 0; i < 8; i++)
		entries[i] = order(2 * i, 2, EDGE_FLIP);
	freeze();
	assert_int_equal(amph_queue_send(&queue, entries, 8, 0, &sent), -ETIMEDOUT);
	assert_int_equal(sent, 4);
	assert_int_equal(amph_queue_send(&queue, &entries[4], 4, amph_deadline(20), &sent),
			 -ETIMEDOUT);
	assert_int_equal(sent, 0);
	/* what did not go is still this side's */
	assert_int_equal(amph_shm_check_access(&data.shm, entries[4].offset, 8 * PIECE, true), 0);
	kill(child(), SIGCONT);
	send(&entries[4], 4);
	take_back(entries, 8);
	down();
}

/* Ring there, the firmware's batch, ring back: all full, and nothing is lost. */
static void what_the_main_side_does_not_take_stops_the_firmware_and_not_the_session(void **state)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t count = 0, sent;

	(void)state;
	up(4, &by_message);
	for (uint32_t i = 0; i < PIECES; i++)
		entries[i] = order(i, 1, EDGE_FLIP);
	while (!amph_queue_send(&queue, &entries[count], 1, SECONDS(1), &sent))
		count++;
	assert_in_range(count, 8, PIECES - 1);
	/* longer than a silent firmware is taken for alive */
	must(&soc,
	     amph_session_wait_range(&coprocessor.session, data.share, DATA_SIZE - PIECE, PIECE,
				     true, 0),
	     "own");
	uint64_t end = amph_deadline(2500);
	while (amph_time_now() < end)
		assert_int_equal(
			amph_queue_send(&queue, &entries[count], 1, amph_deadline(100), &sent),
			-ETIMEDOUT);
	take_back(entries, count);
	down();
}

static void a_picture_goes_by_the_queue_and_its_edges_come_back(void **state)
{
	static struct job job;
	struct amph_queue_entry entry = {0};
	uint32_t count;

	(void)state;
	up(4, &by_message);
	job_open(&job, &soc, "dram:picture", 333, 77);
	must(&soc,
	     amph_shm_attach(&job.shm, &coprocessor.target.target, AMPH_DEVICE_READS_WRITES,
			     AMPH_SYNC_QUEUE, &job.attachments[0], job.device_segments[0], 1),
	     "attach");
	must(&soc,
	     amph_session_offer(&coprocessor.session, &job.attachments[0], 0, SECONDS(5),
				&job.shares[0]),
	     "offer");
	must(&soc,
	     amph_session_wait_share(&coprocessor.session, job.shares[0], AMPH_SHARE_ACCEPTED,
				     SECONDS(5)),
	     "accept");
	for (int part = 0; part < 2; part++) {
		entry = (struct amph_queue_entry){.share = job.shares[0],
						  .offset = part ? job.plane : 0,
						  .length = job.plane,
						  .cookie = part ? edge_cookie(EDGE_DETECT, 333, 77)
								 : edge_cookie(EDGE_HOLD, 0, 0)};
		must(&soc, amph_queue_send(&queue, &entry, 1, SECONDS(5), &count), "send");
	}
	must(&soc, amph_queue_receive(&queue, &entry, 1, SECONDS(10), &count), "receive");
	assert_ptr_equal(entry.share, job.shares[0]);
	assert_int_equal(entry.length, job.shm.size);
	assert_int_equal((uint32_t)entry.cookie, EDGE_OK);
	job_verify(&job, false);
	job_release(&job, &coprocessor, 0);
	must(&soc, amph_shm_put(&job.shm), "close");
	down();
}

static void a_queue_that_was_closed_is_opened_again_in_the_same_session(void **state)
{
	(void)state;
	up(8, &by_message);
	for (uint32_t i = 0; i < 3; i++) {
		exchange(10);
		must(&soc, amph_session_release(&coprocessor.session, ring.share, SECONDS(5)),
		     "release");
		must(&soc,
		     amph_session_wait_share(&coprocessor.session, ring.share, AMPH_SHARE_RELEASED,
					     SECONDS(5)),
		     "released");
		drop(&ring);
		open_queue(8u << i, i ? &by_doorbell : &polling);
	}
	exchange(10);
	down();
}

static void caches_are_maintained_on_the_way(void **state)
{
	(void)state;
	if (!line)
		skip();
	up(16, &by_message);
	maintained = 0;
	exchange(10);
	assert_true(maintained > 40);
	down();
}

/* --- deaths --- */

static void expect_quarantine(struct buffer *buffer)
{
	uint64_t used = soc.pool.used;

	assert_int_equal(amph_shm_put(&buffer->shm), -EBUSY);
	assert_int_equal(amph_shm_abandon(&buffer->shm, NULL), -EINPROGRESS);
	assert_int_equal(soc.pool.used, used);
}

/* Three parts are out when it ends: the loss is told in time, all is kept until it is off, then free. */
static void die(const struct amph_queue_config *config, void (*kill_it)(void))
{
	struct amph_queue_entry entries[3] = {{0}}, got;
	uint32_t received = 1;

	up(8, config);
	exchange(10);
	for (uint32_t i = 0; i < 3; i++)
		entries[i] = order(3 * i, 2, EDGE_HOLD);
	send(entries, 3);
	kill_it();
	int status = amph_queue_receive(&queue, &got, 1, SECONDS(LOST_WITHIN), &received);
	assert_true(status < 0 && status != -ETIMEDOUT);
	assert_int_equal(received, 0);
	assert_int_equal(coprocessor.session.state, AMPH_SESSION_LOST);
	assert_int_equal(queue.state, AMPH_QUEUE_CLOSED);
	assert_true(amph_queue_send(&queue, entries, 1, 0, &received) < 0);
	expect_quarantine(&data);
	expect_quarantine(&ring);
	must(&soc, coprocessor_stop(&coprocessor, SECONDS(5)), "stop");
	assert_int_equal(soc.pool.used, 0); /* proved off */
	assert_false(has_children());
	soc_close(&soc);
	/* and it comes up again, with a queue */
	up(8, config);
	exchange(10);
	down();
}

static void crash_by_the_queue(void)
{
	struct amph_queue_entry entry = order(40, 1, EDGE_CRASH);

	send(&entry, 1);
}

static void crash(void)
{
	must(&soc, coprocessor_command(&coprocessor, EDGE_CRASH_NOW, 0, 0, 0, SECONDS(5)),
	     "command");
}

static void hang(void)
{
	must(&soc, coprocessor_command(&coprocessor, EDGE_HANG, 0, 0, 0, SECONDS(5)), "command");
}

static void
a_firmware_that_dies_with_ranges_out_loses_the_session_and_all_is_quarantined(void **state)
{
	(void)state;
	die(&polling, crash_by_the_queue);
	die(&by_message, crash_by_the_queue);
	die(&by_doorbell, crash);
}

static void a_firmware_that_hangs_with_ranges_out_is_noticed_by_its_silence(void **state)
{
	(void)state;
	die(&polling, freeze);
	die(&by_message, hang);
	die(&by_doorbell, hang);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hundreds_of_ranges_come_back_flipped_while_the_main_side_polls),
		cmocka_unit_test(
			hundreds_of_ranges_come_back_while_both_sleep_and_messages_wake_them),
		cmocka_unit_test(
			hundreds_of_ranges_come_back_while_both_sleep_and_doorbells_wake_them),
		cmocka_unit_test(
			a_ring_of_two_slots_makes_room_for_many_ranges_one_after_the_other),
		cmocka_unit_test(a_full_queue_refuses_more_until_the_firmware_has_taken_some),
		cmocka_unit_test(
			what_the_main_side_does_not_take_stops_the_firmware_and_not_the_session),
		cmocka_unit_test(a_picture_goes_by_the_queue_and_its_edges_come_back),
		cmocka_unit_test(a_queue_that_was_closed_is_opened_again_in_the_same_session),
		cmocka_unit_test(caches_are_maintained_on_the_way),
		cmocka_unit_test(
			a_firmware_that_dies_with_ranges_out_loses_the_session_and_all_is_quarantined),
		cmocka_unit_test(a_firmware_that_hangs_with_ranges_out_is_noticed_by_its_silence),
	};

	if ((count != 2 && count != 4) || coprocessor_kind_parse(arguments[1], &kind)) {
		fprintf(stderr, "usage: %s riscv32|process [FIRMWARE LINE]\n", arguments[0]);
		return 2;
	}
	if (count == 4) {
		firmware = arguments[2];
		line = (uint32_t)strtoul(arguments[3], NULL, 10);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
