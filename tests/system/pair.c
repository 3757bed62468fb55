/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two riscv32 machines over one DRAM, a firmware in each, and no third: this process only loads them, reads
 * their traces, and sees how they end.
 * Usage: pair MAIN PEER   the two images
 */
#include "system.h"

static struct soc soc;
static struct coprocessor pair[2];
static const char *images[2];
static char said[2][512]; /* what each has said last */

static void note(struct coprocessor *coprocessor, const char *line)
{
	print_message("%s: %s\n", coprocessor->name, line);
	snprintf(said[coprocessor - pair], sizeof(said[0]), "%s", line);
}

static void start(uint32_t index)
{
	pair[index].on_trace = note;
	must(&soc, coprocessor_start(&pair[index], &soc, kind, index, images[index], SECONDS(10)),
	     "start");
}

static void expect_end(uint32_t index, const char *line)
{
	uint64_t deadline = SECONDS(120);
	int status;

	do
		status = amph_rproc_wait(&pair[index].rproc, deadline);
	while (!status);
	assert_int_equal(status, -EPIPE);
	if (!coprocessor_ended_well(&pair[index]))
		fail_msg("%s: %s, %s", pair[index].name, pair[index].rproc.message, said[index]);
	if (!strstr(said[index], line))
		fail_msg("%s said '%s'", pair[index].name, said[index]);
	must(&soc, coprocessor_stop(&pair[index], SECONDS(5)), "stop");
}

/* first: who starts first. It waits for the other. */
static void hand_over(uint32_t first)
{
	must(&soc, soc_open(&soc), "DRAM");
	start(first);
	start(1 - first);
	expect_end(0, "hand-offs there and back, every byte right: 0xb");
	expect_end(1, "hand-offs taken and returned: 0xb");
	assert_false(has_children());
	soc_close(&soc);
}

static void ranges_go_from_firmware_to_firmware_and_both_count_by_a_lock(void **state)
{
	(void)state;
	hand_over(0);
}

static void it_does_not_matter_which_of_the_two_starts_first(void **state)
{
	(void)state;
	hand_over(1);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_go_from_firmware_to_firmware_and_both_count_by_a_lock),
		cmocka_unit_test(it_does_not_matter_which_of_the_two_starts_first),
	};

	if (count != 3) {
		fprintf(stderr, "usage: %s MAIN PEER\n", arguments[0]);
		return 2;
	}
	kind = COPROCESSOR_RISCV32;
	images[0] = arguments[1];
	images[1] = arguments[2];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
