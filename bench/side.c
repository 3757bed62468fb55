/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Side: one process's end of a share session, with the buffers and the queue that contenders need.
 * Bench; Amphora's public headers only. The asking process is the home of all buffers.
 */
#include "side.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <amphora/time.h>

#define START_MS	 60000
#define CARVEOUT_DA	 UINT64_C(0x90000000)
#define OFFERS		 32u /* that wait for an answer at a time */
#define RANGES_PER_SHARE 4

int side_socket_pair(struct bench_run *run, uint32_t first)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, run->fds + first))
		return bench_why(run, -errno, "socketpair: %s", strerror(errno));
	return 0;
}

/* Where memory comes from, and how the other side reaches it. */
static int open_memory(struct side *side, const struct side_config *config)
{
	struct amph_why why;
	int error;

	error = amph_memory_init(&side->memory);
	if (error)
		return error;
	if (!config->carveout) {
		amph_provider_memfd_init(&side->memfd);
		amph_target_process_init(&side->target.target, "the other process");
		return amph_memory_add_provider(&side->memory, &side->memfd);
	}
	side->window = (struct amph_window){CARVEOUT_DA, CARVEOUT_DA, config->carveout_size};
	error = amph_target_map_init(&side->target, "the other process",
				     &(struct amph_map){&side->window, 1}, &why);
	side->blocks = calloc(2 * (size_t)config->buffer_max + 3, sizeof(*side->blocks));
	if (!error && !side->blocks)
		error = -ENOMEM;
	if (!error)
		error = amph_pool_init(&side->pool, config->carveout_size, BENCH_LINE, side->blocks,
				       2 * config->buffer_max + 3);
	if (!error)
		error = amph_provider_pool_init(&side->dram, "dram", &side->pool, config->carveout,
						CARVEOUT_DA);
	return error ? error : amph_memory_add_provider(&side->memory, &side->dram.provider);
}

static void set_windows(struct side *side, const struct side_config *config,
			struct amph_session_windows *windows)
{
	if (!config->carveout) {
		amph_windows_process_init(windows);
		return;
	}
	side->region = (struct amph_io){
		.va = config->carveout,
		.da = CARVEOUT_DA,
		.size = config->carveout_size,
	};
	amph_windows_map_init(windows, &side->windows, &side->region, 1);
}

static int open_session(struct bench_run *run, struct side *side, const struct side_config *config)
{
	uint32_t shares = config->buffer_max + 1;
	struct amph_session_config way = {
		.role = run->role == BENCH_ASK ? AMPH_SESSION_MAIN : AMPH_SESSION_PEER,
		.channel = &side->channel.channel,
		.memory = &side->memory,
		.target = &side->target.target,
		.nonce = bench_now() | 1,
		.share_max = shares,
		.segments_per_share = 1,
		.ranges_per_share = RANGES_PER_SHARE,
		.events = config->events,
		.handles = !config->carveout,
		.user = config->user,
	};
	int error;

	side->shares = way.shares = calloc(shares, sizeof(*side->shares));
	side->segments = way.segments = calloc(shares, sizeof(*side->segments));
	side->ranges = way.ranges =
		calloc((size_t)shares * RANGES_PER_SHARE, sizeof(*side->ranges));
	if (!side->shares || !side->segments || !side->ranges)
		return -ENOMEM;
	set_windows(side, config, &way.windows);
	error = amph_session_init(&side->session, &way);
	if (!error && run->role == BENCH_ANSWER && config->queue)
		error = amph_queue_expect(&side->queue, &side->session, config->queue);
	return error ? error : amph_session_open(&side->session, amph_deadline(START_MS));
}

/* Opens, attaches and offers; the answer comes later. */
static int offer(struct side *side, struct side_buffer *buffer, const char *provider,
		 uint32_t number, uint64_t size, bool queue)
{
	const struct amph_shm_storage storage = {buffer->ranges, 4, buffer->segments, 1};
	char name[AMPH_NAME_MAX];
	int error;

	snprintf(name, sizeof(name), "%s:%u", provider, number);
	error = amph_shm_open(&side->memory, &buffer->shm, &storage, name, size, 0);
	if (!error)
		error = amph_shm_attach(&buffer->shm, &side->target.target,
					AMPH_DEVICE_READS_WRITES,
					queue ? AMPH_SYNC_QUEUE : AMPH_SYNC_MESSAGES,
					&buffer->attachment, buffer->device_segments, 1);
	if (!error)
		error = amph_session_offer(&side->session, &buffer->attachment, 0,
					   amph_deadline(START_MS), &buffer->share);
	return error;
}

