/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora demo: a picture crosses to a coprocessor and back, zero copy.
 * The whole way of a buffer: open, fill, attach, offer, give, take back, verify, release.
 */
#include "demo.h"
#include "tool.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	KEY_ON = 0x100,
	KEY_REMOTE,
	KEY_HEAP,
	KEY_CAMERA,
	KEY_FRAMES,
	KEY_SIZE,
	KEY_INPUT_NAME,
	KEY_OUTPUT_NAME,
	KEY_DEBUG,
};

static const struct argp_option option_list[] = {
	{"input", 'i', "FILE.png", 0, "the picture (default: the one that ships with Amphora)", 0},
	{"output", 'o', "FILE.png", 0, "its edges (default: amphora-edges.png)", 0},
	{"coprocessor", 'c', "riscv32|process", 0,
	 "who works on it: RISC-V firmware in QEMU, or the same firmware as a process "
	 "(default: riscv32, or process where there is no QEMU)",
	 0},
	{"on", KEY_ON, "vsoc|remoteproc", 0,
	 "where: in the virtual SoC, or with a remote processor of this Linux whose firmware is the "
	 "demo's; both through remoteproc, the RPMsg bus, a dma-heap and /dev/amphora",
	 0},
	{"remote", KEY_REMOTE, "NAME", 0,
	 "with --on remoteproc: which, by name or number (default: the only one)", 0},
	{"heap", KEY_HEAP, "NAME", 0, "with --on: which dma-heap (default: the contiguous one)", 0},
	{"queue", 'q', NULL, 0,
	 "hand the picture over by a queue in shared memory, not by messages (not with --camera)",
	 0},
	{"camera", KEY_CAMERA, "DEVICE", OPTION_ARG_OPTIONAL,
	 "with --on: frames of a camera instead of a picture (default: the first that fits); the "
	 "frame before and after is written as NAME-before.png and NAME-after.png, NAME.png being the "
	 "output",
	 0},
	{"frames", KEY_FRAMES, "N", 0, "with --camera: how many (default: 60)", 0},
	{"size", KEY_SIZE, "WIDTHxHEIGHT", 0, "with --camera: pixels (default: 640x480)", 0},
	{"input-name", KEY_INPUT_NAME, "NAME", OPTION_HIDDEN, "what the report calls the input", 0},
	{"output-name", KEY_OUTPUT_NAME, "NAME", OPTION_HIDDEN, "what the report calls the output",
	 0},
	{"debug-kernel", KEY_DEBUG, NULL, OPTION_HIDDEN, "with --on vsoc: as amphora vsoc has it",
	 0},
	{"json", 'j', NULL, 0, "the report as JSON", 0},
	{"after-give", 'a', "COMMAND", 0,
	 "run a shell command when the picture is the coprocessor's and its work has not begun; "
	 "AMPHORA_DRAM, AMPHORA_DRAM_DA, AMPHORA_DRAM_PA, AMPHORA_DA, AMPHORA_PA and AMPHORA_SIZE "
	 "say where the picture is (not with --on)",
	 0},
	{"verbose", 'v', NULL, 0, "show the library's log and the firmware's trace", 0},
	{0}};

/* A decimal number between 1 and `most`, up to `end`. Returns it, or 0. */
static uint32_t number(const char *text, uint32_t most, char end, const char **rest)
{
	char *stop;
	unsigned long value = strtoul(text, &stop, 10);

	*rest = stop + 1;
	if (*text < '0' || *text > '9' || *stop != end || value > most)
		return 0;
	return (uint32_t)value;
}

static void parse_place(struct demo_options *options, const char *argument,
			struct argp_state *state)
{
	if (!strcmp(argument, "vsoc"))
		options->place = DEMO_VSOC;
	else if (!strcmp(argument, "remoteproc"))
		options->place = DEMO_REMOTEPROC;
	else
		argp_error(state, "'%s' is no place: it can be vsoc or remoteproc", argument);
}

static void parse_camera(int key, struct demo_options *options, const char *argument,
			 struct argp_state *state)
{
	const char *rest = argument;

