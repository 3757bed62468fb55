/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * RPMsg and its rings read nothing twice, and touch shared memory by order.h only: both roles, over rings
 * and buffers that are closed. Test code.
 */
#include <sys/wait.h>

#include "hostile/reads.h"

#include "support/rpmsg_fixture.h"

#define MEMORY 32768u

static char *memory;
static struct fixture *watched;

/* Flags, indices and event words. */
static bool is_polled(const void *word)
{
	for (int i = 0; i < 2; i++) {
		const struct amph_vring *ring = &watched->pair.main.config.vrings[i];

		if (word == ring->avail || word == ring->avail + 1 ||
		    word == ring->avail + 2 + ring->count || word == ring->used ||
		    word == ring->used + 1 || word == ring->used + 2 + 4 * ring->count)
			return true;
	}
	return false;
}

/* What the application reads of a message is its own business: it copies, as the library does. */
static void receive_closed(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
			   uint32_t source, void *argument)
{
	struct inbox *inbox = argument;
	void (*then)(struct inbox * inbox, struct amph_rpmsg_endpoint * endpoint) = inbox->then;

	inbox->then = NULL;
	receive(endpoint, closed_view(data), length, source, argument);
	inbox->data = data;
	inbox->then = then;
	if (then)
		then(inbox, endpoint);
}

