/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * amphora vsoc: the virtual SoC. Boots Linux beside a coprocessor, on one DRAM, runs a program in it,
 * and gives its exit status. Nothing has a name in a file system, and nothing outlives this process.
 */
#include "tool.h"
#include "vsoc_bridge.h"
#include "vsoc_early.h"
#include "vsoc_initrd.h"
#include "vsoc_linux.h"
#include "vsoc_terminal.h"
#include "vsoc_tree.h"

#include <argp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <amphora/memfd.h>

/* Linux's, in QEMU's arm64 `virt`; which part of it the coprocessor sees is in the device tree. */
#define DRAM_SIZE   0x20000000ull
#define DRAM_PA	    0x40000000ull
#define WINDOW_STEP 0x200000ull /* of addresses and sizes of that part */
#define DA_END	    0x100000000ull /* of a coprocessor of 32 bits */

#define FIRMWARE    "firmware/edge-riscv32-vsoc.elf"
#define COMMAND_MAX 65536
#define PATH_SIZE   4096
#define LEFT	    (-1) /* what ends it is neither a signal nor Linux, but Ctrl-A X */
#define APPEND_MAX  4096 /* more than Linux takes, which is checked with what is there already */
#define SIGNAL_BASE 128 /* exit status of a program that a signal ended, as a shell says it */

struct options {
	char **command; /* NULL-terminated; NULL: a shell */
	const char *firmware; /* NULL: the demo's */
	const char *share; /* a folder, or NULL */
	const char *append; /* to the kernel's command line, or NULL */
	const char *device_tree; /* a file; NULL: the variant's */
	const char *variant; /* of the device tree */
	const char *iommu; /* "none", or as QEMU and vsoc/build call it */
	bool edu, early, debug_kernel, verbose;
};

struct vsoc {
	struct amph_dram dram; /* what of it the coprocessor sees, at `da` */
	uint64_t da;
	struct vsoc_bridge bridge;
	struct vsoc_linux machine;
	struct vsoc_terminal terminal;
	char kernel[PATH_SIZE], tree[PATH_SIZE];
	int signals;
};

enum { KEY_DEBUG = 0x100, KEY_APPEND, KEY_TREE, KEY_VARIANT, KEY_IOMMU, KEY_EDU, KEY_EARLY };

static const struct argp_option option_list[] = {
	{"firmware", 'f', "ELF", 0, "what the coprocessor runs (default: the demo's)", 0},
	{"share", 's', "FOLDER", 0, "let Linux see this folder, as /share", 0},
	{"append", KEY_APPEND, "TEXT", 0, "add this to the kernel's command line", 0},
	{"variant", KEY_VARIANT, "NAME", 0,
	 "another device tree, that vsoc/variants/NAME.dtsi describes", 0},
	{"device-tree", KEY_TREE, "DTB", 0, "a device tree of your own", 0},
	{"iommu", KEY_IOMMU, "KIND", 0, "an IOMMU for PCI devices: smmuv3 or virtio", 0},
	{"edu", KEY_EDU, NULL, 0, "a PCI device that does DMA: QEMU's edu", 0},
	{"early", KEY_EARLY, NULL, 0,
	 "start the coprocessor before Linux, as a boot loader does: Linux finds it detached", 0},
	{"debug-kernel", KEY_DEBUG, NULL, 0, "boot the kernel that finds bugs in drivers", 0},
	{"verbose", 'v', NULL, 0, "show the kernel's messages and the library's log", 0},
	{0}};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case 'f':
		options->firmware = argument;
		return 0;
	case 's':
		options->share = argument;
		return 0;
	case KEY_APPEND:
		options->append = argument;
		return 0;
	case KEY_VARIANT:
		if (strchr(argument, '/'))
			argp_error(state, "a variant is a name: %s", argument);
		options->variant = argument;
		return 0;
	case KEY_TREE:
		options->device_tree = argument;
		return 0;
	case KEY_IOMMU:
		if (strcmp(argument, "smmuv3") != 0 && strcmp(argument, "virtio") != 0)
			argp_error(state, "no such IOMMU: %s", argument);
		options->iommu = argument;
		return 0;
	case KEY_EDU:
		options->edu = true;
		return 0;
	case KEY_EARLY:
		options->early = true;
		return 0;
	case KEY_DEBUG:
		options->debug_kernel = true;
		return 0;
	case 'v':
		options->verbose = true;
		return 0;
	case ARGP_KEY_ARG: /* and all that follows */
		options->command = state->argv + state->next - 1;
		state->next = state->argc;
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

static int find(const struct options *options, const char *name, char *path)
{
	char relative[96];

	snprintf(relative, sizeof(relative), "vsoc%s/%s", options->debug_kernel ? "-debug" : "",
		 name);
	if (!tool_find(relative, path, PATH_SIZE))
		return 0;
	tool_error("share/amphora/%s is not there: make vsoc%s builds it", relative,
		   options->debug_kernel ? "-debug" : "");
	return -ENOENT;
}

