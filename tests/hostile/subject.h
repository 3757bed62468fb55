/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: what the honest processor of fuzz_hostile.c knows by itself, byte by byte, of its own memory:
 * who owns it, who can still reach it, what is in it; and of what the others lent it. The library's record
 * must say the same after every step, whatever the liar does.
 */
#ifndef TESTS_HOSTILE_SUBJECT_H
#define TESTS_HOSTILE_SUBJECT_H

#include "hostile/node.h"

#define SUBJECT (&nodes[0])
#define LIAR	(&nodes[1])
#define FRIEND	(&nodes[2]) /* the honest one of the second session */

#define TO_LIAR	  (&SUBJECT->links[0])
#define TO_FRIEND (&SUBJECT->links[1])

/* Owners of a byte, as bits. */
#define CPU	   ((uint8_t)1)
#define BY_LINK(n) ((uint8_t)(2u << (n)))

static uint8_t owner[CARVEOUT]; /* 0: of no buffer */
static uint8_t reach[CARVEOUT]; /* BY_LINK: who may write there although it owns nothing any more */
static uint8_t content[CARVEOUT];
static uint8_t stamp;
static bool
	unsure[NODE_BUFFERS]; /* a session broke during the hand-off: who owns what is not known */
static uint8_t lent[2][LINK_SHARES][4096]; /* imports: bytes that are the subject's now */

/* Loops over bytes are no news to a fuzzer. */
#ifdef __clang__
#define PLAIN __attribute__((no_sanitize("coverage", "address", "undefined")))
#else
#define PLAIN
#endif

/* Where the bytes stop being the same. */
PLAIN static uint64_t run_end(const uint8_t *bytes, uint64_t from, uint64_t end)
{
	uint64_t to = from;

	while (to < end && bytes[to] == bytes[from])
		to++;
	return to;
}

PLAIN static bool all_have(const uint8_t *bytes, uint64_t from, uint64_t length, uint8_t bits,
			   uint8_t value)
{
	for (uint64_t i = from; i < from + length; i++)
		if ((bytes[i] & bits) != value)
			return false;
	return true;
}

/* Clears bits and sets others. What has none left is `then`. */
PLAIN static void change_all(uint8_t *bytes, uint64_t from, uint64_t length, uint8_t clear,
			     uint8_t set, uint8_t then)
{
	for (uint64_t i = from; i < from + length; i++) {
		uint8_t value = (uint8_t)((bytes[i] & ~clear) | set);

		bytes[i] = value ? value : then;
	}
}

static uint8_t *view_of(const char *address)
{
	return closed_view(address);
}

static bool is_subjects(const struct amph_shm *shm)
{
	return (const char *)shm >= (const char *)SUBJECT->buffers &&
	       (const char *)shm < (const char *)(SUBJECT->buffers + NODE_BUFFERS);
}

static uint64_t base_of(const struct amph_shm *shm)
{
	return (uint64_t)((char *)shm->va - SUBJECT->memory);
}

static void forget(const struct amph_shm *shm)
{
	if (is_subjects(shm))
		unsure[buffer_of(shm) - SUBJECT->buffers] = true;
}

/* Memory that the pool hands out is nobody's, and nobody else reaches it. */
static void subject_opened(struct node *node, uint64_t offset, uint64_t length)
{
	if (node != SUBJECT)
		return;
	HOLDS(all_have(owner, offset, length, 0xff, 0) && all_have(reach, offset, length, 0xff, 0));
	memset(owner + offset, CPU, length);
	memset(content + offset, 0, length);
}

static void subject_closed(struct node *node, uint64_t offset, uint64_t length)
{
	if (node != SUBJECT)
		return;
	HOLDS(all_have(reach, offset, length, 0xff, 0));
	memset(owner + offset, 0, length);
}

/* What the subject's own program writes, where it may. */
static void subject_writes(uint64_t offset, uint64_t length)
{
	stamp = (uint8_t)(stamp % 251 + 1);
	memset(content + offset, stamp, length);
	memset(view_of(SUBJECT->memory + offset), stamp, length);
}

static void gave(const struct link *link, const struct amph_share *share, uint64_t offset,
		 uint64_t length, bool reading)
{
	uint64_t at = share->home ? base_of(share->shm) + offset : 0;
	uint8_t to = BY_LINK(link->number);
	uint8_t bits = 0xff; /* that are looked at: who else reads does not matter to who shares */

	if (reading)
		bits = (uint8_t)(to | CPU);
	if (!share->home) {
		/* what it read together with the home it may give back, and neither may write meanwhile */
		HOLDS(!memchr(&lent[link->number][share - link->shares][offset], 0, length));
		memset(&lent[link->number][share - link->shares][offset], 0, length);
		return;
	}
	if (!unsure[buffer_of(share->shm) - SUBJECT->buffers])
		HOLDS(all_have(owner, at, length, bits, CPU));
	change_all(owner, at, length, (uint8_t)(reading ? 0 : CPU), to, 0);
}

