/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Records a conversation with another RPMsg implementation, one step at a time: what each side wrote
 * into the shared memory, and what this side delivered. Test code; README.md has the format, and what
 * the program on the other side must do.
 *
 * record ROLE COUNT ALIGN BUFFER_SIZE EVENT_INDEX RING_ALWAYS MEMORY_FD CONTROL_FD BELL0_FD BELL1_FD
 * reads steps from its input and writes the trace to its output. Lines that start with "other " go to
 * the other side, which answers each with one line; all others are steps of this side.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "trace.h"

#define PA	  0x48000000u
#define LINE	  512
#define RUN_GAP	  4 /* equal bytes that do not end a run */
#define RUN_BYTES 48 /* in one line */

static struct trace_side side;
static uint8_t *before;
static int bells[2];

static void fail(const char *what)
{
	fprintf(stderr, "record: %s\n", what);
	exit(1);
}

static void ring(void *argument, uint32_t queue)
{
	uint64_t one = 1;

	(void)argument;
	if (write(bells[queue], &one, sizeof(one)) != sizeof(one))
		fail("doorbell");
}

/* Prints what changed since the last call, and remembers it. */
static void print_changes(char mark)
{
	uint32_t i = 0;

	while (i < side.size) {
		uint32_t end, same = 0;

		if (side.memory[i] == before[i]) {
			i++;
			continue;
		}
		for (end = i; end < side.size && end - i < RUN_BYTES && same <= RUN_GAP; end++)
			same = side.memory[end] == before[end] ? same + 1 : 0;
		end -= same;
		printf("%c %x ", mark, i);
		for (; i < end; i++) {
			before[i] = side.memory[i];
			printf("%02x", before[i]);
		}
		putchar('\n');
	}
}

/* One line to the other side, and its answer. */
static void tell(int control, const char *line)
{
	char answer[LINE];
	size_t length = 0;

	if (write(control, line, strlen(line)) != (ssize_t)strlen(line) ||
	    write(control, "\n", 1) != 1)
		fail("the other side is gone");
	do {
		if (length == sizeof(answer) - 1 || read(control, answer + length, 1) != 1)
			fail("no answer from the other side");
	} while (answer[length++] != '\n');
	answer[length] = 0;
	printf("# other: %s -> %s", line, answer);
	print_changes('<');
}

int main(int argc, char **argv)
{
	char line[LINE];
	int control;

	if (argc != 11)
		fail("ten arguments needed");
	side.shape = (struct trace_shape){
		.main = !strcmp(argv[1], "main"),
		.count = (uint32_t)atoi(argv[2]),
		.align = (uint32_t)atoi(argv[3]),
		.buffer_size = (uint32_t)atoi(argv[4]),
		.event_index = (uint32_t)atoi(argv[5]),
		.ring_always = (uint32_t)atoi(argv[6]),
		.pa = PA,
	};
	control = atoi(argv[8]);
	bells[0] = atoi(argv[9]);
	bells[1] = atoi(argv[10]);
	side.bell = ring;
	if (!trace_layout(&side.shape, &side.ring_size, &side.size))
		fail("no such shape");
	side.memory = mmap(NULL, side.size, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(argv[7]), 0);
	before = calloc(side.size, 1);
	if (side.memory == MAP_FAILED || !before)
		fail("memory");
	printf("amphora-trace 1\nshape %u %u %u %u %u %u %x\n", side.shape.main, side.shape.count,
	       side.shape.align, side.shape.buffer_size, side.shape.event_index,
	       side.shape.ring_always, side.shape.pa);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!line[0] || line[0] == '#')
			continue;
		if (!strncmp(line, "other ", 6)) {
			tell(control, line + 6);
			continue;
		}
		if (!trace_step(&side, line))
			fail(line);
		printf("@ %s\n%s", line, side.result);
		print_changes('>');
	}
	free(before);
	return fflush(stdout) ? 1 : 0;
}
