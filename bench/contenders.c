/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders: the list of all of them, in the order of the table.
 * Bench. One line here and one in CMakeLists.txt for each new file.
 */
#include "contenders.h"

#include <stddef.h>

const struct bench_contender *const bench_contenders[] = {
	/* one line each, so that a new one changes no other */
	/* clang-format off */
	&bench_floor_contender,
	&bench_queue_contender,
	&bench_queue_size_contender,
	&bench_queue_mixed_contender,
	&bench_rpmsg_contender,
	&bench_iceoryx_contender,
	&bench_queue_sleep_contender,
	&bench_session_contender,
	&bench_eventfd_contender,
	&bench_socket_contender,
	&bench_pipe_contender,
	&bench_stream_contender,
	&bench_queue_stream_contender,
	&bench_buffers_contender,
	&bench_sessions_contender,
	&bench_memory_contender,
	NULL,
	/* clang-format on */
};
