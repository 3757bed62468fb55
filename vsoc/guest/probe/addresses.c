/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-addresses: buffers of every size, from one page up by powers of two, cross to the coprocessor
 * and back at the device addresses that the module gives, which are checked against the device tree
 * and the physical memory as well.
 * usage: probe-addresses SOURCE LARGEST [fragmented]
 * SOURCE: a heap's name, or udmabuf. LARGEST: bytes. fragmented: no two free pages are neighbours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "crossing.h"

/* What is left for everybody else; but for so much it is taken again: the larger pieces. */
#define SPARE_KIB  24576u
#define LEFT_KIB   2048u
#define COMPACTION "/proc/sys/vm/compaction_proactiveness"

static int run(struct crossing *crossing, const char *source, uint64_t size, uint32_t seed)
{
	struct attachment attachment;
	struct buffer buffer;

	if (buffer_open(&buffer, source, size))
		return -1;
	memory_fill(buffer.va, size, seed, 0);
	int error = attachment_open(&attachment, crossing->remote, &buffer);
	if (error)
		return remote_fail("attach: %s", strerror(-error));
	if (crossing_check(crossing, &attachment, seed) ||
	    crossing_run(crossing, &buffer, &attachment, seed))
		return -1;
	printf("%s: %llu KiB crossed in %u segments, the first at %#llx\n", source,
	       (unsigned long long)size / 1024, attachment.info.segments,
	       (unsigned long long)attachment.segments[0].address);
	if (attachment_close(&attachment))
		return -1;
	buffer_close(&buffer);
	return 0;
}

static uint64_t free_kib(void)
{
	char line[128];
	uint64_t kib = 0;
	FILE *file = fopen("/proc/meminfo", "re");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %lu kB", &kib) == 1)
			break;
	if (file)
		fclose(file);
	return kib;
}

/* Or the kernel puts free pages together again, in its own time. */
static int switch_compaction_off(void)
{
	FILE *file = fopen(COMPACTION, "we");
	int error = !file || fputs("0", file) < 0;

	if (file && fclose(file))
		error = 1;
	return error ? remote_fail(COMPACTION) : 0;
}

/*
 * Takes nearly all free memory, gives every page of an even number back, and then takes what else is free
 * but for LEFT_KIB. All of it is kept until the program ends.
 */
static int fragment(void)
{
	uint64_t kib = free_kib();
	uint64_t count = kib > 2 * SPARE_KIB ? (kib - SPARE_KIB) * 1024 / PROBE_PAGE : 0;
	uint64_t *pages = calloc(count, sizeof(*pages));
	uint8_t *all = mmap(NULL, count * PROBE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	uint64_t scattered = 0; /* bytes that are given back */
	struct buffer plug;

	if (all == MAP_FAILED || !pages)
		return remote_fail("no memory to fragment");
	if (memory_pages(all, count * PROBE_PAGE, pages) || switch_compaction_off()) {
		free(pages);
		return -1;
	}
	for (uint64_t i = 0; i < count; i++)
		if (pages[i] / PROBE_PAGE % 2 == 0 &&
		    !madvise(all + i * PROBE_PAGE, PROBE_PAGE, MADV_DONTNEED))
			scattered += PROBE_PAGE;
	free(pages);
	/* what else is free, also what has become so meanwhile */
	kib = free_kib();
	if (kib <= scattered / 1024 + LEFT_KIB)
		return 0;
	kib -= scattered / 1024 + LEFT_KIB;
	return buffer_open(&plug, "system", kib * 1024 / PROBE_PAGE * PROBE_PAGE);
}

int main(int count, char **arguments)
{
	static struct crossing crossing;
	uint32_t seed = 1;

	if (count < 3 || count > 4 || (count == 4 && strcmp(arguments[3], "fragmented") != 0)) {
		fputs("usage: probe-addresses SOURCE LARGEST [fragmented]\n", stderr);
		return 2;
	}
	uint64_t largest = strtoull(arguments[2], NULL, 0);
	if (crossing_open(&crossing) || (count == 4 && fragment()))
		return 1;
	printf("physical %#llx is device address %#llx\n", (unsigned long long)crossing.window.pa,
	       (unsigned long long)crossing.window.da);
	for (uint64_t size = PROBE_PAGE; size <= largest; size *= 2, seed += 2)
		if (run(&crossing, arguments[1], size, seed))
			return 1;
	return crossing_close(&crossing) ? 1 : 0;
}
