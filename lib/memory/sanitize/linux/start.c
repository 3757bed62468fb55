/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where the sanitizers wake, go to work, and end: the environment's words, the library's calls, exit.
 * Memory layer, Linux; knows each of them by a few functions. See docs/sanitizers.md.
 */
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <amphora/target.h>

#include "memory/sanitize/linux/internal.h"

#define VARIABLE "AMPHORA_SANITIZE"

uint32_t amph_sanitize_which;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int start_error;
static int exit_code = -1; /* of a process that reported something; -1: as it would be */
static pid_t process;

static const struct {
	const char *word;
	uint32_t which;
} words[] = {{"ownership", SANITIZE_OWNERSHIP},
	     {"coherency", SANITIZE_COHERENCY},
	     {"leaks", SANITIZE_LEAKS},
	     {"all", SANITIZE_OWNERSHIP | SANITIZE_COHERENCY | SANITIZE_LEAKS}};

static bool read_exit_code(const char *word, size_t length)
{
	static const char name[] = "exitcode=";
	char *end;
	long code;

	if (length <= strlen(name) || strncmp(word, name, strlen(name)) != 0 ||
	    word[strlen(name)] < '0' || word[strlen(name)] > '9')
		return false;
	code = strtol(word + strlen(name), &end, 10);
	if (end != word + length || code > 255)
		return false;
	exit_code = (int)code;
	return true;
}

static int read_word(const char *word, size_t length)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (length == strlen(words[i].word) && !strncmp(word, words[i].word, length)) {
			amph_sanitize_which |= words[i].which;
			return 0;
		}
	if (read_exit_code(word, length))
		return 0;
	amph_sanitize_say("amphora: " VARIABLE ": \"%.*s\" is not one of ownership, coherency, "
			  "leaks, all, exitcode=0 to exitcode=255, with commas between them",
			  (int)length, word);
	return -EINVAL;
}

static int read_words(const char *text)
{
	int error = 0;

	while (*text) {
		size_t length = strcspn(text, ",");

		if (length && read_word(text, length))
			error = -EINVAL;
		text += length;
		text += *text == ',';
	}
	return error;
}

/* --- what the library says --- */

static void sanitize_opened(struct amph_shm *shm)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_add(shm);
	if (amph_sanitize_which & SANITIZE_COHERENCY)
		amph_coherency_begin(buffer, shm);
	if (amph_sanitize_which & SANITIZE_OWNERSHIP)
		amph_ownership_begin(buffer);
	amph_sanitize_unlock();
}

static void sanitize_closing(struct amph_shm *shm)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(shm);
	if (buffer) {
		amph_ownership_end(buffer);
		amph_coherency_end(buffer, shm);
		amph_sanitize_remove(buffer);
	}
	amph_sanitize_unlock();
}

static void sanitize_exempt(struct amph_shm *shm, bool exempt)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(shm);
	if (buffer) {
		buffer->exempt = exempt;
		if (exempt && buffer->shadow) {
			amph_ownership_end(buffer);
			amph_coherency_end(buffer, shm);
			amph_ownership_begin(buffer);
		}
		amph_ownership_update(buffer, 0, buffer->size);
	}
	amph_sanitize_unlock();
}

static void *sanitize_mapping(const struct amph_shm *shm)
{
	const struct sanitize_buffer *buffer;
	void *mapping;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(shm);
	mapping = buffer ? amph_coherency_mapping(buffer) : shm->va;
	amph_sanitize_unlock();
	return mapping;
}

static void sanitize_attached(struct amph_attachment *attachment)
{
	struct sanitize_attachment *noted;
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer) {
		noted = amph_sanitize_allocate(1, sizeof(*noted));
		noted->attachment = attachment;
		snprintf(noted->to, sizeof(noted->to), "%s",
			 attachment->target->name ? attachment->target->name : "?");
		noted->place = amph_sanitize_here();
		noted->next = buffer->attachments;
		buffer->attachments = noted;
	}
	amph_sanitize_unlock();
}

static void sanitize_detaching(struct amph_attachment *attachment)
{
	struct sanitize_attachment **link, *noted;
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer)
		amph_coherency_detaching(buffer, attachment);
	for (link = buffer ? &buffer->attachments : NULL; link && *link; link = &(*link)->next)
		if ((*link)->attachment == attachment) {
			noted = *link;
			*link = noted->next;
			free(noted);
			break;
		}
	amph_sanitize_unlock();
}

