/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a queue does when things cross: callbacks that go on with it, waits in which it ends, releases
 * that meet what is under way, a child of the process.
 * Test code.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "share/internal.h"
#include "share/queue_pair.h"

static void lose_both(void)
{
	amph_session_lose(&mains.session, -EPIPE, "enough");
	amph_session_lose(&peers.session, -EPIPE, "enough");
}

/* Both sides' records are consistent. */
static void consistent(void)
{
	for (const struct amph_shm *shm = mains.memory.buffers; shm; shm = shm->next)
		assert_int_equal(amph_shm_check(shm), 0);
	for (const struct amph_shm *shm = peers.memory.buffers; shm; shm = shm->next)
		assert_int_equal(amph_shm_check(shm), 0);
}

static struct amph_queue_entry piece(struct amph_share *share, uint32_t number)
{
	return (struct amph_queue_entry){
		.share = share, .offset = number * 64, .length = 64, .cookie = number};
}

/* Hands over pieces from `first` on through a ring that has room for them. */
static void hand_over(struct amph_queue *from, struct amph_share *share, uint32_t first,
		      uint32_t count)
{
	for (uint32_t i = first; i < first + count; i++) {
		struct amph_queue_entry entry = piece(share, i);
		uint32_t sent;

		assert_int_equal(amph_queue_send(from, &entry, 1, 0, &sent), 0);
	}
}

static void take_all(struct amph_queue *queue, uint32_t expected)
{
	struct amph_queue_entry entries[8];
	uint32_t count;

	assert_int_equal(amph_queue_receive(queue, entries, 8, 0, &count), 0);
	assert_int_equal(count, expected);
	/* empty: so the other side hears what was taken */
	assert_int_equal(amph_queue_receive(queue, entries, 8, 0, &count), -ETIMEDOUT);
}

/* Two returns of the peer's fill the ring, and it has a third range to return. */
static void fill_the_way_back(void)
{
	open_queues(2);
	hand_over(&main_queue, data_share, 0, 2);
	take_all(&peer_queue, 2);
	hand_over(&main_queue, data_share, 2, 1);
	take_all(&peer_queue, 1);
	hand_over(&peer_queue, &peers.shares[1], 0, 2);
	/* so that a wait looks at the channel at once */
	peer_queue.look_ns = 1;
}

static void a_give_that_waits_for_room_survives_the_loss_of_the_session(void **state)
{
	(void)state;

	open_queues(2);
	hand_over(&main_queue, data_share, 0, 2);
	main_queue.look_ns = 1;
	mains.end.poll_fail = -EPIPE;
	assert_int_equal(amph_session_give(&mains.session, data_share, 128, 64, false, 0,
					   amph_deadline(1000)),
			 -EPIPE);
	assert_int_equal(mains.session.state, AMPH_SESSION_LOST);
	consistent();
	lose_both();
}

static void a_return_that_waits_for_room_survives_the_loss_of_the_session(void **state)
{
	(void)state;

	fill_the_way_back();
	peers.end.poll_fail = -EPIPE;
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 128, 64, 0,
					     amph_deadline(1000)),
			 -EPIPE);
	assert_int_equal(peers.session.state, AMPH_SESSION_LOST);
	consistent();
	lose_both();
}

/* The home lies: it releases what it is not done with. */
static void release_data(void)
{
	struct wire_message message = {.header.type = WIRE_RELEASE};

	message.body.answer = (struct wire_answer){data_share->handle, data_share->generation, 0,
						   WIRE_SHARE_HOME};
	assert_int_equal(amph_session_send(&mains.session, &message.header, 0), 0);
}

static void a_return_that_waits_survives_the_release_of_its_share(void **state)
{
	(void)state;

	fill_the_way_back();
	release_data();
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 128, 64, 0,
					     amph_deadline(20)),
			 -ETIMEDOUT);
	assert_int_equal(peers.shares[1].state, AMPH_SHARE_FREE);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	consistent();
	lose_both();
}

static uint32_t *consumed_by_main;

static void make_room(struct amph_session *session, struct amph_share *share)
{
	(void)session;
	(void)share;
	amph_store32(consumed_by_main, peer_queue.produced);
}

static void what_was_released_during_a_wait_is_not_returned_after_it(void **state)
{
	uint32_t produced;
	(void)state;

	fill_the_way_back();
	produced = peer_queue.produced;
	consumed_by_main = (uint32_t *)(void *)main_queue.own_line;
	peers.events.released = make_room;
	release_data();
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[1], 128, 64, 0,
					     amph_deadline(1000)),
			 -ENOENT);
	assert_int_equal(peer_queue.produced, produced);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	consistent();
	lose_both();
}

