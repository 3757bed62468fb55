/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a home does with two importers: everything that the protocol has, once at least.
 * Test code. Ends at the first error; the case then looks at what is left.
 */
#include "side.h"

#define TRY(call)                                         \
	do {                                              \
		int error_ = (call);                      \
		if (error_)                               \
			return stopped(error_, __LINE__); \
	} while (0)

/* Where the program ended first, for who reports it. */
static int stopped(int error, int line)
{
	if (!side.line)
		side.line = line;
	return error;
}

enum { PICTURE, RING, QUEUED, ASKED };

/* By messages: whole, in halves, and shared for reading. */
static int by_messages(struct jar *jar)
{
	TRY(jar_round(jar, 0, COMMAND_RETURN));
	TRY(jar_give(jar, 0, 1, 1, false, cookie_of(COMMAND_RETURN, 77)));
	TRY(jar_give(jar, 0, 0, 1, true, cookie_of(COMMAND_RETURN, 78)));
	TRY(jar_wait(jar, 0));
	pattern_check(jar->shm.va, HALF, HALF, cookie_of(COMMAND_RETURN, 77));
	return 0;
}

/* From the first to the second, and back. */
static int by_passing(struct jar *jar)
{
	TRY(jar_give(jar, 0, 0, 2, false, cookie_of(COMMAND_KEEP, 1)));
	TRY(jar_pass(jar, 0, 1, cookie_of(COMMAND_RETURN, 90)));
	TRY(jar_wait_both(jar, 0, 1));
	pattern_check(jar->shm.va, 0, jar->shm.size, cookie_of(COMMAND_RETURN, 90));
	TRY(jar_give(jar, 1, 0, 2, false, cookie_of(COMMAND_KEEP, 1)));
	TRY(jar_pass(jar, 1, 0, cookie_of(COMMAND_RETURN, 91)));
	TRY(jar_wait_both(jar, 1, 0));
	pattern_check(jar->shm.va, 0, jar->shm.size, cookie_of(COMMAND_RETURN, 91));
	return 0;
}

static int by_queue(struct end *end, struct jar *ring, struct jar *jar)
{
	struct amph_queue_config config = {.spins = 0};
	struct amph_queue_entry entries[2];
	uint32_t sent = 0;
	int error;

	if (stage->lane != LANE_MEMFD)
		amph_queue_doorbell_futex(&config.doorbell);
	TRY(jar_open(ring, "ring", amph_queue_size(RING_SLOTS, 64)));
	TRY(jar_share(ring, 0, end, AMPH_SYNC_QUEUE, 0));
	ring->holders[0] = HOLDER_ENDS;
	error = IN_TIME(amph_queue_open(&end->queue, &end->session, ring->shares[0], RING_SLOTS,
					&config, soon()));
	if (error && !amph_shm_check_access(&ring->shm, 0, ring->shm.size, true))
		ring->holders[0] = HOLDER_CPU; /* never said */
	TRY(error);
	TRY(jar_open(jar, "queued", JAR_SIZE));
	TRY(jar_share(jar, 0, end, AMPH_SYNC_QUEUE, 0));
	for (uint32_t i = 0; i < RING_SLOTS + 1; i++)
		TRY(jar_round(jar, 0, COMMAND_RETURN));
	for (uint32_t i = 0; i < 2; i++)
		entries[i] = (struct amph_queue_entry){jar->shares[0], i * HALF, HALF,
						       cookie_of(COMMAND_RETURN, 100 + i), false};
	jar_moved(jar, 0, JAR_SIZE, HOLDER_ENDS);
	error = IN_TIME(amph_queue_send(&end->queue, entries, 2, soon(), &sent));
	for (uint32_t i = sent; i < 2; i++)
		jar_moved(jar, i * HALF, HALF, HOLDER_CPU);
	TRY(error);
	TRY(jar_wait(jar, 0));
	pattern_check(jar->shm.va, HALF, HALF, entries[1].cookie);
	TRY(jar_release(jar, 0));
	jar_close(jar);
	TRY(jar_release(ring, 0));
	jar_close(ring);
	return 0;
}

/* Waits until the importer has asked, granted or offered something. */
static int next_of(struct end *end, enum work_kind kind, bool home, struct work *work)
{
	uint64_t deadline = soon();

	for (;;) {
		while (end_next(end, work))
			if (work->kind == kind && work->home == home)
				return 0;
		if (amph_time_now() > deadline)
			return -ETIMEDOUT;
		TRY(IN_TIME(amph_session_poll(&end->session, deadline)) < 0 ? -EPIPE : 0);
	}
}

/* The importer asks for memory, uses it, and releases it. */
static int by_request(struct end *end, struct jar *picture, struct jar *jar)
{
	struct work work;

	TRY(jar_round(picture, 0, COMMAND_REQUEST));
	TRY(next_of(end, WORK_REQUESTED, false, &work));
	TRY(jar_open(jar, "asked", work.length));
	TRY(jar_share(jar, 0, end, AMPH_SYNC_MESSAGES, (uint32_t)work.cookie));
	TRY(jar_round(jar, 0, COMMAND_RELEASE));
	TRY(IN_TIME(amph_session_wait_share(&end->session, jar->shares[0], AMPH_SHARE_RELEASED,
					    soon())));
	if (end->session.state == AMPH_SESSION_LOST)
		return end->session.error;
	CHECK_EQUAL(amph_shm_detach(&jar->attachments[0]), 0);
	return jar_close(jar);
}

/* The importer is a home too: it offers a buffer, gives it, and releases it when it is back. */
static int by_offer(struct end *end, struct jar *picture)
{
	uint32_t released;
	struct work work;
	uint64_t deadline;

	TRY(jar_round(picture, 0, COMMAND_OFFER));
	TRY(next_of(end, WORK_TAKEN, false, &work));
	released = end->released;
	pattern_write(work.share->va, work.offset, work.length, work.cookie);
	TRY(IN_TIME(amph_session_return(&end->session, work.share, work.offset, work.length,
					work.cookie, soon())));
	deadline = soon();
	while (end->released == released) {
		if (amph_time_now() > deadline)
			return -ETIMEDOUT;
		TRY(IN_TIME(amph_session_poll(&end->session, deadline)) < 0 ? -EPIPE : 0);
	}
	return 0;
}

int home_program(struct end *first, struct end *second)
{
	struct jar *picture = &side.jars[PICTURE];

	if (second->session.state != AMPH_SESSION_OPEN)
		TRY(end_open(second));
	TRY(jar_open(picture, "picture", JAR_SIZE));
	TRY(jar_share(picture, 1, second, AMPH_SYNC_MESSAGES, 0));
	TRY(end_open(first));
	TRY(jar_share(picture, 0, first, AMPH_SYNC_MESSAGES, 0));
	TRY(by_messages(picture));
	TRY(by_queue(first, &side.jars[RING], &side.jars[QUEUED]));
	TRY(by_passing(picture));
	TRY(by_request(first, picture, &side.jars[ASKED]));
	TRY(by_offer(first, picture));
	TRY(jar_release(picture, 0));
	return IN_TIME(amph_session_close(&first->session, soon()));
}

int home_short(struct end *end, struct jar *jar)
{
	TRY(jar_open(jar, "short", JAR_SIZE));
	TRY(jar_share(jar, 0, end, AMPH_SYNC_MESSAGES, 0));
	TRY(jar_round(jar, 0, COMMAND_RETURN));
	TRY(jar_release(jar, 0));
	return jar_close(jar);
}
