/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A buffer that Linux shares with one of its remote processors: memory of a dma-heap, attached to the
 * processor, offered over its RPMsg bus, given, changed there, and taken back.
 *
 * usage: share_with_remote [REMOTE [HEAP]]     remoteproc0, system
 * The processor runs already, with the demo's firmware (firmware/edge/edge.h), which inverts the bytes.
 */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <amphora/dmabuf.h>
#include <amphora/remote.h>
#include <amphora/remoteproc.h>
#include <amphora/rpmsg_service.h>
#include <amphora/session.h>
#include <amphora/time.h>
#include <edge/edge.h>

#define WIDTH	 640u
#define HEIGHT	 480u
#define SEGMENTS 512 /* memory of Linux's is scattered */
#define WAIT_MS	 10000

static struct amph_memory memory;
static struct amph_provider_heap heap;
static struct amph_rpmsg_service service;
static struct amph_remote remote;
static struct amph_session session;
static struct amph_share shares[1], *share;
static struct amph_segment import_segments[1], device_segments[SEGMENTS];
static struct amph_range import_ranges[1], ranges[4];
static struct amph_shm shm;
static struct amph_attachment attachment;

static int complain(const char *doing, int error, const struct amph_why *why)
{
	if (error)
		fprintf(stderr, "%s: %s%s%s\n", doing, strerror(-error), why->what ? ": " : "",
			why->what ? why->what : "");
	return error;
}

/* The channel proves which processor the memory is attached to. */
static int open_session(const char *name)
{
	struct amph_session_config config = {.role = AMPH_SESSION_MAIN,
					     .channel = &service.channel.channel,
					     .memory = &memory,
					     .target = &remote.target,
					     .shares = shares,
					     .share_max = 1,
					     .segments = import_segments,
					     .segments_per_share = 1,
					     .ranges = import_ranges,
					     .ranges_per_share = 1,
					     .heartbeat_ms = 500};
	struct amph_why why = {0};
	uint32_t index;

	if (getrandom(&config.nonce, sizeof(config.nonce), 0) != sizeof(config.nonce))
		return -EIO;
	config.nonce |= 1; /* never 0 */
	int error = amph_remoteproc_find(name, &index, &why);
	if (!error)
		error = amph_rpmsg_service_open(&service, index, AMPH_SESSION_SERVICE,
						amph_deadline(WAIT_MS), &why);
	if (!error)
		error = amph_remote_open(&remote, service.channel.fd, &why);
	if (error)
		return complain(name, error, &why);
	error = amph_session_init(&session, &config);
	if (!error)
		error = amph_session_open(&session, amph_deadline(WAIT_MS));
	return complain("session", error, &session.why);
}

static int open_buffer(const char *heap_name)
{
	const struct amph_shm_storage storage = {.ranges = ranges, .range_max = 4};
	struct amph_why why = {0};
	int error = amph_memory_init(&memory);

	if (!error)
		error = amph_provider_heap_init(&heap, "heap", heap_name, &why);
	if (!error)
		error = amph_memory_add_provider(&memory, &heap.provider);
	if (error)
		return complain(heap_name, error, &why);
	error = amph_shm_open(&memory, &shm, &storage, "heap:picture",
			      2 * edge_plane_offset(WIDTH, HEIGHT), 0);
	return complain("open", error, &shm.why);
}

/* The processor learns where it is, under its own addresses. */
static int offer(void)
{
	int error = amph_shm_attach(&shm, &remote.target, AMPH_DEVICE_READS_WRITES,
				    AMPH_SYNC_MESSAGES, &attachment, device_segments, SEGMENTS);

	if (error)
		return complain("attach", error, &shm.why);
	printf("the processor sees the buffer in %u pieces, the first at %#llx\n",
	       attachment.segment_count, (unsigned long long)device_segments[0].address);
	error = amph_session_offer(&session, &attachment, 0, amph_deadline(WAIT_MS), &share);
	if (!error)
		error = amph_session_wait_share(&session, share, AMPH_SHARE_ACCEPTED,
						amph_deadline(WAIT_MS));
	return complain("offer", error, &session.why);
}

/*
 * It is this side's until it is given: written here, and not before the offer, so that only the give
 * can make it visible there. Between the give and the return nobody here touches it.
 */
static int invert(void)
{
	uint8_t *plane = (uint8_t *)shm.va + edge_plane_offset(WIDTH, HEIGHT);

	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
		plane[i] = (uint8_t)(i * 7);
	int error = amph_session_give(&session, share, 0, shm.size, false,
				      edge_cookie(EDGE_INVERT, WIDTH, HEIGHT),
				      amph_deadline(WAIT_MS));

	if (!error)
		error = amph_session_wait_range(&session, share, 0, shm.size, true,
						amph_deadline(WAIT_MS));
	return complain("give and return", error, &session.why);
}

static int check(void)
{
	const uint8_t *plane = (const uint8_t *)shm.va + edge_plane_offset(WIDTH, HEIGHT);
	uint32_t wrong = 0;

	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
		wrong += plane[i] != (uint8_t) ~(i * 7);
	printf("%u of %u bytes are what they should be\n", WIDTH * HEIGHT - wrong, WIDTH * HEIGHT);
	return wrong ? -EIO : 0;
}

/* It may be used for something else when the processor has acknowledged. */
static int take_back(void)
{
	int error = amph_session_release(&session, share, amph_deadline(WAIT_MS));

	if (!error)
		error = amph_session_wait_share(&session, share, AMPH_SHARE_RELEASED,
						amph_deadline(WAIT_MS));
	if (!error)
		error = amph_shm_detach(&attachment);
	if (!error)
		error = amph_session_close(&session, amph_deadline(WAIT_MS));
	return complain("release", error, &session.why);
}

int main(int count, char **arguments)
{
	if (open_buffer(count > 2 ? arguments[2] : "system") ||
	    open_session(count > 1 ? arguments[1] : "remoteproc0"))
		return 1;
	/* what fails half-way ends with this process: the kernel keeps the memory from reuse */
	if (offer() || invert() || check() || take_back())
		return 1;
	amph_shm_put(&shm);
	amph_remote_close(&remote);
	amph_rpmsg_service_close(&service);
	return 0;
}
