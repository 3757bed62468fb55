/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One process of a case: its memory, its ends of sessions, and its buffers with what the test knows of
 * who has them, kept apart from the library's own record.
 * Test code.
 */
#ifndef TESTS_FAULTS_SIDE_H
#define TESTS_FAULTS_SIDE_H

#include <amphora/memfd.h>
#include <amphora/pool.h>
#include <amphora/queue.h>
#include <amphora/rpmsg.h>
#include <amphora/session.h>
#include <amphora/target.h>
#include <amphora/time.h>

#include "stage.h"

#define SHARES	    6
#define RANGES	    12
#define JARS	    8
#define WORKS	    32
#define HALF	    4096u
#define JAR_SIZE    (2 * HALF)
#define RING_COUNT  8u
#define RING_SLOTS  4u
#define LIMIT_MS    5000u /* no call takes longer than its deadline and this */
#define POOL_SIZE   0x20000u
#define POOL_BLOCKS 33
#define DA_OFFSET   0x10000000u /* the other side's addresses are others */

/* What a hand-off asks the importer to do, in its cookie; the rest is the pattern it shall write. */
enum command {
	COMMAND_RETURN,
	COMMAND_KEEP, /* until it is asked to pass it on */
	COMMAND_REQUEST, /* return, and ask for memory */
	COMMAND_OFFER, /* return, and offer a buffer of its own, and give it */
	COMMAND_RELEASE, /* return, and release it */
	COMMAND_RETURN_ALL, /* return, and what it was to keep as well */
};

static inline uint64_t cookie_of(enum command command, uint32_t pattern)
{
	return (uint64_t)command | (uint64_t)pattern << 8;
}

struct end;
struct side;

/* What an event leaves to do for the program, which may wait. */
struct work {
	enum work_kind { WORK_TAKEN, WORK_PASSING, WORK_REQUESTED, WORK_GRANTED } kind;
	struct amph_share *share;
	uint32_t generation;
	uint64_t offset, length, cookie;
	bool reading;
	bool home; /* the share was this side's: its slot may be another's by now */
};

/* A channel with places in it. */
struct door {
	struct amph_channel channel;
	struct amph_channel *under;
};

struct end {
	struct side *side;
	bool rpmsg;
	int fd; /* the socket, or the doorbell of RPMsg */
	struct amph_channel_socket socket;
	struct amph_rpmsg device;
	struct amph_virtqueue_slot slots[2][RING_COUNT];
	struct amph_channel_rpmsg endpoint;
	struct door door;
	struct amph_target process;
	struct amph_target_map map;
	struct amph_window window;
	struct amph_target *target;
	struct amph_windows_map windows;
	struct amph_io region;
	struct amph_session session;
	struct amph_share shares[SHARES];
	struct amph_segment segments[SHARES];
	struct amph_range ranges[SHARES * RANGES];
	struct amph_queue queue;
	struct work works[WORKS];
	uint32_t first, count; /* of works */
	struct work kept;
	uint32_t ends; /* how often `ended` was told */
	uint32_t released;
	bool leftover; /* once it is open, a message of the lives of before comes */
};

/* Who has a half of a buffer, as the test knows it: END + index of the jar's attachment. */
enum holder { HOLDER_CPU, HOLDER_READ, HOLDER_ENDS };

struct jar {
	struct amph_shm shm;
	struct amph_range ranges[RANGES];
	struct amph_segment segments[1];
	struct amph_attachment attachments[2];
	struct amph_segment device_segments[2][1];
	struct amph_share *shares[2];
	struct end *ends[2];
	enum holder holders[2]; /* of its halves */
	bool open, abandoned;
	uint32_t closed;
};

struct side {
	const char *name;
	struct amph_memory memory;
	struct amph_provider memfd;
	struct amph_pool pool;
	struct amph_pool_block blocks[POOL_BLOCKS];
	struct amph_provider_pool provider;
	uint8_t *pool_va;
	struct end ends[3];
	struct jar jars[JARS];
	uint32_t wait_ms; /* how long this side waits for an answer */
	uint32_t heartbeat_ms;
	uint64_t nonce;
	int line; /* of home.c: where its program ended early */
};

extern struct side side;

/* pool: which of the arena's pools is this process's. */
void side_init(const char *name, uint32_t pool, uint64_t nonce);

/* An end over that socket; or, in the lane's other way, over the virtqueues, whose doorbell it is. */
void end_init(struct end *end, int fd, bool rpmsg, bool main);

/* Greets, or waits for the greeting. 0, or the error. */
int end_open(struct end *end);

/*
 * Sends a message stamped for the lives of before, with the number of the one that comes next: what the
 * other side must not believe.
 */
void end_say_stale(struct end *end);

bool end_is_over(const struct end *end);
bool end_next(struct end *end, struct work *work);

/* Sleeps until one of them has a message, or for a millisecond. */
void end_rest(struct end **ends, uint32_t count);

/* A deadline as this side keeps them. */
static inline uint64_t soon(void)
{
	return amph_deadline(side.wait_ms);
}

/* Checks that a call ended in time, and returns what it returned. */
#define IN_TIME(call)                                                            \
	__extension__({                                                          \
		uint64_t start_ = amph_time_now();                               \
		int result_ = (call);                                            \
		uint64_t took_ = (amph_time_now() - start_) / 1000000u;          \
		if (took_ > side.wait_ms + LIMIT_MS)                             \
			stage_fail(__FILE__, __LINE__, "%s took %llu ms", #call, \
				   (unsigned long long)took_);                   \
		result_;                                                         \
	})

/* --- buffers --- */

int jar_open(struct jar *jar, const char *name, uint64_t size);

/* Attaches and offers it as its attachment `which`, and waits until it is accepted. */
int jar_share(struct jar *jar, uint32_t which, struct end *end, enum amph_sync_method method,
	      uint32_t request);
int jar_give(struct jar *jar, uint32_t which, uint32_t half, uint32_t halves, bool reading,
	     uint64_t cookie);

/* Waits until all of it is the CPU's. */
int jar_wait(struct jar *jar, uint32_t which);
/* The same while it passes from one end to the other. */
int jar_wait_both(struct jar *jar, uint32_t from, uint32_t to);
int jar_pass(struct jar *jar, uint32_t from, uint32_t to, uint64_t cookie);

/* Gives it whole, waits, and looks at what was written. */
int jar_round(struct jar *jar, uint32_t which, enum command command);
int jar_release(struct jar *jar, uint32_t which);
int jar_close(struct jar *jar);

/* The test's knowledge against the library's record. */
void jar_check(struct jar *jar);

/* Events: some of it came back, or went on. */
struct jar *jar_of(const struct amph_share *share);
void jar_moved(struct jar *jar, uint64_t offset, uint64_t length, enum holder holder);

void pattern_write(void *va, uint64_t offset, uint64_t length, uint64_t cookie);
void pattern_check(const void *va, uint64_t offset, uint64_t length, uint64_t cookie);

/* --- programs: 0, or the error that ended the first session --- */

/* A home with two importers, the first over the lane. */
int home_program(struct end *first, struct end *second);
/* One buffer, once to and fro. */
int home_short(struct end *end, struct jar *jar);
/* Serves homes until all sessions are over. */
void importer_program(struct end **ends, uint32_t count);

#endif