static void sanitize_giving(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			    bool reading)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer) {
		amph_sanitize_note(buffer, offset, length, attachment, reading, false);
		amph_coherency_giving(buffer, attachment, offset, length);
	}
	amph_sanitize_unlock();
}

static void sanitize_taking(struct amph_attachment *attachment, uint64_t offset, uint64_t length)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer) {
		amph_ownership_open(buffer, offset, length);
		amph_sanitize_note_back(buffer, offset, length, attachment);
	}
	amph_sanitize_unlock();
}

static void sanitize_taken(struct amph_attachment *attachment, uint64_t offset, uint64_t length,
			   bool written)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer)
		amph_coherency_taken(buffer, attachment, offset, length, written);
	amph_sanitize_unlock();
}

static void sanitize_undoing(struct amph_attachment *attachment)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(attachment->shm);
	if (buffer)
		buffer->undoing = attachment;
	amph_sanitize_unlock();
}

static void sanitize_passing(struct amph_attachment *from, struct amph_attachment *to,
			     uint64_t offset, uint64_t length)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(from->shm);
	if (buffer)
		amph_sanitize_note(buffer, offset, length, to, false, true);
	amph_sanitize_unlock();
}

static void sanitize_changed(struct amph_shm *shm, uint64_t offset, uint64_t length)
{
	struct sanitize_buffer *buffer;

	amph_sanitize_lock();
	buffer = amph_sanitize_find(shm);
	if (buffer)
		amph_ownership_update(buffer, offset, length);
	amph_sanitize_unlock();
}

static void sanitize_session_opened(const struct amph_session *session, const char *other)
{
	amph_sanitize_lock();
	amph_leaks_session_opened(session, other);
	amph_sanitize_unlock();
}

static void sanitize_session_ended(const struct amph_session *session)
{
	amph_sanitize_lock();
	amph_leaks_session_ended(session);
	amph_sanitize_unlock();
}

static const struct amph_sanitize_ops ops = {
	.opened = sanitize_opened,
	.closing = sanitize_closing,
	.exempt = sanitize_exempt,
	.mapping = sanitize_mapping,
	.attached = sanitize_attached,
	.detaching = sanitize_detaching,
	.giving = sanitize_giving,
	.taking = sanitize_taking,
	.taken = sanitize_taken,
	.undoing = sanitize_undoing,
	.passing = sanitize_passing,
	.changed = sanitize_changed,
	.session_opened = sanitize_session_opened,
	.session_ended = sanitize_session_ended,
};

/* --- start and end --- */

/*
 * In a child all that was opened is its parent's: nothing of it is watched, reported, or left protected
 * where the memory came along.
 */
static void forked(void)
{
	while (amph_sanitize_buffers) {
		amph_ownership_forget(amph_sanitize_buffers);
		amph_sanitize_remove(amph_sanitize_buffers);
	}
	amph_leaks_forget();
	amph_sanitize_reports = 0;
	process = getpid();
	amph_sanitize_unlock();
}

static void start(void)
{
	const char *text = secure_getenv(VARIABLE);
	void *frame;

	if (!text || !*text)
		return;
	start_error = read_words(text);
	if (start_error || !amph_sanitize_which)
		return;
	backtrace(&frame, 1); /* loads the unwinder now, and not in a signal's handler */
	if (amph_sanitize_which & SANITIZE_OWNERSHIP)
		start_error = amph_fault_start();
	if (!start_error)
		start_error = -pthread_atfork(amph_sanitize_lock, amph_sanitize_unlock, forked);
	process = getpid();
	if (!start_error)
		amph_sanitize_hook = &ops;
}

int amph_sanitize_start(void)
{
	pthread_once(&once, start);
	return start_error;
}

/* After everything that the program does at its exit, but for other libraries' own ends. */
__attribute__((destructor)) static void finish(void)
{
	if (!amph_sanitize_hook || process != getpid())
		return;
	amph_sanitize_lock();
	if (amph_sanitize_which & SANITIZE_LEAKS)
		amph_leaks_report();
	amph_sanitize_unlock();
	if (amph_sanitize_reports && exit_code >= 0) {
		fflush(NULL);
		_exit(exit_code);
	}
}
