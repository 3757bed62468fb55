/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Places: the stack at a call of the library, kept once each.
 * Memory layer, Linux; knows the C library's unwinder. symbols.c makes files and lines of them.
 */
#include <execinfo.h>
#include <string.h>
#include <ucontext.h>

#include "memory/sanitize/linux/internal.h"

#define BUCKETS 1024u

struct kept {
	struct sanitize_place place;
	struct kept *next;
};

static struct kept *buckets[BUCKETS];

static uint32_t hash_of(const struct sanitize_place *place)
{
	uint64_t hash = place->depth;

	for (uint32_t i = 0; i < place->depth; i++)
		hash = (hash ^ (uintptr_t)place->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return (uint32_t)(hash >> 32);
}

static bool same(const struct sanitize_place *a, const struct sanitize_place *b)
{
	return a->depth == b->depth &&
	       !memcmp(a->frames, b->frames, a->depth * sizeof(a->frames[0]));
}

struct sanitize_place *amph_sanitize_here(void)
{
	struct sanitize_place place = {0};
	struct kept **bucket, *kept;

	place.depth = (uint32_t)backtrace(place.frames, PLACE_DEPTH);
	bucket = &buckets[hash_of(&place) % BUCKETS];
	for (kept = *bucket; kept; kept = kept->next)
		if (same(&kept->place, &place))
			return &kept->place;
	kept = amph_sanitize_allocate(1, sizeof(*kept));
	kept->place = place;
	kept->next = *bucket;
	*bucket = kept;
	return &kept->place;
}

/* Where the processor was: NULL on one that is not known here. */
static void *instruction_of(const void *context)
{
	const ucontext_t *state = context;

#if defined(__x86_64__)
	return (void *)state->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (void *)state->uc_mcontext.pc;
#elif defined(__arm__)
	return (void *)state->uc_mcontext.arm_pc;
#else
	(void)state;
	return NULL;
#endif
}

void amph_sanitize_fault_place(struct sanitize_place *place, const void *context)
{
	void *frames[PLACE_DEPTH + 4], *at = instruction_of(context);
	uint32_t depth = (uint32_t)backtrace(frames, PLACE_DEPTH + 4), first = 0;

	/* what lies above the interrupted instruction is the handler */
	for (uint32_t i = 0; i < depth && !first; i++)
		if (frames[i] == at)
			first = i + 1;
	place->depth = 0;
	/* a return address is looked up one byte before it; this one is not a return address */
	if (at)
		place->frames[place->depth++] = (char *)at + 1;
	for (uint32_t i = first; i < depth && place->depth < PLACE_DEPTH; i++)
		place->frames[place->depth++] = frames[i];
}
