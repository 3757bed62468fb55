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
extern const struct bench_contender bench_rpmsg_contender; /* rpmsg.c */

#endif
