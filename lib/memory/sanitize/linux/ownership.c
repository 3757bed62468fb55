/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ownership sanitizer: pages whose bytes are given away are kept from the CPU, and those that others
 * read together with it from its writes.
 * Memory layer, Linux; knows the record of ranges. fault.c says what happens at a touch.
 *
 * A page that another buffer, or anything else, has a part of is left alone.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "memory/range.h"
#include "memory/sanitize/linux/internal.h"

#define ALL (PROT_READ | PROT_WRITE)

/* Bytes of a page of this mapping: larger where huge pages were asked for. */
static size_t page_size_of(const struct sanitize_buffer *buffer)
{
	const struct amph_shm *shm = buffer->shm;
	struct statfs system;

	if (shm->flags & AMPH_SHM_HUGE && !buffer->shadow && shm->handle >= 0 &&
	    !fstatfs((int)shm->handle, &system) && system.f_bsize > 0)
		return (size_t)system.f_bsize;
	return (size_t)sysconf(_SC_PAGESIZE);
}

/*
 * Is what follows the buffer's last byte, up to the page's end, nobody's? So in a mapping of its own; a
 * pool says where its memory is.
 */
static bool is_alone(const struct amph_shm *shm, const char *va, size_t page)
{
	return !((uintptr_t)va % page) && shm->handle >= 0 && !shm->handle_offset &&
	       !shm->segment_count;
}

void amph_ownership_begin(struct sanitize_buffer *buffer)
{
	const struct amph_shm *shm = buffer->shm;
	uintptr_t start = (uintptr_t)buffer->va, end = start + (uintptr_t)buffer->size;
	size_t page = page_size_of(buffer);

	buffer->least = shm->cpu_reads_only ? PROT_READ : ALL;
	if (!buffer->va)
		return;
	if (buffer->shadow || is_alone(shm, buffer->va, page))
		end = (end + page - 1) / page * page;
	start = (start + page - 1) / page * page;
	end = end / page * page;
	if (start >= end)
		return;
	buffer->pages = buffer->va + (start - (uintptr_t)buffer->va);
	buffer->page_size = page;
	buffer->page_count = (end - start) / page;
	buffer->protection = amph_sanitize_allocate(buffer->page_count, 1);
	for (size_t i = 0; i < buffer->page_count; i++)
		buffer->protection[i] = buffer->least;
	amph_ownership_update(buffer, 0, buffer->size);
}

static void give_up(struct sanitize_buffer *buffer)
{
	amph_sanitize_say("amphora: ownership: the pages of %s can't be protected: not watched",
			  buffer->name);
	mprotect(buffer->pages, buffer->page_count * buffer->page_size, buffer->least);
	free(buffer->protection);
	buffer->protection = NULL;
	buffer->page_count = 0;
}

/* Sets pages first .. last - 1, which all are to be the same. */
static void protect(struct sanitize_buffer *buffer, size_t first, size_t last, uint8_t protection)
{
	size_t i = first;

	while (i < last && buffer->protection[i] == protection)
		i++;
	if (i == last)
		return;
	if (mprotect(buffer->pages + first * buffer->page_size, (last - first) * buffer->page_size,
		     protection)) {
		give_up(buffer);
		return;
	}
	for (i = first; i < last; i++)
		buffer->protection[i] = protection;
}

/* The first and the last page, plus 1, that have any of these bytes. */
static void pages_of(const struct sanitize_buffer *buffer, uint64_t offset, uint64_t length,
		     size_t *first, size_t *last)
{
	uint64_t before = (uint64_t)(buffer->pages - buffer->va), end = offset + length;

	*first = offset < before ? 0 : (size_t)((offset - before) / buffer->page_size);
	*last = end < before ? 0
			     : (size_t)((end - before + buffer->page_size - 1) / buffer->page_size);
	if (*last > buffer->page_count)
		*last = buffer->page_count;
}

static uint8_t allowed(const struct amph_range *range, uint8_t least)
{
	if (!(range->holders & AMPH_HOLDER_CPU))
		return PROT_NONE;
	return range->reading ? PROT_READ : least;
}

/* What the CPU may do with any byte of a page: the rest of the page is not to suffer. */
static uint8_t page_allows(const struct sanitize_buffer *buffer, size_t page, uint32_t *at)
{
	const struct amph_shm *shm = buffer->shm;
	const struct amph_range *ranges = shm->storage.ranges;
	uint64_t start = (uint64_t)(buffer->pages - buffer->va) + page * buffer->page_size;
	uint64_t end = start + buffer->page_size;
	uint8_t protection = PROT_NONE;

	while (*at + 1 < shm->range_count && ranges[*at].offset + ranges[*at].length <= start)
		++*at;
	for (uint32_t i = *at; i < shm->range_count && ranges[i].offset < end; i++)
		protection |= allowed(&ranges[i], buffer->least);
	return protection;
}

void amph_ownership_update(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length)
{
	size_t page, last, begin;
	uint8_t now = PROT_NONE;
	uint32_t at;

	if (!buffer->page_count)
		return;
	pages_of(buffer, offset, length, &page, &last);
	begin = page;
	at = amph_range_find(buffer->shm, offset);
	/* a page may start before the offset, in an earlier record */
	while (at && page < last &&
	       buffer->shm->storage.ranges[at].offset >
		       (uint64_t)(buffer->pages - buffer->va) + page * buffer->page_size)
		at--;
	for (; page < last; page++) {
		uint8_t next = buffer->exempt ? buffer->least : page_allows(buffer, page, &at);

		if (page > begin && next != now) {
			protect(buffer, begin, page, now);
			begin = page;
			if (!buffer->page_count)
				return;
		}
		now = next;
	}
	if (begin < last)
		protect(buffer, begin, last, now);
}

void amph_ownership_open(struct sanitize_buffer *buffer, uint64_t offset, uint64_t length)
{
	size_t first, last;

	if (!buffer->page_count)
		return;
	pages_of(buffer, offset, length, &first, &last);
	if (first < last)
		protect(buffer, first, last, buffer->least);
}

void amph_ownership_end(struct sanitize_buffer *buffer)
{
	amph_ownership_open(buffer, 0, buffer->size);
	free(buffer->protection);
	buffer->protection = NULL;
	buffer->page_count = 0;
}

void amph_ownership_forget(struct sanitize_buffer *buffer)
{
	if (buffer->page_count)
		mprotect(buffer->pages, buffer->page_count * buffer->page_size, buffer->least);
	buffer->page_count = 0;
}

struct sanitize_buffer *amph_ownership_of(const void *address, uint8_t *protection)
{
	struct sanitize_buffer *buffer = amph_sanitize_buffers;

	for (; buffer; buffer = buffer->next) {
		size_t bytes = buffer->page_count * buffer->page_size;
		uintptr_t offset = (uintptr_t)address - (uintptr_t)buffer->pages;

		if (buffer->page_count && offset < bytes) {
			*protection = buffer->protection[offset / buffer->page_size];
			return buffer;
		}
	}
	return NULL;
}
