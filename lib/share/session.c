/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Share session: its storage, what it sends, and its slots.
 * Share layer; freestanding; knows the channel's and the memory layer's headers. Everything that the
 * other parts of the session have in common.
 */
#include <amphora/time.h>

#include "share/internal.h"

static int check_config(struct amph_session *session)
{
	const struct amph_session_config *config = &session->config;
	uint32_t line = config->cache_line;

	if (!config->channel || !config->memory || !config->target)
		return amph_refuse(&session->why, -EINVAL,
				   "a session needs a channel, a memory context and a target", 0,
				   0);
	if (!config->nonce)
		return amph_refuse(&session->why, -EINVAL, "the nonce is 0", 0, 1);
	if (!config->shares || !config->share_max)
		return amph_refuse(&session->why, -EINVAL, "a session without slots",
				   config->share_max, 1);
	if (line & (line - 1) || line > 4096)
		return amph_refuse(&session->why, -EINVAL,
				   "the cache line is not a power of two up to 4096", line, 4096);
	/* the home goes by what it is told: with caches but no line the sides would share lines */
	if (config->cache && line <= 1)
		return amph_refuse(&session->why, -EINVAL, "cache hooks without a cache line", line,
				   2);
	if (config->channel->message_max < WIRE_MESSAGE_LEAST)
		return amph_refuse(&session->why, -EMSGSIZE, "the channel's messages are too short",
				   config->channel->message_max, WIRE_MESSAGE_LEAST);
	return 0;
}

int amph_session_init_peer_checked(struct amph_session *session,
				   const struct amph_session_config *config, uint32_t abi,
				   uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*session));

	if (error)
		return error;
	*session = (struct amph_session){.epoch = config->nonce};
	session->config = *config;
	error = check_config(session);
	if (error)
		return error;

	for (uint32_t i = 0; i < config->share_max; i++) {
		struct amph_share *share = &config->shares[i];

		*share = (struct amph_share){.fd = -1};
		if (config->segments)
			share->segments = &config->segments[i * config->segments_per_share];
		if (config->ranges)
			share->ranges = &config->ranges[i * config->ranges_per_share];
	}
	amph_target_home_init(&session->home, config->target->name);
	session->home.coherent = !config->cache;
	session->home.cache = config->cache;
	session->next_request = 1;
	session->fork_generation = amph_fork_generation();
	session->answer_left = ANSWER_TIME;
	amph_channel_receive(config->channel, amph_session_receive, session);
	return 0;
}

int amph_session_init_checked(struct amph_session *session,
			      const struct amph_session_config *config, uint32_t abi, uint32_t size)
{
	int error = amph_session_init_peer_checked(session, config, abi, size);

	if (error)
		return error;
	session->requested = amph_request_receive;
	if (config->role == AMPH_SESSION_MAIN)
		session->main = &amph_session_main;
	return 0;
}

int amph_session_usable(const struct amph_session *session)
{
	if (amph_session_forked(session))
		return -EPERM;
	if (session->state == AMPH_SESSION_OPEN)
		return 0;
	return session->state == AMPH_SESSION_LOST ? session->error : -ENOTCONN;
}

/* --- sending --- */

/* Sends a message whose header says its type, its number and who it is for. */
static int send_message(struct amph_session *session, struct wire_header *header, uint64_t deadline,
			uint32_t count, intptr_t handle)
{
	int error;

	header->length = (uint16_t)amph_wire_length(header->type, count);
	header->from = session->epoch;
	error = amph_channel_send(session->config.channel, header, header->length, handle,
				  deadline);
	if (!error) {
		session->beat = amph_time_now();
		if (session->path)
			session->path->ops->said(session->path);
	}
	return error;
}

int amph_session_send_segments(struct amph_session *session, struct wire_header *header,
			       uint64_t deadline, uint32_t count, intptr_t handle)
{
	bool numbered = amph_session_is_live(session);
	int error;

	header->sequence = numbered ? session->sent + 1 : 0;
	header->to = session->peer_epoch; /* 0 in the first hello */
	error = send_message(session, header, deadline, count, handle);
	if (!error)
		session->sent += numbered;
	return error;
}

