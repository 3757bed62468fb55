/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All free memory, and what the coprocessor wrote there. Test code that runs inside the virtual SoC; see
 * fill.h.
 */
#include "fill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <probe/probe.h>

#include "death.h"

#define BLOCK	   (4u << 20)
#define SMALL	   (256u << 10)
#define LEAVE	   (10u << 20) /* so that nobody is killed for want of memory */
#define PATTERN	   0xa5
#define LOOK	   64u /* bytes of each page; a mark is at its start */
#define PAGE_FLAGS "/proc/kpageflags"
#define FLAG_BUDDY (1ull << 10)

enum kind {
	KIND_CMA, /* first: nothing but movable memory could take its pages else */
	KIND_HEAP,
	KIND_CACHE,
	KIND_ANONYMOUS, /* any page that is left */
	KINDS
};

/* What can be had of one kind, NULL when there is no more. */
static uint8_t *take(enum kind kind, size_t size)
{
	int file = -1;
	void *va;

	if (kind <= KIND_HEAP)
		file = death_heap_alloc(kind == KIND_CMA ? DEATH_CMA : DEATH_HEAP, size);
	if (kind == KIND_CACHE)
		file = memfd_create("fill", MFD_CLOEXEC);
	if (kind != KIND_ANONYMOUS && file < 0)
		return NULL;
	if (kind == KIND_CACHE && ftruncate(file, (off_t)size)) {
		close(file);
		return NULL;
	}
	va = mmap(NULL, size, PROT_READ | PROT_WRITE,
		  kind == KIND_ANONYMOUS ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, file, 0);
	if (file >= 0)
		close(file);
	return va == MAP_FAILED ? NULL : va;
}

/* Bytes of a kind that it may take; those for the heap and the cache are a part of the rest. */
static uint64_t left_for(enum kind kind)
{
	uint64_t left = death_meminfo("MemFree") - death_meminfo("CmaFree");

	if (kind == KIND_CMA)
		return death_meminfo("CmaFree");
	left = left > LEAVE ? left - LEAVE : 0;
	return kind == KIND_ANONYMOUS ? left : left / 2;
}

static void write_pattern(const struct fill_block *block)
{
	for (size_t at = 0; at < block->size; at += DEATH_PAGE)
		memset(block->va + at, PATTERN, LOOK);
}

/* As much as may be had of a kind, in blocks of one size. */
static void take_all(struct fill *fill, enum kind kind, size_t size)
{
	uint64_t budget = left_for(kind);

	for (; budget >= size && left_for(kind) >= size && fill->count < FILL_BLOCKS_MAX;
	     budget -= size) {
		uint8_t *va = take(kind, size);

		if (!va)
			break;
		fill->blocks[fill->count] = (struct fill_block){va, size};
		write_pattern(&fill->blocks[fill->count++]);
		fill->bytes += size;
	}
}

int fill_take(struct fill *fill)
{
	fill->count = 0;
	fill->bytes = 0;
	for (unsigned kind = 0; kind < KINDS; kind++) {
		take_all(fill, kind, BLOCK);
		if (kind == KIND_CMA || kind == KIND_ANONYMOUS)
			take_all(fill, kind, SMALL);
	}
	return fill->bytes ? 0 : death_fail("no memory could be had");
}

static bool is_untouched(const uint8_t *page)
{
	for (unsigned i = 0; i < LOOK; i++)
		if (((const volatile uint8_t *)page)[i] != PATTERN)
			return false;
	return true;
}

unsigned long fill_search(struct fill *fill, unsigned long *marks)
{
	unsigned long changed = 0;

	*marks = 0;
	for (unsigned i = 0; i < fill->count; i++) {
		for (size_t at = 0; at < fill->blocks[i].size; at += DEATH_PAGE) {
			const uint8_t *page = fill->blocks[i].va + at;
			struct probe_mark mark;

			if (is_untouched(page))
				continue;
			memcpy(&mark, page, sizeof(mark));
			if (mark.magic == PROBE_MARK && !(*marks)++)
				printf("a mark: seed %u at device address %#x, count %u\n",
				       mark.seed, mark.address, mark.count);
			changed++;
		}
		write_pattern(&fill->blocks[i]);
	}
	return changed;
}

void fill_give_back(struct fill *fill)
{
	while (fill->count) {
		fill->count--;
		munmap(fill->blocks[fill->count].va, fill->blocks[fill->count].size);
	}
}

int fill_is_free(uint64_t pa)
{
	static int file = -1;
	uint64_t flags;

	if (file < 0)
		file = open(PAGE_FLAGS, O_RDONLY | O_CLOEXEC);
	if (file < 0 ||
	    pread(file, &flags, sizeof(flags), (off_t)(pa / DEATH_PAGE * 8)) != sizeof(flags))
		return death_fail(PAGE_FLAGS ": %s", strerror(errno));
	return (flags & FLAG_BUDDY) != 0;
}
