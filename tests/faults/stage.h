/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The stage of one case of death: what the runner, the victim and the survivors tell each other, and the
 * places where a victim may die.
 * Test code. A place is every store to shared memory, every message before it is sent, and every message
 * that came before anybody looks at it; the victim counts them, and dies at the one it was told.
 */
#ifndef TESTS_FAULTS_STAGE_H
#define TESTS_FAULTS_STAGE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "support/order_hooks.h"

enum death {
	DEATH_NONE, /* only counts */
	DEATH_KILL, /* SIGKILL: its descriptors close */
	DEATH_HANG, /* does nothing for good, and the survivor's deadlines say so */
	DEATH_SILENT, /* the same, and its heartbeats stop */
	DEATH_STOP, /* SIGSTOP until the survivor has given it up, and then it goes on */
	DEATH_PAUSE, /* SIGSTOP for some milliseconds: nothing may be lost */
	DEATH_RESTART, /* begins a new life on the same channel, as a processor after a reset */
	DEATHS
};

enum victim { VICTIM_IMPORTER, VICTIM_HOME, VICTIMS };

/* How the victim and the survivor share memory and messages. */
enum lane {
	LANE_MEMFD, /* memfds and a socket */
	LANE_POOL, /* a pool in a carve-out, and a socket */
	LANE_RPMSG, /* a pool in a carve-out, and RPMsg over virtqueues in it */
	LANES
};

#define STAGE_WAIT_MS 20000u
#define STAGE_ARENA   0x80000u /* bytes of memory that all processes of a case share */

/* In memory that all processes share; each member has one writer at a time. */
struct stage {
	/* runner */
	enum lane lane;
	enum victim victim;
	enum death death;
	uint32_t place; /* where to die, from 1; 0: nowhere */
	uint32_t patience; /* all waits are so much longer: for a machine with too much to do */
	/* victim */
	uint32_t met; /* places so far */
	uint32_t died; /* it was there: lives that ended */
	int32_t site; /* of the place, in order_sites; -1: a message */
	uint32_t message; /* type of the message at the place */
	bool sending;
	uint32_t pid;
	/* survivor */
	uint32_t scribble; /* 1: who hangs shall write wherever it can. 2: it did (the victim) */
	uint32_t rings; /* the life for which the main side has set up the virtqueues */
	uint32_t again; /* the victim's second life may begin */
	/* whoever fails first */
	uint32_t failed;
	char failure[400];
};

extern struct stage *stage;
extern uint8_t *arena;

/* Ends this process, and says why to the runner. */
__attribute__((noreturn, format(printf, 3, 4))) void stage_fail(const char *file, int line,
								const char *format, ...);

#define CHECK(condition)                                                  \
	do {                                                              \
		if (!(condition))                                         \
			stage_fail(__FILE__, __LINE__, "%s", #condition); \
	} while (0)

#define CHECK_EQUAL(value, expected)                                                              \
	do {                                                                                      \
		long long value_ = (long long)(value), expected_ = (long long)(expected);         \
		if (value_ != expected_)                                                          \
			stage_fail(__FILE__, __LINE__, "%s is %lld and not %lld", #value, value_, \
				   expected_);                                                    \
	} while (0)

/*
 * From now on this process is the one that dies. scribble: writes over all memory that it reaches, for one
 * that hangs; life: where a restart goes on.
 */
void stage_victim(void (*scribble)(void), sigjmp_buf *life);

/* A place that is a message. */
void stage_message(bool sending, uint32_t type);

/* Sets a word of the stage; waits until one is at least that, for some seconds at most: true when it is. */
void stage_set(uint32_t *word, uint32_t value);
bool stage_wait(uint32_t *word, uint32_t least);

#endif