int amph_session_send(struct amph_session *session, struct wire_header *header, uint64_t deadline)
{
	return amph_session_send_segments(session, header, deadline, 0, -1);
}

/* What waited for room counts against this poll's answers, which may until the deadline. */
static void charge(struct amph_session *session, uint64_t deadline)
{
	uint64_t now = amph_time_now();

	session->answer_left = now < deadline ? deadline - now : 0;
}

void amph_session_answer(struct amph_session *session, struct wire_header *header)
{
	uint64_t deadline = amph_time_now() + session->answer_left;
	int error = amph_session_send(session, header, deadline);

	charge(session, deadline);
	if (error)
		amph_session_fail(session, error, "an answer could not be sent");
}

void amph_session_answer_share(struct amph_session *session, struct wire_message *message,
			       enum wire_type type, uint32_t reason)
{
	message->header.type = (uint16_t)type;
	message->body.answer.reason = reason;
	message->body.answer.flags = 0;
	amph_session_answer(session, &message->header);
}

void amph_session_reject(struct amph_session *session, struct wire_message *message,
			 enum wire_reason reason)
{
	struct wire_header *header = &message->header;
	struct wire_reject *reject = &message->body.reject;
	uint32_t type = header->type;
	uint32_t flags = 0;
	/* what the message is about; a malformed one's body may not even be there */
	uint32_t bytes = header->length < amph_wire_length(type, 0) ? 0 : amph_wire_names(type);

	session->count.rejected++;
	if (type == WIRE_REJECT)
		return; /* two sides that refuse each other's refusals would never end */
	if (bytes && (type == WIRE_RELEASE || type == WIRE_RELEASED))
		flags = message->body.answer.flags;
	/* a hand-off's handle, generation, offset and length are in the same order as here */
	for (uint32_t i = WIRE_NAMES_MAX; i-- > 0;)
		message->body.bytes[WIRE_NAMES_AT + i] = i < bytes ? message->body.bytes[i] : 0;
	reject->type = (uint16_t)type;
	reject->reason = (uint16_t)reason;
	reject->sequence = header->sequence;
	reject->flags = flags;
	reject->reserved = 0;

	header->type = WIRE_REJECT;
	if (session->state != AMPH_SESSION_OPEN || header->from != session->peer_epoch) {
		/* to a life that this session knows nothing of: nothing depends on it */
		header->sequence = 0;
		header->to = header->from;
		send_message(session, header, amph_time_now(), 0, -1);
	} else if (reason == WIRE_REPLAY) { /* nor on this one: the first copy counted */
		amph_session_send(session, header, amph_time_now());
	} else {
		amph_session_answer(session, header);
	}
}

void amph_session_fill_handoff(struct wire_message *message, const struct amph_share *share,
			       uint64_t offset, uint64_t length, uint64_t cookie, bool reading)
{
	message->body.handoff = (struct wire_handoff){
		.handle = share->handle,
		.generation = share->generation,
		.offset = offset,
		.length = length,
		.cookie = cookie,
		.flags = reading ? WIRE_HANDOFF_READING : 0,
		.direction = share->direction,
	};
}

int amph_session_send_handoff(struct amph_session *session, const struct amph_share *share,
			      uint64_t offset, uint64_t length, uint64_t cookie, bool reading,
			      uint64_t deadline)
{
	struct wire_message message;

	if (share->method != AMPH_SYNC_MESSAGES) {
		struct amph_session_path *path = amph_session_way(session, share->method);

		return path ? path->ops->send(path, share, offset, length, cookie, reading,
					      deadline)
			    : -ENOTCONN;
	}
	amph_session_fill_handoff(&message, share, offset, length, cookie, reading);
	message.header.type = share->home ? WIRE_GIVE : WIRE_RETURN;
	return amph_session_send(session, &message.header, deadline);
}

