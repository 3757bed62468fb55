/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * probe-check: the probe firmware does what probe.h says, on pages of this program whose physical
 * addresses are known. Nothing but Linux's RPMsg is in between.
 * usage: probe-check
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "memory.h"

#define PAGES	 64u
#define SIZE	 (PAGES * PROBE_PAGE)
#define LIST	 3u
#define WAIT_US	 10000
#define WAIT_MAX 3000

struct check {
	struct probe probe;
	uint8_t *va;
	struct probe_segment segments[PAGES];
};

static int prepare(struct check *check)
{
	struct memory_window window;

	if (memory_window_read(&window))
		return -1;
	check->va = memory_inside(&window, SIZE, check->segments);
	if (!check->va)
		return -1;
	return probe_list(&check->probe, LIST, check->segments, PAGES);
}

static int words_cross_both_ways(struct check *check)
{
	memory_fill(check->va, SIZE, 1, 0);
	if (probe_work(&check->probe, PROBE_VERIFY, LIST, 1, 0, SIZE) ||
	    probe_work(&check->probe, PROBE_FILL, LIST, 2, 0, SIZE) ||
	    memory_verify(check->va, SIZE, 2, 0))
		return -1;
	/* a part, over the end of a page */
	if (probe_work(&check->probe, PROBE_FILL, LIST, 3, PROBE_PAGE - 4, 8))
		return -1;
	return memory_verify(check->va, PROBE_PAGE - 4, 2, 0) ||
			       memory_verify(check->va + PROBE_PAGE - 4, 8, 3, PROBE_PAGE - 4) ||
			       memory_verify(check->va + PROBE_PAGE + 4, SIZE - PROBE_PAGE - 4, 2,
					     PROBE_PAGE + 4)
		       ? -1
		       : 0;
}

static int one_wrong_word_is_found(struct check *check)
{
	struct probe_message message = {
		.command = PROBE_VERIFY, .list = LIST, .seed = 4, .length = SIZE};
	struct probe_answer answer;
	uint32_t *word = (uint32_t *)(void *)(check->va + 7 * PROBE_PAGE + 16);

	memory_fill(check->va, SIZE, 4, 0);
	*(volatile uint32_t *)word ^= 0x100;
	if (probe_ask(&check->probe, &message, &answer))
		return -1;
	if (answer.status != PROBE_WRONG || answer.wrong != 1 ||
	    answer.address != check->segments[7].address + 16 || answer.found != *word ||
	    answer.expected != (*word ^ 0x100))
		return remote_fail("the wrong word was not found");
	return 0;
}

static int checksum_is_the_one_of_linux(struct check *check)
{
	struct probe_message message = {.command = PROBE_CHECKSUM, .list = LIST, .length = SIZE};
	const uint32_t *words = (const uint32_t *)(const void *)check->va;
	struct probe_answer answer;
	uint32_t sum = 0;

	for (uint32_t i = 0; i < SIZE / sizeof(*words); i++)
		sum = probe_sum(sum, words[i]);
	if (probe_ask(&check->probe, &message, &answer))
		return -1;
	return answer.status || answer.checksum != sum ? remote_fail("another checksum") : 0;
}

static int nonsense_is_refused(struct check *check)
{
	struct probe_message messages[] = {
		{.command = 99},
		{.command = PROBE_LIST, .list = PROBE_LISTS},
		{.command = PROBE_LIST, .list = 1, .first = 1},
		{.command = PROBE_LIST, .list = 1, .count = PROBE_SEGMENTS + 1},
		{.command = PROBE_LIST, .list = 1, .count = 1, .segments = {{0x1000, 4096}}},
		{.command = PROBE_LIST, .list = 1, .count = 1, .segments = {{0x80000001, 4096}}},
		{.command = PROBE_VERIFY, .list = 1, .length = 4}, /* empty */
		{.command = PROBE_SCRIBBLE, .list = 1},
		{.command = PROBE_FILL, .list = PROBE_LISTS, .length = 4},
		{.command = PROBE_FILL, .list = LIST, .length = SIZE + 4},
		{.command = PROBE_FILL, .list = LIST, .offset = 2, .length = 4},
		{.command = PROBE_FILL, .list = LIST, .offset = SIZE, .length = 4},
		{.command = PROBE_FILL, .list = LIST, .offset = UINT64_MAX - 3, .length = 8},
	};
	struct probe_answer answer;

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		uint32_t expected = i ? PROBE_BAD : PROBE_UNKNOWN;

		if (probe_ask(&check->probe, &messages[i], &answer))
			return -1;
		if (answer.status != expected)
			return remote_fail("message %zu got %u, not %u", i, answer.status,
					   expected);
	}
	return 0;
}