static int find_tree(const struct options *options, char *path)
{
	char name[64];

	if (options->device_tree)
		return snprintf(path, PATH_SIZE, "%s", options->device_tree) < PATH_SIZE
			       ? 0
			       : -ENAMETOOLONG;
	if (snprintf(name, sizeof(name), "trees/%s/%s.dtb", options->iommu, options->variant) >=
	    (int)sizeof(name))
		return -ENAMETOOLONG;
	return find(options, name, path);
}

static int find_firmware(const struct options *options, char *path)
{
	if (options->firmware)
		return snprintf(path, PATH_SIZE, "%s", options->firmware) < PATH_SIZE
			       ? 0
			       : -ENAMETOOLONG;
	return tool_find(FIRMWARE, path, PATH_SIZE);
}

static int make_initrd(struct vsoc_initrd *initrd, const struct options *options)
{
	char archive[PATH_SIZE], firmware[PATH_SIZE];
	int error = find(options, "initramfs.cpio", archive);

	if (error)
		return error;
	error = find_firmware(options, firmware);
	if (error) {
		tool_error("%s: %s", options->firmware ? options->firmware : FIRMWARE,
			   strerror(-error));
		return error;
	}
	vsoc_initrd_open(initrd, archive);
	vsoc_initrd_add_file(initrd, "lib/firmware/vsoc.elf", firmware, 0644);
	error = options->command ? add_command(initrd, options->command) : 0;
	if (error) {
		tool_error("the program's arguments have more than %d bytes", COMMAND_MAX);
		vsoc_initrd_close(initrd);
		return error;
	}
	error = vsoc_initrd_finish(initrd);
	if (error)
		tool_error("the first file system (%s and %s): %s", archive, firmware,
			   strerror(-error));
	return error;
}

/* TERM for Linux's programs: Linux gives its first program what it does not know itself. */
static void name_terminal(const struct vsoc *vsoc, const struct options *options, char *text,
			  size_t size)
{
	const char *name = getenv("TERM");

	if (!vsoc->terminal.raw || !name || !*name ||
	    name[strspn(name,
			"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._")])
		name = "dumb";
	snprintf(text, size, "TERM=%.64s %s", name, options->append ? options->append : "");
}

/* Makes the part of the DRAM that the device tree lets the coprocessor see. */
static int open_dram(struct vsoc *vsoc)
{
	const char *tree = vsoc->tree;
	uint64_t pa, length;
	int error = vsoc_tree_window(tree, &pa, &vsoc->da, &length);

	if (error) {
		tool_error("%s: no dma-ranges of /coprocessor-bus: %s", tree, strerror(-error));
		return error;
	}
	if (pa < DRAM_PA || pa - DRAM_PA > DRAM_SIZE || length > DRAM_SIZE - (pa - DRAM_PA) ||
	    !length || (pa | vsoc->da | length) % WINDOW_STEP || vsoc->da < VSOC_BRIDGE_RAM ||
	    vsoc->da > DA_END - length) {
		tool_error("%s: dma-ranges of /coprocessor-bus are no part of the DRAM, or nothing "
			   "that QEMU's riscv32 can see",
			   tree);
		return -ERANGE;
	}
	error = amph_dram_create(&vsoc->dram, "vsoc-dram", length, pa);
	if (error)
		tool_error("the shared DRAM of %llu MiB can't be made: %s",
			   (unsigned long long)length >> 20, strerror(-error));
	return error;
}

static int start_linux(struct vsoc *vsoc, int initrd, const struct options *options)
{
	char append[APPEND_MAX];

	name_terminal(vsoc, options, append, sizeof(append));
	struct vsoc_linux_config config = {
		.kernel = vsoc->kernel,
		.device_tree = vsoc->tree,
		.initrd = initrd,
		.dram = vsoc->dram.fd,
		.control = vsoc->bridge.theirs,
		.console = vsoc->terminal.theirs,
		.dram_size = DRAM_SIZE,
		.shared_offset = vsoc->dram.io.pa - DRAM_PA,
		.shared_size = vsoc->dram.io.size,
		.vectors = VSOC_VECTORS,
		.share = options->share,
		.append = append,
		.iommu = options->iommu,
		.edu = options->edu,
		.verbose = options->verbose,
	};
	int error = vsoc_linux_start(&vsoc->machine, &config);
	if (error)
		tool_error("QEMU can't be started: %s", strerror(-error));
	vsoc_bridge_handed_over(&vsoc->bridge);
	vsoc_terminal_handed_over(&vsoc->terminal);
	return error;
}

static int start_early(struct vsoc *vsoc, const struct options *options)
{
	char firmware[PATH_SIZE];
	int error = find_firmware(options, firmware);

	return error ? error : vsoc_early_start(&vsoc->bridge, firmware);
}

/* Signals that end this program, or tell of a new window, are waited for from now on. */
static int take_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Returns a signal that ends this program, or 0. */
static int take_signal(struct vsoc *vsoc)
{
	struct signalfd_siginfo taken;

	if (read(vsoc->signals, &taken, sizeof(taken)) != sizeof(taken))
		return 0;
	if (taken.ssi_signo != SIGWINCH)
		return (int)taken.ssi_signo;
	vsoc_bridge_set_window(&vsoc->bridge, vsoc_terminal_window(&vsoc->terminal));
	return 0;
}

