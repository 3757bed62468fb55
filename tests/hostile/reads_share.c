/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A message of the other side is read once: a share session over RPMsg in memory that only order.h opens,
 * where every byte of a message becomes garbage as soon as it was read. Whoever looks at it twice, or
 * keeps a pointer, sees something else. Test code.
 */
#include "hostile/reads.h"

#include "share/raw.h"
#include "support/rpmsg_pair.h"

#define COUNT 8u
#define SIZE  520u

static char *memory;
static struct pair pair;
static struct amph_channel_rpmsg channels[2];

/* Flags, indices and event words of the rings. */
static bool is_polled(const void *word)
{
	for (int i = 0; i < 2; i++) {
		const struct amph_vring *ring = &pair.main.config.vrings[i];

		if (word == ring->avail || word == ring->avail + 1 || word == ring->used ||
		    word == ring->used + 1)
			return true;
	}
	return false;
}

static void move(void)
{
	for (int i = 0, idle = 0; idle < 2; i++) {
		struct side *side = i & 1 ? &peers : &mains;

		assert_true(i < 1000);
		idle = amph_session_poll(&side->session, 0) > 0 ? 0 : idle + 1;
	}
}

static void open_over_rpmsg(void)
{
	struct side *both[] = {&mains, &peers};
	struct pair_side *ends[] = {&pair.main, &pair.peer};

	closed_report_faults();
	memset(&mains, 0, sizeof(mains));
	memset(&peers, 0, sizeof(peers));
	memset(&buffer, 0, sizeof(buffer));
	pair_place(&pair, memory, COUNT, SIZE);
	pair.main.config.wait = pair.peer.config.wait = NULL;
	assert_int_equal(pair_start(&pair), 0);
	side_init(&mains, AMPH_SESSION_MAIN, 0x1111222233334444u);
	side_init(&peers, AMPH_SESSION_PEER, 7);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(amph_channel_rpmsg_init(&channels[i], &ends[i]->rpmsg, "share",
							 100u + 100u * i, 200u - 100u * i, false,
							 0),
				 0);
		both[i]->config.channel = &channels[i].channel;
		assert_int_equal(amph_session_init(&both[i]->session, &both[i]->config), 0);
	}
	amph_session_open(&peers.session, 0);
	amph_session_open(&mains.session, 0);
	move();
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	assert_int_equal(peers.session.state, AMPH_SESSION_OPEN);
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
	open_over_rpmsg();
	open_buffer(AMPH_DEVICE_READS_WRITES);
	/* a request, granted by an offer */
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	move();
	event_is(&mains, 'Q');
	assert_int_equal(mains.request.id, request);
	assert_int_equal(mains.request.size, 4096);
	assert_string_equal(mains.request.name, "arena:0");
	assert_int_equal(amph_session_offer(&mains.session, &buffer.attachment, request, 0, &share),
			 0);
	move();
	assert_int_equal(share->state, AMPH_SHARE_ACCEPTED);
	assert_int_equal(event_is(&peers, 'G')->cookie, request);
	assert_string_equal(peers.shares[0].name, "arena:1000");
	assert_int_equal(peers.shares[0].size, 4096);
	assert_int_equal(peers.shares[0].segments[0].address, ARENA_DA + 0x1000);
	/* there and back */
	assert_int_equal(amph_session_give(&mains.session, share, 64, 128, false, 0x1234, 0), 0);
	move();
	assert_int_equal(event_is(&peers, 'T')->offset, 64);
	assert_int_equal(last_event(&peers)->length, 128);
	assert_int_equal(last_event(&peers)->cookie, 0x1234);
	assert_int_equal(amph_session_return(&peers.session, &peers.shares[0], 64, 128, 0x4321, 0),
			 0);
	move();
	assert_int_equal(event_is(&mains, 'T')->offset, 64);
	assert_int_equal(last_event(&mains)->length, 128);
	assert_int_equal(last_event(&mains)->cookie, 0x4321);
	/* a second request, refused */
	mains.requested_error = -ENOMEM;
	assert_int_equal(amph_session_request(&peers.session, &wanted, 0, &request), 0);
	move();
	assert_int_equal(event_is(&peers, 'G')->error, -ENOMEM);
	/* the end */
	assert_int_equal(amph_session_release(&mains.session, share, 0), 0);
	move();
	event_is(&mains, 'R');
	event_is(&peers, 'R');
	assert_int_equal(amph_session_close(&mains.session, 0), -ETIMEDOUT);
	move();
	assert_int_equal(mains.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(peers.session.state, AMPH_SESSION_CLOSED);
	assert_int_equal(mains.session.count.rejected + peers.session.count.rejected, 0);
	close_buffer();
}

