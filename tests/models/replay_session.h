/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: what follows a run of session.pml (replay_session.c), and the two sides that it makes do the
 * same (replay_session_sides.c).
 */
#ifndef TESTS_MODELS_REPLAY_SESSION_H
#define TESTS_MODELS_REPLAY_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "flags.h"

#define SIDES	   2u
#define RANGES_MAX 2u

/* A message as the model has it. */
struct model_message {
	int type, from, to, sequence, about, range, what, reason;
};

struct model_state {
	int session[SIDES], share[SIDES], generation[SIDES], waiting[SIDES];
	int target;
	int quarantined, attached, mapped;
	int device[RANGES_MAX], cpu[RANGES_MAX];
};

/* --- replay_session.c --- */

/* The code does something else than the model, or the run makes no sense: says so, and ends the program. */
_Noreturn void code_differs(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void run_is_senseless(const char *why);

/* --- replay_session_sides.c --- */

void sides_prepare(void);

/* Does what the model's step is called, to the real session of that side. False: there is no such step. */
bool sides_step(unsigned int side, const char *verb, int number, bool refuses);

/* The importer that says anything sends this. */
void sides_lie(const struct model_message *message);

/* What the last step did: the messages that the side sent, and whether it took the message, or opened. */
uint32_t sides_sent(void);
struct model_message sides_sent_at(uint32_t index);
bool sides_counted(void);
bool sides_opened(void);

struct model_state sides_state(void);

#endif
