/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Leak sanitizer: what is still open when the process ends: buffers, attachments, sessions.
 * Memory layer, Linux. Buffers are buffers.c's; sessions are known by their address alone.
 */
#include <stdio.h>
#include <stdlib.h>

#include "memory/sanitize/linux/internal.h"

struct open_session {
	const struct amph_session *session;
	char other[40];
	const struct sanitize_place *place;
	struct open_session *next;
};

static struct open_session *sessions;

void amph_leaks_session_ended(const struct amph_session *session)
{
	struct open_session **link = &sessions, *ended;

	while (*link && (*link)->session != session)
		link = &(*link)->next;
	ended = *link;
	if (!ended)
		return;
	*link = ended->next;
	free(ended);
}

void amph_leaks_session_opened(const struct amph_session *session, const char *other)
{
	struct open_session *opened;

	amph_leaks_session_ended(session); /* its memory was used anew */
	opened = amph_sanitize_allocate(1, sizeof(*opened));
	opened->session = session;
	snprintf(opened->other, sizeof(opened->other), "%s", other ? other : "?");
	opened->place = amph_sanitize_here();
	opened->next = sessions;
	sessions = opened;
}

void amph_leaks_forget(void)
{
	sessions = NULL;
}

/* Is it the first of those that were opened at the same place? *count: how many. */
static bool first_of_place(const struct sanitize_buffer *buffer, uint32_t *count, uint64_t *bytes)
{
	const struct sanitize_buffer *other = amph_sanitize_buffers;

	*count = 0;
	*bytes = 0;
	for (; other; other = other->next) {
		if (other->opened != buffer->opened || other->imported != buffer->imported)
			continue;
		if (!*count && other != buffer)
			return false;
		++*count;
		*bytes += other->size;
	}
	return true;
}

static void report_buffer(const struct sanitize_buffer *buffer)
{
	const struct sanitize_attachment *attachment = buffer->attachments;
	uint64_t bytes;
	uint32_t count;

	if (!first_of_place(buffer, &count, &bytes))
		return;
	if (count > 1)
		amph_sanitize_report("leaks: %u buffers are still open, %llu bytes, such as %s",
				     count, (unsigned long long)bytes, buffer->name);
	else
		amph_sanitize_report("leaks: buffer %s of %llu bytes is still open", buffer->name,
				     (unsigned long long)bytes);
	amph_sanitize_print_place("opened:", buffer->opened);
	for (; attachment; attachment = attachment->next) {
		amph_sanitize_say("  and attached to %s", attachment->to);
		amph_sanitize_print_place("attached:", attachment->place);
	}
}

void amph_leaks_report(void)
{
	const struct sanitize_buffer *buffer = amph_sanitize_buffers;
	const struct open_session *session = sessions;

	for (; session; session = session->next) {
		amph_sanitize_report("leaks: the session with %s is still open", session->other);
		amph_sanitize_print_place("opened:", session->place);
	}
	/* what was imported ends with its session */
	for (; buffer; buffer = buffer->next)
		if (!buffer->imported || !sessions)
			report_buffer(buffer);
}
