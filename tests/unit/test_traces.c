/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Replays recorded conversations with OpenAMP and rpmsg-lite (tests/traces): their writes come from
 * the trace, ours from the library, and every byte of the shared memory, every message and every
 * doorbell must be as recorded. Then the same with bytes of theirs changed: nothing may break.
 */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "traces/trace.h"

#define TRACES	   AMPHORA_SOURCE "/tests/traces"
#define TRACES_MAX 32
#define LINE	   512
#define LIES	   60 /* changed replays for each trace */

static char paths[TRACES_MAX][LINE];
static uint32_t path_count;

struct replay {
	struct trace_side side;
	const char *path;
	uint32_t line;
	uint8_t *expected; /* the memory as it must be: theirs and ours as recorded */
	char results[TRACE_RESULT]; /* recorded lines of the current step */
	bool stepped;
	uint32_t random; /* not 0: lie */
	uint32_t messages, services;
};

static int find_traces(void **state)
{
	DIR *folder = opendir(TRACES);
	struct dirent *entry;

	(void)state;
	if (!folder)
		return -1;
	while ((entry = readdir(folder)) && path_count < TRACES_MAX) {
		const char *end = strrchr(entry->d_name, '.');

		if (end && !strcmp(end, ".trace"))
			snprintf(paths[path_count++], LINE, "%s/%.200s", TRACES, entry->d_name);
	}
	closedir(folder);
	return path_count ? 0 : -1;
}

static uint32_t next_random(struct replay *replay)
{
	replay->random = replay->random * 1664525u + 1013904223u;
	return replay->random >> 8;
}

static void open_replay(struct replay *replay, const char *line)
{
	struct trace_shape *shape = &replay->side.shape;
	void *memory;

	if (sscanf(line, "shape %u %u %u %u %u %u %x", &shape->main, &shape->count, &shape->align,
		   &shape->buffer_size, &shape->event_index, &shape->ring_always,
		   &shape->pa) != 7 ||
	    !trace_layout(shape, &replay->side.ring_size, &replay->side.size))
		fail_msg("%s:%u: no shape", replay->path, replay->line);
	/* as long as the buffers reach and no longer: the sanitizer sees one byte too far */
	assert_int_equal(posix_memalign(&memory, TRACE_PAGE, replay->side.size), 0);
	replay->side.memory = memory;
	memset(memory, 0, replay->side.size);
	replay->expected = calloc(replay->side.size, 1);
	assert_non_null(replay->expected);
}

/* Writes recorded bytes: theirs into the memory too, ours only into what is expected. */
static void put(struct replay *replay, const char *line)
{
	bool theirs = line[0] == '<';
	uint32_t offset, length = 0;
	unsigned int byte;
	int skip;

	if (sscanf(line + 1, " %x %n", &offset, &skip) != 1)
		fail_msg("%s:%u: no offset", replay->path, replay->line);
	for (line += 1 + skip; sscanf(line, "%2x", &byte) == 1; line += 2, length++) {
		assert_true(offset + length < replay->side.size);
		replay->expected[offset + length] = (uint8_t)byte;
		if (theirs && replay->random && !(next_random(replay) % 50))
			byte ^= next_random(replay);
		if (theirs)
			replay->side.memory[offset + length] = (uint8_t)byte;
	}
}

/* After a step of ours, once all that was recorded of it has been read. */
static void check_step(struct replay *replay)
{
	uint32_t hints[4];

	if (!replay->stepped || replay->random)
		return;
	replay->stepped = false;
	if (strcmp(replay->results, replay->side.result))
		fail_msg("%s: before line %u: recorded\n%snow\n%s", replay->path, replay->line,
			 replay->results, replay->side.result);
	for (uint32_t i = trace_hints(&replay->side, hints); i-- > 0;)
		memcpy(replay->expected + hints[i], replay->side.memory + hints[i], 2);
	for (uint32_t i = 0; i < replay->side.size; i++)
		if (replay->expected[i] != replay->side.memory[i])
			fail_msg("%s: before line %u: byte %x is %02x, recorded %02x", replay->path,
				 replay->line, i, replay->side.memory[i], replay->expected[i]);
}

static void note(struct replay *replay, const char *line)
{
	replay->messages += line[0] == '=';
	replay->services += line[0] == '^';
	strcat(replay->results, line);
	assert_true(strlen(replay->results) < sizeof(replay->results) - LINE);
}

static void run(struct replay *replay, const char *path, uint32_t random)
{
	char line[LINE];
	FILE *file = fopen(path, "r");

	memset(replay, 0, sizeof(*replay));
	replay->path = path;
	replay->random = random;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		replay->line++;
		if (replay->line == 1) {
			assert_string_equal(line, "amphora-trace 1\n");
			continue;
		}
		if (replay->line == 2) {
			open_replay(replay, line);
			continue;
		}
		switch (line[0]) {
		case '@':
			check_step(replay);
			line[strcspn(line, "\n")] = 0;
			replay->results[0] = 0;
			replay->stepped = true;
			if (!trace_step(&replay->side, line + 2))
				fail_msg("%s:%u: unknown step", path, replay->line);
			break;
		case '<':
			check_step(replay);
			put(replay, line);
			break;
		case '>':
			put(replay, line);
			break;
		case '#':
			break;
		default:
			note(replay, line);
		}
	}
	check_step(replay);
	fclose(file);
	free(replay->side.memory);
	free(replay->expected);
}

static struct replay replay;

static void recorded_conversations_go_the_same_way_again(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < path_count; i++) {
		run(&replay, paths[i], 0);
		print_message("%s: %u messages, %u announcements\n", strrchr(paths[i], '/') + 1,
			      replay.messages, replay.services);
		assert_true(replay.messages >= 20);
		assert_true(replay.services >= 2);
	}
}

static void changed_bytes_of_the_other_side_break_nothing(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < path_count; i++)
		for (uint32_t lie = 1; lie <= LIES; lie++)
			run(&replay, paths[i], i * LIES + lie);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recorded_conversations_go_the_same_way_again),
		cmocka_unit_test(changed_bytes_of_the_other_side_break_nothing),
	};

	return cmocka_run_group_tests(tests, find_traces, NULL);
}