static int wait_for(struct side *side, struct side_buffer *buffer)
{
	return amph_session_wait_share(&side->session, buffer->share, AMPH_SHARE_ACCEPTED,
				       amph_deadline(START_MS));
}

static int open_buffers(struct side *side, const struct side_config *config, const uint64_t *sizes,
			uint32_t count)
{
	const char *provider = config->carveout ? "dram" : "memfd";
	int error = 0;

	if (config->queue) {
		uint32_t stride = amph_queue_stride(&side->session);

		error = offer(side, &side->ring, provider, UINT32_MAX,
			      amph_queue_size(SIDE_SLOTS, stride), true);
		if (!error)
			error = wait_for(side, &side->ring);
		if (!error)
			error = amph_queue_open(&side->queue, &side->session, side->ring.share,
						SIDE_SLOTS, config->queue, amph_deadline(START_MS));
	}
	side->buffers = calloc(count + 1, sizeof(*side->buffers));
	if (!side->buffers)
		return -ENOMEM;
	for (; side->buffer_count < count && !error; side->buffer_count++) {
		struct side_buffer *buffer = &side->buffers[side->buffer_count];

		error = offer(side, buffer, provider, side->buffer_count, sizes[side->buffer_count],
			      config->queue);
		/* not each alone: they are answered in order, and a process needs time to wake up */
		if (!error &&
		    (side->buffer_count % OFFERS == OFFERS - 1 || side->buffer_count == count - 1))
			error = wait_for(side, buffer);
	}
	return error;
}

/* Takes offers until the other side has made all of them. */
static int take_buffers(struct side *side, const struct side_config *config, uint32_t count)
{
	uint32_t wanted = count + (config->queue != NULL), found = 0;

	while (found < wanted) {
		int error = amph_session_poll(&side->session, amph_deadline(START_MS));

		if (error < 0)
			return error;
		while (found < wanted && side->shares[found].state == AMPH_SHARE_ACCEPTED)
			found++;
	}
	while (config->queue && side->queue.state != AMPH_QUEUE_OPEN) {
		int error = amph_session_poll(&side->session, amph_deadline(START_MS));

		if (error < 0)
			return error;
	}
	return 0;
}

int side_open(struct bench_run *run, struct side *side, const struct side_config *config,
	      const uint64_t *sizes, uint32_t count)
{
	int error;

	error = amph_channel_socket_init(&side->channel, config->fd);
	if (!error)
		error = open_memory(side, config);
	if (!error)
		error = open_session(run, side, config);
	if (!error && run->role == BENCH_ASK)
		error = open_buffers(side, config, sizes, count);
	if (!error && run->role == BENCH_ANSWER)
		error = take_buffers(side, config, count);
	if (error)
		bench_why(run, error, "session: %s",
			  side->session.why.what  ? side->session.why.what
			  : side->memory.why.what ? side->memory.why.what
						  : "no reason given");
	return error;
}

void side_close(struct side *side)
{
	/* the process ends: the kernel takes everything */
	amph_channel_socket_close(&side->channel);
}

int side_round_trip(struct side *side, uint32_t buffer)
{
	struct amph_queue_entry entry = {
		.share = side->buffers[buffer].share,
		.length = side->buffers[buffer].shm.size,
	};
	uint32_t done;
	int error = amph_queue_send(&side->queue, &entry, 1, UINT64_MAX, &done);

	return error ? error : amph_queue_receive(&side->queue, &entry, 1, UINT64_MAX, &done);
}

int side_serve(struct side *side, uint32_t count)
{
	struct amph_queue_entry entry;
	uint32_t done;
	int error = 0;

	for (; count && !error; count--) {
		error = amph_queue_receive(&side->queue, &entry, 1, UINT64_MAX, &done);
		if (!error)
			error = amph_queue_send(&side->queue, &entry, 1, UINT64_MAX, &done);
	}
	return error;
}
