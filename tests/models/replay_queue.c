/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: follows runs of queue.pml with lib/queue: two sides with sessions and an open queue, the home is
 * side 0. Positions begin just before they wrap. Time stands still, so that no deadline passes. Buffers are
 * shares, whole, which go the quick way; but for ONE_WAY, pieces of one share.
 */
#include <errno.h>
#include <string.h>

#include "replay_queue_channel.h"

#define assert_int_equal(a, b) replay_compare(#a, b, a)
#define assert_true(a)	       replay_compare(#a, true, !!(a))
#define assert_null(a)	       replay_compare(#a, true, !(a))

#include "share/queue_pair.h"

#include "queue/ring.h"

#define PIECE  64u
#define PIECES (DATA_SIZE / PIECE)
#define MORE   2u /* buffers, beside the first */

/* A piece of the data, and who has it. */
enum holder { HOME, IMPORTER, ON_ITS_WAY, CONSUMED /* by the importer, which wants it no more */ };

struct call {
	uint32_t count; /* pieces to send */
	uint64_t deadline; /* of a receive: 0 or FAR */
	int result;
};

uint64_t __real_amph_time_now(void);
uint64_t __wrap_amph_time_now(void);

static struct side *const ends[2] = {&mains, &peers};
static struct amph_queue *const queues[2] = {&main_queue, &peer_queue};
static struct amph_share *shares[2][1 + MORE]; /* of each buffer */
static struct buffer more[MORE];
static bool in_pieces;
static enum holder holders[PIECES];
static struct buffer extra; /* what the home talks of */
static struct amph_share *extra_share;
static struct call calls[2];
static uint32_t slots, positions, first;
static bool still;

uint64_t __wrap_amph_time_now(void)
{
	return still ? NOW : __real_amph_time_now();
}

/* --- as they are at first --- */

static void start_at(struct amph_queue *queue)
{
	queue->produced = queue->taken = queue->consumed = queue->told = first;
	*queue_consumed(queue->own_line) = first;
	/* what was said while it was set up is an old story */
	queue->heard = queue_sleeper(queue, queue->peer_line)->said;
}

static void choose_way(struct amph_queue_config *way)
{
	*way = (struct amph_queue_config){.by_receive = true};
	if (!model_flag("CHANNEL_SLEEP", 0))
		way->doorbell = doorbell;
}

static struct amph_share *peer_share(const struct amph_share *share)
{
	for (uint32_t i = 0; i < SIDE_SHARES; i++)
		if (peers.shares[i].state == AMPH_SHARE_ACCEPTED &&
		    peers.shares[i].handle == share->handle)
			return &peers.shares[i];
	replay_differs("the importer has not accepted a share");
}

void replay_prepare(void)
{
	uint32_t buffers = (uint32_t)model_flag("BUFFERS", 1);

	slots = (uint32_t)model_flag("SLOTS", 2);
	positions = 2 * slots;
	first = 0u - 2 * positions;
	choose_way(&main_way);
	choose_way(&peer_way);
	in_pieces = model_flag("ONE_WAY", 0);
	open_queues(slots);
	shares[HOME][0] = data_share;
	for (uint32_t i = 0; i < MORE && i + 1 < buffers; i++)
		offer_for_queue(&more[i], i ? "arena:c000" : "arena:a000", DATA_SIZE,
				&shares[HOME][1 + i]);
	assert_int_equal(buffer_open(&extra, &mains, "arena:9000", 4096, 0), 0);
	assert_int_equal(buffer_attach(&extra, &mains, AMPH_DEVICE_READS_WRITES), 0);
	for (uint32_t i = 0; i <= MORE && shares[HOME][i]; i++)
		shares[IMPORTER][i] = peer_share(shares[HOME][i]);
	for (unsigned int side = 0; side < 2; side++) {
		ends[side]->end.channel.ops = &channel_ops;
		start_at(queues[side]);
		if (in_pieces)
			queues[side]->fork_word = NULL; /* nothing goes the quick way */
	}
	for (uint32_t i = 0; i < PIECES; i++)
		holders[i] = i < buffers || in_pieces ? HOME : CONSUMED;
	channel_prepare(&peers.end.channel);
	still = true;
}

/* --- the words --- */

static int word_of_slot(const struct amph_queue *queue, unsigned int writer, const uint8_t *address)
{
	size_t offset = (size_t)(address - queue->out);
	uint32_t slot = (uint32_t)(offset >> queue->shift);

	offset &= ((size_t)1 << queue->shift) - 1;
	if (address < queue->out || slot >= slots)
		return -1;
	if (offset == offsetof(struct queue_slot, sequence))
		return (int)(writer * slots + slot);
	if (offset == offsetof(struct queue_slot, handle))
		return (int)((2 + writer) * slots + slot);
	return -1;
}

int replay_word(unsigned int side, const void *address, bool store)
{
	unsigned int writer = store ? side : 1 - side;
	const struct amph_queue *queue = queues[writer];
	const struct queue_sleeper *sleeper = queue_sleeper(queue, queue->own_line);
	const int base = (int)(4 * slots + writer);

	if (address == queue_consumed(queue->own_line))
		return base;
	if (address == &sleeper->waiting)
		return base + 2;
	if (address == &sleeper->bell)
		return base + 4;
	if (address == &sleeper->said)
		return base + 6;
	return word_of_slot(queue, writer, address);
}

