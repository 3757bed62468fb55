/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Coherency sanitizer: a machine whose caches hide nothing behaves like one whose caches do. The program
 * sees a shadow of each buffer; only a hand-off moves bytes between it and the memory.
 * Memory layer, Linux; knows the record of ranges. What was never moved, or can't be, is reported.
 */
#include <string.h>
#include <sys/mman.h>

#include <amphora/target.h>

#include "memory/range.h"
#include "memory/sanitize/linux/shadow.h"

/* Kinds of findings: each is reported once for a place. */
enum { NEVER_GIVEN = 0x1, ONLY_WRITES = 0x2, ONLY_READS = 0x4, NOT_GIVEN = 0x8, WHILE_AWAY = 0x10 };

static bool is_new(struct sanitize_place *place, uint32_t kind)
{
	bool new = !(place->reported & kind);

	place->reported |= kind;
	return new;
}

#define COUNT(bytes) (unsigned long long)(bytes)->count, (unsigned long long)(bytes)->first

static struct sanitize_attachment *attachment_of(const struct sanitize_buffer *buffer,
						 const struct amph_attachment *attachment)
{
	struct sanitize_attachment *noted = buffer->attachments;

	while (noted && noted->attachment != attachment)
		noted = noted->next;
	return noted;
}

static const char *name_of(const struct amph_attachment *attachment)
{
	return attachment->target->name ? attachment->target->name : "?";
}

static void print_places(const struct sanitize_buffer *buffer, const char *title,
			 const struct sanitize_place *here,
			 const struct sanitize_attachment *attachment)
{
	if (buffer->last_give)
		amph_sanitize_print_place("given:", buffer->last_give);
	amph_sanitize_print_place(title, here);
	if (attachment)
		amph_sanitize_print_place("attached:", attachment->place);
	amph_sanitize_print_place(buffer->imported ? "offered:" : "opened:", buffer->opened);
}

static bool is_the_cpus(const struct amph_range *range)
{
	return range->holders == AMPH_HOLDER_CPU;
}

/* Did somebody write what the CPU owns, of these bytes? */
static void check_not_given(struct sanitize_buffer *buffer, uint64_t offset, uint64_t end,
			    const char *title)
{
	const struct amph_shm *shm = buffer->shm;
	const struct sanitize_shadow *shadow = buffer->shadow;
	struct sanitize_bytes bytes = {0};
	struct sanitize_place *here;

	for (uint32_t i = amph_range_find(shm, offset); i < shm->range_count; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];
		uint64_t start = range->offset > offset ? range->offset : offset;
		uint64_t stop = range->offset + range->length;

		if (start >= end)
			break;
		if (is_the_cpus(range))
			amph_shadow_differ(shadow->real, shadow->twin, start,
					   stop < end ? stop : end, &bytes);
	}
	if (!bytes.count || buffer->stray)
		return;
	buffer->stray = true; /* they stay so: once is enough */
	here = amph_sanitize_here();
	if (!is_new(here, NOT_GIVEN))
		return;
	amph_sanitize_report("coherency: %s: %llu bytes from byte %llu on were changed by another "
			     "side while the CPU owned them, which does not see it",
			     buffer->name, COUNT(&bytes));
	print_places(buffer, title, here, buffer->attachments);
}

/* --- the way of a buffer --- */

void amph_coherency_begin(struct sanitize_buffer *buffer, struct amph_shm *shm)
{
	/* uncached memory is what it looks like; and what the CPU has no mapping of, it does not see */
	if (!shm->va || shm->flags & AMPH_SHM_NOT_CACHED)
		return;
	buffer->shadow = amph_shadow_new(shm->va, (size_t)shm->size);
	if (!buffer->shadow) {
		amph_sanitize_say("amphora: coherency: no memory for a shadow of %s: not watched",
				  buffer->name);
		return;
	}
	if (shm->imported) {
		amph_shadow_poison(buffer->shadow);
	} else {
		memcpy(buffer->shadow->inside, shm->va, (size_t)shm->size);
		memcpy(buffer->shadow->twin, shm->va, (size_t)shm->size);
	}
	if (shm->cpu_reads_only)
		mprotect(buffer->shadow->view, buffer->shadow->mapped, PROT_READ);
	shm->va = buffer->shadow->view;
	buffer->va = shm->va;
}

