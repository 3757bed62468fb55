/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * share-queue: ranges of a scattered dma-heap buffer, attached through /dev/amphora, go to the demo firmware
 * and back by a queue: polling, then sleeping; the firmware dies with some of them, and in its next life all is
 * done again. The queue is in a contiguous heap buffer, or in the remote's coherent memory, which a remote
 * needs that does not see the CPU's caches. Runs inside the virtual SoC.
 * usage: share-queue [RANGES [coherent]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <amphora/dmabuf.h>
#include <amphora/queue.h>
#include <amphora/time.h>
#include <edge/edge.h>

#include "life.h"

#define PIECE	     4096u
#define PIECES	     255u /* less than a MiB, which the heap would take in one piece */
#define SLOTS	     32u
#define SEGMENTS_MAX 512 /* the demo firmware's */

struct buffer {
	struct amph_shm shm;
	struct amph_range ranges[2 * PIECES];
	struct amph_attachment attachment;
	struct amph_segment segments[SEGMENTS_MAX];
	struct amph_share *share;
};

static struct life life;
static struct amph_provider_heap heaps[2]; /* scattered, contiguous */
static struct amph_provider_remote coherent;
static const char *ring_name = "contiguous:queue";
static struct buffer data, ring;
static struct amph_queue queue;
static uint8_t expected[PIECES]; /* the byte that a piece is full of */
static uint32_t seed = 2019;
static unsigned long crossed;
static uint32_t most_segments;

static uint64_t soon(void)
{
	return amph_deadline(LIFE_WAIT_MS);
}

static int explain(const char *what, int error)
{
	const char *why = life.session.why.what;

	return error ? remote_fail("%s: %s (%s)", what, strerror(-error), why ? why : "no reason")
		     : 0;
}

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
	if (amph_provider_remote_init(&coherent, "coherent", &life.remote) ||
	    amph_memory_add_provider(&life.memory, &coherent.provider))
		return remote_fail("no provider of coherent memory");
	return 0;
}

static int open_buffer(struct buffer *buffer, const char *name, uint64_t size)
{
	struct amph_shm_storage storage = {.ranges = buffer->ranges, .range_max = 2 * PIECES};

	if (amph_shm_open(&life.memory, &buffer->shm, &storage, name, size, 0))
		return remote_fail("%s: %s", name, buffer->shm.why.what);
	return 0;
}

static int share(struct buffer *buffer)
{
	int error;

	if (amph_shm_attach(&buffer->shm, &life.remote.target, AMPH_DEVICE_READS_WRITES,
			    AMPH_SYNC_QUEUE, &buffer->attachment, buffer->segments, SEGMENTS_MAX))
		return remote_fail("attach: %s", buffer->shm.why.what);
	if (buffer->attachment.segment_count > most_segments)
		most_segments = buffer->attachment.segment_count;
	error = amph_session_offer(&life.session, &buffer->attachment, 0, soon(), &buffer->share);
	if (!error)
		error = amph_session_wait_share(&life.session, buffer->share, AMPH_SHARE_ACCEPTED,
						soon());
	return explain("offer", error);
}

static int unshare(struct buffer *buffer)
{
	int error = amph_session_release(&life.session, buffer->share, soon());

	if (!error)
		error = amph_session_wait_share(&life.session, buffer->share, AMPH_SHARE_RELEASED,
						soon());
	if (!error)
		error = amph_shm_detach(&buffer->attachment);
	return explain("release", error);
}

static int open_queue(uint32_t spins)
{
	const struct amph_queue_config config = {.spins = spins, .by_receive = true};

	if (share(&ring))
		return -1;
	return explain("queue",
		       amph_queue_open(&queue, &life.session, ring.share, SLOTS, &config, soon()));
}

/* Ranges of 1 to 16 pieces all over the buffer, none twice. Returns how many. */
static uint32_t choose(struct amph_queue_entry *entries, uint32_t most, uint64_t cookie)
{
	uint32_t count = 0, at = 0;

	while (count < most) {
		uint32_t length = 1 + (seed >> 24) % 16;

		seed = seed * 1664525 + 1013904223;
		at += (seed >> 20) % 16;
		if (at + length > PIECES)
			break;
		entries[count++] = (struct amph_queue_entry){.share = data.share,
							     .offset = (uint64_t)at * PIECE,
							     .length = (uint64_t)length * PIECE,
							     .cookie = cookie};
		at += length;
	}
	return count;
}

static int check_pieces(uint32_t first, uint32_t count)
{
	const uint8_t *bytes = (const uint8_t *)data.shm.va + (uint64_t)first * PIECE;

	for (uint32_t i = 0; i < count * PIECE; i++)
		if (bytes[i] != expected[first + i / PIECE])
			return remote_fail("byte %u of piece %u is %#x, not %#x", i % PIECE,
					   first + i / PIECE, bytes[i],
					   expected[first + i / PIECE]);
	return 0;
}

