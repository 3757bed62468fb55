/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: follows a run of a model with the real code. For models of two sides that share words, one step
 * of which is one access to a word. Each side is a thread in which the library runs (amphora_hooked), and only
 * one thread runs at a time: the code stops before each access that the model has, until the run says that
 * this access comes next, and what is read or written there.
 *
 * A line of the run: the side, what it does, numbers. replay.c knows these, the program all others:
 *
 *     0 load 5 1    reads word 5, and 1 is there      0 barrier    a full barrier
 *     0 store 5 1   writes 1 to word 5                0 flush 5    its store to word 5 is seen from now on
 *     0 stuck       sleeps, or has ended its call
 *
 * Where the code reads words once more that it has just read, with nothing else in between, it sees what it
 * saw: as if it had done so at once. The order of all else, and every value, must be the same.
 */
#ifndef TESTS_MODELS_REPLAY_H
#define TESTS_MODELS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flags.h"

#define REPLAY_SIDES   2u
#define REPLAY_NUMBERS 5u

struct replay_line {
	unsigned int side;
	char verb[16];
	unsigned int count; /* of numbers */
	int numbers[REPLAY_NUMBERS];
};

/* --- the program has these --- */

/* Makes the two sides, for the model's flags. */
void replay_prepare(void);
/* The model's number of a word; -1 when the model does not have that access of this side. */
int replay_word(unsigned int side, const void *address, bool store);
/* What the model has for what the code has in that word. */
int replay_value(int word, uint64_t value);
/* A line that is not about an access. Returns false if there is no such line. */
bool replay_step(const struct replay_line *line);

/* --- and uses these --- */

/* The code does something else than the model: says what, and ends the program. */
_Noreturn void replay_differs(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define replay_compare(what, model, code)                                                       \
	do {                                                                                    \
		long long replay_model_ = (long long)(model), replay_code_ = (long long)(code); \
		if (replay_model_ != replay_code_)                                              \
			replay_differs("%s: model %lld, code %lld", what, replay_model_,        \
				       replay_code_);                                           \
	} while (0)

/* Lets the side's code run a call, which must have nothing to do yet. */
void replay_call(unsigned int side, void (*call)(unsigned int side));
/* Its last call must have come to its end. */
void replay_need_end(unsigned int side);

/* In a call: this side sleeps here until replay_wake(). It must be there by now. */
void replay_sleep(void);
void replay_need_sleep(unsigned int side);
void replay_wake(unsigned int side);

/* In a call: which side it is. */
unsigned int replay_self(void);

#endif
