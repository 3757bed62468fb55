/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu-session: share sessions with the demo firmware behind the IOMMU. In the middle of one, what is
 * offered is released in the kernel, behind the session's back: the firmware's first touch traps, the
 * session is lost with its reason, and what it held comes back unchanged, for the next life.
 */
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include <amphora/dmabuf.h>
#include <amphora/time.h>
#include <edge/edge.h>
#include <linux/amphora.h>

#include "../remote/life.h"

#define WIDTH  320u
#define HEIGHT 240u
#define SEED   0x5a

static struct life life;
static struct amph_provider_heap heap;
static struct amph_shm shm;
static struct amph_range ranges[4];
static struct amph_attachment attachment;
static struct amph_segment segment;
static struct amph_share *share;

static int offer(void)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error;

	if (amph_shm_attach(&shm, &life.remote.target, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_MESSAGES,
			    &attachment, &segment, 1))
		return remote_fail("attach: %s", shm.why.what);
	if (!attachment.enforced || attachment.segment_count != 1)
		return remote_fail("%u segments, enforced: %d", attachment.segment_count,
				   attachment.enforced);
	error = amph_session_offer(&life.session, &attachment, 0, deadline, &share);
	if (!error)
		error = amph_session_wait_share(&life.session, share, AMPH_SHARE_ACCEPTED,
						deadline);
	return error ? remote_fail("offer: %s", strerror(-error)) : 0;
}

static int give(void)
{
	int error = amph_session_give(&life.session, share, 0, shm.size, false,
				      edge_cookie(EDGE_DETECT, WIDTH, HEIGHT),
				      amph_deadline(LIFE_WAIT_MS));

	return error ? remote_fail("give: %s", strerror(-error)) : 0;
}

static int take_back(void)
{
	uint64_t deadline = amph_deadline(LIFE_WAIT_MS);
	int error = amph_session_wait_range(&life.session, share, 0, shm.size, true, deadline);

	if (!error && (uint32_t)life.cookie != EDGE_OK)
		return remote_fail("the firmware's status is %u", (uint32_t)life.cookie);
	if (!error)
		error = amph_session_release(&life.session, share, deadline);
	if (!error)
		error = amph_session_wait_share(&life.session, share, AMPH_SHARE_RELEASED,
						deadline);
	if (!error)
		error = amph_shm_detach(&attachment);
	return error ? remote_fail("return: %s", strerror(-error)) : 0;
}

static int work(void)
{
	return offer() || give() || take_back() ? -1 : 0;
}

/* The attachment's file is the first word that its target keeps in it. */
static int release_in_the_kernel(void)
{
	return ioctl((int)attachment.private_data[0], AMPHORA_IOC_RELEASE)
		       ? remote_fail("the kernel does not release it")
		       : 0;
}

/* The processor is off. */
static int expect_ours(void)
{
	const uint8_t *bytes = shm.va;

	if (amph_shm_check_access(&shm, 0, shm.size, true) || shm.quarantined)
		return remote_fail("the buffer is not back: %s", shm.why.what);
	for (uint64_t i = 0; i < shm.size; i++)
		if (bytes[i] != SEED)
			return remote_fail("byte %llu was changed", (unsigned long long)i);
	return 0;
}

static int touch_what_is_released(void)
{
	memset(shm.va, SEED, shm.size);
	if (offer() || release_in_the_kernel() || give() || life_renew(&life, expect_ours))
		return -1;
	return 0;
}

int main(void)
{
	struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct amph_why why = {0};

	if (life_begin(&life))
		return 1;
	if (amph_provider_heap_init(&heap, "scattered", "system", &why) ||
	    amph_memory_add_provider(&life.memory, &heap.provider) ||
	    amph_shm_open(&life.memory, &shm, &storage, "scattered:picture",
			  2 * edge_plane_offset(WIDTH, HEIGHT), 0)) {
		remote_fail("no buffer");
		return 1;
	}
	if (work() || touch_what_is_released() || work())
		return 1;
	if (amph_shm_put(&shm) || life_end(&life) || life_expect_nothing_attached())
		return 1;
	puts("2 jobs done, 1 session lost by a fault, nothing left");
	return 0;
}