/* From a link's other side, which must have it, to the CPU, or to the other link. */
static void came(const struct link *link, const struct amph_share *share, uint64_t offset,
		 uint64_t length, uint8_t to)
{
	uint64_t at = base_of(share->shm) + offset;
	uint8_t from = BY_LINK(link->number);
	bool known = !unsure[buffer_of(share->shm) - SUBJECT->buffers];
	bool alone = all_have(owner, at, length, 0xff, from);

	if (known)
		HOLDS(all_have(owner, at, length, from, from));
	change_all(owner, at, length, from, to, 0);
	if (to != CPU || !known)
		return;
	/* the friend's writing is there, whole; the liar's is whatever it is */
	if (link == TO_FRIEND)
		HOLDS(!memcmp(view_of(SUBJECT->memory + at), content + at, length));
	if (alone)
		subject_writes(at, length);
}

static void subject_taken(struct amph_session *session, struct amph_share *share, uint64_t offset,
			  uint64_t length, bool reading, uint64_t cookie)
{
	const struct link *link = session->config.user;

	(void)cookie;
	HOLDS(session->state == AMPH_SESSION_OPEN && length && offset < share->size &&
	      length <= share->size - offset);
	HOLDS(!amph_shm_check_access(share->shm, offset, length, false));
	if (!share->home && (reading || !(share->direction & AMPH_DEVICE_WRITES)))
		HOLDS(amph_shm_check_access(share->shm, offset, length, true));
	if (share->home) {
		came(link, share, offset, length, CPU);
		return;
	}
	HOLDS(all_have(lent[link->number][share - link->shares], offset, length, 0xff, 0));
	memset(&lent[link->number][share - link->shares][offset], reading ? 2 : 1, length);
}

static void subject_undone(struct amph_session *session, struct amph_share *share, uint64_t offset,
			   uint64_t length, int error)
{
	const struct link *link = session->config.user;
	uint64_t base;

	HOLDS(error < 0);
	if (!share->home) {
		if ((error == -ENOSPC || error == -EBUSY) &&
		    !amph_shm_check_access(share->shm, offset, length, false))
			memset(&lent[link->number][share - link->shares][offset], 1, length);
		return;
	}
	HOLDS(!amph_shm_check_access(share->shm, offset, length, false));
	base = base_of(share->shm);
	/* `passed` may have said so before */
	if (owner[base + offset] & BY_LINK(link->number))
		came(link, share, offset, length, CPU);
}

static void subject_passed(struct amph_session *session, struct amph_share *share, uint64_t offset,
			   uint64_t length, uint64_t cookie, int error)
{
	const struct link *link = session->config.user;

	(void)cookie;
	if (error == -ERANGE)
		return;
	if (error) {
		HOLDS(!amph_shm_check_access(share->shm, offset, length, false));
		came(link, share, offset, length, CPU);
		return;
	}
	HOLDS(amph_shm_check_access(share->shm, offset, length, false));
	came(link, share, offset, length, BY_LINK(!link->number));
	/* what the first side wrote is what the second finds */
	memcpy(content + base_of(share->shm) + offset,
	       view_of((const char *)share->shm->va + offset), length);
}

static int subject_offered(struct amph_session *session, struct amph_share *share)
{
	const struct link *link = session->config.user;

	HOLDS(!share->home && share->segments_received == share->segments_expected &&
	      share->size <= CARVEOUT * SEGMENTS);
	if (share->size > sizeof(lent[0][0]))
		return -EFBIG;
	memset(lent[link->number][share - link->shares], 0, sizeof(lent[0][0]));
	return 0;
}

/* Whoever is told that it is over: the other side has nothing of it, and said that it reaches nothing. */
static void unreach(const struct link *link, const struct amph_share *share)
{
	uint64_t base = base_of(share->shm);

	HOLDS(unsure[buffer_of(share->shm) - SUBJECT->buffers] ||
	      all_have(owner, base, share->size, BY_LINK(link->number), 0));
	change_all(reach, base, share->size, BY_LINK(link->number), 0, 0);
}

static void subject_answered(struct amph_session *session, struct amph_share *share)
{
	HOLDS(share->home && (share->state == AMPH_SHARE_REFUSED) == (share->error != 0));
	if (share->state == AMPH_SHARE_REFUSED)
		unreach(session->config.user, share);
}