	switch (key) {
	case KEY_CAMERA:
		options->camera = true;
		options->device = argument;
		return;
	case KEY_FRAMES:
		options->frames = number(argument, DEMO_FRAMES_MAX, 0, &rest);
		if (!options->frames)
			argp_error(state, "'%s' is no number of frames from 1 to %d", argument,
				   DEMO_FRAMES_MAX);
		return;
	default:
		options->width = number(argument, DEMO_CAMERA_SIDE, 'x', &rest);
		if (options->width)
			options->height = number(rest, DEMO_CAMERA_SIDE, 0, &rest);
		if (!options->height)
			argp_error(state, "'%s' is no size: WIDTHxHEIGHT, at most %d each",
				   argument, DEMO_CAMERA_SIDE);
	}
}

/* What goes together, and what does not. */
static void check(const struct demo_options *options, struct argp_state *state)
{
	if (options->place == DEMO_HERE) {
		if (options->camera || options->frames || options->width || options->remote ||
		    options->heap)
			argp_error(state, "--camera, --frames, --size, --remote and --heap need "
					  "--on vsoc or --on remoteproc");
	} else if (options->after_give || options->chosen) {
		argp_error(state, "--after-give and --coprocessor don't go with --on");
	}
	if (!options->camera && (options->frames || options->width))
		argp_error(state, "--frames and --size need --camera");
	if (options->camera && options->queue)
		argp_error(state, "--camera and --queue don't go together");
	if (options->camera && options->input)
		argp_error(state, "--camera and --input don't go together");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct demo_options *options = state->input;

	switch (key) {
	case 'i':
		options->input = argument;
		return 0;
	case 'o':
		options->output = argument;
		return 0;
	case 'a':
		options->after_give = argument;
		return 0;
	case 'q':
		options->queue = true;
		return 0;
	case 'j':
		options->json = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case 'c':
		if (coprocessor_kind_parse(argument, &options->kind))
			argp_error(state, "'%s' is no coprocessor: it can be riscv32 or process",
				   argument);
		options->chosen = "as asked";
		return 0;
	case KEY_ON:
		parse_place(options, argument, state);
		return 0;
	case KEY_INPUT_NAME:
		options->input_name = argument;
		return 0;
	case KEY_OUTPUT_NAME:
		options->output_name = argument;
		return 0;
	case KEY_DEBUG:
		options->debug_kernel = true;
		return 0;
	case KEY_REMOTE:
		options->remote = argument;
		return 0;
	case KEY_HEAP:
		options->heap = argument;
		return 0;
	case KEY_CAMERA:
	case KEY_FRAMES:
	case KEY_SIZE:
		parse_camera(key, options, argument, state);
		return 0;
	case ARGP_KEY_END:
		check(options, state);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Picks what was not asked for, and says which. */
static int complete_options(struct demo_options *options, char *path, uint32_t size)
{
	if (options->place == DEMO_HERE && !options->chosen)
		options->kind = coprocessor_kind_default(&options->chosen);
	if (!options->output)
		options->output = "amphora-edges.png";
	if (!options->output_name)
		options->output_name = options->output;
	if (!options->frames)
		options->frames = DEMO_FRAMES;
	if (!options->width) {
		options->width = 640;
		options->height = 480;
	}
	if (options->camera)
		return 0;
	if (!options->input && tool_find("amphora.png", path, size)) {
		tool_error("the picture that ships with Amphora is not installed: give one with "
			   "--input");
		return -ENOENT;
	}
	if (!options->input)
		options->input = path;
	if (!options->input_name)
		options->input_name = options->input;
	return 0;
}

int command_demo(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.doc = "Reads a PNG, puts it into a shared buffer, has a coprocessor find its edges in "
		       "place, takes the buffer back, verifies every pixel and writes the result.\v"
		       "Exit status: 0 verified, 1 failed, 2 bad usage or an input that is no PNG of "
		       "at most 8192 x 8192 pixels."};
	struct demo_options options = {0};
	struct demo_machine *machine;
	char path[4096];

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, 0, NULL, &options);
	tool_log(options.verbose);
	if (complete_options(&options, path, sizeof(path)))
		return EXIT_USAGE;
	if (options.place == DEMO_VSOC)
		return demo_vsoc(&options);
	machine = options.place == DEMO_HERE ? demo_machine_here(&options)
					     : demo_machine_remoteproc(&options);
	return options.camera ? demo_camera(machine) : demo_picture(machine);
}