static int check_return(const struct amph_queue_entry *got, const struct amph_queue_entry *sent)
{
	uint32_t first = (uint32_t)(got->offset / PIECE), count = (uint32_t)(got->length / PIECE);

	if (got->share != data.share || got->offset != sent->offset || got->length != sent->length)
		return remote_fail("another range came back than was sent");
	if (got->cookie != ((uint64_t)EDGE_FLIP << 56 | EDGE_OK))
		return remote_fail("the firmware's status is %#llx",
				   (unsigned long long)got->cookie);
	for (uint32_t i = 0; i < count; i++)
		expected[first + i] ^= 0xff;
	crossed++;
	return check_pieces(first, count);
}

static int exchange_once(void)
{
	struct amph_queue_entry entries[16], got[16];
	uint32_t count = choose(entries, 1 + (seed >> 16) % 16, edge_cookie(EDGE_FLIP, 0, 0));
	uint32_t done = 0, some;

	if (explain("send", amph_queue_send(&queue, entries, count, soon(), &some)))
		return -1;
	for (; done < count; done += some) {
		if (explain("receive",
			    amph_queue_receive(&queue, got, count - done, soon(), &some)))
			return -1;
		for (uint32_t i = 0; i < some; i++)
			if (check_return(&got[i], &entries[done + i]))
				return -1;
	}
	return 0;
}

/* One queue after the other in one session: the main side polls, or sleeps. */
static int exchange(unsigned long ranges, bool leave_open)
{
	static const uint32_t spins[] = {AMPH_QUEUE_SPIN, 0};

	for (int way = 0; way < 2; way++) {
		unsigned long end = crossed + ranges / 2;

		if (open_queue(spins[way]))
			return -1;
		while (crossed < end)
			if (exchange_once())
				return -1;
		if ((way == 0 || !leave_open) && unshare(&ring))
			return -1;
	}
	return check_pieces(0, PIECES);
}

/* The coprocessor is off: what it had is the CPU's, and attached to nobody. */
static int expect_ours(void)
{
	const struct buffer *const buffers[] = {&data, &ring};

	for (int i = 0; i < 2; i++) {
		const struct amph_shm *shm = &buffers[i]->shm;

		if (shm->range_count != 1 || shm->storage.ranges[0].holders != AMPH_HOLDER_CPU ||
		    shm->quarantined || shm->attachments)
			return remote_fail("%s is not back", shm->name);
	}
	return 0;
}

static int die(void)
{
	struct amph_queue_entry entries[3];
	uint32_t count = choose(entries, 3, edge_cookie(EDGE_HOLD, 0, 0));

	entries[count - 1].cookie = edge_cookie(EDGE_CRASH, 0, 0);
	if (explain("send", amph_queue_send(&queue, entries, count, soon(), &count)))
		return -1;
	if (amph_shm_check_access(&data.shm, entries[0].offset, 1, false) != -EACCES)
		return remote_fail("what was sent is still the CPU's");
	if (life_renew(&life, expect_ours))
		return -1;
	return queue.state == AMPH_QUEUE_CLOSED ? 0 : remote_fail("the queue outlived its session");
}

static int open_ring(void)
{
	return open_buffer(&ring, ring_name,
			   amph_queue_size(SLOTS, amph_queue_stride(&life.session)));
}

static int close_buffer(struct buffer *buffer)
{
	return amph_shm_put(&buffer->shm) ? remote_fail("a buffer can't be closed") : 0;
}

static int run(unsigned long ranges)
{
	if (open_buffer(&data, "scattered:data", (uint64_t)PIECES * PIECE) || open_ring())
		return -1;
	for (uint32_t i = 0; i < PIECES; i++) {
		expected[i] = (uint8_t)(i * 37 + 1);
		memset((uint8_t *)data.shm.va + (uint64_t)i * PIECE, expected[i], PIECE);
	}
	if (share(&data) || exchange(ranges, true) || die())
		return -1;
	/* coherent memory is of one life */
	if (close_buffer(&ring) || open_ring() || share(&data) || exchange(ranges, false))
		return -1;
	return unshare(&data) || close_buffer(&data) || close_buffer(&ring) ? -1 : 0;
}

int main(int count, char **arguments)
{
	unsigned long ranges = count > 1 ? strtoul(arguments[1], NULL, 10) : 4000;
	int descriptors = life_count_descriptors();

	if (count > 3 || ranges < 2 || ranges > 1000000 ||
	    (count > 2 && strcmp(arguments[2], "coherent"))) {
		fputs("usage: share-queue [RANGES [coherent]]\n", stderr);
		return 2;
	}
	if (count > 2)
		ring_name = "coherent:queue";
	if (life_begin(&life) || open_heaps() || run(ranges))
		return 1;
	if (life_end(&life) || life_expect_nothing_attached())
		return 1;
	if (life_count_descriptors() != descriptors) {
		remote_fail("%d descriptors are left", life_count_descriptors() - descriptors);
		return 1;
	}
	printf("%lu ranges by a queue, in up to %u segments, 1 death, nothing left\n", crossed,
	       most_segments);
	return 0;
}