static int position_of(uint64_t count)
{
	return (int)((uint32_t)(count - first) % positions);
}

int replay_value(int word, uint64_t value)
{
	uint32_t kind = (uint32_t)word / (2 * slots);

	if (kind == 0 || (kind == 2 && (uint32_t)word < 4 * slots + 2))
		return position_of(value);
	if (kind == 1)
		return value != 0;
	if ((uint32_t)word < 4 * slots + 4)
		return (int)(value & (QUEUE_SLEEP - 1));
	return 0; /* bells and `said` only count */
}

/* --- the calls --- */

/* What the importer is done with is the home's again, without a word of it. */
static void recover(void)
{
	for (uint32_t i = 0; i < PIECES && in_pieces; i++) {
		if (holders[i] != CONSUMED)
			continue;
		assert_int_equal(amph_shm_sync_for_cpu(shares[HOME][0]->attachment,
						       (uint64_t)i * PIECE, PIECE),
				 0);
		holders[i] = HOME;
	}
}

static struct amph_queue_entry entry_of(unsigned int side, uint32_t piece)
{
	if (in_pieces)
		return (struct amph_queue_entry){.share = shares[side][0],
						 .offset = (uint64_t)piece * PIECE,
						 .length = PIECE,
						 .cookie = piece};
	return (struct amph_queue_entry){
		.share = shares[side][piece], .length = DATA_SIZE, .cookie = piece};
}

static void send(unsigned int side)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t count = 0, sent;

	if (side == HOME)
		recover();
	for (uint32_t i = 0; i < PIECES && count < calls[side].count; i++) {
		if (holders[i] != side)
			continue;
		holders[i] = ON_ITS_WAY;
		entries[count++] = entry_of(side, i);
	}
	replay_compare("pieces to send", calls[side].count, count);
	calls[side].result = amph_queue_send(queues[side], entries, count, FAR, &sent);
	replay_compare("pieces sent", count, sent);
}

static void receive(unsigned int side)
{
	struct amph_queue_entry entries[PIECES];
	uint32_t received = 0;

	calls[side].result =
		amph_queue_receive(queues[side], entries, PIECES, calls[side].deadline, &received);
	if (calls[side].result == -ETIMEDOUT && !calls[side].deadline)
		calls[side].result = 0;
	for (uint32_t i = 0; i < received; i++) {
		uint64_t piece = entries[i].cookie;
		struct amph_queue_entry expected;

		if (piece >= PIECES || holders[piece] != ON_ITS_WAY)
			replay_differs("the code takes piece %llu once more",
				       (unsigned long long)piece);
		expected = entry_of(side, (uint32_t)piece);
		replay_compare("share", true, entries[i].share == expected.share);
		replay_compare("offset", expected.offset, entries[i].offset);
		holders[piece] = side ? IMPORTER : HOME;
		if (!in_pieces)
			continue;
		assert_int_equal(amph_shm_sync_for_device(expected.share->attachment,
							  expected.offset, PIECE, false),
				 0);
		holders[piece] = CONSUMED;
	}
}

static void poll(unsigned int side)
{
	int result = amph_session_poll(&ends[side]->session, FAR);

	calls[side].result = result < 0 ? result : 0;
}

/* Something with one answer. */
static void talk(unsigned int side)
{
	struct amph_session *session = &ends[side]->session;

	if (!extra_share || extra_share->state == AMPH_SHARE_FREE)
		calls[side].result =
			amph_session_offer(session, &extra.attachment, 0, 0, &extra_share);
	else
		calls[side].result = amph_session_release(session, extra_share, 0);
	if (calls[side].result == -ETIMEDOUT)
		calls[side].result = 0; /* not answered yet */
}

/* --- the run --- */

static void check_end(unsigned int side, const int *numbers)
{
	const struct amph_queue *queue = queues[side];

	replay_need_end(side);
	replay_compare("result", 0, calls[side].result);
	replay_compare("produced", numbers[0], position_of(queue->produced));
	replay_compare("consumed", numbers[1], position_of(queue->consumed));
	replay_compare("taken", numbers[2], position_of(queue->taken));
	replay_compare("told", numbers[3], position_of(queue->told));
}

bool replay_step(const struct replay_line *line)
{
	unsigned int side = line->side;

	if (!strcmp(line->verb, "send") && line->count == 1) {
		calls[side].count = (uint32_t)line->numbers[0];
		replay_call(side, send);
	} else if (!strcmp(line->verb, "receive") && line->count == 1) {
		calls[side].deadline = line->numbers[0] ? FAR : 0;
		replay_call(side, receive);
	} else if (!strcmp(line->verb, "poll")) {
		replay_call(side, poll);
	} else if (!strcmp(line->verb, "talk")) {
		replay_call(side, talk);
	} else if (!strcmp(line->verb, "wakes")) {
		const struct amph_queue *peer = queues[1 - side];

		channel_wake(side, queue_sleeper(peer, peer->own_line)->bell);
	} else if (!strcmp(line->verb, "end") && line->count == 4) {
		check_end(side, line->numbers);
	} else {
		return channel_step(line);
	}
	return true;
}
