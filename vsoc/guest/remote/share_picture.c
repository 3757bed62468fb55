/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * share-picture: pictures in buffers of Linux's dma-heaps, attached to the coprocessor through
 * /dev/amphora, given to the demo firmware, worked on in place, returned and compared. Every fifth time
 * the firmware dies with the buffer in its hands; the buffer comes back by the proof that it is off, and
 * is used in its next life. Runs inside the virtual SoC.
 * usage: share-picture [ROUNDS [small]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/dmabuf.h>
#include <amphora/time.h>
#include <edge/edge.h>
#include <edge/picture.h>

#include "life.h"

#define SEGMENTS_MAX 512 /* the demo firmware's */
#define CRASH_EVERY  5
#define DA_START     0x80000000u /* where the coprocessor has its DRAM */
#define DA_END	     0xa0000000u

static const struct size {
	uint32_t width, height;
} sizes[] = {{64, 64}, {33, 2000}, {1, 1}, {320, 240}, {1920, 1080}, {1023, 767}, {4096, 2160}};

/* Those of which a segment is at most what swiotlb takes, 256 KiB, come first. */
#define SMALL 4
static size_t size_count = sizeof(sizes) / sizeof(sizes[0]);

static struct life life;
static struct amph_provider_heap heaps[2]; /* scattered, contiguous */
static struct amph_shm shm;
static struct amph_range ranges[4];
static struct amph_attachment attachment;
static struct amph_segment segments[SEGMENTS_MAX];
static uint32_t most_segments;
static uint64_t bytes_worked_on;

static int open_heaps(void)
{
	char cma[AMPH_HEAP_NAME_MAX];
	struct amph_why why = {0};

	if (amph_heap_find_cma(cma, sizeof(cma), &why) ||
	    amph_provider_heap_init(&heaps[0], "scattered", "system", &why) ||
	    amph_provider_heap_init(&heaps[1], "contiguous", cma, &why))
		return remote_fail("heaps: %s", why.what);
	for (int i = 0; i < 2; i++)
		if (amph_memory_add_provider(&life.memory, &heaps[i].provider))
			return remote_fail("a heap's provider is known already");
	return 0;
}

static void draw(uint8_t *pixels, struct size size, uint32_t seed)
{
	for (uint64_t i = 0; i < (uint64_t)size.width * size.height; i++) {
		seed = seed * 1664525 + 1013904223;
		pixels[i] = (uint8_t)(seed >> 24);
	}
}

/* Attached, and its device addresses are the coprocessor's, not Linux's. */
static int attach(void)
{
	uint64_t total = 0;

	if (amph_shm_attach(&shm, &life.remote.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			    &attachment, segments, SEGMENTS_MAX))
		return remote_fail("attach: %s, %llu, %llu", shm.why.what,
				   (unsigned long long)shm.why.value,
				   (unsigned long long)shm.why.limit);
	for (uint32_t i = 0; i < attachment.segment_count; i++) {
		if (segments[i].address < DA_START ||
		    segments[i].address + segments[i].length > DA_END)
			return remote_fail("a device address is %#llx",
					   (unsigned long long)segments[i].address);
		total += segments[i].length;
	}
	if (attachment.segment_count > most_segments)
		most_segments = attachment.segment_count;
	return total == shm.size ? 0 : remote_fail("the segments are not the buffer");
}

static int give(struct size size, enum edge_operation operation, struct amph_share **share)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error = amph_session_offer(&life.session, &attachment, 0, deadline, share);

	if (!error)
		error = amph_session_wait_share(&life.session, *share, AMPH_SHARE_ACCEPTED,
						deadline);
	if (!error)
		error = amph_session_give(&life.session, *share, 0, shm.size, false,
					  edge_cookie(operation, size.width, size.height),
					  deadline);
	return error ? remote_fail("offer and give: %s", strerror(-error)) : 0;
}

