/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the share layer's files share among themselves, and with the queue above them.
 * Share layer, private: nothing outside lib/share and lib/queue includes it.
 */
#ifndef SHARE_INTERNAL_H
#define SHARE_INTERNAL_H

#include <stddef.h>

#include <amphora/cache.h>
#include <amphora/fork.h>
#include <amphora/session.h>
#include <amphora/session_lock.h>

#include "memory/sanitize.h"
#include "share/wire.h"

/* Is this a child of the process that initialised the session? */
static inline bool amph_session_forked(const struct amph_session *session)
{
	return amph_fork_happened(session->fork_generation);
}

/* 0 while the session is open, else the error for a caller; -EPERM in a child. */
int amph_session_usable(const struct amph_session *session);

/* amph_session_lose() by the library itself: the text is one of its reasons. */
static inline void amph_session_fail(struct amph_session *session, int error, const char *what)
{
	amph_session_lose(session, error, AMPH_REASONS ? what : NULL);
}

static inline bool amph_session_is_live(const struct amph_session *session)
{
	return session->state == AMPH_SESSION_OPEN || session->state == AMPH_SESSION_CLOSING;
}

/*
 * Stamps a message whose body and type are filled in, and sends it.
 * Returns 0 or the channel's error; then nothing was sent and no sequence number is used up.
 */
int amph_session_send(struct amph_session *session, struct wire_header *header, uint64_t deadline);

/* The same for one with `count` segments in it, and a handle: an fd or -1. */
int amph_session_send_segments(struct amph_session *session, struct wire_header *header,
			       uint64_t deadline, uint32_t count, intptr_t handle);

/*
 * The same for what a received message makes this side say: it waits for room only as long as this
 * poll's answers may, and the session is lost when it can't be sent.
 */
void amph_session_answer(struct amph_session *session, struct wire_header *header);

/* ACCEPT, REFUSE or RELEASED, in the place of the message about that share: it starts the same. */
void amph_session_answer_share(struct amph_session *session, struct wire_message *message,
			       enum wire_type type, uint32_t reason);

/* Refuses a message of the other side, in its place; nothing has changed because of it. */
void amph_session_reject(struct amph_session *session, struct wire_message *message,
			 enum wire_reason reason);

/* Fills in GIVE, RETURN or PASS. */
void amph_session_fill_handoff(struct wire_message *message, const struct amph_share *share,
			       uint64_t offset, uint64_t length, uint64_t cookie, bool reading);

/*
 * Tells of a range that has changed hands, by the share's own way: GIVE at the home, else RETURN.
 * Returns 0 or the error of the channel or of the path; then nothing was told.
 */
int amph_session_send_handoff(struct amph_session *session, const struct amph_share *share,
			      uint64_t offset, uint64_t length, uint64_t cookie, bool reading,
			      uint64_t deadline);

/* The same for what a received message makes this side say; whoever calls deals with the error. */
int amph_session_answer_handoff(struct amph_session *session, const struct amph_share *share,
				uint64_t offset, uint64_t length, uint64_t cookie);

/* Says a heartbeat now: whoever sleeps on the channel wakes. Returns 0 or the channel's error. */
int amph_session_knock(struct amph_session *session);

/*
 * Bytes from line to line of memory in which each side has lines of its own to write: the largest cache
 * line of both, and at least `least`.
 */