static void a_release_that_waits_survives_the_other_s_release(void **state)
{
	(void)state;

	open_queues(2);
	hand_over(&main_queue, data_share, 0, 1);
	take_all(&peer_queue, 1);
	hand_over(&peer_queue, &peers.shares[1], 0, 1);
	peer_queue.look_ns = 1;
	consumed_by_main = (uint32_t *)(void *)main_queue.own_line;
	peers.events.released = make_room;
	release_data();
	/* it is released, and that was told */
	assert_int_equal(
		amph_session_release(&peers.session, &peers.shares[1], amph_deadline(1000)), 0);
	assert_int_equal(peers.shares[1].state, AMPH_SHARE_FREE);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	lose_both();
}

/* Two honest sides: the importer lets go of the memory while the home makes it a queue. */
static void a_release_that_crosses_the_setting_up_leaves_the_queue_open(void **state)
{
	(void)state;

	open_shares();
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -ETIMEDOUT);
	assert_int_equal(amph_session_release(&peers.session, &peers.shares[0], 0), 0);
	settle(&mains, &peers);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(peers.shares[0].error, -EBUSY);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 0);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_OPEN);
	hand_over(&main_queue, data_share, 0, 1);
	take_all(&peer_queue, 1);
	hand_over(&peer_queue, &peers.shares[1], 0, 1);
	take_all(&main_queue, 1);
	close_queues();
}

/* --- callbacks --- */

static uint32_t calls;

/* The importer's application returns at once, and the home gives it again at once. */
static void play_on(struct amph_session *session, struct amph_share *share, uint64_t offset,
		    uint64_t length, bool reading, uint64_t cookie)
{
	struct amph_queue_entry entry = {.share = share, .offset = offset, .length = length};
	uint32_t count;

	(void)session;
	(void)reading;
	(void)cookie;
	if (++calls >= 100)
		return;
	assert_int_equal(amph_queue_send(&peer_queue, &entry, 1, 0, &count), 0);
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, 0, &count), 0);
	/* and it does not care whether there is room */
	main_queue.taken = main_queue.produced;
	assert_int_equal(amph_queue_send(&main_queue, &entry, 1, 0, &count), 0);
}

static void a_poll_ends_however_fast_the_other_side_is(void **state)
{
	(void)state;

	open_queues(4);
	calls = 0;
	peers.events.taken = play_on;
	hand_over(&main_queue, data_share, 0, 1);
	assert_int_equal(amph_session_poll(&peers.session, 0), 4);
	assert_int_equal(calls, 4);
	lose_both();
}

static int ended_send, ended_receive, ended_wait;

static void try_after_the_end(struct amph_session *session)
{
	bool home = session == &mains.session;
	struct amph_queue *queue = home ? &main_queue : &peer_queue;
	struct amph_queue_entry entry = piece(home ? data_share : &peers.shares[1], 0), entries[4];
	uint32_t count;

	ended_send = amph_queue_send(queue, &entry, 1, 0, &count);
	ended_receive = amph_queue_receive(queue, entries, 4, 0, &count);
	ended_wait = amph_queue_receive(queue, entries, 4, UINT64_MAX, &count);
}

static void a_queue_is_closed_before_the_end_is_told(void **state)
{
	(void)state;

	for (int home = 0; home < 2; home++) {
		open_queues(4);
		hand_over(&main_queue, data_share, 0, 2);
		take_all(&peer_queue, 2);
		hand_over(&peer_queue, &peers.shares[1], 0, 1);
		hand_over(&main_queue, data_share, 3, 1);
		(home ? &mains : &peers)->events.ended = try_after_the_end;
		amph_session_lose(home ? &mains.session : &peers.session, -EPIPE, "gone");
		assert_int_equal(ended_send, -EPIPE);
		assert_int_equal(ended_receive, -EPIPE);
		assert_int_equal(ended_wait, -EPIPE);
		consistent();
		lose_both();
	}
}

static void wait_in_a_callback(struct amph_session *session, struct amph_share *share)
{
	struct amph_queue_entry entry;
	uint32_t count;

	(void)share;
	calls++;
	assert_int_equal(amph_session_poll(session, 0), -EBUSY);
	/* something came meanwhile, which the wait outside is for */
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 0, amph_deadline(5), &count), 0);
	assert_int_equal(
		amph_session_give(session, data_share, 640, 64, false, 0, amph_deadline(5)),
		-ETIMEDOUT);
	hand_over(&peer_queue, &peers.shares[1], 0, 1);
}

