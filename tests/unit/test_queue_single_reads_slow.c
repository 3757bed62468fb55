/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The tests of single reads once more, for the queue as small firmware has it: without the quick way.
 * Test code.
 */
#define AMPH_QUEUE_QUICK 0

#include "test_queue_single_reads.c"
