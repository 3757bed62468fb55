/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers, and who has which half of them as the calls and events say: compared with the library's record.
 * Test code.
 */
#include <stdio.h>
#include <string.h>

#include "side.h"

struct jar *jar_of(const struct amph_share *share)
{
	for (uint32_t i = 0; i < JARS; i++)
		if (share->shm == &side.jars[i].shm)
			return &side.jars[i];
	stage_fail(__FILE__, __LINE__, "an event of a share that is no buffer of this side");
}

void jar_moved(struct jar *jar, uint64_t offset, uint64_t length, enum holder holder)
{
	for (uint32_t i = 0; i < 2; i++)
		if (offset <= i * HALF && offset + length >= (i + 1) * HALF)
			jar->holders[i] = holder;
}

static uint8_t pattern_of(uint64_t offset, uint64_t cookie)
{
	return (uint8_t)((cookie >> 8) * 37 + (offset >> 6));
}

void pattern_write(void *va, uint64_t offset, uint64_t length, uint64_t cookie)
{
	for (uint64_t i = offset; i < offset + length; i += 64)
		memset((uint8_t *)va + i, pattern_of(i, cookie), 64);
}

void pattern_check(const void *va, uint64_t offset, uint64_t length, uint64_t cookie)
{
	const uint8_t *bytes = va;

	for (uint64_t i = offset; i < offset + length; i++)
		if (bytes[i] != pattern_of(i & ~UINT64_C(63), cookie))
			stage_fail(__FILE__, __LINE__, "byte %llu is %#x and not %#x",
				   (unsigned long long)i, bytes[i],
				   pattern_of(i & ~UINT64_C(63), cookie));
}

int jar_open(struct jar *jar, const char *name, uint64_t size)
{
	const struct amph_shm_storage storage = {jar->ranges, RANGES, jar->segments, 1};
	char full[AMPH_NAME_MAX];
	int error;

	memset(jar, 0, sizeof(*jar));
	snprintf(full, sizeof(full), "%s:%s", stage->lane == LANE_MEMFD ? "memfd" : "pool", name);
	error = amph_shm_open(&side.memory, &jar->shm, &storage, full, size, 0);
	jar->open = !error;
	return error;
}

int jar_share(struct jar *jar, uint32_t which, struct end *end, enum amph_sync_method method,
	      uint32_t request)
{
	int error = amph_shm_attach(&jar->shm, end->target, AMPH_DEVICE_READS_WRITES, method,
				    &jar->attachments[which], jar->device_segments[which], 1);

	if (error)
		return error;
	jar->ends[which] = end;
	error = IN_TIME(amph_session_offer(&end->session, &jar->attachments[which], request, soon(),
					   &jar->shares[which]));
	if (error)
		return error;
	return IN_TIME(amph_session_wait_share(&end->session, jar->shares[which],
					       AMPH_SHARE_ACCEPTED, soon()));
}

int jar_give(struct jar *jar, uint32_t which, uint32_t half, uint32_t halves, bool reading,
	     uint64_t cookie)
{
	uint64_t offset = half * HALF, length = halves * HALF;
	enum holder before = jar->holders[half];
	struct amph_share *share = jar->shares[which];
	int error;

	/* before the call: an answer may come within it */
	jar_moved(jar, offset, length, reading ? HOLDER_READ : HOLDER_ENDS + which);
	error = IN_TIME(amph_session_give(&jar->ends[which]->session, share, offset, length,
					  reading, cookie, soon()));
	if (error && (jar->holders[half] == HOLDER_READ || jar->holders[half] >= HOLDER_ENDS))
		jar_moved(jar, offset, length, before);
	return error;
}

int jar_wait(struct jar *jar, uint32_t which)
{
	struct amph_session *session = &jar->ends[which]->session;
	int error = IN_TIME(amph_session_wait_range(session, jar->shares[which], 0, jar->shm.size,
						    true, soon()));

	/* all of it came, and then the importer released it */
	if (error == -ENOENT && jar->holders[0] == HOLDER_CPU && jar->holders[1] == HOLDER_CPU)
		error = 0;
	if (!error) {
		CHECK_EQUAL(jar->holders[0], HOLDER_CPU);
		CHECK_EQUAL(jar->holders[1], HOLDER_CPU);
	}
	return error;
}