/* What a wait of the queue's own is for goes to its caller, whatever callbacks do on the way. */
static void a_wait_in_a_callback_leaves_the_outer_wait_its_entries(void **state)
{
	static struct buffer other;
	struct amph_queue_entry entry;
	struct amph_share *share;
	uint32_t count;
	(void)state;

	open_queues(2);
	hand_over(&main_queue, data_share, 0, 2);
	take_all(&peer_queue, 2);
	/* nothing has told main yet that there is room again, and there is none */
	hand_over(&main_queue, data_share, 4, 2);
	memset(&other, 0, sizeof(other));
	assert_int_equal(buffer_open(&other, &mains, "arena:a000", 1024, 0), 0);
	assert_int_equal(buffer_attach(&other, &mains, AMPH_DEVICE_READS_WRITES), 0);
	assert_int_equal(amph_session_offer(&mains.session, &other.attachment, 0, 0, &share), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 3);
	hand_over(&main_queue, data_share, 6, 2);
	main_queue.look_ns = 1;
	calls = 0;
	mains.events.answered = wait_in_a_callback;
	mains.logged = 0;
	assert_int_equal(amph_queue_receive(&main_queue, &entry, 1, amph_deadline(1000), &count),
			 0);
	assert_int_equal(calls, 1);
	assert_int_equal(count, 1);
	assert_int_equal(entry.offset, 0);
	assert_int_equal(mains.logged, 0);
	lose_both();
}

static int opened;

static void open_in_a_callback(struct amph_session *session, struct amph_share *share)
{
	if (share == ring_share)
		opened = amph_queue_open(&main_queue, session, share, 4, &main_way, 0);
}

static void a_queue_is_not_opened_in_a_callback(void **state)
{
	(void)state;

	open_shares();
	/* refused and offered again, with the callback in place */
	assert_int_equal(amph_session_release(&mains.session, ring_share, 0), 0);
	settle(&mains, &peers);
	mains.events.answered = open_in_a_callback;
	opened = 0;
	assert_int_equal(amph_session_offer(&mains.session, &ring.attachment, 0, 0, &ring_share),
			 0);
	settle(&mains, &peers);
	assert_int_equal(opened, -EBUSY);
	assert_null(mains.session.path);
	assert_int_equal(amph_shm_check_access(&ring.shm, 0, RING_SIZE, true), 0);
	open_queue(4);
	close_queues();
}

static void lose_in_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
			  uint64_t length, bool reading, uint64_t cookie)
{
	(void)share;
	(void)offset;
	(void)length;
	(void)reading;
	(void)cookie;
	calls++;
	amph_session_lose(session, -EIO, "by the application");
}

static void a_session_may_be_lost_while_it_takes(void **state)
{
	(void)state;

	open_queues(4);
	hand_over(&main_queue, data_share, 0, 3);
	calls = 0;
	peers.events.taken = lose_in_taken;
	assert_int_equal(amph_session_poll(&peers.session, 0), -EIO);
	assert_int_equal(calls, 1);
	assert_int_equal(peer_queue.state, AMPH_QUEUE_CLOSED);
	lose_both();
}

static void release_in_taken(struct amph_session *session, struct amph_share *share,
			     uint64_t offset, uint64_t length, bool reading, uint64_t cookie)
{
	(void)reading;
	(void)cookie;
	calls++;
	if (calls < 3)
		assert_int_not_equal(amph_session_release(session, ring_share, 0), 0);
	assert_int_equal(amph_session_release(session, share, 0), calls < 3 ? -EBUSY : 0);
	assert_int_equal(amph_session_give(session, share, offset, length, false, 0, 0),
			 calls < 3 ? 0 : -EPERM);
}

static void a_callback_may_release_and_give(void **state)
{
	(void)state;

	open_queues(4);
	hand_over(&main_queue, data_share, 0, 2);
	take_all(&peer_queue, 2);
	hand_over(&peer_queue, &peers.shares[1], 0, 2);
	calls = 0;
	mains.events.taken = release_in_taken;
	assert_int_equal(amph_session_poll(&mains.session, 0), 2);
	take_all(&peer_queue, 2);
	hand_over(&peer_queue, &peers.shares[1], 1, 1);
	/* the last one is back, nothing is out: but the first is */
	calls = 5;
	mains.events.taken = NULL;
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(amph_session_release(&mains.session, data_share, 0), -EBUSY);
	hand_over(&peer_queue, &peers.shares[1], 0, 1);
	calls = 2;
	mains.events.taken = release_in_taken;
	assert_int_equal(amph_session_poll(&mains.session, 0), 1);
	assert_int_equal(data_share->state, AMPH_SHARE_RELEASING);
	lose_both();
}

