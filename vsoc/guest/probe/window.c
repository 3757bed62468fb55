/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-window: where dma-ranges let the coprocessor see only a part of the DRAM, buffers that are in
 * it cross, and those of which one page is not are refused; nothing is copied to where it would see it.
 * usage: probe-window [ERROR]
 * ERROR: what a refusal says (default: "Numerical result out of range")
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crossing.h"

#define MEMFD_SIZE 0x14000000ull /* at most */
#define PAGES	   64u /* of a buffer */
#define HEAP_SIZE  0x100000u
#define HEAP_MAX   300u /* buffers */
#define BOUNCE_MAX 0x40000u /* bytes */
#define BOUNCED	   "/sys/kernel/debug/swiotlb/io_tlb_used"

struct pool { /* pages of a memfd, by where they are */
	int memfd;
	uint8_t *va;
	uint32_t inside[PAGES], outside[PAGES];
	uint32_t inside_count, outside_count;
};

static void sort_page(struct pool *pool, const struct memory_window *window, uint64_t pa,
		      uint32_t number)
{
	if (pa >= window->pa && pa - window->pa < window->length) {
		if (pool->inside_count < PAGES)
			pool->inside[pool->inside_count++] = number;
	} else if (pool->outside_count < PAGES) {
		pool->outside[pool->outside_count++] = number;
	}
}

/* Touches pages until there are enough of both kinds. */
static int sort_pages(struct pool *pool, const struct memory_window *window)
{
	uint64_t pages[PAGES];

	pool->memfd = buffer_memfd(MEMFD_SIZE, &pool->va);
	if (pool->memfd < 0)
		return -1;
	for (uint32_t first = 0; first < MEMFD_SIZE / PROBE_PAGE; first += PAGES) {
		if (memory_pages(pool->va + (uint64_t)first * PROBE_PAGE, PAGES * PROBE_PAGE,
				 pages))
			return -1;
		for (uint32_t i = 0; i < PAGES; i++)
			sort_page(pool, window, pages[i], first + i);
		if (pool->inside_count == PAGES && pool->outside_count == PAGES)
			return 0;
	}
	return remote_fail("not enough pages inside or outside of the window");
}

/* Slots of swiotlb that are in use; 0 where there is no swiotlb. */
static unsigned long bounced(void)
{
	char text[32] = "0";
	FILE *file = fopen(BOUNCED, "re");

	if (file && !fgets(text, sizeof(text), file))
		text[0] = 0;
	if (file)
		fclose(file);
	return strtoul(text, NULL, 10);
}

static int expect_nothing_bounced(void)
{
	return bounced() ? remote_fail("a bounce buffer is in use") : 0;
}

static int expect_crossing(struct crossing *crossing, const struct buffer *buffer, uint32_t seed)
{
	struct attachment attachment;

	memory_fill(buffer->va, buffer->size, seed, 0);
	int error = attachment_open(&attachment, crossing->remote, buffer);
	if (error)
		return remote_fail("a buffer inside of the window is refused: %s",
				   strerror(-error));
	return crossing_check(crossing, &attachment, seed) ||
			       crossing_run(crossing, buffer, &attachment, seed) ||
			       expect_nothing_bounced()
		       ? -1
		       : attachment_close(&attachment);
}

static int expect_refusal(struct crossing *crossing, const struct buffer *buffer, const char *why)
{
	struct attachment attachment;

	memory_fill(buffer->va, buffer->size, 9, 0);
	int error = attachment_open(&attachment, crossing->remote, buffer);
	if (!error)
		return remote_fail("a buffer outside of the window is attached");
	/* no bounce buffer is as large as the larger segments: for these there is no address at all */
	if (strcmp(strerror(-error), why) != 0 && !(error == -ERANGE && buffer->size > BOUNCE_MAX))
		return remote_fail("the refusal says %s", strerror(-error));
	return memory_verify(buffer->va, buffer->size, 9, 0) ? -1 : expect_nothing_bounced();
}

static int run(struct crossing *crossing, const struct pool *pool, const uint32_t *pages,
	       uint32_t count, const char *refusal)
{
	struct buffer buffer;

	if (buffer_of_pages(&buffer, pool->memfd, pages, count))
		return -1;
	int error = refusal ? expect_refusal(crossing, &buffer, refusal)
			    : expect_crossing(crossing, &buffer, 3);
	buffer_close(&buffer);
	return error;
}

static int choose_pages(struct crossing *crossing, const char *refusal)
{
	struct pool pool = {0};
	uint32_t mixed[PAGES];

	if (sort_pages(&pool, &crossing->window))
		return -1;
	memcpy(mixed, pool.inside, sizeof(mixed));
	if (run(crossing, &pool, pool.inside, PAGES, NULL) ||
	    run(crossing, &pool, pool.outside, PAGES, refusal) ||
	    run(crossing, &pool, pool.outside, 1, refusal))
		return -1;
	for (uint32_t place = 0; place < PAGES; place += PAGES / 3) { /* first to last */
		mixed[place] = pool.outside[place];
		if (run(crossing, &pool, mixed, PAGES, refusal))
			return -1;
		mixed[place] = pool.inside[place];
	}
	int error = run(crossing, &pool, pool.inside, PAGES, NULL);
	munmap(pool.va, MEMFD_SIZE);
	close(pool.memfd);
	return error;
}

/* Whatever the heap gives: right, or refused. All of it is kept, so that both come. */
static int take_what_comes(struct crossing *crossing, const char *refusal)
{
	static struct buffer buffers[HEAP_MAX];
	uint32_t crossed = 0, refused = 0;

	for (uint32_t i = 0; i < HEAP_MAX && !(crossed && refused); i++) {
		struct attachment attachment;

		if (buffer_open(&buffers[i], "system", HEAP_SIZE))
			return -1;
		int error = attachment_open(&attachment, crossing->remote, &buffers[i]);
		if (!error && attachment_close(&attachment))
			return -1;
		if (error ? expect_refusal(crossing, &buffers[i], refusal)
			  : expect_crossing(crossing, &buffers[i], i))
			return -1;
		crossed += !error;
		refused += !!error;
	}
	printf("of the system heap: %u crossed, %u refused\n", crossed, refused);
	return crossed && refused ? 0 : remote_fail("only one kind came");
}

int main(int count, char **arguments)
{
	const char *refusal = count > 1 ? arguments[1] : strerror(ERANGE);
	static struct crossing crossing;

	if (crossing_open(&crossing) || choose_pages(&crossing, refusal))
		return 1;
	puts("pages inside of the window cross; one outside is refused, at any place of a buffer");
	if (take_what_comes(&crossing, refusal))
		return 1;
	return crossing_close(&crossing) ? 1 : 0;
}