int jar_wait_both(struct jar *jar, uint32_t from, uint32_t to)
{
	struct end *ends[] = {jar->ends[from], jar->ends[to]};
	uint64_t deadline = soon();

	for (;;) {
		if (jar->holders[0] == HOLDER_CPU && jar->holders[1] == HOLDER_CPU)
			return 0;
		for (uint32_t i = 0; i < 2; i++) {
			int result = IN_TIME(amph_session_poll(&ends[i]->session, 0));

			if (result < 0 && result != -ETIMEDOUT)
				return result;
		}
		if (amph_time_now() > deadline)
			return -ETIMEDOUT;
		end_rest(ends, 2);
	}
}

int jar_pass(struct jar *jar, uint32_t from, uint32_t to, uint64_t cookie)
{
	enum holder before = jar->holders[0];
	int error = IN_TIME(amph_session_pass(&jar->ends[from]->session, jar->shares[from],
					      &jar->ends[to]->session, jar->shares[to], 0,
					      jar->shm.size, cookie, soon()));

	/* it was returned before: a give */
	if (!error && before == HOLDER_CPU)
		jar_moved(jar, 0, jar->shm.size, HOLDER_ENDS + to);
	return error;
}

int jar_round(struct jar *jar, uint32_t which, enum command command)
{
	static uint32_t patterns;
	uint64_t cookie = cookie_of(command, ++patterns);
	int error = jar_give(jar, which, 0, 2, false, cookie);

	if (!error)
		error = jar_wait(jar, which);
	if (!error)
		pattern_check(jar->shm.va, 0, jar->shm.size, cookie);
	return error;
}

int jar_release(struct jar *jar, uint32_t which)
{
	struct amph_session *session = &jar->ends[which]->session;
	struct amph_share *share = jar->shares[which];
	int error = IN_TIME(amph_session_release(session, share, soon()));

	/* a queue's own memory counts as given until here */
	if (!error)
		jar->holders[0] = HOLDER_CPU;
	if (!error)
		error = IN_TIME(
			amph_session_wait_share(session, share, AMPH_SHARE_RELEASED, soon()));
	/* the end of the session frees the slot too */
	if (!error && session->state == AMPH_SESSION_LOST)
		error = session->error;
	if (!error)
		CHECK_EQUAL(amph_shm_detach(&jar->attachments[which]), 0);
	return error;
}

int jar_close(struct jar *jar)
{
	int error = amph_shm_put(&jar->shm);

	CHECK_EQUAL(error, 0);
	jar->open = false;
	return error;
}

/* What a half's record must say. */
static uint32_t holders_of(const struct jar *jar, uint32_t half)
{
	enum holder holder = jar->holders[half];

	if (holder == HOLDER_CPU)
		return AMPH_HOLDER_CPU;
	if (holder == HOLDER_READ)
		return AMPH_HOLDER_CPU | jar->attachments[0].bit;
	return jar->attachments[holder - HOLDER_ENDS].bit;
}

void jar_check(struct jar *jar)
{
	if (!jar->open || jar->abandoned)
		return;
	CHECK_EQUAL(amph_shm_check(&jar->shm), 0);
	for (uint32_t half = 0; half < 2 && half * HALF < jar->shm.size; half++) {
		enum holder holder = jar->holders[half];
		uint64_t length = jar->shm.size < HALF ? jar->shm.size : HALF;

		for (uint32_t i = 0; i < jar->shm.range_count; i++) {
			const struct amph_range *range = &jar->ranges[i];

			if (range->offset < (half + 1) * HALF &&
			    range->offset + range->length > half * HALF)
				CHECK_EQUAL(range->holders, holders_of(jar, half));
		}
		CHECK_EQUAL(amph_shm_check_access(&jar->shm, half * HALF, length, true),
			    holder == HOLDER_CPU ? 0 : -EACCES);
		CHECK_EQUAL(amph_shm_check_access(&jar->shm, half * HALF, length, false),
			    holder == HOLDER_CPU || holder == HOLDER_READ ? 0 : -EACCES);
	}
}