/* What the CPU wrote and owns is in the memory in the end: whoever maps it otherwise sees it. */
static void write_back(const struct sanitize_buffer *buffer)
{
	const struct amph_shm *shm = buffer->shm;
	const struct sanitize_shadow *shadow = buffer->shadow;

	if (shm->cpu_reads_only)
		return;
	for (uint32_t i = 0; i < shm->range_count; i++) {
		const struct amph_range *range = &shm->storage.ranges[i];
		struct sanitize_bytes bytes = {0};

		if (!is_the_cpus(range))
			continue;
		amph_shadow_differ(shadow->inside, shadow->twin, range->offset,
				   range->offset + range->length, &bytes);
		for (uint64_t k = bytes.first; bytes.count && k <= bytes.last; k++)
			if (shadow->inside[k] != shadow->twin[k])
				shadow->real[k] = shadow->inside[k];
	}
}

void *amph_coherency_mapping(const struct sanitize_buffer *buffer)
{
	return buffer->shadow ? buffer->shadow->real : buffer->va;
}

void amph_coherency_end(struct sanitize_buffer *buffer, struct amph_shm *shm)
{
	if (!buffer->shadow)
		return;
	check_not_given(buffer, 0, buffer->size, "closed:");
	write_back(buffer);
	/* its home has taken the window away already, where it was an import that is still referred to */
	if (shm->va)
		shm->va = buffer->shadow->real;
	amph_shadow_free(buffer->shadow);
	buffer->shadow = NULL;
	buffer->va = shm->va;
}

void amph_coherency_giving(struct sanitize_buffer *buffer, const struct amph_attachment *attachment,
			   uint64_t offset, uint64_t length)
{
	const struct amph_shm *shm = buffer->shm;
	struct sanitize_shadow *shadow = buffer->shadow;
	uint64_t end = offset + length;
	bool reads = attachment == shm->home || attachment->direction & AMPH_DEVICE_READS;

	buffer->last_give = amph_sanitize_here();
	buffer->undoing = NULL;
	if (!shadow)
		return;
	check_not_given(buffer, offset, end, "found:");
	if (shm->cpu_reads_only)
		return;
	amph_shadow_mark(shadow, offset, end, SHADOW_GIVEN);
	if (reads) {
		amph_shadow_mark_written(shadow, 0, offset, SHADOW_EARLY);
		amph_shadow_mark_written(shadow, end, buffer->size, SHADOW_EARLY);
		memcpy(shadow->real + offset, shadow->inside + offset, (size_t)length);
	} else {
		amph_shadow_poison_written(shadow, offset, end);
	}
	memcpy(shadow->twin + offset, shadow->inside + offset, (size_t)length);
}

/* Did the program write what it did not own? */
static void check_while_away(struct sanitize_buffer *buffer,
			     const struct amph_attachment *attachment, uint64_t offset,
			     uint64_t end)
{
	struct sanitize_bytes bytes = {0};
	struct sanitize_place *here = amph_sanitize_here();

	amph_shadow_differ(buffer->shadow->inside, buffer->shadow->twin, offset, end, &bytes);
	if (!bytes.count || !is_new(here, WHILE_AWAY))
		return;
	amph_sanitize_report("coherency: %s: %llu bytes from byte %llu on were written by the CPU "
			     "while %s had them: %s",
			     buffer->name, COUNT(&bytes), name_of(attachment),
			     "AMPHORA_SANITIZE=ownership says where");
	print_places(buffer, "taken:", here, attachment_of(buffer, attachment));
}

static void check_only_writes(struct sanitize_buffer *buffer,
			      const struct amph_attachment *attachment, uint64_t offset,
			      uint64_t end)
{
	struct sanitize_bytes bytes = {0};
	struct sanitize_place *here = amph_sanitize_here();

	amph_shadow_find_poison(buffer->shadow, offset, end, &bytes);
	if (!bytes.count || !is_new(here, ONLY_WRITES))
		return;
	amph_sanitize_report("coherency: %s: %llu bytes from byte %llu on were written by the CPU, "
			     "given to %s, which is attached for writing only, and not written by "
			     "it: they are nobody's now",
			     buffer->name, COUNT(&bytes), name_of(attachment));
	print_places(buffer, "taken:", here, attachment_of(buffer, attachment));
}

