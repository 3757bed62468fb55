/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Polling, heartbeats, and the two ends of a session.
 * Share layer; freestanding. All callbacks of the application run below amph_session_poll(), but
 * for `ended` after the application itself gave the session up.
 */
#include <amphora/time.h>

#include "share/internal.h"

#define MILLISECOND 1000000u /* nanoseconds */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* So many milliseconds after a time; never, for 0 of them. Once, and not in each place: it is large. */
__attribute__((noinline)) static uint64_t due(uint64_t since, uint32_t milliseconds, uint32_t unit)
{
	uint64_t result = since + (uint64_t)milliseconds * unit;

	return milliseconds && result >= since ? result : UINT64_MAX;
}

/* When the next heartbeat is due, and when the other side counts as lost. */
static uint64_t beat_due(const struct amph_session *session)
{
	return due(session->beat, session->config.heartbeat_ms, MILLISECOND);
}

static uint64_t loss_due(const struct amph_session *session)
{
	return due(session->heard, session->peer_heartbeat_ms,
		   MILLISECOND * AMPH_SESSION_HEARTBEATS);
}

static int send_heartbeat(struct amph_session *session, uint64_t now)
{
	struct wire_header header;

	header.type = WIRE_HEARTBEAT;
	return amph_session_send(session, &header, now);
}

static void tick(struct amph_session *session)
{
	uint64_t now = amph_time_now();
	int error;

	if (now >= loss_due(session)) {
		if (!session->path || !session->path->ops->moved(session->path)) {
			amph_session_fail(session, -EPIPE,
					  "the other side was silent for too long");
			return;
		}
		session->heard = now;
	}
	if (now < beat_due(session))
		return;
	error = send_heartbeat(session, now);
	if (error == -ETIMEDOUT)
		session->beat = now; /* no room: the other side does not read; try at the next */
	else if (error)
		amph_session_fail(session, error, "the channel is broken");
}

int amph_session_knock(struct amph_session *session)
{
	return send_heartbeat(session, amph_time_now());
}

/* Waits for the channel, unless the path has something already. Returns what the channel said. */
static int poll_channel(struct amph_session *session, uint64_t wake)
{
	struct amph_session_path *path = session->path;
	int result;

	if (path && !path->ops->sleep(path, true))
		wake = 0;
	result = amph_channel_poll(session->config.channel, wake);
	if (session->path)
		session->path->ops->sleep(session->path, false);
	return result;
}

static int poll_until(struct amph_session *session, uint64_t deadline)
{
	uint64_t before = session->count.received;

	for (;;) {
		uint64_t wake = deadline;
		int result, taken = 0;

		if (amph_session_is_live(session))
			wake = earlier(wake, earlier(beat_due(session), loss_due(session)));
		/* first what came: it counts, even if nobody looked until now */
		result = poll_channel(session, wake);
		if (result < 0 && result != -ETIMEDOUT && result != -EBUSY)
			amph_session_fail(session, result, "the channel is broken");
		if (session->path)
			taken = session->path->ops->poll(session->path);
		/* also when there is input without end: the other side waits for the heartbeats */
		if (amph_session_is_live(session))
			tick(session);
		if (session->state == AMPH_SESSION_LOST)
			return session->error;
		taken += (int)(session->count.received - before);
		if (taken)
			return taken;
		if (result == -EBUSY)
			return result;
		if (amph_time_now() >= deadline)
			return -ETIMEDOUT;
	}
}

int amph_session_poll(struct amph_session *session, uint64_t deadline)
{
	int result;

	if (amph_session_forked(session) ||
	    (session->state != AMPH_SESSION_GREETING && !amph_session_is_live(session)))
		return amph_session_usable(session);
	if (session->polling)
		return amph_refuse(&session->why, -EBUSY, "a callback may not poll", 0, 0);
	session->polling = true;
	session->answer_left = ANSWER_TIME;
	result = poll_until(session, deadline);
	session->polling = false;
	return result;
}

int amph_session_poll_in_time(struct amph_session *session, uint64_t deadline)
{
	int result = amph_session_poll(session, deadline);

	return result > 0 && amph_time_now() >= deadline ? -ETIMEDOUT : result;
}

int amph_session_wait_share(struct amph_session *session, struct amph_share *share,
			    enum amph_share_state state, uint64_t deadline)
{
	uint32_t generation = share->generation;
	int error = 0;

	if (amph_session_forked(session))
		return -EPERM;
	for (;;) {
		/* past it: refused, released, or already somebody else's slot */
		if (share->state == AMPH_SHARE_FREE || share->state == AMPH_SHARE_REFUSED ||
		    share->generation != generation)
			return share->error;
		if (share->state >= state)
			return 0;
		if (error < 0)
			return error;
		error = amph_session_poll_in_time(session, deadline);
	}
}

