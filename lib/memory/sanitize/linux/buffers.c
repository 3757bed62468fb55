/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The sanitizers' own record of buffers: where they were opened and attached, who was given what where.
 * Memory layer, Linux. A copy of its own: a program's structures may be gone when it is asked.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <amphora/target.h>

#include "memory/sanitize/linux/internal.h"

#define BUCKETS 4096u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sanitize_buffer *buckets[BUCKETS];
struct sanitize_buffer *amph_sanitize_buffers;

void amph_sanitize_lock(void)
{
	pthread_mutex_lock(&lock);
}

void amph_sanitize_unlock(void)
{
	pthread_mutex_unlock(&lock);
}

bool amph_sanitize_try_lock(void)
{
	const struct timespec moment = {.tv_nsec = 1000000};

	for (int i = 0; i < 200; i++) {
		if (!pthread_mutex_trylock(&lock))
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

static struct sanitize_buffer **bucket_of(const struct amph_shm *shm)
{
	return &buckets[(uintptr_t)shm * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

struct sanitize_buffer *amph_sanitize_find(const struct amph_shm *shm)
{
	struct sanitize_buffer *buffer = *bucket_of(shm);

	while (buffer && buffer->shm != shm)
		buffer = buffer->chain;
	return buffer;
}

struct sanitize_buffer *amph_sanitize_add(const struct amph_shm *shm)
{
	struct sanitize_buffer *buffer = amph_sanitize_find(shm), **bucket = bucket_of(shm);

	/* a structure that was never closed is used anew: its memory is no longer known */
	if (buffer)
		amph_sanitize_remove(buffer);
	buffer = amph_sanitize_allocate(1, sizeof(*buffer));
	buffer->shm = shm;
	memcpy(buffer->name, shm->name, sizeof(buffer->name));
	buffer->size = shm->size;
	buffer->imported = shm->imported;
	buffer->va = shm->va;
	buffer->opened = amph_sanitize_here();
	buffer->chain = *bucket;
	*bucket = buffer;
	buffer->next = amph_sanitize_buffers;
	if (buffer->next)
		buffer->next->previous = buffer;
	amph_sanitize_buffers = buffer;
	return buffer;
}

void amph_sanitize_remove(struct sanitize_buffer *buffer)
{
	struct sanitize_buffer **link = bucket_of(buffer->shm);

	while (*link != buffer)
		link = &(*link)->chain;
	*link = buffer->chain;
	if (buffer->previous)
		buffer->previous->next = buffer->next;
	else
		amph_sanitize_buffers = buffer->next;
	if (buffer->next)
		buffer->next->previous = buffer->previous;
	while (buffer->gives) {
		struct sanitize_give *give = buffer->gives;

		buffer->gives = give->next;
		free(give);
	}
	while (buffer->attachments) {
		struct sanitize_attachment *attachment = buffer->attachments;

		buffer->attachments = attachment->next;
		free(attachment);
	}
	free(buffer->protection);
	free(buffer);
}

static struct sanitize_give *copy_of(const struct sanitize_give *give)
{
	struct sanitize_give *copy = amph_sanitize_allocate(1, sizeof(*copy));

	*copy = *give;
	return copy;
}

/* Cuts offset .. end out of what is noted: of one attachment, or, if NULL, of all. */
static void cut(struct sanitize_buffer *buffer, uint64_t offset, uint64_t end,
		const struct amph_attachment *of)
{
	struct sanitize_give **link = &buffer->gives;

	while (*link) {
		struct sanitize_give *give = *link;

		if (of && give->attachment != of) {
			link = &give->next;
			continue;
		}
		if (give->offset < offset && give->end > end) {
			struct sanitize_give *rest = copy_of(give);

			rest->offset = end;
			give->end = offset;
			give->next = rest;
		} else if (give->offset >= offset && give->end <= end) {
			*link = give->next;
			free(give);
			continue;
		} else if (give->offset < offset && give->end > offset) {
			give->end = offset;
		} else if (give->offset >= offset && give->offset < end) {
			give->offset = end;
		}
		link = &give->next;
	}
}

void amph_sanitize_note(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length,
			const struct amph_attachment *to, bool reading, bool passed)
{
	struct sanitize_give *give = amph_sanitize_allocate(1, sizeof(*give));

	/* others may read the same bytes */
	cut(buffer, offset, offset + length, reading ? to : NULL);
	give->offset = offset;
	give->end = offset + length;
	give->attachment = to;
	snprintf(give->to, sizeof(give->to), "%s", to->target->name ? to->target->name : "?");
	give->reading = reading;
	give->passed = passed;
	give->place = amph_sanitize_here();
	give->next = buffer->gives;
	buffer->gives = give;
}

void amph_sanitize_note_back(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length,
			     const struct amph_attachment *from)
{
	cut(buffer, offset, offset + length, from);
}

const struct sanitize_give *amph_sanitize_give_of(const struct sanitize_buffer *buffer,
						  uint64_t offset)
{
	const struct sanitize_give *give = buffer->gives;

	while (give && (offset < give->offset || offset >= give->end))
		give = give->next;
	return give;
}