static void an_offer_in_many_messages_depends_on_no_second_read(void **state)
{
	const uint32_t first = 20, count = SIDE_SEGMENTS; /* as many as there is room for */

	(void)state;
	open_over_rpmsg();
	raw_offer(1)->segment_count = count;
	raw.body.offer.count = first;
	raw.body.offer.size = count * 64;
	for (uint32_t i = 0; i < first; i++)
		raw.body.offer.segments[i] = (struct wire_segment){ARENA_DA + 64 * i, 64};
	assert_int_equal(send_raw(&mains, WIRE_OFFER, first), 0);
	move();
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_OFFERED);
	raw.body.segments = (struct wire_segments){1, 1, first, count - first, {{0, 0}}};
	for (uint32_t i = first; i < count; i++)
		raw.body.segments.segments[i - first] =
			(struct wire_segment){ARENA_DA + 64 * i, 64};
	assert_int_equal(send_raw(&mains, WIRE_SEGMENTS, count - first), 0);
	assert_int_equal(amph_session_poll(&peers.session, 0), 1);
	assert_int_equal(peers.shares[0].state, AMPH_SHARE_ACCEPTED);
	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(peers.shares[0].segments[i].address, ARENA_DA + 64 * i);
	amph_session_lose(&peers.session, -EIO, "the end");
	amph_session_lose(&mains.session, -EIO, "the end");
}

/* What a side said last: the other's endpoint hears it instead of a session. */
static struct wire_message heard;

static void hear(struct amph_rpmsg_endpoint *endpoint, const void *data, uint32_t length,
		 uint32_t source, void *argument)
{
	(void)endpoint;
	(void)source;
	(void)argument;
	memcpy(&heard, closed_view(data), length < sizeof(heard) ? length : sizeof(heard));
}

static void a_refusal_names_what_was_read_once(void **state)
{
	const struct amph_share share = {.handle = 17, .generation = 3, .direction = 3};
	const struct wire_reject *reject = &heard.body.reject;

	(void)state;
	open_over_rpmsg();
	channels[1].endpoint.receiver = hear;
	amph_session_fill_handoff(&raw, &share, 0x40, 0x80, 0, false);
	assert_int_equal(send_raw(&peers, WIRE_GIVE, 0), 0);
	move();
	assert_int_equal(heard.header.type, WIRE_REJECT);
	assert_int_equal(reject->type, WIRE_GIVE);
	assert_int_equal(reject->reason, WIRE_NOT_FOUND);
	assert_int_equal(reject->handle, 17);
	assert_int_equal(reject->generation, 3);
	assert_int_equal(reject->offset, 0x40);
	assert_int_equal(reject->length, 0x80);
	assert_int_equal(reject->sequence, peers.session.sent);
	/* too short for a header */
	assert_int_equal(amph_channel_send(&channels[1].channel, &raw, WIRE_HEADER_SIZE - 1, -1, 0),
			 0);
	move();
	assert_int_equal(mains.session.count.rejected, 2);
	assert_int_equal(mains.session.state, AMPH_SESSION_OPEN);
	amph_session_lose(&mains.session, -EIO, "the end");
	amph_session_lose(&peers.session, -EIO, "the end");
}

static void every_place_was_met(void **state)
{
	static const char *const folders[] = {"lib/share/", NULL};

	(void)state;
	reads_met_all_of(folders);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_session_depends_on_no_second_read),
		cmocka_unit_test(an_offer_in_many_messages_depends_on_no_second_read),
		cmocka_unit_test(a_refusal_names_what_was_read_once),
		cmocka_unit_test(every_place_was_met),
	};

	memory = closed_new(16384);
	arena = closed_new(ARENA_SIZE);
	reads_begin();
	reads_is_polled = is_polled;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