/* Whether every page has a mark of that seed; they are taken off. */
static bool take_marks(struct check *check, uint32_t seed)
{
	bool all = true;

	for (uint32_t i = 0; i < PAGES; i++) {
		volatile struct probe_mark *mark =
			(volatile struct probe_mark *)(void *)(check->va + i * PROBE_PAGE);

		if (mark->magic != PROBE_MARK || mark->seed != seed ||
		    mark->address != (uint32_t)check->segments[i].address)
			all = false;
		mark->magic = 0;
	}
	return all;
}

static int wait_for_marks(struct check *check, uint32_t seed)
{
	for (int i = 0; i < WAIT_MAX; i++) {
		usleep(WAIT_US);
		if (take_marks(check, seed))
			return 0;
	}
	return remote_fail("no mark on each page");
}

static int marks_come_until_it_is_stopped(struct check *check)
{
	uint64_t before, after;

	if (probe_scribble(&check->probe, LIST, 5) || wait_for_marks(check, 5) ||
	    wait_for_marks(check, 5))
		return -1;
	struct probe_message message = {.command = PROBE_LIST, .list = LIST};
	struct probe_answer answer;
	if (probe_ask(&check->probe, &message, &answer))
		return -1;
	if (answer.status != PROBE_BUSY)
		return remote_fail("a list that is scribbled over was replaced");
	if (probe_stop_scribble(&check->probe, LIST) || probe_marks(&check->probe, &before))
		return -1;
	take_marks(check, 5);
	usleep(10 * WAIT_US);
	if (probe_marks(&check->probe, &after))
		return -1;
	if (!before || before != after || take_marks(check, 5))
		return remote_fail("it scribbles on after it was stopped");
	return 0;
}

static int marks_come_from_a_firmware_that_hangs_until_it_is_off(struct check *check)
{
	if (probe_scribble(&check->probe, LIST, 6) || probe_end(&check->probe, PROBE_HANG, 1))
		return -1;
	usleep(10 * WAIT_US);
	if (wait_for_marks(check, 6) || wait_for_marks(check, 6))
		return -1;
	probe_close(&check->probe);
	if (remote_switch("stop"))
		return -1;
	take_marks(check, 6);
	usleep(10 * WAIT_US);
	return take_marks(check, 6) ? remote_fail("it scribbles on without power") : 0;
}

int main(void)
{
	static const struct {
		const char *name;
		int (*run)(struct check *check);
	} checks[] = {
		{"words_cross_both_ways", words_cross_both_ways},
		{"one_wrong_word_is_found", one_wrong_word_is_found},
		{"checksum_is_the_one_of_linux", checksum_is_the_one_of_linux},
		{"nonsense_is_refused", nonsense_is_refused},
		{"marks_come_until_it_is_stopped", marks_come_until_it_is_stopped},
		/* the last: it is off then */
		{"marks_come_from_a_firmware_that_hangs_until_it_is_off",
		 marks_come_from_a_firmware_that_hangs_until_it_is_off},
	};
	static struct check check;

	if (remote_switch("start") || probe_open(&check.probe) || prepare(&check))
		return 1;
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		if (checks[i].run(&check)) {
			printf("%s: failed\n", checks[i].name);
			return 1;
		}
		printf("%s\n", checks[i].name);
	}
	return remote_expect("offline") ? 1 : 0;
}
