/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pair: two firmwares and nobody else: no operating system, no loader that tells them of each other.
 * One has the main role: it opens memory, and hands it over; the other takes it, works, and hands it back.
 * What they share is at addresses that both know, and both just look: no doorbell goes between them.
 */
#ifndef FIRMWARE_PAIR_H
#define FIRMWARE_PAIR_H

#include <stdint.h>

#include <amphora/rpmsg.h>
#include <amphora/session.h>
#include <amphora/session_lock.h>

/* In the DRAM, which is zero at first; device addresses, the same for both. */
#define PAIR_READY	  0x88000000u /* a word: the main role's rings are prepared */
#define PAIR_RINGS	  0x88001000u
#define PAIR_RING	  0x1000u /* bytes of each of the two */
#define PAIR_BUFFERS	  0x88004000u
#define PAIR_BUFFER	  512u
#define PAIR_DESCRIPTORS  16u
#define PAIR_POOL	  0x88100000u /* what buffers are made of */
#define PAIR_POOL_SIZE	  0x100000u
#define PAIR_ADDRESS_MAIN 1024u /* of the endpoints */
#define PAIR_ADDRESS_PEER 1025u

#define PAIR_STEP_MS	  20000 /* deadline of each step: the two may start long after each other */
#define PAIR_HEARTBEAT_MS 5000
#define PAIR_SHARES	  4u
#define PAIR_COUNTER	  "pool:counter" /* a buffer that both count in, by a lock */
#define PAIR_COUNTS	  10000u /* of each role */
#define PAIR_RANGES	  40u

/* Everything that a session needs, static. */
struct pair {
	struct amph_channel_rpmsg channel;
	struct amph_memory memory;
	struct amph_session session;
	struct amph_share shares[PAIR_SHARES];
	struct amph_segment segments[PAIR_SHARES];
	struct amph_range ranges[PAIR_SHARES * PAIR_RANGES];
	struct amph_session_locks locks;
	struct amph_share_lock lock;
};

/*
 * Starts the board, brings RPMsg up in this role, and fills in what both roles' sessions have in common;
 * ends the firmware when it can't.
 */
void pair_start(struct pair *pair, enum amph_session_role role, struct amph_session_config *config);

/* After amph_session_init(): the session can sync by locks. */
void pair_lock(struct pair *pair);

/*
 * Adds 1 to the first word of the counter, `count` times, each under its lock. Returns 0, or the first error
 * of amph_session_lock(): it has then counted less, *left times.
 */
int pair_count(struct pair *pair, struct amph_share *counter, uint32_t count, uint32_t *left,
	       uint32_t wait_ms);

/* Ends the firmware, unless error is 0: what was done, and why not, goes into the trace. */
void pair_expect(const struct pair *pair, const char *what, int error);

#endif
