/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Side: one process's end of a share session, with the buffers and the queue that contenders need.
 * Bench; Amphora's public headers only, as any application would use them.
 */
#ifndef AMPHORA_BENCH_SIDE_H
#define AMPHORA_BENCH_SIDE_H

#include <amphora/channel.h>
#include <amphora/memfd.h>
#include <amphora/pool.h>
#include <amphora/queue.h>
#include <amphora/session.h>

#include "bench.h"

#define SIDE_SLOTS 256u /* of a queue, as of the floor's stream */

struct side_buffer {
	struct amph_shm shm;
	struct amph_range ranges[4];
	struct amph_segment segments[1], device_segments[1];
	struct amph_attachment attachment;
	struct amph_share *share;
};

struct side {
	struct amph_channel_socket channel;
	struct amph_memory memory;
	struct amph_target_map target;
	struct amph_session session;
	struct amph_queue queue;
	struct amph_provider memfd;
	/* a carve-out that both processes reach, as a coprocessor would; where there is one */
	struct amph_provider_pool dram;
	struct amph_pool pool;
	struct amph_pool_block *blocks;
	struct amph_window window;
	struct amph_io region;
	struct amph_windows_map windows;
	/* what the session lives in */
	struct amph_share *shares;
	struct amph_segment *segments;
	struct amph_range *ranges;
	/* the asking side's */
	struct side_buffer ring;
	struct side_buffer *buffers;
	uint32_t buffer_count;
};

struct side_config {
	int fd; /* its end of a seqpacket socket pair: owned by the side from now on */
	uint32_t buffer_max;
	void *carveout; /* NULL: buffers are memfds, passed over the socket */
	uint64_t carveout_size;
	const struct amph_session_events *events;
	void *user;
	const struct amph_queue_config *queue; /* NULL: hand-offs are messages */
};

/* Opens the session, and the queue. On the asking side buffers[i] has sizes[i] bytes. 0 or -errno. */
int side_open(struct bench_run *run, struct side *side, const struct side_config *config,
	      const uint64_t *sizes, uint32_t count);

void side_close(struct side *side);

/* Asking side, one at a time: gives the buffer through the queue, and takes it back. */
int side_round_trip(struct side *side, uint32_t buffer);

/* Answering side: returns what comes through the queue, `count` times. */
int side_serve(struct side *side, uint32_t count);

/* Two seqpacket sockets in run->fds[first] and the next. For set_up. */
int side_socket_pair(struct bench_run *run, uint32_t first);

#endif