static void open_closed(struct fixture *f, bool event_index)
{
	closed_report_faults();
	memset(f, 0, sizeof(*f));
	watched = f;
	reads_is_polled = is_polled;
	memset(closed_view(memory), 0xa5, MEMORY);
	pair_place(&f->pair, memory, COUNT, SIZE);
	f->sides[0] = &f->pair.main;
	f->sides[1] = &f->pair.peer;
	for (int i = 0; i < 2; i++)
		f->sides[i]->config.event_index = event_index;
	assert_int_equal(pair_start(&f->pair), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(amph_rpmsg_endpoint_create(
					 &f->sides[i]->rpmsg, &f->endpoints[i], "test",
					 100u + 100u * (uint32_t)i, 200u - 100u * (uint32_t)i,
					 receive_closed, &f->inboxes[i], false, PAST),
				 0);
}

/* A check that could not fail would be none. */
static void a_direct_access_faults(void **state)
{
	pid_t child;
	int status;

	(void)state;
	child = fork();
	if (!child) {
		fclose(stderr);
		closed_report_faults();
		_exit(*(volatile char *)(memory + 100));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static uint32_t heard;

static void hear(void *argument, const char *name, uint32_t address, bool created)
{
	(void)argument;
	assert_string_equal(name, "echo");
	assert_int_equal(address, 1024);
	assert_true(created);
	heard++;
}

static void messages_of_every_length(struct fixture *f)
{
	uint8_t message[MAX];

	for (int side = 0; side < 2; side++)
		for (uint32_t length = 0; length <= MAX; length += 31) {
			memset(message, (int)length + 1, sizeof(message));
			assert_int_equal(send(f, side, message, length), 0);
			assert_int_equal(poll_side(f, !side), 1);
			assert_int_equal(f->inboxes[!side].length, length);
			assert_int_equal(f->inboxes[!side].source, f->endpoints[side].address);
			assert_memory_equal(f->inboxes[!side].bytes, message, length);
		}
}

static void announcements(struct fixture *f)
{
	struct amph_rpmsg_endpoint echo;

	heard = 0;
	for (int side = 0; side < 2; side++)
		f->sides[side]->rpmsg.config.service = hear;
	for (int side = 0; side < 2; side++) {
		assert_int_equal(amph_rpmsg_endpoint_create(&f->sides[side]->rpmsg, &echo, "echo",
							    AMPH_RPMSG_ANY, AMPH_RPMSG_ANY, receive,
							    &f->inboxes[side], true, PAST),
				 0);
		assert_int_equal(poll_side(f, !side), 1);
		assert_int_equal(amph_rpmsg_endpoint_destroy(&echo, false, PAST), 0);
	}
	assert_int_equal(heard, 2);
}

static void keep(struct inbox *inbox, struct amph_rpmsg_endpoint *endpoint)
{
	inbox->result = amph_rpmsg_hold(endpoint->rpmsg, inbox->data);
}

/* A loan is filled in place, and the message that came so is kept and given back later. */
static void loans_and_holds(struct fixture *f)
{
	for (int side = 0; side < 2; side++) {
		struct amph_rpmsg *rpmsg = &f->sides[side]->rpmsg;
		struct amph_rpmsg_loan loan;

		f->inboxes[!side].then = keep;
		assert_int_equal(amph_rpmsg_loan(rpmsg, &loan, PAST), 0);
		assert_int_equal(loan.size, MAX);
		memcpy(closed_view(loan.payload), "on loan", 8);
		assert_int_equal(
			amph_rpmsg_send_loan(&f->endpoints[side], &loan, AMPH_RPMSG_ANY, 8), 0);
		assert_int_equal(poll_side(f, !side), 1);
		assert_int_equal(f->inboxes[!side].result, 0);
		assert_string_equal((char *)f->inboxes[!side].bytes, "on loan");
		assert_int_equal(
			amph_rpmsg_release(&f->sides[!side]->rpmsg, f->inboxes[!side].data), 0);
		f->inboxes[!side].then = NULL;
		assert_int_equal(amph_rpmsg_loan(rpmsg, &loan, PAST), 0);
		assert_int_equal(amph_rpmsg_give_back(rpmsg, &loan), 0);
	}
}

/* Every transmit buffer still starts where the private slot says: around the rings, twice. */
static void around_the_rings(struct fixture *f)
{
	for (int side = 0; side < 2; side++) {
		for (uint32_t i = 0; i < 2 * COUNT; i++) {
			assert_int_equal(send(f, side, "x", 1), 0);
			assert_int_equal(poll_side(f, !side), 1);
		}
		for (int queue = 0; queue < 2; queue++)
			for (uint32_t id = 0; id < COUNT; id++) {
				const struct amph_virtqueue_slot *slot =
					&f->sides[side]->slots[queue][id];

				assert_in_range(slot->length, 1, SIZE);
				assert_in_range(slot->offset, 0, 2 * COUNT * SIZE - slot->length);
			}
	}
}

static void what_changes_after_it_was_read_changes_nothing(void **state)
{
	struct fixture f;

	(void)state;
	for (int event_index = 0; event_index < 2; event_index++) {
		open_closed(&f, event_index);
		messages_of_every_length(&f);
		announcements(&f);
		loans_and_holds(&f);
		around_the_rings(&f);
	}
}

/*
 * An index is read once for a decision: a second value would let a take go past what was checked. After
 * the first look at it the other side's index is one more than the ring can hold.
 */
static const uint16_t *index_word;

static void run_ahead(const void *address, void *view, size_t length)
{
	(void)length;
	if (address != index_word)
		return;
	reads_then = NULL;
	*(uint16_t *)view = (uint16_t)(*(uint16_t *)view + COUNT);
}

static void an_index_that_grows_after_the_look_is_found_by_the_next(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		struct fixture f;

		open_closed(&f, false);
		assert_int_equal(send(&f, side, "x", 1), 0);
		index_word = side ? &f.pair.main.config.vrings[0].used[1]
				  : &f.pair.main.config.vrings[1].avail[1];
		reads_then = run_ahead;
		/* the message that was there came, and then the lie was found */
		assert_int_equal(poll_side(&f, !side), -EPROTO);
		assert_null(reads_then);
		assert_int_equal(f.inboxes[!side].count, 1);
	}
}

static const uint16_t *raced;
static int racer;

/* Between this side's look at the index and its asking for a doorbell, the other side acts. */
static void race(const void *address, void *view, size_t length)
{
	(void)view;
	(void)length;
	if (address != raced)
		return;
	reads_then = NULL;
	if (watched->inboxes[racer].count)
		assert_int_equal(send(watched, racer, "now", 3), 0);
	else
		assert_int_equal(poll_side(watched, racer), COUNT);
}

static void what_comes_between_looking_and_asking_is_not_missed(void **state)
{
	(void)state;
	for (int side = 0; side < 2; side++) {
		const struct amph_vring *rings;
		struct fixture f;

		open_closed(&f, false);
		racer = !side;
		rings = f.pair.main.config.vrings;
		/* buffers come back, and nobody rings: nobody has asked yet */
		for (uint32_t i = 0; i < COUNT; i++)
			assert_int_equal(send(&f, side, "x", 1), 0);
		raced = side ? &rings[0].avail[1] : &rings[1].used[1];
		reads_then = race;
		assert_int_equal(amph_rpmsg_send(&f.endpoints[side], "x", 1, amph_deadline(2000)),
				 0);
		assert_null(reads_then);
		assert_int_equal(f.sides[side]->waits, 0);
		assert_int_equal(poll_side(&f, !side), 1);
		/* a message comes, after the look at its queue */
		raced = side ? &rings[1].avail[1] : &rings[0].used[1];
		amph_virtqueue_hush(f.sides[side]->rpmsg.receive);
		reads_then = race;
		assert_int_equal(poll_side(&f, side), 1);
		assert_null(reads_then);
		assert_int_equal(f.inboxes[side].length, 3);
	}
}

static void every_place_was_met(void **state)
{
	static const char *const folders[] = {"lib/transport/", NULL};

	(void)state;
	reads_met_all_of(folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_direct_access_faults),
		cmocka_unit_test(what_changes_after_it_was_read_changes_nothing),
		cmocka_unit_test(an_index_that_grows_after_the_look_is_found_by_the_next),
		cmocka_unit_test(what_comes_between_looking_and_asking_is_not_missed),
		cmocka_unit_test(every_place_was_met),
	};

	memory = closed_new(MEMORY);
	reads_begin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
