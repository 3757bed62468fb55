/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ready pool: everything that costs time is done when it opens, and undone when it closes.
 * Share layer; freestanding; knows the session's and the memory layer's public headers. Linked only
 * where it is used.
 */
#include <amphora/ready.h>
#include <amphora/time.h>

#include "share/internal.h"

#define DIGITS_MAX 6

static int check_config(const struct amph_ready_config *config)
{
	if (!config->buffers || !config->count || config->count > 1000000 || !config->ranges ||
	    !config->ranges_per_buffer || !config->segments || !config->segments_per_buffer)
		return amph_refuse(&config->session->why, -EINVAL,
				   "a ready pool without buffers, or without storage for them",
				   config->count, 1000000);
	return 0;
}

/* "name.number", or -ENAMETOOLONG. */
static int make_name(char *to, const char *name, uint32_t number)
{
	char digits[DIGITS_MAX];
	uint32_t length = 0, count = 0;

	do
		digits[count++] = (char)('0' + number % 10);
	while ((number /= 10) && count < DIGITS_MAX);
	while (length < AMPH_NAME_MAX && name[length]) {
		to[length] = name[length];
		length++;
	}
	if (length + 1 + count >= AMPH_NAME_MAX)
		return -ENAMETOOLONG;
	to[length++] = '.';
	while (count)
		to[length++] = digits[--count];
	to[length] = 0;
	return 0;
}

/* Opens, attaches and offers the next one. What of it is open on error is for amph_ready_close(). */
static int open_next(struct amph_ready *ready, uint64_t deadline)
{
	const struct amph_ready_config *config = &ready->config;
	struct amph_session *session = config->session;
	const uint32_t index = ready->opened;
	struct amph_ready_buffer *buffer = &config->buffers[index];
	struct amph_segment *segments = &config->segments[2 * index * config->segments_per_buffer];
	const struct amph_shm_storage storage = {
		.ranges = &config->ranges[index * config->ranges_per_buffer],
		.range_max = config->ranges_per_buffer,
		.segments = segments,
		.segment_max = config->segments_per_buffer,
	};
	char name[AMPH_NAME_MAX];
	int error = make_name(name, config->name, index);

	*buffer = (struct amph_ready_buffer){.next = index};
	if (error)
		return amph_refuse(&session->why, error, "the pool's name is too long", index,
				   AMPH_NAME_MAX - 1);
	error = amph_shm_open(session->config.memory, &buffer->shm, &storage, name, config->size,
			      config->flags);
	if (error) {
		session->why = buffer->shm.why;
		return error;
	}
	ready->opened++;
	error = amph_shm_attach(&buffer->shm, session->config.target, config->direction,
				config->method, &buffer->attachment,
				&segments[config->segments_per_buffer],
				config->segments_per_buffer);
	if (error) {
		session->why = buffer->shm.why;
		return error;
	}
	return amph_session_offer(session, &buffer->attachment, 0, deadline, &buffer->share);
}

static int open_all(struct amph_ready *ready, uint64_t deadline)
{
	struct amph_session *session = ready->config.session;
	int error = 0;

	while (!error && ready->opened < ready->config.count)
		error = open_next(ready, deadline);
	for (uint32_t i = 0; !error && i < ready->opened; i++)
		error = amph_session_wait_share(session, ready->config.buffers[i].share,
						AMPH_SHARE_ACCEPTED, deadline);
	return error;
}

int amph_ready_open_checked(struct amph_ready *ready, const struct amph_ready_config *config,
			    uint64_t deadline, uint32_t abi, uint32_t size)
{
	int error = amph_abi_check(abi, size, (uint32_t)sizeof(*ready));

	if (!error)
		error = amph_session_usable(config->session);
	if (!error)
		error = check_config(config);
	if (error)
		return error;
	*ready = (struct amph_ready){.config = *config, .free = config->count};
	error = open_all(ready, deadline);
	if (error) {
		amph_ready_close(ready, deadline);
		return error;
	}
	for (uint32_t i = config->count; i-- > 0;) {
		config->buffers[i].next = ready->free;
		ready->free = i;
	}
	return 0;
}

/* The other side may have released it meanwhile: then its slot is free, or another buffer's. */
static bool is_shared(const struct amph_ready_buffer *buffer)
{
	return buffer->share->shm == &buffer->shm && buffer->share->state == AMPH_SHARE_ACCEPTED;
}