/* Until its program or all of Linux has ended, the user leaves, or a signal comes. */
static int serve(struct vsoc *vsoc)
{
	struct pollfd polls[VSOC_BRIDGE_POLLS + VSOC_TERMINAL_POLLS + 2];
	struct pollfd *terminal = polls + VSOC_BRIDGE_POLLS,
		      *machine = terminal + VSOC_TERMINAL_POLLS;
	int status;

	for (;;) {
		vsoc_bridge_polls(&vsoc->bridge, polls);
		vsoc_terminal_polls(&vsoc->terminal, vsoc_bridge_listens(&vsoc->bridge), terminal);
		machine[0] = (struct pollfd){.fd = vsoc->machine.handle, .events = POLLIN};
		machine[1] = (struct pollfd){.fd = vsoc->signals, .events = POLLIN};
		if (poll(polls, sizeof(polls) / sizeof(polls[0]), -1) < 0 && errno != EINTR)
			return SIGTERM;
		vsoc_bridge_serve(&vsoc->bridge);
		if (vsoc_terminal_serve(&vsoc->terminal, terminal))
			return LEFT;
		int number = take_signal(vsoc);
		if (number)
			return number;
		if (machine[0].revents || vsoc_bridge_exit(&vsoc->bridge, &status))
			return 0;
	}
}

/* What this program's exit status is, when Linux is gone. */
static int result(const struct vsoc *vsoc, int stopped_by)
{
	int status;

	if (stopped_by == LEFT)
		return EXIT_FINE;
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

static int run_linux(struct vsoc *vsoc, int initrd, const struct options *options)
{
	int status = EXIT_FAILED;
	int error = vsoc_terminal_open(&vsoc->terminal);

	if (error) {
		tool_error("the console: %s", strerror(-error));
		return status;
	}
	if (vsoc->terminal.raw && !options->command)
		fputs("Linux, beside a coprocessor. exit or Ctrl-A X switch both off.\r\n", stderr);
	vsoc_bridge_set_window(&vsoc->bridge, vsoc_terminal_window(&vsoc->terminal));
	error = options->early ? start_early(vsoc, options) : 0;
	if (!error)
		error = start_linux(vsoc, initrd, options);
	int number = error ? 0 : serve(vsoc);
	if (!error)
		vsoc_linux_stop(&vsoc->machine);
	vsoc_terminal_close(&vsoc->terminal, number ? -1 : vsoc->signals);
	return error ? status : result(vsoc, number);
}

static int run(struct vsoc *vsoc, int initrd, const struct options *options)
{
	if (vsoc_bridge_open(&vsoc->bridge, &vsoc->dram, vsoc->da)) {
		tool_error("%s", vsoc->bridge.error);
		return EXIT_FAILED;
	}
	int status = run_linux(vsoc, initrd, options);
	int error = vsoc_bridge_close(&vsoc->bridge);
	if (!error)
		return status;
	tool_error("the coprocessor can't be stopped: %s", strerror(-error));
	return EXIT_FAILED;
}

int command_vsoc(int count, char **arguments)
{
	static const struct argp argp = {
		.options = option_list,
		.parser = parse,
		.args_doc = "[-- COMMAND [ARGUMENT...]]",
		.doc = "Boots the virtual SoC: arm64 Linux and a riscv32 coprocessor on one DRAM. "
		       "Runs COMMAND in Linux, or a shell, then powers all of it off. In a terminal "
		       "every key goes to Linux, but Ctrl-A X: that pulls the plug.\v"
		       "Exit status: the program's; 128 and the signal's number when a signal ended it "
		       "or this program; 0 after Ctrl-A X; 1 failed; 2 bad usage, or the virtual SoC is not built."};
	static struct vsoc vsoc;
	struct options options = {.iommu = "none", .variant = "vsoc"};
	struct vsoc_initrd initrd;
	struct stat folder;

	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, count, arguments, ARGP_IN_ORDER, NULL, &options);
	tool_log(options.verbose);
	if (options.share && stat(options.share, &folder)) {
		tool_error("%s: %s", options.share, strerror(errno));
		return EXIT_USAGE;
	}
	if (options.share && !S_ISDIR(folder.st_mode)) {
		tool_error("%s: %s", options.share, strerror(ENOTDIR));
		return EXIT_USAGE;
	}
	if (find(&options, "Image", vsoc.kernel) || find_tree(&options, vsoc.tree) ||
	    make_initrd(&initrd, &options))
		return EXIT_USAGE;
	vsoc.signals = take_signals();
	int error = vsoc.signals < 0 ? -errno : open_dram(&vsoc);
	int status = EXIT_FAILED;
	if (!error)
		status = run(&vsoc, initrd.fd, &options);
	amph_dram_close(&vsoc.dram);
	vsoc_initrd_close(&initrd);
	if (vsoc.signals >= 0)
		close(vsoc.signals);
	return status;
}