static void subject_released(struct amph_session *session, struct amph_share *share)
{
	struct link *link = session->config.user;

	if (share->home)
		unreach(link, share);
	else if (!session->path)
		amph_queue_expect(&link->queue, session, &node_way);
}

static int subject_requested(struct amph_session *session,
			     const struct amph_session_request *request)
{
	struct link *link = session->config.user;

	HOLDS(request->id && request->size && request->direction >= 1 && request->direction <= 3);
	HOLDS(memchr(request->name, 0, AMPH_NAME_MAX));
	HOLDS(session->granted_size <= session->config.quota);
	if (request->size % 128)
		return -EPERM;
	link->request = request->id;
	return 0;
}

static void subject_granted(struct amph_session *session, uint32_t request,
			    struct amph_share *share, int error)
{
	(void)session;
	HOLDS(request);
	HOLDS(error ? !share : share && share->state == AMPH_SHARE_ACCEPTED && !share->home);
}

static const struct amph_session_events subject_events = {
	.offered = subject_offered,
	.answered = subject_answered,
	.taken = subject_taken,
	.released = subject_released,
	.requested = subject_requested,
	.granted = subject_granted,
	.undone = subject_undone,
	.passed = subject_passed,
};

/* --- after every step --- */

/* Is the buffer a queue now? Then its owner is said so, and the bytes are the queues'. */
static bool is_ring(const struct buffer *buffer)
{
	const struct amph_session_path *path = TO_LIAR->session.path;

	return path && path->share && path->share->shm == &buffer->shm;
}

static void check_run(const struct buffer *buffer, uint64_t from, uint64_t to)
{
	struct amph_shm *shm = (struct amph_shm *)(uintptr_t)&buffer->shm;
	uint64_t base = base_of(shm);
	uint8_t who = owner[base + from];

	HOLDS(!!(who & CPU) == !amph_shm_check_access(shm, from, to - from, false));
	HOLDS((who == CPU) == !amph_shm_check_access(shm, from, to - from, true));
	if (who & CPU)
		HOLDS(!memcmp(view_of((char *)shm->va + from), content + base + from, to - from));
	else
		HOLDS(amph_shm_check_access(shm, to - 1, 1, false));
}

static void check_buffer(const struct buffer *buffer)
{
	uint64_t base = base_of(&buffer->shm), from = 0;

	HOLDS(!amph_shm_check(&buffer->shm));
	if (unsure[buffer - SUBJECT->buffers] || is_ring(buffer))
		return;
	for (uint64_t to; from < buffer->shm.size; from = to) {
		to = run_end(owner, base + from, base + buffer->shm.size) - base;
		check_run(buffer, from, to);
	}
}

static void check_import(struct link *link, struct amph_share *share)
{
	const uint8_t *mine = lent[link->number][share - link->shares];
	uint64_t from = 0;

	if (share->home || share->state != AMPH_SHARE_ACCEPTED ||
	    (link->session.path && link->session.path->share == share))
		return;
	HOLDS(!amph_shm_check(share->shm));
	for (uint64_t to; from < share->size; from = to) {
		to = run_end(mine, from, share->size);
		HOLDS(!mine[from] == !!amph_shm_check_access(share->shm, from, to - from, false));
		HOLDS(mine[from] != 2 || amph_shm_check_access(share->shm, from, to - from, true));
	}
}

static void check_link(struct link *link)
{
	uint64_t granted = 0;
	uint32_t imports = 0;

	for (uint32_t i = 0; i < LINK_SHARES; i++) {
		struct amph_share *share = &link->shares[i];

		if (share->state == AMPH_SHARE_FREE) {
			HOLDS(!share->shm && share->fd == -1);
			continue;
		}
		check_import(link, share);
		granted += share->home ? share->granted_size : 0;
		imports += !share->home && share->shm;
	}
	for (uint32_t i = 0; i < AMPH_SESSION_REQUESTS; i++)
		granted += link->session.wanted[i].size;
	HOLDS(link->session.granted_size == granted && granted <= link->config.quota);
	HOLDS(link->maps == imports);
}

static void check_subject(void)
{
	struct amph_why why;

	for (uint32_t i = 0; i < NODE_BUFFERS; i++)
		if (SUBJECT->buffers[i].open && !SUBJECT->buffers[i].abandoned)
			check_buffer(&SUBJECT->buffers[i]);
	check_link(TO_LIAR);
	check_link(TO_FRIEND);
	HOLDS(!amph_pool_check(&SUBJECT->pool, &why));
	/* nothing of it ever ended the friend's session */
	HOLDS(TO_FRIEND->session.state == AMPH_SESSION_OPEN && !TO_FRIEND->session.error);
}

#endif