/* --- passes --- */

static struct side second, third;
static struct amph_share *second_share;
static int nested_receive, nested_poll;
static uint32_t nested_count;

/* A second session over the same memory, by messages, to pass to. */
static void open_second(void)
{
	assert_int_equal(sides_open(&second, &third), 0);
	assert_int_equal(amph_shm_attach(&data.shm, &second.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_MESSAGES, &data.second, data.second_segments, 1),
			 0);
	assert_int_equal(amph_session_offer(&second.session, &data.second, 0, 0, &second_share), 0);
	settle(&second, &third);
	assert_int_equal(second_share->state, AMPH_SHARE_ACCEPTED);
}

static void lose_second(void)
{
	amph_session_lose(&second.session, -EPIPE, "enough");
	amph_session_lose(&third.session, -EPIPE, "enough");
}

static void take_in_passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
			   uint64_t length, uint64_t cookie, int error)
{
	struct amph_queue_entry entry;

	(void)share;
	(void)offset;
	(void)length;
	(void)cookie;
	(void)error;
	calls++;
	nested_poll = amph_session_poll(session, 0);
	nested_receive = amph_queue_receive(&main_queue, &entry, 1, 1, &nested_count);
}

/* The descriptor that is being passed on is nobody else's to take. */
static void a_callback_of_a_pass_takes_nothing(void **state)
{
	struct amph_queue_entry entries[4];
	uint32_t count;
	(void)state;

	for (uint32_t inside = 0; inside < 2; inside++) {
		open_queues(4);
		open_second();
		calls = 0;
		mains.events.passed = take_in_passed;
		hand_over(&main_queue, data_share, 0, 4);
		take_all(&peer_queue, 4);
		assert_int_equal(amph_session_pass(&mains.session, data_share, &second.session,
						   second_share, 64, 64, 0, 0),
				 0);
		settle(&mains, &peers);
		/* inside the pass, or in one piece with more */
		entries[0] = piece(&peers.shares[1], inside);
		entries[0].length = inside ? 64 : 128;
		entries[1] = piece(&peers.shares[1], 2);
		assert_int_equal(amph_queue_send(&peer_queue, entries, 2, 0, &count), 0);
		assert_int_equal(amph_queue_receive(&main_queue, entries, 4, 0, &count), 0);
		assert_int_equal(calls, 1);
		assert_int_equal(nested_poll, -EBUSY);
		assert_int_equal(nested_receive, -EBUSY);
		assert_int_equal(nested_count, 0);
		assert_int_equal(count, inside ? 1 : 2);
		assert_int_equal(entries[count - 1].offset, 128);
		assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
		consistent();
		lose_both();
		lose_second();
	}
}

static void lose_in_passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
			   uint64_t length, uint64_t cookie, int error)
{
	(void)share;
	(void)offset;
	(void)length;
	(void)cookie;
	(void)error;
	calls++;
	amph_session_lose(session, -EIO, "by the application");
}

static void a_session_may_be_lost_while_it_passes(void **state)
{
	struct amph_queue_entry entries[4];
	uint32_t count;
	(void)state;

	open_queues(4);
	open_second();
	calls = 0;
	mains.events.passed = lose_in_passed;
	hand_over(&main_queue, data_share, 0, 4);
	take_all(&peer_queue, 4);
	assert_int_equal(amph_session_pass(&mains.session, data_share, &second.session,
					   second_share, 64, 64, 0, 0),
			 0);
	settle(&mains, &peers);
	hand_over(&peer_queue, &peers.shares[1], 0, 3);
	assert_int_equal(amph_queue_receive(&main_queue, entries, 4, 0, &count), -EIO);
	/* what was taken before went with the session's slots */
	assert_int_equal(count, 0);
	assert_int_equal(calls, 1);
	assert_int_equal(main_queue.state, AMPH_QUEUE_CLOSED);
	consistent();
	lose_both();
	lose_second();
}

/* --- what is not this side's --- */