int amph_ready_take(struct amph_ready *ready, struct amph_share **share)
{
	int error = amph_session_usable(ready->config.session);

	*share = NULL;
	if (error)
		return error;
	while (ready->free != ready->config.count) {
		struct amph_ready_buffer *buffer = &ready->config.buffers[ready->free];

		ready->free = buffer->next;
		if (!is_shared(buffer))
			continue;
		ready->taken++;
		buffer->taken = true;
		*share = buffer->share;
		return 0;
	}
	return amph_refuse(&ready->config.session->why, -ENOMEM, "every buffer of the pool is out",
			   ready->taken, ready->config.count);
}

/* The buffer that is out as this share, or NULL. */
static struct amph_ready_buffer *find_taken(const struct amph_ready *ready,
					    const struct amph_share *share)
{
	const struct amph_ready_config *config = &ready->config;

	if (amph_session_has(config->session, share) && share->home) {
		/* the buffer is the first member of the pool's own */
		struct amph_ready_buffer *buffer = (struct amph_ready_buffer *)(void *)share->shm;
		uintptr_t offset = (uintptr_t)buffer - (uintptr_t)config->buffers;

		if (offset < config->count * sizeof(*buffer) && buffer->share == share)
			return buffer->taken ? buffer : NULL;
	}
	/* the slot is not its own any more */
	for (uint32_t i = 0; i < ready->opened; i++) {
		if (config->buffers[i].taken && config->buffers[i].share == share)
			return &config->buffers[i];
	}
	return NULL;
}

int amph_ready_put(struct amph_ready *ready, struct amph_share *share)
{
	const struct amph_ready_config *config = &ready->config;
	struct amph_ready_buffer *buffer;
	int error = amph_session_usable(config->session);

	if (error)
		return error;
	buffer = find_taken(ready, share);
	if (!buffer)
		return amph_refuse(&config->session->why, -EINVAL,
				   "the share is not of this pool, or was put back already", 0, 0);
	if (is_shared(buffer)) {
		error = amph_shm_check_access(&buffer->shm, 0, share->size, false);
		if (!error || error == -ENOTSUP)
			error = amph_shm_check_access(&buffer->shm, 0, share->size, true);
		if (error == -EACCES)
			return amph_refuse(&config->session->why, -EBUSY,
					   "the other side has not returned all of it", 0,
					   share->size);
		if (error && error != -ENOTSUP) /* protected: owned, and never touched */
			return error;
		buffer->next = ready->free;
		ready->free = (uint32_t)(buffer - config->buffers);
	}
	buffer->taken = false;
	ready->taken--;
	return 0;
}

/* The other side has nothing any more, and says so; or the session is gone. */
static int release_all(struct amph_ready *ready, uint64_t deadline)
{
	struct amph_session *session = ready->config.session;
	int error = 0;

	for (uint32_t i = 0; i < ready->opened; i++) {
		struct amph_share *share = ready->config.buffers[i].share;

		if (amph_session_usable(session))
			return 0;
		if (share && share->shm == &ready->config.buffers[i].shm &&
		    (share->state == AMPH_SHARE_ACCEPTED || share->state == AMPH_SHARE_OFFERED))
			error = amph_session_release(session, share, deadline);
		if (error)
			return error;
	}
	for (uint32_t i = 0; i < ready->opened; i++) {
		struct amph_share *share = ready->config.buffers[i].share;

		while (share && share->state != AMPH_SHARE_FREE &&
		       share->shm == &ready->config.buffers[i].shm) {
			error = amph_session_poll_in_time(session, deadline);
			if (error < 0 && amph_session_usable(session))
				return 0;
			if (error < 0)
				return error;
		}
	}
	return 0;
}

int amph_ready_close(struct amph_ready *ready, uint64_t deadline)
{
	int error, result = 0;

	if (amph_session_forked(ready->config.session))
		return -EPERM;
	/* what is out when the session is lost comes back no more */
	if (ready->taken && !amph_session_usable(ready->config.session))
		return amph_refuse(&ready->config.session->why, -EBUSY,
				   "buffers of the pool are out", ready->taken,
				   ready->config.count);
	error = release_all(ready, deadline);
	if (error)
		return error;
	while (ready->opened) {
		struct amph_ready_buffer *buffer = &ready->config.buffers[--ready->opened];

		if (!buffer->attachment.shm || !amph_shm_detach(&buffer->attachment))
			amph_shm_put(&buffer->shm);
		else if (amph_shm_abandon(&buffer->shm, NULL) == -EINPROGRESS)
			result = -EINPROGRESS;
	}
	ready->free = ready->config.count;
	ready->taken = 0;
	return result;
}
