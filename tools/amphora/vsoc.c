/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora vsoc: the virtual SoC. Boots Linux beside a coprocessor, on one DRAM, runs a program in it,
 * and gives its exit status. Nothing has a name in a file system, and nothing outlives this process.
 */
#include "tool.h"
#include "vsoc_bridge.h"
#include "vsoc_initrd.h"
#include "vsoc_linux.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/memfd.h>

/* The same numbers are in vsoc/vsoc.dtsi. */
#define DRAM_SIZE 0x20000000ull
#define DRAM_PA	  0x40000000ull
#define DRAM_DA	  0x80000000ull

#define FIRMWARE    "firmware/edge-riscv32-vsoc.elf"
#define COMMAND_MAX 65536
#define PATH_SIZE   4096
#define SIGNAL_BASE 128 /* exit status of a program that a signal ended, as a shell says it */

struct options {
	char **command; /* NULL-terminated */
	const char *firmware; /* NULL: the demo's */
	bool verbose;
};

struct vsoc {
	struct amph_dram dram;
	struct vsoc_bridge bridge;
	struct vsoc_linux machine;
	int signals;
};

static const struct argp_option option_list[] = {
	{"firmware", 'f', "ELF", 0, "what the coprocessor runs (default: the demo's)", 0},
	{"verbose", 'v', NULL, 0, "show the kernel's messages and the library's log", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
		options->firmware = argument;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case ARGP_KEY_ARG: /* and all that follows */
		options->command = state->argv + state->next - 1;
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which program?");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* The program and its arguments as vsoc/guest/init.c reads them: each with its NUL. */
static int add_command(struct vsoc_initrd *initrd, char **command)
{
	char text[COMMAND_MAX];
	size_t used = 0;

	for (; *command; command++) {
		size_t length = strlen(*command) + 1;

		if (length > sizeof(text) - used)
			return -E2BIG;
		memcpy(text + used, *command, length);
		used += length;
	}
	vsoc_initrd_add(initrd, "command", text, used, 0644);
	return 0;
}

static int find(const char *relative, char *path)
{
	if (!tool_find(relative, path, PATH_SIZE))
		return 0;
	tool_error("share/amphora/%s is not there: make vsoc builds it", relative);
	return -ENOENT;
}

static int make_initrd(struct vsoc_initrd *initrd, const struct options *options)
{
	char archive[PATH_SIZE], firmware[PATH_SIZE];
	int error = find("vsoc/initramfs.cpio", archive);

	if (!error && !options->firmware)
		error = find(FIRMWARE, firmware);
	if (error)
		return error;
	vsoc_initrd_open(initrd, archive);
	vsoc_initrd_add_file(initrd, "lib/firmware/vsoc.elf",
			     options->firmware ? options->firmware : firmware, 0644);
	error = add_command(initrd, options->command);
	if (error) {
		tool_error("the program's arguments have more than %d bytes", COMMAND_MAX);
		vsoc_initrd_close(initrd);
		return error;
	}
	error = vsoc_initrd_finish(initrd);
	if (error)
		tool_error("the first file system (%s and %s): %s", archive,
			   options->firmware ? options->firmware : firmware, strerror(-error));
	return error;
}

static int start_linux(struct vsoc *vsoc, int initrd, bool verbose)
{
	char kernel[PATH_SIZE], tree[PATH_SIZE];
	int error = find("vsoc/Image", kernel);

	if (!error)
		error = find("vsoc/vsoc.dtb", tree);
	if (error)
		return error;
	struct vsoc_linux_config config = {
		.kernel = kernel,
		.device_tree = tree,
		.initrd = initrd,
		.dram = vsoc->dram.fd,
		.control = vsoc->bridge.theirs,
		.dram_size = DRAM_SIZE,
		.vectors = VSOC_VECTORS,
		.verbose = verbose,
	};
	error = vsoc_linux_start(&vsoc->machine, &config);
	if (error)
		tool_error("QEMU can't be started: %s", strerror(-error));
	vsoc_bridge_handed_over(&vsoc->bridge);
	return error;
}

/* Signals that end this program are waited for from now on. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Until its program or all of Linux has ended, or a signal comes. Returns the signal, or 0. */
static int serve(struct vsoc *vsoc)
{
	struct pollfd polls[VSOC_BRIDGE_POLLS + 2];
	struct signalfd_siginfo taken;
	int status;

	for (;;) {
		vsoc_bridge_polls(&vsoc->bridge, polls);
		polls[VSOC_BRIDGE_POLLS] =
			(struct pollfd){.fd = vsoc->machine.handle, .events = POLLIN};
		polls[VSOC_BRIDGE_POLLS + 1] =
			(struct pollfd){.fd = vsoc->signals, .events = POLLIN};
		if (poll(polls, VSOC_BRIDGE_POLLS + 2, -1) < 0 && errno != EINTR)
			return SIGTERM;
		vsoc_bridge_serve(&vsoc->bridge);
		if (read(vsoc->signals, &taken, sizeof(taken)) == sizeof(taken))
			return (int)taken.ssi_signo;
		if (polls[VSOC_BRIDGE_POLLS].revents || vsoc_bridge_exit(&vsoc->bridge, &status))
			return 0;
	}
}

/* What this program's exit status is, when Linux is gone. */
static int result(const struct vsoc *vsoc, int stopped_by)
{
	int status;

	if (vsoc_bridge_exit(&vsoc->bridge, &status)) {
		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		tool_error("the program was ended by signal %d (%s)", WTERMSIG(status),
			   strsignal(WTERMSIG(status)));
		return SIGNAL_BASE + WTERMSIG(status);
	}
	if (stopped_by)
		return SIGNAL_BASE + stopped_by;
	tool_error("Linux ended before the program did; --verbose shows its messages");
	return EXIT_FAILED;
}

static int run(struct vsoc *vsoc, int initrd, bool verbose)
{
	int status = EXIT_FAILED;

	if (vsoc_bridge_open(&vsoc->bridge, &vsoc->dram, DRAM_DA)) {
		tool_error("%s", vsoc->bridge.error);
		return status;
	}
	int error = start_linux(vsoc, initrd, verbose);
	if (!error) {
		int number = serve(vsoc);

		vsoc_linux_stop(&vsoc->machine);
		status = result(vsoc, number);
	}
	error = vsoc_bridge_close(&vsoc->bridge);
	if (error) {
		tool_error("the coprocessor can't be stopped: %s", strerror(-error));
		status = EXIT_FAILED;
	}
	return status;
}

int command_vsoc(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.args_doc = "-- COMMAND [ARGUMENT...]",
		.doc = "Boots the virtual SoC: arm64 Linux and a riscv32 coprocessor on one DRAM. "
		       "Runs COMMAND in Linux, then powers all of it off.\v"
		       "Exit status: COMMAND's; 128 and the signal's number when a signal ended it "
		       "or this program; 1 failed; 2 bad usage, or the virtual SoC is not built."};
	static struct vsoc vsoc;
	struct options options = {0};
	struct vsoc_initrd initrd;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, ARGP_IN_ORDER, NULL, &options);
	tool_log(options.verbose);
	if (make_initrd(&initrd, &options))
		return EXIT_USAGE;
	vsoc.signals = take_signals();
	int error = vsoc.signals < 0
			    ? -errno
			    : amph_dram_create(&vsoc.dram, "vsoc-dram", DRAM_SIZE, DRAM_PA);
	int status = EXIT_FAILED;
	if (error)
		tool_error("the shared DRAM of %llu MiB can't be made: %s", DRAM_SIZE >> 20,
			   strerror(-error));
	else
		status = run(&vsoc, initrd.fd, options.verbose);
	amph_dram_close(&vsoc.dram);
	vsoc_initrd_close(&initrd);
	if (vsoc.signals >= 0)
		close(vsoc.signals);
	return status;
}