/* Memory that another coprocessor has is not made a queue of, and not even touched. */
static void memory_that_another_has_is_no_queue(void **state)
{
	(void)state;

	open_shares();
	assert_int_equal(sides_open(&second, &third), 0);
	assert_int_equal(amph_shm_attach(&ring.shm, &second.target.target, AMPH_DEVICE_READS_WRITES,
					 AMPH_SYNC_MESSAGES, &ring.second, ring.second_segments, 1),
			 0);
	((uint8_t *)ring.shm.va)[100] = 0x77;
	assert_int_equal(amph_shm_sync_for_device(&ring.second, 64, 64, false), 0);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -EACCES);
	assert_int_equal(((uint8_t *)ring.shm.va)[100], 0x77);
	assert_null(mains.session.path);
	assert_int_equal(amph_shm_sync_for_cpu(&ring.second, 64, 64), 0);
	assert_int_equal(amph_shm_detach(&ring.second), 0);
	open_queue(4);
	close_queues();
	lose_second();
}

/* --- children --- */

static int in_child(int (*what)(void))
{
	pid_t child = fork();
	int status = 0;

	if (!child) {
		alarm(5);
		_exit(-what());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static int open_again(void)
{
	/* a child does not even have the mapping */
	main_queue.peer_line = NULL;
	return amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0);
}

static int receive_early(void)
{
	struct amph_queue_entry entry;
	uint32_t count;

	return amph_queue_receive(&peer_queue, &entry, 1, UINT64_MAX, &count);
}

static int expect_in_child(void)
{
	struct amph_queue queue;

	return amph_queue_expect(&queue, &peers.session, &peer_way);
}

static int use_open_queue(void)
{
	struct amph_queue_entry entry = piece(data_share, 1);
	uint32_t count;
	int error;

	main_queue.peer_line = main_queue.own_line = main_queue.in = main_queue.out = NULL;
	error = amph_queue_send(&main_queue, &entry, 1, UINT64_MAX, &count);
	if (error == -EPERM)
		error = amph_queue_receive(&main_queue, &entry, 1, UINT64_MAX, &count);
	if (error == -EPERM)
		error = amph_session_give(&mains.session, data_share, 64, 64, false, 0, UINT64_MAX);
	if (error == -EPERM)
		error = amph_session_release(&mains.session, ring_share, UINT64_MAX);
	if (error == -EPERM)
		error = amph_queue_arm(&main_queue);
	amph_queue_disarm(&main_queue);
	amph_session_lose(&mains.session, -EIO, "by a child");
	return error;
}

static void a_child_s_calls_are_refused_and_touch_nothing(void **state)
{
	(void)state;

	open_shares();
	assert_int_equal(in_child(receive_early), -EPERM);
	assert_int_equal(in_child(expect_in_child), -EPERM);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 -ETIMEDOUT);
	assert_int_equal(in_child(open_again), -EPERM);
	settle(&mains, &peers);
	assert_int_equal(amph_queue_open(&main_queue, &mains.session, ring_share, 4, &main_way, 0),
			 0);
	assert_int_equal(in_child(use_open_queue), -EPERM);
	hand_over(&main_queue, data_share, 0, 1);
	take_all(&peer_queue, 1);
	hand_over(&peer_queue, &peers.shares[1], 0, 1);
	take_all(&main_queue, 1);
	close_queues();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_give_that_waits_for_room_survives_the_loss_of_the_session),
		cmocka_unit_test(a_return_that_waits_for_room_survives_the_loss_of_the_session),
		cmocka_unit_test(a_return_that_waits_survives_the_release_of_its_share),
		cmocka_unit_test(what_was_released_during_a_wait_is_not_returned_after_it),
		cmocka_unit_test(a_release_that_waits_survives_the_other_s_release),
		cmocka_unit_test(a_release_that_crosses_the_setting_up_leaves_the_queue_open),
		cmocka_unit_test(a_poll_ends_however_fast_the_other_side_is),
		cmocka_unit_test(a_queue_is_closed_before_the_end_is_told),
		cmocka_unit_test(a_wait_in_a_callback_leaves_the_outer_wait_its_entries),
		cmocka_unit_test(a_queue_is_not_opened_in_a_callback),
		cmocka_unit_test(a_session_may_be_lost_while_it_takes),
		cmocka_unit_test(a_callback_may_release_and_give),
		cmocka_unit_test(a_callback_of_a_pass_takes_nothing),
		cmocka_unit_test(a_session_may_be_lost_while_it_passes),
		cmocka_unit_test(memory_that_another_has_is_no_queue),
		cmocka_unit_test(a_child_s_calls_are_refused_and_touch_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
