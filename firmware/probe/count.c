/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware counts, in a word that Linux counts in too: what the lock does not keep apart is lost.
 */
#include <amphora/time.h>

#include "../common/board.h"
#include "../common/locks.h"
#include "count.h"

#define SLICE	64u /* between two looks at the messages */
#define WAIT_MS 20000

static struct {
	uint64_t left;
	volatile uint32_t *word;
	struct amph_hardware_lock lock;
	work_done done;
	void *argument;
} job;

uint32_t count_start(const struct probe_message *message, work_done done, void *argument)
{
	const struct probe_segment *segment = &message->segments[0];
	void *va;

	if (!board_has_lock(message->argument) || message->count != 1 || !message->length ||
	    segment->length != sizeof(uint32_t) || segment->address % sizeof(uint32_t) ||
	    amph_io_da_to_va(board_dram(), segment->address, segment->length, &va))
		return PROBE_BAD;
	if (job.left)
		return PROBE_BUSY;
	amph_hardware_lock_init(&job.lock, &board_locks, NULL, message->argument);
	job.word = va;
	job.left = message->length;
	job.done = done;
	job.argument = argument;
	return PROBE_OK;
}

uint32_t count_hold(const struct probe_message *message)
{
	static struct amph_hardware_lock held;

	if (!board_has_lock(message->argument))
		return PROBE_BAD;
	amph_hardware_lock_init(&held, &board_locks, NULL, message->argument);
	return amph_shared_lock_acquire(&held.lock, amph_deadline(WAIT_MS)) ? PROBE_BUSY : PROBE_OK;
}

bool count_run(void)
{
	struct probe_answer answer = {.status = PROBE_OK};

	if (!job.left)
		return false;
	for (uint32_t i = 0; i < SLICE && job.left; i++, job.left--) {
		if (amph_shared_lock_acquire(&job.lock.lock, amph_deadline(WAIT_MS))) {
			answer.status = PROBE_BUSY;
			job.left = 0;
			break;
		}
		*job.word = *job.word + 1;
		amph_shared_lock_release(&job.lock.lock);
	}
	if (!job.left)
		job.done(job.argument, &answer);
	return job.left;
}