int amph_session_wait_range(struct amph_session *session, struct amph_share *share, uint64_t offset,
			    uint64_t length, bool write, uint64_t deadline)
{
	int polled = 0;

	for (;;) {
		int error;

		if (!amph_session_has(session, share) || !share->shm)
			return amph_session_usable(session) ? amph_session_usable(session)
							    : -ENOENT;
		error = amph_shm_check_access(share->shm, offset, length, write);
		if (error != -EACCES) /* protected: it owns what it can't touch */
			return error == -ENOTSUP ? 0 : error;
		if (polled < 0)
			return polled;
		polled = amph_session_poll_in_time(session, deadline);
	}
}

/* --- the ends --- */

/* The last things: the application looks once more, then the slots are freed. */
static void end(struct amph_session *session, enum amph_session_state state)
{
	const struct amph_session_events *events = session->config.events;

	session->state = state;
	amph_sanitize(session_ended, session);
	/* what goes by it takes no part any more, also for who asks in `ended` */
	if (session->path)
		session->path->ops->closed(session->path);
	if (events && events->ended)
		events->ended(session);
	for (uint32_t i = 0; i < session->config.share_max; i++) {
		struct amph_share *share = &session->config.shares[i];

		if (share->state == AMPH_SHARE_FREE)
			continue;
		share->error = session->error;
		amph_session_free_share(session, share);
	}
	if (session->path) /* a new one, expected in `ended` */
		session->path->ops->closed(session->path);
}

void amph_session_closed(struct amph_session *session)
{
	end(session, AMPH_SESSION_CLOSED);
}

void amph_session_lose(struct amph_session *session, int error, const char *what)
{
	bool shared = amph_session_is_live(session);

	if (session->state == AMPH_SESSION_LOST || session->state == AMPH_SESSION_CLOSED)
		return;
	/* the memory, the target and the windows are the parent's to end */
	if (amph_session_forked(session))
		return;
	/* a poll that only found nothing says -ETIMEDOUT: a lost session never does */
	session->error = error == -ETIMEDOUT ? -EPIPE : error ? error : -EIO;
	amph_refuse(&session->why, session->error, what, session->why.value, session->why.limit);
	/* nobody knows what it still does with the memory that it has */
	if (shared)
		amph_target_lost(session->config.target);
	end(session, AMPH_SESSION_LOST);
}

static bool may_close(struct amph_session *session)
{
	for (uint32_t i = 0; i < session->config.share_max; i++) {
		const struct amph_share *share = &session->config.shares[i];

		if (share->state == AMPH_SHARE_ACCEPTED && !amph_session_path_of(session, share) &&
		    (share->pass.returned ||
		     amph_session_holds(share->shm,
					share->home ? share->attachment->bit : AMPH_HOLDER_CPU)))
			return false;
	}
	return true;
}

static int release_all(struct amph_session *session, uint64_t deadline)
{
	for (uint32_t i = 0; i < session->config.share_max; i++) {
		struct amph_share *share = &session->config.shares[i];
		int error = 0;

		if (share->state == AMPH_SHARE_ACCEPTED ||
		    (share->state == AMPH_SHARE_OFFERED && share->home))
			error = amph_session_release(session, share, deadline);
		if (error)
			return error;
	}
	return 0;
}

static bool all_released(const struct amph_session *session)
{
	for (uint32_t i = 0; i < session->config.share_max; i++) {
		const struct amph_share *share = &session->config.shares[i];

		if (share->state != AMPH_SHARE_FREE &&
		    (share->state != AMPH_SHARE_OFFERED || share->home))
			return false;
	}
	return true;
}

static int close_open(struct amph_session *session, uint64_t deadline)
{
	struct wire_message message;
	int error;

	do {
		if (!may_close(session))
			return amph_refuse(&session->why, -EBUSY, "ranges are still out", 0, 0);
		error = release_all(session, deadline);
		if (!error && !all_released(session))
			error = amph_session_poll_in_time(session, deadline);
		if (error < 0 && (error != -ETIMEDOUT || !all_released(session)))
			return error;
		error = amph_session_usable(session);
		if (error)
			return session->state == AMPH_SESSION_CLOSED ? 0 : error;
	} while (!all_released(session));

	/* what is still half offered was never answered, and ends with the session */
	message.header.type = WIRE_GOODBYE;
	message.body.deny = (struct wire_deny){0};
	error = amph_session_send(session, &message.header, deadline);
	if (!error)
		session->state = AMPH_SESSION_CLOSING;
	return error;
}

int amph_session_close(struct amph_session *session, uint64_t deadline)
{
	int error = 0;

	if (amph_session_forked(session))
		return -EPERM;
	if (session->polling)
		return amph_refuse(&session->why, -EBUSY, "a callback may not wait", 0, 0);
	if (session->state == AMPH_SESSION_OPEN) {
		session->closing = true; /* nothing new is accepted meanwhile */
		error = close_open(session, deadline);
		session->closing = session->state != AMPH_SESSION_OPEN;
	}
	while (!error && session->state == AMPH_SESSION_CLOSING) {
		int result = amph_session_poll_in_time(session, deadline);

		error = result < 0 ? result : 0;
	}
	if (session->state == AMPH_SESSION_CLOSED)
		return 0;
	return error ? error : amph_session_usable(session);
}
