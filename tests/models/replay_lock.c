/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Test code: follows runs of lock.pml with lib/memory/lock/plain.c.
 */
#include <errno.h>
#include <string.h>

#include <amphora/shared_lock.h>
#include <amphora/time.h>

#include "replay.h"

#define STRIDE	 AMPH_PLAIN_LOCK_STRIDE
#define TURN	 2u
#define DEADLINE 1000u /* a time; before it is `late` it is 0 */

uint64_t __wrap_amph_time_now(void);

static uint32_t memory[2 * STRIDE / sizeof(uint32_t)] __attribute__((aligned(STRIDE)));
static struct amph_plain_lock locks[2];
static int results[2];
static bool late[2]; /* the side's deadline has passed */

uint64_t __wrap_amph_time_now(void)
{
	return late[replay_self()] ? DEADLINE : 0;
}

static uint32_t *word_of(unsigned int side)
{
	return &memory[side * STRIDE / sizeof(uint32_t)];
}

void replay_prepare(void)
{
	for (unsigned int side = 0; side < 2; side++) {
		replay_compare("setting up", 0,
			       amph_plain_lock_init(&locks[side], memory, STRIDE, side, NULL));
		if (model_flag("BROKEN_TURN_AT_BIND", 0))
			*word_of(side) = TURN; /* who set it up did not zero it */
	}
}

int replay_word(unsigned int side, const void *address, bool store)
{
	unsigned int writer = store ? side : 1 - side;

	return address == word_of(writer) ? (int)writer : -1;
}

int replay_value(int word, uint64_t value)
{
	(void)word;
	return (int)value;
}

static void acquire(unsigned int side)
{
	results[side] = amph_shared_lock_acquire(&locks[side].lock, DEADLINE);
}

static void release(unsigned int side)
{
	results[side] = amph_shared_lock_release(&locks[side].lock);
}

bool replay_step(const struct replay_line *line)
{
	unsigned int side = line->side;

	if (!strcmp(line->verb, "acquire")) {
		replay_need_end(side);
		late[side] = false;
		replay_call(side, acquire);
	} else if (!strcmp(line->verb, "late")) {
		late[side] = true;
	} else if (!strcmp(line->verb, "has") && line->count == 1) {
		replay_need_end(side);
		replay_compare("result", line->numbers[0] ? 0 : -ETIMEDOUT, results[side]);
	} else if (!strcmp(line->verb, "release")) {
		replay_call(side, release);
	} else {
		return false;
	}
	return true;
}
