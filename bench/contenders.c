/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Contenders: the list of all of them, in the order of the table.
 * Bench. One line here and one in CMakeLists.txt for each new file.
 */
#include "contenders.h"

#include <stddef.h>

const struct bench_contender *const bench_contenders[] = {
	&bench_floor_contender,
	&bench_stream_contender,
	&bench_rpmsg_contender,
	NULL,
};
