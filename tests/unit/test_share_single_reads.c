/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message of the other side is read once: the session's receiver, compiled here behind an order.h
 * checker. The message is garbage before that one copy, right while it is made, and garbage again
 * when the receiver goes on: whoever looks at it before, after, or twice sees something else.
 * Test code.
 */
#define AMPH_ORDER_CHECKER "support/order_scribbler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <amphora/order.h>

#include "share/raw.h"

#include "share/receive.c"

#define GARBAGE 0xa7

void (*order_was_read)(void *shared, size_t length);
void (*order_will_be_copied)(void *shared, size_t length);

/* The message that is being received: what it is, and the memory that it lies in. */
static const uint8_t *truth;
static uint8_t *shown;
static uint32_t shown_length, copies, copied;

static void show(void *shared, size_t length)
{
	assert_ptr_equal(shared, shown);
	assert_true(length <= shown_length);
	memcpy(shown, truth, length);
}

static void hide(void *shared, size_t length)
{
	memset(shared, GARBAGE, length);
	copies++;
	copied = (uint32_t)length;
}

/* What the channel calls in place of the session's receiver. */
static void receive_shared(void *argument, const void *bytes, uint32_t length, intptr_t handle)
{
	uint8_t *memory = malloc(length ? length : 1);

	truth = bytes;
	shown = memory;
	shown_length = length;
	memset(memory, GARBAGE, length);
	copies = 0;
	order_will_be_copied = show;
	order_was_read = hide;
	amph_session_receive(argument, memory, length, handle);
	order_will_be_copied = NULL;
	order_was_read = NULL;
	assert_true(copies <= 1);
	free(memory);
}

static void open_shared_pair(void)
{
	struct side *both[] = {&mains, &peers};

	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	memset(&buffer, 0, sizeof(buffer));
	loopback_init(&mains.end, &peers.end);
	side_init(&mains, AMPH_SESSION_MAIN, 0x1111222233334444u);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(amph_session_init(&both[i]->session, &both[i]->config), 0);
		amph_channel_receive(&both[i]->end.channel, receive_shared, &both[i]->session);
	}
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(copied, WIRE_HEADER_SIZE); /* READY was the last */
}

static const struct side_event *event_is(const struct side *side, char what)
{
	assert_int_equal(last_event(side)->what, what);
	return last_event(side);
}

static void a_whole_session_depends_on_no_second_read(void **state)
{
	struct amph_session_request wanted = {.size = 4096, .direction = 3, .name = "arena:0"};
	struct amph_share *share;
	uint32_t request;

	(void)state;
	open_shared_pair();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	/* a request, granted by an offer */
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	event_is(&mains, 'Q');
	assert_int_equal(mains.request.id, request);
	assert_int_equal(mains.request.size, 4096);
	assert_string_equal(mains.request.name, "arena:0");
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, request, 0, &share),
			 0);
	settle(&mains, &peers);
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(event_is(&peers, 'G')->cookie, request);
	assert_string_equal(peers.shares[0].name, "arena:1000");
	assert_int_equal(peers.shares[0].size, 4096);
	assert_int_equal(peers.shares[0].segments[0].address, ARENA_DA + 0x1000);
	/* there and back */
	assert_int_equal(amph_session_give(&mains.session, share, 64, 128, false, 0x1234, 0), 0);
	settle(&mains, &peers);
	assert_int_equal(event_is(&peers, 'T')->offset, 64);
	assert_int_equal(last_event(&peers)->length, 128);
	assert_int_equal(last_event(&peers)->cookie, 0x1234);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 64, 128, 0x4321, 0),
			 0);
	settle(&mains, &peers);
	assert_int_equal(event_is(&mains, 'T')->offset, 64);
	assert_int_equal(last_event(&mains)->length, 128);
	assert_int_equal(last_event(&mains)->cookie, 0x4321);
	/* a second request, refused */
	mains.requested_error = -ENOMEM;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	settle(&mains, &peers);
	assert_int_equal(event_is(&peers, 'G')->error, -ENOMEM);
	/* the end */
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	settle(&mains, &peers);
	event_is(&mains, 'R');
	event_is(&peers, 'R');
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	settle(&mains, &peers);
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
	close_buffer();
}

static void an_offer_in_many_messages_depends_on_no_second_read(void **state)
{
	const uint32_t first = 20, count = SIDE_SEGMENTS; /* as many as there is room for */

	(void)state;
	open_shared_pair();
	raw_offer(1)->segment_count = count;
	raw.body.offer.count = first;
	raw.body.offer.size = count * 64;
	for (uint32_t i = 0; i < first; i++)
		raw.body.offer.segments[i] = (struct wire_segment){ARENA_DA + 64 * i, 64};
	say(&mains, &peers, WIRE_OFFER, first);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_OFFERED);
	raw.body.segments = (struct wire_segments){1, 1, first, count - first, {{0, 0}}};
	for (uint32_t i = first; i < count; i++)
		raw.body.segments.segments[i - first] =
			(struct wire_segment){ARENA_DA + 64 * i, 64};
	assert_int_equal(send_raw(&mains, WIRE_SEGMENTS, count - first), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(copied, amph_wire_length(WIRE_SEGMENTS, count - first));
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(peers.shares[0].segments[i].address, ARENA_DA + 64 * i);
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void a_refusal_names_what_was_read_once(void **state)
{
	struct amph_share share = {.handle = 17, .generation = 3, .direction = 3};
	const struct wire_reject *reject = &mains.end.last.body.reject;

	(void)state;
	open_shared_pair();
	say_handoff(&peers, &mains, WIRE_GIVE, &share, 0x40, 0x80);
	said_reject(&mains, WIRE_GIVE, WIRE_NOT_FOUND);
	assert_int_equal(reject->handle, 17);
	assert_int_equal(reject->generation, 3);
	assert_int_equal(reject->offset, 0x40);
	assert_int_equal(reject->length, 0x80);
	assert_int_equal(reject->sequence, peers.session.sent);
	/* too short for a header */
	loopback_send(&peers.end.channel, &raw, WIRE_HEADER_SIZE - 1, -1, 0);
	settle(&mains, &peers);
	assert_int_equal(mains.session.count.rejected, 2);
	assert_int_equal(copied, WIRE_HEADER_SIZE - 1);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_session_depends_on_no_second_read),
		cmocka_unit_test(an_offer_in_many_messages_depends_on_no_second_read),
		cmocka_unit_test(a_refusal_names_what_was_read_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