static inline uint32_t amph_session_stride(const struct amph_session *session, uint32_t least)
{
	/* the target's line is the peer's, or a larger one that the integrator knows of */
	const uint32_t lines[] = {amph_cache_line(), session->peer_cache_line,
				  session->config.target->cache_line};

	for (uint32_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (lines[i] > least)
			least = lines[i];
	return least;
}

/* The plug-in of a way to sync that is not by messages, or NULL. */
static inline struct amph_session_path *amph_session_way(const struct amph_session *session,
							 enum amph_sync_method method)
{
	return method == AMPH_SYNC_LOCK ? session->locks : session->path;
}

/* Does the share hold the session's path? */
static inline bool amph_session_is_path(const struct amph_session *session,
					const struct amph_share *share)
{
	return session->path && session->path->share == share;
}

static inline struct amph_session_locks *amph_session_locks_of(const struct amph_session *session)
{
	return (struct amph_session_locks *)session->locks; /* its first member */
}

/* Whose memory the share is: the session's path, its locks, or NULL. */
static inline struct amph_session_path *amph_session_path_of(const struct amph_session *session,
							     const struct amph_share *share)
{
	if (amph_session_is_path(session, share))
		return session->path;
	/* an end is told to a path only: the slot may be another's */
	if (session->locks && session->locks->share == share &&
	    amph_session_locks_of(session)->generation == share->generation)
		return session->locks;
	return NULL;
}

/* It closes before its accepted share is released: 0, or -EBUSY. */
static inline int amph_session_path_close(const struct amph_session *session,
					  const struct amph_share *share)
{
	struct amph_session_path *path = amph_session_path_of(session, share);

	return path && share->state == AMPH_SHARE_ACCEPTED ? path->ops->close(path, true) : 0;
}

/* That release was refused: it goes on. */
static inline void amph_session_path_stays(struct amph_session *session,
					   struct amph_session_path *path)
{
	if (path && path->ops->close(path, false))
		amph_session_fail(session, -EFAULT,
				  "what a release took back could not be put back");
}

/*
 * A slot that is free, or NULL, looked for from slot `from` on; and the live share of that handle, or
 * NULL. A home's handle is its slot's number plus 1; an import lies in the slot of its handle, or in the
 * next one that was free: so both are found at once, however many there are.
 */
static inline uint32_t amph_session_slot_of(const struct amph_session *session, uint32_t handle)
{
	uint32_t slot = handle - 1;

	return slot < session->config.share_max ? slot : slot % session->config.share_max;
}

struct amph_share *amph_session_free_slot(struct amph_session *session, uint32_t from);
struct amph_share *amph_session_find_import(struct amph_session *session, uint32_t handle);
struct amph_share *amph_session_find(struct amph_session *session, bool home, uint32_t handle,
				     uint32_t generation);

/* Is it one of the session's own slots, and in use? */
static inline bool amph_session_has(const struct amph_session *session,
				    const struct amph_share *share)
{
	return (uintptr_t)share >= (uintptr_t)session->config.shares &&
	       (uintptr_t)share < (uintptr_t)&session->config.shares[session->config.share_max] &&
	       share->state != AMPH_SHARE_FREE;
}

/* After a wait, in which the session or the share may have ended: is it the same, and still shared? */
static inline bool amph_session_still_has(const struct amph_session *session,
					  const struct amph_share *share, uint32_t generation)
{
	return amph_session_has(session, share) && share->generation == generation &&
	       share->attachment;
}

/* Does anybody with this holder bit have any byte of the buffer? */
bool amph_session_holds(const struct amph_shm *shm, uint32_t bit);

/* Does any of these bytes belong to a pass from this share that still waits for some of its range? */
static inline bool amph_session_awaits(const struct amph_share *share, uint64_t offset,
				       uint64_t length)
{
	const struct amph_share_pass *pass = &share->pass;

	/* the pass is inside the buffer, so its end does not wrap; the other's may, for now */
	return pass->returned && offset < pass->offset + pass->length &&
	       (length > pass->offset || offset > pass->offset - length);
}

/* Tells the application and frees the slot. The share ends in `state`. */
void amph_session_end_share(struct amph_session *session, struct amph_share *share,
			    enum amph_share_state state, int error);

/* Frees a slot without telling: imports are closed and unmapped, quotas given back. */
void amph_session_free_share(struct amph_session *session, struct amph_share *share);

/* The answers of a poll may wait for room as long as that, together. */
#define ANSWER_TIME ((uint64_t)AMPH_SESSION_ANSWER_MS * 1000000u) /* nanoseconds */

/*
 * Polls for a loop that waits for something: the look past the deadline is the last, even when there
 * is input without end. -ETIMEDOUT then too: the loop looks once more for what it waits for.
 */
int amph_session_poll_in_time(struct amph_session *session, uint64_t deadline);

/* Ends the session orderly. */
void amph_session_closed(struct amph_session *session);

/* Takes a message from the channel. */
void amph_session_receive(void *argument, const void *bytes, uint32_t length, intptr_t handle);

/*
 * What takes a message, by who may send it. Each returns the reason to refuse it, or WIRE_OK, and may
 * use the message's place for an answer.
 */
uint32_t amph_session_greet(struct amph_session *session, struct wire_message *message,
			    uint32_t length);
uint32_t amph_import_receive(struct amph_session *session, struct wire_message *message,
			     intptr_t *handle);
uint32_t amph_request_receive(struct amph_session *session, struct wire_message *message);
void amph_import_rejected(struct amph_session *session, const struct wire_reject *reject);

/* The main's half of the greeting. */
struct amph_session_main {
	int (*hello)(struct amph_session *session, uint64_t deadline);
	amph_session_receiver receive;
};

extern const struct amph_session_main amph_session_main;

/* What a session needs once it has offered a buffer. */
struct amph_session_home {
	amph_session_receiver receive; /* what is said about this side's buffers */
	void (*freed)(struct amph_session *session, struct amph_share *share); /* of any kind */
};

/* What both halves have in common. */
void amph_session_fill_hello(const struct amph_session *session, struct wire_message *message,
			     uint32_t version_min, uint32_t version_max);
void amph_session_learn(struct amph_session *session, const struct wire_message *message);
void amph_session_opened(struct amph_session *session);

/* The other side greets from another life. */
void amph_session_started_anew(struct amph_session *session);

/* Is it one of this side's requests that wait? */
bool amph_request_is_asked(const struct amph_session *session, uint32_t request);

/* A request of this side was answered, if it waits. False: none does. */
static inline bool amph_request_answered(struct amph_session *session, uint32_t request,
					 struct amph_share *share, int error)
{
	return session->answered && session->answered(session, request, share, error);
}

/* Ends what a dropped message brought along: closes an fd, where there are any. */
#if __STDC_HOSTED__
void amph_session_drop_handle(intptr_t handle);
#else
static inline void amph_session_drop_handle(intptr_t handle)
{
	(void)handle;
}
#endif

#endif
