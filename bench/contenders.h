/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders: their tables, each defined in a file of its own.
 * Bench.
 */
#ifndef AMPHORA_BENCH_CONTENDERS_H
#define AMPHORA_BENCH_CONTENDERS_H

#include "bench.h"

extern const struct bench_contender bench_floor_contender; /* floors.c */
extern const struct bench_contender bench_stream_contender;
extern const struct bench_contender bench_queue_contender; /* queue.c */
extern const struct bench_contender bench_queue_mixed_contender;
extern const struct bench_contender bench_queue_size_contender;
extern const struct bench_contender bench_queue_sleep_contender;
extern const struct bench_contender bench_queue_stream_contender; /* queue_stream.c */
extern const struct bench_contender bench_session_contender; /* session.c */
extern const struct bench_contender bench_buffers_contender; /* many.c */
extern const struct bench_contender bench_sessions_contender;
extern const struct bench_contender bench_memory_contender; /* memory.c */
extern const struct bench_contender bench_iceoryx_contender; /* iceoryx.c */
extern const struct bench_contender bench_socket_contender; /* copies.c */
extern const struct bench_contender bench_pipe_contender;
extern const struct bench_contender bench_eventfd_contender; /* eventfd.c */
extern const struct bench_contender bench_rpmsg_contender; /* rpmsg.c */

#endif