int amph_session_answer_handoff(struct amph_session *session, const struct amph_share *share,
				uint64_t offset, uint64_t length, uint64_t cookie)
{
	uint64_t deadline = amph_time_now() + session->answer_left;
	int error =
		amph_session_send_handoff(session, share, offset, length, cookie, false, deadline);

	charge(session, deadline);
	return error;
}

/* --- slots --- */

struct amph_share *amph_session_free_slot(struct amph_session *session, uint32_t from)
{
	uint32_t max = session->config.share_max;

	for (uint32_t i = 0; i < max; i++) {
		uint32_t at = from < max - i ? from + i : from + i - max;
		struct amph_share *share = &session->config.shares[at];

		/* an import that the application still refers to keeps its storage */
		if (share->state == AMPH_SHARE_FREE && !share->import_shm.memory)
			return share;
	}
	return NULL;
}

struct amph_share *amph_session_find_import(struct amph_session *session, uint32_t handle)
{
	uint32_t max = session->config.share_max;
	uint32_t at = amph_session_slot_of(session, handle);

	/* who is not in its own slot may be in any, and there is mostly nobody like that */
	for (uint32_t i = 0; i < max && (!i || session->displaced); i++) {
		struct amph_share *share = &session->config.shares[at];

		if (share->state != AMPH_SHARE_FREE && !share->home && share->handle == handle)
			return share;
		at = at + 1 < max ? at + 1 : 0;
	}
	return NULL;
}

struct amph_share *amph_session_find(struct amph_session *session, bool home, uint32_t handle,
				     uint32_t generation)
{
	struct amph_share *share = NULL;

	if (!home)
		share = amph_session_find_import(session, handle);
	else if (handle - 1 < session->config.share_max)
		share = &session->config.shares[handle - 1];
	if (!share || share->state == AMPH_SHARE_FREE || share->home != home ||
	    share->generation != generation)
		return NULL;
	return share;
}

bool amph_session_holds(const struct amph_shm *shm, uint32_t bit)
{
	for (uint32_t i = 0; i < shm->range_count; i++) {
		if (shm->storage.ranges[i].holders & bit)
			return true;
	}
	return false;
}

void amph_session_free_share(struct amph_session *session, struct amph_share *share)
{
	const struct amph_session_windows *windows = &session->config.windows;

	if (amph_session_is_path(session, share))
		session->path->ops->closed(session->path);
	if (session->offers)
		session->offers->freed(session, share);
	if (!share->home) {
		session->displaced -= share->displaced;
		share->displaced = false;

		amph_session_drop_handle(share->fd);
		share->fd = -1;
		share->va = NULL;
		if (share->shm) {
			void *va;

			amph_sanitize(closing, share->shm);
			va = share->import_shm.va;
			/* the window goes: nobody may use the buffer through an old reference */
			share->import_shm.va = NULL;
			if (amph_shm_put(&share->import_shm) == -EBUSY)
				amph_shm_abandon(&share->import_shm, NULL);
			if (windows->unmap)
				windows->unmap(windows->argument, va, share->size);
		}
	}
	session->freed++;
	share->shm = NULL;
	share->attachment = NULL;
	share->state = AMPH_SHARE_FREE;
}

void amph_session_end_share(struct amph_session *session, struct amph_share *share,
			    enum amph_share_state state, int error)
{
	const struct amph_session_events *events = session->config.events;

	share->state = state;
	share->error = error;
	/* from here on the application may detach it, and its storage is not this session's any more */
	if (share->home)
		share->attachment->offered = NULL;
	/* first, so that the callback may begin anew: the other side may offer more at once */
	if (state == AMPH_SHARE_RELEASED && amph_session_is_path(session, share))
		session->path->ops->closed(session->path);
	if (events && state == AMPH_SHARE_RELEASED && events->released)
		events->released(session, share);
	if (events && state == AMPH_SHARE_REFUSED && share->home && events->answered)
		events->answered(session, share);
	/* the callback may have ended the session, and with it this */
	if (share->state == state)
		amph_session_free_share(session, share);
}