static void check_only_reads(struct sanitize_buffer *buffer,
			     const struct amph_attachment *attachment, uint64_t offset,
			     uint64_t end)
{
	const struct sanitize_shadow *shadow = buffer->shadow;
	struct sanitize_bytes bytes = {0};
	struct sanitize_place *here = amph_sanitize_here();

	amph_shadow_differ(shadow->real, shadow->twin, offset, end, &bytes);
	if (!bytes.count || buffer->stray)
		return;
	buffer->stray = true;
	if (!is_new(here, ONLY_READS))
		return;
	amph_sanitize_report(
		"coherency: %s: %llu bytes from byte %llu on were changed while %s had "
		"them, which is attached for reading only: the CPU does not see it",
		buffer->name, COUNT(&bytes), name_of(attachment));
	print_places(buffer, "taken:", here, attachment_of(buffer, attachment));
}

void amph_coherency_taken(struct sanitize_buffer *buffer, const struct amph_attachment *attachment,
			  uint64_t offset, uint64_t length, bool written)
{
	struct sanitize_shadow *shadow = buffer->shadow;
	uint64_t end = offset + length;
	bool undone = buffer->undoing == attachment;

	buffer->undoing = NULL;

	if (!shadow)
		return;
	if (undone) {
		/* it never left: what the CPU wrote is still only the CPU's */
		amph_shadow_unmark(shadow, offset, end, SHADOW_POISON);
		memcpy(shadow->real + offset, shadow->twin + offset, (size_t)length);
		return;
	}
	if (!buffer->shm->cpu_reads_only)
		check_while_away(buffer, attachment, offset, end);
	if (!written) {
		check_only_reads(buffer, attachment, offset, end);
		return;
	}
	/* who is lost may not have come so far */
	if (attachment->target->state == AMPH_TARGET_ALIVE)
		check_only_writes(buffer, attachment, offset, end);
	memcpy(shadow->inside + offset, shadow->real + offset, (size_t)length);
	memcpy(shadow->twin + offset, shadow->inside + offset, (size_t)length);
}

/* What was written for it and never given to it. */
static void check_never_given(struct sanitize_buffer *buffer,
			      const struct amph_attachment *attachment,
			      const struct sanitize_attachment *noted)
{
	const struct sanitize_shadow *shadow = buffer->shadow;
	struct sanitize_bytes bytes = {0};
	struct sanitize_place *here = amph_sanitize_here();

	/* it may get the rest from somebody else, or nothing at all beside others who got theirs */
	if (buffer->last_give)
		amph_shadow_find(shadow, SHADOW_EARLY, SHADOW_GIVEN, &bytes);
	else
		amph_shadow_differ(shadow->inside, shadow->twin, 0, buffer->size, &bytes);
	if (!bytes.count || !is_new(here, NEVER_GIVEN))
		return;
	amph_sanitize_report("coherency: %s: %llu bytes from byte %llu on were written by the CPU "
			     "and never given to %s, which does not see them",
			     buffer->name, COUNT(&bytes), name_of(attachment));
	print_places(buffer, "detached:", here, noted);
}

void amph_coherency_detaching(struct sanitize_buffer *buffer,
			      const struct amph_attachment *attachment)
{
	const struct sanitize_attachment *noted = attachment_of(buffer, attachment);
	struct sanitize_shadow *shadow = buffer->shadow;

	if (!shadow)
		return;
	check_not_given(buffer, 0, buffer->size, "detached:");
	/* what is lost with a target is no mistake of the program's */
	if (noted && attachment->target->state == AMPH_TARGET_ALIVE &&
	    attachment->direction & AMPH_DEVICE_READS)
		check_never_given(buffer, attachment, noted);
	if (buffer->attachments && buffer->attachments->next)
		return;
	/* the last one: what comes now is another use of the buffer */
	amph_shadow_unmark(shadow, 0, buffer->size, SHADOW_GIVEN);
	amph_shadow_unmark(shadow, 0, buffer->size, SHADOW_EARLY);
	buffer->last_give = NULL;
}
