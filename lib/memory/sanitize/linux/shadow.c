/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Shadows: what one side sees of a buffer, apart from the memory that it shares with the other.
 * Memory layer, Linux; knows nothing of who has what. coherency.c moves the bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory/sanitize/linux/shadow.h"

#define PLANES (1 + SHADOW_MARKS) /* the twin and the marks */

/* Twice the same memory: one for the program, which may be protected, and one for the library. */
static bool map_twice(struct sanitize_shadow *shadow)
{
	int fd = memfd_create("amphora-shadow", MFD_CLOEXEC);
	size_t length = shadow->mapped;
	bool done = false;

	if (fd < 0)
		return false;
	if (!ftruncate(fd, (off_t)length)) {
		shadow->view = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		shadow->inside = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		/* children have no part in a buffer, and none in its shadow */
		done = shadow->view != MAP_FAILED && shadow->inside != MAP_FAILED &&
		       !madvise(shadow->view, length, MADV_DONTFORK) &&
		       !madvise(shadow->inside, length, MADV_DONTFORK);
	}
	close(fd);
	return done;
}

struct sanitize_shadow *amph_shadow_new(void *real, size_t size)
{
	struct sanitize_shadow *shadow = amph_sanitize_allocate(1, sizeof(*shadow));
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	shadow->real = real;
	shadow->size = size;
	shadow->mapped = (size + page - 1) / page * page;
	shadow->view = MAP_FAILED;
	shadow->inside = MAP_FAILED;
	/* private memory that costs nothing before it is written */
	shadow->twin = mmap(NULL, PLANES * shadow->mapped, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (shadow->twin == MAP_FAILED || !map_twice(shadow)) {
		amph_shadow_free(shadow);
		return NULL;
	}
	for (size_t i = 0; i < SHADOW_MARKS; i++)
		shadow->marks[i] = shadow->twin + (i + 1) * shadow->mapped;
	return shadow;
}

void amph_shadow_free(struct sanitize_shadow *shadow)
{
	if (shadow->twin != MAP_FAILED)
		munmap(shadow->twin, PLANES * shadow->mapped);
	if (shadow->view != MAP_FAILED)
		munmap(shadow->view, shadow->mapped);
	if (shadow->inside != MAP_FAILED)
		munmap(shadow->inside, shadow->mapped);
	free(shadow);
}

static void add(struct sanitize_bytes *bytes, uint64_t at)
{
	if (!bytes->count++)
		bytes->first = at;
	bytes->last = at;
}

void amph_shadow_differ(const char *a, const char *b, uint64_t offset, uint64_t end,
			struct sanitize_bytes *bytes)
{
	const uint64_t step = 4096;

	for (uint64_t at = offset, next; at < end; at = next) {
		next = at + (end - at < step ? end - at : step);
		if (!memcmp(a + at, b + at, (size_t)(next - at)))
			continue;
		for (uint64_t i = at; i < next; i++)
			if (a[i] != b[i])
				add(bytes, i);
	}
}

void amph_shadow_mark_written(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			      enum shadow_mark mark)
{
	struct sanitize_bytes bytes = {0};

	amph_shadow_differ(shadow->inside, shadow->twin, offset, end, &bytes);
	if (!bytes.count)
		return;
	shadow->marked[mark] = true;
	for (uint64_t i = bytes.first; i <= bytes.last; i++)
		shadow->marks[mark][i] |= shadow->inside[i] != shadow->twin[i];
}

void amph_shadow_mark(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
		      enum shadow_mark mark)
{
	shadow->marked[mark] = true;
	memset(shadow->marks[mark] + offset, 1, (size_t)(end - offset));
}

void amph_shadow_unmark(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			enum shadow_mark mark)
{
	if (!shadow->marked[mark])
		return;
	memset(shadow->marks[mark] + offset, 0, (size_t)(end - offset));
	shadow->marked[mark] = offset || end < shadow->size;
}

void amph_shadow_find(const struct sanitize_shadow *shadow, enum shadow_mark with,
		      enum shadow_mark without, struct sanitize_bytes *bytes)
{
	for (uint64_t i = 0; shadow->marked[with] && i < shadow->size; i++)
		if (shadow->marks[with][i] && !shadow->marks[without][i])
			add(bytes, i);
}

/* Other bytes than those before and after, so that a device's own are not taken for them. */
static char poison(uint64_t at)
{
	return (char)(0xa5u ^ (uint32_t)(at * UINT64_C(0x9e3779b97f4a7c15) >> 56));
}

void amph_shadow_poison_written(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end)
{
	struct sanitize_bytes bytes = {0};

	amph_shadow_differ(shadow->inside, shadow->twin, offset, end, &bytes);
	if (!bytes.count)
		return;
	shadow->marked[SHADOW_POISON] = true;
	for (uint64_t i = bytes.first; i <= bytes.last; i++)
		if (shadow->inside[i] != shadow->twin[i]) {
			shadow->real[i] = poison(i);
			shadow->marks[SHADOW_POISON][i] = 1;
		}
}

void amph_shadow_poison(struct sanitize_shadow *shadow)
{
	for (uint64_t i = 0; i < shadow->size; i++)
		shadow->inside[i] = poison(i);
	memcpy(shadow->twin, shadow->inside, shadow->size);
}

/* By chance one byte of 256 is as it was: a run of some is not. */
void amph_shadow_find_poison(struct sanitize_shadow *shadow, uint64_t offset, uint64_t end,
			     struct sanitize_bytes *bytes)
{
	uint64_t start = offset;

	if (!shadow->marked[SHADOW_POISON])
		return;
	for (uint64_t i = offset; i <= end; i++) {
		if (i < end && shadow->marks[SHADOW_POISON][i] && shadow->real[i] == poison(i))
			continue;
		for (uint64_t k = start; k < i && i - start >= SHADOW_RUN; k++)
			add(bytes, k);
		start = i + 1;
	}
	amph_shadow_unmark(shadow, offset, end, SHADOW_POISON);
}
