/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The probe firmware's hands in the DRAM. Knows the board's addresses; deliberately no windows: what
 * it may touch is not checked, only that it is DRAM, so that a wrong address is an answer, no crash.
 */
#include <stddef.h>

#include "../common/board.h"
#include "work.h"

#define SLICE_WORDS 65536u /* of a job, between two looks at the messages */
#define SLICE_MARKS 1024u

struct piece { /* device addresses have 32 bits here */
	uint32_t address, length;
};

struct list {
	struct piece pieces[PROBE_SEGMENTS_MAX];
	uint32_t count;
	uint64_t size; /* bytes of all pieces */
	struct { /* the job */
		uint32_t command; /* 0: none */
		uint32_t seed;
		uint64_t offset, left; /* bytes */
		uint32_t piece, position; /* where `offset` is */
		struct probe_answer answer;
		work_done done;
		void *argument;
	} job;
	struct {
		bool on;
		uint32_t seed, piece, position;
	} scribble;
};

static struct list lists[PROBE_LISTS];
static uint64_t marks;

static struct list *find_list(const struct probe_message *message)
{
	return message->list < PROBE_LISTS ? &lists[message->list] : NULL;
}

static bool is_dram(const struct probe_segment *segment)
{
	void *va;

	return !((segment->address | segment->length) % sizeof(uint32_t)) && segment->length &&
	       !amph_io_da_to_va(board_dram(), segment->address, segment->length, &va);
}

uint32_t work_list(const struct probe_message *message)
{
	struct list *list = find_list(message);

	if (!list || message->count > PROBE_SEGMENTS)
		return PROBE_BAD;
	if (list->job.command || list->scribble.on)
		return PROBE_BUSY;
	if (!message->first) {
		list->count = 0;
		list->size = 0;
	}
	if (message->first != list->count || message->count > PROBE_SEGMENTS_MAX - list->count)
		return PROBE_BAD;
	for (uint32_t i = 0; i < message->count; i++)
		if (!is_dram(&message->segments[i]))
			return PROBE_BAD;
	for (uint32_t i = 0; i < message->count; i++) {
		list->pieces[list->count++] =
			(struct piece){.address = (uint32_t)message->segments[i].address,
				       .length = (uint32_t)message->segments[i].length};
		list->size += message->segments[i].length;
	}
	return PROBE_OK;
}

uint32_t work_scribble(const struct probe_message *message, bool on)
{
	struct list *list = find_list(message);

	if (!list || !list->count)
		return PROBE_BAD;
	list->scribble.seed = message->seed;
	list->scribble.piece = 0;
	list->scribble.position = 0;
	list->scribble.on = on;
	return PROBE_OK;
}

uint32_t work_start(const struct probe_message *message, work_done done, void *argument)
{
	struct list *list = find_list(message);
	uint64_t skip = message->offset;
	uint32_t piece = 0;

	if (!list || (message->offset | message->length) % sizeof(uint32_t) || !message->length ||
	    message->offset > list->size || message->length > list->size - message->offset)
		return PROBE_BAD;
	if (list->job.command)
		return PROBE_BUSY;
	while (skip >= list->pieces[piece].length)
		skip -= list->pieces[piece++].length;
	list->job.command = message->command;
	list->job.seed = message->seed;
	list->job.offset = message->offset;
	list->job.left = message->length;
	list->job.piece = piece;
	list->job.position = (uint32_t)skip;
	list->job.answer = (struct probe_answer){.status = PROBE_OK};
	list->job.done = done;
	list->job.argument = argument;
	return PROBE_OK;
}

static void verify(struct probe_answer *answer, const volatile uint32_t *word, uint32_t expected)
{
	uint32_t found = *word;

	if (found == expected)
		return;
	if (!answer->wrong++) {
		answer->status = PROBE_WRONG;
		answer->address = (uintptr_t)word;
		answer->expected = expected;
		answer->found = found;
	}
}

/* Words of one piece. */
static void work_on(struct list *list, volatile uint32_t *words, uint32_t count)
{
	struct probe_answer *answer = &list->job.answer;
	uint32_t seed = list->job.seed;
	uint64_t offset = list->job.offset;

	for (uint32_t i = 0; i < count; i++, offset += sizeof(*words)) {
		if (list->job.command == PROBE_CHECKSUM)
			answer->checksum = probe_sum(answer->checksum, words[i]);
		else if (list->job.command == PROBE_FILL)
			words[i] = probe_pattern(seed, offset);
		else
			verify(answer, &words[i], probe_pattern(seed, offset));
	}
}

static void run_job(struct list *list)
{
	uint32_t slice = SLICE_WORDS;

	while (slice && list->job.left) {
		const struct piece *piece = &list->pieces[list->job.piece];
		uint32_t words = (piece->length - list->job.position) / (uint32_t)sizeof(uint32_t);

		if (words > slice)
			words = slice;
		if (words > list->job.left / sizeof(uint32_t))
			words = (uint32_t)(list->job.left / sizeof(uint32_t));
		uint32_t bytes = words * (uint32_t)sizeof(uint32_t);
		work_on(list, (volatile uint32_t *)(piece->address + list->job.position), words);
		slice -= words;
		list->job.offset += bytes;
		list->job.left -= bytes;
		list->job.position += bytes;
		if (list->job.position == piece->length) {
			list->job.position = 0;
			list->job.piece++;
		}
	}
	if (list->job.left)
		return;
	list->job.command = 0;
	list->job.done(list->job.argument, &list->job.answer);
}

static void put_mark(struct list *list, uint32_t address)
{
	volatile struct probe_mark *mark = (volatile struct probe_mark *)address;

	mark->seed = list->scribble.seed;
	mark->address = address;
	mark->count = (uint32_t)marks;
	mark->magic = PROBE_MARK;
	marks++;
}

static void run_scribble(struct list *list)
{
	for (uint32_t i = 0; i < SLICE_MARKS; i++) {
		const struct piece *piece = &list->pieces[list->scribble.piece];
		uint32_t at = list->scribble.position;

		if (piece->length - at >= sizeof(struct probe_mark))
			put_mark(list, piece->address + at);
		at += PROBE_PAGE - (piece->address + at) % PROBE_PAGE;
		list->scribble.position = at;
		if (at < piece->length)
			continue;
		list->scribble.position = 0;
		list->scribble.piece = (list->scribble.piece + 1) % list->count;
	}
}

bool work_run_scribbles(void)
{
	bool any = false;

	for (uint32_t i = 0; i < PROBE_LISTS; i++)
		if (lists[i].scribble.on) {
			run_scribble(&lists[i]);
			any = true;
		}
	return any;
}

bool work_run(void)
{
	bool any = false;

	for (uint32_t i = 0; i < PROBE_LISTS; i++)
		if (lists[i].job.command) {
			run_job(&lists[i]);
			any = true;
		}
	return work_run_scribbles() || any;
}

uint64_t work_marks(void)
{
	return marks;
}
