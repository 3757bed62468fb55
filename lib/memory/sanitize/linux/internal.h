/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the sanitizers' files share among themselves.
 * Memory layer, Linux, private. None of it runs unless AMPHORA_SANITIZE asks for it; then memory is
 * taken from the C library, and the process ends where there is none.
 */
#ifndef AMPH_MEMORY_SANITIZE_INTERNAL_H
#define AMPH_MEMORY_SANITIZE_INTERNAL_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/sanitize.h"

/* Which of them are on: bits. */
#define SANITIZE_OWNERSHIP 0x1u
#define SANITIZE_COHERENCY 0x2u
#define SANITIZE_LEAKS	   0x4u

extern uint32_t amph_sanitize_which;

/* Zeroed memory, or the end of the process with a message. */
void *amph_sanitize_allocate(size_t count, size_t size);

/* --- places: where the program called the library (place.c, symbols.c) --- */

#define PLACE_DEPTH 24u

struct sanitize_place {
	uint32_t reported; /* kinds of findings that were reported with it */
	uint32_t depth;
	void *frames
		[PLACE_DEPTH]; /* return addresses, innermost first, the library's own included */
};

/* The caller's place, kept for good: the same place gives the same pointer. Under the lock. */
struct sanitize_place *amph_sanitize_here(void);

/* A place of a signal's context, innermost first the faulting instruction itself, plus 1. */
void amph_sanitize_fault_place(struct sanitize_place *place, const void *context);

/* Prints "  title  #0 function  file:line" and up to 3 callers, without the library's own frames. */
void amph_sanitize_print_place(const char *title, const struct sanitize_place *place);

/* --- reports: one line each, to stderr (report.c) --- */
__attribute__((format(printf, 1, 2))) void amph_sanitize_say(const char *format, ...);
/* The same, the first line of a report: "==pid== amphora: ...". Counts it. */
__attribute__((format(printf, 1, 2))) void amph_sanitize_report(const char *format, ...);
extern uint32_t amph_sanitize_reports;

/* --- buffers (buffers.c) --- */

/* A hand-off that is not taken back yet: these bytes, to whom, where. */
struct sanitize_give {
	uint64_t offset, end;
	const struct amph_attachment *attachment;
	char to[40]; /* its target's name */
	bool reading, passed;
	const struct sanitize_place *place;
	struct sanitize_give *next;
};

struct sanitize_attachment {
	const struct amph_attachment *attachment;
	char to[40];
	const struct sanitize_place *place;
	struct sanitize_attachment *next;
};

struct sanitize_buffer {
	const struct amph_shm *shm;
	char name[AMPH_NAME_MAX];
	uint64_t size;
	bool imported;
	bool exempt;
	const struct sanitize_place *opened;
	struct sanitize_give *gives;
	struct sanitize_attachment *attachments;
	char *va; /* what the program sees; NULL: the CPU has no mapping */
	/* ownership.c: the pages that it protects, from the first whole one on */
	char *pages;
	size_t page_size, page_count;
	uint8_t *protection; /* PROT_... of each */
	uint8_t least; /* PROT_... of a page that is all the CPU's */
	/* coherency.c */
	struct sanitize_shadow *shadow;
	const struct sanitize_place *last_give;
	const struct amph_attachment *undoing;
	bool stray; /* somebody wrote what the CPU had, and it was reported */
	struct sanitize_buffer *next, *previous;
	struct sanitize_buffer *chain; /* same hash */
};

/* All that are open, newest first. */
extern struct sanitize_buffer *amph_sanitize_buffers;

void amph_sanitize_lock(void);
void amph_sanitize_unlock(void);
/* In a signal's handler: false when somebody has it for too long, perhaps this very thread. */
bool amph_sanitize_try_lock(void);

struct sanitize_buffer *amph_sanitize_find(const struct amph_shm *shm);
struct sanitize_buffer *amph_sanitize_add(const struct amph_shm *shm);
void amph_sanitize_remove(struct sanitize_buffer *buffer);

/* Notes who has these bytes from now on, and that one has not any more. */
void amph_sanitize_note(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length,
			const struct amph_attachment *to, bool reading, bool passed);
void amph_sanitize_note_back(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length,
			     const struct amph_attachment *from);
const struct sanitize_give *amph_sanitize_give_of(const struct sanitize_buffer *buffer,
						  uint64_t offset);

/* --- ownership (ownership.c, fault.c) --- */
void amph_ownership_begin(struct sanitize_buffer *buffer);
/* Makes the pages of these bytes what the record says. */
void amph_ownership_update(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length);
/* The library itself touches these bytes until the next update. */
void amph_ownership_open(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length);
void amph_ownership_end(struct sanitize_buffer *buffer);
/* The protected page's buffer, or NULL. */
struct sanitize_buffer *amph_ownership_of(const void *address, uint8_t *protection);
int amph_fault_start(void);

/* Nothing of it is protected any more: in a child, which may have no such pages. */
void amph_ownership_forget(struct sanitize_buffer *buffer);

/* --- coherency (coherency.c, shadow.c) --- */
/* Exchanges shm->va for a shadow. */
void amph_coherency_begin(struct sanitize_buffer *buffer, struct amph_shm *shm);
void amph_coherency_end(struct sanitize_buffer *buffer, struct amph_shm *shm);
void *amph_coherency_mapping(const struct sanitize_buffer *buffer);
void amph_coherency_giving(struct sanitize_buffer *buffer, const struct amph_attachment *attachment,
			   uint64_t offset, uint64_t length);
void amph_coherency_taken(struct sanitize_buffer *buffer, const struct amph_attachment *attachment,
			  uint64_t offset, uint64_t length, bool written);
void amph_coherency_detaching(struct sanitize_buffer *buffer,
			      const struct amph_attachment *attachment);

/* --- leaks (leaks.c) --- */
void amph_leaks_session_opened(const struct amph_session *session, const char *other);
void amph_leaks_session_ended(const struct amph_session *session);
void amph_leaks_forget(void);
void amph_leaks_report(void);

#endif