/* The picture as it was drawn, and the edges that the firmware must have found in it. */
static int compare(struct size size, uint32_t seed)
{
	uint64_t pixels = (uint64_t)size.width * size.height;
	uint64_t plane = edge_plane_offset(size.width, size.height);
	uint8_t *expected = malloc(2 * pixels);
	int error = 0;

	if (!expected)
		return remote_fail("no memory");
	const struct picture picture = {.input = expected,
					.output = expected + pixels,
					.width = size.width,
					.height = size.height};
	draw(expected, size, seed);
	picture_edges(&picture, 0, size.height);
	if (memcmp(expected, shm.va, pixels) != 0)
		error = remote_fail("the picture is another");
	else if (memcmp(expected + pixels, (uint8_t *)shm.va + plane, pixels) != 0)
		error = remote_fail("the edges are others");
	free(expected);
	bytes_worked_on += pixels;
	return error;
}

/* Compares before it unmaps: a mapping that is a copy is synced by the unmapping, too. */
static int take_back(struct size size, uint32_t seed, struct amph_share *share)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error = amph_session_wait_range(&life.session, share, 0, shm.size, true, deadline);

	if (error)
		return remote_fail("return: %s", strerror(-error));
	if ((uint32_t)life.cookie != EDGE_OK)
		return remote_fail("the firmware's status is %u", (uint32_t)life.cookie);
	if (compare(size, seed))
		return -1;
	error = amph_session_release(&life.session, share, deadline);
	if (!error)
		error = amph_session_wait_share(&life.session, share, AMPH_SHARE_RELEASED,
						deadline);
	if (!error)
		error = amph_shm_detach(&attachment);
	return error ? remote_fail("release: %s", strerror(-error)) : 0;
}

/* Draws when it is mapped: only a sync brings it to the other side then. */
static int work(struct size size, uint32_t seed)
{
	struct amph_share *share;

	if (attach())
		return -1;
	draw(shm.va, size, seed);
	return give(size, EDGE_DETECT, &share) || take_back(size, seed, share) ? -1 : 0;
}

/* The coprocessor is off: the buffer is the CPU's and attached to nobody. */
static int expect_ours(void)
{
	if (amph_shm_check_access(&shm, 0, shm.size, true) || shm.quarantined || shm.attachments)
		return remote_fail("the buffer is not back: %s", shm.why.what);
	return 0;
}

static int die_with_it(struct size size)
{
	struct amph_share *share;

	if (attach() || give(size, EDGE_CRASH, &share))
		return -1;
	if (amph_shm_check_access(&shm, 0, 1, false) != -EACCES)
		return remote_fail("what was given is still the CPU's");
	if (amph_shm_put(&shm) != -EBUSY)
		return remote_fail("what was given can be closed");
	return life_renew(&life, expect_ours);
}

static int round_of(uint32_t number)
{
	struct size size = sizes[number % size_count];
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	const char *name = number & 1 ? "contiguous:picture" : "scattered:picture";
	int error;

	if (amph_shm_open(&life.memory, &shm, &storage, name,
			  2 * edge_plane_offset(size.width, size.height), 0))
		return remote_fail("%s: %s", name, shm.why.what);
	error = work(size, number);
	if (!error && number % CRASH_EVERY == CRASH_EVERY - 1) {
		error = die_with_it(size);
		if (!error)
			error = work(size, ~number);
	}
	if (!error && amph_shm_put(&shm))
		error = remote_fail("put: %s", shm.why.what);
	return error;
}

int main(int count, char **arguments)
{
	unsigned long rounds = count > 1 ? strtoul(arguments[1], NULL, 10) : 20;
	int descriptors = life_count_descriptors();

	if (count > 3 || rounds < 1 || rounds > 10000 ||
	    (count > 2 && strcmp(arguments[2], "small"))) {
		fputs("usage: share-picture [ROUNDS [small]]\n", stderr);
		return 2;
	}
	if (count > 2)
		size_count = SMALL;
	if (life_begin(&life) || open_heaps())
		return 1;
	for (uint32_t i = 0; i < rounds; i++)
		if (round_of(i)) {
			remote_fail("in round %u", i);
			return 1;
		}
	if (life_end(&life) || life_expect_nothing_attached())
		return 1;
	if (life_count_descriptors() != descriptors) {
		remote_fail("%d descriptors are left", life_count_descriptors() - descriptors);
		return 1;
	}
	printf("%lu pictures, %llu bytes worked on, up to %u segments, %lu deaths, nothing left\n",
	       rounds, (unsigned long long)bytes_worked_on, most_segments, rounds / CRASH_EVERY);
	return 0;
}
