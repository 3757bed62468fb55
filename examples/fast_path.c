/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Example: two processes hand frames to and fro through a queue; nothing is copied, and once it runs
 * nothing is allocated, attached or said to the kernel. A coprocessor would be the same but for the
 * channel and the target. Uses public headers only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/channel.h>
#include <amphora/memfd.h>
#include <amphora/queue.h>
#include <amphora/ready.h>
#include <amphora/target.h>
#include <amphora/time.h>

#define FRAMES 4u
#define FRAME  (1920u * 1080u)
#define SLOTS  16u
#define SHARES (FRAMES + 1) /* and the queue's own memory */

/* One side's storage: all of it the application's, none of it hidden. */
static struct amph_channel_socket channel;
static struct amph_memory memory;
static struct amph_target other;
static struct amph_session session;
static struct amph_share shares[SHARES];
static struct amph_segment segments[SHARES];
static struct amph_range ranges[SHARES];
static struct amph_queue queue;

static uint32_t times = 100000; /* or as its argument says */

/* Looks a while before it sleeps; the other side wakes it by a futex, and only when it sleeps. */
static struct amph_queue_config way = {.spins = 20000, .by_receive = true};

static void must(const char *step, int error)
{
	if (!error)
		return;
	fprintf(stderr, "%s: %s (%s)\n", step, strerror(-error),
		session.why.what ? session.why.what : "no reason given");
	exit(1);
}

static void start(int fd, enum amph_session_role role)
{
	struct amph_session_config config = {
		.role = role,
		.channel = &channel.channel,
		.memory = &memory,
		.target = &other,
		.shares = shares,
		.share_max = SHARES,
		.segments = segments,
		.segments_per_share = 1,
		.ranges = ranges,
		.ranges_per_share = 1,
		.handles = true,
	};

	if (getrandom(&config.nonce, sizeof(config.nonce), 0) != sizeof(config.nonce))
		exit(1);
	config.nonce |= 1;
	amph_windows_process_init(&config.windows);
	amph_target_process_init(&other, "the other process");
	amph_queue_doorbell_futex(&way.doorbell);
	must("channel", amph_channel_socket_init(&channel, fd));
	must("memory", amph_memory_init(&memory));
	must("session", amph_session_init(&session, &config));
}

/* The other side: looks at each frame where it is, marks it, and gives it back. */
static int serve(int fd)
{
	struct amph_queue_entry entries[SLOTS];
	uint32_t count, sent;

	start(fd, AMPH_SESSION_PEER);
	must("expect", amph_queue_expect(&queue, &session, &way));
	must("open", amph_session_open(&session, amph_deadline(5000)));
	while (session.state == AMPH_SESSION_OPEN) {
		if (amph_queue_receive(&queue, entries, SLOTS, amph_deadline(1000), &count)) {
			/* nothing for a second, or the queue is closed: what does the session say? */
			amph_session_poll(&session, amph_deadline(100));
			continue;
		}
		for (uint32_t i = 0; i < count; i++)
			((uint8_t *)entries[i].share->va)[entries[i].offset]++;
		must("return", amph_queue_send(&queue, entries, count, amph_deadline(1000), &sent));
	}
	return session.state == AMPH_SESSION_CLOSED ? 0 : 1;
}

/* The queue lives in a buffer like any other. */
static void open_queue(struct amph_shm *ring, struct amph_attachment *attachment)
{
	static struct amph_range range;
	static struct amph_segment pieces[2];
	const struct amph_shm_storage storage = {&range, 1, &pieces[0], 1};
	uint64_t size = amph_queue_size(SLOTS, amph_queue_stride(&session));
	struct amph_share *share;

	must("ring", amph_shm_open(&memory, ring, &storage, "memfd:ring", size, 0));
	must("attach", amph_shm_attach(ring, &other, AMPH_DEVICE_READS_WRITES, AMPH_SYNC_QUEUE,
				       attachment, &pieces[1], 1));
	must("offer", amph_session_offer(&session, attachment, 0, amph_deadline(1000), &share));
	must("accept",
	     amph_session_wait_share(&session, share, AMPH_SHARE_ACCEPTED, amph_deadline(1000)));
	must("queue", amph_queue_open(&queue, &session, share, SLOTS, &way, amph_deadline(1000)));
}

/* [README] */
static void hand_over(struct amph_ready *frames)
{
	struct amph_queue_entry entry = {.length = FRAME};
	uint32_t count;

	for (uint32_t i = 0; i < times; i++) {
		/* a frame that is open, attached and known to the other side already */
		must("take", amph_ready_take(frames, &entry.share));
		((uint8_t *)entry.share->va)[0] = (uint8_t)i;
		entry.cookie = i;

		/* give: one cache line, whatever the frame's size */
		must("give", amph_queue_send(&queue, &entry, 1, amph_deadline(1000), &count));

		/* ... it works in place, and the memory is ours again */
		must("back", amph_queue_receive(&queue, &entry, 1, amph_deadline(1000), &count));
		if (((uint8_t *)entry.share->va)[0] != (uint8_t)(i + 1))
			exit(1);
		must("put", amph_ready_put(frames, entry.share));
	}
}
/* [README] */

static int lead(int fd)
{
	static struct amph_ready_buffer buffers[FRAMES];
	static struct amph_range frame_ranges[FRAMES];
	static struct amph_segment frame_segments[2 * FRAMES];
	const struct amph_ready_config config = {
		.session = &session,
		.name = "memfd:frame",
		.size = FRAME,
		.direction = AMPH_DEVICE_READS_WRITES,
		.method = AMPH_SYNC_QUEUE,
		.buffers = buffers,
		.count = FRAMES,
		.ranges = frame_ranges,
		.ranges_per_buffer = 1,
		.segments = frame_segments,
		.segments_per_buffer = 1,
	};
	struct amph_attachment attachment;
	struct amph_provider provider;
	struct amph_ready frames;
	struct amph_shm ring;
	uint64_t begin;

	start(fd, AMPH_SESSION_MAIN);
	amph_provider_memfd_init(&provider);
	must("provider", amph_memory_add_provider(&memory, &provider));
	must("open", amph_session_open(&session, amph_deadline(5000)));
	open_queue(&ring, &attachment);
	must("frames", amph_ready_open(&frames, &config, amph_deadline(1000)));

	begin = amph_time_now();
	hand_over(&frames);
	printf("%u frames of %u bytes there and back, %.2f us each, 0 bytes copied\n", times, FRAME,
	       (double)(amph_time_now() - begin) / times / 1000);

	must("close frames", amph_ready_close(&frames, amph_deadline(5000)));
	must("close", amph_session_close(&session, amph_deadline(5000)));
	must("detach", amph_shm_detach(&attachment));
	must("put", amph_shm_put(&ring));
	return 0;
}

int main(int count, char **arguments)
{
	int fds[2], status;
	pid_t child;

	if (count > 1)
		times = (uint32_t)strtoul(arguments[1], NULL, 10);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds))
		return 1;
	child = fork();
	if (!child) {
		close(fds[0]);
		return serve(fds[1]);
	}
	close(fds[1]);
	if (lead(fds[0]))
		return 1;
	return waitpid(child, &status, 0) == child && !status ? 0 : 1;
}
