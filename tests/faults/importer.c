/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An importer: does what each hand-off's cookie asks for, until all of its homes are gone.
 * Test code.
 */
#include "side.h"

#define OWN (JARS - 1) /* the buffer that it offers itself */

/* Does this share still live as it was when the event came? */
static bool lives(const struct work *work)
{
	return work->share->state == AMPH_SHARE_ACCEPTED &&
	       work->share->generation == work->generation;
}

static int give_back(struct end *end, const struct work *work)
{
	return IN_TIME(amph_session_return(&end->session, work->share, work->offset, work->length,
					   work->cookie, soon()));
}

static int pass_on(struct end *end, const struct work *work)
{
	end->kept.share = NULL;
	return give_back(end, work);
}

static int offer_own(struct end *end)
{
	struct jar *jar = &side.jars[OWN];
	int error = jar_open(jar, "own", JAR_SIZE);

	if (!error)
		error = jar_share(jar, 0, end, AMPH_SYNC_MESSAGES, 0);
	if (!error)
		error = jar_round(jar, 0, COMMAND_RETURN);
	if (!error)
		error = jar_release(jar, 0);
	if (!error)
		jar_close(jar);
	return error;
}

/* What was handed to this side: it writes where it may, and does what it is asked. */
static int serve(struct end *end, const struct work *work)
{
	const struct amph_session_request wanted = {.size = JAR_SIZE,
						    .direction = AMPH_DEVICE_READS_WRITES};
	uint32_t request;
	int error;

	/* a return of a buffer of its own is waited for where it was given */
	if (work->home || !lives(work))
		return 0;
	CHECK_EQUAL(
		amph_shm_check_access(work->share->shm, work->offset, work->length, !work->reading),
		0);
	if (!work->reading)
		pattern_write(work->share->va, work->offset, work->length, work->cookie);
	if ((work->cookie & 0xff) == COMMAND_KEEP) {
		end->kept = *work;
		return 0;
	}
	error = give_back(end, work);
	if (error)
		return error;
	switch (work->cookie & 0xff) {
	case COMMAND_REQUEST:
		return IN_TIME(amph_session_request(&end->session, &wanted, soon(), &request));
	case COMMAND_OFFER:
		return offer_own(end);
	case COMMAND_RELEASE:
		return IN_TIME(amph_session_release(&end->session, work->share, soon()));
	case COMMAND_RETURN_ALL:
		return end->kept.share && lives(&end->kept) ? give_back(end, &end->kept) : 0;
	default:
		return 0;
	}
}

static void do_work(struct end *end)
{
	struct work work;
	int error = 0;

	while (!error && end_next(end, &work)) {
		if (work.kind == WORK_TAKEN)
			error = serve(end, &work);
		else if (work.kind == WORK_PASSING && lives(&work))
			error = pass_on(end, &work);
	}
	/* a home that is gone, or does not answer in time: this side gives the session up */
	if (error && !end_is_over(end))
		amph_session_lose(&end->session, error, "the home does not do its part");
}

void importer_program(struct end **ends, uint32_t count)
{
	uint64_t deadline = soon();
	uint32_t over = 0;

	while (over < count) {
		bool moved = false;

		over = 0;
		for (uint32_t i = 0; i < count; i++) {
			struct end *end = ends[i];
			int result = end_is_over(end) ? 0 : amph_session_poll(&end->session, 0);

			if (end->leftover && end->session.state == AMPH_SESSION_OPEN) {
				end->leftover = false;
				end_say_stale(end);
			}
			do_work(end);
			moved = moved || result > 0;
			over += end_is_over(end);
		}
		if (moved) {
			deadline = soon();
		} else if (amph_time_now() > deadline) {
			/* nobody says anything any more */
			for (uint32_t i = 0; i < count; i++)
				amph_session_lose(&ends[i]->session, -ETIMEDOUT, "silence");
		} else if (over < count) {
			end_rest(ends, count);
		}
	}
}
