/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The processes of one case: a survivor, the victim, its second life, and a healthy third.
 * Test code.
 */
#ifndef TESTS_FAULTS_CASE_H
#define TESTS_FAULTS_CASE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define SURVIVOR_NONCE 11u
#define VICTIM_NONCE   1000u

/* Buffers of a side beside those of home.c and importer.c. */
enum { HEALTHY = 4, SHORT = 5 };

/* Socket pairs: 0 is the survivor's end, 1 the other's. */
enum {
	PLUG_LANE, /* to the victim: the lane's channel, or its doorbell */
	PLUG_SECOND, /* the second importer's: who is healthy, or the survivor of a home */
	PLUG_HEALTHY, /* to an importer, where the victim is the home of the other two */
	PLUG_SECOND_LIFE,
	PLUGS
};

struct plug {
	int fds[2];
};

extern struct plug plugs[PLUGS];

struct cast {
	pid_t victim, second_life, healthy;
};

struct end;

/* Runs the case that `stage` describes, in this process and its children. Ends the process: 0 is right. */
__attribute__((noreturn)) void case_run(void);

/* The survivor's part: the program, then every check of what is left. */
void survive(const struct cast *all);

/* How long this side waits, and how often it says that it lives, in this kind of death. */
void case_manners(void);

/* A home's second life: greets, and shares once. */
void case_live_on(struct end *end);

/* --- what is left with the survivor --- */

/* Sessions that the victim has with the survivor: the first so many ends of the side. */
uint32_t lost_max(void);
bool remains_is_lost(const struct end *end);
/* The record of every buffer is right, and what the lost side had is in quarantine. */
void remains_check(void);
/* Gives up what can't be given back, and closes the rest. */
void remains_abandon(void);
/* Opens as many buffers as there is memory, none of it the lost side's; and looks at them again. */
void remains_fill(void);
void remains_check_filled(void);
/* Everything is free again once the lost side is proved off. */
void remains_end(void);

uint32_t count_fds(void);
/* Mappings of this process that are shared with others. */
uint32_t count_maps(void);

#endif
